//! Regular expressions over bodies of any length, none of which is kept.
//!
//! The engine beneath `regex` is fed byte by byte and holds one state, so that a pattern matches what it would match in
//! the whole body: nothing is lost between two pieces, and `^`, `$` and `\b` mean what they mean.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use regex_automata::Anchored;
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::start;

/// Bytes that the states of one scan may take; when there are more they are made anew.
const MAX_STATES: usize = 256 << 10;

/// Bytes of a compiled pattern.
const MAX_COMPILED: usize = 4 << 20;

/// Caches that are kept for the next probe; more are in use only when more probes run at once.
const KEPT: usize = 4;

/// A pattern. Clones share it.
#[derive(Clone)]
pub(crate) struct Scanner(Arc<Compiled>);

struct Compiled {
    pattern: String,
    machine: DFA,
    caches: Mutex<Vec<Cache>>,
}

impl Scanner {
    /// Compiles one of Go's patterns.
    ///
    /// # Errors
    /// One sentence: it is no pattern, or too large a one.
    pub(crate) fn compile(pattern: &str) -> Result<Self, String> {
        // the same words for the same faults as everywhere
        toolkit::regexp::compile(pattern).map_err(|error| error.to_string())?;
        let translated = toolkit::regexp::translated(pattern).map_err(|error| error.to_string())?;
        let config = DFA::config().cache_capacity(MAX_STATES).skip_cache_capacity_check(true);
        let machine = DFA::builder()
            .configure(config)
            .thompson(thompson::Config::new().nfa_size_limit(Some(MAX_COMPILED)))
            .build(&translated)
            .map_err(|_refusal| format!("the pattern `{pattern}` is too big when compiled"))?;
        Ok(Self(Arc::new(Compiled { pattern: pattern.to_owned(), machine, caches: Mutex::default() })))
    }

    /// The pattern as it is written.
    pub(crate) fn pattern(&self) -> &str {
        &self.0.pattern
    }

    /// Begins to go through a text.
    pub(crate) fn begin(&self) -> Scan {
        let kept = self.0.caches.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut cache = kept.unwrap_or_else(|| self.0.machine.create_cache());
        let from = start::Config::new().anchored(Anchored::No);
        let state = self.0.machine.start_state(&mut cache, &from).ok();
        Scan { scanner: self.clone(), cache: Some(cache), state, found: false }
    }
}

impl fmt::Debug for Scanner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Scanner").field(&self.0.pattern).finish()
    }
}

/// A text that is gone through.
pub(crate) struct Scan {
    scanner: Scanner,
    cache: Option<Cache>,
    /// `None` once nothing that follows can change the answer.
    state: Option<LazyStateID>,
    found: bool,
}

impl Scan {
    /// The next piece of the text. It must be UTF-8 with what comes before and after it.
    pub(crate) fn feed(&mut self, piece: &[u8]) {
        let (Some(cache), Some(mut state)) = (self.cache.as_mut(), self.state) else { return };
        let machine = &self.scanner.0.machine;
        for &byte in piece {
            let Ok(next) = machine.next_state(cache, state, byte) else {
                self.state = None;
                return;
            };
            state = next;
            if state.is_tagged() && (state.is_match() || state.is_dead() || state.is_quit()) {
                self.found = state.is_match();
                self.state = None;
                return;
            }
        }
        self.state = Some(state);
    }

    /// The text is over: whether the pattern matches in it.
    pub(crate) fn end(mut self) -> bool {
        if let (Some(cache), Some(state)) = (self.cache.as_mut(), self.state.take()) {
            let last = self.scanner.0.machine.next_eoi_state(cache, state);
            self.found = last.is_ok_and(|state| state.is_match());
        }
        self.found
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        let mut kept = self.scanner.0.caches.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.extend(self.cache.take());
        }
    }
}

/// Makes UTF-8 of what comes in pieces: each byte that is none becomes U+FFFD, as Go's engine sees it.
#[derive(Debug, Default)]
pub(crate) struct Repair {
    /// The beginning of a character whose rest is in the next piece.
    begun: Vec<u8>,
}

/// What stands for a byte that is no UTF-8.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

