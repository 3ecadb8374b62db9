//! A running exporter, and its pages.

use kit::http::{Client, Response, percent_encode};
use synthetic_exporter::Synthetic;
use tempfile::TempDir;
use toolkit::app::{App, Running};

/// The scrape timeout that is sent unless a test says another: 10 s are left for the probe.
const TIMEOUT: &str = "10.5";

/// A running exporter. It stops with this value.
pub(crate) struct Exporter {
    running: Running<Synthetic>,
    /// Where its file is; files that it names by a relative path go here.
    pub(crate) folder: TempDir,
}

/// Starts it with the text of a configuration file.
pub(crate) async fn start(config: &str) -> Exporter {
    start_with(config, &[]).await
}

/// The same with more flags.
pub(crate) async fn start_with(config: &str, flags: &[&str]) -> Exporter {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("synthetic.yml");
    std::fs::write(&file, config).unwrap();
    let file = format!("--config.file={}", file.display());
    let mut arguments = vec!["--web.listen-address=127.0.0.1:0", &file];
    arguments.extend(flags);
    let running = App::<Synthetic>::launch(&arguments).await.unwrap();
    Exporter { running, folder }
}

impl Exporter {
    /// The page of `/probe` for a module and a target, both in plain text.
    pub(crate) async fn ask(&self, module: &str, target: &str) -> Page {
        self.probe(&format!("module={module}&target={}", percent_encode(target))).await
    }

    /// The page of `/probe` for a query as it stands in the URL.
    pub(crate) async fn probe(&self, query: &str) -> Page {
        let response = self.get(&format!("/probe?{query}"), TIMEOUT).await;
        Page { text: response.ok().unwrap().text() }
    }

    /// Any page, with this scrape timeout.
    pub(crate) async fn get(&self, path: &str, timeout: &str) -> Response {
        let client = Client::new().header("X-Prometheus-Scrape-Timeout-Seconds", timeout);
        client.get(&self.running.url(path)).await.unwrap()
    }

    /// The URL of a path on it.
    pub(crate) fn url(&self, path: &str) -> String {
        self.running.url(path)
    }

    /// Stops it, so that another one can have its storage.
    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }

    /// Writes another configuration in place of the file.
    pub(crate) fn write(&self, config: &str) {
        let new = self.folder.path().join("new");
        std::fs::write(&new, config).unwrap();
        std::fs::rename(new, self.folder.path().join("synthetic.yml")).unwrap();
    }
}

/// A metrics page.
#[derive(Debug)]
pub(crate) struct Page {
    /// All of it.
    pub(crate) text: String,
}

impl Page {
    /// The value of a series as it is written on the page: `name` or `name{label="value"}`.
    pub(crate) fn find(&self, series: &str) -> Option<f64> {
        let mut samples = self.text.lines().filter_map(|line| line.rsplit_once(' '));
        samples.find(|(found, _)| *found == series).and_then(|(_, value)| value.parse().ok())
    }

    /// The same, which has to be there.
    pub(crate) fn value(&self, series: &str) -> f64 {
        self.find(series).unwrap_or_else(|| panic!("no {series} on the page:\n{}", self.text))
    }

    /// All series of a name, with their values.
    pub(crate) fn series(&self, name: &str) -> Vec<(&str, f64)> {
        let samples = self.text.lines().filter_map(|line| line.rsplit_once(' '));
        samples
            .filter(|(series, _)| series.split('{').next() == Some(name))
            .filter_map(|(series, value)| Some((series, value.parse().ok()?)))
            .collect()
    }

    /// Fails unless `probe_success` is this.
    #[track_caller]
    pub(crate) fn succeeds(&self, expected: bool) {
        assert_eq!(self.value("probe_success"), f64::from(u8::from(expected)), "{}", self.text);
    }

    /// The reason of the failure: `phase/reason`, or nothing.
    pub(crate) fn reason(&self) -> String {
        let series = self.series("probe_failure_reason");
        let [(series, _)] = series[..] else { return String::new() };
        let label = |name: &str| {
            let (_, rest) = series.split_once(&format!("{name}=\"")).unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        format!("{}/{}", label("phase"), label("reason"))
    }
}
