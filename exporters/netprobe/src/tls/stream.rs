//! TLS on a stream. tokio-rustls would do, but for one thing: it drops the session when a handshake fails, and with
//! it what had been agreed until then.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::ClientConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Cipher, Group, Seen, Version};

/// A stream on which TLS is spoken.
pub struct TlsStream<S> {
    io: S,
    session: Box<ClientConnection>,
    closed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    pub(super) fn new(io: S, session: ClientConnection) -> Self {
        Self { io, session: Box::new(session), closed: false }
    }

    /// The stream beneath.
    pub fn get_ref(&self) -> &S {
        &self.io
    }

    /// The protocol on top that was agreed on.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.session.alpn_protocol()
    }

    pub(super) fn is_tls13(&self) -> bool {
        self.session.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3)
    }

    /// Adds what was agreed on.
    pub(super) fn describe(&self, seen: &mut Seen) {
        let version = self.session.protocol_version().and_then(|version| Version::from_code(version.into()));
        seen.version = version.or(seen.version);
        seen.cipher = self.session.negotiated_cipher_suite().map(|suite| Cipher(suite.suite().into()));
        seen.group = self.session.negotiated_key_exchange_group().map(|group| Group(group.name().into()));
        seen.alpn = self.alpn().map(<[u8]>::to_vec);
    }

    pub(super) async fn shake_hands(&mut self) -> io::Result<()> {
        loop {
            let written = std::future::poll_fn(|cx| self.poll_write_out(cx)).await;
            // a server that hangs up has said why: what it said is read even when it no longer listens
            if let Err(error) = written {
                let read = std::future::poll_fn(|cx| Poll::Ready(self.poll_read_in(cx))).await;
                return Err(match read {
                    Poll::Ready(Err(why)) if why.kind() == io::ErrorKind::InvalidData => why,
                    _ => error,
                });
            }
            if !self.session.is_handshaking() {
                return Ok(());
            }
            if std::future::poll_fn(|cx| self.poll_read_in(cx)).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Waits for the first sign that the server goes on with us (a ticket, or data, which stays to be read) or not.
    pub(super) async fn first_answer(&mut self) -> io::Result<()> {
        loop {
            let state = self.session.process_new_packets().map_err(invalid)?;
            if self.session.tls13_tickets_received() > 0 || state.plaintext_bytes_to_read() > 0 {
                return Ok(());
            }
            if state.peer_has_closed() || std::future::poll_fn(|cx| self.poll_read_in(cx)).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Writes all that TLS has to say.
    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            let written = self.session.write_tls(&mut Bridge { io: &mut self.io, cx });
            if ready!(polled(written))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Reads once and lets TLS work on it; 0 is the end.
    fn poll_read_in(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let read = ready!(polled(self.session.read_tls(&mut Bridge { io: &mut self.io, cx })))?;
        if let Err(error) = self.session.process_new_packets() {
            // our alert goes out if it can; the error counts
            drop(self.poll_write_out(cx));
            return Poll::Ready(Err(invalid(error)));
        }
        Poll::Ready(Ok(read))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match this.session.reader().read(buf.initialize_unfilled()) {
                Ok(read) => {
                    buf.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            // answers of TLS itself, as to a change of keys; a writer that is stuck must not stop the reader
            if let Poll::Ready(Err(error)) = this.poll_write_out(cx) {
                return Poll::Ready(Err(error));
            }
            ready!(this.poll_read_in(cx))?;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // what was taken before must be out before more is taken, so that nothing piles up
        ready!(this.poll_write_out(cx))?;
        let taken = this.session.writer().write(bytes)?;
        match this.poll_write_out(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // taken is taken; the rest goes out with the next write or flush
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(taken)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_write_out(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.closed {
            this.session.send_close_notify();
            this.closed = true;
        }
        ready!(this.poll_write_out(cx))?;
        Pin::new(&mut this.io).poll_shutdown(cx)
    }
}

impl<S> fmt::Debug for TlsStream<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TlsStream")
    }
}

/// An asynchronous stream for a library that reads and writes: "would block" is "pending".
struct Bridge<'a, 'b, S> {
    io: &'a mut S,
    cx: &'a mut Context<'b>,
}

impl<S: AsyncRead + Unpin> Read for Bridge<'_, '_, S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(into);
        match Pin::new(&mut *self.io).poll_read(self.cx, &mut buffer) {
            Poll::Ready(done) => done.map(|()| buffer.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S: AsyncWrite + Unpin> Write for Bridge<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match Pin::new(&mut *self.io).poll_write(self.cx, bytes) {
            Poll::Ready(done) => done,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// TLS has several records to say at once: they go out in one packet.
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match Pin::new(&mut *self.io).poll_write_vectored(self.cx, slices) {
            Poll::Ready(done) => done,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn polled<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
