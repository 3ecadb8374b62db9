//! A name server whose answers a test makes: over UDP, TCP and TLS.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What is spoken.
#[derive(Clone)]
pub(crate) enum Transport {
    Udp,
    Tcp,
    Tls(Arc<ServerConfig>),
    /// UDP and TCP on the same port.
    Both,
}

/// A question as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) message: Vec<u8>,
    pub(crate) over_udp: bool,
}

/// What a server answers: the whole message, or nothing.
pub(crate) type Handler = Arc<dyn Fn(&Asked) -> Option<Vec<u8>> + Send + Sync>;

/// A running server. It stops with this value.
pub(crate) struct NameServer {
    pub(crate) port: u16,
    _tasks: JoinSet<()>,
}

impl NameServer {
    /// Starts one on a free port of 127.0.0.1 and of `::1`.
    pub(crate) async fn start<A: Into<Option<Vec<u8>>>>(
        transport: Transport,
        answer: impl Fn(&Asked) -> A + Send + Sync + 'static,
    ) -> Self {
        let handler: Handler = Arc::new(move |asked| answer(asked).into());
        loop {
            if let Some(server) = Self::on_a_port(&transport, &handler).await {
                return server;
            }
        }
    }

    /// Its address as a target has it.
    pub(crate) fn target(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `None` when another program has the port in the other family or protocol.
    async fn on_a_port(transport: &Transport, handler: &Handler) -> Option<Self> {
        let mut tasks = JoinSet::new();
        let mut port = 0;
        for address in [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
            if matches!(transport, Transport::Udp | Transport::Both) {
                let socket = UdpSocket::bind(SocketAddr::new(address, port)).await.ok()?;
                port = socket.local_addr().unwrap().port();
                tasks.spawn(serve_udp(socket, Arc::clone(handler)));
            }
            if !matches!(transport, Transport::Udp) {
                let listener = TcpListener::bind(SocketAddr::new(address, port)).await.ok()?;
                port = listener.local_addr().unwrap().port();
                let tls =
                    if let Transport::Tls(config) = transport { Some(Arc::clone(config)) } else { None };
                tasks.spawn(serve_tcp(listener, tls, Arc::clone(handler)));
            }
        }
        Some(Self { port, _tasks: tasks })
    }
}

async fn serve_udp(socket: UdpSocket, handler: Handler) {
    let mut buffer = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let asked = Asked { message: buffer[..length].to_vec(), over_udp: true };
        if let Some(answer) = handler(&asked) {
            socket.send_to(&answer, from).await.unwrap();
        }
    }
}

async fn serve_tcp(listener: TcpListener, tls: Option<Arc<ServerConfig>>, handler: Handler) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let handler = Arc::clone(&handler);
        match tls.clone() {
            None => connections.spawn(async move { converse(stream, &handler).await.unwrap_or_default() }),
            Some(tls) => connections.spawn(async move {
                // a client that does not trust us breaks off
                if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                    converse(stream, &handler).await.unwrap_or_default();
                }
            }),
        };
    }
}

/// Answers until the client goes.
async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, handler: &Handler) -> std::io::Result<()> {
    loop {
        let mut message = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut message).await?;
        match handler(&Asked { message, over_udp: false }) {
            Some(answer) => {
                stream.write_u16(u16::try_from(answer.len()).unwrap()).await?;
                stream.write_all(&answer).await?;
            }
            None => return Ok(()),
        }
    }
}

/// Bits of the header.
pub(crate) mod bit {
    pub(crate) const ANSWER: u16 = 0x8000;
    pub(crate) const AUTHORITATIVE: u16 = 0x400;
    pub(crate) const TRUNCATED: u16 = 0x200;
    pub(crate) const RECURSION_DESIRED: u16 = 0x100;
}

impl Asked {
    pub(crate) fn flags(&self) -> u16 {
        u16::from_be_bytes([self.message[2], self.message[3]])
    }

    /// The question with its type and class.
    pub(crate) fn question(&self) -> &[u8] {
        let mut end = 12;
        while self.message[end] != 0 {
            end += usize::from(self.message[end]) + 1;
        }
        &self.message[12..end + 5]
    }

    /// The number of the type that is asked for.
    pub(crate) fn kind(&self) -> u16 {
        let question = self.question();
        u16::from_be_bytes([question[question.len() - 4], question[question.len() - 3]])
    }

    /// The number of the class that is asked for.
    pub(crate) fn class(&self) -> u16 {
        let question = self.question();
        u16::from_be_bytes([question[question.len() - 2], question[question.len() - 1]])
    }

    /// What comes behind the question: the record of EDNS.
    pub(crate) fn behind(&self) -> &[u8] {
        &self.message[12 + self.question().len()..]
    }

    /// An answer with these flags and code, and these records in its sections.
    pub(crate) fn answer(&self, flags: u16, sections: [&[Vec<u8>]; 3]) -> Vec<u8> {
        let recursion = self.flags() & bit::RECURSION_DESIRED;
        let mut message = self.message[..2].to_vec();
        message.extend((bit::ANSWER | recursion | flags).to_be_bytes());
        message.extend([0, 1]);
        for section in sections {
            message.extend(u16::try_from(section.len()).unwrap().to_be_bytes());
        }
        message.extend(self.question());
        message.extend(sections.concat().concat());
        message
    }
}

/// A name as it is sent.
pub(crate) fn name(text: &str) -> Vec<u8> {
    let mut sent = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        sent.push(u8::try_from(label.len()).unwrap());
        sent.extend(label.as_bytes());
    }
    sent.push(0);
    sent
}

/// A record.
pub(crate) fn record(owner: &str, seconds: u32, class: u16, kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    [
        &name(owner)[..],
        &kind.to_be_bytes(),
        &class.to_be_bytes(),
        &seconds.to_be_bytes(),
        &length.to_be_bytes(),
        data,
    ]
    .concat()
}

/// A record of type A and class IN.
pub(crate) fn a(owner: &str, seconds: u32, address: [u8; 4]) -> Vec<u8> {
    record(owner, seconds, 1, 1, &address)
}
