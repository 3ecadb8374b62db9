//! The keys of the prober `icmp`: blackbox_exporter's, and those for more than one packet.

use std::net::IpAddr;
use std::time::Duration;

use toolkit::config::Fields;

use super::socket::Sending;
use crate::probe::{Preference, tcp};

/// Bytes of a packet's payload when nothing is said, as blackbox_exporter has it.
const USUAL_SIZE: usize = 28;

/// Bytes of the largest payload that a packet of IPv4 holds.
const LARGEST_SIZE: i64 = 65507;

/// Routers on the way, when nothing is said.
const USUAL_TTL: u8 = 64;

/// Packets of one probe.
const MOST_PACKETS: i64 = 1000;

/// Time between packets, when nothing is said. Five packets fit in a second.
const USUAL_INTERVAL: Duration = Duration::from_millis(200);

/// Shortest and longest time between packets.
const INTERVALS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_mins(1));

/// How a host is pinged.
#[derive(Clone, Debug)]
pub struct Icmp {
    pub(super) preference: Preference,
    pub(super) source: Option<IpAddr>,
    pub(super) size: usize,
    pub(super) sending: Sending,
    pub(super) count: usize,
    pub(super) interval: Duration,
    /// The part of the packets that may be lost; without it, one answer is enough.
    pub(super) max_loss: Option<f64>,
}

impl Default for Icmp {
    fn default() -> Self {
        Self {
            preference: Preference::default(),
            source: None,
            size: USUAL_SIZE,
            sending: Sending { ttl: USUAL_TTL, dont_fragment: false },
            count: 1,
            interval: USUAL_INTERVAL,
            max_loss: None,
        }
    }
}

impl Icmp {
    /// Reads the section.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Self {
        let usual = Self::default();
        let size = fields.integer("payload_size", 0..=LARGEST_SIZE);
        let size = size.and_then(|size| usize::try_from(size).ok());
        let ttl = fields.integer("ttl", 0..=u8::MAX.into()).and_then(|ttl| u8::try_from(ttl).ok());
        let count = fields.integer("count", 1..=MOST_PACKETS).and_then(|count| usize::try_from(count).ok());
        Self {
            preference: Preference::decode(fields),
            source: tcp::source(fields),
            // zero is what blackbox_exporter takes for nothing said
            size: size.filter(|size| *size > 0).unwrap_or(usual.size),
            sending: Sending {
                ttl: ttl.filter(|ttl| *ttl > 0).unwrap_or(usual.sending.ttl),
                dont_fragment: fields.bool("dont_fragment").unwrap_or(false),
            },
            count: count.unwrap_or(usual.count),
            interval: interval(fields).unwrap_or(usual.interval),
            max_loss: max_loss(fields),
        }
    }
}

fn interval(fields: &mut Fields<'_>) -> Option<Duration> {
    let (shortest, longest) = INTERVALS;
    let interval = fields.duration("interval");
    if interval.is_some_and(|interval| !(shortest..=longest).contains(&interval)) {
        fields.problem("interval", "expected 10ms to 1m");
    }
    interval
}

fn max_loss(fields: &mut Fields<'_>) -> Option<f64> {
    let loss = fields.float("max_loss");
    if loss.is_some_and(|loss| !(0.0..1.0).contains(&loss)) {
        fields.problem("max_loss", "expected a part of the packets, from 0 to less than 1");
    }
    loss
}

#[cfg(test)]
mod tests {
    use toolkit::config::Document;

    use super::*;

    fn read(text: &str) -> Result<Icmp, String> {
        let document = Document::parse("x.yml", text).unwrap();
        document.decode(|mut fields| Icmp::decode(&mut fields)).map_err(|error| error.to_string())
    }

    #[test]
    fn keys() {
        let usual = read("{}").unwrap();
        assert_eq!((usual.size, usual.count, usual.max_loss, usual.source), (28, 1, None, None));
        assert_eq!(usual.sending, Sending { ttl: 64, dont_fragment: false });
        assert_eq!(read("{payload_size: 0, ttl: 0}").unwrap().size, 28);
        let all = read(
            "{payload_size: 65507, ttl: 255, dont_fragment: true, count: 5, interval: 1s, max_loss: 0.2, source_ip_address: ::1}",
        );
        let all = all.unwrap();
        assert_eq!(all.sending, Sending { ttl: 255, dont_fragment: true });
        assert_eq!((all.size, all.count, all.interval), (65507, 5, Duration::from_secs(1)));
        assert_eq!((all.max_loss, all.source), (Some(0.2), Some("::1".parse().unwrap())));
    }

    #[test]
    fn what_cannot_be_is_told() {
        for (text, expected) in [
            ("{ttl: -1}", "ttl"),
            ("{ttl: 256}", "255"),
            ("{payload_size: 65508}", "65507"),
            ("{count: 0}", "count"),
            ("{interval: 5ms}", "expected 10ms to 1m"),
            ("{max_loss: 1}", "expected a part of the packets"),
            ("{source_ip_address: here}", "source_ip_address"),
            ("{packets: 3}", "unknown key"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
