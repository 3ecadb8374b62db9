//! What only the prober `dns` finds.

use netprobe::phase::{Phase, Timings};
use toolkit::expo::{Desc, Kind, Samples};

use super::codes::rcode_text;
use super::message::Flags;
use crate::outcome::Outcome;
use crate::probe::gauge;

/// What a name server answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DnsFacts {
    pub(super) answered: Option<Answered>,
}

/// An answer, in numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answered {
    pub(super) rcode: u16,
    pub(super) flags: Flags,
    /// Records of the sections answer, authority and additional.
    pub(super) counts: [usize; 3],
    /// The serial number of the zone, when that was asked; 0 when it was not answered.
    pub(super) serial: Option<u32>,
    /// Whether it was asked for again over TCP.
    pub(super) retried: bool,
}

const DURATION: Desc<'_> = Desc {
    name: "dns_duration_seconds",
    help: "Duration of the request by phase (prober dns); 0 for what was not reached.",
    kind: Kind::Gauge,
    labels: &["phase"],
};
const SUCCEEDED: Desc<'_> =
    gauge("dns_query_succeeded", "Whether the server answered, whatever the answer says (prober dns).");
const COUNTS: [Desc<'_>; 3] = [
    gauge("dns_answer_rrs", "Records in the section answer (prober dns)."),
    gauge("dns_authority_rrs", "Records in the section authority (prober dns)."),
    gauge("dns_additional_rrs", "Records in the section additional (prober dns)."),
];
const SERIAL: Desc<'_> = gauge("dns_serial", "The zone's serial number (prober dns, query_type SOA).");
const RCODE: Desc<'_> = Desc {
    name: "dns_rcode",
    help: "The code of the answer (prober dns); always 1.",
    kind: Kind::Gauge,
    labels: &["rcode"],
};
const FLAG: Desc<'_> = Desc {
    name: "dns_flag",
    help: "Whether the answer has this flag (prober dns): aa authoritative, tc truncated, ra recursion available, ad authenticated.",
    kind: Kind::Gauge,
    labels: &["flag"],
};
const RETRIED: Desc<'_> =
    gauge("dns_tcp_retried", "Whether the answer was truncated and asked for again over TCP (prober dns).");

impl DnsFacts {
    /// What there may be on the page.
    pub(crate) const METRICS: &'static [Desc<'static>] =
        &[DURATION, SUCCEEDED, COUNTS[0], COUNTS[1], COUNTS[2], SERIAL, RCODE, FLAG, RETRIED];

    /// Writes what was found.
    pub(crate) fn write(&self, outcome: &Outcome, samples: &mut Samples) {
        for (phase, of) in [
            ("resolve", &[Phase::Resolve][..]),
            ("connect", &[Phase::Connect, Phase::Tls]),
            ("request", &[Phase::Send, Phase::FirstByte, Phase::Transfer]),
        ] {
            samples.add(&DURATION, &[phase], seconds(&outcome.timings, of));
        }
        let none = Answered::default();
        let found = self.answered.as_ref().unwrap_or(&none);
        samples.add(&SUCCEEDED, &[], f64::from(self.answered.is_some()));
        for (desc, count) in COUNTS.iter().zip(found.counts) {
            samples.add(desc, &[], f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        }
        if let Some(answered) = &self.answered {
            answered.write(samples);
        }
    }
}

impl Answered {
    fn write(&self, samples: &mut Samples) {
        if let Some(serial) = self.serial {
            samples.add(&SERIAL, &[], serial.into());
        }
        samples.add(&RCODE, &[rcode_text(self.rcode)], 1.0);
        for (flag, set) in self.flags.shown() {
            samples.add(&FLAG, &[flag], f64::from(set));
        }
        samples.add(&RETRIED, &[], f64::from(self.retried));
    }
}

fn seconds(timings: &Timings, phases: &[Phase]) -> f64 {
    phases.iter().filter_map(|phase| timings.get(*phase)).sum::<std::time::Duration>().as_secs_f64()
}
