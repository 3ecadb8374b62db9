//! What only the probers `tcp` and `unix` find, under blackbox_exporter's names.

use toolkit::expo::{Desc, Kind, Samples};

use crate::outcome::Outcome;
use crate::probe::script::{EXPECT_INFO, Infos};

/// What a script found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TcpFacts {
    /// The connection was closed and no line had matched.
    pub failed_due_to_regex: bool,
    /// Other bytes came than were waited for.
    pub failed_due_to_bytes: bool,
    /// What was taken from the answers.
    pub infos: Infos,
}

const FAILED_DUE_TO_REGEX: Desc<'_> = Desc {
    name: "failed_due_to_regex",
    help: "Whether the connection was closed before a line came that matches an entry's `expect`.",
    kind: Kind::Gauge,
    labels: &[],
};

const FAILED_DUE_TO_BYTES: Desc<'_> = Desc {
    name: "failed_due_to_bytes",
    help: "Whether other bytes came than an entry's `expect_bytes`.",
    kind: Kind::Gauge,
    labels: &[],
};

impl TcpFacts {
    /// All that it writes.
    pub(crate) const METRICS: &[Desc<'static>] = &[FAILED_DUE_TO_REGEX, FAILED_DUE_TO_BYTES, EXPECT_INFO];

    /// Writes it.
    pub(crate) fn write(&self, _: &Outcome, samples: &mut Samples) {
        samples.add(&FAILED_DUE_TO_REGEX, &[], f64::from(self.failed_due_to_regex));
        samples.add(&FAILED_DUE_TO_BYTES, &[], f64::from(self.failed_due_to_bytes));
        self.infos.write(samples);
    }
}
