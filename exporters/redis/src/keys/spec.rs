//! Lists of keys as people write them: `user:1,db3=queue:*,a%2Cb`, in redis_exporter's syntax.
//!
//! A comma ends a key and `=` ends its database, so both are escaped in a key, as in a URL (`%2C`, `%3D`; `+` is a
//! space). Keys are bytes, of which not all need to be UTF-8.

use super::glob;

/// A key, or a pattern of keys, and the database that it is in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeySpec {
    /// The database's number.
    pub db: u32,
    /// The key or pattern.
    pub key: Vec<u8>,
}

/// Why a list of keys cannot be read. Never repeats more than the part at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// There is more than one `=`.
    #[error("`{0}` has more than one `=` (hint: write %3D for one that is part of a key)")]
    Equals(String),
    /// The part before `=` is no number.
    #[error("`{0}` does not begin with a database (hint: db0=key or 0=key)")]
    Database(String),
    /// A `%` is not followed by two digits.
    #[error("`{0}` has a % that starts no escape (hint: write %25 for a percent sign)")]
    Escape(String),
    /// There are more than may be asked for.
    #[error("more than {0} keys")]
    TooMany(usize),
}

impl KeySpec {
    /// Whether it stands for the keys that match it, and not for the one of this name.
    pub fn is_pattern(&self) -> bool {
        glob::is_pattern(&self.key)
    }
}

/// Reads a list. Parts without a key or database are skipped, and what comes twice is asked for once.
pub fn parse(list: &str) -> Result<Vec<KeySpec>, SpecError> {
    let mut specs = Vec::new();
    for part in list.split(',').filter(|part| !part.is_empty()) {
        let mut pieces = part.split('=');
        let (db, key) = match (pieces.next(), pieces.next(), pieces.next()) {
            (Some(db), Some(key), None) => (db.trim().replace("db", ""), key),
            (Some(key), None, None) => ("0".to_owned(), key),
            _ => return Err(SpecError::Equals(part.to_owned())),
        };
        let key = unescape(key.trim()).ok_or_else(|| SpecError::Escape(part.to_owned()))?;
        if db.is_empty() || key.is_empty() {
            continue;
        }
        let db = db.parse().map_err(|_| SpecError::Database(part.to_owned()))?;
        let spec = KeySpec { db, key };
        if !specs.contains(&spec) {
            specs.push(spec);
        }
    }
    Ok(specs)
}

/// Query escapes, as bytes; `None` where a `%` starts none.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            byte => byte,
        });
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists() {
        for (list, expected) in [
            ("", vec![]),
            ("key", vec![(0, "key")]),
            ("db0=key", vec![(0, "key")]),
            ("3=key", vec![(3, "key")]),
            ("dbdbdb0=a,db1=a", vec![(0, "a"), (1, "a")]),
            ("a, b ,c", vec![(0, "a"), (0, "b"), (0, "c")]),
            ("a,,db1=,=b,db=c,a", vec![(0, "a")]),
            ("a%2Cb%3d,c+d", vec![(0, "a,b="), (0, "c d")]),
            (" db11 = key:* ", vec![(11, "key:*")]),
        ] {
            let expected: Vec<KeySpec> =
                expected.into_iter().map(|(db, key)| KeySpec { db, key: key.as_bytes().to_vec() }).collect();
            assert_eq!(parse(list), Ok(expected), "{list}");
        }
        assert_eq!(parse("%ff").unwrap().first().map(|spec| spec.key.clone()), Some(vec![0xff]));
    }

    #[test]
    fn what_is_no_list() {
        for (list, expected) in [
            ("1=2=3=4", SpecError::Equals("1=2=3=4".to_owned())),
            ("a,wrong=b", SpecError::Database("wrong=b".to_owned())),
            ("-1=b", SpecError::Database("-1=b".to_owned())),
            ("a%zz", SpecError::Escape("a%zz".to_owned())),
            ("a%4", SpecError::Escape("a%4".to_owned())),
        ] {
            assert_eq!(parse(list), Err(expected), "{list}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(list in "(?s).{0,60}") {
            drop(parse(&list));
        }
    }
}
