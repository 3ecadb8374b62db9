//! The router under load, measured from the outside on the release binary: how many requests of 10 alerts are durable
//! in a second, how long each waits, how large payloads fare, how soon Slack hears, how much memory it takes.
//!
//! `cargo bench -p alertrouter --bench intake [rate|large|memory|slack]`; this program takes its share of the cores.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and ends with the first surprise"
)]

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use kit::blackhole::Silent;
use kit::process::{Folder, Launch, Server, free_port};
use kit::slack::{BOT_TOKEN, Slack};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Senders at the same time.
const CONNECTIONS: usize = 64;

/// How long the load lasts.
const LOAD: Duration = Duration::from_secs(10);

struct Router {
    server: Server,
    port: u16,
    _folder: Folder,
}

impl Router {
    async fn start(config: &str) -> Self {
        let folder = Folder::new().unwrap();
        let file = folder.write("alertrouter.yml", config).unwrap();
        let port = free_port().unwrap();
        let server = Launch::at(Path::new(env!("CARGO_BIN_EXE_alertrouter")), "alertrouter", &folder)
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .start(Duration::from_secs(20), || kit::process::accepts(port))
            .await
            .unwrap();
        Self { server, port, _folder: folder }
    }

    fn memory(&self) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        format!("{} MiB", line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024)
    }
}

/// One connection that is kept.
struct Sender(TcpStream);

impl Sender {
    async fn new(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    async fn post(&mut self, body: &str) -> Duration {
        let head = format!("POST /webhook HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", body.len());
        let started = Instant::now();
        self.0.write_all(head.as_bytes()).await.unwrap();
        self.0.write_all(body.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nok\n") {
            let read = self.0.read_buf(&mut answer).await.unwrap();
            assert!(read > 0 && answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        }
        started.elapsed()
    }
}

/// A payload as Alertmanager sends it, of alerts that all fire or are all over.
fn payload(group: usize, alerts: Range<usize>, firing: bool, start: usize) -> String {
    let (status, end) =
        if firing { ("firing", "0001-01-01T00:00:00Z".to_owned()) } else { ("resolved", time(start + 30)) };
    let start = time(start);
    let alerts: Vec<String> = alerts
        .map(|n| {
            format!(
                r#"{{"status":"{status}","labels":{{"alertname":"HighLatency","instance":"host-{n}.example:9100","#
            ) + &format!(r#""job":"node","severity":"warning","group":"g{group}"}},"annotations":{{"#)
                + &format!(r#""summary":"Requests to host-{n} take long","description":"The 99th percentile has "#)
                + r#"been over 500 ms for ten minutes.","runbook_url":"https://runbooks.example/HighLatency"},"#
                + &format!(r#""startsAt":"{start}","endsAt":"{end}","generatorURL":"http://prometheus.example:9090"#)
                + r#"/graph?g0.expr=latency&g0.tab=1"}"#
        })
        .collect();
    format!(
        r#"{{"receiver":"router","status":"{status}","alerts":[{}],"groupLabels":{{"alertname":"HighLatency","#,
        alerts.join(",")
    ) + &format!(
        r#""group":"g{group}"}},"commonLabels":{{"alertname":"HighLatency"}},"commonAnnotations":{{}},"#
    ) + r#""externalURL":"http://alertmanager.example:9093","version":"4","groupKey":"{}","truncatedAlerts":0}"#
}

fn time(minute: usize) -> String {
    format!("2026-08-{:02}T{:02}:{:02}:00Z", 1 + minute / 1440 % 28, minute / 60 % 24, minute % 60)
}

fn percentiles(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |per_mille: usize| times[(times.len() - 1) * per_mille / 1000];
    println!("{name}: p50 {:?}, p90 {:?}, p99 {:?}, p99.9 {:?}", at(500), at(900), at(990), at(999));
}

/// Every request changes all of its 10 alerts.
async fn rate() {
    let silent = Silent::start().await.unwrap();
    let router = Router::start(&hook(&format!("http://{}/hook", silent.address()))).await;
    let started = Instant::now();
    let port = router.port;
    let send = move |sender: usize| async move {
        let mut connection = Sender::new(port).await;
        let mut times = Vec::new();
        for round in 0.. {
            if started.elapsed() > LOAD {
                break;
            }
            // ten groups a sender, which fire and are resolved in turn
            let (group, round) = (sender * 10 + round % 10, round / 10);
            let body = payload(group, 0..10, round % 2 == 0, round / 2 * 60);
            times.push(connection.post(&body).await);
        }
        times
    };
    let senders: Vec<_> = (0..CONNECTIONS).map(|sender| tokio::spawn(send(sender))).collect();
    let mut times = Vec::new();
    for sender in senders {
        times.extend(sender.await.unwrap());
    }
    println!(
        "{} durable requests/s of 10 alerts that change; memory {}",
        times.len() as u64 / LOAD.as_secs(),
        router.memory()
    );
    percentiles("  answer", times);
}

async fn large() {
    let router = Router::start(&hook("http://127.0.0.1:9/hook")).await;
    let mut connection = Sender::new(router.port).await;
    for round in 0..3 {
        let body = payload(round, 0..20_000, true, 0);
        let took = connection.post(&body).await;
        println!("{} KB with 20,000 alerts: {took:?}; memory {}", body.len() / 1000, router.memory());
    }
}

async fn memory() {
    let router = Router::start(&hook("http://127.0.0.1:9/hook")).await;
    println!("memory at the start: {}", router.memory());
    let mut connection = Sender::new(router.port).await;
    for group in 0..1000 {
        connection.post(&payload(group, 0..100, true, 0)).await;
    }
    println!("memory with 100,000 live alerts: {}", router.memory());
}

/// A new group each time, slowly enough that no limit is met.
async fn slack() {
    let slack = Slack::builder().channel("#alerts").unlimited().start().await.unwrap();
    let router = Router::start(&format!(
        "route: {{ receiver: team }}
receivers: [{{ name: team, slack_configs: [{{ app_token: {BOT_TOKEN}, app_url: '{}', channel: '#alerts' }}] }}]
",
        slack.api_url()
    ))
    .await;
    let mut connection = Sender::new(router.port).await;
    let mut times = Vec::new();
    for group in 0..40 {
        connection.post(&payload(group, 0..10, true, 0)).await;
        let accepted = Instant::now();
        let seen =
            |workspace: &kit::slack::Workspace| (workspace.messages("#alerts").len() > group).then_some(());
        slack.wait_for(Duration::from_secs(10), seen).await.unwrap();
        times.push(accepted.elapsed());
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }
    percentiles("accepted to Slack", times);
}

fn hook(url: &str) -> String {
    format!(
        "route: {{ receiver: team }}\nreceivers: [{{ name: team, slack_configs: [{{ api_url: '{url}' }}] }}]\n"
    )
}

fn main() {
    // cargo itself adds --bench
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| word == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        if is_wanted("rate") {
            rate().await;
        }
        if is_wanted("large") {
            large().await;
        }
        if is_wanted("memory") {
            memory().await;
        }
        if is_wanted("slack") {
            slack().await;
        }
    });
}
