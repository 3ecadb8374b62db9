//! The page of one target: visit it, render the parts, add what the exporter knows about the visit.
//!
//! Invariant: whatever happens to the target, the page is there by the deadline and says `up`.

use std::time::Duration;

use tokio::time::Instant;
use toolkit::clock::Clock;
use toolkit::expo::{Desc, Kind, Page, Samples};
use toolkit::scrape::{Collector, Scrape, collect_all, none_collected};
use tracing::{info, warn};

use crate::collectors::{PARTS, Reading, Rendering};
use crate::command::Command;
use crate::config::Config;
use crate::error::{LinkError, Reason};
use crate::gather::{Gathered, gather};
use crate::info::Info;
use crate::kept::{Kept, Notes};
use crate::output::Output;
use crate::reply::Reply;
use crate::session::Link;
use crate::target::Target;

const UP: Desc<'_> = Desc {
    name: "up",
    help: "Whether the server answered INFO in this scrape.",
    kind: Kind::Gauge,
    labels: &[],
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

/// What is about the visit of a target and not from it.
pub const METRICS: [Desc<'_>; 8] =
    [UP, SCRAPES, SCRAPE_DURATION, LAST_ERROR, LAST_DURATION, CONNECT_TIME, PING_TIME, KEY_GROUPS_DURATION];

/// Writes the page of `target`.
pub async fn write(
    config: &Config,
    (target, link, kept): (&Target, &Link, &Kept),
    clock: &Clock,
    scrape: &Scrape,
    page: &mut Page,
) {
    let began = Instant::now();
    let gathered = gather(kept, link, scrape.deadline).await;
    let (info, failure) = match gathered.answers.reply(Command::Info) {
        Ok(reply) => (reply.and_then(Reply::text), None),
        Err(reason) => (None, Some(reason)),
    };
    let failure = gathered.error.as_ref().map(LinkError::reason).or(failure);
    let info = Info::parse(info.unwrap_or_default());
    let up = !info.is_empty();
    let failure = if up { failure } else { Some(failure.unwrap_or(Reason::Protocol)) };
    log_change(target, &gathered, failure, kept);

    let started = started(&info, clock.unix_seconds(), &mut kept.notes());
    let role = if config.show.role_label { Some(info.get("role").unwrap_or_default()) } else { None };
    if up {
        let Gathered { answers, server, .. } = &gathered;
        let reading = Reading { info: info.clone(), answers, server, show: config.show, started };
        let parts: Vec<Rendering<'_>> =
            PARTS.iter().map(|part| Rendering { part: *part, reading: &reading, role }).collect();
        let parts: Vec<&dyn Collector> = parts.iter().map(|part| part as &dyn Collector).collect();
        collect_all(&config.namespace, scrape, &parts, &kept.failures, page).await;
    } else {
        none_collected(&config.namespace, PARTS.iter().map(|part| part.name), page);
    }

    let mut samples = Samples::new(&config.namespace);
    samples.add(&CONNECT_TIME, &[], gathered.connecting.as_secs_f64());
    if let Some(ping) = gathered.ping {
        samples.add(&PING_TIME, &[], ping.as_secs_f64());
    }
    account(up, failure, began.elapsed(), &mut kept.notes(), &mut Output::new(&mut samples, role));
    page.section(samples);
}

/// What this scrape came to, and all scrapes of the target together.
fn account(up: bool, failure: Option<Reason>, took: Duration, notes: &mut Notes, output: &mut Output<'_>) {
    notes.scrapes += 1;
    notes.seconds += took.as_secs_f64();
    output.set(&UP, if up { 1.0 } else { 0.0 });
    let error = failure.map_or("", Reason::as_str);
    output.add(&LAST_ERROR, &[error], if failure.is_some() { 1.0 } else { 0.0 });
    output.set(&LAST_DURATION, took.as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "no process makes 2^53 scrapes")]
    output.set(&SCRAPES, notes.scrapes as f64);
    output.summary(&SCRAPE_DURATION, &[], &[], notes.seconds, notes.scrapes);
    if up {
        output.set(&KEY_GROUPS_DURATION, 0.0);
    }
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
}
