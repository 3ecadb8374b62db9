//! Artifacts that are files of this machine.
//!
//! Only what the operator's own file names is looked at, so that links are followed wherever they lead. A file system
//! that hangs takes one of a few threads and no more: who comes when all of them hang is told so at the deadline.

use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::timeout_at;
use toolkit::glob;

use super::content::{self, Format, HEAD, Parts, TAIL};
use super::facts::Newest;
use super::{Found, failed};
use crate::outcome::Failed;
use crate::probe::Job;
use crate::reason::Reason;

/// Threads that look at files at the same time.
const THREADS: usize = 4;

/// Entries of folders that one pattern looks at.
const MAX_ENTRIES: u64 = 1_000_000;

/// Folders below each other that `**` goes into.
const MAX_DEPTH: usize = 40;

/// Who may look at files.
pub(crate) struct Disk(Arc<Semaphore>);

impl Default for Disk {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(THREADS)))
    }
}

impl Disk {
    /// Looks for the files that `pattern` means, and reads the newest as the format wants it.
    pub(super) async fn look(
        &self,
        pattern: &str,
        format: Format,
        now: f64,
        job: &Job<'_>,
    ) -> Result<Found, Failed> {
        let late = |_late| Failed::new("probe", Reason::Timeout, "the file system did not answer in time");
        let place = timeout_at(job.deadline, Arc::clone(&self.0).acquire_owned()).await.map_err(late)?;
        let pattern = pattern.to_owned();
        let looking = tokio::task::spawn_blocking(move || {
            let found = look(&pattern, format, now);
            drop(place);
            found
        });
        let looked = timeout_at(job.deadline, looking).await.map_err(late)?;
        // the thread is ours, and does not panic
        looked.unwrap_or_else(|_panicked| Err(Failed::new("probe", Reason::Internal, "reading broke off")))
    }
}

fn look(pattern: &str, format: Format, now: f64) -> Result<Found, Failed> {
    let mut walk = Walk::default();
    let patterns =
        glob::expand(pattern).map_err(|problem| Failed::new("target", Reason::TargetInvalid, problem))?;
    for pattern in &patterns {
        let (base, rest) = match pattern.strip_prefix('/') {
            Some(rest) => (Path::new("/"), rest),
            None => (Path::new("."), pattern.as_str()),
        };
        let segments: Vec<&str> = rest.split('/').filter(|segment| !segment.is_empty()).collect();
        walk.descend(base, &segments, 0)?;
    }
    let Some((path, metadata)) = walk.newest else {
        return Ok(Found { count: 0, newest: None, readable: Ok(()) });
    };
    let newest =
        Newest { modified: modified(&metadata), age: now - modified(&metadata), size: metadata.len() };
    let readable = match format {
        Format::Any => Ok(()),
        format => read(&path, format).map_err(|error| internal(&error))?,
    };
    Ok(Found { count: walk.count, newest: Some(newest), readable })
}

fn read(path: &Path, format: Format) -> std::io::Result<Result<(), &'static str>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    (&mut file).take(HEAD as u64).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL as u64)))?;
    file.take(TAIL as u64).read_to_end(&mut tail)?;
    Ok(content::judge(format, Parts { head: &head, tail: &tail, size }))
}

/// Goes through folders and keeps what is newest.
#[derive(Default)]
struct Walk {
    entries: u64,
    count: u64,
    newest: Option<(PathBuf, Metadata)>,
}

