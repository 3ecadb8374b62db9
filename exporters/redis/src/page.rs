//! The page of one target: visit its nodes, render the parts, add what the exporter knows about the visits.
//!
//! A target is one node, or all nodes of a cluster, told apart by labels. Invariant: whatever happens to the target,
//! the page is there by the deadline and says `up`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use toolkit::clock::Clock;
use toolkit::expo::{Desc, Kind, Page, Samples};
use toolkit::scrape::{Collector, Scrape, collect_all, none_collected};
use tracing::{info, warn};

use crate::collectors::clients::aggregates::Aggregates;
use crate::collectors::rdb_file::RdbFile;
use crate::collectors::{Reading, Rendering};
use crate::command::Command;
use crate::config::Config;
use crate::custom::commands::Commands;
use crate::custom::scripts::Scripts;
use crate::error::{LinkError, Reason};
use crate::gather::{Gathered, gather};
use crate::info::Info;
use crate::kept::{Kept, Notes};
use crate::keys::checks::Checks;
use crate::keys::{KeyChecks, Scope};
use crate::output::{NodeLabel, Output};
use crate::reply::Reply;
use crate::session::Link;
use crate::target::Target;

const UP: Desc<'_> = Desc {
    name: "up",
    help: "Whether the server answered INFO in this scrape.",
    kind: Kind::Gauge,
    labels: &[],
};
const READY: Desc<'_> = Desc {
    name: "ready",
    help: "Whether the server answered and can be used: it loads no dump, and a replica's link to its master is up.",
    ..UP
};
const SCRAPES: Desc<'_> = Desc {
    name: "exporter_scrapes_total",
    help: "Scrapes of this target.",
    kind: Kind::Counter,
    labels: &[],
};
const SCRAPE_DURATION: Desc<'_> = Desc {
    name: "exporter_scrape_duration_seconds",
    help: "How long the scrapes of this target took.",
    kind: Kind::Summary,
    labels: &[],
};
const LAST_ERROR: Desc<'_> = Desc {
    name: "exporter_last_scrape_error",
    help: "Whether this scrape failed; err is the reason, one of a closed set of words.",
    kind: Kind::Gauge,
    labels: &["err"],
};
const LAST_DURATION: Desc<'_> = Desc {
    name: "exporter_last_scrape_duration_seconds",
    help: "How long this scrape took.",
    kind: Kind::Gauge,
    labels: &[],
};
const CONNECT_TIME: Desc<'_> = Desc {
    name: "exporter_last_scrape_connect_time_seconds",
    help: "How long this scrape waited for a connection; next to nothing when one was kept.",
    ..LAST_DURATION
};
const PING_TIME: Desc<'_> = Desc {
    name: "exporter_last_scrape_ping_time_seconds",
    help: "How long a PING took in this scrape.",
    ..LAST_DURATION
};
/// redis_exporter shows this also while it checks no key groups.
const KEY_GROUPS_DURATION: Desc<'_> = Desc {
    name: "last_key_groups_scrape_duration_milliseconds",
    help: "How long the last check of key groups took; 0 while none are checked.",
    ..LAST_DURATION
};
const CERTIFICATE_END: Desc<'_> = Desc {
    name: "tls_peer_cert_not_after_timestamp_seconds",
    help: "When the certificate ends that the server shows us, in Unix time; also of one that is not trusted.",
    ..LAST_DURATION
};
const CAPABILITY: Desc<'_> = Desc {
    name: "exporter_capability",
    help: "Whether the server lets us use the command; one that it denies or lacks is asked again every ten minutes.",
    kind: Kind::Gauge,
    labels: &["feature"],
};

/// What is about the visit of a target and not from it.
pub const METRICS: [Desc<'_>; 11] = [
    UP,
    READY,
    SCRAPES,
    SCRAPE_DURATION,
    LAST_ERROR,
    LAST_DURATION,
    CONNECT_TIME,
    PING_TIME,
    KEY_GROUPS_DURATION,
    CERTIFICATE_END,
    CAPABILITY,
];

/// A server that is visited for a target's page.
#[derive(Clone)]
pub struct Node {
    /// Where it is.
    pub target: Target,
    /// How it is reached.
    pub link: Link,
    /// What is kept for it.
    pub kept: Arc<Kept>,
    /// What tells its samples from those of other nodes of the page; empty for a target that is one node.
    pub labels: Vec<NodeLabel>,
    /// How long its visit may take, where that is less than the scrape's time.
    pub patience: Option<Duration>,
}

/// A node that answered, for collectors that ask it more.
pub struct Reached<'a> {
    /// The node.
    pub node: &'a Node,
    /// The labels of its samples.
    pub labels: &'a [NodeLabel],
}

/// A node and what its visit brought.
struct Visit<'a> {
    node: &'a Node,
    gathered: Gathered,
    /// The node's labels, with the role that it says it has.
    plain: Vec<NodeLabel>,
    /// The same and the label of the role that is asked for by a flag.
    labels: Vec<NodeLabel>,
    took: Duration,
}

