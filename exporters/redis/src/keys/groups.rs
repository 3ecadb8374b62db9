//! Keys of one database by group: how many there are and what memory they take.
//!
//! Invariant: a pattern can make each key a group of its own, so no more than [`MOST_HELD`] names are held; what comes
//! after them is counted together.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::lua::Pattern;

/// Names of groups that are held while keys are looked through, at about 100 bytes each.
const MOST_HELD: usize = 20_000;

/// The group of keys that match no pattern.
const UNCLASSIFIED: &[u8] = b"unclassified";

/// The group of the groups that are not shown.
const OVERFLOW: &[u8] = b"overflow";

/// What keys come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many there are.
    pub count: u64,
    /// Their memory in bytes.
    pub memory: u64,
}

/// Groups while keys are looked through.
#[derive(Debug, Default)]
pub struct Tally {
    groups: HashMap<Vec<u8>, Sum>,
    /// Keys of groups that are not held.
    beyond: Sum,
}

/// The groups of a database, as they are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// The biggest by memory, and what the others come to.
    pub shown: Vec<(Vec<u8>, Sum)>,
    /// How many there are; at least so many when not all could be held.
    pub distinct: usize,
}

/// The group that a key belongs to: what the first pattern that matches it captures.
pub fn group_of(patterns: &[Pattern], key: &[u8]) -> Vec<u8> {
    patterns.iter().find_map(|pattern| pattern.captures(key)).unwrap_or_else(|| UNCLASSIFIED.to_vec())
}

impl Tally {
    /// Counts a key.
    pub fn add(&mut self, group: Vec<u8>, memory: u64) {
        let is_full = self.groups.len() >= MOST_HELD;
        let sum = match self.groups.get_mut(&group) {
            Some(sum) => sum,
            None if is_full => &mut self.beyond,
            None => self.groups.entry(group).or_default(),
        };
        sum.count += 1;
        sum.memory += memory;
    }

    /// The `most` biggest groups.
    pub fn finish(self, most: usize) -> Groups {
        let distinct = self.groups.len() + usize::from(self.beyond.count > 0);
        Groups { shown: biggest(self.groups, self.beyond, most), distinct }
    }
}

impl Groups {
    /// Adds those of another node of the same cluster. Which of their groups are the same can be told only of those
    /// that are shown.
    pub fn add(&mut self, other: &Self, most: usize) {
        let mut tally = Tally::default();
        for (name, sum) in std::mem::take(&mut self.shown).into_iter().chain(other.shown.iter().cloned()) {
            let known =
                if name == OVERFLOW { &mut tally.beyond } else { tally.groups.entry(name).or_default() };
            known.count += sum.count;
            known.memory += sum.memory;
        }
        self.distinct = self.distinct.max(other.distinct).max(tally.groups.len());
        self.shown = biggest(tally.groups, tally.beyond, most);
    }
}

/// The biggest groups by memory, and behind them what the others come to; of several of one size, redis_exporter's
/// order.
fn biggest(groups: HashMap<Vec<u8>, Sum>, mut rest: Sum, most: usize) -> Vec<(Vec<u8>, Sum)> {
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_unstable_by(|(name, sum), (other_name, other)| {
        let order = |sum: &Sum| (Reverse(sum.memory), sum.count);
        order(sum).cmp(&order(other)).then_with(|| name.cmp(other_name))
    });
    for (_, sum) in groups.drain(most.min(groups.len())..) {
        rest.count += sum.count;
        rest.memory += sum.memory;
    }
    if rest.count > 0 {
        groups.push((OVERFLOW.to_vec(), rest));
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(keys: &[(&str, u64)], patterns: &[&str], most: usize) -> (Vec<(String, u64, u64)>, usize) {
        let patterns: Vec<_> = patterns.iter().map(|text| Pattern::parse(text.as_bytes()).unwrap()).collect();
        let mut tally = Tally::default();
        for (key, memory) in keys {
            tally.add(group_of(&patterns, key.as_bytes()), *memory);
        }
        let Groups { shown, distinct } = tally.finish(most);
        let text = |name: Vec<u8>| String::from_utf8(name).unwrap();
        (shown.into_iter().map(|(name, sum)| (text(name), sum.count, sum.memory)).collect(), distinct)
    }

    #[test]
    fn groups() {
        let keys = [("user:1", 5), ("user:2", 6), ("job:1", 20), ("x", 1), ("order", 1)];
        let row = |name: &str, count, memory| (name.to_owned(), count, memory);
        let all = vec![row("job", 1, 20), row("user", 2, 11), row("", 1, 1), row("unclassified", 1, 1)];
        assert_eq!(tally(&keys, &["^(.-):", "^o"], 4), (all, 4));
        let some = vec![row("job", 1, 20), row("overflow", 4, 13)];
        assert_eq!(tally(&keys, &["^(.-):", "^o"], 1), (some, 4));
        assert_eq!(tally(&keys, &[], 0), (vec![row("overflow", 5, 33)], 1));
    }

    #[test]
    fn no_more_names_are_held_than_may_be() {
        let mut tally = Tally::default();
        for number in 0..MOST_HELD + 5 {
            tally.add(number.to_string().into_bytes(), 1);
        }
        tally.add(b"0".to_vec(), 9);
        let Groups { shown, distinct } = tally.finish(1);
        let rest = u64::try_from(MOST_HELD).unwrap() + 4;
        assert_eq!(
            (shown, distinct),
            (
                vec![
                    (b"0".to_vec(), Sum { count: 2, memory: 10 }),
                    (OVERFLOW.to_vec(), Sum { count: rest, memory: rest })
                ],
                MOST_HELD + 1
            )
        );
    }
}
