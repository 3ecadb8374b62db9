//! A tunnel through an HTTP proxy (`CONNECT`).
//!
//! Invariant: not a byte is read beyond the proxy's answer: servers that speak first may have spoken already.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Proxy, failure, is_plain};
use crate::failure::{Failure, Reason};
use crate::phase::Phase;

/// Bytes of the longest answer that is read; proxies send some hundred.
const MAX_ANSWER: usize = 16 << 10;

/// Asks the proxy to connect to `authority`.
pub(super) async fn tunnel(stream: &mut TcpStream, proxy: &Proxy, authority: &str) -> Result<(), Failure> {
    let request = request(proxy, authority)?;
    let io = |error| Failure::io(Phase::Proxy, error);
    stream.write_all(request.as_bytes()).await.map_err(io)?;
    match status(&read_head(stream).await?) {
        Some(200..=299) => Ok(()),
        Some(407) => Err(failure(Reason::ProxyAuthentication)),
        Some(code) => Err(failure(Reason::ProxyRefused).because(format!("the proxy answers {code}"))),
        None => Err(failure(Reason::Protocol).because("the proxy does not speak HTTP/1")),
    }
}

fn request(proxy: &Proxy, authority: &str) -> Result<String, Failure> {
    let mut text = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if let Some(credentials) = &proxy.credentials {
        let encoded = STANDARD.encode(credentials.expose());
        text.extend(["Proxy-Authorization: Basic ", &encoded, "\r\n"]);
    }
    for (name, value) in &proxy.headers {
        let is_line = |text: &str| !text.contains(['\r', '\n', '\0']);
        if !is_plain(name) || !is_line(value.expose()) {
            return Err(failure(Reason::Protocol).because("a header of the request is not one line"));
        }
        text.extend([name, ": ", value.expose(), "\r\n"]);
    }
    text.push_str("\r\n");
    if is_plain(authority) {
        Ok(text)
    } else {
        // it would be more than one line to the proxy
        Err(failure(Reason::Protocol).because("the host is not a host"))
    }
}

/// Reads up to the empty line, by looking at what has come before taking it.
async fn read_head(stream: &mut TcpStream) -> Result<Vec<u8>, Failure> {
    let io = |error| Failure::io(Phase::Proxy, error);
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        let seen = stream.peek(&mut chunk).await.map_err(io)?;
        let before = head.len();
        head.extend_from_slice(chunk.get(..seen).unwrap_or_default());
        let end = head.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|at| at + 4);
        head.truncate(end.unwrap_or(head.len()));
        let taken = chunk.get_mut(..head.len() - before).unwrap_or_default();
        stream.read_exact(taken).await.map_err(io)?;
        if end.is_some() {
            return Ok(head);
        }
        if seen == 0 {
            return Err(failure(Reason::Closed));
        }
        if head.len() > MAX_ANSWER {
            return Err(failure(Reason::TooLong));
        }
    }
}

/// The code of `HTTP/1.1 200 …`.
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?.strip_prefix("HTTP/1.")?;
    let (_, rest) = line.split_once(' ')?;
    rest.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use toolkit::config::Secret;

    use super::*;

    #[test]
    fn a_request_is_never_more_than_it_seems() {
        let mut proxy = Proxy::parse("http://user:secret@proxy").unwrap();
        let text = request(&proxy, "db:5432").unwrap();
        assert_eq!(
            text,
            "CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\nProxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n"
        );
        for host in ["db:1\r\nX: y", "d b:1", "", "dé:1"] {
            assert_eq!(request(&proxy, host).unwrap_err().reason, Reason::Protocol, "{host}");
        }
        proxy.headers = vec![("X-Tenant".to_owned(), Secret::from("a b"))];
        assert!(request(&proxy, "db:1").unwrap().ends_with("X-Tenant: a b\r\n\r\n"));
        proxy.headers = vec![("X-Tenant".to_owned(), Secret::from("a\r\nb"))];
        assert!(request(&proxy, "db:1").is_err());
    }

    #[test]
    fn codes() {
        for (head, expected) in [
            (&b"HTTP/1.1 200 Connection established\r\n\r\n"[..], Some(200)),
            (b"HTTP/1.0 407 No\r\n\r\n", Some(407)),
            (b"HTTP/1.1 20", None),
            (b"220 mail\r\n\r\n", None),
            (b"", None),
        ] {
            assert_eq!(status(head), expected);
        }
    }
}
