//! What only the prober `websocket` finds, under blackbox_exporter's names.

use std::time::Duration;

use netprobe::phase::Phase;
use toolkit::expo::{Desc, Kind, Samples};

use crate::outcome::Outcome;
use crate::probe::script::{EXPECT_INFO, Infos};

/// What was found of a websocket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebsocketFacts {
    /// The status of the answer to the upgrade; 0 without one.
    pub status: u16,
    /// Whether it is a websocket.
    pub upgraded: bool,
    /// Whether a message, or its absence, was not what was waited for.
    pub failed_due_to_regex: bool,
    /// What was taken from the messages.
    pub infos: Infos,
    /// How long TLS and upgrade took, when it came to that.
    pub processing: Option<Duration>,
    /// How long the script took, when it came to that.
    pub transfer: Option<Duration>,
}

const STATUS_CODE: Desc<'_> = Desc {
    name: "websocket_status_code",
    help: "The HTTP status of the answer to the upgrade; 0 where none came.",
    kind: Kind::Gauge,
    labels: &[],
};

const UPGRADED: Desc<'_> = Desc {
    name: "websocket_connection_upgraded",
    help: "Whether the server made the connection a websocket.",
    kind: Kind::Gauge,
    labels: &[],
};

const FAILED_DUE_TO_REGEX: Desc<'_> = Desc {
    name: "websocket_failed_due_to_regex",
    help: "Whether a message came that an entry did not wait for, or the server ended it before one came.",
    kind: Kind::Gauge,
    labels: &[],
};

const DURATION: Desc<'_> = Desc {
    name: "websocket_duration_seconds",
    help: "What the phases took that were reached: processing is TLS and upgrade, transfer is all messages.",
    kind: Kind::Gauge,
    labels: &["phase"],
};

impl WebsocketFacts {
    /// All that it writes.
    pub(crate) const METRICS: &[Desc<'static>] =
        &[STATUS_CODE, UPGRADED, FAILED_DUE_TO_REGEX, DURATION, EXPECT_INFO];

    /// Writes it.
    pub(crate) fn write(&self, outcome: &Outcome, samples: &mut Samples) {
        samples.add(&STATUS_CODE, &[], f64::from(self.status));
        samples.add(&UPGRADED, &[], f64::from(self.upgraded));
        samples.add(&FAILED_DUE_TO_REGEX, &[], f64::from(self.failed_due_to_regex));
        let timings = &outcome.timings;
        for (phase, took) in [
            ("resolve", timings.get(Phase::Resolve)),
            ("connect", timings.get(Phase::Connect)),
            ("processing", self.processing),
            ("transfer", self.transfer),
        ] {
            if let Some(took) = took {
                samples.add(&DURATION, &[phase], took.as_secs_f64());
            }
        }
        self.infos.write(samples);
    }
}
