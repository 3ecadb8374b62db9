//! npm packages that are kept from run to run, exactly those of a lock file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cache::{once, run};
use crate::process::Program;

const NPM: Program = Program { names: &["npm"], install: "apt-get install npm" };
const NODE: Program = Program { names: &["node", "nodejs"], install: "apt-get install npm" };

/// Packages, named by the text of their `package.json` and of its lock file.
#[derive(Clone, Copy, Debug)]
pub struct Packages {
    /// What the folder is called; it changes with the versions.
    pub name: &'static str,
    /// `package.json`.
    pub manifest: &'static str,
    /// `package-lock.json`, with the hash of every package.
    pub lock: &'static str,
}

impl Packages {
    /// The folder that holds `node_modules`; the first time they are downloaded. None of their scripts is run.
    pub fn install(&self) -> Result<PathBuf> {
        once(self.name, |folder| self.fill(folder)).with_context(|| {
            format!(
                "cannot get {} from npm's registry; hint: {}, and allow it the network",
                self.name, NPM.install
            )
        })
    }

    fn fill(&self, folder: &Path) -> Result<()> {
        fs::write(folder.join("package.json"), self.manifest)?;
        fs::write(folder.join("package-lock.json"), self.lock)?;
        let mut npm = Command::new(NPM.find()?);
        // a registry that is out of reach is told in seconds
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
        npm.args(["--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=3000"]);
        run(npm.current_dir(folder), "").map(drop)
    }
}

/// Node.js, which runs them.
pub fn node() -> Result<Command> {
    Ok(Command::new(NODE.find()?))
}
