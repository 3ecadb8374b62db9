//! A pattern's text → its items.

use super::{Item, MAX_CAPTURES, MAX_LENGTH, Pattern, PatternError, Set, Times};

impl Pattern {
    /// Reads a pattern.
    pub fn parse(text: &[u8]) -> Result<Self, PatternError> {
        if text.len() > MAX_LENGTH {
            return Err(PatternError::TooLong);
        }
        let (anchored, mut rest) = match text {
            [b'^', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let mut captures = Captures::default();
        let mut items = Vec::new();
        while !rest.is_empty() {
            let item;
            (item, rest) = next(rest, &mut captures)?;
            items.push(item);
        }
        if !captures.open.is_empty() {
            return Err(PatternError::Open);
        }
        Ok(Self { anchored, items, captures: captures.begun })
    }
}

/// Which captures there are so far.
#[derive(Default)]
struct Captures {
    begun: usize,
    open: Vec<usize>,
}

impl Captures {
    fn begin(&mut self) -> Result<usize, PatternError> {
        let index = self.begun;
        self.begun += 1;
        if self.begun > MAX_CAPTURES { Err(PatternError::Captures) } else { Ok(index) }
    }
}

/// The first item and what follows it.
fn next<'a>(text: &'a [u8], captures: &mut Captures) -> Result<(Item, &'a [u8]), PatternError> {
    Ok(match text {
        [b'(', b')', rest @ ..] => (Item::Place(captures.begin()?), rest),
        [b'(', rest @ ..] => {
            let index = captures.begin()?;
            captures.open.push(index);
            (Item::Open(index), rest)
        }
        [b')', rest @ ..] => (Item::Close(captures.open.pop().ok_or(PatternError::Close)?), rest),
        [b'$'] => (Item::End, &[]),
        [b'%', b'b', open, close, rest @ ..] => (Item::Balanced(*open, *close), rest),
        [b'%', b'b', ..] => return Err(PatternError::Balanced),
        [b'%', b'f', b'[', rest @ ..] => {
            let (found, rest) = set(rest)?;
            (Item::Frontier(found), rest)
        }
        [b'%', b'f', ..] => return Err(PatternError::Frontier),
        [b'%', digit @ b'0'..=b'9', rest @ ..] => {
            let index = usize::from(*digit).checked_sub(usize::from(b'1')).ok_or(PatternError::Again)?;
            if index >= captures.begun || captures.open.contains(&index) {
                return Err(PatternError::Again);
            }
            (Item::Again(index), rest)
        }
        text => {
            let (set, rest) = single(text)?;
            match rest {
                [b'?', rest @ ..] => (Item::One(set, Times::Optional), rest),
                [b'*', rest @ ..] => (Item::One(set, Times::Most(0)), rest),
                [b'+', rest @ ..] => (Item::One(set, Times::Most(1)), rest),
                [b'-', rest @ ..] => (Item::One(set, Times::Fewest), rest),
                rest => (Item::One(set, Times::Once), rest),
            }
        }
    })
}

/// What stands for one character, and what follows it.
fn single(text: &[u8]) -> Result<(Set, &[u8]), PatternError> {
    match text {
        [b'%'] => Err(PatternError::Escape),
        [b'%', letter, rest @ ..] => Ok((class(*letter), rest)),
        [b'[', rest @ ..] => set(rest),
        [b'.', rest @ ..] => Ok((Set([u64::MAX; 4]), rest)),
        [byte, rest @ ..] => Ok((Set::of(|one| one == *byte), rest)),
        [] => Ok((Set::default(), text)),
    }
}

/// What stands in brackets; a `]` right at its beginning is one of its characters.
fn set(text: &[u8]) -> Result<(Set, &[u8]), PatternError> {
    let (negated, mut rest) = match text {
        [b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut found = Set::default();
    let mut first = true;
    loop {
        rest = match rest {
            [] | [b'%'] => return Err(PatternError::Set),
            [b']', after @ ..] if !first => {
                let found = if negated { Set(found.0.map(|word| !word)) } else { found };
                return Ok((found, after));
            }
            [b'%', letter, after @ ..] => {
                let class = class(*letter);
                (0..=u8::MAX).filter(|byte| class.contains(*byte)).for_each(|byte| found.insert(byte));
                after
            }
            [from, b'-', to, after @ ..] if *to != b']' => {
                (*from..=*to).for_each(|byte| found.insert(byte));
                after
            }
            [one, after @ ..] => {
                found.insert(*one);
                after
            }
        };
        first = false;
    }
}

/// `%d` and its like; a capital is the opposite, anything else is itself.
fn class(letter: u8) -> Set {
    let fits: fn(&u8) -> bool = match letter.to_ascii_lowercase() {
        b'a' => u8::is_ascii_alphabetic,
        b'c' => u8::is_ascii_control,
        b'd' => u8::is_ascii_digit,
        b'l' => u8::is_ascii_lowercase,
        b'p' => u8::is_ascii_punctuation,
        // with the vertical tab, which Rust does not count
        b's' => |byte| matches!(byte, b' ' | b'\t'..=b'\r'),
        b'u' => u8::is_ascii_uppercase,
        b'w' => u8::is_ascii_alphanumeric,
        b'x' => u8::is_ascii_hexdigit,
        b'z' => |byte| *byte == 0,
        _ => return Set::of(|byte| byte == letter),
    };
    let opposite = letter.is_ascii_uppercase();
    Set::of(|byte| fits(&byte) != opposite)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_pattern() {
        for (text, expected) in [
            ("a%", PatternError::Escape),
            ("[a", PatternError::Set),
            ("[]", PatternError::Set),
            ("[^]", PatternError::Set),
            ("[a%", PatternError::Set),
            ("(a", PatternError::Open),
            ("a)", PatternError::Close),
            ("%b(", PatternError::Balanced),
            ("%fa", PatternError::Frontier),
            ("%1", PatternError::Again),
            ("(%1)", PatternError::Again),
            ("%0", PatternError::Again),
            (&"()".repeat(33), PatternError::Captures),
            (&"a".repeat(257), PatternError::TooLong),
        ] {
            assert_eq!(Pattern::parse(text.as_bytes()), Err(expected), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[-^$*+?.()%bfad19\\[\\]x:]{0,20}", key in "[-a-c1():]{0,20}") {
            if let Ok(pattern) = Pattern::parse(text.as_bytes()) {
                drop(pattern.captures(key.as_bytes()));
            }
        }
    }
}
