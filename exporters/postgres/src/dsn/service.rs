//! Service files: sections of `key=value` lines.

use super::{Dsn, DsnError};

/// The settings of a section; `None` when the file does not have it.
///
/// # Errors
/// A line of the section is wrong; says which, and not what is in it.
pub fn section(text: &str, name: &str) -> Result<Option<Dsn>, String> {
    let mut found: Option<Dsn> = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(head) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            if head.strip_suffix(']') == Some(name) {
                found = Some(Dsn::default());
            }
        } else if let Some(dsn) = &mut found {
            let wrong = || format!("line {} of the service file is not key=value", number + 1);
            let (key, value) = line.split_once('=').ok_or_else(wrong)?;
            dsn.set(key.trim(), value.trim());
        }
    }
    Ok(found)
}

/// Reads a section from a file.
pub(super) fn read(file: &std::path::Path, name: &str) -> Result<Dsn, DsnError> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        DsnError::Service(format!("service file {} cannot be read: {error}", file.display()))
    })?;
    let missing = || DsnError::Service(format!("service file {} has no service `{name}`", file.display()));
    section(&text, name).map_err(DsnError::Service)?.ok_or_else(missing)
}
