//! What only the prober `icmp` finds.

use std::time::Duration;

use netprobe::phase::Phase;
use toolkit::expo::{Desc, Kind, Samples};

use super::socket::Mode;
use crate::outcome::Outcome;
use crate::probe::gauge;

/// What became of a probe's packets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IcmpFacts {
    /// What it took to have a socket.
    pub(super) setup: Duration,
    /// The kind of the socket.
    pub(super) mode: Option<Mode>,
    pub(super) sent: usize,
    /// The times of the answers.
    pub(super) times: Vec<Duration>,
    /// Over how many routers the last answer might still have gone.
    pub(super) hop_limit: Option<u8>,
}

const DURATION: Desc<'_> = Desc {
    name: "icmp_duration_seconds",
    help: "Duration of the ping by phase (prober icmp): rtt is that of the answers on average; 0 for what was not reached.",
    kind: Kind::Gauge,
    labels: &["phase"],
};
const HOP_LIMIT: Desc<'_> =
    gauge("icmp_reply_hop_limit", "Hop limit of the last answer, the time to live in IPv4 (prober icmp).");
const SENT: Desc<'_> = gauge("icmp_packets_sent", "Packets sent (prober icmp).");
const RECEIVED: Desc<'_> = gauge("icmp_packets_received", "Packets answered in time (prober icmp).");
const LOSS: Desc<'_> =
    gauge("icmp_packet_loss_ratio", "The part of the packets that was not answered (prober icmp).");
const RTT: Desc<'_> = Desc {
    name: "icmp_rtt_seconds",
    help: "Round-trip times of the answers: min, avg, max, mdev, as ping has them (prober icmp).",
    kind: Kind::Gauge,
    labels: &["stat"],
};
const SOCKET: Desc<'_> = Desc {
    name: "icmp_socket_info",
    help: "Which kind of socket is used (prober icmp): unprivileged or raw; always 1.",
    kind: Kind::Gauge,
    labels: &["mode"],
};

/// Round-trip times in numbers, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Statistics {
    pub(super) min: f64,
    pub(super) avg: f64,
    pub(super) max: f64,
    /// The standard deviation.
    pub(super) mdev: f64,
}

impl Statistics {
    /// `None` when there is no time.
    pub(super) fn of(times: &[Duration]) -> Option<Self> {
        let seconds = || times.iter().map(Duration::as_secs_f64);
        let count = f64::from(u32::try_from(times.len()).unwrap_or(u32::MAX));
        let avg = if times.is_empty() { return None } else { seconds().sum::<f64>() / count };
        let variance = seconds().map(|time| (time - avg).powi(2)).sum::<f64>() / count;
        let (min, max) = (seconds().fold(f64::INFINITY, f64::min), seconds().fold(0.0, f64::max));
        Some(Self { min, avg, max, mdev: variance.sqrt() })
    }
}

impl IcmpFacts {
    /// What there may be on the page.
    pub(crate) const METRICS: &'static [Desc<'static>] =
        &[DURATION, HOP_LIMIT, SENT, RECEIVED, LOSS, RTT, SOCKET];

    /// The part of the packets that was not answered.
    pub(crate) fn loss(&self) -> f64 {
        let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        if self.sent == 0 { 1.0 } else { 1.0 - number(self.times.len()) / number(self.sent) }
    }

    /// Writes what was found.
    pub(crate) fn write(&self, outcome: &Outcome, samples: &mut Samples) {
        let resolve = outcome.timings.get(Phase::Resolve).unwrap_or_default();
        let statistics = Statistics::of(&self.times);
        for (phase, seconds) in [
            ("resolve", resolve.as_secs_f64()),
            ("setup", self.setup.as_secs_f64()),
            ("rtt", statistics.map_or(0.0, |statistics| statistics.avg)),
        ] {
            samples.add(&DURATION, &[phase], seconds);
        }
        if let Some(limit) = self.hop_limit {
            samples.add(&HOP_LIMIT, &[], limit.into());
        }
        if let Some(mode) = self.mode {
            samples.add(&SOCKET, &[mode.as_str()], 1.0);
        }
        if self.sent == 0 {
            return;
        }
        let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        samples.add(&SENT, &[], number(self.sent));
        samples.add(&RECEIVED, &[], number(self.times.len()));
        samples.add(&LOSS, &[], self.loss());
        if let Some(Statistics { min, avg, max, mdev }) = statistics {
            for (stat, value) in [("min", min), ("avg", avg), ("max", max), ("mdev", mdev)] {
                samples.add(&RTT, &[stat], value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics() {
        assert_eq!(Statistics::of(&[]), None);
        let found = Statistics::of(&[1, 2, 3, 4].map(Duration::from_secs)).unwrap();
        assert_eq!((found.min, found.avg, found.max), (1.0, 2.5, 4.0));
        assert!((found.mdev - 1.118_033_988).abs() < 1e-9);
        let one = Statistics::of(&[Duration::from_millis(5)]).unwrap();
        assert_eq!(one, Statistics { min: 0.005, avg: 0.005, max: 0.005, mdev: 0.0 });
    }

    #[test]
    fn loss() {
        let facts =
            |sent, received| IcmpFacts { sent, times: vec![Duration::ZERO; received], ..Default::default() };
        for (sent, received, expected) in [(4, 4, 0.0_f64), (4, 3, 0.25), (4, 0, 1.0), (0, 0, 1.0)] {
            assert!((facts(sent, received).loss() - expected).abs() < 1e-9, "{sent} {received}");
        }
    }
}
