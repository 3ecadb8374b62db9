//! Runs a script on a connection.

use super::TcpFacts;
use super::conversation::{Compared, Conversation};
use crate::config::TlsSettings;
use crate::outcome::{Failed, Outcome};
use crate::probe::open::Stream;
use crate::probe::script::{Expect, Info, Step, find};
use crate::probe::secure::{self, Wanted};
use crate::probe::{Engine, Job};
use crate::reason::Reason;

/// Where a script runs.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) engine: &'a Engine,
    pub(super) job: &'a Job<'a>,
    pub(super) steps: &'a [Step],
    pub(super) tls: &'a TlsSettings,
    /// The host whose certificate is asked for.
    pub(super) host: &'a str,
    pub(super) port: u16,
}

type Talk = Conversation<Box<dyn Stream>>;

/// Runs all steps, or up to the first that fails. Writes what it finds into `facts` and the outcome.
pub(super) async fn run(
    place: Place<'_>,
    stream: Box<dyn Stream>,
    facts: &mut TcpFacts,
    outcome: &mut Outcome,
) -> Result<(), Failed> {
    let mut talk = Conversation::new(stream, place.job.deadline);
    let mut done = Ok(());
    for (index, step) in place.steps.iter().enumerate() {
        done = exchange(&mut talk, step, index, facts, outcome).await;
        if done.is_err() {
            break;
        }
        if step.starttls {
            let (next, shaken) = start_tls(talk, place, outcome).await;
            done = shaken;
            match next {
                Some(next) => talk = next,
                None => return done,
            }
        }
        if done.is_err() {
            break;
        }
    }
    outcome.timings.join(talk.timings());
    talk.close().await;
    done
}

/// Waits for what a step waits for, and says what it says.
async fn exchange(
    talk: &mut Talk,
    step: &Step,
    index: usize,
    facts: &mut TcpFacts,
    outcome: &mut Outcome,
) -> Result<(), Failed> {
    let said = match &step.expect {
        None => step.answer(None),
        Some(Expect::Regex(regex)) => loop {
            let Some(line) = talk.line().await? else {
                facts.failed_due_to_regex = true;
                let message = format!("no line matched entry {index}, and the connection is closed");
                return Err(Failed::new("check", Reason::Expect, message));
            };
            let length = line.len();
            let Some(found) = find(regex, line) else {
                outcome
                    .transcript
                    .line("debug", format!("a line of {length} bytes does not match entry {index}"));
                continue;
            };
            outcome.transcript.line("debug", format!("a line of {length} bytes matches entry {index}"));
            let info: Option<Info> = step.info(&found);
            let said = step.answer(Some(&found));
            if let Some(info) = info {
                facts.infos.add(info);
            }
            break said;
        },
        Some(Expect::Bytes(bytes)) => {
            expect_bytes(talk, bytes, index, facts).await?;
            outcome.transcript.line("debug", format!("{} bytes are those of entry {index}", bytes.len()));
            step.answer(None)
        }
    };
    if let Some(mut said) = said {
        if said.is_line {
            said.bytes.push(b'\n');
        }
        outcome.transcript.line("debug", format!("sending {} bytes of entry {index}", said.bytes.len()));
        talk.say(&said.bytes).await?;
    }
    Ok(())
}

async fn expect_bytes(
    talk: &mut Talk,
    bytes: &[u8],
    index: usize,
    facts: &mut TcpFacts,
) -> Result<(), Failed> {
    let message = match talk.compare(bytes).await? {
        Compared::Same => return Ok(()),
        Compared::Different => {
            facts.failed_due_to_bytes = true;
            format!("other bytes came than those of entry {index}")
        }
        Compared::Short => format!("the connection was closed before all bytes of entry {index} came"),
    };
    Err(Failed::new("check", Reason::Expect, message))
}

/// Goes on in TLS. Without a connection the times are in the outcome.
async fn start_tls(
    talk: Talk,
    place: Place<'_>,
    outcome: &mut Outcome,
) -> (Option<Talk>, Result<(), Failed>) {
    let left = talk.left();
    if left > 0 {
        // somebody put it there, or the entry before waited for too little: in no case is it of the TLS connection
        let message = format!("{left} bytes came before TLS that no entry waited for");
        return (Some(talk), Err(Failed::new("starttls", Reason::StartTls, message)));
    }
    outcome.timings.join(talk.timings());
    let wanted =
        Wanted { settings: place.tls, host: place.host, port: place.port, alpn: &[], learn_refusal: false };
    let stream = talk.into_stream();
    match secure::handshake(place.engine, place.job, stream, wanted, outcome).await {
        Ok(stream) => (Some(Conversation::new(Box::new(stream), place.job.deadline)), Ok(())),
        Err(failed) => (None, Err(failed)),
    }
}
