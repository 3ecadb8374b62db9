//! A SOCKS 5 proxy (RFC 1928, RFC 1929) on loopback that is strict: what is not as the standards have it ends the
//! connection, and is written down.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use crate::listener::{ANY, Listener};

/// What a proxy is like.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The user and password that it wants; none when anybody may come.
    pub login: Option<(String, String)>,
    /// Names that it knows, and where they lead. Addresses lead to themselves.
    pub hosts: HashMap<String, SocketAddr>,
    /// What it answers instead of connecting.
    pub refuse: Option<u8>,
}

/// A running proxy; dropping it closes its port.
pub struct Socks {
    listener: Listener,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Socks {
    /// Starts it.
    pub async fn start(rules: Rules) -> Result<Self> {
        let (rules, seen) = (Arc::new(rules), Arc::<Mutex<Vec<String>>>::default());
        let shared = Arc::clone(&seen);
        let serve = move |stream| {
            let (rules, seen) = (Arc::clone(&rules), Arc::clone(&shared));
            Box::pin(async move {
                if let Err(error) = serve(stream, &rules, &seen).await {
                    note(&seen, format!("error: {error:#}"));
                }
            }) as Pin<Box<_>>
        };
        Ok(Self { listener: Listener::start(ANY, serve).await?, seen })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// What came so far: `login USER`, `connect HOST:PORT`, `error: …`.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn note(seen: &Mutex<Vec<String>>, line: String) {
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(line);
}

async fn serve(mut stream: TcpStream, rules: &Rules, seen: &Mutex<Vec<String>>) -> Result<()> {
    let [version, count] = read(&mut stream).await?;
    ensure!(version == 5, "the greeting's version is {version}");
    let ways = some(&mut stream, count).await?;
    let way = u8::from(rules.login.is_some()) * 2;
    if !ways.contains(&way) {
        stream.write_all(&[5, 0xff]).await?;
        bail!("of the ways {ways:?} none is wanted");
    }
    stream.write_all(&[5, way]).await?;
    if let Some((user, password)) = &rules.login {
        let [version, length] = read(&mut stream).await?;
        ensure!(version == 1, "the login's version is {version}");
        let theirs = String::from_utf8(some(&mut stream, length).await?)?;
        let [length] = read(&mut stream).await?;
        let secret = String::from_utf8(some(&mut stream, length).await?)?;
        note(seen, format!("login {theirs}"));
        let good = (theirs.as_str(), secret.as_str()) == (user, password);
        stream.write_all(&[1, u8::from(!good)]).await?;
        ensure!(good, "another user or password");
    }
    let [version, command, reserved, kind] = read(&mut stream).await?;
    ensure!((version, command, reserved) == (5, 1, 0), "the request is {version} {command} {reserved}");
    let (host, known) = host(&mut stream, kind, rules).await?;
    let [high, low] = read(&mut stream).await?;
    let port = u16::from_be_bytes([high, low]);
    note(seen, format!("connect {host}:{port}"));
    if let Some(code) = rules.refuse {
        stream.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
        return Ok(());
    }
    let Some(known) = known else {
        stream.write_all(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
        return Ok(());
    };
    let to = known.unwrap_or_else(|ip| SocketAddr::new(ip, port));
    ensure!(to.ip().is_loopback(), "{to} is not on loopback");
    let mut server = TcpStream::connect(to).await.context("connecting")?;
    // a name as the address it comes from, as some proxies send
    stream.write_all(b"\x05\x00\x00\x03\x05proxy\x04\x38").await?;
    drop(copy_bidirectional(&mut stream, &mut server).await);
    Ok(())
}

/// Whom the client names, and where that leads, if anywhere.
async fn host(
    stream: &mut TcpStream,
    kind: u8,
    rules: &Rules,
) -> Result<(String, Option<Result<SocketAddr, IpAddr>>)> {
    let ip: IpAddr = match kind {
        1 => Ipv4Addr::from(read::<4>(stream).await?).into(),
        4 => Ipv6Addr::from(read::<16>(stream).await?).into(),
        3 => {
            let [length] = read(stream).await?;
            let name = String::from_utf8(some(stream, length).await?)?;
            ensure!(name.parse::<IpAddr>().is_err(), "the name {name} is an address");
            let known = rules.hosts.get(&name).map(|address| Ok(*address));
            return Ok((name, known));
        }
        _ => bail!("an address of the kind {kind}"),
    };
    Ok((ip.to_string(), Some(Err(ip))))
}

async fn read<const N: usize>(stream: &mut TcpStream) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn some(stream: &mut TcpStream, count: u8) -> Result<Vec<u8>> {
    let mut bytes = vec![0; count.into()];
    stream.read_exact(&mut bytes).await?;
    ensure!(!bytes.is_empty(), "an empty field");
    Ok(bytes)
}
