//! Server processes of tests: found, started until they are really ready, and never left behind.
//!
//! A server ends when its [`Server`] is dropped, a folder goes with its [`Folder`]. If the test process itself dies,
//! however it dies, guards (shells that wait for the end of a pipe which only the test process holds) kill the
//! server's process group and remove the folder. The kit must never kill a process by name, only by a pid that it started.

use std::collections::hash_map::RandomState;
use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::wait::eventually;

/// How long a server may take to obey SIGTERM before it gets SIGKILL; tests should not wait longer for a bad server.
const STOP_BOUND: Duration = Duration::from_secs(10);

/// Seconds that a server gets to end by its own quick signal (see [`Launch::signals`]) before it gets SIGKILL.
const QUICK_END_SECONDS: &str = "3";

/// Where Linux keeps files in memory.
const MEMORY: &str = "/dev/shm";

/// Free KiB there from which on it is used; containers often have 64 MiB, a server takes some 60.
const PLENTY_KIB: u64 = 2 * 1024 * 1024;

/// Lines of a server's log shown in an error: enough for a cause, short enough to read.
const LOG_TAIL_LINES: usize = 20;

/// Ports to choose from: below Linux's range for outgoing connections, so that no client socket takes one meanwhile.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Tries to find a free port before giving up; a second try is already rare.
const PORT_TRIES: u32 = 200;

/// A program that must be installed on the machine.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Its file names, the usual one first: packagers rename.
    pub names: &'static [&'static str],
    /// The command that installs it.
    pub install: &'static str,
}

impl Program {
    /// The usual file name.
    pub fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or("program")
    }

    /// Finds the program: `WATCHFIRE_BIN_<NAME>`, then the folder of peers when `WATCHFIRE_PEERS` is set (they are newer
    /// than the system's), then PATH, then the system's folders.
    pub fn find(&self) -> Result<PathBuf> {
        let variable = format!("WATCHFIRE_BIN_{}", self.name().to_uppercase().replace('-', "_"));
        if let Some(path) = std::env::var_os(&variable).map(PathBuf::from) {
            if path.is_file() {
                return Ok(path);
            }
            bail!("{variable} names `{}`, which is not a file", path.display());
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let system = ["/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin"].map(PathBuf::from);
        let peers = std::env::var_os("WATCHFIRE_PEERS")
            .and_then(|_| std::env::home_dir())
            .map(|home| home.join(".cache/watchfire-peers/root/usr/bin"));
        peers
            .into_iter()
            .chain(std::env::split_paths(&path))
            .chain(system)
            .flat_map(|folder| self.names.iter().map(move |name| folder.join(name)))
            .find(|path| path.is_file())
            .ok_or_else(|| {
                anyhow!("`{}` is not installed; hint: {}, or set {variable}", self.name(), self.install)
            })
    }
}

/// A temporary folder that goes with its owner.
#[derive(Debug)]
pub struct Folder {
    folder: TempDir,
    // After the folder: fields are dropped in their order.
    _guard: Guard,
}

impl Folder {
    /// Makes a new, empty folder.
    pub fn new() -> Result<Self> {
        Self::below(&std::env::temp_dir())
    }

    /// Makes one in memory where there is plenty of it: for a server that begins with a thousand small files.
    pub fn in_memory() -> Result<Self> {
        let memory = Path::new(MEMORY);
        if has_room(memory) { Self::below(memory) } else { Self::new() }
    }

