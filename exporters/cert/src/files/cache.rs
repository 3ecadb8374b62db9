//! What is in files, kept until they change.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use netprobe::read::{self, MAX_FILE};
use netprobe::trust::Stamp;
use tokio::time::Instant;
use toolkit::config::Secret;

use super::walk::FoundFile;
use crate::config::Module;
use crate::facts::{Facts, Pool};

/// What nobody has asked for as long as this is forgotten.
const KEPT: Duration = Duration::from_hours(1);

/// How often the forgotten is looked for.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// A file that changes while it is read is read again, once: whoever writes it is not done.
const READS: usize = 2;

/// What is in a file.
#[derive(Debug, Default)]
pub struct FileContent {
    /// Its certificates, in their order.
    pub certificates: Arc<[Arc<Facts>]>,
    /// What is wrong with it, from a closed list; it may have certificates all the same.
    pub problem: Option<&'static str>,
}

/// What is in files, by path.
#[derive(Debug, Default)]
pub struct FileCache(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    files: HashMap<PathBuf, Known>,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Known {
    stamp: Stamp,
    /// The password by which it was read: another module may have another.
    password: Option<Secret>,
    content: Arc<FileContent>,
    used: Instant,
}

impl FileCache {
    /// What is in these files. It blocks: call it where that is allowed.
    pub fn contents(&self, files: &[FoundFile], module: &Module, pool: &Pool) -> Vec<Arc<FileContent>> {
        let now = Instant::now();
        self.sweep(now);
        files.iter().map(|file| self.content(&file.real, file.stamp, module, pool, now)).collect()
    }

    /// What is in one file that the configuration names.
    ///
    /// # Errors
    /// The file cannot be looked at.
    pub async fn read(
        &self,
        path: &Path,
        module: &Module,
        pool: &Pool,
    ) -> Result<Arc<FileContent>, &'static str> {
        // one small file of the operator's: not worth a thread
        let metadata = tokio::fs::metadata(path).await.map_err(|error| word(&error))?;
        Ok(self.content(path, Stamp::of(&metadata), module, pool, Instant::now()))
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.lock() = Kept::default();
    }

    fn content(
        &self,
        path: &Path,
        stamp: Stamp,
        module: &Module,
        pool: &Pool,
        now: Instant,
    ) -> Arc<FileContent> {
        if let Some(known) = self.lock().files.get_mut(path)
            && known.stamp == stamp
            && known.password == module.store_password
        {
            known.used = now;
            return Arc::clone(&known.content);
        }
        let password = module.store_password.as_ref().map(Secret::expose);
        let (stamp, content) = read_file(path, password, pool);
        let content = Arc::new(content);
        if let Some(stamp) = stamp {
            let password = module.store_password.clone();
            let known = Known { stamp, password, content: Arc::clone(&content), used: now };
            self.lock().files.insert(path.to_owned(), known);
        }
        content
    }

    fn sweep(&self, now: Instant) {
        let mut kept = self.lock();
        if kept.swept.is_none_or(|swept| now.duration_since(swept) > SWEEP_EVERY) {
            kept.swept = Some(now);
            kept.files.retain(|_, known| now.duration_since(known.used) < KEPT);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file's contents, and the stamp that they belong to; none where they may be half of something.
fn read_file(path: &Path, password: Option<&str>, pool: &Pool) -> (Option<Stamp>, FileContent) {
    for _ in 0..READS {
        let stamp = match std::fs::metadata(path) {
            Ok(metadata) if metadata.len() > MAX_FILE as u64 => {
                return (Some(Stamp::of(&metadata)), FileContent::of_problem("too_long"));
            }
            Ok(metadata) => Stamp::of(&metadata),
            Err(error) => return (None, FileContent::of_problem(word(&error))),
        };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => return (None, FileContent::of_problem(word(&error))),
        };
        let unchanged = std::fs::metadata(path).is_ok_and(|metadata| Stamp::of(&metadata) == stamp);
        if unchanged {
            return (Some(stamp), FileContent::of(&bytes, password, pool));
        }
    }
    (None, FileContent::of_problem("changing"))
}

impl FileContent {
    /// What is in these bytes.
    pub fn of(bytes: &[u8], password: Option<&str>, pool: &Pool) -> Self {
        match read::certificates(bytes, password) {
            Err(error) => Self::of_problem(error.as_str()),
            Ok(file) => {
                let unreadable = file.found.iter().any(|found| found.certificate.is_err());
                let readable = file.found.iter().filter_map(|found| found.certificate.as_ref().ok());
                let certificates: Arc<[Arc<Facts>]> = readable.map(|one| pool.facts(one)).collect();
                let problem = match (unreadable, file.wrong_password, file.ignored) {
                    (true, ..) => Some("bad_certificate"),
                    (_, true, _) => Some("bad_password"),
                    (.., 1..) => Some("too_many"),
                    _ => None,
                };
                Self { certificates, problem }
            }
        }
    }

    /// Nothing, and why.
    pub fn of_problem(problem: &'static str) -> Self {
        Self { certificates: Arc::default(), problem: Some(problem) }
    }
}

fn word(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => "not_found",
        std::io::ErrorKind::PermissionDenied => "permission_denied",
        _ => "read_failed",
    }
}
