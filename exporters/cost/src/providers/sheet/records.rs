//! Records of a CSV file, split in place: nothing is copied but what stands in doubled quotes.
//!
//! Invariant: whatever the bytes are, reading ends, memory is bounded, and a broken record costs itself only. A quote
//! that is never closed would swallow the rest of a file; such a record is given up and reading goes on with the next line.

use std::io::{self, Read};
use std::ops::Range;

use memchr::{memchr, memchr2};

/// Bytes that are held, and so the longest record: a row of FOCUS has about one KiB, and some have many tags.
const MAX_RECORD: usize = 256 << 10;

/// Bytes of a file that may be split again because a broken record had taken them for its own. Beyond, such a record is
/// skipped as a whole.
const MAX_REPAIRED: usize = 16 << 20;

/// Where a field is in its record.
#[derive(Clone, Copy, Debug, Default)]
struct Field {
    start: usize,
    end: usize,
    /// Quotes in it are doubled.
    is_doubled: bool,
}

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A record with as many fields as expected.
    Record,
    /// Something else; it was skipped.
    Broken,
    /// Nothing.
    End,
}

/// What splitting came to.
enum Split {
    /// A record of so many bytes, its line's end included.
    Record(usize),
    /// So many bytes in which a quote is open that should not be.
    Doubtful(usize),
    /// The bytes end before the record does.
    Open,
}

/// A reader of records.
#[derive(Debug)]
pub(crate) struct Records<R> {
    source: R,
    delimiter: u8,
    buffer: Vec<u8>,
    /// What was read and not split yet.
    unread: Range<usize>,
    /// Where the record at hand begins.
    record: usize,
    fields: Vec<Field>,
    has_ended: bool,
    /// Bytes that were split again.
    repaired: usize,
}

impl<R: Read> Records<R> {
    /// A reader of records whose fields are parted by `delimiter`.
    pub(crate) fn new(source: R, delimiter: u8) -> Self {
        Self {
            source,
            delimiter,
            buffer: vec![0; MAX_RECORD],
            unread: 0..0,
            record: 0,
            fields: Vec::new(),
            has_ended: false,
            repaired: 0,
        }
    }

    /// Goes to the next record that has so many fields; any number for the first one, which is the header.
    pub(crate) fn next(&mut self, expected: Option<usize>) -> io::Result<Next> {
        loop {
            if self.unread.is_empty() && !self.fill()? {
                return Ok(Next::End);
            }
            let data = self.buffer.get(self.unread.clone()).unwrap_or_default();
            match split(data, self.delimiter, self.has_ended, &mut self.fields) {
                Split::Record(length) => {
                    self.record = self.unread.start;
                    if self.is_blank() {
                        self.unread.start += length;
                        continue;
                    }
                    if expected.is_some_and(|expected| expected != self.fields.len()) {
                        self.give_up(length);
                        return Ok(Next::Broken);
                    }
                    self.unread.start += length;
                    return Ok(Next::Record);
                }
                Split::Doubtful(length) => {
                    self.give_up(length);
                    return Ok(Next::Broken);
                }
                Split::Open if data.len() >= MAX_RECORD || self.has_ended => {
                    let length = data.len();
                    self.give_up(length);
                    return Ok(Next::Broken);
                }
                Split::Open => {
                    self.fill()?;
                }
            }
        }
    }

    /// How many fields the record has.
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// A field; nothing where there is none.
    pub(crate) fn field(&self, index: usize) -> &[u8] {
        let Some(field) = self.fields.get(index) else { return &[] };
        self.buffer.get(self.record + field.start..self.record + field.end).unwrap_or_default()
    }

    /// Makes the doubled quotes of a field single ones, in place.
    pub(crate) fn decode(&mut self, index: usize) {
        let Some(field) = self.fields.get_mut(index).filter(|field| field.is_doubled) else { return };
        let place = self.record + field.start..self.record + field.end;
        let Some(bytes) = self.buffer.get_mut(place) else { return };
        let (mut from, mut to) = (0, 0);
        while let Some(byte) = bytes.get(from).copied() {
            let is_pair = byte == b'"' && bytes.get(from + 1) == Some(&b'"');
            if let Some(place) = bytes.get_mut(to) {
                *place = byte;
            }
            from += if is_pair { 2 } else { 1 };
            to += 1;
        }
        field.end = field.start + to;
        field.is_doubled = false;
    }