    fn below(parent: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("watchfire-").tempdir_in(parent);
        let folder = folder.context("cannot make a temporary folder")?;
        Ok(Self { _guard: Guard::over_folder(folder.path())?, folder })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into it and returns its path.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path().join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

/// A server about to be started.
#[derive(Debug)]
pub struct Launch {
    name: &'static str,
    command: Command,
    log: PathBuf,
    signals: Signals,
}

/// By which signals a server ends.
#[derive(Clone, Copy, Debug)]
struct Signals {
    /// In order.
    stop: &'static str,
    /// At once.
    end: &'static str,
}

const USUAL: Signals = Signals { stop: "TERM", end: "KILL" };

impl Launch {
    /// Prepares `program` to run in `folder`, its output appended to `<name>.log` there.
    pub fn new(program: &Program, folder: &Folder) -> Result<Self> {
        Ok(Self::at(&program.find()?, program.name(), folder))
    }

    /// Prepares the program at `path`, known as `name`, to run in `folder`.
    pub fn at(path: &Path, name: &'static str, folder: &Folder) -> Self {
        let mut command = Command::new(path);
        command.current_dir(folder.path()).stdin(Stdio::null()).process_group(0);
        Self { name, command, log: folder.path().join(format!("{name}.log")), signals: USUAL }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.command.arg(argument.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    /// Runs it as this user and group of the machine, which only root may ask for.
    #[must_use]
    pub fn user(mut self, user: u32, group: u32) -> Self {
        self.command.uid(user).gid(group);
        self
    }

    /// The signals that end it in order (`TERM` unless said here) and at once (`KILL`), for a server that must
    /// clean up even when it ends at once: what it holds outside its folder would stay behind on the machine.
    #[must_use]
    pub fn signals(mut self, stop: &'static str, end: &'static str) -> Self {
        self.signals = Signals { stop, end };
        self
    }

    /// Starts it and asks `ready` until it says yes; a server that ends meanwhile is an error at once.
    pub async fn start(
        mut self,
        within: Duration,
        mut ready: impl AsyncFnMut() -> Result<()>,
    ) -> Result<Server> {
        let mut server = self.spawn()?;
        let mut ended = None;
        let what = format!("{} to be ready", self.name);
        let waited = eventually(within, &what, async || {
            ended = server.child.try_wait()?;
            if ended.is_some() { Ok(()) } else { ready().await }
        });
        let waited = waited.await;
        match (ended, waited) {
            (Some(status), _) => Err(anyhow!("{} ended at its start ({status}){}", self.name, server.tail())),
            (None, Err(error)) => Err(error.context(format!("{} did not start{}", self.name, server.tail()))),
            (None, Ok(())) => Ok(server),
        }
    }

    fn spawn(&mut self) -> Result<Server> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("cannot write {}", self.log.display()))?;
        let log_start = log.metadata()?.len();
        self.command.stdout(log.try_clone()?).stderr(log);
        let child = self.command.spawn().with_context(|| format!("cannot start {}", self.name))?;
        let guard = Guard::over_process(child.id(), self.signals.end)?;
        let (log, signals) = (self.log.clone(), self.signals);
        Ok(Server { name: self.name, child, guard, log, log_start, signals })
    }
}

/// A running server process. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    child: Child,
    guard: Guard,
    log: PathBuf,
    log_start: u64,
    signals: Signals,
}

impl Server {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has written since this start.
    pub fn log(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let start = usize::try_from(self.log_start).unwrap_or(0);
        String::from_utf8_lossy(text.get(start..).unwrap_or_default()).into_owned()
    }

    /// Ends it in order: SIGTERM, and SIGKILL if it has not ended in ten seconds.
    pub async fn stop(mut self) -> Result<ExitStatus> {
        signal(self.signals.stop, &self.pid().to_string())?;
        let what = format!("{} to end", self.name);
        eventually(STOP_BOUND, &what, async || {
            self.child.try_wait()?.ok_or_else(|| anyhow!("it ignores SIGTERM"))
        })
        .await
    }

    /// Ends it as a crash does: SIGKILL, no chance to say goodbye.
    pub fn kill9(mut self) {
        self.signals.end = "KILL";
        self.end();
    }

    /// Tells it to read its configuration again (SIGHUP).
    pub fn hangup(&self) -> Result<()> {
        signal("HUP", &self.pid().to_string())
    }

    /// Stops it in time (SIGSTOP): it keeps its port and answers nothing.
    pub fn pause(&self) -> Result<()> {
        signal("STOP", &self.pid().to_string())
    }

    /// Lets it go on after [`Server::pause`].
    pub fn resume(&self) -> Result<()> {
        signal("CONT", &self.pid().to_string())
    }

