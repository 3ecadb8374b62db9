//! Values of one column as texts, as a CSV file would have them.

use std::io::Write;

use ::parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use ::parquet::column::page::PageReader;
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use ::parquet::data_type::{AsBytes, DataType};
use ::parquet::errors::Result;
use ::parquet::schema::types::{ColumnDescPtr, ColumnDescriptor};
use jiff::Timestamp;

use super::bounds::Pages;

/// Bytes of a value. A longer one is none of those that are read.
const MAX_CELL: usize = 4 << 10;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Characters of a day, e.g. 2026-03-01.
const DATE: usize = 10;

/// What the numbers of a column stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// Themselves, or a text.
    Plain,
    /// As many of the last digits stand behind the point.
    Decimal(i32),
    /// Parts of a second since 1970, of which so many make one.
    Moment(i64),
    /// Days since 1970.
    Day,
}

/// The values of some rows of a column. One that is null is empty.
pub(super) struct Cells {
    reader: ColumnReader,
    meaning: Meaning,
    /// What the level of a value is that is there.
    present: i16,
    levels: Vec<i16>,
    texts: Texts,
}

/// Texts, one behind the other.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    /// The second that was written last, and its text: an hour has many rows.
    moment: Option<(i64, String)>,
}

impl Cells {
    pub(super) fn of(column: ColumnDescPtr, pages: Box<dyn PageReader>) -> Self {
        let (meaning, present) = (meaning(&column), column.max_def_level());
        let pages = Pages { pages, has_levels: present > 0 };
        let reader = get_column_reader(column, Box::new(pages));
        Self { reader, meaning, present, levels: Vec::new(), texts: Texts::default() }
    }

    /// The value of a row of those that were read last.
    pub(super) fn get(&self, row: usize) -> &[u8] {
        let Some(end) = self.texts.ends.get(row) else { return &[] };
        let start = row.checked_sub(1).and_then(|before| self.texts.ends.get(before)).copied();
        self.texts.bytes.get(start.unwrap_or(0)..*end).unwrap_or_default()
    }

    /// Reads the values of the next rows in place of those before; says of how many.
    pub(super) fn read(&mut self, rows: usize) -> Result<usize> {
        let Self { reader, meaning, present, levels, texts } = self;
        let (meaning, present) = (*meaning, *present);
        texts.bytes.clear();
        texts.ends.clear();
        levels.clear();
        match reader {
            ColumnReader::BoolColumnReader(reader) => {
                take(reader, rows, present, levels, texts, |texts, value| texts.shown(value))
            }
            ColumnReader::Int32ColumnReader(reader) => {
                take(reader, rows, present, levels, texts, |texts, value| {
                    texts.number(i64::from(*value), meaning);
                })
            }
            ColumnReader::Int64ColumnReader(reader) => {
                take(reader, rows, present, levels, texts, |texts, value| texts.number(*value, meaning))
            }
            ColumnReader::Int96ColumnReader(reader) => {
                take(reader, rows, present, levels, texts, |texts, value| texts.moment(value.to_seconds()))
            }
            // the fewest digits that mean this float and no other one: those that were written
            ColumnReader::FloatColumnReader(reader) => {
                take(reader, rows, present, levels, texts, |texts, value| texts.float(value))
            }
            ColumnReader::DoubleColumnReader(reader) => {
                take(reader, rows, present, levels, texts, |texts, value| texts.float(value))
            }
            ColumnReader::ByteArrayColumnReader(reader) => {
                take(reader, rows, present, levels, texts, |texts, value| {
                    texts.octets(value.as_bytes(), meaning);
                })
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                take(reader, rows, present, levels, texts, |texts, value| {
                    texts.octets(value.as_bytes(), meaning);
                })
            }
        }
    }
}

