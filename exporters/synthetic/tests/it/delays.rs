//! Times are told rightly: each phase by what a server really held back, and no answer comes too late, however many wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use kit::blackhole::{Full, Silent};
use kit::http::percent_encode;
use kit::tls::{Authority, Identity};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::name_server::{Asked, a};
use crate::served::{Served, acceptor, each, line};
use crate::{Exporter, Page, start, start_with};

/// What is held back in each phase.
const RESOLVE: Duration = Duration::from_millis(20);
const TLS: Duration = Duration::from_millis(50);
const FIRST_BYTE: Duration = Duration::from_millis(100);

/// The body comes in so many pieces, each after so long.
const PIECES: u32 = 10;
const PIECE: Duration = Duration::from_millis(20);

/// Probes of a round, and how long after one the next begins: ten a second.
const PROBES: usize = 20;
const APART: Duration = Duration::from_millis(100);

/// Rounds until one is good: a busy machine may hold us up in one of them, but not in each.
const ROUNDS: usize = 4;

/// How far what is told may be from what was.
const NEAR: f64 = 0.003;

/// What was really held back, by the name that was asked for and the phase.
type Held = Arc<Mutex<HashMap<(String, &'static str), f64>>>;

/// Writes down for how long something was held back.
fn note(held: &Held, name: &str, phase: &'static str, since: Instant) {
    held.lock().unwrap().insert((name.to_owned(), phase), since.elapsed().as_secs_f64());
}

/// A name server that takes its time. It stops with this value.
struct SlowNames {
    address: String,
    task: JoinHandle<()>,
}

impl SlowNames {
    async fn start(held: Held) -> Self {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let address = socket.local_addr().unwrap().to_string();
        let task = tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let asked = Asked { message: buffer[..length].to_vec(), over_udp: true };
                let (socket, held) = (Arc::clone(&socket), Arc::clone(&held));
                tokio::spawn(async move {
                    let question = asked.question();
                    let name = String::from_utf8_lossy(&question[1..=usize::from(question[0])]).into_owned();
                    let start = Instant::now();
                    tokio::time::sleep(RESOLVE).await;
                    let answer = asked.answer(0, [&[a("x", 60, [127, 0, 0, 1])], &[], &[]]);
                    note(&held, &name, "resolve", start);
                    socket.send_to(&answer, from).await.unwrap();
                });
            }
        });
        Self { address, task }
    }
}

impl Drop for SlowNames {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads a request, and returns the first label of the host that it names.
async fn asked_name(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut name = String::new();
    loop {
        let line = line(stream).await.to_lowercase();
        if line.is_empty() {
            return name;
        }
        if let Some(host) = line.strip_prefix("host: ") {
            host.split('.').next().unwrap().clone_into(&mut name);
        }
    }
}

/// A page that takes its time in each phase.
async fn slow_page(identity: &Identity, held: Held) -> Served<()> {
    let acceptor = acceptor(identity, rustls::ALL_VERSIONS, &[b"http/1.1"]);
    each(move |stream: TcpStream| {
        let (acceptor, held) = (acceptor.clone(), Arc::clone(&held));
        async move {
            stream.set_nodelay(true).unwrap();
            let start = Instant::now();
            tokio::time::sleep(TLS).await;
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let tls = start.elapsed();
            let name = asked_name(&mut stream).await;
            held.lock().unwrap().insert((name.clone(), "tls"), tls.as_secs_f64());
            let start = Instant::now();
            tokio::time::sleep(FIRST_BYTE).await;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", PIECES * 1000);
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            note(&held, &name, "first_byte", start);
            let start = Instant::now();
            for _ in 0..PIECES {
                tokio::time::sleep(PIECE).await;
                stream.write_all(&[b'x'; 1000]).await.unwrap();
                stream.flush().await.unwrap();
            }
            note(&held, &name, "transfer", start);
            // the client closes
            drop(stream.read_u8().await);
        }
    })
    .await
}

/// The 95th of a hundred.
fn p95(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() * 95).div_ceil(100) - 1]
}

fn phase(page: &Page, name: &str) -> f64 {
    page.value(&format!("probe_phase_duration_seconds{{phase=\"{name}\"}}"))
}

