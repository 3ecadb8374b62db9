//! The files that a web configuration was read from, and whether they have changed since.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{Context, SHA256};

/// What was read: the names, the state that `stat` shows, and a digest of the content.
#[derive(Default)]
pub(super) struct Files {
    read: Vec<Seen>,
    /// A file was written so shortly before that a second write might not show in its stamp.
    fresh: bool,
}

struct Seen {
    path: PathBuf,
    stamp: Option<Stamp>,
    digest: Vec<u8>,
}

/// What `stat` says. A renamed file or a switched link has another inode, a rewritten one another time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Files {
    /// Reads a file and remembers it, whether it can be read or not.
    pub(super) fn read(&mut self, path: &Path, now: SystemTime) -> io::Result<Vec<u8>> {
        // The stamp comes first: a write between the two then shows as a change.
        let metadata = fs::metadata(path).ok();
        let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
        self.fresh |= modified.is_some_and(|modified| {
            now.duration_since(modified).is_ok_and(|age| age < SETTLED) || modified > now
        });
        let content = read_bounded(path);
        let digest = match &content {
            Ok(content) => sha256(content),
            Err(error) => sha256(error.to_string().as_bytes()),
        };
        self.read.push(Seen { path: path.to_owned(), stamp: metadata.as_ref().map(Stamp::of), digest });
        content
    }

    /// Whether a file may have changed, by `stat` alone.
    pub(super) fn may_have_changed(&self) -> bool {
        self.fresh || self.read.iter().any(|seen| seen.stamp != Stamp::read(&seen.path))
    }

    /// Whether both hold the same files with the same content.
    pub(super) fn same_content(&self, other: &Self) -> bool {
        self.read.len() == other.read.len()
            && self
                .read
                .iter()
                .zip(&other.read)
                .all(|(left, right)| left.path == right.path && left.digest == right.digest)
    }
}

impl Stamp {
    fn read(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().map(Self::of)
    }

    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut content)?;
    if u64::try_from(content.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 MiB"));
    }
    Ok(content)
}

fn sha256(content: &[u8]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    context.update(content);
    context.finish().as_ref().to_vec()
}

/// Bytes of one file: a bundle of every public CA has 0.25 MiB.
const MAX_BYTES: u64 = 1 << 20;

/// File times move in steps, of 2 s on the coarsest file systems.
const SETTLED: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::Files;

    #[test]
    fn changes_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let later = SystemTime::now() + Duration::from_mins(1);
        std::fs::write(&path, "one").unwrap();
        let read = || {
            let mut files = Files::default();
            let content = files.read(&path, later);
            (files, content.map_err(|error| error.kind()))
        };

        let (one, content) = read();
        assert_eq!(content.as_deref(), Ok(b"one".as_slice()));
        assert!(!one.may_have_changed());

        std::fs::write(folder.path().join("new"), "two").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        assert!(one.may_have_changed());
        let (two, _) = read();
        assert!(!one.same_content(&two));
        assert!(two.same_content(&read().0));

        std::fs::remove_file(&path).unwrap();
        assert!(two.may_have_changed());
        let (gone, content) = read();
        assert_eq!(content, Err(std::io::ErrorKind::NotFound));
        assert!(!gone.may_have_changed());
        assert!(!gone.same_content(&two));
    }

    #[test]
    fn a_file_that_was_just_written_is_looked_at_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "one").unwrap();
        let mut files = Files::default();
        files.read(&path, SystemTime::now()).unwrap();
        assert!(files.may_have_changed());
    }
}
