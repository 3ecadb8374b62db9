//! A real Redis or Valkey of any version that is still met, alone, in a cluster or watched by Sentinels, in a temporary
//! folder, with the options that monitoring has to cope with.

mod builder;
mod cluster;
mod release;
mod sentinel;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

pub use builder::{Builder, TlsFiles};
pub use cluster::Cluster;
pub use release::{Version, prepare};
pub use sentinel::{MASTER_NAME, Sentinel, SentinelBuilder};

use crate::process::{self, Folder, Program, Server};
use crate::wait::eventually;

/// The server's program.
pub const REDIS_SERVER: Program =
    Program { names: &["redis-server", "valkey-server"], install: "apt-get install redis-server" };

/// The client's program; any version speaks to any server.
pub const REDIS_CLI: Program =
    Program { names: &["redis-cli", "valkey-cli"], install: "apt-get install redis-tools" };

/// How long anything may take that servers do by themselves: a start takes some 20 ms on an idle machine, a cluster's
/// failover some seconds.
const START_BOUND: Duration = Duration::from_mins(1);

/// A running (or stopped) Redis.
pub struct Redis {
    server: Option<Server>,
    port: u16,
    options: Builder,
    files: Option<TlsFiles>,
    folder: Folder,
}

impl Redis {
    /// Starts a plain one.
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// Options first.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Its port; the same after every start.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `redis://127.0.0.1:port`, or `rediss://localhost:port`; without credentials.
    pub fn url(&self) -> String {
        match self.files {
            None => format!("redis://127.0.0.1:{}", self.port),
            Some(_) => format!("rediss://localhost:{}", self.port),
        }
    }

    /// The certificates of a Redis that speaks TLS.
    pub fn tls_files(&self) -> Option<&TlsFiles> {
        self.files.as_ref()
    }

    /// A folder that goes with the server, which runs in it: here are its dump, its log and its configuration.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The running process.
    pub fn server(&self) -> Result<&Server> {
        self.server.as_ref().context("this Redis is stopped")
    }

    /// Runs `redis-cli` with these arguments, as the default user, and returns what it printed.
    pub async fn cli(&self, arguments: &[&str]) -> Result<String> {
        self.cli_reading(arguments, "").await
    }

    /// The same with `input` to read: commands, one a line.
    pub async fn cli_reading(&self, arguments: &[&str], input: &str) -> Result<String> {
        let port = self.port.to_string();
        let mut all = vec!["-h", "127.0.0.1", "-p", &port];
        if let Some(password) = &self.options.password {
            all.extend(["--no-auth-warning", "-a", password]);
        }
        let files = self.files.as_ref().map(|files| {
            [&files.authority, &files.client_certificate, &files.client_key]
                .map(|path| path.to_string_lossy())
        });
        if let Some([authority, certificate, key]) = &files {
            all.extend(["--tls", "--cacert", authority, "--cert", certificate, "--key", key]);
        }
        all.extend(arguments);
        Ok(process::run_reading(&REDIS_CLI, &all, input).await?.trim_end().to_owned())
    }

    /// Stops it in order; its port refuses connections when this returns.
    pub async fn stop(&mut self) -> Result<()> {
        self.server.take().context("this Redis is already stopped")?.stop().await?;
        Ok(())
    }

    /// Kills it without a goodbye.
    pub fn kill9(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill9();
        }
    }

    /// Starts it again on the same port, with the same options and folder.
    pub async fn start_again(&mut self) -> Result<()> {
        ensure!(self.server.is_none(), "this Redis still runs");
        self.server = Some(self.options.launch(self.port, &self.folder).await?);
        Ok(())
    }

    /// Waits until the link of a replica to its master is up.
    pub async fn replicating(&self) -> Result<()> {
        self.until(&["INFO", "replication"], "master_link_status:up").await
    }

    /// Waits until what a command prints contains this.
    pub async fn until(&self, command: &[&str], expected: &str) -> Result<()> {
        eventually(START_BOUND, expected, async || {
            let printed = self.cli(command).await?;
            ensure!(printed.contains(expected), "{} says {printed}", command.join(" "));
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests;
