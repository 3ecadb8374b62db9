//! From a place to a stream of bytes: name, TCP or unix socket, TLS.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpStream, UnixStream, lookup_host};

use crate::conn::Stream;
use crate::error::LinkError;
use crate::target::Place;
use crate::tls::{TlsConfigs, TlsSettings};

/// A stream that was opened.
pub struct Opened {
    /// The stream.
    pub stream: Box<dyn Stream>,
    /// When the server's certificate ends, in Unix time, where TLS is spoken.
    pub not_after: Option<i64>,
}

/// Opens a stream to `place`. The caller bounds how long it may take.
pub async fn open(place: &Place, settings: &TlsSettings, configs: &TlsConfigs) -> Result<Opened, LinkError> {
    match place {
        Place::Unix { path } => {
            let stream = UnixStream::connect(path).await.map_err(LinkError::Connect)?;
            Ok(Opened { stream: Box::new(stream), not_after: None })
        }
        Place::Network { host, port, tls } => {
            let addresses: Vec<SocketAddr> =
                lookup_host((host.as_str(), *port)).await.map_err(LinkError::Dns)?.collect();
            let stream = connect_to_any(&addresses).await?;
            // a scrape is one small write and its answer: waiting for more to send would only delay it
            stream.set_nodelay(true).map_err(LinkError::Connect)?;
            if *tls {
                let (stream, not_after) =
                    configs.connect(settings, host, stream).await.map_err(LinkError::Tls)?;
                Ok(Opened { stream: Box::new(stream), not_after })
            } else {
                Ok(Opened { stream: Box::new(stream), not_after: None })
            }
        }
    }
}

/// Tries the addresses in turn. The first failure is the one that is told: it is the server's usual address.
async fn connect_to_any(addresses: &[SocketAddr]) -> Result<TcpStream, LinkError> {
    let mut first = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => first = first.or(Some(LinkError::Connect(error))),
        }
    }
    Err(first.unwrap_or_else(|| LinkError::Dns(io::Error::other("the name has no address"))))
}
