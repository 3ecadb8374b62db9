//! Prober `icmp`: pings a host, once or several times.

mod config;
mod facts;
mod packet;
mod pings;
mod socket;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use netprobe::failure::Failure;
use netprobe::phase::Phase;
use tokio::time::{Instant, timeout_at};

use super::datagram::same_protocol;
use super::resolve::{self, Place};
use super::{Engine, Facts, Job};
use crate::outcome::{Failed, Outcome};
use crate::reason::Reason;

pub use config::Icmp;
pub use facts::IcmpFacts;
use packet::Why;
pub(crate) use pings::Pings;
use pings::{Fate, Flight};
use socket::NoSocket;

/// How long the answers of several packets are waited for after the last was sent, when one came: twice the longest time
/// of an answer, as ping does, but not less than this.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// Probes by the job's deadline.
pub(crate) async fn probe(engine: &Engine, settings: &Icmp, job: &Job<'_>) -> Outcome {
    let mut outcome = Outcome::new(Facts::None);
    let mut facts = IcmpFacts::default();
    if let Err(failed) = ping(engine, settings, job, &mut outcome, &mut facts).await {
        outcome.fail(failed);
    }
    outcome.facts = Facts::Icmp(facts);
    outcome
}

async fn ping(
    engine: &Engine,
    settings: &Icmp,
    job: &Job<'_>,
    outcome: &mut Outcome,
    facts: &mut IcmpFacts,
) -> Result<(), Failed> {
    let place = Place { host: job.target, port: 0, preference: settings.preference };
    let address = resolve::choose(engine, job, place, outcome).await?;
    let start = Instant::now();
    let opened = open(engine, settings, address);
    facts.setup = start.elapsed();
    outcome.timings.add(Phase::Send, facts.setup);
    let mut flight = opened?;
    facts.mode = Some(flight.mode());
    let start = Instant::now();
    let mut course = Course { settings, deadline: job.deadline, start, facts, refused: None };
    let ended = course.run(&mut flight).await;
    let refused = course.refused;
    outcome.timings.add(Phase::FirstByte, start.elapsed());
    let (sent, received) = (facts.sent, facts.times.len());
    outcome.transcript.line("debug", format!("{received} of {sent} packets were answered"));
    ended?;
    judge(settings, facts, refused)
}

fn open(engine: &Engine, settings: &Icmp, address: SocketAddr) -> Result<Flight, Failed> {
    same_protocol(settings.source, address.ip())?;
    let hub = engine.pings.hub(address.is_ipv4(), settings.source).map_err(|error| match error {
        NoSocket::Forbidden => Failed::new(Phase::Send.as_str(), Reason::Internal, error.to_string()),
        NoSocket::Io(error) => Failed::of(&Failure::io(Phase::Send, error)),
    })?;
    Ok(hub.flight(address, settings.size, settings.sending))
}

fn judge(settings: &Icmp, facts: &IcmpFacts, refused: Option<Why>) -> Result<(), Failed> {
    let fail = |reason, message: String| Err(Failed::new(Phase::FirstByte.as_str(), reason, message));
    let (sent, received) = (facts.sent, facts.times.len());
    if received == 0 {
        return match refused {
            Some(why) => fail(Reason::Unreachable, why.as_str().to_owned()),
            None => fail(Reason::Timeout, "no answer in time".to_owned()),
        };
    }
    if sent < settings.count {
        let count = settings.count;
        return fail(
            Reason::Timeout,
            format!("only {sent} of {count} packets were sent in time (hint: interval)"),
        );
    }
    match settings.max_loss {
        Some(max_loss) if facts.loss() > max_loss => {
            let lost = sent - received;
            fail(Reason::PacketLoss, format!("{lost} of {sent} packets were lost"))
        }
        _ => Ok(()),
    }
}

/// The packets of a probe, sent at their times while answers come.
struct Course<'a> {
    settings: &'a Icmp,
    deadline: Instant,
    start: Instant,
    facts: &'a mut IcmpFacts,
    refused: Option<Why>,
}

impl Course<'_> {
    async fn run(&mut self, flight: &mut Flight) -> Result<(), Failed> {
        let mut told = 0;
        while self.facts.sent < self.settings.count || told < self.facts.sent {
            let next = self.next();
            // the clock of sleeping has steps of a millisecond, which the first packet need not wait for
            if Instant::now() < next
                && let Ok(fate) = timeout_at(next, flight.fate()).await
            {
                told += 1;
                self.note(fate);
                continue;
            }
            if next >= self.deadline || self.facts.sent == self.settings.count {
                break;
            }
            let Ok(sent) = timeout_at(self.deadline, flight.send()).await else { break };
            sent.map_err(|error| unsent(error, self.settings))?;
            self.facts.sent += 1;
        }
        Ok(())
    }

    /// When the next packet is sent, or the waiting is over.
    fn next(&self) -> Instant {
        let sent = u32::try_from(self.facts.sent).unwrap_or(u32::MAX);
        if self.facts.sent < self.settings.count {
            return self.deadline.min(self.start + self.settings.interval * sent);
        }
        let last = self.start + self.settings.interval * sent.saturating_sub(1);
        match self.facts.times.iter().max() {
            Some(longest) => self.deadline.min(last + LEAST_WAIT.max(*longest * 2)),
            None => self.deadline,
        }
    }

    fn note(&mut self, fate: Fate) {
        match fate {
            Fate::Answered { rtt, hop_limit } => {
                self.facts.times.push(rtt);
                self.facts.hop_limit = hop_limit;
            }
            Fate::Undelivered(why) => self.refused = Some(why),
        }
    }
}

/// A packet did not leave this machine.
fn unsent(error: std::io::Error, settings: &Icmp) -> Failed {
    // EMSGSIZE
    if error.raw_os_error() == Some(90) {
        let message = format!("{} (payload_size: {})", Why::TooBig.as_str(), settings.size);
        return Failed::new(Phase::Send.as_str(), Reason::Unreachable, message);
    }
    Failed::of(&Failure::io(Phase::Send, error))
}