    fn end(&mut self) {
        if self.is_running() {
            // The whole group, while its leader's pid is still ours: servers may have children.
            let group = format!("-{}", self.pid());
            if self.signals.end == USUAL.end {
                drop(signal(USUAL.end, &group));
                drop(self.child.kill());
            } else {
                drop(hurry(self.signals.end, &group, &mut self.child));
            }
        }
        drop(self.child.wait());
        self.guard.dismiss();
    }

    fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        match lines.get(lines.len().saturating_sub(LOG_TAIL_LINES)..) {
            None | Some([]) => "; it wrote no log".to_owned(),
            Some(lines) => format!("; its log ends:\n  {}", lines.join("\n  ")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// A port on loopback that nobody listens on now.
pub fn free_port() -> Result<u16> {
    let width = u64::from(PORTS.end - PORTS.start);
    for _ in 0..PORT_TRIES {
        // Random, so that test processes side by side do not try the same ports in the same order.
        let random = RandomState::new().build_hasher().finish() % width;
        let port = PORTS.start + u16::try_from(random)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port between {} and {}", PORTS.start, PORTS.end)
}

/// How often a server is started when others are faster to take its port: tests side by side, and outgoing connections.
const PORT_ATTEMPTS: usize = 5;

/// Starts a server on a free port, and again on another as long as somebody was faster to take it.
pub async fn on_free_port<T>(mut start: impl AsyncFnMut(u16) -> Result<T>) -> Result<T> {
    for _ in 1..PORT_ATTEMPTS {
        match start(free_port()?).await {
            Err(error) if format!("{error:#}").to_lowercase().contains("address already in use") => {}
            started => return started,
        }
    }
    start(free_port()?).await
}

/// Runs a tool to its end and returns what it printed; a failure carries its output.
pub async fn run(program: &Program, arguments: &[&str]) -> Result<String> {
    run_reading(program, arguments, "").await
}

/// The same for a tool that reads `input`.
pub async fn run_reading(program: &Program, arguments: &[&str], input: &str) -> Result<String> {
    let mut child = tokio::process::Command::new(program.find()?)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {}", program.name()))?;
    let pipe = child.stdin.take();
    let feed = async {
        if let Some(mut pipe) = pipe {
            // A tool may end before it has read everything; its status tells.
            drop(pipe.write_all(input.as_bytes()).await);
        }
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), feed);
    let output = output?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    bail!("{} {} failed ({}): {printed}{errors}", program.name(), arguments.join(" "), output.status)
}

/// Whether something accepts connections on this loopback port.
pub async fn accepts(port: u16) -> Result<()> {
    TcpStream::connect(("127.0.0.1", port)).await?;
    Ok(())
}

fn has_room(folder: &Path) -> bool {
    let mut df = Command::new("df");
    df.args(["-k", "--output=avail"]).arg(folder).stdin(Stdio::null()).stderr(Stdio::null());
    let printed = df.output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let free = printed.ok().and_then(|text| text.lines().last()?.trim().parse::<u64>().ok());
    free.is_some_and(|free| free >= PLENTY_KIB)
}

/// Sends a signal by the shell's own `kill`: the call needs `unsafe`, which this workspace forbids.
pub(crate) fn signal(name: &str, to: &str) -> Result<()> {
    let mut shell = Command::new("sh");
    shell.args(["-c", "kill -s \"$1\" -- \"$2\"", "sh", name, to]);
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = shell.status().context("cannot run sh")?;
    if status.success() { Ok(()) } else { Err(anyhow!("cannot send SIG{name} to {to}")) }
}

/// Lets a server end by its own quick signal, and kills it when it does not.
fn hurry(quick: &str, group: &str, child: &mut Child) -> Result<()> {
    // a paused one hears nothing else
    signal("CONT", group)?;
    signal(quick, group)?;
    let mut shell = Command::new("sh");
    let deed = format!("sleep {QUICK_END_SECONDS}; kill -s KILL -- \"$1\"");
    shell.args(["-c", &deed, "sh", group]).current_dir("/").process_group(0);
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut impatience = shell.spawn().context("cannot run sh")?;
    drop(child.wait());
    signal("KILL", &format!("-{}", impatience.id()))?;
    drop(impatience.wait());
    Ok(())
}

/// What survives us and cleans up: a shell that reads our pipe until we dismiss it or die.
#[derive(Debug)]
struct Guard(Child);

impl Guard {
    fn over_process(pid: u32, end: &str) -> Result<Self> {
        let deed = if end == USUAL.end {
            "kill -s KILL -- \"-$1\"".to_owned()
        } else {
            format!(
                "kill -s CONT -- \"-$1\"; kill -s {end} -- \"-$1\"; sleep {QUICK_END_SECONDS}; kill -s KILL -- \"-$1\""
            )
        };
        Self::start(&deed, OsStr::new(&pid.to_string()))
    }

    fn over_folder(folder: &Path) -> Result<Self> {
        // After the servers in it are dead, which their own guards see to at the same time.
        Self::start("sleep 0.2; rm -rf -- \"$1\"", folder.as_os_str())
    }

    fn start(deed: &str, on: &OsStr) -> Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("read -r dismissed && exit; {deed}"), "sh"]).arg(on).current_dir("/");
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        Ok(Self(shell.spawn().context("cannot run sh")?))
    }

