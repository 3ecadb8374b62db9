//! What only the prober `postgres` finds.

use std::time::Duration;

use toolkit::expo::{Desc, Kind, Samples};

/// What a PostgreSQL said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PostgresFacts {
    /// How long it took to log in, once it was connected.
    pub login: Option<Duration>,
    /// How long it took to answer the query.
    pub query: Option<Duration>,
    /// The number that the module's own query returned.
    pub value: Option<f64>,
    /// The code of the server's error, as SQL has it.
    pub sqlstate: Option<String>,
}

const DURATION: Desc<'_> = Desc {
    name: "postgres_duration_seconds",
    help: "How long it took to log in and to answer the query (prober postgres); only what was reached.",
    kind: Kind::Gauge,
    labels: &["phase"],
};
const VALUE: Desc<'_> = Desc {
    name: "postgres_query_value",
    help: "The number that the module's query returned (prober postgres).",
    kind: Kind::Gauge,
    labels: &[],
};
const ERROR: Desc<'_> = Desc {
    name: "postgres_error_info",
    help: "The SQLSTATE of the error with which the server answered (prober postgres); always 1.",
    kind: Kind::Gauge,
    labels: &["sqlstate"],
};

impl PostgresFacts {
    /// What there may be on the page.
    pub(crate) const METRICS: &'static [Desc<'static>] = &[DURATION, VALUE, ERROR];

    /// Writes what was found.
    pub(crate) fn write(&self, samples: &mut Samples) {
        for (phase, took) in [("login", self.login), ("query", self.query)] {
            if let Some(took) = took {
                samples.add(&DURATION, &[phase], took.as_secs_f64());
            }
        }
        if let Some(value) = self.value {
            samples.add(&VALUE, &[], value);
        }
        if let Some(sqlstate) = &self.sqlstate {
            samples.add(&ERROR, &[sqlstate], 1.0);
        }
    }
}
