//! One program of the suite, or one that is configured like them, as a process.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kit::http::http_get;
use kit::process::{Folder, Launch, Server};

/// How long a start may take on a busy machine; a few hundred milliseconds are usual.
const START: Duration = Duration::from_secs(30);

/// A program that runs, and its folder.
#[derive(Debug)]
pub struct Program {
    server: Server,
    port: u16,
    folder: Folder,
}

impl Program {
    /// Starts what is launched in `folder`, and waits until `path` answers.
    pub(crate) async fn start(launch: Launch, folder: Folder, port: u16, path: &str) -> Result<Self> {
        let launch = launch.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let ready = format!("http://127.0.0.1:{port}{path}");
        let server = launch.start(START, async || http_get(&ready, &[]).await?.ok().map(drop)).await?;
        Ok(Self { server, port, folder })
    }

    /// Starts one of ours with these arguments.
    pub(crate) async fn ours(launch: Launch, folder: Folder, port: u16) -> Result<Self> {
        Self::start(launch, folder, port, "/-/ready").await
    }

    /// Its page for people.
    pub fn url(&self) -> String {
        format!("http://{}", self.target())
    }

    /// Where it is scraped: `127.0.0.1:PORT`.
    pub fn target(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder, with its configuration and its log.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Its process.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Ends it in order.
    pub async fn stop(self) -> Result<()> {
        self.server.stop().await.map(drop)
    }
}

/// Prepares a program of the suite to run in `folder`.
pub(crate) fn ours(name: &'static str, folder: &Folder) -> Result<Launch> {
    Ok(Launch::at(&binary(name)?, name, folder))
}

/// Where cargo has put a program of the suite: beside the test or the example that runs.
pub fn binary(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("this program has no path")?;
    let target = own.parent().and_then(|folder| folder.parent()).context("not in a target folder")?;
    let binary = target.join(name);
    ensure!(binary.is_file(), "{} is missing; hint: cargo build --workspace", binary.display());
    Ok(binary)
}
