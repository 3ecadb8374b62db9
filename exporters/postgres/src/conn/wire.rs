//! Messages of the PostgreSQL protocol on a stream. Rows are read where they lie in the buffer: nothing is copied.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::error::ConnError;

/// A connected stream: TCP, a unix socket, or TLS on one of them.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

/// One message may not be longer: a row with a very long query text fits, and a broken length does not fill memory.
const MAX_MESSAGE: usize = 16 << 20;

/// How much is read at once: the send buffer of a backend is 8 KiB, and the kernel gathers several of them.
const READ_SIZE: usize = 32 << 10;

/// A buffer that grew beyond this for one long message is given back when the session rests.
const KEPT_BUFFER: usize = 64 << 10;

/// A stream with what was read and not yet looked at.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    /// Where the next message begins.
    start: usize,
}

/// One message of the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// What it is.
    pub(crate) tag: u8,
    /// The rest of it.
    pub(crate) body: &'a [u8],
}

impl Wire {
    pub(crate) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, buffer: Vec::new(), start: 0 }
    }

    /// Sends bytes that are whole messages.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), ConnError> {
        self.stream.write_all(bytes).await.map_err(ConnError::from_io)?;
        self.stream.flush().await.map_err(ConnError::from_io)
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Result<Message<'_>, ConnError> {
        let length = loop {
            match self.next_length()? {
                Some(length) => break length,
                None => self.fill().await?,
            }
        };
        let start = self.start;
        self.start += length;
        let message = self.buffer.get(start..start + length).unwrap_or_default();
        match message {
            [tag, _, _, _, _, body @ ..] => Ok(Message { tag: *tag, body }),
            _ => Err(ConnError::Protocol("a message is too short")),
        }
    }

    /// Gives memory back that only a long message needed.
    pub(crate) fn rest(&mut self) {
        if self.start == self.buffer.len() && self.buffer.capacity() > KEPT_BUFFER {
            self.buffer = Vec::new();
            self.start = 0;
        }
    }

    /// Whether something was read that nobody asked for, or the server has hung up: a resting session is silent.
    pub(crate) fn has_unread(&self) -> bool {
        self.start != self.buffer.len()
    }

    /// Reads and forgets until the server hangs up.
    pub(crate) async fn drain(&mut self) {
        self.start = 0;
        loop {
            self.buffer.clear();
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    /// The whole length of the next message, tag included, when all of it is here.
    fn next_length(&self) -> Result<Option<usize>, ConnError> {
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        let [_, a, b, c, d, ..] = rest else { return Ok(None) };
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        if length < 4 {
            return Err(ConnError::Protocol("a message is too short"));
        }
        if length > MAX_MESSAGE {
            return Err(ConnError::Protocol("a message is longer than 16 MiB"));
        }
        Ok((rest.len() > length).then_some(length + 1))
    }

    async fn fill(&mut self) -> Result<(), ConnError> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.reserve(READ_SIZE);
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err(ConnError::Closed),
            Ok(_) => Ok(()),
            Err(error) => Err(ConnError::from_io(error)),
        }
    }
}

/// Puts a message with a tag together; `write` adds its body.
pub(crate) fn message(tag: u8, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = vec![tag, 0, 0, 0, 0];
    write(&mut bytes);
    set_length(&mut bytes, 1);
    bytes
}

/// The same for messages without a tag: the first of a connection.
pub(crate) fn untagged(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 0];
    write(&mut bytes);
    set_length(&mut bytes, 0);
    bytes
}

/// A text with the NUL that ends it.
pub(crate) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(0);
}

fn set_length(bytes: &mut [u8], at: usize) {
    let length = u32::try_from(bytes.len() - at).unwrap_or(u32::MAX).to_be_bytes();
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&length);
    }
}

/// The error that an `ErrorResponse` holds.
pub(crate) fn server_error(body: &[u8]) -> ConnError {
    let (mut code, mut message) = (String::new(), String::new());
    for field in body.split(|byte| *byte == 0) {
        let Some((kind, text)) = field.split_first() else { continue };
        let text = || String::from_utf8_lossy(text).into_owned();
        match kind {
            b'C' => code = text(),
            b'M' => message = text(),
            _ => {}
        }
    }
    let message = message.lines().next().unwrap_or_default().to_owned();
    ConnError::Server { code, message }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    #[tokio::test]
    async fn messages_arrive_whole_whatever_the_pieces() {
        let (ours, mut theirs) = duplex(3);
        let mut sent = message(b'A', |body| body.extend_from_slice(b"first"));
        sent.extend(message(b'B', |_| {}));
        sent.extend(message(b'C', |body| body.resize(100_005, 7)));
        let sending = tokio::spawn(async move { theirs.write_all(&sent).await });
        let mut wire = Wire::new(Box::new(ours));
        let mut seen = Vec::new();
        while let Ok(message) = wire.next().await {
            seen.push((message.tag, message.body.len()));
        }
        sending.await.unwrap().unwrap();
        assert_eq!(seen, [(b'A', 5), (b'B', 0), (b'C', 100_000)]);
        wire.rest();
        assert_eq!(wire.buffer.capacity(), 0);
    }

    #[tokio::test]
    async fn what_is_no_message() {
        for (bytes, expected) in [
            (
                &b"HTTP/1.1 400"[..],
                "the answer is not the PostgreSQL protocol: a message is longer than 16 MiB",
            ),
            (&[b'Z', 0, 0, 0, 1], "the answer is not the PostgreSQL protocol: a message is too short"),
            (&[b'Z', 0, 0, 0, 9, 1], "the server closed the connection"),
        ] {
            let (ours, mut theirs) = duplex(100);
            theirs.write_all(bytes).await.unwrap();
            drop(theirs);
            assert_eq!(Wire::new(Box::new(ours)).next().await.unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn errors() {
        let body = b"SERROR\0C42501\0Mpermission denied\nfor x\0Hhint\0\0";
        assert_eq!(server_error(body).to_string(), "permission denied (SQLSTATE 42501)");
    }
}
