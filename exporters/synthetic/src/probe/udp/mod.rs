//! Prober `udp`: sends one datagram and waits for the one that answers it. Without an answer there is no telling whether
//! anybody is there, so that silence is a failure.

mod config;
mod facts;

use netprobe::phase::Phase;

use super::datagram::{connected, same_protocol};
use super::open::{self, broken};
use super::resolve::{self, Place};
use super::{Engine, Facts, Job};
use crate::outcome::{Failed, Outcome};
use crate::reason::Reason;

pub use config::Udp;
pub use facts::UdpFacts;

/// Bytes of the largest datagram.
const LARGEST: usize = 1 << 16;

/// Probes by the job's deadline.
pub(crate) async fn probe(engine: &Engine, settings: &Udp, job: &Job<'_>) -> Outcome {
    let mut outcome = Outcome::new(Facts::None);
    let mut facts = UdpFacts::default();
    if let Err(failed) = exchange(engine, settings, job, &mut outcome, &mut facts).await {
        outcome.fail(failed);
    }
    outcome.facts = Facts::Udp(facts);
    outcome
}

async fn exchange(
    engine: &Engine,
    settings: &Udp,
    job: &Job<'_>,
    outcome: &mut Outcome,
    facts: &mut UdpFacts,
) -> Result<(), Failed> {
    let (host, port) = open::authority(job.target, &["udp"], 0)?;
    if port == 0 {
        let message = "the target names no port (hint: HOST:PORT)";
        return Err(Failed::new("target", Reason::TargetInvalid, message));
    }
    let place = Place { host, port, preference: settings.preference };
    let address = resolve::choose(engine, job, place, outcome).await?;
    same_protocol(settings.source, address.ip())?;
    let socket = open::part(Phase::Connect, job, outcome, connected(settings.source, address)).await?;
    let socket = socket.map_err(|error| broken(Phase::Connect, error))?;
    let sent = open::part(Phase::Send, job, outcome, socket.send(&settings.send)).await?;
    sent.map_err(|error| broken(Phase::Send, error))?;
    let mut answer = vec![0; LARGEST];
    let received = open::part(Phase::FirstByte, job, outcome, socket.recv(&mut answer)).await?;
    let length = received.map_err(|error| broken(Phase::FirstByte, error))?;
    answer.truncate(length);
    facts.reply_bytes = Some(length);
    outcome.transcript.line("debug", format!("the answer has {length} bytes"));
    match settings.expect.iter().find(|expect| !expect.is_met_by(&answer)) {
        None => Ok(()),
        Some(expect) => Err(Failed::new("check", Reason::Expect, expect.unmet())),
    }
}
