//! Servers that hurt: they take a connection, or do not even that, and never answer.

use std::net::SocketAddr;

use anyhow::{Result, bail};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Duration, timeout};

use crate::listener::{ANY, Listener};

/// A connection that is not accepted in this time will not be: on loopback it takes microseconds.
const SURELY: Duration = Duration::from_millis(300);

/// Connections made to fill a backlog of one; Linux takes one or two.
const FILLERS: usize = 8;

/// Accepts connections, reads nothing, answers nothing, closes nothing.
pub struct Silent(Listener);

impl Silent {
    /// Starts one on a free loopback port.
    pub async fn start() -> Result<Self> {
        let hold = |stream: TcpStream| {
            Box::pin(async move {
                std::future::pending::<()>().await;
                drop(stream);
            }) as std::pin::Pin<Box<_>>
        };
        Ok(Self(Listener::start(ANY, hold).await?))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

/// Listens, but its queue is full: connecting hangs, as it does with a host that drops packets.
pub struct Full {
    socket: tokio::net::TcpListener,
    _queue: Vec<TcpStream>,
}

impl Full {
    /// Starts one on a free loopback port.
    pub async fn start() -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(ANY)?;
        let socket = socket.listen(1)?;
        let mut queue = Vec::new();
        for _ in 0..FILLERS {
            match timeout(SURELY, TcpStream::connect(socket.local_addr()?)).await {
                Ok(stream) => queue.push(stream?),
                Err(_) => return Ok(Self { socket, _queue: queue }),
            }
        }
        bail!("cannot fill the queue of a listener on this system")
    }

    /// Where it listens.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn silent_accepts_and_full_does_not() {
        let silent = Silent::start().await.unwrap();
        let mut stream = TcpStream::connect(silent.address()).await.unwrap();
        assert!(timeout(SURELY, stream.read_u8()).await.is_err());
        let full = Full::start().await.unwrap();
        assert!(timeout(SURELY, TcpStream::connect(full.address().unwrap())).await.is_err());
    }
}
