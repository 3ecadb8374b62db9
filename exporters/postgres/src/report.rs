//! What a page says of the visit itself: `pg_up`, collectors, rights, sessions.

use std::collections::BTreeMap;
use std::time::Duration;

use toolkit::expo::{Desc, Kind, Samples};

use crate::conn::ConnError;
use crate::facts::Facts;
use crate::kept::Key;
use crate::render::Extra;
use crate::state::State;
use crate::visit::Visit;

/// Rights that collectors may need.
const RIGHTS: [&str; 4] = ["pg_monitor", "pg_read_all_settings", "pg_read_all_stats", "pg_stat_scan_tables"];

/// Extensions that collectors may need.
const EXTENSIONS: [&str; 3] = ["pg_stat_statements", "pg_buffercache", "pg_wait_sampling"];

const fn gauge(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Desc<'static> {
    Desc { name, help, kind: Kind::Gauge, labels }
}

const UP: Desc<'_> = gauge("pg_up", "Whether this scrape got a session and an answer (1) or not (0).", &[]);
const DOWN_REASON: Desc<'_> =
    gauge("pg_exporter_down_reason", "Why the server could not be asked; always 1.", &["reason"]);
const DURATION: Desc<'_> =
    gauge("pg_exporter_last_scrape_duration_seconds", "How long this visit to the server took.", &[]);
const SCRAPES: Desc<'_> = Desc {
    name: "pg_exporter_scrapes_total",
    help: "Visits to the server.",
    kind: Kind::Counter,
    labels: &[],
};
const ERROR: Desc<'_> = gauge(
    "pg_exporter_last_scrape_error",
    "Whether this visit lacks something that it should have given (1) or not (0).",
    &[],
);
const SUCCESS: Desc<'_> = gauge(
    "pg_scrape_collector_success",
    "Whether the collector gave all the server has (1), or failed or may not, at least in part (0).",
    &["collector"],
);
const SECONDS: Desc<'_> = gauge(
    "pg_scrape_collector_duration_seconds",
    "How long the collector took; summed over databases, and of the last run for results that are kept.",
    &["collector"],
);
const STATE: Desc<'_> = gauge(
    "pg_exporter_collector_state",
    "What became of a collector that did not give everything: unsupported, not_permitted or failed; always 1.",
    &["collector", "state"],
);
const CAPABILITY: Desc<'_> = gauge(
    "pg_exporter_capability",
    "Whether our role has a right, or the server an extension (1) or not (0); provider_X is 1 on a managed server.",
    &["name"],
);
const DATABASE_UP: Desc<'_> = gauge(
    "pg_exporter_database_up",
    "Whether the database could be asked in this scrape (1) or not (0).",
    &["datname", "reason"],
);
const SESSIONS: Desc<'_> = gauge("pg_exporter_sessions", "Sessions that we have on the server.", &["scope"]);
const AGE: Desc<'_> = gauge(
    "pg_exporter_collector_age_seconds",
    "How old the result of a collector is that does not run in every scrape.",
    &["collector", "datname"],
);

/// What is said of one visit.
pub struct Report<'a> {
    visit: &'a Visit,
    samples: Samples,
    collectors: BTreeMap<usize, (State, f64)>,
    up: bool,
    failed: bool,
}

/// Says how old a kept result is.
pub fn add_age(extra: &Extra, (collector, database): &Key, age: Duration, samples: &mut Samples) {
    add(extra, samples, &AGE, &[collector, database], age.as_secs_f64());
}

impl<'a> Report<'a> {
    /// Nothing is known yet.
    pub fn new(visit: &'a Visit) -> Self {
        Self { visit, samples: Samples::new(""), collectors: BTreeMap::new(), up: false, failed: false }
    }

