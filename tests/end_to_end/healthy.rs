//! A healthy stage: nothing alarms, and every panel of every dashboard shows something.

use std::fmt::Write;
use std::time::Duration;

use kit::prometheus::Prometheus;
use stage::delivery::{CHANNEL, ONCALL};
use stage::faults::Fault;
use stage::ports::Ports;
use stage::prometheus::Pace;
use stage::steps::Nobody;
use stage::{Options, Stage};

use crate::dashboards::{Query, may_be_empty, queries};

/// How often Prometheus scrapes and evaluates, and how long a scrape may take: a busy machine needs more than a second.
const INTERVAL: Duration = Duration::from_secs(3);

/// What stands for the rules' `for:`. Not less: until the first scrape, some six seconds after
/// the start, much is absent, and on a busy machine a scrape or two may come too late.
const PENDING: Duration = Duration::from_secs(15);

/// How often every rule is evaluated, at least, while nothing may alarm.
const EVALUATIONS: u32 = 15;

/// For the duration of a soak, `30m` or `90s`: then the rules have their own `for:`.
const SOAK: &str = "WATCHFIRE_SOAK";

/// The slowest things on the stage happen within this: in a soak, an alert that waits for its own `for:`.
const PATIENCE: Duration = Duration::from_mins(3);

/// What may alarm: what always does, and what is about the machine that runs this, which may really be full or busy.
const ALLOWED: &str = "alertname!=\"Watchdog\", job!=\"node\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_alarms_and_every_panel_shows_data() {
    let soak = std::env::var(SOAK).ok().map(|text| toolkit::config::parse_duration(&text).unwrap());
    let pending = if soak.is_some() { None } else { Some(PENDING) };
    let options = Options {
        ports: Ports::Any,
        pace: Pace { interval: INTERVAL, pending },
        page: "http://127.0.0.1:8025".to_owned(),
    };
    let stage = Box::pin(Stage::start(&options, &Nobody)).await.unwrap();
    let alarms = alarms(&stage.prometheus, soak).await;
    let messages = stage.slack.read(|workspace| {
        let messages = [CHANNEL, ONCALL].into_iter().flat_map(|channel| workspace.messages(channel));
        messages.map(kit::slack::Message::words).filter(|words| !words.contains("Host")).collect::<Vec<_>>()
    });
    something_to_tell(&stage).await;
    let panels = empty_panels(&stage.prometheus).await;
    Box::pin(stage.stop()).await;
    assert!(alarms.is_empty() && panels.is_empty(), "{alarms}\n{panels}");
    assert!(messages.is_empty(), "nobody is told of anything: {messages:#?}");
}

/// Redis stops and starts: alertrouter has figures of deliveries only when it has delivered something.
async fn something_to_tell(stage: &Stage) {
    for state in ["FIRING", "RESOLVED"] {
        let deed =
            if state == "FIRING" { Fault::Redis.begin(stage).await } else { Fault::Redis.end(stage).await };
        deed.unwrap();
        let told = stage.slack.wait_for(PATIENCE, |workspace| {
            let mut messages = workspace.messages(ONCALL).iter();
            messages.find(|message| message.says("RedisDown") && message.says(state)).map(drop)
        });
        told.await.unwrap();
    }
}

/// The queries that have no data and must have, one after the other.
async fn empty_panels(prometheus: &Prometheus) -> String {
    let all = queries(prometheus).await;
    let count = all.len();
    let may_be_empty = may_be_empty();
    let mut empty: Vec<Query> = all;
    empty.retain(|query| !may_be_empty.iter().any(|allowed| allowed.allows(&query.place)));
    let mut last = Vec::new();
    let filled = kit::eventually(PATIENCE, "every panel has data", async || {
        last = still_empty(prometheus, &empty).await;
        empty = last.iter().map(|(query, _)| query.clone()).collect();
        anyhow::ensure!(last.is_empty(), "{} queries have none", last.len());
        Ok(())
    });
    if filled.await.is_ok() {
        return String::new();
    }
    let mut report = format!("{} of {count} queries have no data:\n", last.len());
    for (Query { place, text, .. }, error) in last {
        let (dashboard, panel, target) = (place.dashboard, place.panel, place.target);
        writeln!(report, "{dashboard} · {panel} · {target}: {error}\n    {text}").unwrap();
    }
    report
}

/// Those of these queries that have no sample, with what Prometheus says.
async fn still_empty(prometheus: &Prometheus, queries: &[Query]) -> Vec<(Query, String)> {
    let mut empty = Vec::new();
    for query in queries {
        match prometheus.query(&query.shown()).await {
            Ok(samples) if samples.iter().any(|sample| !sample.value.is_nan()) => {}
            Ok(samples) if samples.is_empty() => empty.push((query.clone(), "nothing".to_owned())),
            Ok(_) => empty.push((query.clone(), "NaN alone".to_owned())),
            Err(error) => empty.push((query.clone(), format!("{error:#}"))),
        }
    }
    empty
}

/// What alarmed while every rule was evaluated for so long, or some times.
async fn alarms(prometheus: &Prometheus, soak: Option<Duration>) -> String {
    let iterations = "min(prometheus_rule_group_iterations_total)";
    let begun = prometheus.query(iterations).await.unwrap().first().map_or(0.0, |sample| sample.value);
    let (count, within) = match soak {
        Some(soak) => (u32::try_from(soak.as_secs() / INTERVAL.as_secs()).unwrap(), soak + PATIENCE),
        None => (EVALUATIONS, PATIENCE),
    };
    let end = begun + f64::from(count);
    let evaluated = prometheus.wait_for(within, iterations, |samples| {
        samples.first().filter(|sample| sample.value >= end).map(drop)
    });
    evaluated.await.unwrap();
    // from the very start, and those that hang about and never come to fire, too
    let range = format!("{}s", (within + PATIENCE + PATIENCE).as_secs());
    let pending_long = count / 2;
    let mut report = String::new();
    for (state, least) in [("firing", 0), ("pending", pending_long)] {
        let fired =
            format!("count_over_time(ALERTS{{alertstate=\"{state}\", {ALLOWED}}}[{range}]) > {least}");
        for sample in prometheus.query(&fired).await.unwrap() {
            writeln!(report, "{state} at {} evaluations: {:?}", sample.value, sample.labels).unwrap();
        }
    }
    report
}
