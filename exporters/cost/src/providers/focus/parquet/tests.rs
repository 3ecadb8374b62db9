//! Files as the crate's own writer makes them: the sample in every form, single values, and files that are broken.

mod written;

use std::io::Read;
use std::time::Duration;

use ::parquet::basic::{Compression, Encoding, GzipLevel, ZstdLevel};
use ::parquet::file::properties::{WriterProperties, WriterVersion};
use flate2::read::GzDecoder;
use jiff::Timestamp;
use kit::process::Folder;
use kit::s3::{KEY, REGION, S3};
use tokio::time::Instant;
use toolkit::config::Document;

use self::written::{Column as Written, Value, file, julian, shortest, text, unscaled};
use super::*;
use crate::calendar::Calendar;
use crate::http::Http;
use crate::money::Money;
use crate::providers::Bill;
use crate::providers::focus::Focus;
use crate::providers::focus::rows;
use crate::providers::focus::sums::{Basis, Part};
use crate::providers::sheet::moments;
use crate::providers::sheet::records::{Next, Records};
use crate::window::Window;

const SAMPLE: &[u8] = include_bytes!("../../../../tests/data/focus_sample.csv.gz");

/// What the sample comes to.
const BILLED: &str = "20.52022672899";
const EFFECTIVE: &str = "14.97651418586";

/// September is over, and October has nothing yet.
const NOW: &str = "2024-10-05T12:00:00Z";

/// Columns of money, and of times.
const MONEY: [&str; 2] = ["BilledCost", "EffectiveCost"];
const TIMES: [&str; 4] = ["ChargePeriodStart", "ChargePeriodEnd", "BillingPeriodStart", "BillingPeriodEnd"];

fn deadline() -> Deadline {
    Deadline(Instant::now() + Duration::from_mins(10))
}

fn wanted(basis: Basis, account_by: AccountBy, calendar: Calendar) -> Wanted {
    let days = Window::new(NOW.parse().unwrap(), calendar, 1).days();
    Wanted { basis, account_by, calendar, vendors: Vec::new(), days }
}

fn usual() -> Wanted {
    wanted(Basis::Billed, AccountBy::Id, Calendar::Utc)
}

/// What a file says, its charges in order.
fn read(bytes: &[u8], wanted: &Wanted) -> Result<Part, FetchError> {
    let folder = Folder::new().unwrap();
    let path = folder.path().join("a");
    std::fs::write(&path, bytes).unwrap();
    let file = File::open(path).unwrap();
    let mut part = rows::read(&file, Some(&file), wanted, deadline())?;
    part.charges.sort_by(|a, b| {
        let key = |charge: &crate::charge::Charge| {
            (charge.day, charge.account.clone(), charge.service.clone(), charge.category)
        };
        key(a).cmp(&key(b))
    });
    Ok(part)
}

fn total(part: &Part) -> String {
    part.charges.iter().map(|charge| charge.amount).sum::<Money>().to_string()
}

/// The sample's columns: name and values.
fn sample() -> Vec<(String, Vec<String>)> {
    let mut records = Records::new(GzDecoder::new(SAMPLE), b',');
    assert_eq!(records.next(None).unwrap(), Next::Record);
    let fields = records.len();
    let texts = |records: &mut Records<_>| -> Vec<String> {
        let mut all = Vec::new();
        for index in 0..fields {
            records.decode(index);
            all.push(String::from_utf8(records.field(index).to_vec()).unwrap());
        }
        all
    };
    let mut columns: Vec<(String, Vec<String>)> =
        texts(&mut records).into_iter().map(|name| (name, Vec::new())).collect();
    while records.next(Some(fields)).unwrap() == Next::Record {
        for (column, value) in columns.iter_mut().zip(texts(&mut records)) {
            column.1.push(value);
        }
    }
    assert_eq!(columns[0].1.len(), 1_000);
    columns
}

/// An amount as one kind of column has it.
fn amount(kind: &str, value: &str) -> Value {
    match kind.split([' ', '(']).next().unwrap() {
        "FIXED_LEN_BYTE_ARRAY" => Value::Bytes(unscaled(value, 18).to_be_bytes().to_vec()),
        "INT64" => Value::Long(unscaled(value, 11).try_into().unwrap()),
        "DOUBLE" => Value::Double(value.parse().unwrap()),
        _ if kind.contains("DECIMAL") => Value::Bytes(shortest(unscaled(value, 18))),
        _ => text(value),
    }
}

