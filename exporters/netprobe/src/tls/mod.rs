//! A TLS handshake that is watched: what the server shows is written down whether or not it would be trusted, and
//! also when the server refuses us afterwards.
//!
//! There is no resumption: a resumed session shows no certificate. A [`Client`] is made once for its settings; a
//! handshake copies a few pointers of it.

mod client;
mod names;
mod outcome;
mod recorder;
mod stream;

use std::time::Duration;

use rustls::ClientConnection;
use rustls::pki_types::{DnsName, IpAddr, Ipv4Addr, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

pub use client::{Client, ClientError, ClientSettings, Identity, Versions};
pub(crate) use names::older_ciphers;
pub use names::{Cipher, Group, Version, alert_name};
pub(crate) use outcome::is_about_us;
pub use recorder::Proof;
pub use stream::TlsStream;

use crate::failure::{Failure, Reason};
use crate::phase::{Phase, Timings};
use recorder::Recorder;

/// A refusal in TLS 1.3 comes one round trip after the handshake, which itself took one at least.
const REFUSAL_AFTER: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(1));

/// How TLS is spoken with one server.
#[derive(Clone, Debug)]
pub struct TlsOptions {
    /// Our part of it.
    pub client: Client,
    /// The name that the server is told (SNI). An address is never sent, as the standard has it.
    pub server_name: Option<String>,
    /// Whether to wait a moment for a TLS 1.3 server that asked for a client certificate to refuse ours, which it
    /// does after the handshake. Without it the refusal shows in the first read.
    pub learn_refusal: bool,
}

/// What the server showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its certificates as they were served, each in DER.
    pub chain: Vec<Vec<u8>>,
    /// The stapled OCSP response.
    pub staple: Option<Vec<u8>>,
    /// The version.
    pub version: Option<Version>,
    /// The cipher suite.
    pub cipher: Option<Cipher>,
    /// The group in which the keys were exchanged.
    pub group: Option<Group>,
    /// The signature scheme by which the server proved to hold its key, by its number.
    pub signature_scheme: Option<u16>,
    /// Whether it did.
    pub proof: Proof,
    /// The protocol on top (ALPN).
    pub alpn: Option<Vec<u8>>,
    /// Whether a client certificate was asked for.
    pub requested_client_certificate: bool,
}

/// How a handshake went.
#[derive(Debug)]
pub struct Handshake<S> {
    /// What the server showed, also when it failed later.
    pub seen: Seen,
    /// The connection, unless it failed.
    pub stream: Option<TlsStream<S>>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What it took.
    pub timings: Timings,
}

/// Shakes hands before `deadline`.
pub async fn handshake<S>(stream: S, options: &TlsOptions, deadline: Instant) -> Handshake<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let recorder = options.client.recorder();
    let mut timings = Timings::NONE;
    let session = session(options, &recorder);
    let mut stream = match session {
        Ok(session) => TlsStream::new(stream, session),
        Err(error) => {
            let failure = Failure::new(Phase::Tls, Reason::Other).because(error);
            return Handshake { seen: Seen::default(), stream: None, failure: Some(failure), timings };
        }
    };
    let start = Instant::now();
    let shaken = timeout_at(deadline, stream.shake_hands()).await;
    let took = start.elapsed();
    timings.add(Phase::Tls, took);
    let mut refusal = match shaken {
        Ok(shaken) => shaken.err(),
        Err(_) => Some(std::io::ErrorKind::TimedOut.into()),
    };
    let asked = recorder.requested_client_certificate();
    if refusal.is_none() && options.learn_refusal && asked && stream.is_tls13() {
        let (least, most) = REFUSAL_AFTER;
        let until = deadline.min(Instant::now() + (took * 2).clamp(least, most));
        refusal = timeout_at(until, stream.first_answer()).await.ok().and_then(Result::err);
    }
    let mut seen = recorder.seen();
    stream.describe(&mut seen);
    let failure = refusal.map(|error| outcome::failure(error, &seen, options.client.identity().is_some()));
    Handshake { stream: failure.is_none().then_some(stream), seen, failure, timings }
}

fn session(
    options: &TlsOptions,
    recorder: &std::sync::Arc<Recorder>,
) -> Result<ClientConnection, rustls::Error> {
    let name = options.server_name.as_deref().and_then(sni);
    let config = options.client.config_with(recorder, name.is_some());
    // an address is never sent: it stands for "no name" where rustls wants one
    let none = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([0; 4])));
    ClientConnection::new(config, name.map_or(none, ServerName::DnsName))
}

/// The name to send: one that is a name and no address, without the dot at its end.
pub(crate) fn sni(name: &str) -> Option<DnsName<'static>> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let name = DnsName::try_from(name.to_ascii_lowercase()).ok()?;
    name.as_ref().parse::<std::net::IpAddr>().is_err().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_no_name() {
        for (name, expected) in [
            ("DB.example.com", Some("db.example.com")),
            ("db.example.com.", Some("db.example.com")),
            ("my_db", Some("my_db")),
            ("192.0.2.1", None),
            ("::1", None),
            ("", None),
            ("a b", None),
        ] {
            assert_eq!(sni(name).as_ref().map(AsRef::as_ref), expected, "{name}");
        }
    }
}
