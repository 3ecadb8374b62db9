//! Prober `grpc`: the health of a service, as `grpc.health.v1` has it.
//!
//! What blackbox_exporter gets wrong there and this does not: it waits for longer than the probe may take, connects to
//! another address than the one that it reports, and tells nothing of TLS when the call fails.

mod call;
mod config;
mod facts;
mod message;
mod status;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::open::{authority, bracketed};
use super::resolve::{self, Place};
use super::secure::{self, Wanted};
use super::{Engine, Facts, Job};
use crate::outcome::{Failed, Outcome};
use crate::reason::Reason;
use call::{Call, Called};
use status::Code;

pub use config::Grpc;
pub use facts::GrpcFacts;

/// HTTP/2 is all that gRPC speaks.
const ALPN: &[&[u8]] = &[b"h2"];

/// Asks `host`, `host:port` or a URL of these for its health.
pub(crate) async fn probe(engine: &Engine, settings: &Grpc, job: &Job<'_>) -> Outcome {
    let mut outcome = Outcome::new(Facts::None);
    let mut facts = GrpcFacts::default();
    if let Err(failed) = check(engine, settings, job, &mut facts, &mut outcome).await {
        outcome.fail(failed);
    }
    outcome.facts = Facts::Grpc(facts);
    outcome
}

async fn check(
    engine: &Engine,
    settings: &Grpc,
    job: &Job<'_>,
    facts: &mut GrpcFacts,
    outcome: &mut Outcome,
) -> Result<(), Failed> {
    let usual_port = if settings.tls { 443 } else { 80 };
    let (host, port) = authority(job.target, &["http", "https"], usual_port)?;
    if settings.has_credentials() {
        job.permit_credentials(host, port)?;
    }
    let place = Place { host, port, preference: settings.preference };
    let address = resolve::choose(engine, job, place, outcome).await?;
    let start = Instant::now();
    let called = async {
        let stream = resolve::connect(address, None, job, outcome).await.map_err(unreachable)?;
        if !settings.tls {
            return Ok(call(settings, job, &in_authority(host, port), "http", stream, outcome).await);
        }
        let tls = &settings.tls_settings;
        // costs nothing: a server of HTTP/2 speaks first
        let wanted = Wanted { settings: tls, host, port, alpn: ALPN, learn_refusal: true };
        let stream = secure::handshake(engine, job, stream, wanted, outcome).await.map_err(unreachable)?;
        if stream.alpn() != ALPN.first().copied() {
            let message = "the server does not offer HTTP/2 in TLS (ALPN)";
            return Err(unreachable(Failed::new("tls", Reason::Protocol, message)));
        }
        facts.ssl = true;
        let name = tls.server_name.as_deref().map_or_else(|| bracketed(host), str::to_owned);
        Ok(call(settings, job, &name, "https", stream, outcome).await)
    };
    let called: Result<Called, Called> = called.await;
    let (Ok(called) | Err(called)) = called;
    facts.check = Some(start.elapsed());
    facts.code = called.code;
    facts.serving = called.serving;
    called.failed.map_or(Ok(()), Err)
}

/// The status of a call that did not come to be.
fn unreachable(failed: Failed) -> Called {
    let late = matches!(failed.reason, Reason::Timeout | Reason::ConnectTimeout);
    Called::failed(if late { Code::DEADLINE_EXCEEDED } else { Code::UNAVAILABLE }, failed)
}

async fn call<S>(
    settings: &Grpc,
    job: &Job<'_>,
    authority: &str,
    scheme: &'static str,
    stream: S,
    outcome: &mut Outcome,
) -> Called
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (service, metadata) = (settings.service.as_str(), &settings.metadata);
    let asked = Call { scheme, authority, service, metadata, deadline: job.deadline };
    let called = call::call(stream, asked, &mut outcome.timings).await;
    outcome.transcript.line("debug", format!("status {} ({})", called.code.0, called.code.name()));
    called
}

/// Host and port as a URL has them.
fn in_authority(host: &str, port: u16) -> String {
    format!("{}:{port}", bracketed(host))
}
