//! A connection on which HTTP is spoken, and when its first and last bytes passed.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use netprobe::tls::TlsStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// A connection, plain or in TLS.
#[derive(Debug)]
pub(crate) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    /// Whether the server chose HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        matches!(self, Self::Tls(stream) if stream.alpn() == Some(b"h2"))
    }
}

/// A connection that is watched.
#[derive(Debug)]
pub(super) struct Watched {
    socket: Socket,
    marks: Arc<Marks>,
}

/// When bytes passed.
#[derive(Debug)]
pub(super) struct Marks {
    start: Instant,
    /// The last byte that was written before the first was read, in nanoseconds since the start; 0 is never.
    written: AtomicU64,
    /// The first byte that was read.
    read: AtomicU64,
}

impl Watched {
    pub(super) fn new(socket: Socket) -> (Self, Arc<Marks>) {
        let marks = Arc::new(Marks {
            start: Instant::now(),
            written: AtomicU64::default(),
            read: AtomicU64::default(),
        });
        (Self { socket, marks: Arc::clone(&marks) }, marks)
    }
}

impl Marks {
    fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    fn wrote(&self) {
        if self.read.load(Ordering::Relaxed) == 0 {
            self.written.store(self.elapsed(), Ordering::Relaxed);
        }
    }

    fn read(&self) {
        if self.read.load(Ordering::Relaxed) == 0 {
            self.read.store(self.elapsed(), Ordering::Relaxed);
        }
    }

    /// Since when the connection is watched.
    pub(super) fn start(&self) -> Instant {
        self.start
    }

    /// When the request was written, and when the first byte of an answer was read, since the start.
    pub(super) fn passed(&self) -> [Option<Duration>; 2] {
        [&self.written, &self.read].map(|mark| {
            let nanos = mark.load(Ordering::Relaxed);
            (nanos > 0).then(|| Duration::from_nanos(nanos))
        })
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = match &mut this.socket {
            Socket::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Socket::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, buf),
        };
        ready!(read)?;
        if buf.filled().len() > before {
            this.marks.read();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = match &mut this.socket {
            Socket::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Socket::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, bytes),
        };
        let written = ready!(written)?;
        this.marks.wrote();
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = match &mut this.socket {
            Socket::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Socket::Tls(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, slices),
        };
        let written = ready!(written)?;
        this.marks.wrote();
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        matches!(self.socket, Socket::Plain(_))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().socket {
            Socket::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Socket::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().socket {
            // it is closed next, which says the same to the server
            Socket::Plain(_) => Poll::Ready(Ok(())),
            Socket::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }
}