    fn dismiss(&mut self) {
        if let Some(mut pipe) = self.0.stdin.take() {
            drop(pipe.write_all(b"dismissed\n"));
        }
        drop(self.0.wait());
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.dismiss();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLEEP: Program = Program { names: &["sleep"], install: "apt-get install coreutils" };
    const SHELL: Program = Program { names: &["sh"], install: "apt-get install dash" };

    #[test]
    fn a_missing_program_says_how_to_get_it() {
        let missing = Program { names: &["no-such-server"], install: "apt-get install no-such-server" };
        assert_eq!(
            missing.find().unwrap_err().to_string(),
            "`no-such-server` is not installed; hint: apt-get install no-such-server, or set WATCHFIRE_BIN_NO_SUCH_SERVER"
        );
    }

    #[test]
    fn free_ports_can_be_bound() {
        TcpListener::bind(("127.0.0.1", free_port().unwrap())).unwrap();
    }

    #[tokio::test]
    async fn a_server_that_ends_at_its_start_shows_its_log() {
        let folder = Folder::new().unwrap();
        let launch = Launch::new(&SHELL, &folder).unwrap().args(["-c", "echo no such luck; exit 3"]);
        let error =
            launch.start(Duration::from_secs(10), async || Err(anyhow!("not yet"))).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "sh ended at its start (exit status: 3); its log ends:\n  no such luck"
        );
    }

    #[tokio::test]
    async fn stop_pause_resume_and_drop() {
        let folder = Folder::new().unwrap();
        let state = |pid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            stat.rsplit(") ").next()?.chars().next()
        };
        let start =
            async || Launch::new(&SLEEP, &folder)?.arg("600").start(STOP_BOUND, async || Ok(())).await;
        let server = start().await.unwrap();
        let pid = server.pid();
        server.pause().unwrap();
        eventually(STOP_BOUND, "stopped", async || (state(pid) == Some('T')).then_some(()).context("runs"))
            .await
            .unwrap();
        server.resume().unwrap();
        server.stop().await.unwrap();
        assert_eq!(state(pid), None);

        let server = start().await.unwrap();
        let pid = server.pid();
        drop(server);
        assert_eq!(state(pid), None, "dropped means dead");
    }

    #[tokio::test]
    async fn when_the_owner_dies_the_guard_kills_and_cleans() {
        let folder = Folder::new().unwrap();
        let inside = folder.write("data", "x").unwrap();
        let mut orphan = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let mut guards = [
            Guard::over_process(orphan.id(), USUAL.end).unwrap(),
            Guard::over_folder(folder.path()).unwrap(),
        ];
        for guard in &mut guards {
            drop(guard.0.stdin.take()); // what the kernel does with our pipes when we die
            guard.0.wait().unwrap();
        }
        assert!(!orphan.wait().unwrap().success());
        assert!(!inside.exists());
    }
}
