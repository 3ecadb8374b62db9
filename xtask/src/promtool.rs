//! What Prometheus' own tool says of our rules. (Of web configuration files a test of the toolkit asks it.)

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::counts::Counts;
use crate::steps::{Found, Line};
use crate::workspace::Workspace;

/// Checks the rule files and the configuration that loads them, then runs their unit tests; each file is one check.
///
/// With `WATCHFIRE_PEERS` set, the newer promtool in `~/.cache/watchfire-peers` does all of it a second time.
pub(crate) fn rules(workspace: &Workspace, line: &Line<'_>) -> Result<Found> {
    let rules = files(&workspace.root().join("rules"), ".rules.yml")?;
    let tests = files(&workspace.root().join("rules/tests"), ".test.yml")?;
    let config = [workspace.root().join("rules/stack/prometheus.yml")];
    let check = rules.iter().map(|file| (LINT, file));
    let config = config.iter().map(|file| (["check", "config"].as_slice(), file));
    let test = tests.iter().map(|file| (["test", "rules"].as_slice(), file));
    let jobs: Vec<_> = check.chain(config).chain(test).collect();
    let mut found = Found { counts: Counts::default(), output: String::new(), summary: None };
    for promtool in programs()? {
        for (job, file) in &jobs {
            let mut command = workspace.command(&promtool);
            command.args(*job).arg(file.strip_prefix(workspace.root()).unwrap_or(file));
            let ran = line.watch(command)?;
            found.counts += Counts::one(ran.success);
            if !ran.success {
                found.output.push_str(&ran.output);
            }
        }
    }
    Ok(found)
}

/// Every lint that this promtool has (Debian 12's: duplicate rules), and none of them only a warning.
const LINT: &[&str] = &["check", "rules", "--lint=all", "--lint-fatal"];

/// The machine's promtool, and the newest where it is asked for.
fn programs() -> Result<Vec<PathBuf>> {
    let mut programs = vec![PathBuf::from("promtool")];
    if env::var_os("WATCHFIRE_PEERS").is_some() {
        let home = env::home_dir().context("this user has no home folder")?;
        let newest = home.join(".cache/watchfire-peers/root/usr/bin/promtool");
        ensure!(newest.is_file(), "{} is missing; hint: unset WATCHFIRE_PEERS", newest.display());
        programs.push(newest);
    }
    Ok(programs)
}

/// The files of a folder with this ending, sorted.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.to_string_lossy().ends_with(ending));
    files.sort();
    ensure!(!files.is_empty(), "{} has no *{ending}", folder.display());
    Ok(files)
}
