//! A real Alertmanager, alone (no cluster), fed directly or by a Prometheus.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Value, json};

use crate::http::{Client, http_get};
use crate::process::{self, Folder, Launch, Program, Server};

/// The server's program; Debian has put its suite's name in front.
pub const ALERTMANAGER: Program = Program {
    names: &["prometheus-alertmanager", "alertmanager"],
    install: "apt-get install prometheus-alertmanager",
};

/// The tool that checks configurations and asks a running Alertmanager.
pub const AMTOOL: Program =
    Program { names: &["amtool"], install: "apt-get install prometheus-alertmanager" };

/// The flag of the port for gossip; with nothing after it there is no cluster.
const CLUSTER: &str = "--cluster.listen-address=";

/// How long a start may take; it takes some 200 ms on an idle machine.
const START_BOUND: Duration = Duration::from_secs(30);

/// A running Alertmanager.
pub struct Alertmanager {
    server: Server,
    port: u16,
    folder: Folder,
}

impl Alertmanager {
    /// Starts one with this configuration file's text.
    pub async fn start(configuration: &str) -> Result<Self> {
        Self::start_with(configuration, &[]).await
    }

    /// Starts one with more flags.
    pub async fn start_with(configuration: &str, flags: &[&str]) -> Result<Self> {
        let folder = Folder::new()?;
        let (port, server) =
            process::on_free_port(async |port| launch(port, configuration, flags, &folder).await).await?;
        Ok(Self { server, port, folder })
    }

    /// Starts one on this port and no other; for people who have bookmarks.
    pub async fn start_on(port: u16, configuration: &str) -> Result<Self> {
        let folder = Folder::new()?;
        let (port, server) = launch(port, configuration, &[], &folder).await?;
        Ok(Self { server, port, folder })
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

    /// Posts an alert that fires until it is resolved (or five minutes pass, as Alertmanager's default has it).
    pub async fn fire(&self, labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Result<()> {
        self.post(&json!([{ "labels": map(labels), "annotations": map(annotations) }])).await
    }

    /// Posts the end of an alert.
    pub async fn resolve(&self, labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Result<()> {
        // A second ago: Alertmanager calls an alert resolved when its end lies behind its own clock.
        let end = Timestamp::now() - 1.second();
        let alert = json!({
            "labels": map(labels),
            "annotations": map(annotations),
            "startsAt": (end - 1.second()).to_string(),
            "endsAt": end.to_string(),
        });
        self.post(&json!([alert])).await
    }

    /// Posts alerts as the API documents them.
    pub async fn post(&self, alerts: &Value) -> Result<()> {
        let url = format!("{}/api/v2/alerts", self.url());
        Client::new().post(&url, "application/json", alerts.to_string()).await?.ok().map(drop)
    }

    /// The alerts that it holds, as the API documents them.
    pub async fn alerts(&self) -> Result<Value> {
        http_get(&format!("{}/api/v2/alerts", self.url()), &[]).await?.ok()?.json()
    }

    /// Writes another configuration and has it loaded.
    pub async fn reload(&self, configuration: &str) -> Result<()> {
        self.folder.write("alertmanager.yml", configuration)?;
        Client::new().post(&format!("{}/-/reload", self.url()), "text/plain", "").await?.ok().map(drop)
    }

    /// Runs amtool against it and returns what it printed.
    pub async fn amtool(&self, arguments: &[&str]) -> Result<String> {
        let url = format!("--alertmanager.url={}", self.url());
        amtool(&[&[url.as_str()], arguments].concat()).await
    }

    /// Stops it in order.
    pub async fn stop(self) -> Result<()> {
        self.server.stop().await.map(drop)
    }
}

/// Runs amtool and returns what it printed.
pub async fn amtool(arguments: &[&str]) -> Result<String> {
    process::run(&AMTOOL, arguments).await
}

async fn launch(port: u16, configuration: &str, flags: &[&str], folder: &Folder) -> Result<(u16, Server)> {
    folder.write("alertmanager.yml", configuration)?;
    let ready = format!("http://127.0.0.1:{port}/-/ready");
    // a flag that is given twice is refused
    let alone = !flags.iter().any(|flag| flag.starts_with(CLUSTER));
    let launch = Launch::new(&ALERTMANAGER, folder)?
        .args(["--config.file=alertmanager.yml", "--storage.path=data"])
        .args(alone.then_some(CLUSTER))
        .args(flags)
        .arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let server = launch.start(START_BOUND, async || http_get(&ready, &[]).await?.ok().map(drop)).await?;
    Ok((port, server))
}

fn map(pairs: &[(&str, &str)]) -> Map<String, Value> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::{Reply, Web};

    #[tokio::test]
    async fn posts_to_a_webhook_when_an_alert_fires_and_when_it_ends() {
        let hook = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
        let configuration = format!(
            "route: {{ receiver: hook, group_wait: 0s, group_interval: 100ms, group_by: [alertname] }}\n\
             receivers: [{{ name: hook, webhook_configs: [{{ url: '{}' }}] }}]\n",
            hook.url("/hook")
        );
        let alertmanager = Alertmanager::start(&configuration).await.unwrap();
        let labels = [("alertname", "RedisDown"), ("severity", "page")];
        alertmanager.fire(&labels, &[("summary", "gone")]).await.unwrap();
        let within = Duration::from_secs(30);
        let status = async |expected: &str| {
            let expected = Some(Value::from(expected));
            hook.wait_for(within, |requests| {
                requests
                    .iter()
                    .filter_map(|r| r.json().ok())
                    .find(|body| body.get("status") == expected.as_ref())
            })
            .await
            .unwrap()
        };
        assert_eq!(status("firing").await["alerts"][0]["annotations"]["summary"], "gone");
        assert!(alertmanager.amtool(&["alert", "query"]).await.unwrap().contains("RedisDown"));
        alertmanager.resolve(&labels, &[]).await.unwrap();
        assert_eq!(status("resolved").await["groupLabels"]["alertname"], "RedisDown");
        alertmanager.stop().await.unwrap();
    }

    #[tokio::test]
    async fn a_bad_configuration_shows_what_alertmanager_said() {
        let error = Alertmanager::start("route: 7\n").await.map(drop).unwrap_err();
        assert!(error.to_string().contains("cannot unmarshal"), "{error}");
    }
}
