//! The demo's folder: logs that stay, temporary files that do not, and who is running.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// `target/demo`.
pub(crate) struct DemoFolder(PathBuf);

/// The right to run a demo in a folder; it ends with the process, however that ends.
pub(crate) struct Running {
    folder: PathBuf,
    _lock: File,
}

impl DemoFolder {
    /// The folder that `cargo xtask demo` made, and where it had temporary files put.
    pub(crate) fn find() -> Result<Self> {
        let folder = std::env::var_os("WATCHFIRE_DEMO").map(PathBuf::from);
        let Some(folder) = folder.filter(|folder| *folder == std::env::temp_dir()) else {
            bail!("this is a part of `cargo xtask demo`; hint: start that");
        };
        Ok(Self(folder))
    }

    /// Where the running demo is controlled.
    pub(crate) fn control_url(&self) -> Option<String> {
        fs::read_to_string(self.0.join("control-url")).ok()
    }

    /// Begins a demo: removes what an earlier one that was killed has left.
    pub(crate) fn begin(self) -> Result<Running> {
        let path = self.0.join("lock");
        let lock = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let url = self.control_url().unwrap_or_else(|| "its page".to_owned());
                bail!("a demo already runs, see {url}; hint: end it with Ctrl-C first");
            }
            Err(TryLockError::Error(error)) => return Err(error).context("cannot lock the demo's folder"),
        }
        let running = Running { folder: self.0, _lock: lock };
        running.clear()?;
        let logs = running.logs();
        drop(fs::remove_dir_all(&logs));
        fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
        Ok(running)
    }
}

impl Running {
    /// The folder with each program's log.
    pub(crate) fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    /// Says where this demo is controlled.
    pub(crate) fn announce(&self, url: &str) -> Result<()> {
        fs::write(self.folder.join("control-url"), url).context("cannot write into the demo's folder")
    }

    /// Gives each log a second name in the folder of logs: there it stays when the server's own folder goes.
    pub(crate) fn keep_logs(&self) -> Result<()> {
        for folder in self.temporary()? {
            for file in fs::read_dir(&folder)?.flatten().map(|entry| entry.path()) {
                let kept = file.file_name().map(|name| self.logs().join(name));
                if let Some(kept) = kept.filter(|kept| is_log(&file) && !kept.exists()) {
                    fs::hard_link(&file, &kept).with_context(|| format!("cannot keep {}", file.display()))?;
                }
            }
        }
        Ok(())
    }

    fn clear(&self) -> Result<()> {
        drop(fs::remove_file(self.folder.join("control-url")));
        for folder in self.temporary()? {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        Ok(())
    }

    /// The temporary folders of the test kit, known by their names.
    fn temporary(&self) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.folder).context("cannot read the demo's folder")?;
        let named = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("watchfire-"))
        };
        Ok(entries.flatten().map(|entry| entry.path()).filter(named).collect())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // what cannot be removed now is removed by the next start
        drop(self.clear());
    }
}

fn is_log(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "log")
}