    /// An empty line is no record.
    fn is_blank(&self) -> bool {
        matches!(self.fields.as_slice(), [field] if field.start == field.end)
    }

    /// Leaves a broken record: goes on after its first line, or after all of it once that was done too often.
    fn give_up(&mut self, length: usize) {
        let data = self.buffer.get(self.unread.clone()).unwrap_or_default();
        let line = memchr(b'\n', data).map_or(length, |end| end + 1);
        let again = length.saturating_sub(line);
        let goes_back = self.repaired.saturating_add(again) <= MAX_REPAIRED;
        self.repaired += if goes_back { again } else { 0 };
        self.unread.start += if goes_back { line.min(length) } else { length };
    }

    /// Reads until the buffer is full; says whether anything is there to split.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        while let Some(room) = self.buffer.get_mut(self.unread.end..).filter(|room| !room.is_empty()) {
            match self.source.read(room) {
                Ok(0) => {
                    self.has_ended = true;
                    break;
                }
                Ok(read) => self.unread.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(!self.unread.is_empty())
    }
}

/// Splits the record at the beginning of `data`.
fn split(data: &[u8], delimiter: u8, is_last: bool, fields: &mut Vec<Field>) -> Split {
    fields.clear();
    let mut at = 0;
    let mut is_doubtful = false;
    loop {
        let (field, end) = if data.get(at) == Some(&b'"') {
            match quoted(data, at + 1, delimiter, is_last) {
                Some((field, end, is_odd)) => {
                    let text = data.get(field.start..field.end).unwrap_or_default();
                    is_doubtful |= is_odd && memchr(b'\n', text).is_some();
                    (field, end)
                }
                None => return Split::Open,
            }
        } else {
            let rest = data.get(at..).unwrap_or_default();
            let end = match memchr2(delimiter, b'\n', rest) {
                Some(length) => at + length,
                None if is_last => data.len(),
                None => return Split::Open,
            };
            let ends_line = data.get(end) != Some(&delimiter);
            let is_return = ends_line && end > at && data.get(end - 1) == Some(&b'\r');
            (Field { start: at, end: end - usize::from(is_return), is_doubled: false }, end)
        };
        fields.push(field);
        if data.get(end) != Some(&delimiter) {
            let length = (end + 1).min(data.len());
            return if is_doubtful { Split::Doubtful(length) } else { Split::Record(length) };
        }
        at = end + 1;
    }
}

/// A field in quotes, where it ends (at a delimiter, a line's end, or the end of all), and whether a quote before that
/// was taken for a part of the text. A field that has such a quote and a line's end is two rows of which one has lost a
/// quote.
fn quoted(data: &[u8], start: usize, delimiter: u8, is_last: bool) -> Option<(Field, usize, bool)> {
    let mut at = start;
    let (mut is_doubled, mut is_odd) = (false, false);
    loop {
        let quote = at + memchr(b'"', data.get(at..)?)?;
        let end = match (data.get(quote + 1), data.get(quote + 2)) {
            (Some(b'"'), _) => {
                is_doubled = true;
                at = quote + 2;
                continue;
            }
            (Some(b'\n'), _) => quote + 1,
            (Some(b'\r'), Some(b'\n')) => quote + 2,
            (Some(b'\r'), None) | (None, _) if is_last => data.len(),
            (Some(b'\r'), None) | (None, _) => return None,
            (Some(byte), _) if *byte == delimiter => quote + 1,
            _ => {
                is_odd = true;
                at = quote + 1;
                continue;
            }
        };
        return Some((Field { start, end: quote, is_doubled }, end, is_odd));
    }
}

#[cfg(test)]
mod tests;
