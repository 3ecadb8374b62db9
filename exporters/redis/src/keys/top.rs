//! The biggest keys.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Keeps the keys with the most memory.
#[derive(Debug)]
pub struct Top {
    most: usize,
    keys: BinaryHeap<Reverse<(u64, Vec<u8>)>>,
}

impl Top {
    /// Keeps so many.
    pub fn new(most: usize) -> Self {
        Self { most, keys: BinaryHeap::new() }
    }

    /// Looks at a key.
    pub fn add(&mut self, key: &[u8], memory: u64) {
        let smallest = self.keys.peek().map_or(0, |Reverse((memory, _))| *memory);
        if self.keys.len() < self.most || (memory > smallest && self.most > 0) {
            self.keys.push(Reverse((memory, key.to_vec())));
            if self.keys.len() > self.most {
                self.keys.pop();
            }
        }
    }

    /// The keys, the biggest first.
    pub fn finish(self) -> Vec<Vec<u8>> {
        self.keys.into_sorted_vec().into_iter().map(|Reverse((_, key))| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_biggest_stay() {
        for (most, expected) in [(0, vec![]), (2, vec!["c", "a"]), (9, vec!["c", "a", "d", "b"])] {
            let mut top = Top::new(most);
            for (key, memory) in [("a", 5), ("b", 1), ("c", 9), ("d", 3)] {
                top.add(key.as_bytes(), memory);
            }
            let expected: Vec<Vec<u8>> =
                expected.into_iter().map(|key: &str| key.as_bytes().to_vec()).collect();
            assert_eq!(top.finish(), expected);
        }
    }
}
