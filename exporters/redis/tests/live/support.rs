//! The exporter in this process, its pages, and a Redis that says what a test tells it to.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use kit::http::{Client, Response};
use redis_exporter::Redis;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use toolkit::app::{App, Running};

/// Starts the exporter on a free port.
pub(crate) async fn exporter(arguments: &[&str]) -> Running<Redis> {
    let listen = ["--web.listen-address=127.0.0.1:0"];
    App::<Redis>::launch(&[&listen, arguments].concat()).await.unwrap()
}

/// GETs a page, as Prometheus with a scrape timeout of `timeout` seconds.
pub(crate) async fn get(exporter: &Running<Redis>, path: &str, timeout: f64) -> Response {
    let client = Client::new().header("X-Prometheus-Scrape-Timeout-Seconds", &timeout.to_string());
    client.get(&exporter.url(path)).await.unwrap()
}

/// The page at `path`, which must be there.
pub(crate) async fn page(exporter: &Running<Redis>, path: &str) -> Page {
    let response = get(exporter, path, 10.0).await;
    assert_eq!(response.status, 200, "{}", response.text());
    Page(response.text())
}

/// A page in the text format.
pub(crate) struct Page(pub String);

impl Page {
    /// The value of a series, written as it stands on the page.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        let found = self.0.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        found.map(|value| value.parse().unwrap())
    }

    /// The reason of the last scrape's error; "" for none.
    pub(crate) fn error(&self) -> &str {
        let line = self.0.lines().find(|line| line.starts_with("redis_exporter_last_scrape_error{"));
        line.and_then(|line| line.split('"').nth(1)).unwrap()
    }

    /// Lines of a metric family, without the comments.
    pub(crate) fn family(&self, name: &str) -> Vec<&str> {
        self.0
            .lines()
            .filter(|line| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} ")))
            .collect()
    }

    /// Every metric as `name type label,label`.
    pub(crate) fn shapes(&self) -> BTreeSet<String> {
        kit::page::shapes(&self.0).unwrap()
    }
}

/// What a scripted Redis does with a command.
pub(crate) enum Act {
    /// Answers with these bytes.
    Say(String),
    /// Answers nothing, ever.
    Hang,
    /// Closes the connection.
    Close,
}

/// A server that speaks Redis' protocol and says what a test tells it to; keeps every byte it received.
pub(crate) struct Scripted {
    address: SocketAddr,
    received: Arc<Mutex<Vec<u8>>>,
    connections: Arc<Mutex<usize>>,
    reads: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Scripted {
    /// Starts one on a free loopback port; `act` sees the words of each command.
    pub(crate) async fn start(act: impl Fn(&[String]) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received: Arc<Mutex<Vec<u8>>> = Arc::default();
        let connections: Arc<Mutex<usize>> = Arc::default();
        let reads: Arc<AtomicUsize> = Arc::default();
        let (bytes, count, act) = (Arc::clone(&received), Arc::clone(&connections), Arc::new(act));
        let read = Arc::clone(&reads);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *count.lock().unwrap() += 1;
                tokio::spawn(serve(stream, Arc::clone(&bytes), Arc::clone(&read), Arc::clone(&act)));
            }
        });
        Self { address, received, connections, reads, task }
    }

    /// `redis://127.0.0.1:port`.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// All bytes that were received, as text.
    pub(crate) fn received(&self) -> String {
        String::from_utf8_lossy(&self.received.lock().unwrap()).into_owned()
    }

    /// How often something arrived that had to be answered: round trips.
    pub(crate) fn round_trips(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    received: Arc<Mutex<Vec<u8>>>,
    reads: Arc<AtomicUsize>,
    act: Arc<impl Fn(&[String]) -> Act + Send + Sync>,
) {
    let mut unread = Vec::new();
    let mut buffer = vec![0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        received.lock().unwrap().extend(&buffer[..length]);
        reads.fetch_add(1, Ordering::SeqCst);
        unread.extend(&buffer[..length]);
        while let Some(words) = take_command(&mut unread) {
            match act(&words) {
                Act::Say(text) => stream.write_all(text.as_bytes()).await.unwrap_or_default(),
                Act::Hang => std::future::pending().await,
                Act::Close => return,
            }
        }
    }
}

/// Takes one whole command (`*N`, then N times `$length` and the word) off the front.
fn take_command(unread: &mut Vec<u8>) -> Option<Vec<String>> {
    let text = String::from_utf8(unread.clone()).unwrap();
    let mut rest = text.as_str();
    let mut next_line = || {
        let (line, after) = rest.split_once("\r\n")?;
        rest = after;
        Some(line)
    };
    let count: usize = next_line()?.strip_prefix('*')?.parse().ok()?;
    let mut words = Vec::new();
    for _ in 0..count {
        next_line()?;
        words.push(next_line()?.to_owned());
    }
    *unread = rest.as_bytes().to_vec();
    Some(words)
}

/// A bulk string.
pub(crate) fn bulk(text: &str) -> Act {
    Act::Say(format!("${}\r\n{text}\r\n", text.len()))
}

/// An empty list.
pub(crate) fn nothing() -> Act {
    Act::Say("*0\r\n".to_owned())
}

/// A healthy small server: INFO and nothing to tell otherwise.
pub(crate) fn healthy(words: &[String]) -> Act {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["INFO", ..] => bulk("redis_version:7.0.15\r\nuptime_in_seconds:5\r\nrun_id:a\r\nrole:master\r\n"),
        ["AUTH" | "CLIENT", ..] => Act::Say("+OK\r\n".to_owned()),
        ["SLOWLOG", "LEN"] => Act::Say(":0\r\n".to_owned()),
        _ => nothing(),
    }
}
