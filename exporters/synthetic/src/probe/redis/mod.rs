//! Prober `redis`: logs in where the module says so, and asks for `PONG`.
//!
//! The password goes only where the module's credentials may go, and nothing that a server says is repeated but the code
//! of its error: a server that does not know `AUTH` repeats what came with it.

mod config;
mod facts;

use netprobe::phase::Phase;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use toolkit::config::Secret;

use super::open::{self, Stream, Way};
use super::{Engine, Facts, Job};
use crate::outcome::{Failed, Outcome};
use crate::reason::Reason;

pub use config::Redis;
pub use facts::{Code, RedisFacts};

/// The port of Redis.
const PORT: u16 = 6379;

/// Bytes of an answer: `+PONG`, or an error of one line.
const MAX_ANSWER: usize = 4 << 10;

/// Probes by the job's deadline.
pub(crate) async fn probe(engine: &Engine, settings: &Redis, job: &Job<'_>) -> Outcome {
    let mut outcome = Outcome::new(Facts::None);
    let mut facts = RedisFacts::default();
    if let Err(failed) = ask(engine, settings, job, &mut outcome, &mut facts).await {
        outcome.fail(failed);
    }
    outcome.facts = Facts::Redis(facts);
    outcome
}

async fn ask(
    engine: &Engine,
    settings: &Redis,
    job: &Job<'_>,
    outcome: &mut Outcome,
    facts: &mut RedisFacts,
) -> Result<(), Failed> {
    let (host, port) = open::authority(job.target, &["redis", "rediss", "valkey", "valkeys"], PORT)?;
    let secure =
        settings.tls || ["rediss://", "valkeys://"].iter().any(|scheme| job.target.starts_with(scheme));
    let password = match &settings.password {
        None => None,
        Some(source) => {
            job.permit_credentials(host, port)?;
            Some(job.secret("password", source).await?)
        }
    };
    let tls = secure.then_some(&settings.tls_config);
    let way = Way { host, port, preference: settings.preference, source: None, tls, starttls: None };
    let mut stream = open::open(engine, job, way, outcome).await?;
    if let Some(password) = &password {
        let words = [Some("AUTH"), settings.username.as_deref(), Some(password.expose())];
        let command = command(words.into_iter().flatten());
        let answer = exchange(&mut stream, &command, job, outcome).await?;
        expect("+OK", &answer, facts)?;
        outcome.transcript.line("debug", "logged in");
    }
    let answer = exchange(&mut stream, &command(["PING"]), job, outcome).await?;
    expect("+PONG", &answer, facts)?;
    outcome.transcript.line("debug", "the server answered PONG");
    Ok(())
}

/// A command in Redis' protocol; it may hold a password.
fn command<'a>(words: impl IntoIterator<Item = &'a str>) -> Secret {
    let words: Vec<&str> = words.into_iter().collect();
    let arguments = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect::<Vec<_>>();
    Secret::from(format!("*{}\r\n{}", words.len(), arguments.concat()))
}

/// Sends a command and reads the line that answers it.
async fn exchange(
    stream: &mut Box<dyn Stream>,
    command: &Secret,
    job: &Job<'_>,
    outcome: &mut Outcome,
) -> Result<Vec<u8>, Failed> {
    let sending = async {
        stream.write_all(command.expose().as_bytes()).await?;
        stream.flush().await
    };
    let sent = open::part(Phase::Send, job, outcome, sending).await?;
    sent.map_err(|error| open::broken(Phase::Send, error))?;
    open::part(Phase::FirstByte, job, outcome, read_line(stream)).await?
}

/// A line without its end. Nothing else is asked meanwhile, so that nothing comes behind it.
async fn read_line(stream: &mut Box<dyn Stream>) -> Result<Vec<u8>, Failed> {
    let mut line = Vec::with_capacity(64);
    while !line.ends_with(b"\n") {
        if line.len() > MAX_ANSWER {
            return Err(protocol("the answer is longer than any of Redis"));
        }
        let read = stream.read_buf(&mut line).await;
        if read.map_err(|error| open::broken(Phase::FirstByte, error))? == 0 {
            let closed = std::io::ErrorKind::UnexpectedEof.into();
            return Err(open::broken(Phase::FirstByte, closed));
        }
    }
    line.truncate(line.trim_ascii_end().len());
    Ok(line)
}

fn expect(wanted: &str, answer: &[u8], facts: &mut RedisFacts) -> Result<(), Failed> {
    if answer == wanted.as_bytes() {
        return Ok(());
    }
    let Some(error) = answer.strip_prefix(b"-") else {
        return Err(protocol("what answered is no Redis"));
    };
    let code = Code::of(error);
    facts.error = Some(code);
    let reason = if code.is_about_login() { Reason::CredentialsRefused } else { Reason::ServerError };
    Err(Failed::new(Phase::FirstByte.as_str(), reason, format!("the server answered with {}", code.as_str())))
}

fn protocol(message: &str) -> Failed {
    Failed::new(Phase::FirstByte.as_str(), Reason::Protocol, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_go_out_in_redis_protocol() {
        let text = command(["AUTH", "ä", ""]);
        assert_eq!(text.expose(), "*3\r\n$4\r\nAUTH\r\n$2\r\nä\r\n$0\r\n\r\n");
    }

    #[test]
    fn what_an_error_says_is_not_repeated() {
        for (answer, code, reason) in [
            ("-WRONGPASS invalid username-password pair", Code::Wrongpass, Reason::CredentialsRefused),
            ("-NOAUTH Authentication required.", Code::Noauth, Reason::CredentialsRefused),
            ("-LOADING Redis is loading the dataset in memory", Code::Loading, Reason::ServerError),
            (
                "-ERR unknown command 'AUTH', with args beginning with: 'hunter2'",
                Code::Err,
                Reason::ServerError,
            ),
            ("-hunter2", Code::Other, Reason::ServerError),
        ] {
            let mut facts = RedisFacts::default();
            let failed = expect("+OK", answer.as_bytes(), &mut facts).unwrap_err();
            assert_eq!((facts.error, failed.reason), (Some(code), reason), "{answer}");
            assert!(!failed.message.contains("hunter2"), "{}", failed.message);
        }
        assert_eq!(
            expect("+OK", b"HTTP/1.1 400", &mut RedisFacts::default()).unwrap_err().reason,
            Reason::Protocol
        );
    }
}
