//! Echo requests and what comes back, in bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes before the payload.
pub(super) const HEADER: usize = 8;

/// Bytes of an IPv6 header.
const HEADER_V6: usize = 40;

/// What stands in the payload behind the cookie, so that people who watch their network know who asks.
const PATTERN: &[u8] = b"watchfire synthetic-exporter ";

/// How a packet lies in what a socket gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// ICMP of IPv4 behind its IP header, as raw sockets give it.
    V4WithHeader,
    /// ICMP of IPv4.
    V4,
    /// ICMP of IPv6; no socket gives the header.
    V6,
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received<'a> {
    /// An answer to an echo request.
    Reply {
        /// The number of the socket that asked.
        id: u16,
        /// The number of the question.
        sequence: u16,
        /// What the question held.
        payload: &'a [u8],
    },
    /// A router or host says that an echo request did not arrive.
    Undelivered {
        /// Where it was to go.
        destination: IpAddr,
        /// As in the request.
        id: u16,
        /// As in the request.
        sequence: u16,
        /// Why.
        why: Why,
    },
}

/// Why a packet did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// There is no way, or nobody there.
    Unreachable,
    /// It is forbidden.
    Prohibited,
    /// It does not fit, and may not be cut.
    TooBig,
    /// It went over as many routers as it may.
    HopLimit,
}

impl Why {
    /// For people.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "there is no way to the target, or nobody there",
            Self::Prohibited => "a router on the way forbids it",
            Self::TooBig => {
                "the packet is larger than the way carries uncut (hint: payload_size, dont_fragment)"
            }
            Self::HopLimit => "the packet went over as many routers as it may (hint: ttl)",
        }
    }
}

/// What an echo request holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Payload {
    /// What nobody guesses.
    pub(super) cookie: [u8; 8],
    /// Bytes, with those of the cookie. Fewer than eight cut it.
    pub(super) size: usize,
}

impl Payload {
    fn bytes(&self) -> impl Iterator<Item = u8> {
        self.cookie.into_iter().chain(PATTERN.iter().copied().cycle()).take(self.size)
    }

    /// Whether a reply holds it.
    pub(super) fn is(&self, bytes: &[u8]) -> bool {
        bytes.len() == self.size && self.bytes().eq(bytes.iter().copied())
    }
}

/// An echo request. The kernel puts the checksum of IPv6 in, and on unprivileged sockets the number too.
pub(super) fn request(is_v4: bool, id: u16, sequence: u16, payload: Payload) -> Vec<u8> {
    let mut packet = Vec::with_capacity(HEADER + payload.size);
    packet.extend([if is_v4 { 8 } else { 128 }, 0, 0, 0]);
    packet.extend(id.to_be_bytes());
    packet.extend(sequence.to_be_bytes());
    packet.extend(payload.bytes());
    if is_v4 {
        let sum = checksum(&packet).to_be_bytes();
        packet.splice(2..4, sum);
    }
    packet
}

/// The one's complement of the one's complement sum.
fn checksum(bytes: &[u8]) -> u16 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let last = rest.first().map_or(0, |byte| u64::from(*byte) << 8);
    let mut sum = pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum::<u64>() + last;
    while let carry @ 1.. = sum >> 16 {
        sum = (sum & 0xffff) + carry;
    }
    !u16::try_from(sum).unwrap_or_default()
}

/// Reads what a socket gave; `None` is what does not matter to us.
pub(super) fn read(form: Form, bytes: &[u8]) -> Option<Received<'_>> {
    let bytes = match form {
        Form::V4WithHeader => bytes.get(header_v4(bytes)?..)?,
        Form::V4 | Form::V6 => bytes,
    };
    let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
    let [kind, code, _, _, i, d, s, q] = *header;
    let (reply, is_v4) = if form == Form::V6 { (129, false) } else { (0, true) };
    if kind == reply {
        let (id, sequence) = (u16::from_be_bytes([i, d]), u16::from_be_bytes([s, q]));
        return Some(Received::Reply { id, sequence, payload: rest });
    }
    let why = why(is_v4, kind, code)?;
    let (destination, id, sequence) = if is_v4 { quoted_v4(rest)? } else { quoted_v6(rest)? };
    Some(Received::Undelivered { destination, id, sequence, why })
}

/// Reads what the kernel keeps of an error: our request, as the router quoted it, and what the router said.
pub(super) fn read_error(
    is_v4: bool,
    (kind, code): (u8, u8),
    destination: IpAddr,
    quoted: &[u8],
) -> Option<Received<'static>> {
    let why = why(is_v4, kind, code)?;
    let (id, sequence) = echo(quoted, if is_v4 { 8 } else { 128 })?;
    Some(Received::Undelivered { destination, id, sequence, why })
}

/// The time to live in an IPv4 header.
pub(super) fn hop_limit_v4(bytes: &[u8]) -> Option<u8> {
    bytes.get(8).copied()
}

fn header_v4(bytes: &[u8]) -> Option<usize> {
    let first = bytes.first()?;
    (first >> 4 == 4).then(|| usize::from(first & 15) * 4)
}

fn why(is_v4: bool, kind: u8, code: u8) -> Option<Why> {
    match (is_v4, kind, code) {
        (true, 3, 4) | (false, 2, _) => Some(Why::TooBig),
        (true, 3, 9 | 10 | 13) | (false, 1, 1 | 5 | 6) => Some(Why::Prohibited),
        (true, 3, _) | (false, 1, _) => Some(Why::Unreachable),
        (true, 11, 0) | (false, 3, 0) => Some(Why::HopLimit),
        _ => None,
    }
}