impl Walk {
    fn descend(&mut self, folder: &Path, segments: &[&str], depth: usize) -> Result<(), Failed> {
        let Some((segment, rest)) = segments.split_first() else { return Ok(()) };
        if !glob::is_pattern(segment) {
            return self.take(&folder.join(segment), rest, depth);
        }
        let deep = *segment == "**";
        if deep && !rest.is_empty() {
            // no folder at all is what it may stand for too
            self.descend(folder, rest, depth)?;
        }
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            // what is not there holds nothing; what may not be read may hold the newest
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(internal(&error)),
        };
        for entry in entries {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(failed("the pattern means too many files (hint: a longer path)"));
            }
            let entry = entry.map_err(|error| internal(&error))?;
            let name = entry.file_name();
            // a name that is no text is matched by no pattern
            let Some(name) = name.to_str() else { continue };
            let path = entry.path();
            if !deep {
                if glob::matches(segment, name) {
                    self.take(&path, rest, depth)?;
                }
            } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                // not behind links, which may lead in circles
                if depth < MAX_DEPTH {
                    self.descend(&path, segments, depth + 1)?;
                }
            } else if rest.is_empty() {
                self.take(&path, rest, depth)?;
            }
        }
        Ok(())
    }

    /// A path that is there, or is named: a file when nothing follows, else a folder.
    fn take(&mut self, path: &Path, rest: &[&str], depth: usize) -> Result<(), Failed> {
        if !rest.is_empty() {
            return if depth < MAX_DEPTH { self.descend(path, rest, depth + 1) } else { Ok(()) };
        }
        let metadata = match std::fs::metadata(path) {
            Ok(metadata) => metadata,
            // gone meanwhile, or a link that leads nowhere
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(internal(&error)),
        };
        if metadata.is_file() {
            self.count += 1;
            let newer = |(_, known): &(PathBuf, Metadata)| modified(&metadata) > modified(known);
            if self.newest.as_ref().is_none_or(newer) {
                self.newest = Some((path.to_owned(), metadata));
            }
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds that a file can have are far below 2^53")]
fn modified(metadata: &Metadata) -> f64 {
    metadata.mtime() as f64 + metadata.mtime_nsec() as f64 / 1e9
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

fn internal(error: &std::io::Error) -> Failed {
    Failed::new("probe", Reason::Internal, format!("a file or folder cannot be read: {}", error.kind()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::time::{Duration, SystemTime};

    use super::*;

    /// Files, the last of which is the newest.
    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (age, name) in names.iter().rev().enumerate() {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, name).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 - age as u64);
            File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
        }
        folder
    }

    #[test]
    fn the_newest_of_those_that_a_pattern_means() {
        let folder = folder(&["a/1.gz", "a/b/2.gz", "a/3.txt", "a/b/c/4.gz", "5.gz"]);
        symlink(folder.path(), folder.path().join("a/loop")).unwrap();
        symlink("nowhere", folder.path().join("a/broken.gz")).unwrap();
        for (pattern, count, size) in [
            ("a/1.gz", 1, Some(6)),
            ("a/*.gz", 1, Some(6)),
            ("a/**/*.gz", 3, Some(10)),
            ("**/*.gz", 4, Some(4)),
            ("a/b/**", 2, Some(10)),
            ("a/{1,3}.*", 2, Some(7)),
            ("a/*/2.gz", 1, Some(8)),
            ("*/loop/5.gz", 1, Some(4)),
            ("a", 0, None),
            ("none/*.gz", 0, None),
            ("a/1.gz/*", 0, None),
            ("a/broken.gz", 0, None),
        ] {
            let pattern = format!("{}/{pattern}", folder.path().display());
            let found = look(&pattern, Format::Any, 1_700_000_000.0).unwrap();
            assert_eq!((found.count, found.newest.map(|newest| newest.size)), (count, size), "{pattern}");
        }
        let found =
            look(&format!("{}/a/1.gz", folder.path().display()), Format::Gzip, 1_700_000_100.0).unwrap();
        let newest = found.newest.unwrap();
        assert_eq!((newest.modified, newest.age), (1_699_999_996.0, 104.0));
        assert_eq!(found.readable, Err("it is no gzip"));
    }

    #[test]
    fn a_bad_pattern_is_the_target_s_fault() {
        assert_eq!(look("/a/{b", Format::Any, 0.0).unwrap_err().reason, Reason::TargetInvalid);
    }
}
