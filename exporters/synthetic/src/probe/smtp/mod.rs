//! Prober `smtp`: a mail server greets, knows us, perhaps goes on in TLS and lets us log in, and answers `NOOP`.

mod config;
mod dialogue;
mod facts;

use netprobe::failure::Failure;
use netprobe::phase::Phase;
use netprobe::starttls::{self, Protocol};
use tokio::net::TcpStream;
use toolkit::config::Secret;

use super::open::{Stream, authority};
use super::resolve::{self, Place};
use super::secure::{self, Wanted};
use super::tcp::Conversation;
use super::{Engine, Facts, Job};
use crate::outcome::{Failed, Outcome};
use crate::reason::Reason;
use dialogue::Dialogue;

pub use config::{Security, Smtp};
pub use facts::SmtpFacts;

/// Ports of mail servers, without TLS from the start and with it.
const PORTS: (u16, u16) = (25, 465);

/// Probes `host` or `host:port`.
pub(crate) async fn probe(engine: &Engine, settings: &Smtp, job: &Job<'_>) -> Outcome {
    let mut outcome = Outcome::new(Facts::None);
    let mut facts = SmtpFacts::default();
    if let Err(failed) = check(engine, settings, job, &mut facts, &mut outcome).await {
        outcome.fail(failed);
    }
    outcome.facts = Facts::Smtp(facts);
    outcome
}

async fn check(
    engine: &Engine,
    settings: &Smtp,
    job: &Job<'_>,
    facts: &mut SmtpFacts,
    outcome: &mut Outcome,
) -> Result<(), Failed> {
    let usual_port = if settings.security == Security::Tls { PORTS.1 } else { PORTS.0 };
    let (host, port) = authority(job.target, &["smtp", "smtps"], usual_port)?;
    if settings.login.is_some() || settings.tls_settings.identity.is_some() {
        job.permit_credentials(host, port)?;
    }
    let password = password(settings).await?;
    let place = Place { host, port, preference: settings.preference };
    let address = resolve::choose(engine, job, place, outcome).await?;
    let mut stream = resolve::connect(address, settings.source, job, outcome).await?;
    if settings.security == Security::StartTls {
        start_tls(&mut stream, host, job, outcome).await?;
    }
    let stream: Box<dyn Stream> = if settings.security == Security::None {
        Box::new(stream)
    } else {
        // what is asked afterwards shows a refusal of our certificate
        let wanted = Wanted { settings: &settings.tls_settings, host, port, alpn: &[], learn_refusal: false };
        Box::new(secure::handshake(engine, job, stream, wanted, outcome).await?)
    };
    facts.ssl = settings.security != Security::None;
    let mut dialogue = Dialogue::new(Conversation::new(stream, job.deadline), facts);
    let done = talk(&mut dialogue, settings, password.as_ref()).await;
    let conversation = dialogue.into_conversation();
    outcome.timings.join(conversation.timings());
    conversation.close().await;
    done
}

async fn password(settings: &Smtp) -> Result<Option<(&str, Secret)>, Failed> {
    let Some((user, source)) = &settings.login else { return Ok(None) };
    let read = source.read().await;
    let password =
        read.map_err(|error| Failed::new("token", Reason::Internal, toolkit::chain::chain(&error)))?;
    Ok(Some((user, password)))
}

/// Greeting, EHLO and STARTTLS: what is left before TLS.
async fn start_tls(
    stream: &mut TcpStream,
    host: &str,
    job: &Job<'_>,
    outcome: &mut Outcome,
) -> Result<(), Failed> {
    let negotiating = starttls::negotiate(stream, Protocol::Smtp, host, job.deadline);
    let done: Result<(), Failure> = outcome.timings.measure(Phase::StartTls, job.deadline, negotiating).await;
    done.map_err(|failure| Failed::of(&failure))
}

async fn talk(
    dialogue: &mut Dialogue<'_, Box<dyn Stream>>,
    settings: &Smtp,
    login: Option<&(&str, Secret)>,
) -> Result<(), Failed> {
    if settings.security != Security::StartTls {
        dialogue.greeting().await?;
    }
    let offers = dialogue.hello(&settings.helo_name).await?;
    if let Some((user, password)) = login {
        dialogue.login(&offers, user, password).await?;
    }
    dialogue.noop().await?;
    dialogue.quit().await;
    Ok(())
}
