//! Real Alertmanagers at the one end, Slack's double at the other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kit::alertmanager::Alertmanager;
use kit::http::Client;
use kit::process::free_port;
use kit::slack::{BOT_TOKEN, Slack};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::router::{Router, SOON};

const LABELS: [(&str, &str); 2] = [("alertname", "RedisDown"), ("instance", "a:6379")];

/// The worst pair: two that do not know of each other send everything twice.
#[tokio::test]
async fn two_alertmanagers_one_message() {
    let slack = Slack::start().await.unwrap();
    let router = Router::start(&format!(
        "route: {{ receiver: 'web.hook (1)' }}
receivers:
  - name: web.hook (1)
    slack_configs:
      - {{ app_token: {BOT_TOKEN}, app_url: '{}', channel: '#alerts', send_resolved: true }}
",
        slack.api_url()
    ))
    .await;
    let config = format!(
        "route: {{ receiver: web.hook, group_wait: 0s, group_interval: 200ms, group_by: [alertname] }}
receivers: [{{ name: web.hook, webhook_configs: [{{ url: '{}' }}] }}]
",
        router.running.url("/webhook")
    );
    let pair = [Alertmanager::start(&config).await.unwrap(), Alertmanager::start(&config).await.unwrap()];
    // as Prometheus does: the same start to both
    let start = jiff::Timestamp::now() - Duration::from_mins(10);
    let alert = json!([{
        "labels": { "alertname": "RedisDown", "instance": "a:6379" },
        "annotations": { "summary": "Redis is down" },
        "startsAt": start.to_string(),
    }]);
    for alertmanager in &pair {
        alertmanager.post(&alert).await.unwrap();
    }
    let first = slack.wait_for(SOON, |w| w.find("#alerts", "[FIRING:1] RedisDown").cloned()).await.unwrap();
    router.wait_for_metric("alertrouter_received_payloads_total{result=\"known\"} 1").await;
    for alertmanager in &pair {
        alertmanager.resolve(&LABELS, &[("summary", "Redis is down")]).await.unwrap();
    }
    let last = slack.wait_for(SOON, |w| w.find("#alerts", "[RESOLVED] RedisDown").cloned()).await.unwrap();
    assert_eq!(last.ts, first.ts);
    router.wait_for_metric("alertrouter_received_alerts_total{status=\"resolved\"} 2").await;
    router
        .wait_for_metric("alertrouter_deliveries_total{integration=\"slack\",reason=\"delivered\"} 2")
        .await;
    assert_eq!(slack.read(|workspace| workspace.channel("#alerts").unwrap().shown().count()), 1);
    let metrics = router.metrics().await;
    assert!(!metrics.contains("alertrouter_payload_oddities_total{"), "a real payload is odd: {metrics}");
    router.running.stop().await;
}

