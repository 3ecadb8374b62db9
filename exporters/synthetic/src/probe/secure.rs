//! TLS of all probers: the handshake is watched, the chain is judged, and both are reported whatever comes of them.

use std::borrow::Cow;
use std::sync::Arc;

use netprobe::cert::Certificate;
use netprobe::cert::lifetime::lifetime;
use netprobe::chain::{Reason as Distrust, Served, Verdict};
use netprobe::judge::Case;
use netprobe::phase::Phase;
use netprobe::tls::{self, Cipher, Seen, TlsOptions, TlsStream, Version};
use netprobe::trust::ClientSources;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::{Engine, Job};
use crate::config::TlsSettings;
use crate::outcome::{Failed, Outcome};
use crate::reason::Reason;

/// What a server showed in TLS.
#[derive(Clone, Debug, Default)]
pub struct TlsFacts {
    /// The version that was agreed on.
    pub version: Option<Version>,
    /// Go's name of the cipher suite.
    pub cipher: Option<Cow<'static, str>>,
    /// The protocol on top (ALPN).
    pub alpn: Option<Vec<u8>>,
    /// Whether a client certificate was asked for.
    pub asked_for_ours: bool,
    /// What its certificates say, and are worth.
    pub chain: Arc<ChainFacts>,
}

/// What a chain says, and is worth. Kept while it stays good, so that it is small.
#[derive(Clone, Debug, Default)]
pub struct ChainFacts {
    /// When the first of the served certificates ends, in Unix time.
    pub earliest_not_after: Option<i64>,
    /// When the verified chain that lives longest ends, in Unix time.
    pub last_chain_not_after: Option<i64>,
    /// The server's own certificate.
    pub leaf: Option<Leaf>,
    /// Whether a program in Go would take the chain for the name that was asked for.
    pub trusted: bool,
    /// What is wrong with it, the most basic first.
    pub fault: Option<Distrust>,
}

/// A server's own certificate, in the words of blackbox_exporter's labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaf {
    /// The SHA-256 of all of it, in hexadecimal.
    pub fingerprint: String,
    /// Whom it is for.
    pub subject: String,
    /// Who made it.
    pub issuer: String,
    /// The host names that it is for.
    pub names: String,
    /// Its serial number in hexadecimal, whole bytes.
    pub serial: String,
    /// The first second in which it is valid, in Unix time.
    pub not_before: i64,
    /// The last one.
    pub not_after: i64,
}

/// How TLS is spoken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// The module's settings.
    pub(crate) settings: &'a TlsSettings,
    /// The host: what is asked for and must be in the certificate, unless the settings name another. A port at its end
    /// does not count.
    pub(crate) host: &'a str,
    /// The port, for the rules which say where our certificate may be shown.
    pub(crate) port: u16,
    /// Protocols on top, the preferred first (ALPN).
    pub(crate) alpn: &'static [&'static [u8]],
    /// Whether to wait a moment for a refusal of our certificate, which TLS 1.3 sends after the handshake: for probers
    /// that read nothing afterwards.
    pub(crate) learn_refusal: bool,
}

/// Shakes hands and judges, by the job's deadline. Writes the time and what was shown into the outcome, also when it
/// fails; what is not trusted fails, unless the settings say otherwise.
///
/// Our certificate is shown only where the module's credentials may go.
pub(crate) async fn handshake<S>(
    engine: &Engine,
    job: &Job<'_>,
    stream: S,
    wanted: Wanted<'_>,
    outcome: &mut Outcome,
) -> Result<TlsStream<S>, Failed>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let start = Instant::now();
    let settings = wanted.settings;
    let host = without_port(wanted.host);
    let name = settings.server_name.as_deref().unwrap_or(host);
    outcome.transcript.line("debug", format!("TLS begins, server_name: {name}"));
    let identity = settings.identity.as_ref().filter(|_| job.may_hold_credentials(host, wanted.port));
    let sources = ClientSources {
        identity: identity.cloned(),
        alpn: wanted.alpn.iter().map(|name| name.to_vec()).collect(),
        versions: settings.versions,
    };
    let made = engine.trust.client(&sources);
    let made = made.and_then(|client| Ok((client, engine.trust.roots(settings.ca.as_ref())?)));
    let (client, roots) = made.map_err(|error| Failed::new("tls", Reason::Internal, error.to_string()))?;
    let options =
        TlsOptions { client, server_name: Some(name.to_owned()), learn_refusal: wanted.learn_refusal };
    let done = tls::handshake(stream, &options, job.deadline).await;
    outcome.timings.join(&done.timings);
    let Seen { chain, staple, version, cipher, alpn, .. } = &done.seen;
    let case = Case { chain, staple: staple.as_deref(), name, roots: &roots, now: engine.now() };
    let chain = if chain.is_empty() { Arc::default() } else { engine.judge.judge(case, describe) };
    // reading whom to trust, and judging, is our own time
    outcome.timings.add(Phase::Check, start.elapsed().saturating_sub(done.timings.total()));
    if version.is_some() || chain.leaf.is_some() {
        let asked_for_ours = done.seen.requested_client_certificate;
        let (version, cipher, alpn) = (*version, cipher.map(Cipher::name), alpn.clone());
        outcome.tls =
            Some(Arc::new(TlsFacts { version, cipher, alpn, asked_for_ours, chain: Arc::clone(&chain) }));
    }
    if let Some(failure) = &done.failure {
        return Err(Failed::of(failure));
    }
    if !chain.trusted && !settings.skip_verify {
        let fault = chain.fault.unwrap_or(Distrust::Other);
        let message = format!("the certificates are not trusted for {name}: {fault}");
        return Err(Failed::new("tls", Reason::of_distrust(fault), message));
    }
    done.stream.ok_or_else(|| Failed::new("tls", Reason::Internal, "the handshake left no connection"))
}

fn describe(served: &Served, verdict: &Verdict) -> ChainFacts {
    ChainFacts {
        earliest_not_after: served.certificates().map(|(_, certificate)| certificate.not_after).min(),
        last_chain_not_after: verdict.valid_until(),
        leaf: served.leaf().map(|leaf| Leaf::of(leaf)),
        trusted: verdict.success_in_go(),
        fault: verdict.reason(),
    }
}

impl Leaf {
    fn of(certificate: &Certificate) -> Self {
        Self {
            fingerprint: certificate.fingerprint_text(),
            subject: certificate.subject.text.clone(),
            issuer: certificate.issuer.text.clone(),
            names: certificate.dns_names.join(","),
            serial: certificate.serial_hex(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
        }
    }

    /// Seconds from the first to the last; never negative.
    pub fn lifetime(&self) -> i64 {
        lifetime(self.not_before, self.not_after)
    }
}

/// `host:port` as a Host header has it, without the port; brackets go too.
fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(address, _)| address);
    }
    match host.split_once(':') {
        Some((name, port)) if !port.contains(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_part_of_a_name() {
        for (host, expected) in [
            ("a.example", "a.example"),
            ("a.example:8443", "a.example"),
            ("[::1]:8443", "::1"),
            ("[::1]", "::1"),
            ("::1", "::1"),
            ("127.0.0.1:1", "127.0.0.1"),
        ] {
            assert_eq!(without_port(host), expected, "{host}");
        }
    }
}
