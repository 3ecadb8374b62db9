//! `cargo xtask smoke`: the suite's own images, made by the Dockerfile and run as docker-compose.yml runs them, until
//! Docker calls each of them healthy.
//!
//! No registry is asked: cargo builds the programs here, and the base is made of this machine's own C library; the
//! Dockerfile takes both as arguments. So the stages that make an image of a program are the real ones, and the stage
//! that builds programs is not run. Containers have no network. What is proved: the images start and answer their own
//! health check as nobody, read-only, without any capability, with the files, flags and secrets of docker-compose.yml.
//!
//! A running engine is used where there is one. Else root gets one of its own (Debian's docker.io), without a bridge
//! and without rules for packets, which ends with the test. No container, volume, network or image stays.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::counts::Counts;
use crate::programs::{self, PROGRAMS};
use crate::screen::Screen;
use crate::steps::{Found, Line, Steps};
use crate::tools::{self, answers, done};
use crate::workspace::Workspace;

/// The Compose project, and what images' names begin with: those of a person stay theirs.
const PROJECT: &str = "watchfire-smoke";

/// How long an engine may take to start, looked at so often.
const ENGINE_STARTS: usize = 60;
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How long the containers may take until they are healthy, in seconds; two are usual.
const HEALTHY: &str = "60";

/// What `rules/stack/secrets.sh` runs.
const SECRETS_NEED: [&str; 10] =
    ["sh", "base64", "cat", "chmod", "chown", "cp", "head", "openssl", "rm", "tr"];

/// Builds, runs, and tells whether all are healthy.
pub(crate) fn run(workspace: &Workspace, screen: &Screen) -> Result<bool> {
    programs::build(workspace)?;
    let folder = workspace.target()?.join("smoke");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder)?;
    let mut steps = Steps::new(screen, 4);
    let mut engine = None;
    steps.step("engine", |_| {
        engine = Some(Engine::find(workspace, &folder)?);
        Ok(Found { counts: Counts::one(true), output: String::new(), summary: None })
    });
    if let Some(engine) = &engine {
        let smoke = Smoke { workspace, engine, folder: &folder };
        if steps.step("images", |line| smoke.images(line)) {
            steps.step("containers", |line| smoke.containers(line));
        } else {
            steps.skip("containers", "there are no images");
        }
        steps.step("end", |line| smoke.end(line));
    } else {
        for name in ["images", "containers", "end"] {
            steps.skip(name, "there is no engine");
        }
    }
    // its files are in the folder
    drop(engine);
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    Ok(steps.close())
}

struct Smoke<'a> {
    workspace: &'a Workspace,
    engine: &'a Engine,
    folder: &'a Path,
}

