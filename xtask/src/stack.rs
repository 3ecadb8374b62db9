//! The files that run the suite, asked of those who will read them: Compose, Alertmanager, our programs, systemd.
//!
//! Nothing is started. What starts the images is `cargo xtask smoke`.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::counts::Counts;
use crate::programs::PROGRAMS;
use crate::run::Ran;
use crate::steps::{Found, Line};
use crate::tools;
use crate::workspace::Workspace;

/// The most of systemd's exposure that a unit of ours may have, times ten; 1.5 of 10.
const EXPOSURE: &str = "--threshold=15";

/// Checks them all; each file, or each who reads it, is one check. The programs must have been built.
pub(crate) fn check(workspace: &Workspace, line: &Line<'_>) -> Result<Found> {
    let mut found = Found { counts: Counts::default(), output: String::new(), summary: None };
    let mut add = |ran: &Ran| {
        found.counts += Counts::one(ran.success);
        if !ran.success {
            found.output.push_str(&ran.output);
            found.output.push('\n');
        }
    };
    for command in commands(workspace)? {
        add(&line.watch(command)?);
    }
    for program in PROGRAMS {
        let ran = line.watch(verify(workspace, program.name)?)?;
        // what it does not understand it ignores, and says so; of other units it may say what it likes
        let silent = !ran.output.contains(&format!("{}.service:", program.name));
        add(&Ran { success: ran.success && silent, output: ran.output });
    }
    for (file, command, expected) in printed(workspace)? {
        let text =
            fs::read_to_string(workspace.root().join(file)).with_context(|| format!("cannot read {file}"))?;
        let ran = line.watch(command)?;
        let success = ran.success && expected(&ran.output, &text);
        add(&Ran {
            success,
            output: format!("{file} does not say what the program prints:\n{}", ran.output),
        });
    }
    Ok(found)
}

/// Commands that tell by their exit code.
fn commands(workspace: &Workspace) -> Result<Vec<Command>> {
    let mut commands = Vec::new();
    for slack in ["", "./slack-url"] {
        let mut compose = tools::compose(workspace)?;
        compose.args(["config", "--quiet"]).env("SLACK_API_URL_FILE", slack);
        commands.push(compose);
    }
    let mut hadolint = tools::hadolint(workspace)?;
    hadolint.arg("Dockerfile");
    commands.push(hadolint);
    let mut amtool = workspace.command("amtool");
    amtool.args(["check-config", "rules/stack/alertmanager.yml"]);
    commands.push(amtool);
    for script in ["rules/stack/secrets.sh", "rules/stack/postgres/2-password.sh"] {
        let mut shell = workspace.command("sh");
        shell.args(["-n", script]);
        commands.push(shell);
    }
    for program in PROGRAMS {
        let stack = program.stack.iter().map(|file| format!("rules/stack/{file}"));
        let deploy =
            ["systemd", "kubernetes/config"].map(|folder| format!("deploy/{folder}/{}.yml", program.name));
        for file in stack.chain(deploy) {
            let mut check = workspace.command(program.name);
            check.args(["--config.check", &format!("--config.file={file}")]);
            commands.push(check);
        }
        let mut security = workspace.command("systemd-analyze");
        let unit = unit_of(program.name);
        security.args(["security", "--offline=true", "--no-pager", EXPOSURE, &unit]);
        commands.push(security);
    }
    Ok(commands)
}

fn unit_of(name: &str) -> String {
    format!("deploy/systemd/{name}.service")
}

/// systemd's own opinion of a unit. It looks for the programs, which need not be installed here: any stands for them.
fn verify(workspace: &Workspace, name: &str) -> Result<Command> {
    let unit = unit_of(name);
    let text =
        fs::read_to_string(workspace.root().join(&unit)).with_context(|| format!("cannot read {unit}"))?;
    let folder = workspace.target()?.join("units");
    fs::create_dir_all(&folder)?;
    let copy = folder.join(format!("{name}.service"));
    let anywhere =
        text.replace(&format!("=/usr/bin/{name}"), "=/bin/true").replace("=/bin/kill", "=/bin/true");
    fs::write(&copy, anywhere).with_context(|| format!("cannot write {}", copy.display()))?;
    let mut verify = workspace.command("systemd-analyze");
    verify.args(["verify", "--man=no"]).arg(copy);
    Ok(verify)
}

/// Whether what a program printed is what a file says.
type Same = fn(&str, &str) -> bool;

/// Files that say what a program prints.
fn printed(workspace: &Workspace) -> Result<[(&'static str, Command, Same); 2]> {
    let compose = fs::read_to_string(workspace.root().join("docker-compose.yml"))?;
    let mut grants = workspace.command("postgres-exporter");
    grants.arg("grants").args(collectors(&compose));
    let mut rights = workspace.command("redis-exporter");
    rights.args(["--print-acl", "--redis.user=metrics"]);
    Ok([
        ("rules/stack/postgres/1-grants.sql", grants, |printed, file| printed == file),
        ("rules/stack/secrets.sh", rights, |printed, file| {
            let mut rights = printed
                .lines()
                .filter_map(|line| line.split_once(">YOUR-PASSWORD ").map(|(_, rights)| rights));
            rights.any(|rights| file.contains(&format!(" {rights}\"")))
        }),
    ])
}

/// The flags of docker-compose.yml that the rights of postgres-exporter's role depend on.
fn collectors(compose: &str) -> impl Iterator<Item = &str> {
    compose
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- "))
        .filter(|flag| flag.starts_with("--collector."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_collectors_are_found() {
        let compose = "    command:\n      - --collector.archive\n      - --log.level=info\n    ports: []\n";
        assert_eq!(collectors(compose).collect::<Vec<_>>(), ["--collector.archive"]);
    }
}