/// How far each phase is from the truth, and the sum of all from the whole beyond 1 % of it.
async fn round(exporter: &Exporter, number: usize, port: u16, held: &Held) -> Vec<(&'static str, f64)> {
    let probes = (0..PROBES).map(|index| async move {
        tokio::time::sleep(APART * u32::try_from(index).unwrap()).await;
        let name = format!("p{number}-{index}");
        let page = exporter.ask("m", &format!("https://{name}.test:{port}/")).await;
        page.succeeds(true);
        (name, page)
    });
    let pages = join_all(probes).await;
    let held = held.lock().unwrap();
    let error = |name: &'static str| {
        let each = pages.iter().map(|(probe, page)| {
            let truth = held.get(&(probe.clone(), name)).copied().unwrap_or_default();
            (phase(page, name) - truth).abs()
        });
        (name, p95(each.collect()))
    };
    let gap = pages.iter().map(|(_, page)| {
        let sum: f64 = page.series("probe_phase_duration_seconds").iter().map(|(_, took)| took).sum();
        let total = page.value("probe_duration_seconds");
        // 1 ms is allowed here, and 3 above
        ((total - sum).abs() - total / 100.0).max(0.0) * 3.0
    });
    let mut errors = ["resolve", "connect", "tls", "send", "first_byte", "transfer"].map(error).to_vec();
    errors.push(("the whole", p95(gap.collect())));
    errors
}

#[tokio::test]
async fn each_phase_is_what_was_held_back_in_it() {
    let held = Held::default();
    let names = SlowNames::start(Arc::clone(&held)).await;
    let identity = Authority::new().unwrap().server(&["localhost"]).unwrap();
    let server = slow_page(&identity, Arc::clone(&held)).await;
    let port = server.target().rsplit_once(':').unwrap().1.parse().unwrap();
    let exporter = start(&format!(
        "modules: {{m: {{prober: http, resolver: '{}', http: {{preferred_ip_protocol: ip4, \
         ip_protocol_fallback: false, tls_config: {{insecure_skip_verify: true}}}}}}}}",
        names.address
    ))
    .await;
    let mut rounds = Vec::new();
    for number in 0..ROUNDS {
        rounds.push(round(&exporter, number, port, &held).await);
        if rounds.last().unwrap().iter().all(|(_, error)| *error <= NEAR) {
            println!("p95 of {PROBES} probes, in seconds from the truth: {rounds:?}");
            return;
        }
    }
    panic!("p95 in seconds from the truth, round by round: {rounds:#?}");
}

/// Probes that wait for nothing at the same time, and what Prometheus gives them.
const CROWD: usize = 500;
const PATIENCE: &str = "6";

/// What is kept of that for the way home: a program that was not optimised, its client and the black hole are on one
/// core here.
const OFFSET: &str = "--timeout-offset=3s";

const BLACK_HOLES: &str = "modules:
  connect: {prober: tcp}
  talk: {prober: tcp, tcp: {query_response: [{expect: x}]}}
  tls: {prober: tcp, tcp: {tls: true}}
  http: {prober: http}
  grpc: {prober: grpc}
  websocket: {prober: websocket}
  dns: {prober: dns, dns: {query_name: a, transport_protocol: tcp}}
";

#[tokio::test]
async fn five_hundred_probes_of_a_black_hole_are_answered_in_time() {
    let (full, silent) = (Full::start().await.unwrap(), Silent::start().await.unwrap());
    let exporter = start_with(BLACK_HOLES, &[OFFSET]).await;
    let (full, silent) = (full.address().unwrap().to_string(), silent.address().to_string());
    let modules = [
        ("connect", full),
        ("talk", silent.clone()),
        ("tls", silent.clone()),
        ("http", format!("http://{silent}/")),
        ("grpc", silent.clone()),
        ("websocket", format!("ws://{silent}/")),
        ("dns", silent),
    ];
    let probes = (0..CROWD).map(|index| {
        let (module, target) = &modules[index % modules.len()];
        let (exporter, path) =
            (&exporter, format!("/probe?module={module}&target={}", percent_encode(target)));
        async move {
            let start = Instant::now();
            let text = exporter.get(&path, PATIENCE).await.ok().unwrap().text();
            let page = Page { text };
            page.succeeds(false);
            assert!(page.reason().ends_with("timeout"), "{module}: {}", page.text);
            start.elapsed().as_secs_f64()
        }
    });
    let took = join_all(probes).await;
    let patience: f64 = PATIENCE.parse().unwrap();
    let late = took.iter().filter(|took| **took >= patience).count();
    assert_eq!(late, 0, "the slowest took {:?} s", took.iter().copied().reduce(f64::max));
}
