//! A real Prometheus: scrapes what a test names, evaluates rules, and is asked over its HTTP API.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};

use crate::http::{Client, http_get, percent_encode};
use crate::process::{self, Folder, Launch, Program, Server};
use crate::wait::eventually;

/// The server's program.
pub const PROMETHEUS: Program = Program { names: &["prometheus"], install: "apt-get install prometheus" };

/// The tool that checks rules, configurations and metrics pages.
pub const PROMTOOL: Program = Program { names: &["promtool"], install: "apt-get install prometheus" };

/// How long a start may take; it takes some 300 ms on an idle machine.
const START_BOUND: Duration = Duration::from_secs(30);

/// How a Prometheus is to be started.
#[derive(Clone, Debug)]
pub struct Builder {
    jobs: Vec<Value>,
    rules: Vec<String>,
    /// Rules to be written beside the configuration.
    hurried: Vec<String>,
    alertmanagers: Vec<String>,
    interval: Duration,
    external_labels: BTreeMap<String, String>,
    alert_relabeling: Vec<Value>,
    flags: Vec<String>,
    port: Option<u16>,
}

impl Builder {
    /// Scrapes `/metrics` of these `host:port` targets.
    #[must_use]
    pub fn scrape(self, job: &str, targets: &[&str]) -> Self {
        self.job(json!({ "job_name": job, "static_configs": [{ "targets": targets }] }))
    }

    /// Adds an element of `scrape_configs` as Prometheus documents it.
    #[must_use]
    pub fn job(mut self, job: Value) -> Self {
        self.jobs.push(job);
        self
    }

    /// Loads a rule file.
    #[must_use]
    pub fn rules(mut self, file: &Path) -> Self {
        self.rules.push(file.to_string_lossy().into_owned());
        self
    }

    /// Loads a rule file as it is, but for its `for:` and `keep_firing_for:`, which become `pending`: the real rules
    /// at the pace of a test. Rules have no variables, so that there is one file and this.
    pub fn hurried_rules(mut self, file: &Path, pending: Duration) -> Result<Self> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        self.hurried.push(hurry(&text, pending));
        Ok(self)
    }

    /// Sends alerts to this Alertmanager.
    #[must_use]
    pub fn alertmanager(mut self, address: SocketAddr) -> Self {
        self.alertmanagers.push(address.to_string());
        self
    }

    /// How often it scrapes and evaluates; once a second if nothing is said.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Adds a label to everything it sends to the outside.
    #[must_use]
    pub fn external_label(mut self, name: &str, value: &str) -> Self {
        self.external_labels.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Adds an element of `alert_relabel_configs` as Prometheus documents it.
    #[must_use]
    pub fn alert_relabeling(mut self, rule: Value) -> Self {
        self.alert_relabeling.push(rule);
        self
    }

    /// Adds a flag.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// Listens on this port and no other; for people who have bookmarks.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Starts it.
    pub async fn start(self) -> Result<Prometheus> {
        let folder = Folder::new()?;
        self.write(&folder)?;
        let (port, server) = match self.port {
            Some(port) => self.launch(port, &folder).await?,
            None => process::on_free_port(async |port| self.launch(port, &folder).await).await?,
        };
        Ok(Prometheus { server, port, folder })
    }

    async fn launch(&self, port: u16, folder: &Folder) -> Result<(u16, Server)> {
        let ready = format!("http://127.0.0.1:{port}/-/ready");
        let launch = Launch::new(&PROMETHEUS, folder)?
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.enable-lifecycle"])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(&self.flags);
        let server = launch.start(START_BOUND, async || http_get(&ready, &[]).await?.ok().map(drop)).await?;
        Ok((port, server))
    }

    /// Writes the configuration and the hurried rules into its folder.
    fn write(&self, folder: &Folder) -> Result<()> {
        let mut rules = self.rules.clone();
        for (number, text) in self.hurried.iter().enumerate() {
            let file = folder.write(&format!("rules-{number}.yml"), text)?;
            rules.push(file.to_string_lossy().into_owned());
        }
        // Prometheus reads YAML, of which JSON is a part.
        folder.write("prometheus.yml", self.configuration(&rules).to_string())?;
        Ok(())
    }

    fn configuration(&self, rules: &[String]) -> Value {
        let interval = format!("{}ms", self.interval.as_millis());
        json!({
            "global": {
                "scrape_interval": interval,
                "scrape_timeout": interval,
                "evaluation_interval": interval,
                "external_labels": self.external_labels,
            },
            "rule_files": rules,
            "alerting": {
                "alert_relabel_configs": self.alert_relabeling,
                "alertmanagers": [{ "static_configs": [{ "targets": self.alertmanagers }] }],
            },
            "scrape_configs": self.jobs,
        })
    }
}

