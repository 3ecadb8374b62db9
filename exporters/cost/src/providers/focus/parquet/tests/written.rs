//! Parquet files by the crate's own writer, from values of tables.

use std::sync::Arc;

use ::parquet::column::writer::{ColumnWriter, ColumnWriterImpl};
use ::parquet::data_type::{DataType, Int96};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use jiff::Timestamp;

use crate::money::Money;

/// A value as it is written.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bytes(Vec<u8>),
    Long(i64),
    Int(i32),
    Double(f64),
    Float(f32),
    Julian(Int96),
}

/// A column: what it is, and its values.
pub(super) struct Column {
    pub(super) kind: String,
    pub(super) values: Vec<Value>,
}

impl Column {
    pub(super) fn new(kind: &str, values: Vec<Value>) -> Self {
        Self { kind: kind.to_owned(), values }
    }
}

/// A text; the word for none is none.
pub(super) fn text(value: &str) -> Value {
    if value == "NULL" { Value::Null } else { Value::Bytes(value.as_bytes().to_vec()) }
}

/// The digits of an amount with so many behind the point.
pub(super) fn unscaled(amount: &str, scale: u32) -> i128 {
    let digits = i128::from_be_bytes(Money::parse(amount).unwrap().to_bytes());
    let unit = 10_i128.pow(24 - scale);
    assert_eq!(digits % unit, 0, "{amount}");
    digits / unit
}

/// A number in two's complement, in as few bytes as it needs.
pub(super) fn shortest(value: i128) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let mut start = 0;
    while start < 15 && i128::from_be_bytes(widened(&bytes[start + 1..])) == value {
        start += 1;
    }
    bytes[start..].to_vec()
}

fn widened(bytes: &[u8]) -> [u8; 16] {
    let mut wide = [if bytes[0] & 0x80 == 0 { 0 } else { 0xff }; 16];
    wide[16 - bytes.len()..].copy_from_slice(bytes);
    wide
}

pub(super) fn julian(moment: Timestamp) -> Value {
    let (day, rest) = (moment.as_second().div_euclid(86_400), moment.as_second().rem_euclid(86_400));
    let nanos = u64::try_from(rest).unwrap() * 1_000_000_000;
    let mut value = Int96::new();
    let low = u32::try_from(nanos & 0xffff_ffff).unwrap();
    value.set_data(low, u32::try_from(nanos >> 32).unwrap(), u32::try_from(day + 2_440_588).unwrap());
    Value::Julian(value)
}

/// A file with these columns, in groups of so many rows.
pub(super) fn file(columns: &[Column], group: usize, properties: WriterProperties) -> Vec<u8> {
    // a field ends with a semicolon, a group does not
    let end = |kind: &str| if kind.ends_with('}') { " " } else { "; " };
    let fields: Vec<String> =
        columns.iter().map(|column| format!("{}{}", column.kind, end(&column.kind))).collect();
    let schema = format!("message bill {{ {}}}", fields.concat());
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    let rows = columns.first().map_or(0, |column| column.values.len());
    for start in (0..rows).step_by(group) {
        let mut written = writer.next_row_group().unwrap();
        for column in columns {
            let values = &column.values[start..column.values.len().min(start + group)];
            let levels = column.kind.to_lowercase().starts_with("optional");
            let mut into = written.next_column().unwrap().unwrap();
            put(into.untyped(), values, levels);
            into.close().unwrap();
        }
        written.close().unwrap();
    }
    writer.into_inner().unwrap()
}

fn put(writer: &mut ColumnWriter<'_>, values: &[Value], levels: bool) {
    match writer {
        ColumnWriter::Int32ColumnWriter(writer) => typed(writer, values, levels, |value| match value {
            Value::Int(value) => *value,
            other => panic!("{other:?}"),
        }),
        ColumnWriter::Int64ColumnWriter(writer) => typed(writer, values, levels, |value| match value {
            Value::Long(value) => *value,
            other => panic!("{other:?}"),
        }),
        ColumnWriter::Int96ColumnWriter(writer) => typed(writer, values, levels, |value| match value {
            Value::Julian(value) => *value,
            other => panic!("{other:?}"),
        }),
        ColumnWriter::DoubleColumnWriter(writer) => typed(writer, values, levels, |value| match value {
            Value::Double(value) => *value,
            other => panic!("{other:?}"),
        }),
        ColumnWriter::FloatColumnWriter(writer) => typed(writer, values, levels, |value| match value {
            Value::Float(value) => *value,
            other => panic!("{other:?}"),
        }),
        ColumnWriter::ByteArrayColumnWriter(writer) => typed(writer, values, levels, |value| match value {
            Value::Bytes(value) => value.clone().into(),
            other => panic!("{other:?}"),
        }),
        ColumnWriter::FixedLenByteArrayColumnWriter(writer) => {
            typed(writer, values, levels, |value| match value {
                Value::Bytes(value) => value.clone().into(),
                other => panic!("{other:?}"),
            });
        }
        ColumnWriter::BoolColumnWriter(_) => panic!("no column of FOCUS is yes or no"),
    }
}

fn typed<T: DataType>(
    writer: &mut ColumnWriterImpl<'_, T>,
    values: &[Value],
    has_levels: bool,
    read: impl Fn(&Value) -> T::T,
) {
    let there = |value: &Value| !matches!(value, Value::Null);
    let levels: Vec<i16> = values.iter().map(|value| i16::from(there(value))).collect();
    let values: Vec<T::T> = values.iter().filter(|value| there(value)).map(read).collect();
    writer.write_batch(&values, has_levels.then_some(levels.as_slice()), None).unwrap();
}
