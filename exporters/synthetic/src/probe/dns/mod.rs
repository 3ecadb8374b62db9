//! Prober `dns`: asks a name server one question, over UDP, TCP or TLS.
//!
//! What the server says is read by `message` and shown as the Go library behind blackbox_exporter shows it, which is
//! what people's regular expressions are written for.

mod codes;
mod config;
mod facts;
pub(crate) mod lookup;
mod message;
mod odd;
mod query;
mod rdata;
mod reader;
mod svcb;
mod validate;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use netprobe::phase::Phase;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;

use super::datagram::{connected, same_protocol};
use super::open::{self, Stream};
use super::resolve::{self, Place};
use super::secure::{self, Wanted};
use super::{Engine, Facts, Job};
use crate::outcome::{Failed, Outcome};
use crate::reason::Reason;

pub use config::Dns;
use config::Transport;
use facts::Answered;
pub use facts::DnsFacts;
use message::{Message, Record};

/// The port of DNS, and of DNS over TLS.
const PORTS: (u16, u16) = (53, 853);

/// The phase of what is found in the answer.
const ANSWER: &str = "check";

/// Probes by the job's deadline.
pub(crate) async fn probe(engine: &Engine, settings: &Dns, job: &Job<'_>) -> Outcome {
    let mut outcome = Outcome::new(Facts::None);
    let mut facts = DnsFacts::default();
    if let Err(failed) = ask(engine, settings, job, &mut outcome, &mut facts).await {
        outcome.fail(failed);
    }
    outcome.facts = Facts::Dns(facts);
    outcome
}

async fn ask(
    engine: &Engine,
    settings: &Dns,
    job: &Job<'_>,
    outcome: &mut Outcome,
    facts: &mut DnsFacts,
) -> Result<(), Failed> {
    let usual_port = if settings.transport == Transport::Tls { PORTS.1 } else { PORTS.0 };
    let (host, port) = open::authority(job.target, &[], usual_port)?;
    let place = Place { host, port, preference: settings.preference };
    let address = resolve::choose(engine, job, place, outcome).await?;
    same_protocol(settings.source, address.ip())?;
    let question = settings.query.encode(random_id()?);
    let asking = Asking { settings, job, address, question: &question };
    let mut bytes = match settings.transport {
        Transport::Udp => asking.udp(outcome).await?,
        Transport::Tcp => asking.tcp(outcome).await?,
        Transport::Tls => asking.tls(engine, (host, port), outcome).await?,
    };
    let mut message = asking.read(&bytes)?;
    let truncated = message.flags.is_truncated() && settings.transport == Transport::Udp;
    let retried = truncated && settings.retry_over_tcp;
    if retried {
        outcome.transcript.line("debug", "the answer is truncated; asking again over TCP");
        bytes = asking.tcp(outcome).await?;
        message = asking.read(&bytes)?;
    }
    describe(&message, outcome);
    let serial = message.answer.iter().filter_map(|record| record.serial).next_back();
    facts.answered = Some(Answered {
        rcode: message.rcode,
        flags: message.flags,
        counts: [message.answer.len(), message.authority.len(), additional(settings, &message).count()],
        serial: (settings.query.kind == codes::kind::SOA).then(|| serial.unwrap_or_default()),
        retried,
    });
    judge(settings, &message)
}

/// The last section. The record of EDNS is none that was asked for, when we began with EDNS.
fn additional<'m>(settings: &Dns, message: &'m Message) -> impl Iterator<Item = &'m Record> {
    let without_edns = settings.query.edns.is_some();
    message.additional.iter().filter(move |record| !(without_edns && record.kind == codes::kind::OPT))
}

fn judge(settings: &Dns, message: &Message) -> Result<(), Failed> {
    if !settings.rcodes.contains(&message.rcode) {
        let more = message.extended_error.map(|error| format!(" (extended error {error})"));
        let (code, more) = (codes::rcode_text(message.rcode), more.unwrap_or_default());
        let text = format!("the code {code}{more} is not one of the valid ones");
        return Err(Failed::new(ANSWER, Reason::DnsRcode, text));
    }
    for (rules, section, records) in [
        (&settings.answer, "answer", message.answer.iter().collect::<Vec<_>>()),
        (&settings.authority, "authority", message.authority.iter().collect()),
        (&settings.additional, "additional", additional(settings, message).collect()),
    ] {
        let checked = rules.check(section, &records);
        checked.map_err(|message| Failed::new(ANSWER, Reason::DnsRecords, message))?;
    }
    Ok(())
}