impl Visit<'_> {
    fn info(&self) -> Info<'_> {
        let text = self.gathered.answers.reply(Command::Info).ok().flatten().and_then(Reply::text);
        Info::parse(text.unwrap_or_default())
    }

    /// Why the scrape of this node failed; `None` when nothing did.
    fn failure(&self, up: bool) -> Option<Reason> {
        let refused = self.gathered.answers.reply(Command::Info).err();
        let failure = self.gathered.error.as_ref().map(LinkError::reason).or(refused);
        if up { failure } else { Some(failure.unwrap_or(Reason::Protocol)) }
    }
}

/// Writes the page of `nodes`. `others` are collectors that are not rendered from the visits; they run when a node
/// is up.
pub async fn write(
    config: &Config,
    (checks, scope): (&Arc<Checks>, Scope<'_>),
    nodes: &[Node],
    others: &[&dyn Collector],
    clock: &Clock,
    scrape: &Scrape,
    page: &mut Page,
) {
    let visits = join_all(nodes.iter().map(|node| visit(config, node, scrape))).await;
    let infos: Vec<Info<'_>> = visits.iter().map(Visit::info).collect();
    let told = visits.iter().zip(&infos).filter(|(_, info)| !info.is_empty());
    let readings: Vec<Reading<'_>> =
        told.map(|(visit, info)| reading(config, visit, info.clone(), clock)).collect();
    if readings.is_empty() {
        let all: Vec<Reached<'_>> =
            visits.iter().map(|visit| Reached { node: visit.node, labels: &visit.labels }).collect();
        let aside = aside(config, &all);
        let names = config.parts().map(|part| part.name).chain(others.iter().map(|other| other.name()));
        none_collected(&config.namespace, names.chain(aside.iter().map(|collector| collector.name())), page);
    } else if let Some(first) = nodes.first() {
        let parts: Vec<Rendering<'_>> =
            config.parts().map(|part| Rendering { part, readings: &readings }).collect();
        let reached: Vec<Reached<'_>> = visits
            .iter()
            .zip(&infos)
            .filter(|(_, info)| !info.is_empty())
            .map(|(visit, _)| Reached { node: visit.node, labels: &visit.labels })
            .collect();
        let mut aside = aside(config, &reached);
        if config.show.rdb_file {
            aside.push(Box::new(RdbFile { readings: &readings }));
        }
        if !checks.is_empty() {
            let visited = reached.iter().map(|reached| reached.node).zip(&readings).collect();
            aside.push(Box::new(KeyChecks { checks, scope, visited, now: clock.unix_seconds() }));
        }
        let collectors: Vec<&dyn Collector> = parts
            .iter()
            .map(|part| part as &dyn Collector)
            .chain(aside.iter().map(|collector| collector.as_ref() as &dyn Collector))
            .chain(others.iter().copied())
            .collect();
        collect_all(&config.namespace, scrape, &collectors, &first.kept.failures, page).await;
    }
    let mut samples = Samples::new(&config.namespace);
    for (visit, info) in visits.iter().zip(&infos) {
        account(visit, info, &mut samples);
    }
    page.section(samples);
}

/// Collectors that ask the nodes more, on their side connections.
fn aside<'a>(config: &'a Config, nodes: &'a [Reached<'a>]) -> Vec<Box<dyn Collector + 'a>> {
    let mut collectors: Vec<Box<dyn Collector + 'a>> = Vec::new();
    if config.show.client_aggregates {
        collectors.push(Box::new(Aggregates { nodes }));
    }
    if !config.scripts.is_empty() {
        collectors.push(Box::new(Scripts { nodes, scripts: &config.scripts }));
    }
    if nodes.iter().any(|reached| !reached.node.link.custom.is_empty()) {
        collectors.push(Box::new(Commands { nodes }));
    }
    collectors
}

async fn visit<'a>(config: &Config, node: &'a Node, scrape: &Scrape) -> Visit<'a> {
    let began = Instant::now();
    let deadline = node.patience.map_or(scrape.deadline, |patience| scrape.deadline.min(began + patience));
    let gathered = gather(&node.kept, &node.link, deadline).await;
    let took = began.elapsed();
    let mut visit = Visit { node, gathered, plain: node.labels.clone(), labels: Vec::new(), took };
    let role = visit.info().get("role").unwrap_or_default().to_owned();
    // after a failover the node knows better than the one that told about it
    for (_, value) in visit.plain.iter_mut().filter(|(label, _)| *label == "role" && !role.is_empty()) {
        value.clone_from(&role);
    }
    visit.labels.clone_from(&visit.plain);
    if config.show.role_label {
        visit.labels.push(("instance_role", role));
    }
    visit
}

/// What the parts are rendered from.
fn reading<'a>(config: &'a Config, visit: &'a Visit<'_>, info: Info<'a>, clock: &Clock) -> Reading<'a> {
    let Gathered { answers, server, .. } = &visit.gathered;
    let mut notes = visit.node.kept.notes();
    let now = clock.unix_seconds();
    let started = started(&info, now, &mut notes);
    Arc::make_mut(&mut notes.memory).observe(&info, answers, &config.show, Instant::now());
    let memory = Arc::clone(&notes.memory);
    Reading { info, answers, server, show: &config.show, now, started, memory, labels: &visit.labels }
}

