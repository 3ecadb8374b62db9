//! Messages on a connection that was upgraded, by a deadline. Pings are answered; a message is held up to a bound.

use aws_lc_rs::rand;
use netprobe::failure::Failure;
use netprobe::phase::{Phase, Timings};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::frame::{self, Head, Malformed, Opcode};
use crate::outcome::Failed;
use crate::reason::Reason;

/// Bytes of the longest message that is held to be matched.
const MAX_MESSAGE: usize = 1 << 20;

/// Bytes that are read at once.
const CHUNK: usize = 4 << 10;

/// The status of a normal end.
const GOING: [u8; 2] = 1000_u16.to_be_bytes();

/// A connection that was upgraded.
pub(super) struct Socket<S> {
    stream: S,
    /// What came and was not looked at yet.
    unread: Vec<u8>,
    deadline: Instant,
    timings: Timings,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Goes on with what came right behind the upgrade.
    pub(super) fn new(stream: S, unread: Vec<u8>, deadline: Instant) -> Self {
        Self { stream, unread, deadline, timings: Timings::NONE }
    }

    /// The next message; `None` where the server ends it.
    pub(super) async fn message(&mut self) -> Result<Option<Vec<u8>>, Failed> {
        let mut message = Vec::new();
        let mut begun = false;
        loop {
            let Some((head, payload)) = self.frame(MAX_MESSAGE - message.len()).await? else {
                return Ok(None);
            };
            match head.opcode {
                Opcode::Close => return Ok(None),
                Opcode::Ping => self.send(Opcode::Pong, &payload).await?,
                Opcode::Pong => {}
                Opcode::Text | Opcode::Binary if begun => {
                    return Err(malformed("a message begins within another"));
                }
                Opcode::Continuation if !begun => return Err(malformed("a message begins in its middle")),
                Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                    begun = true;
                    message.extend_from_slice(&payload);
                    if head.is_last {
                        return Ok(Some(message));
                    }
                }
            }
        }
    }

    /// Sends a message.
    pub(super) async fn say(&mut self, message: &[u8], is_text: bool) -> Result<(), Failed> {
        self.send(if is_text { Opcode::Text } else { Opcode::Binary }, message).await
    }

    /// Ends it, for no longer than a moment, and tells how long was waited for what.
    pub(super) async fn close(mut self) -> Timings {
        let timings = self.timings;
        let goodbye = async {
            let told = self.send(Opcode::Close, &GOING).await.is_ok();
            told && self.stream.shutdown().await.is_ok()
        };
        // nobody is waited for: what the system does not take at once is not said
        let _told = timeout_at(Instant::now(), goodbye).await;
        timings
    }

    /// The next frame, whose payload is no longer than `room`; `None` at the end of the connection.
    async fn frame(&mut self, room: usize) -> Result<Option<(Head, Vec<u8>)>, Failed> {
        let head = loop {
            match Head::read(&self.unread) {
                Ok(Some(head)) => break head,
                Ok(None) => {}
                Err(Malformed(message)) => return Err(malformed(message)),
            }
            if !self.more(frame::MAX_HEAD).await? {
                return Ok(None);
            }
        };
        let Some(length) = usize::try_from(head.payload).ok().filter(|length| *length <= room) else {
            let message = format!("a message is longer than {MAX_MESSAGE} bytes");
            return Err(Failed::new(Phase::Transfer.as_str(), Reason::BodyTooLarge, message));
        };
        while self.unread.len() < head.size + length {
            if !self.more(head.size + length - self.unread.len()).await? {
                return Ok(None);
            }
        }
        let payload = self.unread.get(head.size..head.size + length).unwrap_or_default().to_vec();
        self.unread.drain(..head.size + length);
        Ok(Some((head, payload)))
    }

    async fn send(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), Failed> {
        let mut mask = [0; 4];
        // a mask that is known hides nothing from anybody here; it is random for what stands between us
        rand::fill(&mut mask)
            .map_err(|_| Failed::new(Phase::Send.as_str(), Reason::Internal, "no random numbers"))?;
        let bytes = frame::write(opcode, payload, mask);
        let stream = &mut self.stream;
        let sending = async {
            stream.write_all(&bytes).await.map_err(|error| Failure::io(Phase::Send, error))?;
            stream.flush().await.map_err(|error| Failure::io(Phase::Send, error))
        };
        self.timings
            .measure(Phase::Send, self.deadline, sending)
            .await
            .map_err(|failure| Failed::of(&failure))
    }

    /// Reads more, at least a chunk where there is one; `false` is the end.
    async fn more(&mut self, wanted: usize) -> Result<bool, Failed> {
        let (stream, unread) = (&mut self.stream, &mut self.unread);
        unread.reserve(wanted.clamp(CHUNK, 16 * CHUNK));
        let reading =
            async { stream.read_buf(unread).await.map_err(|error| Failure::io(Phase::Transfer, error)) };
        let read = self.timings.measure(Phase::Transfer, self.deadline, reading).await;
        Ok(read.map_err(|failure| Failed::of(&failure))? > 0)
    }
}

