//! An exporter in this process, with a folder for its files.

use std::path::PathBuf;

use cert_exporter::Cert;
use kit::http::{Client, Response, http_get};
use kit::process::Folder;
use toolkit::app::{App, Running};

/// A running exporter.
pub(crate) struct Exporter {
    running: Running<Cert>,
}

/// Starts an exporter with this configuration file.
pub(crate) async fn start(folder: &Folder, config: &str) -> Exporter {
    start_with(folder, config, &[]).await
}

/// The same with more flags.
pub(crate) async fn start_with(folder: &Folder, config: &str, more: &[&str]) -> Exporter {
    let file = folder.write("config.yml", config).unwrap();
    let file = format!("--config.file={}", file.display());
    let mut arguments = vec!["--web.listen-address=127.0.0.1:0"];
    if !config.is_empty() {
        arguments.push(&file);
    }
    arguments.extend(more);
    Exporter { running: App::<Cert>::launch(&arguments).await.unwrap() }
}

/// What starting with this configuration complains of.
pub(crate) async fn complaint(folder: &Folder, config: &str) -> String {
    let file = folder.write("config.yml", config).unwrap();
    let arguments = ["--web.listen-address=127.0.0.1:0", &format!("--config.file={}", file.display())];
    match App::<Cert>::launch(&arguments).await {
        Ok(_) => panic!("it started with {config}"),
        Err(error) => error.to_string(),
    }
}

/// Writes a file and gives its path as text.
pub(crate) fn write(folder: &Folder, name: &str, text: impl AsRef<[u8]>) -> String {
    let path: PathBuf = folder.write(name, text).unwrap();
    path.display().to_string()
}

impl Exporter {
    /// The answer to a request.
    pub(crate) async fn get(&self, path: &str) -> Response {
        http_get(&self.running.url(path), &[]).await.unwrap()
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        self.running.url(path)
    }

    /// The page of a target.
    pub(crate) async fn probe(&self, module: &str, target: &str) -> String {
        let answer = self.get(&format!("/probe?module={module}&target={target}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    }

    /// The exporter's own page.
    pub(crate) async fn metrics(&self) -> String {
        self.get("/metrics").await.ok().unwrap().text()
    }

    /// Takes the configuration file as it is now.
    pub(crate) async fn reload(&self) -> Response {
        Client::new().send("POST", &self.running.url("/-/reload"), "").await.unwrap()
    }
}

/// The value of the first series whose line begins so.
pub(crate) fn value(page: &str, beginning: &str) -> Option<f64> {
    let line = page.lines().find(|line| line.starts_with(beginning))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

/// How many series begin so.
pub(crate) fn count(page: &str, beginning: &str) -> usize {
    page.lines().filter(|line| line.starts_with(beginning)).count()
}

/// Whether each of these lines, or their beginnings, is on the page.
pub(crate) fn shows(page: &str, lines: &[&str]) {
    for line in lines {
        assert!(page.lines().any(|found| found.starts_with(line)), "`{line}` is missing in\n{page}");
    }
}

/// Standard base64, for what a kubeconfig holds.
pub(crate) fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}