impl Repair {
    /// Hands on a piece.
    pub(crate) fn feed(&mut self, piece: &[u8], mut to: impl FnMut(&[u8])) {
        if self.begun.is_empty() && std::str::from_utf8(piece).is_ok() {
            to(piece);
            return;
        }
        let mut whole = std::mem::take(&mut self.begun);
        whole.extend_from_slice(piece);
        let mut rest = whole.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(_) => return to(rest),
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    if !valid.is_empty() {
                        to(valid);
                    }
                    let Some(length) = error.error_len() else {
                        after.clone_into(&mut self.begun);
                        return;
                    };
                    for _ in 0..length {
                        to(REPLACEMENT);
                    }
                    rest = after.get(length..).unwrap_or_default();
                }
            }
        }
    }

    /// The text is over.
    pub(crate) fn end(&mut self, mut to: impl FnMut(&[u8])) {
        for _ in self.begun.drain(..) {
            to(REPLACEMENT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, pieces: &[&[u8]]) -> bool {
        let mut scan = Scanner::compile(pattern).unwrap().begin();
        let mut repair = Repair::default();
        for piece in pieces {
            repair.feed(piece, |bytes| scan.feed(bytes));
        }
        repair.end(|bytes| scan.feed(bytes));
        scan.end()
    }

    #[test]
    fn a_text_in_pieces_is_one_text() {
        for (pattern, pieces, expected) in [
            ("could not connect", &["Bad: could n", "ot con", "nect to"][..], true),
            ("could not connect", &["could n", "", "ot disconnect"], false),
            ("^ab$", &["a", "b"], true),
            ("^ab$", &["a", "b", "\n"], false),
            ("(?m)^ab$", &["x\na", "b", "\ny"], true),
            (r"\bcat\b", &["con", "cat"], false),
            (r"\bcat\b", &["a ", "cat", "."], true),
            (r"\bcat\b", &["a ", "cat"], true),
            ("a.c", &["a", "\n", "c"], false),
            ("(?s)a.c", &["a", "\n", "c"], true),
            ("", &[], true),
            ("^$", &[], true),
            ("^$", &["x"], false),
            ("é+ü", &["é", "éü"], true),
            (r"\d{3,5}x", &["12", "34", "x"], true),
            (r"(?i)HELLO", &["heL", "lo"], true),
        ] {
            let pieces: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
            assert_eq!(matches(pattern, &pieces), expected, "{pattern} {pieces:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_one_character_each() {
        assert!(matches("é", &[b"\xc3", b"\xa9"]));
        assert!(matches("^a..b$", &[b"a\xff", b"\xfeb"]));
        assert!(matches("^a..$", &[b"a\xe2\x82"]));
        assert!(!matches("^a.b$", &[b"a\xff\xfeb"]));
    }

    #[test]
    fn a_pattern_matches_in_pieces_what_it_matches_in_one() {
        let text = "GET /a?b=1 200 12ms\nerror: could not connect to database (é🙂) \t x_y-z end".as_bytes();
        for pattern in [
            r"\w+-\w",
            r"^\S+ /",
            r"end$",
            r"(?m)^error",
            r"\bnot\b.*\bdatabase\b",
            "é🙂",
            r"\x{1F642}\)",
            r"[^ -~]{2}",
            r"a{2}",
            r"$x",
            r"\d+ms\n",
            r"(a|b)+\?",
            r"\Aerror",
            r"(?U)x.*z",
            r"[[:upper:]]{3} ",
            r"\Q(é\E",
        ] {
            let whole =
                toolkit::regexp::compile(pattern).unwrap().is_match(std::str::from_utf8(text).unwrap());
            for size in [1, 2, 3, 7, 1000] {
                let pieces: Vec<&[u8]> = text.chunks(size).collect();
                assert_eq!(matches(pattern, &pieces), whole, "{pattern} in pieces of {size}");
            }
        }
    }

    #[test]
    fn states_are_made_anew_when_there_are_too_many() {
        // every position of the last 40 characters is a state of its own
        let pattern = "(a|b)*a(a|b){40}c";
        let mut text: Vec<u8> = (0_u32..60_000)
            .map(|at| if at.wrapping_mul(2_654_435_761) >> 31 == 0 { b'a' } else { b'b' })
            .collect();
        let pieces: Vec<&[u8]> = text.chunks(1000).collect();
        assert!(!matches(pattern, &pieces));
        text.push(b'a');
        text.extend(std::iter::repeat_n(b'b', 40));
        text.push(b'c');
        assert!(matches(pattern, &[&text]));
    }

    #[test]
    fn what_go_refuses_is_refused() {
        let problem = Scanner::compile(":[").unwrap_err();
        assert!(problem.contains("`:[`"), "{problem}");
        assert!(Scanner::compile("(?=a)").is_err());
    }
}
