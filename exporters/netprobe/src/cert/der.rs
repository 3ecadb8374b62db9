//! A reader of DER: one element after the other, nothing copied, nothing recursive.
//!
//! For the envelopes that no crate here reads (PKCS #7, PKCS #12, OCSP, long CRLs). Lengths are definite and at most
//! four bytes; tags are one byte. Whatever else comes is malformed.

use thiserror::Error;

/// Universal tags, as they stand in the encoding.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const ENUMERATED: u8 = 0x0a;
    pub(crate) const BMP_STRING: u8 = 0x1e;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;

    /// A context tag of a constructed element.
    pub(crate) const fn context(number: u8) -> u8 {
        0xa0 | number
    }
}

/// The bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("malformed DER")]
pub struct Malformed;

/// One element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    /// The contents.
    pub(crate) body: &'a [u8],
    /// Tag, length and contents.
    pub(crate) whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// The elements inside.
    pub(crate) fn inside(self) -> Reader<'a> {
        Reader(self.body)
    }

    /// The contents of a BIT STRING of whole bytes.
    pub(crate) fn bits(self) -> Result<&'a [u8], Malformed> {
        match self.body.split_first() {
            Some((0, bytes)) => Ok(bytes),
            _ => Err(Malformed),
        }
    }

    /// A small INTEGER or ENUMERATED that is not negative.
    pub(crate) fn small(self) -> Result<u32, Malformed> {
        let bytes = match self.body.split_first() {
            Some((0, rest)) if !rest.is_empty() => rest,
            Some((first, _)) if *first < 0x80 => self.body,
            _ => return Err(Malformed),
        };
        if bytes.len() > 4 {
            return Err(Malformed);
        }
        Ok(bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    /// The time, in seconds since 1970.
    pub(crate) fn time(self) -> Result<i64, Malformed> {
        time(self.tag, self.body).ok_or(Malformed)
    }
}

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes that are left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// The next element, whatever it is.
    pub(crate) fn any(&mut self) -> Result<Element<'a>, Malformed> {
        let (tag, length, head) = header(self.0).ok_or(Malformed)?;
        let end = head.checked_add(length).ok_or(Malformed)?;
        let (whole, rest) = self.0.split_at_checked(end).ok_or(Malformed)?;
        let body = whole.get(head..).ok_or(Malformed)?;
        self.0 = rest;
        Ok(Element { tag, body, whole })
    }

    /// The next element, which must have this tag.
    pub(crate) fn element(&mut self, tag: u8) -> Result<Element<'a>, Malformed> {
        if self.0.first() == Some(&tag) { self.any() } else { Err(Malformed) }
    }

    /// The next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Malformed> {
        if self.0.first() == Some(&tag) { self.any().map(Some) } else { Ok(None) }
    }

    /// What is inside the next element, which must be a SEQUENCE.
    pub(crate) fn sequence(&mut self) -> Result<Self, Malformed> {
        self.element(tag::SEQUENCE).map(Element::inside)
    }

    /// The contents of the next element, which must be an object identifier.
    pub(crate) fn oid(&mut self) -> Result<&'a [u8], Malformed> {
        self.element(tag::OID).map(|element| element.body)
    }
}

/// Tag, length of the contents, length of the header.
fn header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (&tag, rest) = bytes.split_first()?;
    // tags of several bytes are in none of the formats that are read here
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    if first < 0x80 {
        return Some((tag, usize::from(first), 2));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return None;
    }
    let length = rest.get(..count)?.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
    Some((tag, length, 2 + count))
}

/// An element with this tag and these contents.
pub(crate) fn encode(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = header_of(tag, body.len());
    out.extend_from_slice(body);
    out
}

/// Tag and length.
pub(crate) fn header_of(tag: u8, length: usize) -> Vec<u8> {
    if let Ok(length @ 0..0x80) = u8::try_from(length) {
        return vec![tag, length];
    }
    let bytes = length.to_be_bytes();
    let skip = bytes.iter().take_while(|byte| **byte == 0).count();
    let length = bytes.get(skip..).unwrap_or_default();
    [&[tag, 0x80 | u8::try_from(length.len()).unwrap_or(8)], length].concat()
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for nibble in bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
    }
    out
}