fn malformed(message: &'static str) -> Failed {
    Failed::new(Phase::Transfer.as_str(), Reason::Protocol, message)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{DuplexStream, duplex};

    use super::*;

    async fn socket(frames: &[u8]) -> (Socket<DuplexStream>, DuplexStream) {
        let (ours, mut theirs) = duplex(4 << 20);
        let (behind, later) = frames.split_at(frames.len().min(3));
        theirs.write_all(later).await.unwrap();
        (Socket::new(ours, behind.to_vec(), Instant::now() + Duration::from_secs(5)), theirs)
    }

    #[tokio::test]
    async fn parts_become_messages_and_pings_are_answered() {
        let frames = b"\x01\x02ab\x89\x01p\x00\x00\x8a\x00\x80\x01c\x82\x00\x88\x02\x03\xe8";
        let (mut socket, mut server) = socket(frames).await;
        assert_eq!(socket.message().await.unwrap().as_deref(), Some(&b"abc"[..]));
        let mut pong = [0; 7];
        server.read_exact(&mut pong).await.unwrap();
        assert_eq!((pong[0], pong[1], pong[2] ^ pong[6]), (0x8a, 0x81, b'p'));
        assert_eq!(socket.message().await.unwrap().as_deref(), Some(&b""[..]));
        assert_eq!(socket.message().await.unwrap(), None);
        socket.close().await;
        let mut goodbye = Vec::new();
        server.read_to_end(&mut goodbye).await.unwrap();
        assert_eq!(goodbye[..2], [0x88, 0x82]);
    }

    #[tokio::test]
    async fn what_no_server_may_send_ends_it() {
        for (frames, reason) in [
            (&b"\x80\x01a"[..], Reason::Protocol),
            (b"\x01\x01a\x81\x01b", Reason::Protocol),
            (b"\x81\x81\0\0\0\0a", Reason::Protocol),
            (b"\x81\x7f\x00\x00\x00\x00\x00\x10\x00\x01", Reason::BodyTooLarge),
            (b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", Reason::BodyTooLarge),
        ] {
            let (mut socket, _server) = socket(frames).await;
            assert_eq!(socket.message().await.unwrap_err().reason, reason, "{frames:?}");
        }
    }

    #[tokio::test]
    async fn many_parts_are_bounded_together() {
        let mut frames = b"\x01\x00".to_vec();
        for _ in 0..=MAX_MESSAGE / 0xffff {
            frames.extend_from_slice(b"\x00\x7e\xff\xff");
            frames.resize(frames.len() + 0xffff, b'x');
        }
        let (mut socket, _server) = socket(&frames).await;
        assert_eq!(socket.message().await.unwrap_err().reason, Reason::BodyTooLarge);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_is_waited_for_until_the_deadline() {
        for frames in [&b""[..], b"\x81", b"\x81\x05ab"] {
            let (mut socket, _server) = socket(frames).await;
            let failed = socket.message().await.unwrap_err();
            assert_eq!((failed.phase, failed.reason), ("transfer", Reason::Timeout), "{frames:?}");
        }
    }
}