/// A time as one kind of column has it.
fn time(kind: &str, value: &str) -> Value {
    let moment = || -> Timestamp { moments::moment(value.as_bytes()).unwrap() };
    let whole = |value: i128| Value::Long(value.try_into().unwrap());
    match kind {
        "INT96" => julian(moment()),
        kind if kind.contains("MILLIS") => whole(moment().as_millisecond().into()),
        kind if kind.contains("MICROS") => whole(moment().as_microsecond().into()),
        kind if kind.contains("NANOS") => whole(moment().as_nanosecond()),
        _ => text(value),
    }
}

/// The sample with such columns of money and of times.
fn sample_as(money: &str, times: &str) -> Vec<Written> {
    let columns = sample().into_iter().map(|(name, values)| {
        // `INT64 (X)`: the name stands between
        let named = |kind: &str| match kind.split_once(" (") {
            Some((before, annotation)) => format!("OPTIONAL {before} {name} ({annotation}"),
            None => format!("OPTIONAL {kind} {name}"),
        };
        let written = |kind: &str, one: fn(&str, &str) -> Value| {
            Written::new(&named(kind), values.iter().map(|value| one(kind, value)).collect())
        };
        match name.as_str() {
            name if MONEY.contains(&name) => written(money, amount),
            name if TIMES.contains(&name) => written(times, time),
            _ => written("BYTE_ARRAY (UTF8)", |_kind, value| text(value)),
        }
    });
    columns.collect()
}

const DECIMAL: &str = "FIXED_LEN_BYTE_ARRAY(16) (DECIMAL(38,18))";
const MICROS: &str = "INT64 (TIMESTAMP(MICROS,true))";

fn packed(compression: Compression) -> WriterProperties {
    WriterProperties::builder().set_compression(compression).build()
}

#[test]
fn the_sample_to_the_last_digit_in_every_form() {
    let snappy = || packed(Compression::SNAPPY);
    let billed = read(SAMPLE, &usual()).unwrap();
    let by_name = wanted(Basis::Effective, AccountBy::Name, Calendar::Utc);
    let pacific = wanted(Basis::Billed, AccountBy::None, Calendar::Pacific);
    let elsewhere = read(SAMPLE, &pacific).unwrap();
    let effective = read(SAMPLE, &by_name).unwrap();
    assert_eq!((total(&billed).as_str(), total(&effective).as_str()), (BILLED, EFFECTIVE));
    let second = WriterProperties::builder().set_writer_version(WriterVersion::PARQUET_2_0);
    let plain = WriterProperties::builder().set_dictionary_enabled(false).set_data_page_row_count_limit(100);
    let delta = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_column_encoding("ServiceName".into(), Encoding::DELTA_LENGTH_BYTE_ARRAY)
        .set_column_encoding("SubAccountId".into(), Encoding::DELTA_BYTE_ARRAY);
    let old_delta = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_column_encoding("ServiceName".into(), Encoding::DELTA_LENGTH_BYTE_ARRAY)
        .set_column_encoding("CommitmentDiscountStatus".into(), Encoding::DELTA_LENGTH_BYTE_ARRAY);
    for (money, times, group, properties) in [
        (DECIMAL, MICROS, 1_000, snappy()),
        (DECIMAL, "INT64 (TIMESTAMP(MILLIS,true))", 300, packed(Compression::UNCOMPRESSED)),
        ("INT64 (DECIMAL(18,11))", "INT64 (TIMESTAMP(NANOS,false))", 7, snappy()),
        (
            "INT64 (DECIMAL(18,11))",
            "INT64 (TIMESTAMP_MILLIS)",
            999,
            packed(Compression::GZIP(GzipLevel::default())),
        ),
        ("BYTE_ARRAY (DECIMAL(38,18))", "INT64 (TIMESTAMP_MICROS)", 1_000, second.build()),
        ("DOUBLE", "INT96", 500, plain.build()),
        ("DOUBLE", "INT96", 1_000, delta.build()),
        ("BYTE_ARRAY (UTF8)", "BYTE_ARRAY (UTF8)", 1_000, old_delta.build()),
        ("BYTE_ARRAY", "BYTE_ARRAY", 100_000, snappy()),
    ] {
        let bytes = file(&sample_as(money, times), group, properties);
        let case = format!("{money}, {times}, {group}");
        assert_eq!(read(&bytes, &usual()).unwrap(), billed, "{case}");
        assert_eq!(read(&bytes, &by_name).unwrap(), effective, "{case}");
        assert_eq!(read(&bytes, &pacific).unwrap(), elsewhere, "{case}");
    }
}

