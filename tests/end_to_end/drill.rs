//! The fault drill: each fault raises exactly its alert, which reaches whom it is for, and says there when it is over.
//!
//! Faults of a wave happen side by side, on servers that have nothing to do with each other; what follows a wave waits until
//! all is quiet again. The rules are those of `rules/` with a shorter `for:`, Alertmanager and alertrouter are configured
//! as in `rules/stack/`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::join_all;
use kit::eventually;
use kit::prometheus::Alert;
use stage::delivery::{CHANNEL, ONCALL};
use stage::faults::Fault;
use stage::ports::Ports;
use stage::prometheus::Pace;
use stage::steps::Nobody;
use stage::{Options, Stage};
use tokio::time::Instant;

/// How often Prometheus scrapes and evaluates, and how long a scrape may take: a busy machine needs more than a second.
const INTERVAL: Duration = Duration::from_secs(3);

/// What stands for the rules' `for:`. Not less: a server that starts again needs a moment, and so do those who follow it.
const PENDING: Duration = Duration::from_secs(8);

/// For an alert to come or go. The slowest of them speak of a minute's wait, and alertrouter tries a target that refused it
/// once a minute.
const PATIENCE: Duration = Duration::from_mins(3);

/// Who is told of an alert.
#[derive(Clone, Copy, Debug)]
enum Told {
    /// Who is woken: a Slack channel and a mailbox.
    Oncall,
    /// Who reads it in the morning: a Slack channel and a mailbox.
    Team,
    /// Who is woken, by Alertmanager's own mail: what the alert is about is the way of alerts.
    Directly,
}

/// A fault, the alert that it must raise, and one label of it.
struct Drill {
    fault: Fault,
    alert: &'static str,
    label: (&'static str, String),
    told: Told,
}

fn drill(fault: Fault, alert: &'static str, label: (&'static str, String), told: Told) -> Drill {
    Drill { fault, alert, label, told }
}

/// Nothing here has to do with anything else here.
fn side_by_side(stage: &Stage) -> Vec<Drill> {
    let secured = |name: &str| stage.certificates.target(name).unwrap();
    let (primary, replica) = (stage.postgres.instance(), stage.postgres_replica.instance());
    let reports = stage.reports.instance();
    vec![
        drill(Fault::Reports, "PostgresDown", ("instance", reports), Told::Oncall),
        drill(Fault::Lock, "PostgresBlockedSessions", ("instance", primary), Told::Team),
        drill(Fault::Lag, "PostgresReplicaLag", ("instance", replica), Told::Team),
        drill(Fault::RedisMemory, "RedisMemoryHigh", ("instance", stage.redis.instance()), Told::Team),
        drill(Fault::Certificate, "CertificateExpiringSoon", ("target", secured("api")), Told::Oncall),
        drill(Fault::ExpiredCertificate, "CertificateExpired", ("target", secured("old-shop")), Told::Oncall),
        drill(Fault::Endpoint, "EndpointFailing", ("check", "payments".to_owned()), Told::Oncall),
        drill(Fault::Backup, "HeartbeatMissed", ("check", "nightly-backup".to_owned()), Told::Team),
        drill(Fault::Bill, "CostSpike", ("provider", "openai".to_owned()), Told::Team),
    ]
}

/// The same servers, and other faults. A slot that fills follows: with it, one whose reader is down would be told of, too.
fn afterwards(stage: &Stage) -> Vec<Drill> {
    let (primary, reports) = (stage.postgres.instance(), stage.reports.instance());
    vec![
        drill(Fault::Connections, "PostgresConnectionsFull", ("instance", reports), Told::Oncall),
        drill(Fault::Slot, "PostgresSlotInactive", ("instance", primary), Told::Team),
        drill(Fault::SlowEndpoint, "EndpointSlow", ("check", "payments".to_owned()), Told::Team),
    ]
}

