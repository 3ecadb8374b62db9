//! A server's first flight, as far as it is plain text: records, handshake messages, certificates.
//!
//! Invariant: whatever comes, at most [`MAX_FLIGHT`] bytes are held, and no byte is looked for where there is none.

use crate::tls::{Cipher, Group, Seen, Version};

/// Bytes of the longest flight: certificates of thousands of names have tens of thousands.
const MAX_FLIGHT: usize = 256 << 10;

/// Certificates of one chain; honest ones have at most six.
const MAX_CERTIFICATES: usize = 100;

/// Bytes of the longest record, with some room for old ciphers.
const MAX_RECORD: usize = (16 << 10) + 2048;

/// How a flight goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More bytes are needed.
    More,
    /// Everything was seen.
    Done,
    /// The server ended it.
    Alert(u8),
    /// It is not TLS.
    NotTls,
    /// It does not end.
    TooLong,
}

/// A flight, while it comes.
#[derive(Debug, Default)]
pub(super) struct Flight {
    /// What was seen until now.
    pub(super) seen: Seen,
    only_hello: bool,
    records: Vec<u8>,
    messages: Vec<u8>,
    taken: usize,
}

impl Flight {
    /// One of which the server's greeting is all that is wanted.
    pub(super) fn of_hello() -> Self {
        Self { only_hello: true, ..Self::default() }
    }

    /// Takes what has come.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Progress {
        self.taken += bytes.len();
        if self.taken > MAX_FLIGHT {
            return Progress::TooLong;
        }
        self.records.extend_from_slice(bytes);
        loop {
            let (kind, content, used) = {
                let mut reader = Reader(&self.records);
                let Some((kind, content)) = record(&mut reader) else {
                    return if begins_as_tls(&self.records) { Progress::More } else { Progress::NotTls };
                };
                (kind, content.to_vec(), self.records.len() - reader.0.len())
            };
            self.records.drain(..used);
            let progress = match (kind, content.as_slice()) {
                (22, content) => {
                    self.messages.extend_from_slice(content);
                    self.read_messages()
                }
                // a warning, as that the name is not known
                (21, [1, alert]) if *alert != 0 => Progress::More,
                (21, [_, alert]) => Progress::Alert(*alert),
                _ => Progress::NotTls,
            };
            if progress != Progress::More {
                return progress;
            }
        }
    }

    fn read_messages(&mut self) -> Progress {
        loop {
            let (kind, content, used) = {
                let mut reader = Reader(&self.messages);
                let Some((kind, content)) = message(&mut reader) else { return Progress::More };
                (kind, content.to_vec(), self.messages.len() - reader.0.len())
            };
            self.messages.drain(..used);
            let mut reader = Reader(&content);
            let understood = match kind {
                2 => server_hello(&mut reader, &mut self.seen),
                11 => certificates(&mut reader, &mut self.seen),
                22 => status(&mut reader, &mut self.seen),
                12 => {
                    key_exchange(&mut reader, &mut self.seen);
                    Some(())
                }
                13 => {
                    self.seen.requested_client_certificate = true;
                    Some(())
                }
                14 => return Progress::Done,
                _ => Some(()),
            };
            if understood.is_none() {
                return Progress::NotTls;
            }
            // behind the greeting TLS 1.3 is no longer plain
            if kind == 2 && (self.only_hello || self.seen.version == Some(Version::Tls13)) {
                return Progress::Done;
            }
        }
    }
}

/// Whether these first bytes can be those of a record.
fn begins_as_tls(bytes: &[u8]) -> bool {
    let kind = bytes.first().is_none_or(|kind| (20..=23).contains(kind));
    let major = bytes.get(1).is_none_or(|major| *major == 3);
    let length = match bytes.get(3..5) {
        Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])) <= MAX_RECORD,
        _ => true,
    };
    kind && major && length
}

fn record<'a>(reader: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    if !begins_as_tls(reader.0) {
        return None;
    }
    let kind = reader.u8()?;
    reader.u16()?;
    let length = reader.u16()?;
    Some((kind, reader.bytes(usize::from(length))?))
}

fn message<'a>(reader: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    Some((reader.u8()?, reader.with_length_24()?))
}

fn server_hello(reader: &mut Reader<'_>, seen: &mut Seen) -> Option<()> {
    let mut version = reader.u16()?;
    reader.bytes(32)?;
    let session = reader.u8()?;
    reader.bytes(usize::from(session))?;
    seen.cipher = Some(Cipher(reader.u16()?));
    reader.u8()?;
    let mut extensions = Reader(if reader.0.is_empty() { &[] } else { reader.with_length_16()? });
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        let mut content = Reader(extensions.with_length_16()?);
        match kind {
            0x002b => version = content.u16()?,
            0x0033 => seen.group = Some(Group(content.u16()?)),
            _ => {}
        }
    }
    seen.version = Some(Version::from_code(version)?);
    Some(())
}

