//! What came, as Go's regular expressions see it: bytes, of which each that is not UTF-8 is one unknown character.

use std::ops::Range;

use toolkit::regexp::Regex;

/// The groups of a match, as the bytes that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match<'a> {
    bytes: &'a [u8],
    groups: Vec<Option<Range<usize>>>,
}

impl<'a> Match<'a> {
    /// What a group matched; group 0 is the whole.
    pub fn group(&self, index: usize) -> Option<&'a [u8]> {
        self.bytes.get(self.groups.get(index)?.clone()?)
    }
}

/// The first match of an expression.
pub(crate) fn find<'a>(regex: &Regex, bytes: &'a [u8]) -> Option<Match<'a>> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let captures = regex.captures(text)?;
        let groups = captures.iter().map(|group| group.map(|group| group.range())).collect();
        return Some(Match { bytes, groups });
    }
    let (text, places) = readable(bytes);
    let captures = regex.captures(&text)?;
    let place = |at: usize| places.get(at).copied().unwrap_or(bytes.len());
    let groups = captures.iter().map(|group| group.map(|group| place(group.start())..place(group.end())));
    Some(Match { bytes, groups: groups.collect() })
}

/// The text that Go sees, and for each of its bytes the place of what it stands for.
fn readable(bytes: &[u8]) -> (String, Vec<usize>) {
    let mut text = String::with_capacity(bytes.len() + 16);
    let mut places = Vec::with_capacity(bytes.len() + 16);
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        places.extend(at..at + chunk.valid().len());
        at += chunk.valid().len();
        for _ in chunk.invalid() {
            text.push(char::REPLACEMENT_CHARACTER);
            places.extend([at; char::REPLACEMENT_CHARACTER.len_utf8()]);
            at += 1;
        }
    }
    (text, places)
}

#[cfg(test)]
mod tests {
    use toolkit::regexp::compile;

    use super::*;

    fn check(pattern: &str, bytes: &[u8], expected: Option<&[Option<&[u8]>]>) {
        let found = find(&compile(pattern).unwrap(), bytes);
        let groups = found.as_ref().map(|found| (0..found.groups.len()).map(|index| found.group(index)));
        let groups: Option<Vec<_>> = groups.map(Iterator::collect);
        assert_eq!(groups.as_deref(), expected, "{pattern} on {bytes:?}");
    }

    #[test]
    fn groups_are_the_bytes_that_came() {
        check("^SSH-([^-]+)-(x)?", b"SSH-2.0-OpenSSH", Some(&[Some(b"SSH-2.0-"), Some(b"2.0"), None]));
        check("b", b"a", None);
        check("", b"", Some(&[Some(b"")]));
    }

    #[test]
    fn a_byte_that_is_no_utf8_is_one_character() {
        // "é" in Latin 1, and a character of three bytes that was cut after two
        check("caf.$", b"caf\xe9", Some(&[Some(b"caf\xe9")]));
        check(
            "^(.)(.)x(..)$",
            b"\xe2\x82x\xff\xfe",
            Some(&[Some(b"\xe2\x82x\xff\xfe"), Some(b"\xe2"), Some(b"\x82"), Some(b"\xff\xfe")]),
        );
        check("ü(.)", b"\xffg\xc3\xbc\xfe", Some(&[Some(b"\xc3\xbc\xfe"), Some(b"\xfe")]));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_can_be_searched(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40)) {
            let found = find(&compile("(?s)^(.*?)(.)?$").unwrap(), &bytes).unwrap();
            assert_eq!(found.group(0), Some(bytes.as_slice()));
        }
    }
}
