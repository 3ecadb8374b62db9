//! `cargo xtask package`: a Debian package of each program, in `target/package`.
//!
//! dpkg-deb makes them from a folder. cargo-deb was weighed: it would be one more thing to install, and what it knows
//! beyond this (maintainer scripts of debhelper) is written down here in a dozen lines.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::programs::{self, PROGRAMS, Program};
use crate::screen::Screen;
use crate::tools::done;
use crate::workspace::Workspace;

/// Who answers for the packages.
const MAINTAINER: &str = "Watchfire <watchfire@users.noreply.github.com>";
const HOMEPAGE: &str = "https://github.com/watchfire/watchfire";

const AFTER_INSTALLATION: &str = "#!/bin/sh
set -e
# Not started by itself: first say what to watch. Where it ran, the new one goes on.
if [ \"$1\" = configure ] && [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
  [ -z \"$2\" ] || systemctl try-restart NAME.service || true
fi
";

const BEFORE_REMOVAL: &str = "#!/bin/sh
set -e
if [ \"$1\" = remove ] && [ -d /run/systemd/system ]; then
  systemctl disable --now NAME.service || true
fi
";

const AFTER_REMOVAL: &str = "#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
fi
if [ \"$1\" = purge ]; then
  # what it kept, as systemd's DynamicUser= lays it down, and its secrets
  rm -rf /var/lib/private/NAME /var/lib/NAME /etc/watchfire/secrets/NAME
  rmdir --ignore-fail-on-non-empty /etc/watchfire/secrets /etc/watchfire 2>/dev/null || true
fi
";

/// A file of a package: where it comes, and its mode.
struct Place {
    path: String,
    mode: u32,
}

/// Builds the programs as people do, one by one, and packs them.
pub(crate) fn run(workspace: &Workspace, screen: &Screen) -> Result<()> {
    programs::build(workspace)?;
    let made = Made::ask(workspace)?;
    for program in PROGRAMS {
        let package =
            made.pack(workspace, &program).with_context(|| format!("cannot pack {}", program.name))?;
        screen.line(&package.display().to_string());
    }
    Ok(())
}

/// For which machine, and when.
struct Made {
    architecture: String,
    /// In seconds: of the last commit, unless `SOURCE_DATE_EPOCH` says another.
    seconds: String,
    /// The same as mails have it.
    date: String,
}

impl Made {
    fn ask(workspace: &Workspace) -> Result<Self> {
        let ask = |program: &str, words: &[&str]| {
            done(workspace.command(program).args(words)).map(|answer| answer.trim().to_owned())
        };
        let architecture = ask("dpkg", &["--print-architecture"])?;
        let seconds = match env::var("SOURCE_DATE_EPOCH") {
            Ok(seconds) => seconds,
            Err(_) => ask("git", &["log", "-1", "--format=%ct"])?,
        };
        let date = ask("date", &["--utc", "--rfc-email", &format!("--date=@{seconds}")])?;
        Ok(Self { architecture, seconds, date })
    }

    fn pack(&self, workspace: &Workspace, program: &Program) -> Result<PathBuf> {
        let name = program.name;
        let packages = workspace.target()?.join("package");
        let root = packages.join(name);
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        let binary = fs::read(workspace.target()?.join("release").join(name))?;
        let source = |file: String| {
            fs::read(workspace.root().join(&file)).with_context(|| format!("cannot read {file}"))
        };
        let settings = [format!("etc/default/{name}"), format!("etc/watchfire/{name}.yml")];
        let document = |file: &str| format!("usr/share/doc/{name}/{file}");
        let script = |text: &str| text.replace("NAME", name).into_bytes();
        let control = self.control(program, &binary);
        for (path, mode, content) in [
            (format!("usr/bin/{name}"), 0o755, binary),
            (
                format!("usr/lib/systemd/system/{name}.service"),
                0o644,
                source(format!("deploy/systemd/{name}.service"))?,
            ),
            (settings[0].clone(), 0o644, source(format!("deploy/systemd/{name}.default"))?),
            (settings[1].clone(), 0o644, source(format!("deploy/systemd/{name}.yml"))?),
            (document("README.md"), 0o644, source(format!("{}/README.md", program.folder))?),
            (document("copyright"), 0o644, copyright(workspace, name)?.into_bytes()),
            (document("changelog"), 0o644, self.changelog(name).into_bytes()),
            ("DEBIAN/control".to_owned(), 0o644, control.into_bytes()),
            (
                "DEBIAN/conffiles".to_owned(),
                0o644,
                format!("/{}\n/{}\n", settings[0], settings[1]).into_bytes(),
            ),
            ("DEBIAN/postinst".to_owned(), 0o755, script(AFTER_INSTALLATION)),
            ("DEBIAN/prerm".to_owned(), 0o755, script(BEFORE_REMOVAL)),
            ("DEBIAN/postrm".to_owned(), 0o755, script(AFTER_REMOVAL)),
        ] {
            write(&root, &Place { path, mode }, &content)?;
        }
        let secrets = root.join(format!("etc/watchfire/secrets/{name}"));
        make_folder(&root, &secrets)?;
        fs::set_permissions(&secrets, fs::Permissions::from_mode(0o700))?;
        done(workspace.command("gzip").args(["-9", "--no-name"]).arg(root.join(document("changelog"))))?;
        let sums = done(
            workspace
                .command("sh")
                .args(["-c", "find usr -type f | LC_ALL=C sort | xargs md5sum"])
                .current_dir(&root),
        )?;
        write(&root, &Place { path: "DEBIAN/md5sums".to_owned(), mode: 0o644 }, sums.as_bytes())?;
        let file = packages.join(format!("{name}_{}_{}.deb", version(), self.architecture));
        let mut dpkg = workspace.command("dpkg-deb");
        // the same sources give the same package
        dpkg.env("SOURCE_DATE_EPOCH", &self.seconds);
        done(dpkg.args(["--root-owner-group", "-Zxz", "--build"]).arg(&root).arg(&file))?;
        fs::remove_dir_all(root)?;
        Ok(file)
    }

    fn control(&self, program: &Program, binary: &[u8]) -> String {
        let glibc = glibc(binary).unwrap_or_else(|| "2.36".to_owned());
        format!(
            "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: {MAINTAINER}\n\
             Installed-Size: {size}\nDepends: libc6 (>= {glibc}), libgcc-s1\nRecommends: ca-certificates\n\
             Section: net\nPriority: optional\nHomepage: {HOMEPAGE}\nDescription: {summary}\n \
             A program of Watchfire, a suite of Prometheus exporters and an alert router. It listens on\n \
             port {port} and is configured by /etc/default/{name} and /etc/watchfire/{name}.yml;\n \
             `systemctl enable --now {name}` starts it.\n",
            name = program.name,
            version = version(),
            architecture = self.architecture,
            size = binary.len().div_ceil(1024),
            summary = program.summary,
            port = program.port,
        )
    }

    fn changelog(&self, name: &str) -> String {
        format!(
            "{name} ({}) unstable; urgency=medium\n\n  * See {HOMEPAGE}.\n\n -- {MAINTAINER}  {}\n",
            version(),
            self.date
        )
    }
}

/// All programs have that of the workspace.
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The newest glibc whose symbols a program names.
fn glibc(binary: &[u8]) -> Option<String> {
    const MARK: &[u8] = b"\0GLIBC_2.";
    let found = binary.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    let minor = found.filter_map(|(at, _)| {
        let rest = binary.get(at + MARK.len()..)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        std::str::from_utf8(rest.get(..digits)?).ok()?.parse::<u32>().ok()
    });
    minor.max().map(|minor| format!("2.{minor}"))
}

/// Our licence, and those of the crates that are in the program.
fn copyright(workspace: &Workspace, name: &str) -> Result<String> {
    let words = ["tree", "--locked", "--package", name, "--edges", "normal", "--prefix", "none"];
    let tree = done(workspace.cargo(&words).args(["--format", "{p}: {l}"]))?;
    let crates = tree.lines().filter(|line| !line.contains(" (/") && !line.ends_with("(*)"));
    let mut crates: Vec<&str> = crates.collect();
    crates.sort_unstable();
    crates.dedup();
    if crates.is_empty() {
        bail!("cargo tree names no crate");
    }
    let crates = crates.join("\n ");
    Ok(format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nSource: {HOMEPAGE}\n\
         Comment: These crates are part of the program, each under its own licence; their texts are in\n \
         their sources at https://crates.io.\n .\n {crates}\n\nFiles: *\nCopyright: 2026 the Watchfire authors\n\
         License: Apache-2.0\n\nLicense: Apache-2.0\n On Debian systems the text is in \
         /usr/share/common-licenses/Apache-2.0.\n"
    ))
}

fn write(root: &Path, place: &Place, content: &[u8]) -> Result<()> {
    let path = root.join(&place.path);
    make_folder(root, path.parent().unwrap_or(root))?;
    fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(place.mode))?;
    Ok(())
}

/// Makes a folder and those above it, as a package has them whatever the umask is.
fn make_folder(root: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for folder in folder.ancestors().take_while(|folder| folder.starts_with(root)) {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_glibc_that_is_named() {
        for (binary, expected) in [
            (b"x\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.17\0".as_slice(), Some("2.34")),
            (b"GLIBC_2.99 in a sentence", None),
        ] {
            assert_eq!(glibc(binary).as_deref(), expected);
        }
    }
}
