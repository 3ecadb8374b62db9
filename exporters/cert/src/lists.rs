//! Lists of targets in files, read again when they change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use netprobe::trust::Stamp;
use tokio::time::sleep;
use toolkit::glob;
use toolkit::schedule::{Schedule, Target};
use tracing::{error, info};

use crate::checks::Checks;
use crate::config::{FileSd, Scheduled, read_file_sd};

/// Files of one list; a pattern that means more is a mistake.
const MAX_FILES: usize = 1_000;

/// What the files of all lists hold.
#[derive(Debug, Default)]
pub struct Lists {
    known: BTreeMap<PathBuf, Known>,
}

#[derive(Debug)]
struct Known {
    /// `None` after a reload: the same text may mean other checks now.
    stamp: Option<Stamp>,
    targets: Vec<Scheduled>,
    failed: bool,
}

impl Lists {
    /// Looks at the files; whether there is news. A file whose text is wrong keeps the targets it had.
    pub fn refresh(&mut self, lists: &[FileSd]) -> bool {
        let mut changed = false;
        let mut seen = Vec::new();
        for list in lists {
            for path in list.files.iter().flat_map(|pattern| files(pattern)) {
                changed |= self.refresh_file(list, &path);
                seen.push(path);
            }
        }
        let before = self.known.len();
        self.known.retain(|path, _| seen.contains(path));
        changed || self.known.len() != before
    }

    fn refresh_file(&mut self, list: &FileSd, path: &Path) -> bool {
        let stamp = std::fs::metadata(path).map(|metadata| Stamp::of(&metadata)).unwrap_or_default();
        if self.known.get(path).is_some_and(|known| known.stamp == Some(stamp)) {
            return false;
        }
        let old = self.known.remove(path).map(|known| known.targets);
        let (targets, failed) = match read_file_sd(list, path) {
            Ok(targets) => {
                info!(file = %path.display(), targets = targets.len(), "read the targets");
                (targets, false)
            }
            Err(problem) => {
                error!(%problem, "cannot read the targets; those it had stand");
                (old.unwrap_or_default(), true)
            }
        };
        self.known.insert(path.to_owned(), Known { stamp: Some(stamp), targets, failed });
        true
    }

    /// Has all files read again at the next look, because what they mean has changed.
    fn doubt(&mut self) {
        self.known.values_mut().for_each(|known| known.stamp = None);
    }

    /// All targets: those of the configuration, then those of the files. One that is there twice counts once.
    pub fn all(&self, own: &[Scheduled]) -> Vec<Scheduled> {
        let mut seen = std::collections::HashSet::new();
        let from_files = self.known.values().flat_map(|known| &known.targets);
        own.iter().chain(from_files).filter(|target| seen.insert(target.key())).cloned().collect()
    }

    /// Files that cannot be read, or whose newest text is wrong.
    pub fn failing(&self) -> u64 {
        self.known.values().filter(|known| known.failed).count() as u64
    }
}

/// Hands the targets of the configuration and of all lists to the schedule, now and whenever a list changes. `tell` gets
/// the number of files that cannot be read. `known` outlives this: a file that is wrong when the configuration is read
/// again keeps the targets it had.
pub async fn watch(
    schedule: Arc<Schedule<Checks>>,
    known: Arc<Mutex<Lists>>,
    own: Vec<Scheduled>,
    lists: Vec<FileSd>,
    tell: impl Fn(u64) + Send,
) {
    let pause = lists.iter().map(|list| list.refresh).min().unwrap_or(Duration::MAX);
    let mut first = true;
    loop {
        let (looking, lists) = (Arc::clone(&known), lists.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let mut known = looking.lock().unwrap_or_else(PoisonError::into_inner);
            if first {
                known.doubt();
            }
            known.refresh(&lists)
        });
        // files are read by our own code, which does not panic
        let Ok(news) = looked.await else { return };
        let (failing, targets) = {
            let known = known.lock().unwrap_or_else(PoisonError::into_inner);
            (known.failing(), (news || first).then(|| known.all(&own)))
        };
        tell(failing);
        if let Some(targets) = targets {
            schedule.replace(targets);
        }
        first = false;
        sleep(pause).await;
    }
}

/// The files that a path means; patterns stand in its last part only, as in Prometheus.
fn files(pattern: &Path) -> Vec<PathBuf> {
    let Some(name) = pattern.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    if !glob::is_pattern(name) {
        return vec![pattern.to_owned()];
    }
    let folder =
        pattern.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(|found| glob::matches(name, found)))
        .map(|entry| entry.path())
        .take(MAX_FILES)
        .collect();
    found.sort();
    found
}