/// The answer for a person.
fn describe(message: &Message, outcome: &mut Outcome) {
    let set = message.flags.shown().into_iter().filter(|(_, set)| *set).map(|(name, _)| name);
    let flags = set.collect::<Vec<_>>().join(" ");
    outcome.transcript.line("debug", format!("answer: {} ({flags})", codes::rcode_text(message.rcode)));
    for (section, records) in
        [("answer", &message.answer), ("authority", &message.authority), ("additional", &message.additional)]
    {
        for record in records {
            let text = record.text.replace('\n', " ");
            outcome.transcript.line("debug", format!("{section}: {}", text.trim_start()));
        }
    }
}

/// One question to one server.
#[derive(Clone, Copy)]
struct Asking<'a> {
    settings: &'a Dns,
    job: &'a Job<'a>,
    address: SocketAddr,
    question: &'a [u8],
}

impl Asking<'_> {
    async fn udp(&self, outcome: &mut Outcome) -> Result<Vec<u8>, Failed> {
        let socket =
            open::part(Phase::Connect, self.job, outcome, connected(self.settings.source, self.address));
        let socket = socket.await?.map_err(|error| open::broken(Phase::Connect, error))?;
        let sent = open::part(Phase::Send, self.job, outcome, socket.send(self.question)).await?;
        sent.map_err(|error| open::broken(Phase::Send, error))?;
        let received = open::part(Phase::FirstByte, self.job, outcome, self.datagram(&socket)).await?;
        received.map_err(|error| open::broken(Phase::FirstByte, error))
    }

    /// The datagram that answers; those with another number answer an older question, or are forged.
    async fn datagram(&self, socket: &UdpSocket) -> std::io::Result<Vec<u8>> {
        let mut buffer = vec![0; usize::from(u16::MAX)];
        loop {
            let length = socket.recv(&mut buffer).await?;
            buffer.truncate(length);
            if message::id(&buffer) == message::id(self.question) {
                return Ok(buffer);
            }
            buffer.resize(usize::from(u16::MAX), 0);
        }
    }

    async fn tcp(&self, outcome: &mut Outcome) -> Result<Vec<u8>, Failed> {
        let stream = resolve::connect(self.address, self.settings.source, self.job, outcome).await?;
        self.exchange(stream, outcome).await
    }

    async fn tls(
        &self,
        engine: &Engine,
        (host, port): (&str, u16),
        outcome: &mut Outcome,
    ) -> Result<Vec<u8>, Failed> {
        let stream = resolve::connect(self.address, self.settings.source, self.job, outcome).await?;
        let wanted = Wanted { settings: &self.settings.tls, host, port, alpn: &[], learn_refusal: false };
        let stream = secure::handshake(engine, self.job, stream, wanted, outcome).await?;
        self.exchange(stream, outcome).await
    }

    /// On a stream, each message has its length before it.
    async fn exchange(&self, mut stream: impl Stream, outcome: &mut Outcome) -> Result<Vec<u8>, Failed> {
        let length = u16::try_from(self.question.len()).unwrap_or(u16::MAX);
        let framed = [&length.to_be_bytes(), self.question].concat();
        let sending = async {
            stream.write_all(&framed).await?;
            stream.flush().await
        };
        let sent = open::part(Phase::Send, self.job, outcome, sending).await?;
        sent.map_err(|error| open::broken(Phase::Send, error))?;
        let length = open::part(Phase::FirstByte, self.job, outcome, stream.read_u16()).await?;
        let length = length.map_err(|error| open::broken(Phase::FirstByte, error))?;
        let mut answer = vec![0; length.into()];
        let read = open::part(Phase::Transfer, self.job, outcome, stream.read_exact(&mut answer)).await?;
        read.map_err(|error| open::broken(Phase::Transfer, error))?;
        Ok(answer)
    }

    /// Reads what came, and whether it is an answer to what was asked.
    fn read(&self, bytes: &[u8]) -> Result<Message, Failed> {
        let protocol =
            |what: &str| Failed::new(ANSWER, Reason::Protocol, format!("what came is no answer: {what}"));
        let message = Message::parse(bytes).map_err(|malformed| protocol(&malformed.to_string()))?;
        if Some(message.id) != message::id(self.question) {
            return Err(protocol("it has the number of another question"));
        }
        if !message.flags.is_answer() {
            return Err(protocol("it is a question itself"));
        }
        // some servers refuse without repeating the question
        if !message.questions.is_empty() && !self.settings.query.is(self.question, bytes) {
            return Err(protocol("it answers another question"));
        }
        Ok(message)
    }
}

/// A number that nobody guesses.
fn random_id() -> Result<u16, Failed> {
    let mut bytes = [0; 2];
    let filled = aws_lc_rs::rand::fill(&mut bytes);
    filled.map_err(|_none| Failed::new("probe", Reason::Internal, "the machine has no random numbers"))?;
    Ok(u16::from_be_bytes(bytes))
}
