//! What is shown of a key: its memory, its size, and its value if that is short.
//!
//! Invariants: of a value, no more is read than [`VALUE_END`] allows; a command that only fits one type goes to keys of that type,
//! so the server counts no error for us.

use super::ask::{Asker, Query};
use crate::error::LinkError;
use crate::reply::Reply;

/// Bytes of a value that are read.
const VALUE_BYTES: f64 = 256.0;
/// The last of them.
const VALUE_END: &[u8] = b"255";
/// The same where values are not shown: the header of a `HyperLogLog`.
const HEADER_END: &[u8] = b"15";

/// Keys asked about in one write: the server does it in some 0.2 ms.
pub const CHUNK: usize = 100;

/// What a type's size is called; of a string there is more to ask.
const SIZES: [(&str, &str, &[u8]); 7] = [
    ("string", "strlen", b"STRLEN"),
    ("list", "llen", b"LLEN"),
    ("set", "scard", b"SCARD"),
    ("zset", "zcard", b"ZCARD"),
    ("hash", "hlen", b"HLEN"),
    ("stream", "xlen", b"XLEN"),
    ("array", "arcount", b"ARCOUNT"),
];

/// What is known about a key. What is not known is not there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Details {
    /// Whether there is no such key.
    pub missing: bool,
    /// Its memory in bytes.
    pub memory: Option<f64>,
    /// Its length, or how much it holds.
    pub size: Option<f64>,
    /// Its value.
    pub value: Option<Value>,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// One that is a number.
    Number(f64),
    /// Any other, or its beginning.
    Text(String),
}

/// What a string begins with and how long it is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum HyperLogLog {
    /// It counts so many.
    Counts(f64),
    /// It has to be asked.
    Stale,
}

/// Asks about keys of one database. A key that another server has, or that is closed to us, has no details.
pub async fn details(
    asker: &mut Asker<'_>,
    db: u32,
    keys: &[&[u8]],
    values: bool,
) -> Result<Vec<Option<Details>>, LinkError> {
    let mut all = Vec::with_capacity(keys.len());
    for chunk in keys.chunks(CHUNK) {
        all.extend(of_chunk(asker, db, chunk, values).await?);
    }
    Ok(all)
}

/// The memory of keys of one database.
pub async fn memory(asker: &mut Asker<'_>, db: u32, keys: &[&[u8]]) -> Result<Vec<Option<u64>>, LinkError> {
    let queries: Vec<_> = keys.iter().map(|key| memory_usage(key)).collect();
    let replies = asker.ask(db, &queries).await?;
    let bytes = |reply: Option<Reply>| match reply {
        Some(Reply::Integer(bytes)) => u64::try_from(bytes).ok(),
        _ => None,
    };
    Ok(replies.into_iter().map(bytes).collect())
}

fn memory_usage(key: &[u8]) -> Query<'_> {
    Query::new("memory|usage", &[b"MEMORY", b"USAGE", key])
}

async fn of_chunk(
    asker: &mut Asker<'_>,
    db: u32,
    keys: &[&[u8]],
    values: bool,
) -> Result<Vec<Option<Details>>, LinkError> {
    let first: Vec<_> =
        keys.iter().flat_map(|key| [Query::new("type", &[b"TYPE", key]), memory_usage(key)]).collect();
    let replies = asker.ask(db, &first).await?;
    let (pairs, _) = replies.as_chunks::<2>();
    let types: Vec<Option<&str>> = pairs.iter().map(|[of_type, _]| of_type.as_ref()?.text()).collect();
    let mut all: Vec<Option<Details>> = pairs.iter().map(begin).collect();

    let heads = sizes_and_heads(asker, db, keys, (&types, values), &mut all).await?;
    let mut stale = Vec::new();
    for (index, head) in heads {
        let Some(Some(found)) = all.get_mut(index) else { continue };
        let head = head.bytes().unwrap_or_default();
        match hyperloglog(head) {
            Some(HyperLogLog::Counts(count)) => found.size = Some(count),
            Some(HyperLogLog::Stale) => stale.push(index),
            None if values => found.value = value(head),
            None => {}
        }
    }
    let counts = at(keys, &stale).map(|key| Query::new("pfcount", &[b"PFCOUNT", key])).collect::<Vec<_>>();
    for (index, reply) in stale.into_iter().zip(asker.ask(db, &counts).await?) {
        if let Some(Some(found)) = all.get_mut(index) {
            found.size = reply.as_ref().and_then(Reply::number);
        }
    }
    Ok(all)
}

