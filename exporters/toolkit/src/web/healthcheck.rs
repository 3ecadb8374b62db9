//! The program asks itself whether it is healthy, for containers without a shell or curl.
//!
//! It knows the listen address and whether there is a web config file, and it reads neither that file nor the
//! certificates: the running program may still use older ones.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, Error, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::address::ListenAddress;
use crate::tls::AnyCertificate;

/// What the running program may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Plain HTTP: there is no web config file.
    Plain,
    /// TLS, or plain HTTP if TLS is not understood: there is a web config file.
    PerhapsTls,
}

/// Asks `GET /-/healthy` of the program that listens on this address, as its flag writes it; `:9121` is asked on
/// the loopback address. The error is one line.
///
/// The certificate is not verified: we talk to ourselves. A server that then wants a certificate from us is alive.
pub async fn healthcheck(address: &str, transport: Transport) -> Result<(), String> {
    let listen = ListenAddress::parse(address).map_err(|error| format!("{address}: {error}"))?;
    if listen.port() == 0 {
        return Err(format!("{address}: port 0 is not known from outside (hint: give a fixed port)"));
    }
    let asked = timeout(TIME, ask(&listen, transport)).await;
    let failure = match asked {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(failure)) => failure,
        Err(_) => format!("no answer within {} s", TIME.as_secs()),
    };
    Err(format!("{address} is not healthy: {failure}"))
}

async fn ask(listen: &ListenAddress, transport: Transport) -> Result<(), String> {
    let candidates = listen.reachable().await.map_err(|error| error.to_string())?;
    let address = connect(&candidates).await?;
    if transport == Transport::PerhapsTls {
        match ask_tls(address).await {
            Asked::Healthy => return Ok(()),
            Asked::Unhealthy(failure) => return Err(failure),
            Asked::NotTls => {}
        }
    }
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    ask_http(stream).await
}

/// The first address that accepts a connection.
async fn connect(candidates: &[SocketAddr]) -> Result<SocketAddr, String> {
    let mut failure = "the name has no address".to_owned();
    for candidate in candidates {
        match TcpStream::connect(candidate).await {
            Ok(_) => return Ok(*candidate),
            Err(error) => failure = error.to_string(),
        }
    }
    Err(failure)
}

enum Asked {
    Healthy,
    Unhealthy(String),
    NotTls,
}

async fn ask_tls(address: SocketAddr) -> Asked {
    let stream = match TcpStream::connect(address).await {
        Ok(stream) => stream,
        Err(error) => return Asked::Unhealthy(error.to_string()),
    };
    let asked_us = Arc::new(AskedForCertificate::default());
    let config = match client_config(&asked_us) {
        Ok(config) => config,
        Err(error) => return Asked::Unhealthy(error.to_string()),
    };
    let name = ServerName::IpAddress(address.ip().into());
    let outcome = match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
        Ok(stream) => ask_http(stream).await,
        Err(error) if is_not_tls(&error) => return Asked::NotTls,
        Err(error) => Err(error.to_string()),
    };
    match outcome {
        Ok(()) => Asked::Healthy,
        Err(_) if asked_us.0.load(Ordering::Relaxed) => Asked::Healthy,
        Err(failure) => Asked::Unhealthy(failure),
    }
}

async fn ask_http(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), String> {
    stream.write_all(REQUEST).await.map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    while !answer.contains(&b'\n') && answer.len() < MAX_STATUS_LINE {
        let read = stream.read_buf(&mut answer).await.map_err(|error| error.to_string())?;
        if read == 0 {
            break;
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    let mut words = answer.lines().next().unwrap_or_default().split_whitespace();
    match (words.next(), words.next()) {
        (Some(version), Some("200")) if version.starts_with("HTTP/1.") => Ok(()),
        (Some(version), Some(status)) if version.starts_with("HTTP/1.") => {
            Err(format!("it answers {status}"))
        }
        _ => Err("it does not speak HTTP".to_owned()),
    }
}

fn is_not_tls(error: &std::io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    matches!(cause, Some(Error::InvalidMessage(_)))
}

fn client_config(asked: &Arc<AskedForCertificate>) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let resolver: Arc<dyn ResolvesClientCert> = Arc::<AskedForCertificate>::clone(asked);
    Ok(builder
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(AnyCertificate::new(Arc::new(default_provider())))
        .with_client_cert_resolver(resolver))
}

/// Notes whether the server has asked for a certificate; we have none.
#[derive(Debug, Default)]
struct AskedForCertificate(AtomicBool);

impl ResolvesClientCert for AskedForCertificate {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

const REQUEST: &[u8] = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Below the time that container runtimes give a check, 5 s and more.
const TIME: Duration = Duration::from_secs(3);

/// Bytes that are read in search of the status line's end.
const MAX_STATUS_LINE: usize = 1024;
