//! The clients of a server, from CLIENT LIST: each on its own ([`list`]), or counted ([`census`], [`aggregates`]).
//!
//! One line a client, `field=value` with spaces between. Fields are found by name, an unknown one is skipped, and
//! whatever follows the first `=` is the value: a client may call itself `a=b`. Nothing is copied: a server with
//! 10,000 clients sends 2.6 MB.

pub mod aggregates;
pub mod census;
pub(super) mod list;

/// The clients that a list holds, each as its line. What is not a client's line is left out.
pub fn clients(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"id="))
}

/// The fields of a client's line in the server's order: (name, value).
pub fn fields(line: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let words = line.strip_suffix(b"\r").unwrap_or(line).split(|byte| *byte == b' ');
    words.filter_map(|word| {
        let equals = word.iter().position(|byte| *byte == b'=')?;
        Some((word.get(..equals)?, word.get(equals + 1..)?))
    })
}

/// A field's value as a whole number; anything else is none.
pub fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_all_ages_and_hands() {
        for (list, expected) in [
            ("", vec![]),
            ("\n\nERR\naddr=1 id=2\n", vec![]),
            ("id=1 addr=127.0.0.1:1 name= age=5\n", vec!["id=1", "addr=127.0.0.1:1", "name=", "age=5"]),
            ("id=1 name=a=b=c  flags=N\r\n", vec!["id=1", "name=a=b=c", "flags=N"]),
            ("id=1 odd =x new-field=7", vec!["id=1", "=x", "new-field=7"]),
            ("id=1\nid=2 fd", vec!["id=1", "id=2"]),
        ] {
            let found: Vec<String> = clients(list.as_bytes())
                .flat_map(fields)
                .map(|(name, value)| {
                    format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
                })
                .collect();
            assert_eq!(found, expected, "{list:?}");
        }
        for (value, expected) in [("12", Some(12)), ("-1", None), ("", None), ("1x", None), ("ERR", None)] {
            assert_eq!(number(value.as_bytes()), expected, "{value}");
        }
    }
}