/// A row of which one column is written so; all others are as they must be.
fn one(column: &str, kind: &str, value: Value) -> Vec<u8> {
    let others = [
        ("BilledCost", "REQUIRED INT32 BilledCost", Value::Int(1)),
        ("BillingCurrency", "REQUIRED BYTE_ARRAY BillingCurrency (UTF8)", text("USD")),
        ("ChargePeriodStart", "REQUIRED INT32 ChargePeriodStart (DATE)", Value::Int(19_967)),
    ];
    let mut columns: Vec<Written> = others
        .into_iter()
        .filter(|(name, _, _)| *name != column)
        .map(|(_, kind, value)| Written::new(kind, vec![value.clone(), value]))
        .collect();
    // the second row is the same without it
    columns.push(Written::new(&format!("OPTIONAL {kind}"), vec![value, Value::Null]));
    file(&columns, 10, packed(Compression::SNAPPY))
}

#[test]
fn amounts_one_by_one() {
    let bytes = |value: i128| Value::Bytes(value.to_be_bytes().to_vec());
    let wide = |first: u8, rest: i128| {
        let more = vec![first; 4];
        Value::Bytes([more.as_slice(), &rest.to_be_bytes()].concat())
    };
    for (kind, value, expected) in [
        ("INT32 BilledCost (DECIMAL(9,4))", Value::Int(-12_345), Some("-1.2345")),
        ("INT32 BilledCost", Value::Int(7), Some("7")),
        ("INT64 BilledCost (DECIMAL(18,0))", Value::Long(7), Some("7")),
        ("INT64 BilledCost (DECIMAL(18,18))", Value::Long(i64::MIN), Some("-9.223372036854775808")),
        ("DOUBLE BilledCost", Value::Double(0.1), Some("0.1")),
        ("DOUBLE BilledCost", Value::Double(35.2e-7), Some("0.00000352")),
        ("DOUBLE BilledCost", Value::Double(-0.0), Some("0")),
        ("DOUBLE BilledCost", Value::Double(f64::NAN), None),
        ("DOUBLE BilledCost", Value::Double(f64::INFINITY), None),
        ("DOUBLE BilledCost", Value::Double(1e300), None),
        ("DOUBLE BilledCost", Value::Double(5e-324), Some("0")),
        ("FLOAT BilledCost", Value::Float(0.1), Some("0.1")),
        ("FIXED_LEN_BYTE_ARRAY(16) BilledCost (DECIMAL(38,18))", bytes(-1), Some("-0.000000000000000001")),
        ("FIXED_LEN_BYTE_ARRAY(16) BilledCost (DECIMAL(38,18))", bytes(i128::MAX), None),
        ("FIXED_LEN_BYTE_ARRAY(2) BilledCost (DECIMAL(4,2))", Value::Bytes(vec![0xff, 0x01]), Some("-2.55")),
        (
            "FIXED_LEN_BYTE_ARRAY(20) BilledCost (DECIMAL(40,18))",
            wide(0xff, -5),
            Some("-0.000000000000000005"),
        ),
        ("FIXED_LEN_BYTE_ARRAY(20) BilledCost (DECIMAL(40,18))", wide(0, 5), Some("0.000000000000000005")),
        ("FIXED_LEN_BYTE_ARRAY(20) BilledCost (DECIMAL(40,18))", wide(0, -5), None),
        ("FIXED_LEN_BYTE_ARRAY(20) BilledCost (DECIMAL(40,18))", wide(1, 5), None),
        ("BYTE_ARRAY BilledCost (DECIMAL(38,18))", Value::Bytes(Vec::new()), None),
        ("BYTE_ARRAY BilledCost (UTF8)", text("1.5E-3"), Some("0.0015")),
        ("BYTE_ARRAY BilledCost (UTF8)", text("much"), None),
    ] {
        let found = read(&one("BilledCost", kind, value.clone()), &usual());
        match expected {
            Some(expected) => {
                let part = found.unwrap();
                assert_eq!((total(&part).as_str(), part.count.bad), (expected, 1), "{kind} {value:?}");
            }
            // no row is left that can be used
            None => assert_eq!(found.unwrap_err().reason, Reason::Malformed, "{kind} {value:?}"),
        }
    }
}

