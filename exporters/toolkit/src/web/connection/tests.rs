//! Every time limit of a connection, on paused time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::{ConnectionError, Gate, Limits};
use crate::web::{Access, Listener};

/// One connection and its other end.
struct Pair {
    client: DuplexStream,
    serving: JoinHandle<Result<(), ConnectionError>>,
    places: Arc<Semaphore>,
    stop: watch::Sender<bool>,
    started: Instant,
}

impl Pair {
    fn new() -> Self {
        let router = Router::new()
            .route("/", get(async || "page"))
            .route("/slow", get(async || sleep(Duration::from_mins(10)).await))
            .route("/large", get(async || "x".repeat(1 << 20)))
            .route(
                "/body",
                post(async |body: Body| match to_bytes(body, 1 << 20).await {
                    Ok(body) => format!("{} bytes", body.len()),
                    Err(error) => error.to_string(),
                }),
            );
        let limits = Arc::new(Limits::default());
        let places = Arc::new(Semaphore::new(limits.connections));
        let (stop, stopped) = watch::channel(false);
        let access = Arc::new(Access::load(None).unwrap());
        let gate = Gate { router, access, limits, places: Arc::clone(&places), stop: stopped };
        let (client, server) = duplex(1024);
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let serving = tokio::spawn(gate.serve_stream(server, peer, false));
        Self { client, serving, places, stop, started: Instant::now() }
    }

    async fn send(&mut self, text: &str) {
        self.client.write_all(text.as_bytes()).await.unwrap();
    }

    /// Asks and reads the answer, which ends with `end`.
    async fn ask(&mut self, path: &str, end: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        self.read_until(end).await
    }

    async fn read_until(&mut self, end: &str) -> String {
        let mut answer = Vec::new();
        while !answer.ends_with(end.as_bytes()) {
            assert_ne!(self.client.read_buf(&mut answer).await.unwrap(), 0, "the connection ended");
        }
        String::from_utf8(answer).unwrap()
    }

    /// When the server gave up, in seconds since the start.
    async fn cut_at(&mut self) -> u64 {
        // hyper takes the end of a resting connection for a clean one, whatever ended it.
        let _outcome = (&mut self.serving).await.unwrap();
        self.started.elapsed().as_secs()
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_cut() {
    assert_eq!(Pair::new().cut_at().await, 10);
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_is_cut() {
    for head in ["GET / HTTP/1.1\r\nhost: example\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut pair = Pair::new();
        for byte in head.chars().take(9) {
            pair.send(&byte.to_string()).await;
            sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(pair.cut_at().await, 10, "{head}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rest_between_requests_is_longer() {
    let mut pair = Pair::new();
    pair.ask("/", "page").await;
    sleep(Duration::from_mins(5)).await;
    pair.ask("/", "page").await;
    assert_eq!(pair.cut_at().await, 300 + 330);
}

#[tokio::test(start_paused = true)]
async fn a_rest_is_short_when_places_are() {
    let mut pair = Pair::new();
    pair.places.forget_permits(400);
    pair.ask("/", "page").await;
    assert_eq!(pair.cut_at().await, 5);
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_after_a_rest_is_cut() {
    let mut pair = Pair::new();
    pair.ask("/", "page").await;
    sleep(Duration::from_mins(1)).await;
    pair.send("G").await;
    assert_eq!(pair.cut_at().await, 60 + 10);
}

#[tokio::test(start_paused = true)]
async fn a_slow_handler_is_not_cut() {
    let mut pair = Pair::new();
    let answer = pair.ask("/slow", "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(pair.started.elapsed().as_secs(), 600);
    assert_eq!(pair.cut_at().await, 600 + 330);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_cut() {
    let mut pair = Pair::new();
    pair.send("GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(pair.cut_at().await, 60);
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_ends_as_an_error_of_its_handler() {
    let mut pair = Pair::new();
    pair.send("POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nab").await;
    pair.read_until("request body took too long").await;
    assert_eq!(pair.started.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_whole_body_arrives() {
    let mut pair = Pair::new();
    pair.send("POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nab").await;
    sleep(Duration::from_secs(20)).await;
    pair.send("cd").await;
    pair.read_until("4 bytes").await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_a_resting_connection_at_once_and_a_busy_one_after_its_answer() {
    let mut resting = Pair::new();
    resting.ask("/", "page").await;
    resting.stop.send_replace(true);
    resting.serving.await.unwrap().unwrap();
    assert_eq!(resting.started.elapsed().as_secs(), 0);

    let mut busy = Pair::new();
    busy.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    sleep(Duration::from_secs(1)).await;
    busy.stop.send_replace(true);
    let answer = busy.read_until("\r\n\r\n").await;
    assert!(answer.contains("connection: close"), "{answer}");
    busy.serving.await.unwrap().unwrap();
    assert_eq!(busy.started.elapsed().as_secs(), 600);
}

async fn listener(limits: Limits, router: Router) -> (SocketAddr, JoinHandle<()>, watch::Sender<bool>) {
    let listener = Listener::bind(["127.0.0.1:0"]).await.unwrap().with_limits(limits);
    let address = listener.addresses()[0];
    let (stop, mut stopped) = watch::channel(false);
    let access = Arc::new(Access::load(None).unwrap());
    let shutdown = async move {
        let _closed = stopped.wait_for(|stop| *stop).await;
    };
    (address, tokio::spawn(listener.serve(router, access, shutdown)), stop)
}

#[tokio::test]
async fn connections_over_the_cap_wait() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let router = Router::new().route("/", get(async || "page"));
    let (address, _serving, _stop) = listener(limits, router).await;
    let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut answer = [0; 12];
    let mut first = TcpStream::connect(address).await.unwrap();
    first.write_all(request).await.unwrap();
    first.read_exact(&mut answer).await.unwrap();

    // The kernel accepts it, the program does not until the first one is gone.
    let mut second = TcpStream::connect(address).await.unwrap();
    second.write_all(request).await.unwrap();
    tokio::select! {
        biased;
        read = second.read_exact(&mut answer) => panic!("answered beside the first one: {read:?}"),
        () = yields(100) => drop(first),
    }
    second.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

async fn yields(times: u32) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_ever() {
    let router = Router::new().route("/", get(std::future::pending::<()>));
    let (address, serving, stop) = listener(Limits::default(), router).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    yields(100).await;
    let before = Instant::now();
    stop.send_replace(true);
    serving.await.unwrap();
    assert!(before.elapsed() <= Duration::from_secs(6), "{:?}", before.elapsed());
}
