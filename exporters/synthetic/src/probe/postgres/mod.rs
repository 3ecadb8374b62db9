//! Prober `postgres`: logs in and asks `SELECT 1`, or a query that returns one number.
//!
//! The password goes only where the module's credentials may go, and never in clear text. A query ends on the server
//! when the probe does. What the server says in words is not repeated; its SQLSTATE is.

mod config;
mod facts;
mod watch;

use std::error::Error;
use std::io;
use std::time::Duration;

use netprobe::failure::{Failure, Reason as Network};
use netprobe::phase::Phase;
use netprobe::starttls::Protocol;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::config::SslMode;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::open::{self, Way};
use super::{Engine, Facts, Job};
use crate::outcome::{Failed, Outcome};
use crate::reason::Reason;
use watch::{Refusal, Watch};

pub use config::{Postgres, Query};
pub use facts::PostgresFacts;

/// The port of PostgreSQL.
const PORT: u16 = 5432;

/// What the server shows us as in its lists of sessions.
const APPLICATION: &str = "synthetic-exporter";

/// Probes by the job's deadline.
pub(crate) async fn probe(engine: &Engine, settings: &Postgres, job: &Job<'_>) -> Outcome {
    let mut outcome = Outcome::new(Facts::None);
    let mut facts = PostgresFacts::default();
    if let Err(failed) = ask(engine, settings, job, &mut outcome, &mut facts).await {
        outcome.fail(failed);
    }
    outcome.facts = Facts::Postgres(facts);
    outcome
}

async fn ask(
    engine: &Engine,
    settings: &Postgres,
    job: &Job<'_>,
    outcome: &mut Outcome,
    facts: &mut PostgresFacts,
) -> Result<(), Failed> {
    let (host, port) = open::authority(job.target, &["postgresql", "postgres"], PORT)?;
    let password = match &settings.password {
        None => None,
        Some(source) => {
            job.permit_credentials(host, port)?;
            Some(job.secret("password", source).await?)
        }
    };
    let way = Way {
        host,
        port,
        preference: settings.preference,
        source: None,
        tls: settings.tls.then_some(&settings.tls_config),
        starttls: Some(Protocol::Postgres),
    };
    let stream = Watch::new(open::open(engine, job, way, outcome).await?);
    let mut login = tokio_postgres::Config::new();
    login.user(&settings.user).application_name(APPLICATION).ssl_mode(SslMode::Disable);
    login.dbname(settings.database.as_deref().unwrap_or(&settings.user));
    if let Some(password) = &password {
        login.password(password.expose());
    }
    let start = Instant::now();
    let connected = open::part(Phase::Send, job, outcome, login.connect_raw(stream, NoTls)).await;
    facts.login = Some(start.elapsed());
    let (client, connection) = connected?.map_err(|error| refused(Phase::Send.as_str(), &error, facts))?;
    outcome.transcript.line("debug", "logged in");
    let mut connection = Box::pin(connection);

    let text = statements(settings.query.as_ref(), job.deadline.saturating_duration_since(Instant::now()));
    let start = Instant::now();
    let asking = async {
        tokio::select! {
            answer = client.simple_query(&text) => answer.map_err(Some),
            // ends before the answer only when the connection breaks
            ended = &mut connection => Err(ended.err()),
        }
    };
    let answer = open::part(Phase::FirstByte, job, outcome, asking).await;
    facts.query = Some(start.elapsed());
    let rows = answer?.map_err(|error| match error {
        Some(error) => refused(Phase::FirstByte.as_str(), &error, facts),
        None => open::broken(Phase::FirstByte, io::ErrorKind::UnexpectedEof.into()),
    })?;
    outcome.transcript.line("debug", "the server answered the query");
    let judged = settings.query.as_ref().map_or(Ok(()), |query| judge(query, &rows, facts));
    drop(client);
    // says goodbye, so that the server's log has no broken connection
    drop(timeout_at(job.deadline, connection).await);
    judged
}

/// What is sent. A query of the module's own is told how long it may take: without that it would go on when the probe
/// has ended. All in one, so that it holds for this query only, also behind a pooler.
fn statements(query: Option<&Query>, left: Duration) -> String {
    match query {
        None => "SELECT 1".to_owned(),
        Some(query) => format!("SET LOCAL statement_timeout = {}; {}", left.as_millis().max(1), query.sql),
    }
}

/// Reads the number, which stands alone in the last row, and judges it.
fn judge(query: &Query, messages: &[SimpleQueryMessage], facts: &mut PostgresFacts) -> Result<(), Failed> {
    let bad = |message: String| Err(Failed::new("check", Reason::Expect, message));
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let Some(row) = rows.last().filter(|row| row.len() == 1) else {
        return bad("the query returns one column and at least one row".to_owned());
    };
    let number = match row.get(0) {
        Some("t") => Some(1.0),
        Some("f") => Some(0.0),
        text => text.and_then(|text| text.parse::<f64>().ok()).filter(|number| number.is_finite()),
    };
    let Some(number) = number else { return bad("the query returned no number".to_owned()) };
    facts.value = Some(number);
    match (query.least, query.most) {
        (Some(least), _) if number < least => bad(format!("the query returned {number}, less than {least}")),
        (_, Some(most)) if number > most => bad(format!("the query returned {number}, more than {most}")),
        _ => Ok(()),
    }
}

/// Why the server, or the way to it, did not do what was asked.
fn refused(phase: &'static str, error: &tokio_postgres::Error, facts: &mut PostgresFacts) -> Failed {
    if let Some(code) = error.code() {
        // five letters and digits, whoever says it
        let known = code.code().len() == 5 && code.code().bytes().all(|byte| byte.is_ascii_alphanumeric());
        let code = if known { code.code() } else { "unknown" };
        facts.sqlstate = Some(code.to_owned());
        // class 28: invalid authorization
        let reason = if code.starts_with("28") { Reason::CredentialsRefused } else { Reason::ServerError };
        return Failed::new(phase, reason, format!("the server answered with SQLSTATE {code}"));
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            // our own stream's refusal lies within
            if let Some(refusal) = error.get_ref().and_then(|inner| inner.downcast_ref::<Refusal>()) {
                return Failed::new(phase, refusal.reason(), refusal.to_string());
            }
            let reason = Reason::of_network(&Failure::new(Phase::FirstByte, Network::of_io(error)));
            return Failed::new(phase, reason, error.kind().to_string());
        }
        cause = error.source();
    }
    let message = "what answered is no PostgreSQL, or wants a login that we do not know";
    if error.is_closed() {
        Failed::new(phase, Reason::Closed, "the server closed the connection")
    } else {
        Failed::new(phase, Reason::Protocol, message)
    }
}
