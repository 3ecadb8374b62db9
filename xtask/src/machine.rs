//! What must be installed on the machine, and installing it.

use std::env;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::screen::Screen;
use crate::workspace::Workspace;

/// A Debian package, and how to see that it is not needed.
pub(crate) struct Package {
    name: &'static str,
    /// Of each line one program must be there: packagers rename.
    programs: &'static [&'static [&'static str]],
    /// A module that Debian's own Python must have.
    python: Option<&'static str>,
}

const REDIS: Package = Package {
    name: "redis-server",
    programs: &[&["redis-server", "valkey-server"], &["redis-cli", "valkey-cli"]],
    python: None,
};
const PROMETHEUS: Package =
    Package { name: "prometheus", programs: &[&["prometheus"], &["promtool"]], python: None };
const ALERTMANAGER: Package = Package {
    name: "prometheus-alertmanager",
    programs: &[&["prometheus-alertmanager", "alertmanager"]],
    python: None,
};
const NODE_EXPORTER: Package = Package {
    name: "prometheus-node-exporter",
    programs: &[&["prometheus-node-exporter", "node_exporter"]],
    python: None,
};
const GCC: Package = Package { name: "gcc", programs: &[&["cc"]], python: None };
const OPENMETRICS_PARSER: Package =
    Package { name: "python3-prometheus-client", programs: &[], python: Some("prometheus_client") };

const POSTGRES_CLIENT: Package = Package { name: "postgresql-client", programs: &[&["psql"]], python: None };
/// Looks at pages as people do.
const CHROMIUM: Package =
    Package { name: "chromium", programs: &[&["chromium", "chromium-browser"]], python: None };
const PGBOUNCER: Package = Package { name: "pgbouncer", programs: &[&["pgbouncer"]], python: None };
const POSTFIX: Package = Package { name: "postfix", programs: &[&["postfix"]], python: None };
/// Old TLS servers, and certificates that nobody should make any more.
const OPENSSL: Package = Package { name: "openssl", programs: &[&["openssl"]], python: None };
/// Has the servers that Debian has not: PostgreSQL 13 to 18.
const NPM: Package = Package { name: "npm", programs: &[&["npm"]], python: None };
/// The same: Redis 5.0 and 6.2.
const PIP: Package = Package { name: "python3-pip", programs: &[&["pip3", "pip"]], python: None };

/// Says what it thinks of our units.
const SYSTEMD: Package = Package { name: "systemd", programs: &[&["systemd-analyze"]], python: None };

/// What the demo needs.
pub(crate) const DEMO: &[Package] =
    &[GCC, REDIS, PROMETHEUS, ALERTMANAGER, NODE_EXPORTER, POSTGRES_CLIENT, NPM];

/// What the tests need.
pub(crate) const TEST: &[Package] = &[
    GCC,
    REDIS,
    PROMETHEUS,
    ALERTMANAGER,
    NODE_EXPORTER,
    OPENMETRICS_PARSER,
    CHROMIUM,
    POSTGRES_CLIENT,
    PGBOUNCER,
    POSTFIX,
    OPENSSL,
    NPM,
    PIP,
    SYSTEMD,
];

/// Asked by Debian's packages before they start a service; 101 means no.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs what is missing. Without root it says the one command that does, and tells that it is not done.
pub(crate) fn prepare(packages: &[Package], screen: &Screen) -> Result<bool> {
    let missing: Vec<_> =
        packages.iter().filter(|package| !package.is_there()).map(|package| package.name).collect();
    if missing.is_empty() {
        return Ok(true);
    }
    let names = missing.join(" ");
    if find("apt-get").is_none() {
        bail!("these Debian packages, or what this system has in their place, must be installed: {names}");
    }
    if !is_root() {
        screen.line("not everything is installed yet; run this once, then start again:\n");
        screen.line(&format!(
            "  sudo apt-get update && sudo apt-get install --yes --no-install-recommends {names}\n"
        ));
        return Ok(false);
    }
    screen.line(&format!("installing {names}; no service of theirs is started on this machine"));
    apt(&["update", "--quiet"])?;
    let policy = Policy::set()?;
    let installed =
        apt(&[&["install", "--yes", "--no-install-recommends", "--quiet"], missing.as_slice()].concat());
    drop(policy);
    installed?;
    disable_services(&missing);
    Ok(true)
}

/// Makes sure of cargo-nextest; tells whether it is there.
pub(crate) fn nextest(workspace: &Workspace, screen: &Screen) -> Result<bool> {
    let runs = |mut command: Command| {
        let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        silent.status().is_ok_and(|status| status.success())
    };
    if runs(workspace.cargo(&["nextest", "--version"])) {
        return Ok(true);
    }
    screen.line("installing cargo-nextest, the test runner, from crates.io; this takes some minutes, once");
    let status = workspace.cargo(&["install", "cargo-nextest", "--locked"]).status();
    let installed = status.context("cannot run cargo")?.success();
    if !installed {
        screen.line(
            "cargo-nextest cannot be installed (see above): running the tests with `cargo test` instead",
        );
    }
    Ok(installed)
}

impl Package {
    fn is_there(&self) -> bool {
        let programs = self.programs.iter().all(|names| names.iter().any(|name| find(name).is_some()));
        programs && self.python.is_none_or(python_has)
    }
}

/// Looks where the test kit looks: PATH, then the system's folders, which a user's PATH may leave out.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin"].map(PathBuf::from);
    let mut files = env::split_paths(&path).chain(system).map(|folder| folder.join(program));
    files.find(|file| file.is_file())
}

