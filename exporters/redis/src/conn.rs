//! The Redis protocol on one connection: the only file that names the `redis` crate.
//!
//! Commands are packed by the crate and written in one go; its incremental parser is fed what arrives. There is no
//! task and no channel between a scrape and its socket: one scrape uses the connection at a time.
//!
//! Invariants:
//! - replies belong to commands by their order alone, so a connection on which anything went wrong (or that was
//!   left while replies were outstanding) must never be used again; [`Connection::exchange`] consumes it for that
//!   reason and gives it back only when every reply has arrived;
//! - a server can make us hold no more than [`MAX_ANSWER`] bytes, in no more than [`MAX_LINES`] replies and replies
//!   within replies, nested no deeper than [`MAX_DEPTH`].

use std::io::{self, Read};

use redis::{Parser, Value};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::error::{LinkError, Reason};
use crate::reply::{Refusal, Reply};

/// Bytes taken from a server in one exchange: INFO and LATENCY HISTOGRAM of the largest servers are below 1 MiB.
const MAX_ANSWER: usize = 64 << 20;

/// Line ends in one exchange. Each reply has one at least, and takes some forty bytes here while it can be four on the
/// wire; the longest honest answer, CLIENT LIST of a server with all the ports there are, has far fewer.
const MAX_LINES: usize = 1 << 20;

/// Lists within lists; the deepest honest answer, XINFO, has five.
const MAX_DEPTH: usize = 16;

/// Bytes read at once: a default page of replies in one or two reads.
const READ_SIZE: usize = 16 << 10;

/// A stream to a server: TCP, TLS or a unix socket.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection on which no reply is outstanding.
pub struct Connection {
    stream: Box<dyn Stream>,
    parser: Parser,
}

/// The answer to one command of an exchange.
pub type Answer = Result<Reply, Refusal>;

impl Connection {
    /// Speaks on a stream that has just been opened.
    pub fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, parser: Parser::new() }
    }

    /// Writes all commands at once and reads their replies into `answers`, one each, in order.
    ///
    /// The connection comes back only when all replies have arrived. When it fails, or when the caller drops this
    /// future at its deadline, `answers` keeps the replies that came before.
    pub async fn exchange<W: AsRef<[u8]>>(
        mut self,
        commands: &[Vec<W>],
        answers: &mut Vec<Answer>,
    ) -> Result<Self, LinkError> {
        let mut packed = Vec::new();
        for words in commands {
            let mut command = redis::Cmd::new();
            for word in words {
                command.arg(word.as_ref());
            }
            command.write_packed_command(&mut packed);
        }
        self.send(&packed).await?;

        let mut buffer = vec![0; READ_SIZE];
        let (mut taken, mut lines) = (0, 0);
        let mut unread: &[u8] = &[];
        for _ in commands {
            let value = loop {
                if let Some(value) = self.parse(&mut unread)? {
                    break value;
                }
                let length = self.stream.read(&mut buffer).await.map_err(LinkError::from_io)?;
                let arrived = buffer.get(..length).unwrap_or_default();
                taken += length;
                lines += memchr::memchr_iter(b'\n', arrived).count();
                if arrived.is_empty() {
                    return Err(LinkError::Closed);
                }
                if taken > MAX_ANSWER || lines > MAX_LINES {
                    return Err(LinkError::Protocol("it is too long"));
                }
                unread = arrived;
            };
            answers.push(answer(value)?);
        }
        // one more would be taken for the answer to another command
        match self.parse(&mut unread)? {
            None => Ok(self),
            Some(_) => Err(LinkError::Protocol("it has more replies than there were commands")),
        }
    }

    /// A server that hangs up says why before it does: what it said is read even when it no longer listens.
    async fn send(&mut self, packed: &[u8]) -> Result<(), LinkError> {
        let written = async {
            self.stream.write_all(packed).await?;
            self.stream.flush().await
        };
        match written.await.map_err(LinkError::from_io) {
            Ok(()) | Err(LinkError::Closed) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The next reply, if all of it has arrived.
    fn parse(&mut self, unread: &mut &[u8]) -> Result<Option<Value>, LinkError> {
        match self.parser.parse_value(Arrived(unread)) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_timeout() => Ok(None),
            Err(_) => Err(LinkError::Protocol("it cannot be parsed")),
        }
    }
}

/// What has arrived, for a parser that reads: at its end it says "would block", upon which the parser keeps its
/// state and is called again when there is more.
struct Arrived<'a, 'b>(&'a mut &'b [u8]);

impl Read for Arrived<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Read::read(self.0, into) }
    }
}

/// An error reply is the answer to its own command only, except those after which the server hangs up.
fn answer(value: Value) -> Result<Answer, LinkError> {
    match value {
        Value::ServerError(error) => {
            let refusal = Refusal::new(error.code(), error.details().unwrap_or_default());
            match refusal.reason() {
                Reason::MaxClients | Reason::Denied => Err(refusal.into()),
                _ => Ok(Err(refusal)),
            }
        }
        value => reply(value, MAX_DEPTH).map(Ok),
    }
}

fn reply(value: Value, depth: usize) -> Result<Reply, LinkError> {
    let below = || depth.checked_sub(1).ok_or(LinkError::Protocol("it is nested too deeply"));
    Ok(match value {
        Value::Nil => Reply::Nil,
        Value::Int(number) => Reply::Integer(number),
        Value::BulkString(bytes) | Value::BigNumber(bytes) => text(bytes),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Reply::Text(text),
        Value::Okay => Reply::Text("OK".to_owned()),
        Value::Double(number) => Reply::Text(number.to_string()),
        Value::Boolean(yes) => Reply::Integer(yes.into()),
        Value::Array(items) | Value::Set(items) => {
            let below = below()?;
            Reply::List(items.into_iter().map(|item| reply(item, below)).collect::<Result<_, _>>()?)
        }
        Value::Map(pairs) => {
            let below = below()?;
            let items = pairs.into_iter().flat_map(|(key, value)| [key, value]);
            Reply::List(items.map(|item| reply(item, below)).collect::<Result<_, _>>()?)
        }
        Value::Attribute { data, .. } => reply(*data, below()?)?,
        // an error within a reply, or a push message that we never ask for
        _ => Reply::Nil,
    })
}

