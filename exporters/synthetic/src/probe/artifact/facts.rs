//! What only the prober `artifact` finds.

use toolkit::expo::{Desc, Kind, Samples};

use crate::metrics::float;

/// What is there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArtifactFacts {
    /// How many there are; `None` when that could not be found out.
    pub count: Option<u64>,
    /// The newest of them.
    pub newest: Option<Newest>,
}

/// The newest artifact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Newest {
    /// When it was written last, in Unix time.
    pub modified: f64,
    /// Seconds since then.
    pub age: f64,
    /// Its bytes.
    pub size: u64,
}

const COUNT: Desc<'_> = Desc {
    name: "artifact_count",
    help: "How many files or objects the target means (prober artifact).",
    kind: Kind::Gauge,
    labels: &[],
};
const MODIFIED: Desc<'_> = Desc {
    name: "artifact_newest_timestamp_seconds",
    help: "When the newest of them was written last, in Unix time.",
    kind: Kind::Gauge,
    labels: &[],
};
const AGE: Desc<'_> = Desc {
    name: "artifact_newest_age_seconds",
    help: "How old the newest of them was when it was probed.",
    kind: Kind::Gauge,
    labels: &[],
};
const SIZE: Desc<'_> = Desc {
    name: "artifact_newest_size_bytes",
    help: "How large the newest of them is.",
    kind: Kind::Gauge,
    labels: &[],
};

impl ArtifactFacts {
    /// What there may be on the page.
    pub(crate) const METRICS: &'static [Desc<'static>] = &[COUNT, MODIFIED, AGE, SIZE];

    /// Writes what was found.
    pub(crate) fn write(&self, samples: &mut Samples) {
        if let Some(count) = self.count {
            samples.add(&COUNT, &[], float(count));
        }
        if let Some(newest) = self.newest {
            samples.add(&MODIFIED, &[], newest.modified);
            samples.add(&AGE, &[], newest.age);
            samples.add(&SIZE, &[], float(newest.size));
        }
    }
}