/// Debian's own Python, not one that a person has in front of it.
fn python_has(module: &str) -> bool {
    let mut python = Command::new("/usr/bin/python3");
    python.arg("-c").arg(format!("import {module}"));
    python.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn apt(arguments: &[&str]) -> Result<()> {
    let mut apt = Command::new("apt-get");
    apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    let status = apt.status().context("cannot run apt-get")?;
    if !status.success() {
        bail!("apt-get {} failed", arguments.join(" "));
    }
    Ok(())
}

/// Keeps new services from being started at the machine's next start, too; where nothing runs services, nothing
/// is to be done, and where it fails the person is not worse off than with apt alone.
fn disable_services(packages: &[&str]) {
    if Path::new("/run/systemd/system").is_dir() {
        let services = packages.iter().filter(|name| {
            [REDIS, PROMETHEUS, ALERTMANAGER, NODE_EXPORTER, PGBOUNCER].iter().any(|p| p.name == **name)
        });
        let mut systemctl = Command::new("systemctl");
        systemctl
            .arg("disable")
            .args(services)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        drop(systemctl.status());
    }
}

/// The file that forbids packages to start services, while it lives. The machine's own one is never touched.
///
/// It is removed by a shell that waits for the end of a pipe which only this process holds: so it goes also when
/// this process is interrupted or killed.
struct Policy(Option<Child>);

impl Policy {
    const REMOVE: &str = "trap '' INT TERM HUP; read -r done; rm -f -- \"$1\"";

    fn set() -> Result<Self> {
        if Path::new(POLICY).exists() {
            return Ok(Self(None));
        }
        let mut shell = Command::new("sh");
        shell.args(["-c", Self::REMOVE, "sh", POLICY]).stdin(Stdio::piped());
        let policy = Self(Some(shell.spawn().context("cannot run sh")?));
        write_executable(POLICY, "#!/bin/sh\nexit 101\n")
            .with_context(|| format!("cannot write {POLICY}"))?;
        Ok(policy)
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if let Some(shell) = &mut self.0 {
            drop(shell.stdin.take());
            drop(shell.wait());
        }
    }
}

fn write_executable(path: &str, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(path)?;
    file.write_all(text.as_bytes())
}
