//! Lines and bytes on a stream, by a deadline; never more held than a line, and every wait is somebody's time.

use memchr::memchr;
use netprobe::failure::Failure;
use netprobe::phase::{Phase, Timings};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use crate::outcome::Failed;
use crate::reason::Reason;

/// Bytes of the longest line, its end included: what Go's scanner takes.
const MAX_LINE: usize = 64 << 10;

/// Bytes that are read at once.
const CHUNK: usize = 4 << 10;

/// A stream, what came on it and was not taken yet, and how long was waited.
pub(crate) struct Conversation<S> {
    stream: S,
    unread: Vec<u8>,
    /// How many of the unread bytes were taken since.
    taken: usize,
    deadline: Instant,
    timings: Timings,
    /// Whether the other side said anything yet.
    answered: bool,
}

/// How bytes compare with what is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compared {
    /// They are the same.
    Same,
    /// One is not.
    Different,
    /// They are, as far as they came; nothing more will come.
    Short,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<S> {
    pub(crate) fn new(stream: S, deadline: Instant) -> Self {
        Self { stream, unread: Vec::new(), taken: 0, deadline, timings: Timings::NONE, answered: false }
    }

    /// The next line, without its end; `None` where nothing more comes. What comes last counts as a line without an end.
    pub(crate) async fn line(&mut self) -> Result<Option<&[u8]>, Failed> {
        let mut searched = 0;
        let (length, whole) = loop {
            let unread = self.unread();
            if let Some(at) = unread.get(searched..).and_then(|unseen| memchr(b'\n', unseen)) {
                break (searched + at, searched + at + 1);
            }
            searched = unread.len();
            if searched >= MAX_LINE {
                let message = format!("a line has no end within {MAX_LINE} bytes");
                return Err(Failed::new(self.phase().as_str(), Reason::Protocol, message));
            }
            if !self.more().await? {
                if searched == 0 {
                    return Ok(None);
                }
                break (searched, searched);
            }
        };
        let start = self.taken;
        self.taken += whole;
        let line = self.unread.get(start..start + length).unwrap_or_default();
        Ok(Some(line.strip_suffix(b"\r").unwrap_or(line)))
    }

    /// Takes as many bytes as are wanted and compares them. The first that differs ends it: there is nothing to wait for.
    pub(crate) async fn compare(&mut self, wanted: &[u8]) -> Result<Compared, Failed> {
        loop {
            let unread = self.unread();
            let length = unread.len().min(wanted.len());
            if unread.get(..length) != wanted.get(..length) {
                return Ok(Compared::Different);
            }
            if length == wanted.len() {
                self.taken += length;
                return Ok(Compared::Same);
            }
            if !self.more().await? {
                return Ok(Compared::Short);
            }
        }
    }

    /// Says something.
    pub(crate) async fn say(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        let stream = &mut self.stream;
        let saying = async {
            stream.write_all(bytes).await.map_err(|error| Failure::io(Phase::Send, error))?;
            stream.flush().await.map_err(|error| Failure::io(Phase::Send, error))
        };
        self.timings.measure(Phase::Send, self.deadline, saying).await.map_err(|failure| Failed::of(&failure))
    }

    /// How many bytes came that were not taken.
    pub(crate) fn left(&self) -> usize {
        self.unread().len()
    }

    /// The stream again; what was not taken is lost.
    pub(crate) fn into_stream(self) -> S {
        self.stream
    }

    /// How long was waited for what, up to now.
    pub(crate) fn timings(&self) -> &Timings {
        &self.timings
    }

    /// Ends it, for no longer than a moment: whoever is told leaves no complaint in its log.
    pub(crate) async fn close(mut self) {
        // nobody is waited for: what the system does not take at once is not said
        drop(timeout_at(Instant::now(), self.stream.shutdown()).await);
    }

    fn unread(&self) -> &[u8] {
        self.unread.get(self.taken..).unwrap_or_default()
    }

    fn phase(&self) -> Phase {
        if self.answered { Phase::Transfer } else { Phase::FirstByte }
    }

    /// Reads more; `false` is the end.
    async fn more(&mut self) -> Result<bool, Failed> {
        self.unread.drain(..self.taken);
        self.taken = 0;
        let phase = self.phase();
        let room = MAX_LINE.saturating_sub(self.unread.len()).clamp(1, CHUNK);
        let (stream, unread) = (&mut self.stream, &mut self.unread);
        unread.reserve(room);
        let reading = async {
            let read = stream.take(room as u64).read_buf(unread).await;
            read.map_err(|error| Failure::io(phase, error))
        };
        let read = self.timings.measure(phase, self.deadline, reading).await;
        let read = read.map_err(|failure| Failed::of(&failure))?;
        self.answered |= read > 0;
        Ok(read > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{DuplexStream, duplex};

    use super::*;

    fn pair() -> (Conversation<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(1 << 20);
        (Conversation::new(ours, Instant::now() + Duration::from_secs(5)), theirs)
    }

    async fn lines(said: &[u8]) -> Vec<String> {
        let (mut conversation, mut other) = pair();
        other.write_all(said).await.unwrap();
        drop(other);
        let mut lines = Vec::new();
        while let Some(line) = conversation.line().await.unwrap() {
            lines.push(String::from_utf8_lossy(line).into_owned());
        }
        lines
    }

    #[tokio::test]
    async fn lines_as_go_scans_them() {
        for (said, expected) in [
            ("a\nb\r\nc", &["a", "b", "c"][..]),
            ("a\n\n\r\n\r\r\nb\r", &["a", "", "", "\r", "b"]),
            ("", &[]),
            ("\n", &[""]),
        ] {
            assert_eq!(lines(said.as_bytes()).await, expected, "{said:?}");
        }
    }

    #[tokio::test]
    async fn a_line_is_bounded() {
        let (mut conversation, mut other) = pair();
        let mut said = vec![b'x'; MAX_LINE - 1];
        said.push(b'\n');
        said.resize(said.len() + MAX_LINE, b'y');
        other.write_all(&said).await.unwrap();
        assert_eq!(conversation.line().await.unwrap().map(<[u8]>::len), Some(MAX_LINE - 1));
        let failed = conversation.line().await.unwrap_err();
        assert_eq!((failed.phase, failed.reason), ("transfer", Reason::Protocol));
        assert!(conversation.unread.len() <= MAX_LINE);
    }

    #[tokio::test]
    async fn bytes_are_taken_behind_lines_and_in_pieces() {
        let (mut conversation, mut other) = pair();
        other.write_all(b"line\nab").await.unwrap();
        assert_eq!(conversation.line().await.unwrap(), Some(&b"line"[..]));
        let more = async {
            tokio::task::yield_now().await;
            other.write_all(b"cdef").await.unwrap();
        };
        let (compared, ()) = tokio::join!(conversation.compare(b"abcd"), more);
        assert_eq!(compared.unwrap(), Compared::Same);
        assert_eq!(conversation.left(), 2);
        assert_eq!(conversation.compare(b"exxxxxx").await.unwrap(), Compared::Different);
        drop(other);
        assert_eq!(conversation.compare(b"efg").await.unwrap(), Compared::Short);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_other_side_is_waited_for_until_the_deadline() {
        let (mut conversation, mut other) = pair();
        let failed = conversation.line().await.unwrap_err();
        assert_eq!((failed.phase, failed.reason), ("first_byte", Reason::Timeout));
        assert_eq!(conversation.timings().get(Phase::FirstByte), Some(Duration::from_secs(5)));
        let (mut conversation, mut second) = pair();
        second.write_all(b"a").await.unwrap();
        let failed = conversation.line().await.unwrap_err();
        assert_eq!((failed.phase, failed.reason), ("transfer", Reason::Timeout));
        other.write_all(b"x").await.unwrap();
    }
}