#[test]
fn times_one_by_one() {
    let pacific = wanted(Basis::Billed, AccountBy::None, Calendar::Pacific);
    let early: Timestamp = "2024-09-02T03:00:00Z".parse().unwrap();
    for (kind, value, expected) in [
        // a day is that day, wherever; a moment is in its calendar
        ("INT32 ChargePeriodStart (DATE)", Value::Int(19_968), Some("2024-09-02")),
        ("INT32 ChargePeriodStart (DATE)", Value::Int(i32::MAX), None),
        ("INT96 ChargePeriodStart", julian(early), Some("2024-09-01")),
        (
            "INT64 ChargePeriodStart (TIMESTAMP(MILLIS,true))",
            Value::Long(early.as_millisecond()),
            Some("2024-09-01"),
        ),
        ("INT64 ChargePeriodStart (TIMESTAMP(MILLIS,true))", Value::Long(i64::MAX), None),
        ("INT64 ChargePeriodStart (TIMESTAMP(NANOS,true))", Value::Long(i64::MAX), Some("")),
        ("INT64 ChargePeriodStart", Value::Long(early.as_millisecond()), None),
        ("BYTE_ARRAY ChargePeriodStart (UTF8)", text("2024-09-02 03:00:00"), Some("2024-09-01")),
        ("BYTE_ARRAY ChargePeriodStart (UTF8)", text("someday"), None),
    ] {
        let found = read(&one("ChargePeriodStart", kind, value.clone()), &pacific);
        match expected {
            Some(expected) => {
                let days: Vec<String> =
                    found.unwrap().charges.iter().map(|charge| charge.day.to_string()).collect();
                assert_eq!(days.join(" "), expected, "{kind} {value:?}");
            }
            None => assert_eq!(found.unwrap_err().reason, Reason::Malformed, "{kind} {value:?}"),
        }
    }
}

#[test]
fn names_and_columns() {
    let long = Value::Bytes(vec![b'x'; MAX_NAME]);
    for (kind, value, expected) in [
        ("BYTE_ARRAY ServiceName (UTF8)", text("A, \"b\""), "A, \"b\""),
        ("BYTE_ARRAY servicename", Value::Bytes(b"\xff\n".to_vec()), "\u{fffd}"),
        ("BYTE_ARRAY ServiceName (UTF8)", long, "__other__"),
        ("INT64 ServiceName", Value::Long(-7), "-7"),
        // what is in a group is another thing
        ("group x { OPTIONAL INT64 ServiceName; }", Value::Null, "__other__"),
    ] {
        let part = read(&one("", kind, value), &usual()).unwrap();
        let mut names: Vec<&str> = part.charges.iter().map(|charge| &*charge.service).collect();
        names.retain(|name| names_differ(name, expected));
        assert!(names.is_empty() && part.count.bad == 0, "{kind}: {:?}", part.charges);
    }
    let error = read(&one("BilledCost", "INT64 Cost", Value::Long(1)), &usual()).unwrap_err();
    assert_eq!(error.message, "it has no column BilledCost");
}

/// More than is read of a value.
const MAX_NAME: usize = 5_000;

fn names_differ(name: &str, expected: &str) -> bool {
    // the second row has none
    name != expected && name != "__other__"
}

/// Bytes between two that are changed, and how they are.
const BETWEEN: usize = 29;
const CHANGES: [u8; 3] = [1, 0x80, 0xff];

