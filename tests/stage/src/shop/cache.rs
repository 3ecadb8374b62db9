//! What the shop keeps in Redis: whole pages, for some seconds.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// Without an answer by then the shop does without its cache.
const PATIENCE: Duration = Duration::from_millis(500);

/// Seconds for which a page is kept: short, so that there are misses and expired keys to see.
const KEPT: &str = "3";

/// One connection to Redis; commands wait for each other.
pub(super) struct Pages {
    port: u16,
    stream: Mutex<Option<BufReader<TcpStream>>>,
}

impl Pages {
    pub(super) fn of(port: u16) -> Self {
        Self { port, stream: Mutex::new(None) }
    }

    /// A page that is kept; nothing when Redis has none, or does not answer.
    pub(super) async fn get(&self, key: &str) -> Option<String> {
        self.command(&["GET", key]).await.ok().flatten()
    }

    /// Keeps a page; when Redis does not answer there is no harm.
    pub(super) async fn keep(&self, key: &str, page: &str) {
        drop(self.command(&["SET", key, page, "EX", KEPT]).await);
    }

    async fn command(&self, words: &[&str]) -> Result<Option<String>> {
        let mut place = self.stream.lock().await;
        let work = async {
            let mut stream = match place.take() {
                Some(stream) => stream,
                None => BufReader::new(TcpStream::connect(("127.0.0.1", self.port)).await?),
            };
            let answer = exchange(&mut stream, words).await?;
            *place = Some(stream);
            Ok(answer)
        };
        timeout(PATIENCE, work).await.context("no answer from Redis")?
    }
}

/// One command and its answer in Redis' own protocol.
async fn exchange(stream: &mut BufReader<TcpStream>, words: &[&str]) -> Result<Option<String>> {
    let parts = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
    let command = format!("*{}\r\n{}", words.len(), parts.collect::<Vec<_>>().concat());
    stream.write_all(command.as_bytes()).await?;
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let line = line.trim_end();
    match line.split_at_checked(1) {
        Some(("+", _) | ("$", "-1")) => Ok(None),
        Some(("$", length)) => {
            let mut value = vec![0; length.parse::<usize>()? + 2];
            stream.read_exact(&mut value).await?;
            value.truncate(value.len() - 2);
            Ok(Some(String::from_utf8(value)?))
        }
        _ => bail!("Redis says {line}"),
    }
}