fn text(bytes: Vec<u8>) -> Reply {
    String::from_utf8(bytes).map_or_else(|error| Reply::Bytes(error.into_bytes()), Reply::Text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::duplex;

    use super::*;

    /// Sends `answer` in pieces of `size` bytes, then closes.
    async fn exchange(answer: &[u8], size: usize, commands: usize) -> (Vec<Answer>, Option<&'static str>) {
        let (ours, mut theirs) = duplex(1 << 16);
        let answer = answer.to_vec();
        let server = tokio::spawn(async move {
            for piece in answer.chunks(size) {
                if theirs.write_all(piece).await.is_err() {
                    break;
                }
            }
            theirs
        });
        let mut answers = Vec::new();
        let commands = vec![vec!["PING"]; commands];
        let result = Connection::new(Box::new(ours)).exchange(&commands, &mut answers);
        let result = tokio::time::timeout(std::time::Duration::from_secs(1), result).await;
        drop(server);
        let reason = match result {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.reason().as_str()),
            Err(_) => Some("timeout"),
        };
        (answers, reason)
    }

    #[tokio::test(start_paused = true)]
    async fn replies_are_read_however_they_are_cut() {
        let answer =
            b"+OK\r\n$5\r\na\r\nbc\r\n*3\r\n:7\r\n$-1\r\n*1\r\n$0\r\n\r\n-NOPERM no way\r\n$2\r\n\xff!\r\n";
        let expected = vec![
            Ok(Reply::Text("OK".to_owned())),
            Ok(Reply::Text("a\r\nbc".to_owned())),
            Ok(Reply::List(vec![
                Reply::Integer(7),
                Reply::Nil,
                Reply::List(vec![Reply::Text(String::new())]),
            ])),
            Err(Refusal::new("NOPERM", "no way")),
            Ok(Reply::Bytes(b"\xff!".to_vec())),
        ];
        for size in 1..=answer.len() {
            assert_eq!(exchange(answer, size, 5).await, (expected.clone(), None), "{size}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_before_a_failure_is_kept() {
        for (answer, commands, expected, reason) in [
            ("+a\r\n", 2, vec![Ok(Reply::Text("a".to_owned()))], "timeout"),
            ("+a\r\n$9\r\nhalf", 2, vec![Ok(Reply::Text("a".to_owned()))], "timeout"),
            ("+a\r\nHTTP/1.1 400 Bad Request\r\n", 2, vec![Ok(Reply::Text("a".to_owned()))], "protocol"),
            ("+a\r\n+b\r\n", 1, vec![Ok(Reply::Text("a".to_owned()))], "protocol"),
            ("-ERR max number of clients reached\r\n", 1, vec![], "maxclients"),
        ] {
            assert_eq!(exchange(answer.as_bytes(), 99, commands).await, (expected, Some(reason)), "{answer}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hostile_answer_costs_only_the_connection() {
        for answer in [
            "*1\r\n".repeat(1_000),
            format!("{}:1\r\n", "*1\r\n".repeat(MAX_DEPTH + 1)),
            format!("*{MAX_LINES}\r\n{}", ":1\r\n".repeat(MAX_LINES)),
            format!("$1073741824\r\n{}", "x".repeat(MAX_ANSWER)),
            "*2147483647\r\n:1\r\n".to_owned(),
            "*-7\r\n$-7\r\n%-1\r\n".to_owned(),
            ":99999999999999999999\r\n".to_owned(),
            "$18446744073709551615\r\n".to_owned(),
        ] {
            let (answers, reason) = exchange(answer.as_bytes(), 1 << 16, 4).await;
            let beginning = answer.get(..40);
            assert!(answers.len() < 4 && reason.is_some(), "{beginning:?}");
        }
        let deep = format!("{}:1\r\n", "*1\r\n".repeat(MAX_DEPTH));
        let (answers, reason) = exchange(deep.as_bytes(), 4096, 1).await;
        assert_eq!((answers.len(), reason), (1, None));
    }

    /// What a server may send, and what it may not.
    fn wire() -> impl Strategy<Value = Vec<u8>> {
        let line = "[-+:$*%~,_#!=(>|][ -~]{0,6}\r\n";
        let count = (prop::sample::select(vec!["$", "*", "%", "~", ">", "|", "="]), -2..9_i64)
            .prop_map(|(kind, count)| format!("{kind}{count}\r\n").into_bytes());
        let piece = prop_oneof![
            4 => count,
            3 => line.prop_map(String::into_bytes),
            2 => Just(b"$3\r\nabc\r\n".to_vec()),
            2 => Just(b":7\r\n".to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..9),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        /// Whatever arrives, and however it is cut: no panic, an end, and the same answers.
        #[test]
        fn what_arrives_is_read_the_same_however_it_is_cut(wire in wire(), size in 1..40_usize) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
            let whole = runtime.block_on(exchange(&wire, wire.len().max(1), 3));
            let cut = runtime.block_on(exchange(&wire, size, 3));
            prop_assert_eq!(&whole.0, &cut.0);
            prop_assert!(whole.0.len() <= 3);
        }
    }
}
