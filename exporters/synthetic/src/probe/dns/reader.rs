//! Reads a message of DNS from its bytes. No byte of it is trusted: nothing is read beyond the end, no pointer is
//! followed for ever.

use std::fmt::Write as _;

/// Labels and their lengths of a name, in bytes, with the end.
const MAX_NAME: usize = 255;

/// Pointers followed within one name: as many as a name can have labels.
const MAX_POINTERS: usize = 126;

/// The message is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(super) &'static str);

/// A place in a message, and where it has to end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    /// The message, cut off where the part that is read ends. Pointers lead anywhere in it.
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { message, at: 0 }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.message.len()
    }

    /// Splits off the next bytes. They are read with the message before them, since names point there.
    pub(super) fn part(&mut self, length: usize) -> Result<Self, Malformed> {
        let end = self.at + length;
        let message = self.message.get(..end).ok_or(Malformed("a record is longer than the message"))?;
        let part = Self { message, at: self.at };
        self.at = end;
        Ok(part)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let bytes = self.message.get(self.at..self.at + length).ok_or(Malformed("it ends too early"))?;
        self.at += length;
        Ok(bytes)
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        let rest = self.message.get(self.at..).unwrap_or_default();
        self.at = self.message.len();
        rest
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let bytes = self.bytes(N)?;
        <[u8; N]>::try_from(bytes).map_err(|_short| Malformed("it ends too early"))
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// A number of 48 bits.
    pub(super) fn u48(&mut self) -> Result<u64, Malformed> {
        let (high, low) = (self.u16()?, self.u32()?);
        Ok(u64::from(high) << 32 | u64::from(low))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn v4(&mut self) -> Result<std::net::Ipv4Addr, Malformed> {
        self.array::<4>().map(Into::into)
    }

    pub(super) fn v6(&mut self) -> Result<std::net::Ipv6Addr, Malformed> {
        self.array::<16>().map(Into::into)
    }

    /// A text with its length before it.
    pub(super) fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.u8()?;
        self.bytes(length.into())
    }

    /// A name, written to `out` as people write it: absolute, with what is special in it escaped.
    pub(super) fn name(&mut self, out: &mut String) -> Result<(), Malformed> {
        let mut at = self.at;
        let (mut length, mut pointers) = (1, 0);
        loop {
            let byte = |at: usize| self.message.get(at).copied().ok_or(Malformed("a name ends too early"));
            let first = byte(at)?;
            at += 1;
            match first & 0xc0 {
                0 if first == 0 => break,
                0 => {
                    let end = at + usize::from(first);
                    let label = self.message.get(at..end).ok_or(Malformed("a name ends too early"))?;
                    length += label.len() + 1;
                    if length > MAX_NAME {
                        return Err(Malformed("a name is too long"));
                    }
                    escape_label(label, out);
                    out.push('.');
                    at = end;
                }
                0xc0 => {
                    let second = byte(at)?;
                    if pointers == 0 {
                        self.at = at + 1;
                    }
                    pointers += 1;
                    if pointers > MAX_POINTERS {
                        return Err(Malformed("a name points in circles"));
                    }
                    at = usize::from(u16::from_be_bytes([first & 0x3f, second]));
                }
                _ => return Err(Malformed("a label of a name is of no known kind")),
            }
        }
        if pointers == 0 {
            self.at = at;
        }
        if length == 1 {
            out.push('.');
        }
        Ok(())
    }
}

/// Writes a byte that cannot be printed as `\DDD`.
pub(super) fn escape_byte(byte: u8, out: &mut String) {
    let _never_fails = write!(out, "\\{byte:03}");
}

/// Writes a byte, after a backslash when `special`.
pub(super) fn escaped(byte: u8, special: bool, out: &mut String) {
    match byte {
        _ if special => out.extend(['\\', char::from(byte)]),
        b' '..=b'~' => out.push(char::from(byte)),
        _ => escape_byte(byte, out),
    }
}

fn escape_label(label: &[u8], out: &mut String) {
    for byte in label {
        let special = matches!(byte, b'.' | b' ' | b'\'' | b'@' | b';' | b'(' | b')' | b'"' | b'\\');
        escaped(*byte, special, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(message: &[u8], at: usize) -> Result<(String, usize), Malformed> {
        let mut reader = Reader { message, at };
        let mut out = String::new();
        reader.name(&mut out).map(|()| (out, reader.at))
    }

    #[test]
    fn names_are_read_and_escaped() {
        for (message, at, expected, end) in [
            (&b"\0"[..], 0, ".", 1),
            (b"\x03www\x07example\x00", 0, "www.example.", 13),
            (b"\x07example\x00\x03www\xc0\x00!", 9, "www.example.", 15),
            (b"\x03a.b\x02 \\\x01\x80\x00", 0, r"a\.b.\ \\.\128.", 10),
            (b"\x02\x09\x7f\x00", 0, r"\009\127.", 4),
            (b"\xc0\x02\x00", 0, ".", 2),
        ] {
            assert_eq!(name(message, at), Ok((expected.to_owned(), end)), "{message:?}");
        }
    }

    #[test]
    fn a_name_that_is_none_is_refused() {
        let mut long = [&[63][..], &[b'a'; 63]].concat().repeat(4);
        long.push(0);
        for message in
            [&b""[..], b"\x03ww", b"\xc0", b"\xc0\x00", b"\xc0\x09", b"\x40a\x00", b"\x80a\x00", &long]
        {
            assert!(name(message, 0).is_err(), "{message:?}");
        }
        let fits = [&[63][..], &[b'a'; 63]].concat().repeat(3);
        let fits = [&fits[..], &[61], &[b'a'; 61], &[0]].concat();
        assert_eq!(fits.len(), MAX_NAME);
        assert_eq!(name(&fits, 0).map(|(_, end)| end), Ok(MAX_NAME));
    }

    #[test]
    fn a_part_does_not_read_beyond_its_end() {
        let mut reader = Reader::new(b"\x01\x02\x03\x04");
        let mut part = reader.part(3).unwrap();
        assert_eq!(part.u16(), Ok(0x102));
        assert!(part.u16().is_err());
        assert_eq!(part.rest(), [3]);
        assert!(part.is_at_end());
        assert_eq!(reader.u8(), Ok(4));
        assert!(reader.part(1).is_err());
    }
}