/// Asks for the sizes of keys, and for what strings begin with: by their places.
async fn sizes_and_heads(
    asker: &mut Asker<'_>,
    db: u32,
    keys: &[&[u8]],
    (types, values): (&[Option<&str>], bool),
    all: &mut [Option<Details>],
) -> Result<Vec<(usize, Reply)>, LinkError> {
    let strings: Vec<usize> = types
        .iter()
        .enumerate()
        .filter(|(_, found)| **found == Some("string"))
        .map(|(index, _)| index)
        .collect();
    let sizes = keys.iter().zip(types).filter_map(|(key, of_type)| size_query(key, *of_type));
    let end = if values { VALUE_END } else { HEADER_END };
    let cut = asker.is_allowed("getrange").is_ok();
    let heads = at(keys, if cut { &strings } else { &[] });
    let heads = heads.map(|key| Query::new("getrange", &[b"GETRANGE", key, b"0", end]));
    let queries: Vec<_> = sizes.chain(heads).collect();
    let mut replies = asker.ask(db, &queries).await?.into_iter();
    for (of_type, found) in types.iter().zip(all.iter_mut()) {
        if size_query(b"", *of_type).is_some() {
            let size = replies.next().flatten().as_ref().and_then(Reply::number);
            if let Some(found) = found {
                found.size = size;
            }
        }
    }
    if asker.is_allowed("getrange").is_ok() || !values {
        return Ok(strings
            .into_iter()
            .zip(replies)
            .filter_map(|(index, reply)| Some((index, reply?)))
            .collect());
    }
    // rights for redis_exporter have GET only: it does for values that are known to be short
    let is_short = |index: &usize| {
        let found = all.get(*index).and_then(Option::as_ref);
        found.and_then(|found| found.size).is_some_and(|size| size <= VALUE_BYTES)
    };
    let short: Vec<usize> = strings.into_iter().filter(is_short).collect();
    let whole: Vec<_> = at(keys, &short).map(|key| Query::new("get", &[b"GET", key])).collect();
    let replies = asker.ask(db, &whole).await?;
    Ok(short.into_iter().zip(replies).filter_map(|(index, reply)| Some((index, reply?))).collect())
}

fn at<'a>(keys: &[&'a [u8]], places: &[usize]) -> impl Iterator<Item = &'a [u8]> {
    places.iter().filter_map(|place| keys.get(*place).copied())
}

/// What the replies to TYPE and MEMORY USAGE tell.
fn begin([of_type, memory]: &[Option<Reply>; 2]) -> Option<Details> {
    let missing = of_type.as_ref().and_then(Reply::text) == Some("none");
    let memory = memory.as_ref().and_then(Reply::number);
    let is_told = of_type.is_some() || memory.is_some();
    is_told.then(|| Details { missing, memory, size: missing.then_some(0.0), value: None })
}

fn size_query<'a>(key: &'a [u8], of_type: Option<&str>) -> Option<Query<'a>> {
    let (_, name, word) = SIZES.iter().find(|(found, ..)| Some(*found) == of_type)?;
    Some(Query::new(name, &[word, key]))
}

/// A `HyperLogLog` is a string that begins with `HYLL`, its encoding, three zeros, and the count that it was last asked
/// for, in 8 bytes of which the highest bit says that it has changed since.
fn hyperloglog(head: &[u8]) -> Option<HyperLogLog> {
    match head {
        [b'H', b'Y', b'L', b'L', 0 | 1, 0, 0, 0, count @ ..] => {
            let count = u64::from_le_bytes(*count.first_chunk()?);
            #[expect(clippy::cast_precision_loss, reason = "beyond 2^53 the page loses bits too")]
            Some(if count >> 63 == 0 { HyperLogLog::Counts(count as f64) } else { HyperLogLog::Stale })
        }
        _ => None,
    }
}

fn value(head: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(head);
    match text.parse::<f64>() {
        _ if text.is_empty() => None,
        Ok(number) if !number.is_nan() => Some(Value::Number(number)),
        _ => Some(Value::Text(text.into_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        for (head, expected) in [
            ("", None),
            ("1234.56", Some(Value::Number(1234.56))),
            ("-1e3", Some(Value::Number(-1000.0))),
            ("inf", Some(Value::Number(f64::INFINITY))),
            ("nan", Some(Value::Text("nan".to_owned()))),
            ("hello", Some(Value::Text("hello".to_owned()))),
            (" 1", Some(Value::Text(" 1".to_owned()))),
        ] {
            assert_eq!(value(head.as_bytes()), expected, "{head}");
        }
        assert_eq!(value(b"a\xff"), Some(Value::Text("a\u{fffd}".to_owned())));
    }

    #[test]
    fn only_what_looks_like_a_hyperloglog_is_one() {
        for (head, expected) in [
            (&b"HYLL\x01\0\0\0\x03\0\0\0\0\0\0\0..."[..], Some(HyperLogLog::Counts(3.0))),
            (b"HYLL\x00\0\0\0\x03\0\0\0\0\0\0\x80", Some(HyperLogLog::Stale)),
            (b"HYLL\x02\0\0\0\x03\0\0\0\0\0\0\0", None),
            (b"HYLL\x01\0\0\0\x03\0\0", None),
            (b"HYLLo, world of strings", None),
            (b"", None),
        ] {
            assert_eq!(hyperloglog(head), expected, "{head:?}");
        }
    }

    #[test]
    fn a_key_of_another_server_has_no_details() {
        let text = |text: &str| Some(Reply::Text(text.to_owned()));
        for (first, expected) in [
            ([None, None], None),
            (
                [text("none"), Some(Reply::Nil)],
                Some(Details { missing: true, size: Some(0.0), ..Details::default() }),
            ),
            (
                [text("ReJSON-RL"), Some(Reply::Integer(9))],
                Some(Details { memory: Some(9.0), ..Details::default() }),
            ),
            ([None, Some(Reply::Integer(9))], Some(Details { memory: Some(9.0), ..Details::default() })),
        ] {
            assert_eq!(begin(&first), expected);
        }
    }
}
