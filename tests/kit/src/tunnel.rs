//! An HTTP proxy on loopback that makes tunnels (`CONNECT`) and takes nothing else.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use crate::listener::{ANY, Listener};

/// Bytes of the longest request.
const MAX_REQUEST: usize = 16 << 10;

/// A running proxy; dropping it closes its port.
pub struct Tunnels {
    listener: Listener,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Tunnels {
    /// Starts it.
    pub async fn start() -> Result<Self> {
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let shared = Arc::clone(&seen);
        let serve = move |stream| {
            let seen = Arc::clone(&shared);
            Box::pin(async move {
                if let Err(error) = serve(stream, &seen).await {
                    note(&seen, format!("error: {error:#}"));
                }
            }) as Pin<Box<_>>
        };
        Ok(Self { listener: Listener::start(ANY, serve).await?, seen })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// What came so far: requests with their headers, `error: …`.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn note(seen: &Mutex<Vec<String>>, line: String) {
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(line);
}

async fn serve(mut stream: TcpStream, seen: &Mutex<Vec<String>>) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(head.len() < MAX_REQUEST, "the request has no end");
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    note(seen, head.trim_end().to_owned());
    let place = head.strip_prefix("CONNECT ").and_then(|rest| rest.split_once(" HTTP/1.1\r\n"));
    let (place, headers) = place.context("no CONNECT")?;
    ensure!(headers.starts_with(&format!("Host: {place}\r\n")), "the header Host is another");
    // names of this machine only
    let place = place.replace("localhost:", "127.0.0.1:");
    let to: SocketAddr = place.parse().with_context(|| format!("{place} is not on this machine"))?;
    ensure!(to.ip().is_loopback(), "{to} is not on loopback");
    let mut server = TcpStream::connect(to).await.context("connecting")?;
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    drop(copy_bidirectional(&mut stream, &mut server).await);
    Ok(())
}
