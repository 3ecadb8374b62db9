//! A server's answer: its header, and its records as text.

use std::fmt::Write as _;

use super::codes::{class_text, kind, type_text};
use super::rdata;
use super::reader::{Malformed, Reader};

/// Bytes of text of all records of one answer. A record's names can point to the same long name thousands of times.
pub(super) const MAX_TEXT: usize = 1 << 20;

/// There is more text.
pub(super) const TOO_LONG: Malformed = Malformed("its records are too long");

/// The bits of the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags(u16);

impl Flags {
    pub(super) fn is_answer(self) -> bool {
        self.0 & 0x8000 != 0
    }

    /// The flags that say something about an answer, with their names.
    pub(super) fn shown(self) -> [(&'static str, bool); 4] {
        [("aa", 0x400), ("tc", 0x200), ("ra", 0x80), ("ad", 0x20)]
            .map(|(name, bit)| (name, self.0 & bit != 0))
    }

    pub(super) fn is_truncated(self) -> bool {
        self.0 & 0x200 != 0
    }
}

/// What was asked, as the answer repeats it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) name: String,
    pub(super) kind: u16,
    pub(super) class: u16,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) kind: u16,
    /// The record as the Go library writes it: the name, the seconds, the class and the type, with TABs between, and
    /// what it holds.
    pub(super) text: String,
    /// The serial number of a zone.
    pub(super) serial: Option<u32>,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) id: u16,
    pub(super) flags: Flags,
    /// With the bits that EDNS adds.
    pub(super) rcode: u16,
    pub(super) questions: Vec<Question>,
    pub(super) answer: Vec<Record>,
    pub(super) authority: Vec<Record>,
    pub(super) additional: Vec<Record>,
    /// The number of an extended error (RFC 8914).
    pub(super) extended_error: Option<u16>,
}

/// The number that an answer has in common with its question.
pub(super) fn id(message: &[u8]) -> Option<u16> {
    Reader::new(message).u16().ok()
}

impl Message {
    /// Reads an answer. Sections may be shorter than the header says, as in truncated answers, when the message ends
    /// where a record would begin.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let mut message = Self { id: reader.u16()?, flags: Flags(reader.u16()?), ..Self::default() };
        message.rcode = message.flags.0 & 0xf;
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
        if reader.is_at_end() {
            return Ok(message);
        }
        let [questions, answer, authority, additional] = counts;
        for _ in 0..questions {
            message.questions.push(question(&mut reader)?);
        }
        let mut room = MAX_TEXT;
        message.answer = message.section(answer, &mut reader, &mut room)?;
        message.authority = message.section(authority, &mut reader, &mut room)?;
        message.additional = message.section(additional, &mut reader, &mut room)?;
        Ok(message)
    }

    fn section(
        &mut self,
        count: u16,
        reader: &mut Reader<'_>,
        room: &mut usize,
    ) -> Result<Vec<Record>, Malformed> {
        let mut records = Vec::new();
        for _ in 0..count {
            if reader.is_at_end() {
                break;
            }
            let record = self.record(reader)?;
            *room = room.checked_sub(record.text.len()).ok_or(TOO_LONG)?;
            records.push(record);
        }
        Ok(records)
    }

    fn record(&mut self, reader: &mut Reader<'_>) -> Result<Record, Malformed> {
        let mut name = String::new();
        reader.name(&mut name)?;
        let (number, class, seconds, length) = (reader.u16()?, reader.u16()?, reader.u32()?, reader.u16()?);
        let mut data = reader.part(length.into())?;
        if number == kind::OPT {
            return self.options(class, seconds, data);
        }
        if !rdata::is_known(number) {
            return Ok(unknown(&name, number, class, seconds, data.rest()));
        }
        let serial = (number == kind::SOA).then(|| serial(data));
        let mut text = String::new();
        text.push_str(match number {
            // they have no form in files, and stand as comments
            10 | 249 => ";",
            250 => "\n;; TSIG PSEUDOSECTION:\n; ",
            _ => "",
        });
        let (class, shown) = (class_text(class), type_text(number));
        let _never_fails = write!(text, "{name}\t{seconds}\t{class}\t{shown}\t");
        rdata::write(number, &mut data, matches!(number, 249 | 250), &mut text)?;
        Ok(Record { kind: number, text, serial })
    }

    /// The record that carries EDNS. It adds to the code; its options are shown by their numbers.
    fn options(&mut self, size: u16, bits: u32, mut data: Reader<'_>) -> Result<Record, Malformed> {
        let [more, version, high, low] = bits.to_be_bytes();
        self.rcode |= u16::from(more) << 4;
        let mut text = format!("\n;; OPT PSEUDOSECTION:\n; EDNS: version {version}; flags:");
        for (name, bit) in [(" do", 0x80), (" co", 0x40)] {
            text.push_str(if high & bit != 0 { name } else { "" });
        }
        text.push_str("; ");
        let zeros = u16::from_be_bytes([high & 0x3f, low]);
        if zeros != 0 {
            let _never_fails = write!(text, "MBZ: 0x{zeros:04x}, ");
        }
        let _never_fails = write!(text, "udp: {size}");
        while !data.is_at_end() {
            let (code, length) = (data.u16()?, data.u16()?);
            let value = data.bytes(length.into())?;
            if let (15, Some(error)) = (code, value.first_chunk()) {
                self.extended_error = Some(u16::from_be_bytes(*error));
            }
            let _never_fails = write!(text, "\n; LOCAL OPT: {code}:0x{}", super::odd::hex(value));
        }
        Ok(Record { kind: kind::OPT, text, serial: None })
    }
}

fn question(reader: &mut Reader<'_>) -> Result<Question, Malformed> {
    let mut question = Question::default();
    reader.name(&mut question.name)?;
    if !reader.is_at_end() {
        question.kind = reader.u16()?;
    }
    if !reader.is_at_end() {
        question.class = reader.u16()?;
    }
    Ok(question)
}

/// The serial number, after two names.
fn serial(mut data: Reader<'_>) -> u32 {
    let mut skipped = String::new();
    let names = data.name(&mut skipped).and_then(|()| data.name(&mut skipped));
    names.and_then(|()| data.u32()).unwrap_or_default()
}

fn unknown(name: &str, number: u16, class: u16, seconds: u32, data: &[u8]) -> Record {
    let (length, digits) = (data.len(), super::odd::hex(data));
    let text = format!("{name}\t{seconds}\tCLASS{class}\tTYPE{number}\t\\# {length} {digits}");
    Record { kind: number, text, serial: None }
}
