//! How long a connection may take: a stream that refuses to wait for a slow peer.
//!
//! hyper's own `header_read_timeout` counts the rest between two requests as well, so it would either cut the
//! connection that Prometheus keeps open between scrapes or leave a slow header half an age. It also starts only
//! after the protocol is known. So it is switched off, and this stream keeps the time:
//!
//! | the peer | has |
//! |---|---|
//! | sends its first request, or has sent the first byte of a later one | [`Limits::head`] |
//! | rests between two requests | [`Limits::idle`], less when connections run short |
//! | does not read its answer | [`Limits::stall`] without progress |
//!
//! While a request is being answered nothing is waited for here: the handlers have deadlines of their own.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep, sleep_until};

/// Every bound of a listener and its connections.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// Connections at one time, over all listeners of the program.
    pub(super) connections: usize,
    /// For the TLS handshake.
    pub(super) handshake: Duration,
    /// For the head of a request.
    pub(super) head: Duration,
    /// For the whole body of a request.
    pub(super) body: Duration,
    /// For the rest between two requests.
    pub(super) idle: Duration,
    /// The same when most places are taken.
    pub(super) crowded_idle: Duration,
    /// Without progress when sending an answer.
    pub(super) stall: Duration,
    /// For requests in flight when the program stops.
    pub(super) stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: MAX_CONNECTIONS,
            handshake: HANDSHAKE_TIME,
            head: HEAD_TIME,
            body: BODY_TIME,
            idle: IDLE_TIME,
            crowded_idle: CROWDED_IDLE_TIME,
            stall: STALL_TIME,
            stop: STOP_TIME,
        }
    }
}

/// What the requests of one connection tell its stream.
#[derive(Debug, Default)]
pub(super) struct Activity {
    started: AtomicU64,
    finished: AtomicU64,
    /// The stream that waits for the end of a request, to start the rest after it.
    stream: AtomicWaker,
}

/// Held while one request is being answered.
#[derive(Debug)]
pub(super) struct Running(Arc<Activity>);

impl Activity {
    pub(super) fn begin(self: &Arc<Self>) -> Running {
        self.started.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(self))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.finished.fetch_add(1, Ordering::Release);
        self.0.stream.wake();
    }
}

/// A stream that fails with [`io::ErrorKind::TimedOut`] when its peer takes too long.
pub(super) struct Paced<S> {
    stream: S,
    limits: Arc<Limits>,
    places: Arc<Semaphore>,
    activity: Arc<Activity>,
    /// Requests that this stream has seen come to an end.
    answered: u64,
    /// On HTTP/2 single bytes mean nothing between requests: a ping, a window update.
    multiplexed: bool,
    resting: bool,
    patience: Pin<Box<Sleep>>,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, limits: Arc<Limits>, places: Arc<Semaphore>, multiplexed: bool) -> Self {
        let patience = Box::pin(sleep_until(Instant::now() + limits.head));
        let activity = Arc::default();
        Self {
            stream,
            limits,
            places,
            activity,
            answered: 0,
            multiplexed,
            resting: false,
            patience,
            stalled: None,
        }
    }

    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// Whether a request is being answered; starts the rest when the last one has ended.
    fn busy(&mut self) -> bool {
        let finished = self.activity.finished.load(Ordering::Acquire);
        if self.activity.started.load(Ordering::Relaxed) != finished {
            return true;
        }
        if finished != self.answered {
            self.answered = finished;
            self.resting = true;
            let crowded = self.places.available_permits() < self.limits.connections / CROWDED_SHARE;
            let idle = if crowded { self.limits.crowded_idle } else { self.limits.idle };
            self.patience.as_mut().reset(Instant::now() + idle);
        }
        false
    }

    fn received(&mut self) {
        if !self.busy() && self.resting && !self.multiplexed {
            self.resting = false;
            self.patience.as_mut().reset(Instant::now() + self.limits.head);
        }
    }

    fn poll_stall<T>(
        &mut self,
        context: &mut Context<'_>,
        wrote: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.stalled = None;
            return wrote;
        }
        let limit = self.limits.stall;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + limit)));
        stalled.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if read.is_ready() {
            if buffer.filled().len() > before {
                this.received();
            }
            return read;
        }
        this.activity.stream.register(context.waker());
        if this.busy() {
            return Poll::Pending;
        }
        this.patience.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.poll_stall(context, wrote)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.poll_stall(context, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        this.poll_stall(context, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = Pin::new(&mut this.stream).poll_shutdown(context);
        this.poll_stall(context, shut)
    }
}

/// Connections. A Prometheus pair, a browser and a health check need ten; each costs some 30 KiB.
const MAX_CONNECTIONS: usize = 512;

/// When less than one of this many places is free, resting connections give way sooner.
const CROWDED_SHARE: usize = 4;

/// Longer than any network round trips plus a busy client; the same as for a request's head.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// A head is one packet; ten seconds let a lost one be sent again.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// A webhook of 4 MiB over a slow line.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Prometheus itself closes a kept connection after five minutes: let it be the one, so that it meets no reset.
const IDLE_TIME: Duration = Duration::from_secs(330);

/// Enough for the next request of a page that is being loaded.
const CROWDED_IDLE_TIME: Duration = Duration::from_secs(5);

/// No byte accepted by the peer for as long as the longest scrape timeout in use.
const STALL_TIME: Duration = Duration::from_mins(1);

/// Below the ten seconds that container runtimes wait before they kill.
const STOP_TIME: Duration = Duration::from_secs(5);
