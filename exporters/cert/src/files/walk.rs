//! Which files a pattern means, below the folders that may be read.
//!
//! Invariant: nothing outside of the roots is opened or told about, also where a link leads there; a path outside is
//! refused alike whether it exists or not.

use std::collections::BTreeSet;
use std::fs::DirEntry;
use std::path::{Component, Path, PathBuf};

use netprobe::trust::Stamp;
use toolkit::glob;

/// Files that one pattern may mean.
const MAX_FILES: usize = 50_000;

/// Entries of folders that are looked at for one pattern.
const MAX_ENTRIES: usize = 1_000_000;

/// Folders below each other that `**` goes into.
const MAX_DEPTH: usize = 40;

/// A file that a pattern means.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoundFile {
    /// Its path as the pattern names it.
    pub shown: String,
    /// Where it is, without links.
    pub real: PathBuf,
    /// What tells a changed file from an unchanged one.
    pub stamp: Stamp,
}

/// Why no file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The path is outside of the roots.
    Outside,
    /// The pattern is none.
    Pattern(&'static str),
    /// The pattern means too many files.
    TooMany,
}

/// The files that `pattern` means, in the order of their paths; none when there are none.
///
/// # Errors
/// It may not be read.
pub fn find(pattern: &str, roots: &[PathBuf]) -> Result<Vec<FoundFile>, Refusal> {
    let roots = Roots::new(roots);
    let mut walk = Walk { roots: &roots, found: BTreeSet::new(), entries: 0 };
    for pattern in glob::expand(pattern).map_err(Refusal::Pattern)? {
        walk.start(&pattern)?;
    }
    Ok(walk.found.into_iter().collect())
}

/// The files that the configuration itself names: the folder in which it stands may be read too.
///
/// # Errors
/// The pattern is none.
pub fn find_own(pattern: &str, roots: &[PathBuf]) -> Result<Vec<FoundFile>, Refusal> {
    let plain: Vec<&str> = pattern.split('/').take_while(|part| !glob::is_pattern(part)).collect();
    let base = if plain.len() == pattern.split('/').count() {
        Path::new(pattern).parent().map(Path::to_path_buf)
    } else {
        Some(PathBuf::from(format!("{}/", plain.join("/"))))
    };
    let base = base.map(|base| if base.as_os_str().is_empty() { PathBuf::from(".") } else { base });
    find(pattern, &roots.iter().cloned().chain(base).collect::<Vec<_>>())
}

/// The folders that may be read, as they are written and as they are.
struct Roots {
    written: Vec<PathBuf>,
    real: Vec<PathBuf>,
}

impl Roots {
    fn new(roots: &[PathBuf]) -> Self {
        let real = roots.iter().filter_map(|root| root.canonicalize().ok()).collect();
        Self { written: roots.to_vec(), real }
    }

    fn hold(&self, real: &Path) -> bool {
        self.real.iter().any(|root| real.starts_with(root))
    }

    /// Where a path is, without links; `None` when it is inside and there is none.
    fn resolve(&self, path: &Path) -> Result<Option<PathBuf>, Refusal> {
        if path.components().any(|component| component == Component::ParentDir) {
            return Err(Refusal::Outside);
        }
        match path.canonicalize() {
            Ok(real) if self.hold(&real) => Ok(Some(real)),
            Ok(_) => Err(Refusal::Outside),
            Err(_) if self.written.iter().chain(&self.real).any(|root| path.starts_with(root)) => Ok(None),
            Err(_) => Err(Refusal::Outside),
        }
    }
}

struct Walk<'a> {
    roots: &'a Roots,
    found: BTreeSet<FoundFile>,
    entries: usize,
}

/// A folder on the way.
struct Place<'a> {
    shown: &'a Path,
    real: &'a Path,
    depth: usize,
}

