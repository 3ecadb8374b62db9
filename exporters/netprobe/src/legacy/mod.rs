//! Servers that a modern TLS library cannot shake hands with, and which versions a server accepts.
//!
//! Up to TLS 1.2 a server's certificates travel in plain text, so that no handshake is needed to read them: we greet
//! by hand, offering whatever there has ever been, read the server's first flight, and hang up.

mod flight;
mod hello;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use crate::failure::{Failure, Reason};
use crate::phase::Phase;
use crate::tls::{Seen, Version, alert_name};
use flight::{Flight, Progress};
use hello::hello;

/// What a server showed to a greeting of ours.
#[derive(Debug)]
pub struct Recognised {
    /// As far as it came. Nothing is proved: the server did not have to use its key.
    pub seen: Seen,
    /// Why it came no further.
    pub failure: Option<Failure>,
}

/// Reads what a server of TLS 1.2 or older serves, whatever ciphers it has.
pub async fn recognise<S>(stream: &mut S, server_name: Option<&str>, deadline: Instant) -> Recognised
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut flight = Flight::default();
    let asked = timeout_at(deadline, ask(stream, Version::Tls12, server_name, &mut flight)).await;
    let failure = asked.unwrap_or_else(|_| Err(failure(Reason::Timeout))).err();
    Recognised { seen: flight.seen, failure }
}

/// Whether the server speaks this very version, by its answer to a greeting that offers no other.
pub async fn accepts<S>(
    stream: &mut S,
    version: Version,
    server_name: Option<&str>,
    deadline: Instant,
) -> Result<bool, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut flight = Flight::of_hello();
    let asked = timeout_at(deadline, ask(stream, version, server_name, &mut flight)).await;
    match asked.unwrap_or_else(|_| Err(failure(Reason::Timeout))) {
        Ok(()) => Ok(flight.seen.version == Some(version)),
        // a server says no by an alert, or by hanging up
        Err(failure)
            if failure.alert.is_some() || matches!(failure.reason, Reason::Closed | Reason::Reset) =>
        {
            Ok(false)
        }
        Err(failure) => Err(failure),
    }
}

async fn ask<S>(
    stream: &mut S,
    version: Version,
    server_name: Option<&str>,
    flight: &mut Flight,
) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let io = |error| Failure::io(Phase::Tls, error);
    stream.write_all(&hello(version, server_name)?).await.map_err(io)?;
    stream.flush().await.map_err(io)?;
    let mut chunk = [0; 4096];
    loop {
        let read = stream.read(&mut chunk).await.map_err(io)?;
        if read == 0 {
            return Err(failure(Reason::Closed));
        }
        match flight.take(chunk.get(..read).unwrap_or_default()) {
            Progress::More => {}
            Progress::Done => return Ok(()),
            Progress::Alert(alert) => {
                let refused = failure(Reason::TlsAlert).because(alert_name(alert));
                return Err(Failure { alert: Some(alert), ..refused });
            }
            Progress::NotTls => return Err(failure(Reason::Protocol)),
            Progress::TooLong => return Err(failure(Reason::TooLong)),
        }
    }
}

fn failure(reason: Reason) -> Failure {
    Failure::new(Phase::Tls, reason)
}