/// The beginning of our request, as a router quotes it.
fn quoted_v4(bytes: &[u8]) -> Option<(IpAddr, u16, u16)> {
    let header = header_v4(bytes)?;
    let destination = bytes.get(16..20)?.first_chunk::<4>()?;
    let is_icmp = bytes.get(9) == Some(&1);
    let (id, sequence) = echo(bytes.get(header..)?, 8).filter(|_| is_icmp)?;
    Some((Ipv4Addr::from(*destination).into(), id, sequence))
}

fn quoted_v6(bytes: &[u8]) -> Option<(IpAddr, u16, u16)> {
    let destination = bytes.get(24..HEADER_V6)?.first_chunk::<16>()?;
    let is_icmp = bytes.get(6) == Some(&58);
    let (id, sequence) = echo(bytes.get(HEADER_V6..)?, 128).filter(|_| is_icmp)?;
    Some((Ipv6Addr::from(*destination).into(), id, sequence))
}

fn echo(bytes: &[u8], kind: u8) -> Option<(u16, u16)> {
    let [found, _, _, _, i, d, s, q] = *bytes.first_chunk::<HEADER>()?;
    (found == kind).then(|| (u16::from_be_bytes([i, d]), u16::from_be_bytes([s, q])))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYLOAD: Payload = Payload { cookie: *b"cookies!", size: 12 };

    #[test]
    fn a_request_and_its_reply() {
        let v4 = request(true, 0x1234, 7, PAYLOAD);
        assert_eq!(v4[..2], [8, 0]);
        assert_eq!(v4[4..], *b"\x12\x34\0\x07cookies!watc");
        assert_eq!(checksum(&v4), 0);
        assert_eq!(checksum(&[1, 2, 3]), !(0x102 + 0x300));
        assert_eq!(request(false, 1, 2, PAYLOAD)[..8], [128, 0, 0, 0, 0, 1, 0, 2]);
        for (form, kind, before) in
            [(Form::V4, 0, vec![]), (Form::V4WithHeader, 0, vec![0x46; 24]), (Form::V6, 129, vec![])]
        {
            let mut reply = [before, v4.clone()].concat();
            let at = reply.len() - v4.len();
            assert_eq!(read(form, &reply), None, "our own request comes back on loopback");
            reply[at] = kind;
            let Some(Received::Reply { id: 0x1234, sequence: 7, payload }) = read(form, &reply) else {
                panic!("{reply:?}");
            };
            assert!(PAYLOAD.is(payload));
        }
    }

    #[test]
    fn a_payload_is_compared_whole() {
        for (payload, expected) in [
            (&b"cookies!watc"[..], true),
            (b"cookies!watx", false),
            (b"cookiez!watc", false),
            (b"cookies!watch", false),
            (b"cookies!wat", false),
        ] {
            assert_eq!(PAYLOAD.is(payload), expected, "{payload:?}");
        }
        assert!(Payload { size: 3, ..PAYLOAD }.is(b"coo"));
        assert!(Payload { size: 0, ..PAYLOAD }.is(b""));
    }

    #[test]
    fn what_a_router_says() {
        let request_v4 = request(true, 9, 8, PAYLOAD);
        let mut header_v4 = [0; 20];
        header_v4[0] = 0x45;
        header_v4[9] = 1;
        header_v4[16..].copy_from_slice(&[192, 0, 2, 1]);
        let request_v6 = request(false, 9, 8, PAYLOAD);
        let mut header_v6 = [0; 40];
        header_v6[6] = 58;
        header_v6[24..].copy_from_slice(&"2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        for (form, kind, code, expected) in [
            (Form::V4, 3, 1, Some(Why::Unreachable)),
            (Form::V4, 3, 13, Some(Why::Prohibited)),
            (Form::V4, 3, 4, Some(Why::TooBig)),
            (Form::V4, 11, 0, Some(Why::HopLimit)),
            (Form::V4, 11, 1, None),
            (Form::V4, 5, 0, None),
            (Form::V6, 1, 0, Some(Why::Unreachable)),
            (Form::V6, 1, 1, Some(Why::Prohibited)),
            (Form::V6, 2, 0, Some(Why::TooBig)),
            (Form::V6, 3, 0, Some(Why::HopLimit)),
            (Form::V6, 135, 0, None),
        ] {
            let (destination, quoted): (IpAddr, _) = match form {
                Form::V6 => ("2001:db8::1".parse().unwrap(), [&header_v6[..], &request_v6[..8]].concat()),
                _ => ("192.0.2.1".parse().unwrap(), [&header_v4[..], &request_v4[..8]].concat()),
            };
            let message = [&[kind, code, 0, 0, 0, 0, 0, 0][..], &quoted].concat();
            let read = |bytes| match read(form, bytes) {
                Some(Received::Undelivered { destination, id: 9, sequence: 8, why }) => {
                    Some((destination, why))
                }
                _ => None,
            };
            assert_eq!(read(&message), expected.map(|why| (destination, why)), "{form:?} {kind} {code}");
            assert_eq!(read(&message[..message.len() - 1]), None, "it is cut off");
        }
    }

    #[test]
    fn what_the_kernel_keeps_of_an_error() {
        let destination = "192.0.2.1".parse().unwrap();
        let quoted = request(true, 9, 8, PAYLOAD);
        let why = Why::Unreachable;
        let expected = Some(Received::Undelivered { destination, id: 9, sequence: 8, why });
        assert_eq!(read_error(true, (3, 1), destination, &quoted), expected);
        assert_eq!(read_error(true, (5, 1), destination, &quoted), None);
        assert_eq!(read_error(true, (3, 1), destination, &quoted[..7]), None);
        assert_eq!(read_error(false, (1, 0), destination, &quoted), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            for form in [Form::V4WithHeader, Form::V4, Form::V6] {
                let _ = read(form, &bytes);
            }
        }
    }
}