impl Walk<'_> {
    fn start(&mut self, pattern: &str) -> Result<(), Refusal> {
        let segments: Vec<&str> = pattern.split('/').collect();
        let plain = segments.iter().take_while(|segment| !glob::is_pattern(segment)).count();
        let (base, rest) = segments.split_at(plain.min(segments.len()));
        if rest.is_empty() {
            let shown = Path::new(pattern);
            if let Some(real) = self.roots.resolve(shown)? {
                self.add(shown, &real)?;
            }
            return Ok(());
        }
        let base = base.join("/");
        let shown = match (base.as_str(), pattern.starts_with('/')) {
            ("", true) => Path::new("/"),
            ("", false) => Path::new("."),
            (base, _) => Path::new(base),
        };
        let Some(real) = self.roots.resolve(shown)? else { return Ok(()) };
        let shown = if base.is_empty() && !pattern.starts_with('/') { Path::new("") } else { shown };
        self.descend(&Place { shown, real: &real, depth: 0 }, rest)
    }

    fn descend(&mut self, place: &Place<'_>, segments: &[&str]) -> Result<(), Refusal> {
        let Some((segment, rest)) = segments.split_first() else { return Ok(()) };
        if segment.is_empty() && !rest.is_empty() {
            return self.descend(place, rest);
        }
        let deep = *segment == "**";
        if deep && !rest.is_empty() {
            // no folder at all is what it may stand for too
            self.descend(place, rest)?;
        }
        // a folder that cannot be read has no files for us
        let Ok(entries) = std::fs::read_dir(place.real) else { return Ok(()) };
        for entry in entries.filter_map(Result::ok) {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(Refusal::TooMany);
            }
            let name = entry.file_name();
            // a path that is no text cannot be shown
            let Some(name) = name.to_str() else { continue };
            if deep {
                self.go_deeper(place, &entry, name, segments)?;
            } else if glob::matches(segment, name) {
                self.take(place, &entry, name, rest)?;
            }
        }
        Ok(())
    }

    /// `**`: into every folder but those behind links, which may lead in circles, and those that Kubernetes shows
    /// through links anyway (`..2026_01_01`).
    fn go_deeper(
        &mut self,
        place: &Place<'_>,
        entry: &DirEntry,
        name: &str,
        segments: &[&str],
    ) -> Result<(), Refusal> {
        let Ok(kind) = entry.file_type() else { return Ok(()) };
        let (shown, real) = (place.shown.join(name), place.real.join(name));
        if kind.is_dir() && place.depth < MAX_DEPTH && !name.starts_with("..") {
            let below = Place { shown: &shown, real: &real, depth: place.depth + 1 };
            self.descend(&below, segments)?;
        } else if kind.is_file() && segments.len() == 1 {
            self.add(&shown, &real)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        place: &Place<'_>,
        entry: &DirEntry,
        name: &str,
        rest: &[&str],
    ) -> Result<(), Refusal> {
        let Ok(kind) = entry.file_type() else { return Ok(()) };
        let (shown, mut real) = (place.shown.join(name), place.real.join(name));
        if kind.is_symlink() {
            // a link that leads outside, or nowhere, is none of ours
            match real.canonicalize() {
                Ok(target) if self.roots.hold(&target) => real = target,
                _ => return Ok(()),
            }
        }
        if rest.is_empty() {
            self.add(&shown, &real)
        } else if place.depth < MAX_DEPTH && (kind.is_dir() || kind.is_symlink()) {
            self.descend(&Place { shown: &shown, real: &real, depth: place.depth + 1 }, rest)
        } else {
            Ok(())
        }
    }

    fn add(&mut self, shown: &Path, real: &Path) -> Result<(), Refusal> {
        let Ok(metadata) = std::fs::metadata(real) else { return Ok(()) };
        if !metadata.is_file() {
            return Ok(());
        }
        if self.found.len() >= MAX_FILES {
            return Err(Refusal::TooMany);
        }
        let shown = shown.display().to_string();
        self.found.insert(FoundFile { shown, real: real.to_owned(), stamp: Stamp::of(&metadata) });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder with certificates below `in`, and a file beside it that must never be found.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        fs::create_dir_all(base.join("in/a/b/c")).unwrap();
        fs::create_dir_all(base.join("in/..2026_1")).unwrap();
        for file in
            ["in/x.pem", "in/a/y.pem", "in/a/b/c/z.pem", "in/a/n.txt", "in/..2026_1/t.crt", "secret.pem"]
        {
            fs::write(base.join(file), file).unwrap();
        }
        symlink("..2026_1", base.join("in/..data")).unwrap();
        symlink("..data/t.crt", base.join("in/t.crt")).unwrap();
        symlink(base.join("secret.pem"), base.join("in/escape.pem")).unwrap();
        symlink(base.join("in"), base.join("in/a/loop")).unwrap();
        symlink("nowhere", base.join("in/broken.pem")).unwrap();
        folder
    }

    fn names(folder: &Path, pattern: &str) -> Result<Vec<String>, Refusal> {
        let pattern = format!("{}/{pattern}", folder.display());
        let found = find(&pattern, &[folder.join("in")])?;
        let prefix = format!("{}/", folder.display());
        Ok(found.into_iter().map(|file| file.shown.trim_start_matches(&prefix).to_owned()).collect())
    }

    #[test]
    fn patterns_find_files_below_the_roots_only() {
        let folder = folder();
        for (pattern, expected) in [
            ("in/x.pem", &["in/x.pem"][..]),
            ("in/*.pem", &["in/x.pem"]),
            ("in/**/*.pem", &["in/a/b/c/z.pem", "in/a/y.pem", "in/x.pem"]),
            ("in/**/c/*.pem", &["in/a/b/c/z.pem"]),
            // a link that is named is followed, as a shell does
            ("in/*/*/*/*.pem", &["in/a/b/c/z.pem", "in/a/loop/a/y.pem"]),
            ("in/a/**", &["in/a/b/c/z.pem", "in/a/n.txt", "in/a/y.pem"]),
            ("in/a/{y.pem,n.*}", &["in/a/n.txt", "in/a/y.pem"]),
            ("in/t.crt", &["in/t.crt"]),
            ("in/*.crt", &["in/t.crt"]),
            ("in/**/*.crt", &["in/t.crt"]),
            ("in/none.pem", &[]),
            ("in/no/such/*.pem", &[]),
            ("in/broken.pem", &[]),
            ("in/a", &[]),
            ("in//x.pem", &["in//x.pem"]),
        ] {
            assert_eq!(names(folder.path(), pattern).unwrap(), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_outside_is_refused_whether_it_exists_or_not() {
        let folder = folder();
        for pattern in [
            "secret.pem",
            "absent.pem",
            "*.pem",
            "**/*.pem",
            "in/../secret.pem",
            "in/escape.pem",
            "/etc/passwd",
            "",
        ] {
            assert_eq!(names(folder.path(), pattern), Err(Refusal::Outside), "{pattern}");
        }
        assert_eq!(find("/etc/passwd", &[]), Err(Refusal::Outside));
        assert!(matches!(names(folder.path(), "in/{a"), Err(Refusal::Pattern(_))));
    }

    #[test]
    fn a_stamp_changes_with_the_file_behind_a_link() {
        let folder = folder();
        let stamp = || find(&format!("{}/in/t.crt", folder.path().display()), &[folder.path().join("in")]);
        let before = stamp().unwrap();
        fs::create_dir(folder.path().join("in/..2026_2")).unwrap();
        fs::write(folder.path().join("in/..2026_2/t.crt"), "new").unwrap();
        fs::remove_file(folder.path().join("in/..data")).unwrap();
        symlink("..2026_2", folder.path().join("in/..data")).unwrap();
        let after = stamp().unwrap();
        assert_ne!(before[0].stamp, after[0].stamp);
        assert_eq!(before[0].shown, after[0].shown);
    }
}
