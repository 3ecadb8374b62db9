//! The checkout, its target folder, and cargo in it.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Where the sources are and where the binaries come.
pub(crate) struct Workspace {
    root: PathBuf,
    binaries: PathBuf,
}

impl Workspace {
    /// The workspace that this very binary was built in.
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in no folder")?;
        let binary = env::current_exe().context("cannot find this program's own file")?;
        let binaries = binary.parent().context("this program lies in no folder")?;
        Ok(Self { root: root.to_owned(), binaries: binaries.to_owned() })
    }

    /// The folder with Cargo.lock.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where everything is built.
    pub(crate) fn target(&self) -> Result<&Path> {
        self.binaries.parent().context("the binaries lie in no target folder")
    }

    /// A program to run in the root, its PATH beginning with our own binaries.
    pub(crate) fn command(&self, program: impl Into<OsString>) -> Command {
        let path = env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(self.binaries.clone()).chain(env::split_paths(&path));
        let mut command = Command::new(program.into());
        command.current_dir(&self.root);
        if let Ok(path) = env::join_paths(path) {
            command.env("PATH", path);
        }
        command
    }

    /// Cargo, in the root.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments);
        command
    }

    /// Runs cargo with its own progress bar.
    pub(crate) fn cargo_visibly(&self, arguments: &[&str]) -> Result<()> {
        let status = self.cargo(arguments).status().context("cannot run cargo")?;
        if !status.success() {
            bail!("cargo {} failed", arguments.join(" "));
        }
        Ok(())
    }

    /// Builds with cargo's own progress bar.
    ///
    /// Always over the whole workspace: with other selections cargo would choose other features for the
    /// dependencies, and build them again.
    pub(crate) fn build(&self, arguments: &[&str]) -> Result<()> {
        self.cargo_visibly(&[&["build", "--workspace"], arguments].concat())
    }

    /// One of this package's examples, built before.
    pub(crate) fn example(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = self.command(self.binaries.join("examples").join(name));
        command.args(arguments);
        command
    }
}

/// Goes on as that program, so that signals reach it and its exit code is ours.
pub(crate) fn become_program<T>(mut command: Command) -> Result<T> {
    let name = command.get_program().to_string_lossy().into_owned();
    Err(command.exec()).with_context(|| format!("cannot run {name}"))
}