fn hurry(rules: &str, pending: Duration) -> String {
    let lines = rules.lines().map(|line| {
        let indent = line.len() - line.trim_start().len();
        let key = line.trim_start().split(':').next().unwrap_or_default();
        match key {
            "for" | "keep_firing_for" => {
                format!("{}{key}: {}ms\n", " ".repeat(indent), pending.as_millis())
            }
            _ => format!("{line}\n"),
        }
    });
    lines.collect()
}

/// A running Prometheus.
pub struct Prometheus {
    server: Server,
    port: u16,
    folder: Folder,
}

/// One series of an answer, with its value now.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// All labels, the name as `__name__`.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

impl Sample {
    /// A label's value, or "".
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// An alert that Prometheus holds pending or firing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// `pending` or `firing`.
    pub state: String,
    /// The labels, the name as `alertname`.
    pub labels: BTreeMap<String, String>,
    /// The annotations, their templates filled in.
    pub annotations: BTreeMap<String, String>,
}

impl Prometheus {
    /// Options first; a builder without any scrapes nothing.
    pub fn builder() -> Builder {
        Builder {
            jobs: Vec::new(),
            rules: Vec::new(),
            hurried: Vec::new(),
            alertmanagers: Vec::new(),
            interval: Duration::from_secs(1),
            external_labels: BTreeMap::new(),
            alert_relabeling: Vec::new(),
            flags: Vec::new(),
            port: None,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Its page for people.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The process.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Evaluates an expression now; a scalar is one sample without labels.
    pub async fn query(&self, expression: &str) -> Result<Vec<Sample>> {
        let data = self.get(&format!("/api/v1/query?query={}", percent_encode(expression))).await?;
        let result = data.get("result").context("an answer without a result")?;
        if data.get("resultType").and_then(Value::as_str) == Some("scalar") {
            return Ok(vec![Sample { labels: BTreeMap::new(), value: number(result)? }]);
        }
        result.as_array().context("not a vector")?.iter().map(sample).collect()
    }

    /// Asks until the expression has an answer that `pick` likes.
    pub async fn wait_for<R>(
        &self,
        within: Duration,
        expression: &str,
        mut pick: impl FnMut(&[Sample]) -> Option<R>,
    ) -> Result<R> {
        eventually(within, &format!("`{expression}`"), async || {
            let samples = self.query(expression).await?;
            pick(&samples).ok_or_else(|| anyhow!("it is {samples:?}"))
        })
        .await
    }

    /// The alerts that are pending or firing.
    pub async fn alerts(&self) -> Result<Vec<Alert>> {
        let data = self.get("/api/v1/alerts").await?;
        let alerts = data.get("alerts").and_then(Value::as_array).context("an answer without alerts")?;
        alerts
            .iter()
            .map(|alert| {
                let state = alert.get("state").and_then(Value::as_str).unwrap_or_default().to_owned();
                let map = |key: &str| strings(alert.get(key).unwrap_or(&Value::Null));
                Ok(Alert { state, labels: map("labels")?, annotations: map("annotations")? })
            })
            .collect()
    }

    /// Every target: its labels, and why its last scrape failed ("" if it did not).
    pub async fn targets(&self) -> Result<Vec<(BTreeMap<String, String>, String)>> {
        let data = self.get("/api/v1/targets").await?;
        let targets =
            data.get("activeTargets").and_then(Value::as_array).context("an answer without targets")?;
        let error =
            |target: &Value| target.get("lastError").and_then(Value::as_str).unwrap_or_default().to_owned();
        targets
            .iter()
            .map(|target| Ok((strings(target.get("labels").unwrap_or(&Value::Null))?, error(target))))
            .collect()
    }

    /// Writes another configuration and has it loaded.
    pub async fn reload(&self, builder: &Builder) -> Result<()> {
        builder.write(&self.folder)?;
        Client::new().post(&format!("{}/-/reload", self.url()), "text/plain", "").await?.ok().map(drop)
    }

    /// Stops it in order.
    pub async fn stop(self) -> Result<()> {
        self.server.stop().await.map(drop)
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let mut answer = http_get(&format!("{}{path}", self.url()), &[]).await?.json()?;
        ensure!(answer.get("status").is_some_and(|status| status == "success"), "Prometheus says {answer}");
        Ok(answer.get_mut("data").map(Value::take).unwrap_or_default())
    }
}

/// Runs promtool and returns what it printed.
pub async fn promtool(arguments: &[&str]) -> Result<String> {
    process::run(&PROMTOOL, arguments).await
}

/// Gives promtool something to read, for example a page to `check metrics`, and returns all it said.
pub async fn promtool_reading(arguments: &[&str], input: &str) -> Result<String> {
    process::run_reading(&PROMTOOL, arguments, input).await
}

fn sample(series: &Value) -> Result<Sample> {
    let labels = strings(series.get("metric").context("a series without labels")?)?;
    Ok(Sample { labels, value: number(series.get("value").context("a series without a value")?)? })
}

/// The second element of Prometheus's `[time, "value"]`.
fn number(pair: &Value) -> Result<f64> {
    let text = pair.get(1).and_then(Value::as_str).context("not a value")?;
    Ok(text.replace("Inf", "inf").parse()?)
}

fn strings(map: &Value) -> Result<BTreeMap<String, String>> {
    let map = map.as_object().context("not a map")?;
    Ok(map.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::{Reply, Web};

    #[test]
    fn hurried_rules_keep_all_but_their_patience() {
        let rules =
            "groups:\n- rules:\n  - alert: A\n    for: 5m\n    annotations:\n      summary: for: 1m\n";
        let hurried =
            "groups:\n- rules:\n  - alert: A\n    for: 1500ms\n    annotations:\n      summary: for: 1m\n";
        assert_eq!(hurry(rules, Duration::from_millis(1500)), hurried);
    }

    #[tokio::test]
    async fn scrapes_a_page_evaluates_a_rule_and_calls_the_alertmanager() {
        let page = Web::start(|_| Reply::text(200, "answer{of=\"all\"} 42\n").into()).await.unwrap();
        let receiver = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
        let folder = Folder::new().unwrap();
        let rule =
            json!({ "alert": "TooTrue", "expr": "answer > 41", "annotations": { "v": "{{ $value }}" } });
        let rules = json!({ "groups": [{ "name": "g", "rules": [rule] }] });
        let rules = folder.write("rules.yml", rules.to_string()).unwrap();
        assert!(promtool(&["check", "rules", &rules.to_string_lossy()]).await.unwrap().contains("1 rules"));

        let prometheus = Prometheus::builder()
            .scrape("page", &[&page.address().to_string()])
            .rules(&rules)
            .alertmanager(receiver.address())
            .interval(Duration::from_millis(200))
            .external_label("site", "here");
        let prometheus = prometheus.start().await.unwrap();
        let within = Duration::from_secs(30);
        let of = prometheus.wait_for(within, "answer", |samples| {
            samples.iter().find(|s| s.value.to_bits() == 42_f64.to_bits()).map(|s| s.label("of").to_owned())
        });
        assert_eq!(of.await.unwrap(), "all");
        let posted = receiver.wait_for(within, |requests| requests.first().cloned()).await.unwrap();
        assert_eq!(posted.path, "/api/v2/alerts");
        assert!(posted.text().contains("\"site\":\"here\""), "{}", posted.text());
        let alert = prometheus.alerts().await.unwrap().remove(0);
        assert_eq!((alert.state.as_str(), alert.annotations["v"].as_str()), ("firing", "42"));
        assert_eq!(prometheus.targets().await.unwrap()[0].1, "");
        prometheus.stop().await.unwrap();
    }

    #[tokio::test]
    async fn promtool_reads_a_page() {
        let page = "# HELP a_total A.\n# TYPE a_total counter\na_total 1\n";
        promtool_reading(&["check", "metrics"], page).await.unwrap();
        let error = promtool_reading(&["check", "metrics"], "no page").await.unwrap_err();
        assert!(error.to_string().contains("text format parsing error"), "{error}");
    }
}