#[test]
fn files_that_are_broken() {
    let kinds = [
        (DECIMAL, MICROS, packed(Compression::SNAPPY)),
        (
            "BYTE_ARRAY (UTF8)",
            "INT96",
            WriterProperties::builder()
                .set_dictionary_enabled(false)
                .set_writer_version(WriterVersion::PARQUET_2_0)
                .build(),
        ),
    ];
    for (money, times, properties) in kinds {
        let mut columns = sample_as(money, times);
        // those that are read: a change is to hit one
        columns.retain(|column| {
            ["BilledCost", "BillingCurrency", "ChargePeriodStart", "ServiceName", "SubAccountId"]
                .iter()
                .any(|name| column.kind.contains(&format!(" {name}")))
        });
        for column in &mut columns {
            column.values.truncate(60);
        }
        let bytes = file(&columns, 40, properties);
        assert!(read(&bytes, &usual()).is_ok());
        for length in (4..bytes.len()).step_by(97) {
            let error = read(&bytes[..length], &usual()).unwrap_err();
            assert_eq!((error.reason, error.message.as_str()), (Reason::Incomplete, "it breaks off"));
        }
        // not every byte: a panic of the crate is told with its backtrace, which takes longer than all the rest
        for at in (4..bytes.len()).step_by(BETWEEN) {
            let mut changed = bytes.clone();
            changed[at] ^= CHANGES[at % CHANGES.len()];
            if let Err(error) = read(&changed, &usual()) {
                let is_told = matches!(error.reason, Reason::Malformed | Reason::Incomplete);
                assert!(is_told, "{at}: {error}");
            }
        }
    }
    for (bytes, expected) in [
        (
            b"PAR1\0\0\0\0\0\0\0\0\0\0\0\0PARE".as_slice(),
            "it is an encrypted Parquet file, which is not read",
        ),
        (b"PAR1\0\0\0\0\0\0\0\0\xff\xff\xff\xffPAR1", "it is a broken Parquet file: its footer is too long"),
    ] {
        assert_eq!(read(bytes, &usual()).unwrap_err().message, expected);
    }
}

#[test]
fn what_is_packed_otherwise() {
    for (packed, name) in
        [(Compression::ZSTD(ZstdLevel::default()), "zstd"), (Compression::LZ4_RAW, "lz4_raw")]
    {
        let expected = format!("its columns are packed with {name}; Snappy and gzip are read");
        assert_eq!(unpackable(packed).unwrap_err().message, expected);
    }
}

#[test]
fn a_stream_is_spooled_up_to_its_bound() {
    let bytes = vec![7; 300_000];
    let mut spool = spooled(bytes.as_slice(), 300_000, deadline()).unwrap();
    let mut back = Vec::new();
    spool.read_to_end(&mut back).unwrap();
    assert_eq!(back, bytes);
    let error = spooled(std::io::BufReader::new(bytes.as_slice()), 299_999, deadline()).unwrap_err();
    assert_eq!(error.reason, Reason::TooLarge);
    assert_eq!(error.message, "it is a Parquet file of more than 299999 bytes");
}

#[tokio::test]
async fn from_a_folder_and_from_a_bucket() {
    let bytes = file(&sample_as(DECIMAL, MICROS), 400, packed(Compression::SNAPPY));
    let folder = Folder::new().unwrap();
    std::fs::write(folder.path().join("a.snappy.parquet"), &bytes).unwrap();
    let s3 = S3::start().await.unwrap();
    s3.put("bills", "exports/a.snappy.parquet", bytes.clone(), "2024-10-05T00:00:00Z".parse().unwrap());
    let bucket = format!(
        "path: s3://bills/exports\nbase_url: {}\nregion: {REGION}\naccess_key_id: {}\nsecret_access_key: {}\n",
        s3.endpoint(),
        KEY.0,
        KEY.1
    );
    let window = Window::new(NOW.parse().unwrap(), Calendar::Utc, 1);
    for yaml in [format!("path: {}/*.parquet\n", folder.path().display()), bucket] {
        let document = Document::parse("c.yml", &yaml).unwrap();
        let focus = document.decode(|mut fields| Focus::decode(&mut fields)).unwrap().unwrap();
        let snapshot = focus.fetch(&Http::hurried(), &window).await.unwrap();
        let total = snapshot.charges.iter().map(|charge| charge.amount).sum::<Money>().to_string();
        assert_eq!((total.as_str(), snapshot.unpriced), (BILLED, 0), "{yaml}");
        let covers = (snapshot.covers.start.to_string(), snapshot.covers.end.to_string());
        assert_eq!(covers, ("2024-09-01".to_owned(), "2024-10-01".to_owned()));
    }
}
