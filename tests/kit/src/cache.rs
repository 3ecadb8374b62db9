//! What lasts from run to run: servers that were downloaded, and what they were made ready with.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::postgres::other_user;

/// The folder of this name; `make` fills it the first time.
///
/// Whoever comes first does it, under a lock; the others wait. Only a whole one ever has the name.
pub(crate) fn once(name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let cache = folder()?;
    let kept = cache.join(name);
    if kept.is_dir() {
        return Ok(kept);
    }
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let lock = File::create(cache.join(format!("{name}.lock")))?;
    lock.lock().context("cannot lock")?;
    if kept.is_dir() {
        return Ok(kept);
    }
    let half = cache.join(format!("{name}.half"));
    if half.exists() {
        fs::remove_dir_all(&half)?;
    }
    fs::create_dir(&half)?;
    fs::set_permissions(&half, fs::Permissions::from_mode(0o755))?;
    make(&half).map_err(|error| match fs::remove_dir_all(&half) {
        Ok(()) => error,
        Err(leftover) => anyhow!("{error:#}; and {} cannot be removed: {leftover}", half.display()),
    })?;
    if fs::rename(&half, &kept).is_err() {
        bail!("cannot rename {} to {name}", half.display());
    }
    Ok(kept)
}

/// Where it is. A server that root starts runs as another user, to whom root's home is closed.
pub(crate) fn folder() -> Result<PathBuf> {
    if other_user().is_some() {
        return Ok(PathBuf::from("/var/cache/watchfire"));
    }
    Ok(std::env::home_dir().context("this user has no home folder")?.join(".cache/watchfire"))
}

/// Runs a command that reads `input` to its end, and returns what it printed; a failure carries that, too.
pub(crate) fn run(command: &mut Command, input: &str) -> Result<String> {
    use std::io::Write;
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {name}"))?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{name} failed ({}): {printed}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(printed)
}
