//! Lua's patterns, as redis_exporter's key groups are written: `^user:(%d+)`, `^(.-):`.
//!
//! A pattern is read once into items, and errors are found then. Redis runs Lua 5.1, so this is what its
//! `string.find` does, with bytes as characters and the C locale. Invariants: no pattern and no key can panic; a match
//! is given up after [`MAX_STEPS`] steps, as a pattern can ask for more than a server's lifetime (`.-.-.-.-.-x`).

mod parse;
mod run;

/// Steps that one match may take. An ordinary pattern needs about one for each character of a key.
const MAX_STEPS: usize = 10_000;

/// Bytes of a pattern: it bounds how deep a match can nest.
const MAX_LENGTH: usize = 256;

/// Captures of a pattern; Lua's own bound.
const MAX_CAPTURES: usize = 32;

/// A pattern, ready to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    anchored: bool,
    items: Vec<Item>,
    captures: usize,
}

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    /// A character of a set, so many times.
    One(Set, Times),
    /// Where a capture begins.
    Open(usize),
    /// Where it ends.
    Close(usize),
    /// `()`: the place itself is what is captured.
    Place(usize),
    /// `%b()`: a balanced piece.
    Balanced(u8, u8),
    /// `%f[set]`: where the set begins.
    Frontier(Set),
    /// `%1`: what was captured before.
    Again(usize),
    /// `$` at the end.
    End,
}

/// How often a character may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Times {
    Once,
    /// `?`
    Optional,
    /// `*` and `+`: as many as can be, but at least so many.
    Most(usize),
    /// `-`: as few as can be.
    Fewest,
}

/// A set of characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Set([u64; 4]);

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is too long.
    #[error("it is longer than {MAX_LENGTH} characters")]
    TooLong,
    /// It has too many captures.
    #[error("it has more than {MAX_CAPTURES} captures")]
    Captures,
    /// It ends with `%`.
    #[error("it ends with %")]
    Escape,
    /// A `[` has no `]`.
    #[error("a [ is never closed")]
    Set,
    /// A `(` has no `)`.
    #[error("a ( is never closed")]
    Open,
    /// A `)` has no `(`.
    #[error("a ) closes nothing")]
    Close,
    /// `%b` without its two characters.
    #[error("%b needs two characters")]
    Balanced,
    /// `%f` without a set.
    #[error("%f needs a set in brackets")]
    Frontier,
    /// `%1` before the capture is there.
    #[error("%1 to %9 need a capture that is closed before them")]
    Again,
}

impl Set {
    fn insert(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    fn contains(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    fn of(fits: impl Fn(u8) -> bool) -> Self {
        let mut set = Self::default();
        (0..=u8::MAX).filter(|byte| fits(*byte)).for_each(|byte| set.insert(byte));
        set
    }
}
