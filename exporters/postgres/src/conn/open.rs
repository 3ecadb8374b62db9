//! Opening a session: a stream, TLS on it, our introduction.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout_at};

use super::APPLICATION_NAME;
use super::auth::{self, Allowed, ChannelBinding, Identity, Protection};
use super::cancel::Key;
use super::error::ConnError;
use super::session::{About, Session};
use super::tls::{self, Mode, TlsCache, TlsSettings};
use super::wire::{Message, Stream, Wire, put_text, server_error, untagged};
use crate::credentials::Credentials;

/// Version 3.0 of the protocol, which every server since 7.4 and every pooler speaks.
const PROTOCOL: u32 = 3 << 16;

/// The code of a request for TLS.
const TLS_CODE: u32 = (1234 << 16) + 5679;

/// Everything that is needed to open sessions on one server.
#[derive(Clone, Debug)]
pub struct Link {
    /// Where it is; several places are tried in order.
    pub places: Vec<Place>,
    /// Who we are there, and how we prove it.
    pub credentials: Credentials,
    /// The database of the cluster's own collectors.
    pub database: String,
    /// How TLS is spoken.
    pub tls: TlsSettings,
    /// Which ways to ask for the password are answered.
    pub allowed: Allowed,
    /// Whether SCRAM is bound to the TLS channel.
    pub binding: ChannelBinding,
    /// How long connecting to one place may take.
    pub connect_timeout: Duration,
    /// Settings to start sessions with (`options`), as the user gave them; poolers refuse most.
    pub options: Option<String>,
    /// Which of several servers is wanted.
    pub wanted: Wanted,
    /// Certificates that were read.
    pub(crate) tls_cache: Arc<TlsCache>,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A host and port.
    Tcp {
        /// Its name or address, for certificates.
        host: String,
        /// The address to connect to instead of asking for the name's.
        address: Option<IpAddr>,
        /// The port.
        port: u16,
    },
    /// A unix socket.
    Unix {
        /// The folder that it lies in.
        folder: PathBuf,
        /// The port in its name.
        port: u16,
    },
}

/// Which of several servers is wanted; libpq's `target_session_attrs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// The first that answers.
    #[default]
    Any,
    /// One that takes writes.
    Primary,
    /// One that follows.
    Standby,
    /// One that follows, else any.
    PreferStandby,
}

/// Where a session came from, for cancelling it.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    place: Place,
    tls: Option<(TlsSettings, Arc<TlsCache>)>,
}

impl Place {
    /// The host as other people's tools write it, for labels.
    pub fn name(&self) -> String {
        match self {
            Self::Tcp { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port, .. } => format!("{host}:{port}"),
            Self::Unix { folder, port } => format!("{}:{port}", folder.display()),
        }
    }

    fn is_local(&self) -> bool {
        matches!(self, Self::Unix { .. })
    }

    fn host(&self) -> &str {
        match self {
            Self::Tcp { host, .. } => host,
            Self::Unix { .. } => "localhost",
        }
    }
}

/// Opens a session on `database`, at the first place that has what is wanted.
pub(crate) async fn open(link: &Link, database: &str, deadline: Instant) -> Result<Session, ConnError> {
    let mut last = ConnError::Settings("no host is configured".to_owned());
    let rounds: &[Wanted] = match link.wanted {
        Wanted::PreferStandby => &[Wanted::Standby, Wanted::Any],
        Wanted::Any => &[Wanted::Any],
        Wanted::Primary => &[Wanted::Primary],
        Wanted::Standby => &[Wanted::Standby],
    };
    for wanted in rounds {
        for place in &link.places {
            let limit = deadline.min(Instant::now() + link.connect_timeout);
            let opening = timeout_at(limit, open_at(link, place, database));
            match opening.await.unwrap_or(Err(ConnError::Timeout("connecting"))) {
                Ok(session) if session.is_wanted(*wanted) => return Ok(session),
                Ok(mut session) => {
                    session.close().await;
                    last = ConnError::Settings("no server is what target_session_attrs wants".to_owned());
                }
                Err(error) => last = error,
            }
        }
    }
    Err(last)
}

/// A connection of its own to where a session came from.
pub(crate) async fn connect_again(peer: &Peer) -> Result<Wire, ConnError> {
    let stream = connect(&peer.place).await?;
    match &peer.tls {
        None => Ok(Wire::new(stream)),
        Some((settings, cache)) => {
            let stream = if settings.direct { stream } else { ask_for_tls(stream).await?.0 };
            Ok(Wire::new(Box::new(tls::connect(settings, cache, peer.place.host(), stream).await?)))
        }
    }
}

async fn open_at(link: &Link, place: &Place, database: &str) -> Result<Session, ConnError> {
    let password = link.credentials.password(place, database).await?;
    let mode = if place.is_local() { Mode::Disable } else { link.tls.mode };
    let first_try = if mode == Mode::Allow { Mode::Disable } else { mode };
    let opened = introduced(link, place, database, password.as_ref(), first_try).await;
    match (mode, opened) {
        // the server may insist on TLS, or on none
        (Mode::Allow, Err(ConnError::Server { code, .. })) if code == "28000" => {
            introduced(link, place, database, password.as_ref(), Mode::Require).await
        }
        (Mode::Prefer, Err(ConnError::Server { code, .. })) if code == "28000" => {
            introduced(link, place, database, password.as_ref(), Mode::Disable).await
        }
        (_, opened) => opened,
    }
}

