//! The last probes, and the last ones that failed, for people: what happened, kept as it was found and written only when
//! somebody looks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::Module;
use crate::outcome::Outcome;

/// A probe that is over.
#[derive(Clone)]
pub struct Past {
    /// Its number, from 0.
    pub id: u64,
    /// The module's name.
    pub module_name: String,
    /// The module as it was then.
    pub module: Arc<Module>,
    /// The target, without user and password.
    pub target: String,
    /// How long the probe might have taken.
    pub timeout: Duration,
    /// What was found.
    pub outcome: Arc<Outcome>,
}

/// The last probes. One is small: its lines are bounded in bytes.
pub struct History {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    next: u64,
    limit: usize,
    recent: VecDeque<Past>,
    /// Failures that are not recent any more.
    failed: VecDeque<Past>,
}

impl History {
    /// A history of so many probes, and as many that failed.
    pub fn new(limit: usize) -> Self {
        Self { kept: Mutex::new(Kept { limit, ..Kept::default() }) }
    }

    /// Keeps a probe; its number is given here.
    pub fn add(&self, mut past: Past) {
        let mut kept = self.kept();
        past.id = kept.next;
        kept.next += 1;
        kept.recent.push_back(past);
        if kept.recent.len() <= kept.limit {
            return;
        }
        if let Some(old) = kept.recent.pop_front().filter(|old| !old.outcome.success()) {
            kept.failed.push_back(old);
            if kept.failed.len() > kept.limit {
                kept.failed.pop_front();
            }
        }
    }

    /// All of them, the newest first.
    pub fn list(&self) -> Vec<Past> {
        let kept = self.kept();
        kept.recent.iter().rev().chain(kept.failed.iter().rev()).cloned().collect()
    }

    /// The probe with this number.
    pub fn by_id(&self, id: u64) -> Option<Past> {
        self.find(|past| past.id == id)
    }

    /// The newest probe of a target; of one module, where it is given.
    pub fn newest(&self, target: &str, module: Option<&str>) -> Option<Past> {
        self.find(|past| past.target == target && module.is_none_or(|module| module == past.module_name))
    }

    fn find(&self, wanted: impl Fn(&Past) -> bool) -> Option<Past> {
        let kept = self.kept();
        kept.recent.iter().rev().chain(kept.failed.iter().rev()).find(|past| wanted(past)).cloned()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