impl Smoke<'_> {
    /// Bases of what is on this machine, then each target of the Dockerfile.
    fn images(&self, line: &Line<'_>) -> Result<Found> {
        let release = self.workspace.target()?.join("release");
        let binaries: Vec<PathBuf> = PROGRAMS.iter().map(|program| release.join(program.name)).collect();
        let programs = self.folder.join("programs");
        fs::create_dir_all(programs.join("out/data"))?;
        for binary in &binaries {
            copy(binary, &programs.join("out/bin"))?;
        }
        self.import(&programs, "programs")?;
        let runtime = self.folder.join("runtime");
        self.libraries(&binaries, &runtime)?;
        // as distroless has them
        copy(Path::new("/etc/ssl/certs/ca-certificates.crt"), &runtime.join("etc/ssl/certs"))?;
        self.import(&runtime, "runtime")?;
        let tools = SECRETS_NEED.map(|name| self.find(name));
        let tools = tools.into_iter().collect::<Result<Vec<_>>>()?;
        let image = self.folder.join("tools");
        self.libraries(&tools, &image)?;
        for tool in &tools {
            copy(tool, &image.join("bin"))?;
        }
        copy(Path::new("/etc/ssl/openssl.cnf"), &image.join("usr/lib/ssl"))?;
        self.import(&image, "tools")?;
        let context = self.folder.join("context");
        fs::create_dir_all(&context)?;
        let mut counts = Counts::default();
        let mut output = String::new();
        for program in PROGRAMS {
            let mut build = self.docker();
            build.env("DOCKER_BUILDKIT", "1").args(["build", "--progress=plain", "--target", program.name]);
            build
                .args(["--tag", &image_of(program.name), "--file"])
                .arg(self.workspace.root().join("Dockerfile"));
            for (argument, image) in [("PROGRAMS", "programs"), ("RUNTIME_IMAGE", "runtime")] {
                build.args(["--build-arg", &format!("{argument}={}", image_of(image))]);
            }
            let ran = line.watch({
                build.arg(&context);
                build
            })?;
            counts += Counts::one(ran.success);
            if !ran.success {
                output.push_str(&ran.output);
            }
        }
        Ok(Found { counts, output, summary: None })
    }

    /// Brings them up, and looks whether they are what docker-compose.yml says.
    fn containers(&self, line: &Line<'_>) -> Result<Found> {
        let mut secrets = self.compose()?;
        secrets.args(["up", "--no-deps", "--no-build", "--exit-code-from", "secrets", "secrets"]);
        let ran = line.watch(secrets)?;
        ensure!(ran.success, "secrets.sh failed:\n{}", ran.output);
        let mut up = self.compose()?;
        up.args(["up", "--detach", "--no-build", "--no-deps", "--wait", "--wait-timeout", HEALTHY]);
        let ran = line.watch({
            up.args(PROGRAMS.map(|program| program.name));
            up
        })?;
        if !ran.success {
            let logs = line.watch({
                let mut logs = self.compose()?;
                logs.args(["logs", "--no-color", "--tail=20"]);
                logs
            })?;
            bail!("{}\n{}", ran.output, logs.output);
        }
        let mut counts = Counts::default();
        let mut output = String::new();
        let form = "{{.State.Health.Status}} {{.Config.User}} {{.HostConfig.ReadonlyRootfs}} \
                    {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}";
        for program in PROGRAMS {
            let container = format!("{PROJECT}-{}-1", program.name);
            let found = done(self.docker().args(["inspect", "--format", form, &container]))?;
            let good = found.trim() == "healthy 65532:65532 true [ALL] [no-new-privileges:true]";
            counts += Counts::one(good);
            if !good {
                write!(output, "{container}: {found}")?;
            }
        }
        let summary =
            format!("{} programs are healthy: read-only, as 65532, without capabilities", PROGRAMS.len());
        Ok(Found { counts, output, summary: Some(summary) })
    }

    /// Removes whatever was made.
    fn end(&self, line: &Line<'_>) -> Result<Found> {
        let mut down = self.compose()?;
        down.args(["down", "--volumes", "--timeout=10"]);
        let down = line.watch(down)?;
        let images = PROGRAMS.map(|program| program.name).into_iter().chain(["programs", "runtime", "tools"]);
        let mut remove = self.docker();
        remove.args(["image", "rm", "--force"]).args(images.map(image_of));
        let removed = line.watch(remove)?;
        let counts = Counts::one(down.success && removed.success);
        Ok(Found { counts, output: down.output + &removed.output, summary: None })
    }

    fn docker(&self) -> Command {
        self.engine.tell(self.workspace.command("docker"))
    }

    /// Compose with our files: the images that were made here, and no network.
    fn compose(&self) -> Result<Command> {
        let ours = self.folder.join("compose.yml");
        let own = |service: &str, image: &str| {
            format!(
                "  {service}: {{image: {}, build: !reset null, pull_policy: never, network_mode: none, ports: !reset []}}\n",
                image_of(image)
            )
        };
        let services: String = PROGRAMS.iter().map(|program| own(program.name, program.name)).collect();
        fs::write(&ours, format!("services:\n{services}{}", own("secrets", "tools")))?;
        let mut compose = self.engine.tell(tools::compose(self.workspace)?);
        compose.args([
            "--project-name",
            PROJECT,
            "--project-directory",
            ".",
            "--file",
            "docker-compose.yml",
            "--file",
        ]);
        compose.arg(ours).env_remove("SLACK_API_URL_FILE");
        Ok(compose)
    }

    /// An image of a folder as it is.
    fn import(&self, folder: &Path, name: &str) -> Result<()> {
        let archive = self.folder.join(format!("{name}.tar"));
        done(Command::new("tar").arg("-C").arg(folder).arg("-cf").arg(&archive).arg("."))?;
        done(self.docker().arg("import").arg(&archive).arg(image_of(name)))?;
        Ok(())
    }

    /// Puts the libraries that programs load, and their loader, into a folder, where they are here.
    fn libraries(&self, programs: &[PathBuf], folder: &Path) -> Result<()> {
        let mut libraries = BTreeSet::new();
        for program in programs {
            let listed = done(self.workspace.command("ldd").arg(program))?;
            let paths =
                listed.split_whitespace().filter(|word| word.starts_with('/') && !word.ends_with(':'));
            libraries.extend(paths.map(PathBuf::from));
        }
        for library in libraries {
            let parent = library.parent().unwrap_or_else(|| Path::new("/"));
            copy(&library, &folder.join(parent.strip_prefix("/")?))?;
        }
        Ok(())
    }

    fn find(&self, program: &str) -> Result<PathBuf> {
        let found = done(self.workspace.command("sh").args(["-c", &format!("command -v {program}")]))?;
        Ok(PathBuf::from(found.trim()))
    }
}