/// An object identifier in dots.
pub(crate) fn oid_text(body: &[u8]) -> String {
    let mut parts = Vec::new();
    let mut value = 0_u64;
    for byte in body {
        value = value.saturating_mul(128).saturating_add(u64::from(byte & 0x7f));
        if byte & 0x80 == 0 {
            if parts.is_empty() {
                let first = (value / 40).min(2);
                parts.push(first);
                value -= first * 40;
            }
            parts.push(value);
            value = 0;
        }
    }
    parts.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

/// `YYMMDDhhmm[ss]` or `YYYYMMDDhhmm[ss[.f]]`, then `Z` or an offset. Fractions are cut off, and a leap second counts
/// as the one before it.
fn time(tag: u8, body: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(body).ok()?;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(digits)?;
    let field = |at: usize| number.get(at..at + 2)?.parse::<i64>().ok();
    let (year, at) = match tag {
        tag::UTC_TIME => {
            let year = field(0)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, 2)
        }
        tag::GENERALIZED_TIME => (field(0)? * 100 + field(2)?, 4),
        _ => return None,
    };
    let (month, day, hour, minute) = (field(at)?, field(at + 2)?, field(at + 4)?, field(at + 6)?);
    let second = if digits == at + 8 { 0 } else { field(at + 8)?.min(59) };
    if digits > at + 10 || !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59
    {
        return None;
    }
    let rest = match rest.strip_prefix(['.', ',']) {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let offset = match rest.split_at_checked(1) {
        Some(("Z", "")) => 0,
        Some((sign @ ("+" | "-"), offset)) if offset.len() == 4 => {
            let minutes =
                offset.get(..2)?.parse::<i64>().ok()? * 60 + offset.get(2..)?.parse::<i64>().ok()?;
            if sign == "+" { minutes } else { -minutes }
        }
        _ => return None,
    };
    Some(((days(year, month, day) * 24 + hour) * 60 + minute - offset) * 60 + second)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
pub(crate) const fn days(year: i64, month: i64, day: i64) -> i64 {
    // years begin in March, so that the leap day is the last one
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_of_all_forms() {
        for (tag, text, expected) in [
            (tag::UTC_TIME, "700101000000Z", Some(0)),
            (tag::UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (tag::UTC_TIME, "500101000000Z", Some(-631_152_000)),
            (tag::UTC_TIME, "7001010000Z", Some(0)),
            (tag::UTC_TIME, "700101010000+0100", Some(0)),
            (tag::UTC_TIME, "70010100000Z", None),
            (tag::GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (tag::GENERALIZED_TIME, "00010101000000Z", Some(-62_135_596_800)),
            (tag::GENERALIZED_TIME, "20240229120000.25Z", Some(1_709_208_000)),
            (tag::GENERALIZED_TIME, "20161231235960Z", Some(1_483_228_799)),
            (tag::GENERALIZED_TIME, "20240229120000", None),
            (tag::GENERALIZED_TIME, "20241329120000Z", None),
            (tag::GENERALIZED_TIME, "2024022912000012Z", None),
            (tag::GENERALIZED_TIME, "", None),
            (tag::INTEGER, "700101000000Z", None),
        ] {
            assert_eq!(time(tag, text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn identifiers_in_dots() {
        assert_eq!(oid_text(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1]), "1.2.840.113549.1.9.1");
        assert_eq!(oid_text(&[0x55, 4, 3]), "2.5.4.3");
        assert_eq!(oid_text(&[0x88, 0x37, 3]), "2.999.3");
        assert_eq!(oid_text(&[]), "");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(body in prop::collection::vec(any::<u8>(), 0..70_000)) {
            let der = encode(tag::OCTET_STRING, &body);
            let mut reader = Reader::new(&der);
            let element = reader.element(tag::OCTET_STRING).unwrap();
            prop_assert_eq!(element.body, &body[..]);
            prop_assert_eq!(element.whole, &der[..]);
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = Reader::new(&bytes);
            while let Ok(element) = reader.any() {
                drop((element.small(), element.bits(), element.time(), oid_text(element.body)));
            }
            prop_assert_eq!(time(tag::INTEGER, &bytes), time(tag::UTC_TIME, &bytes).and(None));
            time(tag::GENERALIZED_TIME, &bytes);
        }
    }
}