fn certificates(reader: &mut Reader<'_>, seen: &mut Seen) -> Option<()> {
    let mut list = Reader(reader.with_length_24()?);
    while !list.0.is_empty() && seen.chain.len() < MAX_CERTIFICATES {
        seen.chain.push(list.with_length_24()?.to_vec());
    }
    Some(())
}

fn status(reader: &mut Reader<'_>, seen: &mut Seen) -> Option<()> {
    if reader.u8()? == 1 {
        let response = reader.with_length_24()?;
        seen.staple = (!response.is_empty()).then(|| response.to_vec());
    }
    Some(())
}

/// The group, and how it is signed; other ways to exchange keys have neither, and nothing follows from that.
fn key_exchange(reader: &mut Reader<'_>, seen: &mut Seen) -> Option<()> {
    let is_named_curve = reader.u8()? == 3;
    if !is_named_curve {
        return None;
    }
    seen.group = Some(Group(reader.u16()?));
    let share = reader.u8()?;
    reader.bytes(usize::from(share))?;
    if seen.version == Some(Version::Tls12) {
        seen.signature_scheme = Some(reader.u16()?);
    }
    Some(())
}

/// Bytes that are read from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.bytes(2)?.try_into().ok()?))
    }

    fn with_length_16(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.bytes(usize::from(length))
    }

    fn with_length_24(&mut self) -> Option<&'a [u8]> {
        let length = self.bytes(3)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        self.bytes(length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A record with one handshake message.
    fn handshake(kind: u8, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        let mut message = vec![kind];
        message.extend_from_slice(&length[1..]);
        message.extend_from_slice(content);
        let mut record = vec![22, 3, 1];
        record.extend_from_slice(&u16::try_from(message.len()).unwrap().to_be_bytes());
        record.extend_from_slice(&message);
        record
    }

    fn old_flight() -> Vec<u8> {
        let mut hello = vec![3, 1];
        hello.extend_from_slice(&[7; 32]);
        hello.extend_from_slice(&[0, 0xc0, 0x13, 0]);
        let mut flight = handshake(2, &hello);
        flight.extend(handshake(11, b"\0\0\x0b\0\0\x03one\0\0\x02ab"));
        flight.extend(handshake(22, b"\x01\0\0\x04ocsp"));
        flight.extend(handshake(12, b"\x03\0\x17\x01\x04"));
        flight.extend(handshake(13, b""));
        flight.extend(handshake(14, b""));
        flight
    }

    #[test]
    fn a_flight_is_read_however_it_is_cut() {
        let bytes = old_flight();
        for size in [1, 2, 7, 1000] {
            let mut flight = Flight::default();
            let mut progress = Progress::More;
            for chunk in bytes.chunks(size) {
                assert_eq!(progress, Progress::More);
                progress = flight.take(chunk);
            }
            assert_eq!(progress, Progress::Done);
            let seen = flight.seen;
            assert_eq!(seen.version, Some(Version::Tls10));
            assert_eq!(
                seen.cipher.map(|cipher| cipher.to_string()).unwrap(),
                "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
            );
            assert_eq!(seen.chain, [b"one".to_vec(), b"ab".to_vec()]);
            assert_eq!(seen.staple.unwrap(), b"ocsp");
            assert_eq!(seen.group, Some(Group(0x17)));
            assert!(seen.requested_client_certificate);
        }
    }

    #[test]
    fn other_things_than_a_flight() {
        for (bytes, expected) in [
            (&b"\x15\x03\x01\x00\x02\x02\x46"[..], Progress::Alert(70)),
            (b"\x15\x03\x01\x00\x02\x01\x70", Progress::More),
            (b"\x15\x03\x01\x00\x02\x01\x00", Progress::Alert(0)),
            (b"HTTP/1.1 400 Bad Request", Progress::NotTls),
            (b"\x16\x03", Progress::More),
            (b"\x16\x03\x01\xff\xff", Progress::NotTls),
            (b"", Progress::More),
        ] {
            assert_eq!(Flight::default().take(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_flight_without_end_is_given_up() {
        let mut flight = Flight::default();
        let record = {
            let mut record = vec![22, 3, 3, 0x40, 0];
            record.resize(5 + 0x4000, 0xff);
            record
        };
        let ended = (0..100).map(|_| flight.take(&record)).find(|progress| *progress != Progress::More);
        assert_eq!(ended, Some(Progress::TooLong));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            Flight::default().take(&bytes);
            Flight::default().take(&handshake(2, &bytes));
            Flight::default().take(&handshake(11, &bytes));
            let mut flight = Flight::default();
            flight.seen.version = Some(Version::Tls12);
            flight.take(&handshake(12, &bytes));
            flight.take(&handshake(22, &bytes));
        }

        #[test]
        fn nor_a_flight_with_a_wrong_byte(at in 0..200_usize, byte in any::<u8>()) {
            let mut bytes = old_flight();
            let length = bytes.len();
            bytes[at % length] = byte;
            Flight::default().take(&bytes);
        }
    }
}
