//! Lines on a connection that may turn to TLS in its middle.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// How long a client may be silent: RFC 5321 4.5.3.2.7.
const SILENCE: Duration = Duration::from_mins(5);

/// The longest line that is kept in memory; a client that sends more is cut off.
const LINE_BYTES: usize = 1 << 20;

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(super) struct Wire {
    stream: Option<Box<dyn Stream>>,
    read: Vec<u8>,
}

impl Wire {
    pub(super) fn new(stream: impl Stream + 'static) -> Self {
        Self { stream: Some(Box::new(stream)), read: Vec::new() }
    }

    /// The next line, with its end as it was sent; `None` when the client has left.
    pub(super) async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut seen = 0;
        loop {
            if let Some(end) = self.read.iter().skip(seen).position(|&byte| byte == b'\n') {
                let rest = self.read.split_off(seen + end + 1);
                return Ok(Some(std::mem::replace(&mut self.read, rest)));
            }
            seen = self.read.len();
            if seen > LINE_BYTES {
                return Err(io::Error::other("an endless line"));
            }
            let Some(stream) = &mut self.stream else { return Ok(None) };
            if timeout(SILENCE, stream.read_buf(&mut self.read)).await?? == 0 {
                return Ok(None);
            }
        }
    }

    pub(super) async fn send(&mut self, text: &str) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Err(io::ErrorKind::NotConnected.into()) };
        stream.write_all(text.as_bytes()).await?;
        stream.flush().await
    }

    /// Goes on in TLS. What the client sent in clear after STARTTLS must not be taken for what comes by TLS.
    pub(super) async fn start_tls(&mut self, acceptor: &TlsAcceptor) -> io::Result<()> {
        if !self.read.is_empty() {
            return Err(io::Error::other("commands in clear after STARTTLS"));
        }
        let stream = self.stream.take().ok_or(io::ErrorKind::NotConnected)?;
        self.stream = Some(Box::new(acceptor.accept(stream).await?));
        Ok(())
    }
}
