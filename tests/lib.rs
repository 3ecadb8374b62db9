//! The programs of the suite as tests see them: binaries that are started with arguments.
//!
//! | test | asks |
//! |---|---|
//! | `contract` | whether every program keeps what all programs promise |
//! | `end_to_end` | whether an alert goes all the way, on real servers |
//! | `tidy` | whether the tree keeps its own rules |

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kit::http::http_get;
use kit::process::{Folder, Launch, Server, free_port};

/// How long a program may take from its start to its first answer, on a busy machine.
const START: Duration = Duration::from_secs(20);

/// A program of the suite. To cover a new one, add it to [`PROGRAMS`].
#[derive(Clone, Copy, Debug)]
pub struct Suite {
    /// The binary's name.
    pub name: &'static str,
    /// The port it listens on unless told otherwise.
    pub port: u16,
    /// How its environment variables begin.
    pub env_prefix: &'static str,
    /// Where it takes `?target=`.
    pub probe_path: Option<&'static str>,
    /// A configuration file it cannot do without.
    pub config: Option<&'static str>,
    /// More arguments that let it start on any machine, without a target.
    pub arguments: &'static [&'static str],
    /// A configuration of which the key in the second line is wrong in its type, and what is expected there.
    pub wrong_type: &'static str,
}

/// All programs.
pub const PROGRAMS: [Suite; 6] = [
    Suite {
        name: "redis-exporter",
        port: 9121,
        env_prefix: "REDIS_EXPORTER",
        probe_path: Some("/scrape"),
        config: None,
        arguments: &["--redis.addr=redis://127.0.0.1:1"],
        wrong_type: "targets:\n  wrong: type\n",
    },
    Suite {
        name: "postgres-exporter",
        port: 9187,
        env_prefix: "PG_EXPORTER",
        probe_path: Some("/probe"),
        config: None,
        arguments: &[],
        wrong_type: "collectors:\n  wrong: type\n",
    },
    Suite {
        name: "cert-exporter",
        port: 9219,
        env_prefix: "CERT_EXPORTER",
        probe_path: Some("/probe"),
        config: None,
        arguments: &[],
        wrong_type: "modules:\n  wrong: type\n",
    },
    Suite {
        name: "synthetic-exporter",
        port: 9115,
        env_prefix: "SYNTHETIC_EXPORTER",
        probe_path: Some("/probe"),
        config: None,
        arguments: &[],
        wrong_type: "modules:\n  wrong: type\n",
    },
    Suite {
        name: "cost-exporter",
        port: 10099,
        env_prefix: "COST_EXPORTER",
        probe_path: None,
        config: Some("providers:\n- {name: rent, type: fixed, items: [{service: server, amount: 5}]}\n"),
        arguments: &["--storage.path=data"],
        wrong_type: "providers:\n  wrong: type\n",
    },
    Suite {
        name: "alertrouter",
        port: 10093,
        env_prefix: "ALERTROUTER",
        probe_path: None,
        config: Some("route:\n  receiver: nobody\nreceivers:\n- name: nobody\n"),
        arguments: &["--storage.path=data"],
        wrong_type: "route:\n  wrong\nreceivers:\n- name: nobody\n",
    },
];

impl Suite {
    /// The binary, beside the test that runs.
    pub fn binary(&self) -> Result<PathBuf> {
        let test = std::env::current_exe().context("this test has no path")?;
        let target = test.parent().and_then(Path::parent).context("this test is not in a target folder")?;
        let binary = target.join(self.name);
        if !binary.is_file() {
            bail!("{} is missing; hint: cargo build --workspace", binary.display());
        }
        Ok(binary)
    }

    /// The arguments of a start that works, listening on `port`; files are written into `folder`.
    pub fn arguments(&self, folder: &Folder, port: u16) -> Result<Vec<String>> {
        let mut arguments = vec![format!("--web.listen-address=127.0.0.1:{port}")];
        if let Some(config) = self.config {
            let file = folder.write("config.yml", config)?;
            arguments.push(format!("--config.file={}", file.display()));
        }
        arguments.extend(self.arguments.iter().map(|argument| (*argument).to_owned()));
        Ok(arguments)
    }

    /// Starts it with its own arguments and these.
    pub async fn start(&self, more: &[&str]) -> Result<Started> {
        let folder = Folder::new()?;
        let port = free_port()?;
        let mut arguments = self.arguments(&folder, port)?;
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        self.start_with(folder, port, &arguments).await
    }

    /// Starts it in `folder` with exactly these arguments, one of which says to listen on `port`.
    pub async fn start_with(&self, folder: Folder, port: u16, arguments: &[String]) -> Result<Started> {
        let url = format!("http://127.0.0.1:{port}");
        let launch = Launch::at(&self.binary()?, self.name, &folder).args(arguments);
        let server = launch.start(START, async || kit::process::accepts(port).await).await?;
        Ok(Started { server, folder, url, port })
    }

    /// Runs it to its end with exactly these arguments, in `folder`.
    pub async fn run(&self, folder: &Folder, arguments: &[String]) -> Result<Output> {
        let mut command = tokio::process::Command::new(self.binary()?);
        command.args(arguments).current_dir(folder.path()).kill_on_drop(true);
        tokio::time::timeout(START, command.output())
            .await
            .with_context(|| format!("{} {arguments:?} did not end", self.name))?
            .with_context(|| format!("cannot run {}", self.name))
    }
}

/// A program that runs.
#[derive(Debug)]
pub struct Started {
    /// Its process.
    pub server: Server,
    /// Its working folder.
    pub folder: Folder,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    /// Its port.
    pub port: u16,
}

impl Started {
    /// The page of metrics.
    pub async fn metrics(&self) -> Result<String> {
        Ok(http_get(&format!("{}/metrics", self.url), &[]).await?.ok()?.text())
    }
}
