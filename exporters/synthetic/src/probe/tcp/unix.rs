//! Prober `unix`: the same script on a socket of this machine's file system.

use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use netprobe::failure::Failure;
use netprobe::phase::Phase;
use tokio::net::UnixStream;

use super::{TcpFacts, Unix, run, talk};
use crate::outcome::{Failed, Outcome};
use crate::probe::{Engine, Facts, Job};
use crate::reason::Reason;

/// Whose certificate is asked for where the settings name no server: a socket is of this machine.
const HERE: &str = "localhost";

/// Probes a socket by its path, or by its name in the abstract namespace: `@name`.
pub(crate) async fn probe(engine: &Engine, settings: &Unix, job: &Job<'_>) -> Outcome {
    let mut outcome = Outcome::new(Facts::None);
    let mut facts = TcpFacts::default();
    if let Err(failed) = connect(engine, settings, job, &mut facts, &mut outcome).await {
        outcome.fail(failed);
    }
    outcome.facts = Facts::Tcp(facts);
    outcome
}

async fn connect(
    engine: &Engine,
    settings: &Unix,
    job: &Job<'_>,
    facts: &mut TcpFacts,
    outcome: &mut Outcome,
) -> Result<(), Failed> {
    let path = permitted(settings, job).await?;
    let connecting =
        async { UnixStream::connect(&path).await.map_err(|error| Failure::io(Phase::Connect, error)) };
    let connected = outcome.timings.measure(Phase::Connect, job.deadline, connecting).await;
    let stream = connected.map_err(|failure| Failed::of(&failure))?;
    let tls = &settings.tls_settings;
    let place = talk::Place { engine, job, steps: &settings.steps, tls, host: HERE, port: 0 };
    run(place, settings.tls, stream, facts, outcome).await
}

/// The socket to connect to. Where the module names folders it is looked at through all links, so that none leads out.
async fn permitted(settings: &Unix, job: &Job<'_>) -> Result<OsString, Failed> {
    if job.target.is_empty() || job.target.contains('\0') {
        return Err(Failed::new("target", Reason::TargetInvalid, "the target is no path"));
    }
    let abstract_name = job.target.strip_prefix('@');
    if settings.roots.is_empty() {
        // whoever may not reach this machine's ports may not reach its sockets
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        if !job.module.guard.allows("localhost", here) {
            return Err(denied(job.target));
        }
        let name = abstract_name.map(|name| OsStr::from_bytes(&[b"\0", name.as_bytes()].concat()).to_owned());
        return Ok(name.unwrap_or_else(|| job.target.into()));
    }
    if abstract_name.is_some() {
        return Err(denied(job.target));
    }
    let path = resolved(Path::new(job.target)).await?;
    for root in &settings.roots {
        // a folder that is not there holds nothing
        if tokio::fs::canonicalize(root).await.is_ok_and(|root| path.starts_with(root)) {
            return Ok(path.into());
        }
    }
    Err(denied(job.target))
}

async fn resolved(path: &Path) -> Result<PathBuf, Failed> {
    tokio::fs::canonicalize(path).await.map_err(|error| {
        Failed::new("connect", Reason::Internal, format!("the socket cannot be found: {error}"))
    })
}

fn denied(target: &str) -> Failed {
    let message = format!(
        "{target} is not in a folder of this module (hint: in the module, unix: {{roots: [FOLDER]}})"
    );
    Failed::new("target", Reason::TargetDenied, message)
}
