//! What only the prober `udp` finds.

use netprobe::phase::Phase;
use toolkit::expo::{Desc, Kind, Samples};

use crate::outcome::Outcome;

/// What answered a datagram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UdpFacts {
    /// The length of the answer.
    pub(super) reply_bytes: Option<usize>,
}

const RTT: Desc<'_> = Desc {
    name: "udp_rtt_seconds",
    help: "How long it took until the answer came (prober udp).",
    kind: Kind::Gauge,
    labels: &[],
};
const BYTES: Desc<'_> = Desc {
    name: "udp_reply_bytes",
    help: "Length of the answer (prober udp).",
    kind: Kind::Gauge,
    labels: &[],
};

impl UdpFacts {
    /// What there may be on the page.
    pub(crate) const METRICS: &'static [Desc<'static>] = &[RTT, BYTES];

    /// Writes what was found.
    pub(crate) fn write(&self, outcome: &Outcome, samples: &mut Samples) {
        if let Some(bytes) = self.reply_bytes {
            let phases = [Phase::Send, Phase::FirstByte].map(|phase| outcome.timings.get(phase));
            let took: std::time::Duration = phases.into_iter().flatten().sum();
            samples.add(&RTT, &[], took.as_secs_f64());
            samples.add(&BYTES, &[], f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)));
        }
    }
}