/// Reads values of one type and writes those that there are.
fn take<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    present: i16,
    levels: &mut Vec<i16>,
    texts: &mut Texts,
    write: impl Fn(&mut Texts, &T::T),
) -> Result<usize> {
    let mut values = Vec::new();
    let room = if present > 0 { Some(&mut *levels) } else { None };
    let (rows, _values, _levels) = reader.read_records(rows, room, None, &mut values)?;
    let mut values = values.iter();
    for row in 0..rows {
        let is_there = present == 0 || levels.get(row) == Some(&present);
        if let Some(value) = is_there.then(|| values.next()).flatten() {
            write(texts, value);
        }
        texts.ends.push(texts.bytes.len());
    }
    Ok(rows)
}

impl Texts {
    fn shown(&mut self, value: impl std::fmt::Display) {
        // a Vec takes all
        let _written = write!(self.bytes, "{value}");
    }

    fn float(&mut self, value: impl std::fmt::LowerExp) {
        let _written = write!(self.bytes, "{value:e}");
    }

    fn number(&mut self, value: i64, meaning: Meaning) {
        match meaning {
            Meaning::Plain => self.shown(value),
            Meaning::Decimal(scale) => self.decimal(i128::from(value), scale),
            Meaning::Moment(parts) => self.moment(value.div_euclid(parts)),
            Meaning::Day => {
                let start = self.bytes.len();
                self.moment(value.saturating_mul(DAY));
                // without its time, which would make it a moment of UTC
                let end = start.saturating_add(DATE);
                self.bytes.truncate(end);
            }
        }
    }

    /// A text, or a number in two's complement, the highest byte first. One that is too large is none.
    fn octets(&mut self, value: &[u8], meaning: Meaning) {
        match meaning {
            Meaning::Decimal(scale) => {
                if let Some(value) = whole(value) {
                    self.decimal(value, scale);
                }
            }
            _ if value.len() <= MAX_CELL => self.bytes.extend_from_slice(value),
            _ => {}
        }
    }

    fn decimal(&mut self, value: i128, scale: i32) {
        let _written = write!(self.bytes, "{value}e{}", -i64::from(scale));
    }

    /// A moment to the second: nothing is counted by less. One that no calendar has is none.
    fn moment(&mut self, second: i64) {
        if self.moment.as_ref().is_none_or(|(known, _)| *known != second) {
            let Ok(moment) = Timestamp::from_second(second) else { return };
            self.moment = Some((second, moment.to_string()));
        }
        if let Some((_, text)) = &self.moment {
            self.bytes.extend_from_slice(text.as_bytes());
        }
    }
}

fn meaning(column: &ColumnDescriptor) -> Meaning {
    let is_decimal = matches!(column.logical_type_ref(), Some(LogicalType::Decimal(_)))
        || column.converted_type() == ConvertedType::DECIMAL;
    if is_decimal {
        return Meaning::Decimal(column.type_scale());
    }
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Timestamp(stamp)), _) => Meaning::Moment(match stamp.unit {
            TimeUnit::MILLIS => 1_000,
            TimeUnit::MICROS => 1_000_000,
            TimeUnit::NANOS => 1_000_000_000,
        }),
        (_, ConvertedType::TIMESTAMP_MILLIS) => Meaning::Moment(1_000),
        (_, ConvertedType::TIMESTAMP_MICROS) => Meaning::Moment(1_000_000),
        (Some(LogicalType::Date), _) | (_, ConvertedType::DATE) => Meaning::Day,
        _ => Meaning::Plain,
    }
}

/// The number that bytes are, if it is one of 128 bits.
fn whole(bytes: &[u8]) -> Option<i128> {
    let sign = if bytes.first()? & 0x80 == 0 { 0 } else { 0xff };
    let (more, last) = bytes.split_at(bytes.len().saturating_sub(16));
    let mut full = [sign; 16];
    full.get_mut(16_usize.checked_sub(last.len())?..)?.copy_from_slice(last);
    let is_same = more.iter().all(|byte| *byte == sign) && (full.first()? ^ sign) & 0x80 == 0;
    is_same.then(|| i128::from_be_bytes(full))
}
