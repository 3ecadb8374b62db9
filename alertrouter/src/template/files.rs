//! Which files `templates:` means.

use std::path::{Component, Path, PathBuf};

use toolkit::glob;

/// Files of all patterns; more are a mistake in a pattern.
const MAX_FILES: usize = 1_000;

/// The files that a pattern means, sorted; none is fine, as in Alertmanager.
///
/// # Errors
/// The pattern is none, or means too many.
pub(super) fn matching(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        found = match part {
            Component::Normal(name) => {
                let name = name.to_str().ok_or("the pattern is not UTF-8")?;
                if name.contains('[') && !name.contains(']') {
                    return Err("syntax error in pattern".to_owned());
                }
                found.iter().flat_map(|folder| below(folder, name)).collect()
            }
            other => found.iter().map(|folder| folder.join(other)).collect(),
        };
        if found.len() > MAX_FILES {
            return Err(format!("it means more than {MAX_FILES} files"));
        }
    }
    found.retain(|file| file.is_file());
    found.sort();
    Ok(found)
}

/// What a folder has of that name, or of names like that.
fn below(folder: &Path, name: &str) -> Vec<PathBuf> {
    if !glob::is_pattern(name) {
        return vec![folder.join(name)];
    }
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = std::fs::read_dir(listed).into_iter().flatten().filter_map(Result::ok);
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(|found| glob::matches(name, found)))
        .map(|entry| folder.join(entry.file_name()))
        .take(MAX_FILES + 1)
        .collect()
}