/// What this scrape of a node came to, and all scrapes of it together.
fn account(visit: &Visit<'_>, info: &Info<'_>, samples: &mut Samples) {
    let up = !info.is_empty();
    let failure = visit.failure(up);
    log_change(&visit.node.target, &visit.gathered, failure, &visit.node.kept);

    let mut notes = visit.node.kept.notes();
    notes.scrapes += 1;
    notes.seconds += visit.took.as_secs_f64();
    // these two are never labelled with the role by redis_exporter
    let mut plain = Output::new(samples, &visit.plain);
    plain.set(&CONNECT_TIME, visit.gathered.connecting.as_secs_f64());
    plain.add(&PING_TIME, &[], visit.gathered.ping.map(|ping| ping.as_secs_f64()));

    let mut output = Output::new(samples, &visit.labels);
    output.set(&UP, f64::from(up));
    output.set(&READY, f64::from(up && is_ready(info)));
    output.add(&LAST_ERROR, &[failure.map_or("", Reason::as_str)], f64::from(failure.is_some()));
    output.set(&LAST_DURATION, visit.took.as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "no process makes 2^53 scrapes")]
    output.set(&SCRAPES, notes.scrapes as f64);
    output.summary(&SCRAPE_DURATION, &[], &[], notes.seconds, notes.scrapes);
    if up {
        let took = visit.node.kept.passes.groups_took().unwrap_or_default();
        output.set(&KEY_GROUPS_DURATION, took.as_secs_f64() * MILLISECONDS);
    }
    #[expect(clippy::cast_precision_loss, reason = "no certificate lasts for 2^53 seconds")]
    output.add(&CERTIFICATE_END, &[], visit.gathered.not_after.map(|seconds| seconds as f64));
    let mut told: Vec<&str> = Vec::new();
    for (command, able) in visit.gathered.answers.capabilities() {
        let name = command.name();
        if !told.contains(&name) {
            told.push(name);
            output.add(&CAPABILITY, &[name], f64::from(able));
        }
    }
}

fn is_ready(info: &Info<'_>) -> bool {
    let says = |field: &str, word: &str| info.get(field).is_some_and(|value| value == word);
    !says("loading", "1") && !says("async_loading", "1") && !says("master_link_status", "down")
}

/// One line when a target begins to fail, fails otherwise than before, or is well again.
fn log_change(target: &Target, gathered: &Gathered, failure: Option<Reason>, kept: &Kept) {
    let before = std::mem::replace(&mut kept.notes().failing, failure);
    match failure {
        Some(reason) if before != failure => {
            let cause = gathered.error.as_ref().map(LinkError::chain).unwrap_or_default();
            warn!(%target, reason = reason.as_str(), cause, "the target cannot be scraped");
        }
        None if before.is_some() => info!(%target, "the target can be scraped again"),
        _ => {}
    }
}

/// When the server started. Both times are whole seconds and tick apart, so what was found first for a process
/// stays as long as it is about the same.
fn started(info: &Info<'_>, now: f64, notes: &mut Notes) -> Option<f64> {
    let uptime = info.number("uptime_in_seconds")?;
    let now = info.number("server_time_usec").map_or(now, |microseconds| microseconds / 1e6);
    let found = now.floor() - uptime;
    let process = info.get("run_id").unwrap_or_default();
    match &notes.started {
        Some((known, started)) if known == process && (started - found).abs() <= SAME_START => Some(*started),
        _ => {
            notes.started = Some((process.to_owned(), found));
            Some(found)
        }
    }
}

/// Milliseconds of a second.
const MILLISECONDS: f64 = 1e3;

/// Seconds by which the start of one process may seem to move.
const SAME_START: f64 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_process_does_not_jitter() {
        let mut notes = Notes::default();
        for (info, now, expected) in [
            ("", 100.0, None),
            ("run_id:a\nuptime_in_seconds:10", 100.9, Some(90.0)),
            ("run_id:a\nuptime_in_seconds:10", 101.1, Some(90.0)),
            ("run_id:a\nuptime_in_seconds:12\nserver_time_usec:101900000", 0.0, Some(90.0)),
            ("run_id:b\nuptime_in_seconds:10", 101.1, Some(91.0)),
            ("run_id:b\nuptime_in_seconds:0", 200.0, Some(200.0)),
        ] {
            assert_eq!(started(&Info::parse(info), now, &mut notes), expected, "{info}");
        }
    }

    #[test]
    fn a_server_is_ready_when_it_can_be_used() {
        for (info, expected) in [
            ("loading:0\nrole:master", true),
            ("role:master", true),
            ("loading:1", false),
            ("loading:0\nasync_loading:1", false),
            ("role:slave\nmaster_link_status:up", true),
            ("role:slave\nmaster_link_status:down", false),
        ] {
            assert_eq!(is_ready(&Info::parse(info)), expected, "{info}");
        }
    }
}
