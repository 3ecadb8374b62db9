//! What Prometheus' own tool says of our rules. (Of web configuration files a test of the toolkit asks it.)

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::counts::Counts;
use crate::steps::{Found, Line};
use crate::workspace::Workspace;

/// Checks the rule files and the configuration that loads them, then runs their unit tests; each file is one check.
pub(crate) fn rules(workspace: &Workspace, line: &Line<'_>) -> Result<Found> {
    let rules = files(&workspace.root().join("rules"), ".rules.yml")?;
    let tests = files(&workspace.root().join("rules/tests"), ".test.yml")?;
    let check = rules.iter().map(|file| (["check", "rules"], file));
    let config = [(["check", "config"], workspace.root().join("rules/stack/prometheus.yml"))];
    let check = check.chain(config.iter().map(|(job, file)| (*job, file)));
    promtool(workspace, line, check.chain(tests.iter().map(|file| (["test", "rules"], file))))
}

fn promtool<'a>(
    workspace: &Workspace,
    line: &Line<'_>,
    jobs: impl Iterator<Item = ([&'static str; 2], &'a PathBuf)>,
) -> Result<Found> {
    let mut found = Found { counts: Counts::default(), output: String::new(), summary: None };
    for (job, file) in jobs {
        let mut command = workspace.command("promtool");
        command.args(job).arg(file.strip_prefix(workspace.root()).unwrap_or(file));
        let ran = line.watch(command)?;
        found.counts += Counts::one(ran.success);
        if !ran.success {
            found.output.push_str(&ran.output);
        }
    }
    ensure!(found.counts != Counts::default(), "there is nothing to check");
    Ok(found)
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