fn image_of(name: &str) -> String {
    format!("{PROJECT}/{name}")
}

/// Copies a file, not a link to it, into a folder.
fn copy(file: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let name = file.file_name().context("a file without a name")?;
    fs::copy(file, folder.join(name)).with_context(|| format!("cannot copy {}", file.display()))?;
    Ok(())
}

/// A Docker engine: the machine's, or one of our own that ends with this value.
struct Engine {
    socket: Option<String>,
    daemon: Option<Child>,
}

impl Engine {
    fn find(workspace: &Workspace, folder: &Path) -> Result<Self> {
        if answers(workspace.command("docker").arg("info")) {
            return Ok(Self { socket: None, daemon: None });
        }
        let log = folder.join("engine.log");
        let socket = format!("unix://{}", folder.join("docker.sock").display());
        let mut dockerd = workspace.command("dockerd");
        dockerd.args(["--host", &socket, "--bridge=none", "--iptables=false", "--ip6tables=false"]);
        dockerd.args(["--ip-masq=false", "--exec-opt=native.cgroupdriver=cgroupfs"]);
        for (flag, name) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "docker.pid")] {
            dockerd.arg(flag).arg(folder.join(name));
        }
        dockerd.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&log)?);
        let daemon = dockerd.spawn().context(
            "no Docker engine answers, and there is no dockerd to start; hint: install Docker, or Debian's docker.io",
        )?;
        let mut engine = Self { socket: Some(socket), daemon: Some(daemon) };
        for _ in 0..ENGINE_STARTS {
            if answers(engine.tell(workspace.command("docker")).arg("info")) {
                return Ok(engine);
            }
            if let Some(daemon) = &mut engine.daemon
                && daemon.try_wait()?.is_some()
            {
                break;
            }
            look_again();
        }
        bail!("dockerd does not start; hint: it needs root; its log:\n{}", fs::read_to_string(log)?);
    }

    /// A command of Docker's that speaks with this engine.
    fn tell(&self, mut command: Command) -> Command {
        if let Some(socket) = &self.socket {
            command.env("DOCKER_HOST", socket);
        }
        command
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            // in order: it ends what it started and unmounts what it mounted
            let asked = answers(Command::new("kill").arg(daemon.id().to_string()));
            if !asked {
                drop(daemon.kill());
            }
            drop(daemon.wait());
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an engine tells nobody that it is ready, and there is no runtime here"
)]
fn look_again() {
    std::thread::sleep(LOOK_AGAIN);
}
