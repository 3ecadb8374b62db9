//! What a server says before TLS: lines, or bytes of a known number; never more than is bearable.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::failure;
use crate::failure::{Failure, Reason};
use crate::phase::Phase;

/// Bytes of the longest line; the protocols allow 512 to 8,192.
const MAX_LINE: usize = 8 << 10;

/// Bytes of a whole dialogue; the longest greetings and lists of capabilities have some thousand.
pub(super) const MAX_TAKEN: usize = 64 << 10;

/// Characters of a server's words that stand in an error.
const MAX_QUOTED: usize = 160;

/// A dialogue in plain text.
pub(super) struct Dialogue<'a, S> {
    stream: &'a mut S,
    /// What came and was not looked at yet.
    unread: Vec<u8>,
    taken: usize,
}

/// An answer of one or more lines that begins with a number.
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) lines: Vec<String>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Dialogue<'a, S> {
    pub(super) fn new(stream: &'a mut S) -> Self {
        Self { stream, unread: Vec::new(), taken: 0 }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let io = |error| Failure::io(Phase::StartTls, error);
        self.stream.write_all(bytes).await.map_err(io)?;
        self.stream.flush().await.map_err(io)
    }

    /// Sends a line.
    pub(super) async fn say(&mut self, line: &str) -> Result<(), Failure> {
        self.send(format!("{line}\r\n").as_bytes()).await
    }

    /// The next line, without its end.
    pub(super) async fn line(&mut self) -> Result<String, Failure> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                let text = line.strip_suffix(b"\n").unwrap_or(&line);
                let text = text.strip_suffix(b"\r").unwrap_or(text);
                return Ok(String::from_utf8_lossy(text).into_owned());
            }
            if self.unread.len() > MAX_LINE {
                return Err(failure(Reason::TooLong).because("a line has no end"));
            }
            self.more().await?;
        }
    }

    /// The next `count` bytes.
    pub(super) async fn bytes(&mut self, count: usize) -> Result<Vec<u8>, Failure> {
        while self.unread.len() < count {
            self.more().await?;
        }
        Ok(self.unread.drain(..count).collect())
    }

    /// The text up to the first end that `find` sees in it.
    pub(super) async fn until(&mut self, find: impl Fn(&str) -> Option<usize>) -> Result<String, Failure> {
        loop {
            // what is cut in the middle of a character counts when the rest has come
            let valid = match std::str::from_utf8(&self.unread) {
                Ok(text) => text,
                Err(error) if error.error_len().is_none() => {
                    let whole = self.unread.get(..error.valid_up_to()).unwrap_or_default();
                    std::str::from_utf8(whole).unwrap_or_default()
                }
                Err(_) => return Err(failure(Reason::Protocol).because("it is not text")),
            };
            if let Some(end) = find(valid) {
                let taken: Vec<u8> = self.unread.drain(..end).collect();
                return Ok(String::from_utf8_lossy(&taken).into_owned());
            }
            self.more().await?;
        }
    }

    /// A reply as SMTP and FTP have it: `250-first`, anything, `250 last`.
    pub(super) async fn reply(&mut self) -> Result<Reply, Failure> {
        let first = self.line().await?;
        let Some(code) = code(&first) else { return Err(unexpected(&first)) };
        let mut reply = Reply { code, lines: Vec::new() };
        let mut line = first;
        loop {
            let ends = self::code(&line) == Some(code) && line.as_bytes().get(3) != Some(&b'-');
            reply.lines.push(line);
            if ends {
                return Ok(reply);
            }
            line = self.line().await?;
        }
    }

    /// Lines up to one that is a dot.
    pub(super) async fn list(&mut self) -> Result<Vec<String>, Failure> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await?;
            if line == "." {
                return Ok(lines);
            }
            lines.push(line);
        }
    }

    /// The plain text ends here: nothing may lie behind it.
    pub(super) fn ends_here(&self) -> Result<(), Failure> {
        if self.unread.is_empty() {
            return Ok(());
        }
        let much = format!("{} bytes came behind the go-ahead", self.unread.len());
        Err(failure(Reason::StartTlsInjected).because(much))
    }

    async fn more(&mut self) -> Result<(), Failure> {
        if self.taken >= MAX_TAKEN {
            return Err(failure(Reason::TooLong).because("the server does not stop"));
        }
        let mut chunk = [0; 1024];
        let read = self.stream.read(&mut chunk).await;
        let read = read.map_err(|error| Failure::io(Phase::StartTls, error))?;
        if read == 0 {
            return Err(failure(Reason::Closed));
        }
        self.taken += read;
        self.unread.extend_from_slice(chunk.get(..read).unwrap_or_default());
        Ok(())
    }
}

impl Reply {
    /// Whether a line but the first offers this, as the first word behind the number.
    pub(super) fn offers(&self, word: &str) -> bool {
        self.lines
            .iter()
            .skip(1)
            .any(|line| line.get(4..).is_some_and(|offered| first_word(offered).eq_ignore_ascii_case(word)))
    }

    /// The failure when this is not what was hoped for.
    pub(super) fn refuses(&self, reason: Reason) -> Failure {
        said(reason, self.lines.last().map_or("", String::as_str))
    }
}

/// A failure with the server's words.
pub(super) fn said(reason: Reason, line: &str) -> Failure {
    let mut words = String::from("the server says: ");
    for character in line.chars().take(MAX_QUOTED) {
        if character.is_control() {
            words.extend(character.escape_default());
        } else {
            words.push(character);
        }
    }
    failure(reason).because(words)
}

/// The server does not speak the protocol.
pub(super) fn unexpected(line: &str) -> Failure {
    said(Reason::Protocol, line)
}

/// The first word of a line.
pub(super) fn first_word(line: &str) -> &str {
    line.split_ascii_whitespace().next().unwrap_or_default()
}

fn code(line: &str) -> Option<u16> {
    let code = line.get(..3)?;
    let ends = matches!(line.as_bytes().get(3), None | Some(b' ' | b'-'));
    if ends && code.bytes().all(|byte| byte.is_ascii_digit()) { code.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_replies() {
        for (line, expected) in [
            ("220 ready", Some(220)),
            ("250-SIZE", Some(250)),
            ("234", Some(234)),
            ("2200 x", None),
            ("+12 x", None),
            ("* OK", None),
            ("", None),
        ] {
            assert_eq!(code(line), expected, "{line}");
        }
    }

    #[test]
    fn a_server_s_words_stay_on_one_line_and_short() {
        let failure = said(Reason::Protocol, &format!("a\u{1b}[2Jb\r\n{}", "x".repeat(10_000)));
        let text = toolkit::chain::chain(&failure);
        assert!(text.starts_with("starttls: protocol: the server says: a\\u{1b}[2Jb\\r\\nxxx"), "{text}");
        assert!(text.len() < 300);
    }

    #[tokio::test]
    async fn text_is_cut_where_it_is_found_even_when_a_character_came_in_halves() {
        let (mut client, mut server) = tokio::io::duplex(64);
        let mut dialogue = Dialogue::new(&mut client);
        server.write_all(b"\xc3").await.unwrap();
        dialogue.more().await.unwrap();
        server.write_all(b"\xbc>rest").await.unwrap();
        let found = dialogue.until(|text| text.find('>').map(|at| at + 1)).await.unwrap();
        assert_eq!(found, "ü>");
        assert_eq!(dialogue.ends_here().unwrap_err().reason, Reason::StartTlsInjected);
    }
}
