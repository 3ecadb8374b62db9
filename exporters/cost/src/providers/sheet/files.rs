//! Files of this machine, by pattern.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use toolkit::config::Fields;
use toolkit::glob;

use crate::http::{FetchError, Reason};

/// Files that the patterns of one provider may mean.
const MAX_FILES: usize = 10_000;

/// Names of folders that are looked at.
const MAX_ENTRIES: usize = 100_000;

/// Folders within each other that `**` goes into.
const MAX_DEPTH: usize = 16;

/// What tells one content of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
}

/// Reads the key `path`: one text or several; a relative one is taken from the configuration's folder.
pub(crate) fn decode(fields: &mut Fields<'_>) -> Vec<String> {
    fields.require("path");
    let Some(item) = fields.item("path") else { return Vec::new() };
    let text = |path: PathBuf| path.to_str().map(str::to_owned);
    let resolved = |item: &toolkit::config::Item<'_>| {
        let written = item.string()?;
        if let Err(problem) = glob::expand(&written) {
            item.problem(problem);
        }
        if written.starts_with("s3://") { Some(written) } else { text(item.path()?) }
    };
    let paths: Vec<String> = match item.kind() {
        toolkit::config::Kind::Text => resolved(&item).into_iter().collect(),
        _ => item.list(|item| resolved(&item)),
    };
    if paths.is_empty() {
        fields.problem("path", "`path`: expected a file, or a pattern such as /data/*.csv.gz");
    }
    paths
}

/// The files that patterns mean, in the order of their paths; each pattern means at least one.
pub(crate) fn find(patterns: &[String]) -> Result<Vec<PathBuf>, FetchError> {
    let mut found = BTreeSet::new();
    for pattern in patterns {
        let mut walk = Walk { found: BTreeSet::new(), entries: 0 };
        for alternative in glob::expand(pattern).map_err(|problem| refused(pattern, problem))? {
            walk.start(&alternative).map_err(|problem| refused(pattern, problem))?;
        }
        if walk.found.is_empty() {
            return Err(refused(pattern, "there is no such file"));
        }
        found.append(&mut walk.found);
    }
    Ok(found.into_iter().collect())
}

fn refused(pattern: &str, problem: &str) -> FetchError {
    FetchError::new(Reason::File, format!("{pattern}: {problem}"))
}

/// Opens a file.
pub(crate) fn open(path: &Path) -> Result<(File, Stamp), FetchError> {
    let file = File::open(path).map_err(|error| FetchError::new(Reason::File, error.to_string()))?;
    let stamp = stamp(&file)?;
    Ok((file, stamp))
}

/// Checks that a file that was read is still as it was. Another one may have taken its name: that one is read next time.
pub(crate) fn unchanged(file: &File, before: Stamp) -> Result<(), FetchError> {
    if stamp(file)? == before {
        return Ok(());
    }
    Err(FetchError::new(Reason::Incomplete, "it is being written"))
}

fn stamp(file: &File) -> Result<Stamp, FetchError> {
    let facts = file.metadata().map_err(|error| FetchError::new(Reason::File, error.to_string()))?;
    Ok(Stamp { size: facts.len(), modified: facts.modified().ok() })
}

struct Walk {
    found: BTreeSet<PathBuf>,
    entries: usize,
}

impl Walk {
    fn start(&mut self, pattern: &str) -> Result<(), &'static str> {
        let segments: Vec<&str> = pattern.split('/').collect();
        let plain = segments.iter().take_while(|segment| !glob::is_pattern(segment)).count();
        let (base, rest) = segments.split_at(plain.min(segments.len()));
        let base = base.join("/");
        if rest.is_empty() {
            return self.take(Path::new(&base));
        }
        let base = match (base.as_str(), pattern.starts_with('/')) {
            ("", true) => "/",
            ("", false) => ".",
            (base, _) => base,
        };
        self.descend(Path::new(base), rest, 0)
    }

    fn descend(&mut self, folder: &Path, segments: &[&str], depth: usize) -> Result<(), &'static str> {
        let Some((segment, rest)) = segments.split_first() else { return Ok(()) };
        let is_deep = *segment == "**";
        if is_deep && !rest.is_empty() {
            self.descend(folder, rest, depth)?;
        }
        // a folder that is not there has no files
        let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
        for entry in entries.filter_map(Result::ok) {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err("its folders hold too many files");
            }
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let path = folder.join(name);
            if is_deep {
                if path.is_dir() && !path.is_symlink() && depth < MAX_DEPTH {
                    self.descend(&path, segments, depth + 1)?;
                } else if rest.is_empty() {
                    self.take(&path)?;
                }
            } else if glob::matches(segment, name) {
                if rest.is_empty() {
                    self.take(&path)?;
                } else {
                    self.descend(&path, rest, depth)?;
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, path: &Path) -> Result<(), &'static str> {
        if path.is_file() {
            self.found.insert(path.to_path_buf());
        }
        if self.found.len() > MAX_FILES { Err("it means too many files") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap();
        for file in ["a.csv", "b.csv.gz", "2026/01/c.csv", "2026/02/d.csv", "2026/e.txt"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        for (pattern, expected) in [
            ("/a.csv", "a.csv"),
            ("/*.csv", "a.csv"),
            ("/*.csv*", "a.csv b.csv.gz"),
            ("/{b,a}.csv{,.gz}", "a.csv b.csv.gz"),
            ("/**/*.csv", "2026/01/c.csv 2026/02/d.csv a.csv"),
            ("/2026/*/*", "2026/01/c.csv 2026/02/d.csv"),
            ("/2026/**", "2026/01/c.csv 2026/02/d.csv 2026/e.txt"),
        ] {
            let found = find(&[format!("{root}{pattern}")]).unwrap();
            let names = found.iter().map(|path| path.strip_prefix(folder.path()).unwrap().to_str().unwrap());
            assert_eq!(names.collect::<Vec<_>>().join(" "), expected, "{pattern}");
        }
        let error = find(&[format!("{root}/*.json")]).unwrap_err();
        assert_eq!(error.message, format!("{root}/*.json: there is no such file"));
    }
}
