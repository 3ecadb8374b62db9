//! A listening socket whose service can be taken down and brought up again on the same port.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// One connection being served.
pub(crate) type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Loopback, and a port that the kernel chooses.
pub(crate) const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

pub(crate) struct Listener {
    address: SocketAddr,
    serve: Arc<dyn Fn(TcpStream) -> Serving + Send + Sync>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl Listener {
    pub(crate) async fn start(
        address: SocketAddr,
        serve: impl Fn(TcpStream) -> Serving + Send + Sync + 'static,
    ) -> Result<Self> {
        let socket =
            TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        let listener =
            Self { address: socket.local_addr()?, serve: Arc::new(serve), accepting: Mutex::new(None) };
        listener.accept(socket);
        Ok(listener)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the port and every connection: clients are refused from when this returns.
    pub(crate) async fn down(&self) {
        let accepting = self.accepting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(accepting) = accepting {
            accepting.abort();
            drop(accepting.await);
        }
    }

    /// Listens on the same port again.
    pub(crate) async fn up(&self) -> Result<()> {
        self.down().await;
        let socket = TcpListener::bind(self.address).await;
        self.accept(socket.with_context(|| format!("cannot listen on {} again", self.address))?);
        Ok(())
    }

    fn accept(&self, socket: TcpListener) {
        let serve = Arc::clone(&self.serve);
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = socket.accept() => {
                        if let Ok((stream, _)) = accepted {
                            connections.spawn(serve(stream));
                        }
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        *self.accepting.lock().unwrap_or_else(PoisonError::into_inner) = Some(accepting);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(accepting) = self.accepting.lock().unwrap_or_else(PoisonError::into_inner).take() {
            accepting.abort();
        }
    }
}