/// Slack is down, and something happens.
fn without_slack(stage: &Stage) -> Vec<Drill> {
    vec![
        drill(Fault::Slack, "AlertrouterTargetDown", ("job", "alertrouter".to_owned()), Told::Directly),
        drill(Fault::Redis, "RedisDown", ("instance", stage.redis.instance()), Told::Oncall),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_raises_its_alert_and_no_other() {
    let options = Options {
        ports: Ports::Any,
        pace: Pace { interval: INTERVAL, pending: Some(PENDING) },
        page: "http://127.0.0.1:8025".to_owned(),
    };
    let stage = Box::pin(Stage::start(&options, &Nobody)).await.unwrap();
    let (first, second, last) = (side_by_side(&stage), afterwards(&stage), without_slack(&stage));
    assert!(first.len() + second.len() + last.len() > 12, "the drill has its faults");
    let mut problems = Box::pin(wave(&stage, &first)).await;
    problems.extend(Box::pin(wave(&stage, &second)).await);
    problems.extend(Box::pin(wave_without_slack(&stage, &last)).await);
    Box::pin(stage.stop()).await;
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Lets it all happen, and end; returns what was wrong.
async fn wave(stage: &Stage, drills: &[Drill]) -> Vec<String> {
    let begun = Instant::now();
    let mut problems = quiet(stage).await;
    for drill in drills {
        problems.extend(drill.fault.begin(stage).await.err().map(|error| complaint(drill, &error)));
    }
    problems.extend(told(stage, drills, State::Firing, true).await);
    for drill in drills {
        problems.extend(drill.fault.end(stage).await.err().map(|error| complaint(drill, &error)));
    }
    problems.extend(told(stage, drills, State::Resolved, true).await);
    problems.extend(quiet(stage).await);
    problems.extend(unexpected(stage, drills, begun.elapsed()).await);
    problems
}

/// The same for two of which the first is that Slack refuses everything: mail tells of both. When Slack is back it shows
/// what it has missed.
async fn wave_without_slack(stage: &Stage, drills: &[Drill]) -> Vec<String> {
    let begun = Instant::now();
    let [slack, other] = drills else { return vec!["two faults, and Slack first".to_owned()] };
    let mut problems = quiet(stage).await;
    for drill in drills {
        problems.extend(drill.fault.begin(stage).await.err().map(|error| complaint(drill, &error)));
    }
    problems.extend(told(stage, drills, State::Firing, false).await);
    problems.extend(slack.fault.end(stage).await.err().map(|error| complaint(slack, &error)));
    problems.extend(in_slack(stage, other, State::Firing).await.err().map(|error| complaint(other, &error)));
    problems.extend(other.fault.end(stage).await.err().map(|error| complaint(other, &error)));
    problems.extend(told(stage, drills, State::Resolved, true).await);
    problems.extend(quiet(stage).await);
    problems.extend(unexpected(stage, drills, begun.elapsed()).await);
    problems
}

/// What an alert is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Firing,
    Resolved,
}

impl State {
    /// As messages and mails say it.
    fn word(self) -> &'static str {
        match self {
            Self::Firing => "FIRING",
            Self::Resolved => "RESOLVED",
        }
    }
}

/// Waits until every alert is in this state and everybody was told; returns what did not come.
async fn told(stage: &Stage, drills: &[Drill], state: State, by_slack: bool) -> Vec<String> {
    let one = async |drill: &Drill| {
        in_prometheus(stage, drill, state).await?;
        if by_slack {
            in_slack(stage, drill, state).await?;
        }
        by_mail(stage, drill, state).await
    };
    let all = join_all(drills.iter().map(|drill| async move { (drill, one(drill).await) })).await;
    let failed = all.into_iter().filter_map(|(drill, told)| Some((drill, told.err()?)));
    failed.map(|(drill, error)| format!("{}: {}", state.word(), complaint(drill, &error))).collect()
}

async fn in_prometheus(stage: &Stage, drill: &Drill, state: State) -> Result<()> {
    eventually(PATIENCE, drill.alert, async || {
        let alerts = active(stage).await?;
        let fires = alerts.iter().any(|alert| alert.state == "firing" && drill.expects(&alert.labels));
        ensure!(fires == (state == State::Firing), "there are {:?}", names(&alerts));
        Ok(())
    })
    .await
}

/// A message of its own in the channel, which is edited when the alert is over.
async fn in_slack(stage: &Stage, drill: &Drill, state: State) -> Result<()> {
    let channel = match drill.told {
        Told::Oncall => ONCALL,
        Told::Team => CHANNEL,
        Told::Directly => return Ok(()),
    };
    let message = stage.slack.wait_for(PATIENCE, |workspace| {
        let mut messages = workspace.messages(channel).iter().filter(|message| !message.is_reply());
        messages.find(|message| message.says(drill.alert) && message.says(state.word())).map(|_| ())
    });
    message.await.with_context(|| format!("Slack, {channel}"))
}

async fn by_mail(stage: &Stage, drill: &Drill, state: State) -> Result<()> {
    let (mailbox, sender) = match drill.told {
        Told::Oncall => ("oncall@watchfire.example", "alertrouter@"),
        Told::Team => ("team@watchfire.example", "alertrouter@"),
        Told::Directly => ("oncall@watchfire.example", "alertmanager@"),
    };
    let mail = stage.smtp.wait_for(PATIENCE, |post| {
        let mut mails = post.mails.iter().filter(|mail| mail.header("from").contains(sender));
        mails.find(|mail| {
            let subject = mail.subject();
            subject.contains(drill.alert) && subject.contains(state.word()) && mail.recipients == [mailbox]
        })?;
        Some(())
    });
    mail.await.with_context(|| format!("mail to {mailbox} by {sender}"))
}

/// What fires or is about to, but for what always fires, and for what is about the machine that runs this.
async fn active(stage: &Stage) -> Result<Vec<Alert>> {
    let mut alerts = stage.prometheus.alerts().await?;
    let is = |alert: &Alert, label: &str, value: &str| alert.labels.get(label).is_some_and(|is| is == value);
    alerts.retain(|alert| !is(alert, "alertname", "Watchdog") && !is(alert, "job", "node"));
    Ok(alerts)
}

/// Waits until nothing is active.
async fn quiet(stage: &Stage) -> Vec<String> {
    let quiet = eventually(PATIENCE, "silence", async || {
        let alerts = active(stage).await?;
        ensure!(alerts.is_empty(), "there are {:?}", names(&alerts));
        Ok(())
    });
    quiet.await.err().map(|error| format!("{error:#}")).into_iter().collect()
}

/// What else has fired since.
async fn unexpected(stage: &Stage, drills: &[Drill], since: Duration) -> Vec<String> {
    let fired = format!(
        "count_over_time(ALERTS{{alertstate=\"firing\", alertname!=\"Watchdog\", job!=\"node\"}}[{}s])",
        since.as_secs().max(1)
    );
    match stage.prometheus.query(&fired).await {
        Err(error) => vec![format!("{error:#}")],
        Ok(fired) => {
            let others = fired.iter().filter(|one| !drills.iter().any(|drill| drill.expects(&one.labels)));
            others.map(|one| format!("nobody expects {:?}", one.labels)).collect()
        }
    }
}

impl Drill {
    fn expects(&self, labels: &BTreeMap<String, String>) -> bool {
        let is = |label: &str, value: &str| labels.get(label).is_some_and(|is| is == value);
        is("alertname", self.alert) && is(self.label.0, &self.label.1)
    }
}

fn names(alerts: &[Alert]) -> Vec<String> {
    let label = |alert: &Alert, name: &str| alert.labels.get(name).cloned().unwrap_or_default();
    alerts.iter().map(|alert| format!("{} {}", label(alert, "alertname"), alert.state)).collect()
}

fn complaint(drill: &Drill, error: &anyhow::Error) -> String {
    format!("{:?}, {}: {error:#}", drill.fault, drill.alert)
}