async fn introduced(
    link: &Link,
    place: &Place,
    database: &str,
    password: Option<&toolkit::config::Secret>,
    mode: Mode,
) -> Result<Session, ConnError> {
    let stream = connect(place).await?;
    let (mut wire, end_point, encrypted) = secure(link, place, mode, stream).await?;
    let peer = Peer {
        place: place.clone(),
        tls: encrypted.then(|| (link.tls.clone(), Arc::clone(&link.tls_cache))),
    };
    let user = link.credentials.user.as_str();
    wire.send(&startup(user, database, link.options.as_deref())).await?;
    let identity = Identity {
        user,
        password,
        allowed: &link.allowed,
        protection: Protection {
            encrypted,
            verified: encrypted && link.tls.verifies(),
            local: place.is_local(),
        },
        binding: link.binding,
        end_point,
    };
    auth::introduce(&mut wire, &identity).await?;
    ready(wire, peer, database).await
}

async fn connect(place: &Place) -> Result<Box<dyn Stream>, ConnError> {
    match place {
        Place::Unix { folder, port } => {
            let path: &Path = &folder.join(format!(".s.PGSQL.{port}"));
            let stream = UnixStream::connect(path).await.map_err(ConnError::Connect)?;
            Ok(Box::new(stream))
        }
        Place::Tcp { host, address, port } => {
            let addresses: Vec<std::net::SocketAddr> = match address {
                Some(address) => vec![(*address, *port).into()],
                None => {
                    tokio::net::lookup_host((host.as_str(), *port)).await.map_err(ConnError::Dns)?.collect()
                }
            };
            let stream = TcpStream::connect(addresses.as_slice()).await.map_err(ConnError::Connect)?;
            stream.set_nodelay(true).map_err(ConnError::Connect)?;
            Ok(Box::new(stream))
        }
    }
}

/// TLS on the stream when the mode and the server want it; with it what SCRAM binds to.
async fn secure(
    link: &Link,
    place: &Place,
    mode: Mode,
    stream: Box<dyn Stream>,
) -> Result<(Wire, Option<Vec<u8>>, bool), ConnError> {
    if mode == Mode::Disable {
        return Ok((Wire::new(stream), None, false));
    }
    let (stream, willing) = if link.tls.direct { (stream, true) } else { ask_for_tls(stream).await? };
    if !willing {
        if mode == Mode::Prefer {
            return Ok((Wire::new(stream), None, false));
        }
        return Err(ConnError::Tls(
            "the server does not speak TLS (hint: sslmode=prefer or disable)".to_owned(),
        ));
    }
    let stream = tls::connect(&link.tls, &link.tls_cache, place.host(), stream).await?;
    let end_point = tls::end_point(&stream);
    Ok((Wire::new(Box::new(stream)), end_point, true))
}

/// Asks whether the server speaks TLS. Exactly one byte is read: what follows in clear text would be a meddler's.
async fn ask_for_tls(mut stream: Box<dyn Stream>) -> Result<(Box<dyn Stream>, bool), ConnError> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let request = untagged(|body| body.extend_from_slice(&TLS_CODE.to_be_bytes()));
    stream.write_all(&request).await.map_err(ConnError::from_io)?;
    stream.flush().await.map_err(ConnError::from_io)?;
    match stream.read_u8().await.map_err(ConnError::from_io)? {
        b'S' => Ok((stream, true)),
        b'N' => Ok((stream, false)),
        _ => Err(ConnError::Protocol("expected an answer to the request for TLS")),
    }
}

fn startup(user: &str, database: &str, options: Option<&str>) -> Vec<u8> {
    let mut parameters = vec![
        ("user", user),
        ("database", database),
        ("client_encoding", "UTF8"),
        ("application_name", APPLICATION_NAME),
    ];
    parameters.extend(options.map(|options| ("options", options)));
    untagged(|body| {
        body.extend_from_slice(&PROTOCOL.to_be_bytes());
        for (name, value) in parameters {
            put_text(body, name);
            put_text(body, value);
        }
        body.push(0);
    })
}

/// Reads what the server says of the session until it waits for queries.
async fn ready(mut wire: Wire, peer: Peer, database: &str) -> Result<Session, ConnError> {
    let (mut key, mut about) = (Key::default(), About::default());
    loop {
        let Message { tag, body } = wire.next().await?;
        match tag {
            b'Z' => return Ok(Session::new(wire, peer, key, database.to_owned(), about)),
            b'E' => return Err(server_error(body)),
            b'K' => {
                if let Some((process, secret)) = body.split_first_chunk::<4>() {
                    key = Key { process: u32::from_be_bytes(*process), secret: secret.to_vec() };
                }
            }
            b'S' => {
                let mut words = body.split(|byte| *byte == 0);
                match (words.next(), words.next()) {
                    (Some(b"server_version"), Some(value)) => {
                        about.console = value.ends_with(b"/bouncer");
                    }
                    (Some(b"in_hot_standby"), Some(value)) => about.standby = Some(value == b"on"),
                    (Some(b"server_encoding"), Some(value)) => about.raw_text = value == b"SQL_ASCII",
                    _ => {}
                }
            }
            _ => {}
        }
    }
}
