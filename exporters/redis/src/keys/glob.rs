//! Redis' patterns of keys: `*`, `?`, `[a-z]`, `[^a]`, `\x`.
//!
//! Invariants: a pattern matches here what it matches on the server (SCAN MATCH); the time is bounded by the lengths
//! of pattern and key multiplied, whatever the pattern, since only its last `*` is ever tried again.

/// Whether a key holds a character that redis_exporter takes for a pattern; a `\` alone makes none.
pub fn is_pattern(key: &[u8]) -> bool {
    key.iter().any(|byte| b"?*[]^".contains(byte))
}

/// Whether `key` matches.
pub fn matches(pattern: &[u8], key: &[u8]) -> bool {
    let (mut at, mut rest) = (pattern, key);
    // after the last `*`: what follows it in the pattern, and where in the key that is tried next
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', after @ ..] = at {
            if after.is_empty() {
                return true;
            }
            star = Some((after, rest));
            at = after;
            continue;
        }
        match (at, rest) {
            ([], []) => return true,
            ([_, ..], [byte, tail @ ..]) => {
                let (fits, after) = step(at, *byte);
                if fits {
                    (at, rest) = (after, tail);
                    continue;
                }
            }
            _ => {}
        }
        match star {
            Some((after, [_, tail @ ..])) => {
                star = Some((after, tail));
                (at, rest) = (after, tail);
            }
            _ => return false,
        }
    }
}

/// Whether `byte` fits the first item of `pattern`, and what follows that item.
fn step(pattern: &[u8], byte: u8) -> (bool, &[u8]) {
    match pattern {
        [b'?', after @ ..] => (true, after),
        [b'[', after @ ..] => class(after, byte),
        [b'\\', escaped, after @ ..] => (*escaped == byte, after),
        [first, after @ ..] => (*first == byte, after),
        [] => (false, pattern),
    }
}

/// The same for what stands in brackets. One that is never closed ends with the pattern.
fn class(pattern: &[u8], byte: u8) -> (bool, &[u8]) {
    let (negated, mut rest) = match pattern {
        [b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut fits = false;
    loop {
        rest = match rest {
            [b'\\', escaped, after @ ..] => {
                fits |= *escaped == byte;
                after
            }
            [b']', after @ ..] => return (fits != negated, after),
            [] => return (fits != negated, rest),
            [from, b'-', to, after @ ..] => {
                fits |= (*from.min(to)..=*from.max(to)).contains(&byte);
                after
            }
            [one, after @ ..] => {
                fits |= *one == byte;
                after
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, key, expected) in [
            ("", "", true),
            ("", "a", false),
            ("a", "a", true),
            ("a", "b", false),
            ("a", "ab", false),
            ("*", "", true),
            ("**", "abc", true),
            ("a*", "abc", true),
            ("a*c", "abcbc", true),
            ("a*c", "abcb", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbxx", false),
            ("user:*:name", "user:1:2:name", true),
            ("?", "", false),
            ("?b", "ab", true),
            ("h[ae]llo", "hello", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]", "hb", true),
            ("h[c-a]", "hb", true),
            ("h[a-c]", "hd", false),
            ("h[a\\]]", "h]", true),
            ("h[ab", "hb", true),
            ("h[ab", "hbc", false),
            ("[]a", "a", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("a\\", "a\\", true),
            ("*\\?", "what?", true),
            ("*[0-9]", "key:12", true),
            ("*[0-9]", "key:1a", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), key.as_bytes()), expected, "{pattern} {key}");
        }
    }

    #[test]
    fn what_is_a_pattern() {
        for (key, expected) in [("a", false), ("a\\b", false), ("a*", true), ("[a", true), ("a^b", true)] {
            assert_eq!(is_pattern(key.as_bytes()), expected, "{key}");
        }
    }

    #[test]
    fn many_stars_cost_no_more_than_one() {
        let pattern = "*a".repeat(200) + "b";
        assert!(!matches(pattern.as_bytes(), "a".repeat(10_000).as_bytes()));
    }
}
