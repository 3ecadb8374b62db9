//! The exporter as people run it: its own process, its environment, its log.

use std::path::Path;
use std::time::Duration;

use kit::http::{Client, Response};
use kit::postgres::Postgres;
use kit::process::{Folder, Launch, Server, accepts, on_free_port};

use crate::page::Page;

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(20);

/// What Prometheus waits for a page unless told otherwise.
const USUAL_TIMEOUT: f64 = 10.0;

/// A running exporter.
pub(crate) struct Exporter {
    server: Option<Server>,
    port: u16,
    // after the server, which runs in it
    folder: Folder,
}

/// How an exporter is to be started.
pub(crate) struct Setup {
    folder: Folder,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

/// An exporter that knows of no server.
pub(crate) fn setup() -> Setup {
    Setup { folder: Folder::new().unwrap(), arguments: Vec::new(), environment: Vec::new() }
}

/// Starts an exporter that watches this server as the monitoring role.
pub(crate) async fn watching(postgres: &Postgres, arguments: &[&str]) -> Exporter {
    setup().dsn(&postgres.dsn()).args(arguments).start().await
}

impl Setup {
    pub(crate) fn dsn(self, dsn: &str) -> Self {
        self.env("DATA_SOURCE_NAME", dsn)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn args(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Writes a file and names it in an argument, such as `--config.file`.
    pub(crate) fn file(mut self, flag: &str, name: &str, text: &str) -> Self {
        let path = self.write(name, text);
        self.arguments.push(format!("{flag}={path}"));
        self
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        self.folder.write(name, text).unwrap().display().to_string()
    }

    pub(crate) async fn start(self) -> Exporter {
        let Self { folder, arguments, environment } = self;
        let started = on_free_port(async |port| {
            let binary = Path::new(env!("CARGO_BIN_EXE_postgres-exporter"));
            let mut launch = Launch::at(binary, "postgres-exporter", &folder)
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .args(arguments.iter().cloned())
                // nothing of the machine's own user may reach a test
                .env("HOME", "/nonexistent");
            for (name, value) in &environment {
                launch = launch.env(name, value);
            }
            Ok((port, launch.start(START, async || accepts(port).await).await?))
        });
        let (port, server) = started.await.unwrap();
        Exporter { server: Some(server), port, folder }
    }
}

impl Exporter {
    /// GETs a page, as Prometheus with a scrape timeout of `timeout` seconds.
    pub(crate) async fn get(&self, path: &str, timeout: f64) -> Response {
        let client = Client::new().header("X-Prometheus-Scrape-Timeout-Seconds", &timeout.to_string());
        client.get(&format!("http://127.0.0.1:{}{path}", self.port)).await.unwrap()
    }

    /// POSTs nothing to a path.
    pub(crate) async fn post(&self, path: &str) -> Response {
        Client::new().send("POST", &format!("http://127.0.0.1:{}{path}", self.port), "").await.unwrap()
    }

    /// The page of the server it watches, which must be there whatever happens.
    pub(crate) async fn page(&self) -> Page {
        self.page_at("/metrics", USUAL_TIMEOUT).await
    }

    /// The page at `path`, asked for with this scrape timeout; it must come in that time.
    pub(crate) async fn page_at(&self, path: &str, timeout: f64) -> Page {
        let response = self.get(path, timeout).await;
        assert_eq!(response.status, 200, "{}", response.text());
        Page(response.text())
    }

    /// Everything it has logged.
    pub(crate) fn log(&self) -> String {
        self.server.as_ref().unwrap().log()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.server.as_ref().unwrap().pid()
    }

    /// Its folder, with the files that it was given.
    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Ends it in order.
    pub(crate) async fn stop(mut self) {
        self.server.take().unwrap().stop().await.unwrap();
    }
}

impl Page {
    /// Whether the server was up in this scrape.
    pub(crate) fn up(&self) -> bool {
        match self.value("pg_up") {
            Some(1.0) => true,
            Some(0.0) => false,
            other => panic!("pg_up {other:?}\n{}", self.0),
        }
    }

    /// The collectors that did not succeed.
    pub(crate) fn failed(&self) -> Vec<&str> {
        let lines = self.family("pg_scrape_collector_success").into_iter();
        lines.filter(|line| !line.ends_with(" 1")).collect()
    }

    /// A page of a server that is down for this reason: the page is whole, and every collector says that it failed.
    pub(crate) fn assert_down(&self, reason: &str) {
        assert!(!self.up(), "{}", self.0);
        let why = self.value(&format!("pg_exporter_down_reason{{reason=\"{reason}\"}}"));
        assert_eq!(why, Some(1.0), "{:?}", self.family("pg_exporter_down_reason"));
        let collectors = self.family("pg_scrape_collector_success").len();
        assert!(collectors > 10 && self.failed().len() == collectors, "{}", self.0);
    }

    /// A page on which everything succeeded.
    pub(crate) fn assert_whole(&self) {
        assert!(self.up(), "{}", self.0);
        assert_eq!(self.failed(), Vec::<&str>::new());
    }
}
