//! Our own programs and Alertmanager, with the demo's settings.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use kit::alertmanager::ALERTMANAGER;
use kit::http::http_get;
use kit::process::{Folder, Launch, Server};
use kit::slack::{BOT_TOKEN, Slack};
use kit::smtp::Smtp;

/// How long a start may take on a busy machine; a few hundred milliseconds are usual.
const START: Duration = Duration::from_secs(30);

/// The channel and the mailbox of the demo.
pub(crate) const CHANNEL: &str = "#alerts";
const MAILBOX: &str = "oncall@example.com";

/// A program that runs, and its folder.
pub(crate) struct Program {
    pub(crate) server: Server,
    pub(crate) port: u16,
    _folder: Folder,
}

impl Program {
    /// Its page for people.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    async fn start(launch: Launch, folder: Folder, port: u16) -> Result<Self> {
        let launch = launch.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let ready = format!("http://127.0.0.1:{port}/-/ready");
        let server = launch.start(START, async || http_get(&ready, &[]).await?.ok().map(drop)).await?;
        Ok(Self { server, port, _folder: folder })
    }
}

/// The exporter, watching this Redis.
pub(crate) async fn redis_exporter(redis_url: &str, port: u16) -> Result<Program> {
    let folder = Folder::new()?;
    let launch = ours("redis-exporter", &folder)?.arg(format!("--redis.addr={redis_url}"));
    Program::start(launch, folder, port).await
}

/// The router, delivering to the doubles.
pub(crate) async fn alertrouter(slack: &Slack, smtp: &Smtp, port: u16) -> Result<Program> {
    let folder = Folder::new()?;
    let token = folder.write("slack-token", BOT_TOKEN)?;
    let config = format!(
        "global:
  slack_app_url: {slack_url}chat.postMessage
  slack_app_token_file: {token}
  smtp_smarthost: {smarthost}
  smtp_from: watchfire@example.com
  smtp_tls_config:
    ca_file: {authority}
    server_name: localhost
route:
  receiver: oncall
receivers:
- name: oncall
  slack_configs:
  - channel: '{CHANNEL}'
    send_resolved: true
  email_configs:
  - to: {MAILBOX}
    send_resolved: true
",
        slack_url = slack.api_url(),
        token = token.display(),
        smarthost = smtp.address(),
        authority = smtp.authority_file().display(),
    );
    let config = folder.write("alertrouter.yml", config)?;
    let launch = ours("alertrouter", &folder)?
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", folder.path().join("data").display()));
    Program::start(launch, folder, port).await
}

/// Alertmanager, sending all but the alert that always fires to the router, at the pace of a demo.
pub(crate) async fn alertmanager(router: &Program, port: u16) -> Result<Program> {
    let folder = Folder::new()?;
    let config = format!(
        "route:
  receiver: alertrouter
  group_by: [alertname, job, instance]
  group_wait: 500ms
  group_interval: 1s
  repeat_interval: 1h
  routes:
  - receiver: nobody
    matchers: [severity = none]
receivers:
- name: nobody
- name: alertrouter
  webhook_configs:
  - url: {}/webhook
    send_resolved: true
",
        router.url()
    );
    folder.write("alertmanager.yml", config)?;
    let launch = Launch::new(&ALERTMANAGER, &folder)?
        .args(["--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address="])
        // for the links in messages; without, they name the machine, where nobody listens
        .arg(format!("--web.external-url=http://127.0.0.1:{port}"));
    Program::start(launch, folder, port).await
}

/// One of our programs, beside this one in the target folder.
fn ours(name: &'static str, folder: &Folder) -> Result<Launch> {
    let own: PathBuf = std::env::current_exe().context("cannot find this program's own file")?;
    let binaries = own.parent().and_then(|examples| examples.parent()).context("not in a target folder")?;
    Ok(Launch::at(&binaries.join(name), name, folder))
}
