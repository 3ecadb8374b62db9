//! kill -9 at random points under load: nothing that was answered 200 is lost, and a lane doubles once a crash at most.
//!
//! `WATCHFIRE_KILLS=200 cargo test -p alertrouter --test it crash` makes the loop longer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use kit::http::Client;
use kit::process::{Folder, free_port};
use kit::web::{Reply, Web};

use crate::router::{firing, payload, spawn};

/// Kills unless the environment says otherwise.
const KILLS: usize = 10;

/// Receivers. Webhooks: they name every alert, and no storm makes one message of many.
const RECEIVERS: usize = 20;

/// Sends a new alert in a new group again and again; remembers which were answered with 200.
async fn send(port: u16, sender: usize, taken: Arc<Mutex<BTreeSet<String>>>, stop: Arc<AtomicBool>) {
    let client = Client::new().within(Duration::from_secs(5));
    let url = format!("http://127.0.0.1:{port}/webhook");
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let name = format!("host-{sender}-{n}-{:02}x", (sender * 7 + n) % RECEIVERS);
        let body = payload(&[("alertname", &name)], &[firing(&name)]);
        match client.post(&url, "application/json", body).await {
            Ok(answer) if answer.status == 200 => {
                taken.lock().unwrap().insert(name);
            }
            // it is down: the next alert is another one
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// The lives of the program in which each alert was told. `kills`: when each life ended.
fn told(hook: &Web, names: &BTreeSet<String>, kills: &[Timestamp]) -> BTreeMap<String, Vec<usize>> {
    let mut told: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for request in hook.requests() {
        let text = request.text();
        let word = |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let seen: BTreeSet<String> =
            text.match_indices("host-").map(|(at, _)| word(text.get(at..).unwrap())).collect();
        let life = kills.partition_point(|kill| *kill < request.time);
        for name in seen.into_iter().filter(|name| names.contains(name)) {
            told.entry(name).or_default().push(life);
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost() {
    let kills = std::env::var("WATCHFIRE_KILLS").ok().map_or(KILLS, |kills| kills.parse().unwrap());
    let hook = Web::start(|_| Reply::text(200, "ok").into()).await.unwrap();
    let receivers = (0..RECEIVERS).map(|n| {
        format!("  - {{ name: r{n}, webhook_configs: [{{ url: '{}' }}] }}\n", hook.url(&format!("/{n}")))
    });
    let routes = (0..RECEIVERS)
        .map(|n| format!("    - {{ receiver: r{n}, matchers: ['instance=~\".*{n:02}x\"'] }}\n"));
    let config = format!(
        "route:\n  receiver: r0\n  routes:\n{}receivers:\n{}",
        routes.collect::<String>(),
        receivers.collect::<String>()
    );
    let folder = Folder::new().unwrap();
    let file = folder.write("alertrouter.yml", config).unwrap();
    let port = free_port().unwrap();
    let taken = Arc::new(Mutex::new(BTreeSet::new()));
    let stop = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> =
        (0..4).map(|sender| tokio::spawn(send(port, sender, taken.clone(), stop.clone()))).collect();
    let mut killed = Vec::new();
    for kill in 0..kills {
        let server = spawn(&folder, &file, port, "info").await;
        // a time that differs from round to round, over the whole cycle of accept, lease, send and finish
        tokio::time::sleep(Duration::from_millis(50 + (kill as u64 * 137) % 400)).await;
        server.kill9();
        killed.push(Timestamp::now());
    }
    stop.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }
    let server = spawn(&folder, &file, port, "info").await;
    let metrics = format!("http://127.0.0.1:{port}/metrics");
    kit::eventually(Duration::from_mins(2), "an empty outbox", async || {
        let page = kit::http::http_get(&metrics, &[]).await?.text();
        let empty = page.lines().any(|line| line == "alertrouter_outbox_depth 0");
        if empty { Ok(()) } else { Err(std::io::Error::other("something waits").into()) }
    })
    .await
    .unwrap();
    drop(server);
    let taken = taken.lock().unwrap().clone();
    assert!(taken.len() > kills, "{} accepted", taken.len());
    let told = told(&hook, &taken, &killed);
    let lost: Vec<_> = taken.iter().filter(|name| !told.contains_key(*name)).collect();
    assert!(lost.is_empty(), "{} of {} lost, {:?} among them", lost.len(), taken.len(), lost.first());
    // each lane has one alert: in one life of the program it is told once
    for (name, mut lives) in told {
        let times = lives.len();
        lives.dedup();
        assert_eq!(lives.len(), times, "{name} was told twice without a crash between");
    }
}