    /// The server answered.
    pub fn up(&mut self, facts: &Facts) {
        self.up = true;
        if facts.console {
            return;
        }
        for right in RIGHTS {
            self.add(&CAPABILITY, &[right], truth(facts.has_right(right)));
        }
        self.add(&CAPABILITY, &["superuser"], truth(facts.superuser));
        for extension in EXTENSIONS {
            self.add(&CAPABILITY, &[extension], truth(facts.extensions.contains_key(extension)));
        }
        if !facts.provider.as_str().is_empty() {
            self.add(&CAPABILITY, &[&format!("provider_{}", facts.provider.as_str())], 1.0);
        }
    }

    /// The server could not be asked, so none of the collectors could.
    pub fn down(&mut self, error: &ConnError, collectors: &[usize]) {
        self.failed = true;
        self.add(&DOWN_REASON, &[error.reason().as_str()], 1.0);
        for index in collectors {
            self.collectors.insert(*index, (State::Failed(error.reason(), String::new()), 0.0));
        }
    }

    /// What became of a collector in one place.
    pub fn collector(&mut self, index: usize, state: State, seconds: f64) {
        match self.collectors.get_mut(&index) {
            None => {
                self.collectors.insert(index, (state, seconds));
            }
            Some(known) => {
                known.0 = std::mem::take(&mut known.0).and(state);
                known.1 += seconds;
            }
        }
    }

    /// Whether a database could be asked.
    pub fn database(&mut self, name: &str, error: Option<&ConnError>) {
        let reason = error.map_or("", |error| error.reason().as_str());
        self.add(&DATABASE_UP, &[name, reason], truth(error.is_none()));
        let state = error.map_or(State::Done, |error| State::Failed(error.reason(), error.chain()));
        self.visit.target.say(&format!("database {name}"), &state);
    }

    /// Writes the rest to the page.
    pub fn end(mut self, took: Duration, page: &mut Vec<Samples>) {
        let collectors = std::mem::take(&mut self.collectors);
        for (index, (state, seconds)) in &collectors {
            let Some(chosen) = self.visit.config.collectors.get(*index) else { continue };
            let name = chosen.collector.name.as_str();
            self.failed |= !state.succeeded();
            self.add(&SUCCESS, &[name], truth(state.succeeded()));
            self.add(&SECONDS, &[name], *seconds);
            if *state != State::Done {
                self.add(&STATE, &[name, state.as_str()], 1.0);
            }
            // while the server is down that is said once, not once for each collector
            if self.up {
                self.visit.target.say(name, state);
            }
        }
        let (up, failed) = (self.up, self.failed);
        self.add(&UP, &[], truth(up));
        self.add(&DURATION, &[], took.as_secs_f64());
        self.add(&ERROR, &[], truth(failed));
        let scrapes = {
            let mut notes = self.visit.target.notes();
            notes.scrapes += 1;
            notes.scrapes
        };
        #[expect(clippy::cast_precision_loss, reason = "nobody scrapes 2^53 times")]
        self.add(&SCRAPES, &[], scrapes as f64);
        let target = &self.visit.target;
        for (scope, slots) in [("cluster", &target.cluster), ("database", &target.databases)] {
            self.add(
                &SESSIONS,
                &[scope],
                f64::from(u32::try_from(slots.open_sessions()).unwrap_or(u32::MAX)),
            );
        }
        page.push(self.samples);
    }

    fn add(&mut self, desc: &Desc<'_>, values: &[&str], value: f64) {
        add(&self.visit.extra, &mut self.samples, desc, values, value);
    }
}

/// Adds a sample with the user's prefix and labels. `server` is told where several servers stand on the page.
fn add(extra: &Extra, samples: &mut Samples, desc: &Desc<'_>, values: &[&str], value: f64) {
    let name = extra.name(desc.name);
    let mut labels = desc.labels.to_vec();
    let mut values = values.to_vec();
    for (label, text) in &extra.constant {
        if !labels.contains(&label.as_str()) {
            labels.push(label);
            values.push(text);
        }
    }
    samples.add(&Desc { name: &name, labels: &labels, ..*desc }, &values, value);
}

fn truth(whether: bool) -> f64 {
    if whether { 1.0 } else { 0.0 }
}
