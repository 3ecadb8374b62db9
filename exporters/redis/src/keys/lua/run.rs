//! Matching a key.

use super::{Item, MAX_STEPS, Pattern, Set, Times};

impl Pattern {
    /// What the captures hold in the first match, one after the other; `None` where nothing matches.
    pub fn captures(&self, key: &[u8]) -> Option<Vec<u8>> {
        let mut run =
            Run { key, items: &self.items, taken: vec![Taken::Piece(0, 0); self.captures], steps: 0 };
        let last = if self.anchored { 0 } else { key.len() };
        let found = (0..=last).any(|start| run.from(0, start));
        found.then(|| run.joined())
    }
}

/// A match under way.
struct Run<'a> {
    key: &'a [u8],
    items: &'a [Item],
    taken: Vec<Taken>,
    steps: usize,
}

/// What a capture holds.
#[derive(Clone, Copy)]
enum Taken {
    Piece(usize, usize),
    Place(usize),
}

impl Run<'_> {
    /// Whether the items from `item` on match the key from `at` on. Nests no deeper than there are items.
    fn from(&mut self, mut item: usize, mut at: usize) -> bool {
        let items = self.items;
        while let Some(current) = items.get(item) {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return false;
            }
            let after = match current {
                Item::One(set, Times::Once) => self.is_at(set, at).then_some(at + 1),
                Item::One(set, times) => return self.repeated(*set, *times, item + 1, at),
                Item::Open(index) => return self.take(*index, Taken::Piece(at, at), item + 1, at),
                Item::Place(index) => return self.take(*index, Taken::Place(at), item + 1, at),
                Item::Close(index) => {
                    let Some(Taken::Piece(start, _)) = self.taken.get(*index).copied() else { return false };
                    return self.take(*index, Taken::Piece(start, at), item + 1, at);
                }
                Item::Balanced(open, close) => self.balanced(*open, *close, at),
                Item::Frontier(set) => self.is_frontier(set, at).then_some(at),
                Item::Again(index) => self.again(*index, at),
                Item::End => (at == self.key.len()).then_some(at),
            };
            match after {
                Some(after) => (item, at) = (item + 1, after),
                None => return false,
            }
        }
        true
    }

    /// Takes a capture; when the rest does not match, what it held before stands again.
    fn take(&mut self, index: usize, taken: Taken, item: usize, at: usize) -> bool {
        let Some(slot) = self.taken.get_mut(index) else { return false };
        let before = std::mem::replace(slot, taken);
        let found = self.from(item, at);
        if !found && let Some(slot) = self.taken.get_mut(index) {
            *slot = before;
        }
        found
    }

    fn repeated(&mut self, set: Set, times: Times, item: usize, at: usize) -> bool {
        let (least, most) = match times {
            Times::Once => (1, 1),
            Times::Optional => (0, 1),
            Times::Most(least) => (least, usize::MAX),
            Times::Fewest => {
                let mut end = at;
                while !self.from(item, end) {
                    self.steps += 1;
                    if !self.is_at(&set, end) || self.steps > MAX_STEPS {
                        return false;
                    }
                    end += 1;
                }
                return true;
            }
        };
        let tail = self.key.get(at..).unwrap_or_default();
        let count = tail.iter().take(most).take_while(|byte| set.contains(**byte)).count();
        self.steps += count;
        (least..=count).rev().any(|count| self.from(item, at + count))
    }

    fn is_at(&self, set: &Set, at: usize) -> bool {
        self.key.get(at).is_some_and(|byte| set.contains(*byte))
    }

    fn balanced(&mut self, open: u8, close: u8, at: usize) -> Option<usize> {
        let (first, rest) = self.key.get(at..)?.split_first()?;
        if *first != open {
            return None;
        }
        let mut depth = 1_usize;
        for (index, byte) in rest.iter().enumerate() {
            self.steps += 1;
            if *byte == close {
                depth -= 1;
                if depth == 0 {
                    return Some(at + index + 2);
                }
            } else if *byte == open {
                depth += 1;
            }
        }
        None
    }

    /// Both ends of the key count as a zero byte.
    fn is_frontier(&self, set: &Set, at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|before| self.key.get(before)).copied().unwrap_or(0);
        !set.contains(before) && set.contains(self.key.get(at).copied().unwrap_or(0))
    }

    fn again(&mut self, index: usize, at: usize) -> Option<usize> {
        let Some(Taken::Piece(start, end)) = self.taken.get(index).copied() else { return None };
        let piece = self.key.get(start..end)?;
        self.steps += piece.len();
        self.key.get(at..)?.starts_with(piece).then_some(at + piece.len())
    }

    fn joined(&self) -> Vec<u8> {
        let mut joined = Vec::new();
        for taken in &self.taken {
            match taken {
                Taken::Piece(start, end) => {
                    joined.extend_from_slice(self.key.get(*start..*end).unwrap_or_default());
                }
                // Lua counts from 1
                Taken::Place(at) => joined.extend_from_slice((at + 1).to_string().as_bytes()),
            }
        }
        joined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Lua 5.1's `string.find` captures, joined.
    #[test]
    fn captures() {
        for (pattern, key, expected) in [
            ("", "abc", Some("")),
            ("a", "cba", Some("")),
            ("^a", "cba", None),
            ("a$", "cba", Some("")),
            ("a$b", "a$b", Some("")),
            ("a^b", "a^b", Some("")),
            ("^(.*)$", "abc", Some("abc")),
            ("^(key_ringo)_[0-9]+$", "key_ringo_17", Some("key_ringo")),
            ("^(key_ringo)_[0-9]+$", "key_ringo_x", None),
            ("^(key_exp)_.+$", "key_exp_", None),
            ("^user:(%d+):(%a+)", "user:42:name:x", Some("42name")),
            ("^(.-):", "a:b:c", Some("a")),
            ("^(.*):", "a:b:c", Some("a:b")),
            ("(%w+)", "--ab1--", Some("ab1")),
            ("(%W+)", "ab--1", Some("--")),
            ("(%x+)%X", "fF0g", Some("fF0")),
            ("[%a_]+", "a_b", Some("")),
            ("([^:]+)$", "a:b:c", Some("c")),
            ("([]]+)", "a]]", Some("]]")),
            ("([^]]+)", "a]", Some("a")),
            ("([a-]+)", "x-a", Some("-a")),
            ("([a-c]+)", "xxbca", Some("bca")),
            ("([%-x]+)", "a-x", Some("-x")),
            ("colou?r", "color", Some("")),
            ("(a?)(a)", "a", Some("a")),
            ("(a-)b", "aab", Some("aa")),
            ("x(%s)y", "x\u{b}y", Some("\u{b}")),
            ("(%p+)", "a.,b", Some(".,")),
            ("(%.)", "a.b", Some(".")),
            ("%b()", "a(b(c)d)e", Some("")),
            ("(%b())", "a(b(c)d)e", Some("(b(c)d)")),
            ("(%b())", "a(b(c)", Some("(c)")),
            ("(%bxx)", "axbxx", Some("xbx")),
            ("(%f[%a]%a+)", "12ab", Some("ab")),
            ("%f[%z]()", "ab", Some("3")),
            ("()b()", "ab", Some("23")),
            ("(a)(b)%2%1", "xabba", Some("ab")),
            ("(a+)%1", "aaaa", Some("aa")),
            ("((a)(b))", "ab", Some("abab")),
            ("(a*(.)%w(%s*))", "aab ", Some("aab a ")),
            ("%z", "a\0", Some("")),
            ("(é)", "caf\u{e9}", Some("é")),
        ] {
            let found = Pattern::parse(pattern.as_bytes()).unwrap().captures(key.as_bytes());
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{pattern} {key}");
        }
    }

    #[test]
    fn a_malicious_pattern_is_given_up() {
        for pattern in [&".-".repeat(100), &"a*".repeat(100), &"(.*)".repeat(30), &"a?".repeat(120)] {
            let pattern = Pattern::parse(format!("{pattern}x").as_bytes()).unwrap();
            assert_eq!(pattern.captures("a".repeat(4_000).as_bytes()), None);
        }
    }
}
