//! Prober `smtp`: a mail server greets, knows us, perhaps goes on in TLS and lets us log in, and answers `NOOP`.

mod config;
mod dialogue;
mod facts;

use netprobe::starttls::Protocol;
use toolkit::config::Secret;

use super::open::{self, Stream, Way};
use super::tcp::Conversation;
use super::{Engine, Facts, Job};
use crate::outcome::{Failed, Outcome};
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
    let (host, port) = open::authority(job.target, &["smtp", "smtps"], usual_port)?;
    if settings.login.is_some() || settings.tls_settings.identity.is_some() {
        job.permit_credentials(host, port)?;
    }
    let login = match &settings.login {
        None => None,
        Some((user, source)) => Some((user.as_str(), job.secret("password", source).await?)),
    };
    let way = Way {
        host,
        port,
        preference: settings.preference,
        source: settings.source,
        tls: (settings.security != Security::None).then_some(&settings.tls_settings),
        starttls: (settings.security == Security::StartTls).then_some(Protocol::Smtp),
    };
    let stream = open::open(engine, job, way, outcome).await?;
    facts.ssl = settings.security != Security::None;
    let mut dialogue = Dialogue::new(Conversation::new(stream, job.deadline), facts);
    let done = talk(&mut dialogue, settings, login.as_ref()).await;
    let conversation = dialogue.into_conversation();
    outcome.timings.join(conversation.timings());
    conversation.close().await;
    done
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
