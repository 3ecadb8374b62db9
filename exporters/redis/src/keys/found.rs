//! What looking through the keys has found.

use std::time::Duration;

use tokio::time::Instant;

use super::checks::Bounds;
use super::details::Details;
use super::groups::Groups;
use super::spec::KeySpec;
use crate::error::Reason;
use crate::streams::Stream;

/// What one pass over the keys has found.
#[derive(Clone, Debug)]
pub struct Found {
    /// When it ended.
    pub ended: Instant,
    /// How long it took.
    pub took: Duration,
    /// How much of that was the server's work.
    pub spent: Duration,
    /// Keys looked at.
    pub scanned: u64,
    /// How many keys match a pattern.
    pub counts: Vec<(KeySpec, u64)>,
    /// Keys that match a pattern.
    pub keys: Vec<(KeySpec, Details)>,
    /// Streams that match a pattern.
    pub streams: Vec<(KeySpec, Stream)>,
    /// Groups by database.
    pub groups: Vec<(u32, Groups)>,
    /// The biggest keys.
    pub top: Vec<(KeySpec, Details)>,
    /// What was found beyond what may be shown.
    pub dropped: Dropped,
    /// What the server refused first.
    pub refused: Option<Reason>,
}

/// How much is not shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Keys.
    pub keys: u64,
    /// Streams, and groups and consumers of shown ones.
    pub streams: u64,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            ended: Instant::now(),
            took: Duration::ZERO,
            spent: Duration::ZERO,
            scanned: 0,
            counts: Vec::new(),
            keys: Vec::new(),
            streams: Vec::new(),
            groups: Vec::new(),
            top: Vec::new(),
            dropped: Dropped::default(),
            refused: None,
        }
    }
}

impl Found {
    /// Adds what was found on another node of the same cluster.
    pub fn add(&mut self, other: &Self, bounds: &Bounds, top: usize) {
        self.ended = self.ended.min(other.ended);
        self.took = self.took.max(other.took);
        self.spent += other.spent;
        self.scanned += other.scanned;
        for (spec, count) in &other.counts {
            match self.counts.iter_mut().find(|(known, _)| known == spec) {
                Some((_, sum)) => *sum += count,
                None => self.counts.push((spec.clone(), *count)),
            }
        }
        self.dropped.keys += other.dropped.keys + join(&mut self.keys, &other.keys, bounds.shown);
        self.dropped.streams += other.dropped.streams + join(&mut self.streams, &other.streams, bounds.shown);
        for (db, groups) in &other.groups {
            match self.groups.iter_mut().find(|(known, _)| known == db) {
                Some((_, sum)) => sum.add(groups, bounds.groups),
                None => self.groups.push((*db, groups.clone())),
            }
        }
        self.top.extend_from_slice(&other.top);
        let memory = |details: &Details| details.memory.unwrap_or_default();
        self.top.sort_by(|(spec, details), (other, others)| {
            spec.db.cmp(&other.db).then(memory(others).total_cmp(&memory(details)))
        });
        let mut place = (None, 0);
        self.top.retain(|(spec, _)| {
            place = if place.0 == Some(spec.db) { (place.0, place.1 + 1) } else { (Some(spec.db), 1) };
            place.1 <= top
        });
        self.refused = self.refused.or(other.refused);
    }
}

/// Adds as many as may be shown; gives how many may not.
fn join<T: Clone>(shown: &mut Vec<T>, more: &[T], most: usize) -> u64 {
    let room = most.saturating_sub(shown.len()).min(more.len());
    let (fit, rest) = more.split_at(room);
    shown.extend_from_slice(fit);
    u64::try_from(rest.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::groups::Sum;
    use super::*;

    #[test]
    fn what_nodes_of_a_cluster_have_adds_up() {
        let spec = |key: &str| KeySpec { db: 0, key: key.as_bytes().to_vec() };
        let of = |keys: &[(&str, f64)], count: u64| {
            let details = |memory| Details { memory: Some(memory), ..Details::default() };
            let keys: Vec<_> = keys.iter().map(|(key, memory)| (spec(key), details(*memory))).collect();
            Found {
                counts: vec![(spec("*"), count)],
                top: keys.clone(),
                keys,
                scanned: count,
                ..Found::default()
            }
        };
        let bounds = Bounds { shown: 3, groups: 1, ..Bounds::default() };
        let mut all = of(&[("a", 1.0), ("b", 9.0)], 5);
        all.add(&of(&[("c", 5.0), ("d", 7.0)], 6), &bounds, 2);
        assert_eq!((all.counts, all.scanned), (vec![(spec("*"), 11)], 11));
        let names =
            |keys: &[(KeySpec, Details)]| keys.iter().map(|(spec, _)| spec.clone()).collect::<Vec<_>>();
        assert_eq!(names(&all.keys), ["a", "b", "c"].map(spec));
        assert_eq!(names(&all.top), ["b", "d"].map(spec));
        assert_eq!(all.dropped, Dropped { keys: 1, streams: 0 });

        let groups = |groups: &[(&str, u64)]| {
            let shown = groups
                .iter()
                .map(|(name, memory)| (name.as_bytes().to_vec(), Sum { count: 1, memory: *memory }));
            Groups { shown: shown.collect(), distinct: groups.len() }
        };
        let mut sum = groups(&[("x", 5), ("overflow", 2)]);
        sum.add(&groups(&[("y", 9), ("x", 1)]), 1);
        let row = |name: &str, count, memory| (name.as_bytes().to_vec(), Sum { count, memory });
        assert_eq!(sum, Groups { shown: vec![row("y", 1, 9), row("overflow", 3, 8)], distinct: 2 });
    }
}
