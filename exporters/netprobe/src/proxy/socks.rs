//! A tunnel through a SOCKS 5 proxy (RFC 1928), with a user and password where there are some (RFC 1929).
//!
//! Invariant: not a byte is read beyond the proxy's answer: servers that speak first may have spoken already.

use std::net::IpAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Proxy, failure};
use crate::failure::{Failure, Reason};
use crate::phase::Phase;

const VERSION: u8 = 5;
/// The version of the exchange of user and password.
const LOGIN_VERSION: u8 = 1;
const CONNECT: u8 = 1;

// ways to log in
const NO_LOGIN: u8 = 0;
const PASSWORD: u8 = 2;
const NONE_ACCEPTABLE: u8 = 0xff;

// kinds of addresses
const V4: u8 = 1;
const NAME: u8 = 3;
const V6: u8 = 4;

/// Asks the proxy to connect to a host, which it resolves itself when that is a name.
pub(super) async fn tunnel(
    stream: &mut TcpStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), Failure> {
    let request = request(host, port)?;
    log_in(stream, proxy).await?;
    send(stream, &request).await?;
    let [version, code, _, kind] = read(stream).await?;
    if version != VERSION {
        return Err(no_socks());
    }
    match code {
        0 => {}
        // the proxy's own words (RFC 1928)
        1..=8 => {
            let words = [
                "the proxy failed",
                "the proxy's rules forbid it",
                "the network cannot be reached",
                "the host cannot be reached",
                "the connection was refused",
                "the connection took too long",
                "the proxy does not connect",
                "the proxy does not take addresses of this kind",
            ];
            let words = words.get(usize::from(code) - 1).copied().unwrap_or_default();
            return Err(failure(Reason::ProxyRefused).because(words));
        }
        _ => return Err(failure(Reason::ProxyRefused).because(format!("the proxy answers {code}"))),
    }
    // the address that it connects from, which nobody needs, but has to be taken
    let length = match kind {
        V4 => 4,
        V6 => 16,
        NAME => {
            let [length] = read(stream).await?;
            usize::from(length)
        }
        _ => return Err(no_socks()),
    };
    let mut rest = vec![0; length + 2];
    stream.read_exact(&mut rest).await.map_err(io)?;
    Ok(())
}

async fn log_in(stream: &mut TcpStream, proxy: &Proxy) -> Result<(), Failure> {
    let login = match &proxy.credentials {
        Some(credentials) => Some(login(credentials.expose())?),
        None => None,
    };
    let ways: &[u8] =
        if login.is_some() { &[VERSION, 2, NO_LOGIN, PASSWORD] } else { &[VERSION, 1, NO_LOGIN] };
    send(stream, ways).await?;
    let [version, way] = read(stream).await?;
    match (version, way, login) {
        (VERSION, NO_LOGIN, _) => Ok(()),
        (VERSION, PASSWORD, Some(login)) => {
            send(stream, &login).await?;
            let [version, status] = read(stream).await?;
            match (version, status) {
                (LOGIN_VERSION, 0) => Ok(()),
                (LOGIN_VERSION, _) => Err(failure(Reason::ProxyAuthentication)),
                _ => Err(no_socks()),
            }
        }
        (VERSION, NONE_ACCEPTABLE, _) => Err(failure(Reason::ProxyAuthentication)),
        _ => Err(no_socks()),
    }
}

/// The message with user and password.
fn login(credentials: &str) -> Result<Vec<u8>, Failure> {
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let mut message = vec![LOGIN_VERSION];
    for text in [user, password] {
        let length = u8::try_from(text.len());
        let too_long =
            |_| failure(Reason::ProxyAuthentication).because("user or password is longer than 255 bytes");
        message.push(length.map_err(too_long)?);
        message.extend_from_slice(text.as_bytes());
    }
    Ok(message)
}

fn request(host: &str, port: u16) -> Result<Vec<u8>, Failure> {
    let mut message = vec![VERSION, CONNECT, 0];
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(v4)) => {
            message.push(V4);
            message.extend_from_slice(&v4.octets());
        }
        Ok(IpAddr::V6(v6)) => {
            message.push(V6);
            message.extend_from_slice(&v6.octets());
        }
        Err(_) => {
            let bad = || failure(Reason::Protocol).because("the host is not a host");
            let length = u8::try_from(host.len()).ok().filter(|length| *length > 0).ok_or_else(bad)?;
            if !super::is_plain(host) {
                return Err(bad());
            }
            message.extend_from_slice(&[NAME, length]);
            message.extend_from_slice(host.as_bytes());
        }
    }
    message.extend_from_slice(&port.to_be_bytes());
    Ok(message)
}

async fn send(stream: &mut TcpStream, message: &[u8]) -> Result<(), Failure> {
    stream.write_all(message).await.map_err(io)
}

async fn read<const N: usize>(stream: &mut TcpStream) -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.map_err(io)?;
    Ok(bytes)
}

fn io(error: std::io::Error) -> Failure {
    Failure::io(Phase::Proxy, error)
}

fn no_socks() -> Failure {
    failure(Reason::Protocol).because("the proxy does not speak SOCKS 5")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        for (host, expected) in [
            ("192.0.2.1", &[5, 1, 0, 1, 192, 0, 2, 1, 1, 187][..]),
            ("a.b", &[5, 1, 0, 3, 3, b'a', b'.', b'b', 1, 187]),
        ] {
            assert_eq!(request(host, 443).unwrap(), expected);
        }
        assert_eq!(request("::1", 1).unwrap().len(), 22);
        for host in ["", "a b", &"x".repeat(256)] {
            assert_eq!(request(host, 1).unwrap_err().reason, Reason::Protocol);
        }
    }

    #[test]
    fn logins() {
        assert_eq!(login("u:p:q").unwrap(), b"\x01\x01u\x03p:q");
        assert_eq!(login("u").unwrap(), b"\x01\x01u\x00");
        assert!(login(&"x".repeat(256)).is_err());
    }
}
