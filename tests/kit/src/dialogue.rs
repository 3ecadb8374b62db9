//! A server whose every word a test writes, for protocols in which client and server take turns.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::listener::{ANY, Listener};

/// Bytes that are read in vain for what must come.
const MAX_CAME: usize = 64 << 10;

/// What a server does.
#[derive(Clone)]
pub enum Step {
    /// Says this.
    Send(Vec<u8>),
    /// Reads until what came ends with this.
    Expect(Vec<u8>),
    /// Says this until it is cut off.
    Endless(Vec<u8>),
    /// Goes on in TLS, and stays.
    Tls(Arc<ServerConfig>),
    /// Says nothing and stays.
    Hold,
}

/// Says this.
pub fn send(bytes: impl AsRef<[u8]>) -> Step {
    Step::Send(bytes.as_ref().to_vec())
}

/// Reads until what came ends with this.
pub fn expect(bytes: impl AsRef<[u8]>) -> Step {
    Step::Expect(bytes.as_ref().to_vec())
}

/// A server that does the same with every connection; dropping it closes its port.
pub struct Scripted(Listener);

impl Scripted {
    /// Starts it on loopback.
    pub async fn start(steps: Vec<Step>) -> anyhow::Result<Self> {
        let play = move |stream| {
            let steps = steps.clone();
            // a client that breaks off is what most tests are about
            Box::pin(async move { drop(play(stream, steps).await) }) as Pin<Box<_>>
        };
        Ok(Self(Listener::start(ANY, play).await?))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

async fn play(mut stream: TcpStream, steps: Vec<Step>) -> Result<()> {
    for step in steps {
        match step {
            Step::Send(bytes) => stream.write_all(&bytes).await?,
            Step::Expect(bytes) => {
                let mut came = Vec::new();
                while !came.ends_with(&bytes) {
                    if came.len() == MAX_CAME {
                        return Err(Error::from(ErrorKind::InvalidData));
                    }
                    came.push(stream.read_u8().await?);
                }
            }
            Step::Endless(bytes) => loop {
                stream.write_all(&bytes).await?;
            },
            Step::Tls(config) => {
                let mut tls = TlsAcceptor::from(config).accept(&mut stream).await?;
                tls.read_to_end(&mut Vec::new()).await?;
                return Ok(());
            }
            Step::Hold => std::future::pending().await,
        }
    }
    Ok(())
}