/// A cluster of two whose way to the router hangs, breaks, or loses the answer, in turn: each transition is told once.
#[tokio::test]
async fn a_pair_on_a_bad_way() {
    let slack = Slack::builder().channel("#alerts").unlimited().start().await.unwrap();
    // a webhook cannot edit, so that each telling is a message
    let router = Router::start(&format!(
        "route: {{ receiver: team }}
receivers: [{{ name: team, slack_configs: [{{ api_url: '{}', send_resolved: true }}] }}]
",
        slack.hook("#alerts")
    ))
    .await;
    let way = Way::start(&router.running.url("/webhook")).await;
    let config = format!(
        "route: {{ receiver: web.hook, group_wait: 0s, group_interval: 200ms, group_by: [alertname] }}
receivers: [{{ name: web.hook, webhook_configs: [{{ url: 'http://{}/webhook' }}] }}]
",
        way.address
    );
    let gossip = free_port().unwrap();
    let mut pair = Vec::new();
    for (own, peer) in
        [(gossip, None), (free_port().unwrap(), Some(format!("--cluster.peer=127.0.0.1:{gossip}")))]
    {
        let own = format!("--cluster.listen-address=127.0.0.1:{own}");
        let mut flags = vec![&*own, "--cluster.peer-timeout=300ms", "--cluster.settle-timeout=1s"];
        flags.extend(peer.as_deref());
        pair.push(Alertmanager::start_with(&config, &flags).await.unwrap());
    }
    let start = jiff::Timestamp::now() - Duration::from_mins(10);
    for phase in [Phase::Good, Phase::Slow, Phase::Broken, Phase::Deaf] {
        for firing in [true, false] {
            let name = format!("{phase:?}");
            let mut alert = json!({
                "labels": { "alertname": name, "instance": "a:6379" },
                "annotations": { "summary": "It is bad" },
                "startsAt": start.to_string(),
            });
            if !firing {
                alert["endsAt"] = (jiff::Timestamp::now() - Duration::from_secs(1)).to_string().into();
            }
            let before = way.set(phase);
            for alertmanager in &pair {
                alertmanager.post(&json!([alert])).await.unwrap();
            }
            if phase != Phase::Good {
                // both of the pair have tried, because neither has told the other of a success
                way.wait_for(before + 2).await;
            }
            way.set(Phase::Good);
            let title = format!("{} {name}", if firing { "[FIRING:1]" } else { "[RESOLVED]" });
            slack.wait_for(AFTER_RETRIES, |w| w.find("#alerts", &title).cloned()).await.unwrap();
        }
    }
    for alertmanager in pair {
        alertmanager.stop().await.unwrap();
    }
    // A "firing" that one of the pair still had on its way may arrive after the other's "resolved". It is a ghost: it
    // waits for `ghost_window` and is no message. Its sender resolves it, unless the pair agreed meanwhile that this
    // was told already; so ghosts may stay, and nothing else may.
    router
        .wait_for("nothing but ghosts to be left", |page| {
            // no such line as long as there was none
            let ghosts = value(page, "alertrouter_transitions_total{kind=\"ghost\"}").unwrap_or(0.0);
            value(page, "alertrouter_outbox_depth").is_some_and(|depth| depth <= ghosts)
        })
        .await;
    let told = slack.read(|w| w.messages("#alerts").iter().map(|m| m.now.text.clone()).collect::<Vec<_>>());
    assert_eq!(told.len(), 8, "{told:#?}");
    router.running.stop().await;
}

/// The sample's value on a metrics page.
fn value(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// Alertmanager tries again for ten seconds with growing pauses, and then with its next flush.
const AFTER_RETRIES: Duration = Duration::from_mins(1);

/// What happens to requests on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// They arrive, and the answer comes back.
    Good,
    /// They wait until it is good again.
    Slow,
    /// The connection is closed.
    Broken,
    /// They arrive, and the answer is lost.
    Deaf,
}

/// A proxy that takes one request a connection.
struct Way {
    address: SocketAddr,
    phase: watch::Sender<Phase>,
    requests: watch::Receiver<usize>,
}

impl Way {
    async fn start(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (phase, phases) = watch::channel(Phase::Good);
        let (count, requests) = watch::channel(0);
        let (count, to) = (Arc::new(count), to.to_owned());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(carry(stream, to.clone(), phases.clone(), count.clone()));
            }
        });
        Self { address, phase, requests }
    }

    /// Gives the number of requests so far.
    fn set(&self, phase: Phase) -> usize {
        self.phase.send_replace(phase);
        *self.requests.borrow()
    }

    async fn wait_for(&self, requests: usize) {
        let mut count = self.requests.clone();
        tokio::time::timeout(SOON, count.wait_for(|count| *count >= requests)).await.unwrap().unwrap();
    }
}

async fn carry(
    mut stream: TcpStream,
    to: String,
    mut phases: watch::Receiver<Phase>,
    count: Arc<watch::Sender<usize>>,
) {
    let Some(body) = read(&mut stream).await else { return };
    let phase = *phases.borrow();
    count.send_modify(|count| *count += 1);
    match phase {
        Phase::Broken => return,
        Phase::Slow => drop(phases.wait_for(|phase| *phase == Phase::Good).await),
        Phase::Good | Phase::Deaf => {}
    }
    let Ok(answer) = Client::new().post(&to, "application/json", body).await else { return };
    if phase != Phase::Deaf {
        let head = format!("HTTP/1.1 {} X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", answer.status);
        drop(stream.write_all(head.as_bytes()).await);
    }
}

/// Reads a request with a content length; gives its body.
async fn read(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse::<usize>().ok()?;
            if bytes.len() >= end + 4 + length {
                return Some(bytes[end + 4..].to_vec());
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
