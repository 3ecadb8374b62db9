//! A connection on which no password goes out in clear text: the server's demand for one ends it.
//!
//! tokio-postgres answers such a demand with the password, whoever asks; this looks at what the server says before
//! tokio-postgres does.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::reason::Reason;

/// Byte, length, number: what every message about the login begins with.
const HEAD: usize = 9;

/// The kind of messages about the login.
const AUTHENTICATION: u8 = b'R';

/// The demand for the password in clear text.
const CLEARTEXT: u32 = 3;

/// Bytes that a server may say in all: a query returns one number.
const MAX_SAID: usize = 256 << 10;

/// Why a connection is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// The server asks for the password in clear text.
    #[error("the server asks for the password in clear text, which it does not get")]
    Cleartext,
    /// The server says too much.
    #[error("the server's answer is longer than one number")]
    TooLong,
}

impl Refusal {
    pub(super) fn reason(self) -> Reason {
        match self {
            Self::Cleartext => Reason::CredentialsRefused,
            Self::TooLong => Reason::Protocol,
        }
    }
}

/// A stream whose reader is told of no demand for a password in clear text, and of no endless answer: it gets an error.
pub(super) struct Watch<S> {
    inner: S,
    state: State,
    /// Bytes that it may still say.
    left: usize,
}

enum State {
    /// The bytes of the message that has begun.
    Head([u8; HEAD], usize),
    /// So many bytes of a message are still to come.
    Rest(usize),
    /// The login is over: nothing is looked at any more.
    Done,
}

impl<S> Watch<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, state: State::Head([0; HEAD], 0), left: MAX_SAID }
    }
}

impl State {
    fn see(&mut self, mut bytes: &[u8]) -> Result<(), Refusal> {
        while let Some((first, rest)) = bytes.split_first() {
            match self {
                Self::Done => return Ok(()),
                Self::Rest(left) => {
                    let take = bytes.len().min(*left);
                    bytes = bytes.get(take..).unwrap_or_default();
                    *left -= take;
                    if *left == 0 {
                        *self = Self::Head([0; HEAD], 0);
                    }
                }
                Self::Head(head, known) => {
                    if let Some(place) = head.get_mut(*known) {
                        *place = *first;
                    }
                    *known += 1;
                    bytes = rest;
                    if let Some(next) = Self::after(head, *known)? {
                        *self = next;
                    }
                }
            }
        }
        Ok(())
    }

    /// What follows the bytes that are known; `None` while they are too few to say.
    fn after(head: &[u8; HEAD], known: usize) -> Result<Option<Self>, Refusal> {
        let [kind, ref rest @ ..] = *head;
        let (length, number) = rest.split_at(4);
        let number_of =
            |bytes: &[u8]| bytes.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        let length = number_of(length) as usize;
        match kind {
            // from here on the server may send whatever it likes
            _ if known < 5 => Ok(None),
            AUTHENTICATION if known < HEAD => Ok(None),
            AUTHENTICATION => match number_of(number) {
                0 => Ok(Some(Self::Done)),
                CLEARTEXT => Err(Refusal::Cleartext),
                _ => Ok(Some(Self::resting(length, HEAD - 1))),
            },
            _ => Ok(Some(Self::resting(length, 4))),
        }
    }

    /// The rest of a message of which so many bytes were read; its length counts itself.
    fn resting(length: usize, read: usize) -> Self {
        match length.saturating_sub(read) {
            0 => Self::Head([0; HEAD], 0),
            left => Self::Rest(left),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watch<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        let said = buf.filled().get(before..).unwrap_or_default();
        let left = this.left.checked_sub(said.len()).ok_or(Refusal::TooLong);
        match left.and_then(|left| this.state.see(said).map(|()| left)) {
            Ok(left) => {
                this.left = left;
                Poll::Ready(Ok(()))
            }
            Err(refusal) => {
                buf.set_filled(before);
                Poll::Ready(Err(io::Error::other(refusal)))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watch<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[kind], length.as_slice(), body].concat()
    }

    fn login(number: u32, more: &[u8]) -> Vec<u8> {
        message(AUTHENTICATION, &[number.to_be_bytes().as_slice(), more].concat())
    }

    /// However the bytes are cut, the answer is the same.
    fn check(bytes: &[u8], refused: bool) {
        for size in 1..=bytes.len() {
            let mut state = State::Head([0; HEAD], 0);
            let seen = bytes.chunks(size).try_for_each(|chunk| state.see(chunk));
            assert_eq!(seen.is_err(), refused, "{bytes:?} in pieces of {size}");
        }
    }

    #[test]
    fn a_demand_for_clear_text_is_seen_wherever_it_stands() {
        let notice = message(b'N', b"SNOTICE\0\0");
        check(&login(3, b""), true);
        check(&[notice, login(3, b"")].concat(), true);
        check(&[login(10, b"SCRAM-SHA-256\0\0"), login(3, b"")].concat(), true);
        check(&[message(b'N', b""), login(11, b"r=..."), login(3, b"")].concat(), true);
    }

    #[test]
    fn other_logins_pass_and_afterwards_nothing_is_looked_at() {
        check(
            &[login(10, b"SCRAM-SHA-256\0\0"), login(11, b"x"), login(12, b"y"), login(0, b"")].concat(),
            false,
        );
        check(&[login(5, b"salt"), login(0, b""), message(b'Z', b"I")].concat(), false);
        check(&[login(0, b""), login(3, b"")].concat(), false);
        check(&message(b'E', b"SFATAL\0"), false);
    }
}
