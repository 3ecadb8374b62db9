//! An exporter of its own process, on the day that a test chooses, and its command line.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use kit::eventually;
use kit::http::http_get;
use kit::process::{Folder, Launch, Server, accepts, free_port};

/// The program that cargo built for these tests.
const PROGRAM: &str = env!("CARGO_BIN_EXE_cost-exporter");

/// How long anything may take on a busy machine.
pub(crate) const WAIT: Duration = Duration::from_mins(1);

/// A running exporter.
pub(crate) struct Exporter {
    pub(crate) server: Server,
    url: String,
}

impl Exporter {
    /// Starts one in a folder, at a moment, with this configuration and these variables.
    pub(crate) async fn start(folder: &Folder, config: &str, now: &str, variables: &[(&str, &str)]) -> Self {
        let file = folder.write("config.yml", config).unwrap();
        let port = free_port().unwrap();
        let mut launch = Launch::at(Path::new(PROGRAM), "cost-exporter", folder)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .env("WATCHFIRE_NOW", now);
        for (name, value) in variables {
            launch = launch.env(name, *value);
        }
        let server = launch.start(WAIT, async || accepts(port).await).await.unwrap();
        Self { server, url: format!("http://127.0.0.1:{port}") }
    }

    /// A page.
    pub(crate) async fn get(&self, path: &str) -> String {
        http_get(&format!("{}{path}", self.url), &[]).await.unwrap().ok().unwrap().text()
    }

    /// The page of metrics, once it has all of these lines.
    pub(crate) async fn shows(&self, lines: &[&str]) -> String {
        eventually(WAIT, "the page shows it", async || {
            let page = self.get("/metrics").await;
            for line in lines {
                anyhow::ensure!(page.lines().any(|found| found == *line), "`{line}` is missing in\n{page}");
            }
            Ok(page)
        })
        .await
        .unwrap()
    }
}

/// Runs the program to its end.
pub(crate) async fn run(folder: &Folder, arguments: &[&str], now: &str) -> (i32, String, String) {
    let mut command = tokio::process::Command::new(PROGRAM);
    command.args(arguments).current_dir(folder.path()).env("WATCHFIRE_NOW", now).kill_on_drop(true);
    let Output { status, stdout, stderr } =
        tokio::time::timeout(WAIT, command.output()).await.unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}
