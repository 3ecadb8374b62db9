//! Certificates, a served program, and clients that show what they saw.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use toolkit::web::{Access, Listener, not_found};

/// A folder with the certificates that the fixtures name.
///
/// `ca` has signed `server`, `client` (scraper.example) and `stranger` (other.example); `pinned` has signed itself;
/// `foreign` is of another CA.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let ca = folder.authority("ca");
        folder.server(&ca);
        folder.client("client", &ca, "scraper.example");
        folder.client("stranger", &ca, "other.example");
        folder.client("foreign", &folder.authority("other-ca"), "scraper.example");
        folder.authority("pinned");
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Replaces a file at once, as a careful program does.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let new = self.path("new");
        std::fs::write(&new, content).unwrap();
        std::fs::rename(new, self.path(name)).unwrap();
        self.path(name)
    }

    /// Copies a fixture; `@NAME@` in it becomes the file of that name, indented as the mark is.
    pub(crate) fn fixture(&self, fixture: &Path) -> PathBuf {
        let mut text = String::new();
        for line in std::fs::read_to_string(fixture).unwrap().lines() {
            let (indent, mark) = line.split_at(line.len() - line.trim_start().len());
            let name = mark.strip_prefix('@').and_then(|mark| mark.strip_suffix('@'));
            let file = name.map(|name| std::fs::read_to_string(self.path(name)).unwrap());
            for line in file.as_deref().unwrap_or(mark).lines() {
                text.extend([indent, line, "\n"]);
            }
        }
        let name = fixture.file_name().unwrap().to_str().unwrap();
        self.write(name, text)
    }

    /// A new authority under this name, which may be a client by itself too.
    pub(crate) fn authority(&self, name: &str) -> Issuer<'static, KeyPair> {
        let mut params = CertificateParams::new(vec![format!("{name}.example")]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        self.write_pair(name, &params.self_signed(&key).unwrap().pem(), &key);
        Issuer::new(params, key)
    }

    /// A new server certificate, as a rotation brings it.
    pub(crate) fn server(&self, issuer: &Issuer<'_, KeyPair>) {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        self.leaf("server", issuer, names.to_vec(), ExtendedKeyUsagePurpose::ServerAuth);
    }

    fn client(&self, name: &str, issuer: &Issuer<'_, KeyPair>, san: &str) {
        self.leaf(name, issuer, vec![san.to_owned()], ExtendedKeyUsagePurpose::ClientAuth);
    }

    fn leaf(
        &self,
        name: &str,
        issuer: &Issuer<'_, KeyPair>,
        sans: Vec<String>,
        usage: ExtendedKeyUsagePurpose,
    ) {
        let mut params = CertificateParams::new(sans).unwrap();
        params.extended_key_usages.push(usage);
        let key = KeyPair::generate().unwrap();
        self.write_pair(name, &params.signed_by(&key, issuer).unwrap().pem(), &key);
    }

    fn write_pair(&self, name: &str, certificate: &str, key: &KeyPair) {
        self.write(&format!("{name}.crt"), certificate);
        self.write(&format!("{name}.key"), key.serialize_pem());
    }
}

/// A program that serves; it stops when dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) access: Arc<Access>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Served {
    pub(crate) async fn start(web_config: Option<&Path>, router: Router) -> Self {
        let listener = Listener::bind(["127.0.0.1:0"]).await.unwrap();
        let address = listener.addresses()[0];
        let access = Arc::new(Access::load(web_config).unwrap());
        let (stop, stopped) = oneshot::channel();
        let serving = listener.serve(router, Arc::clone(&access), async {
            let _dropped = stopped.await;
        });
        Self { address, access, stop, serving: tokio::spawn(serving) }
    }

    /// With a page at `/metrics` and `/-/healthy`.
    pub(crate) async fn pages(web_config: &Path) -> Self {
        Self::start(Some(web_config), pages()).await
    }

    pub(crate) fn begin_stop(self) -> JoinHandle<()> {
        self.stop.send(()).unwrap();
        self.serving
    }
}

pub(crate) fn pages() -> Router {
    Router::new()
        .route("/metrics", get(async || "page\n"))
        .route("/-/healthy", get(async || "healthy\n"))
        .fallback(not_found)
}

/// What a client got.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find_map(|line| line.split_once(": ").filter(|(key, _)| *key == name));
        line.map(|(_, value)| value)
    }
}

/// Sends one request with these header lines and reads until the end.
pub(crate) async fn ask<S>(mut stream: S, path: &str, headers: &[&str]) -> std::io::Result<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let headers: String = headers.iter().flat_map(|line| [*line, "\r\n"]).collect();
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Answer { status: status.unwrap(), head: head.to_owned(), body: body.to_owned() })
}

pub(crate) async fn get_plain(address: SocketAddr, path: &str, headers: &[&str]) -> Answer {
    ask(TcpStream::connect(address).await.unwrap(), path, headers).await.unwrap()
}

/// A TLS client that trusts `ca.crt` of the folder.
pub(crate) struct Client {
    pub(crate) versions: Vec<&'static SupportedProtocolVersion>,
    pub(crate) protocols: Vec<&'static [u8]>,
    pub(crate) certificate: Option<&'static str>,
}

impl Default for Client {
    fn default() -> Self {
        Self { versions: vec![&TLS13, &TLS12], protocols: Vec::new(), certificate: None }
    }
}

impl Client {
    pub(crate) async fn connect(
        &self,
        folder: &Folder,
        address: SocketAddr,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let certificates = |name: &str| {
            let chain = CertificateDer::pem_file_iter(folder.path(name)).unwrap();
            chain.map(Result::unwrap).collect::<Vec<_>>()
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates("ca.crt"));
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match self.certificate {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let key = PrivateKeyDer::from_pem_file(folder.path(&format!("{name}.key"))).unwrap();
                builder.with_client_auth_cert(certificates(&format!("{name}.crt")), key).unwrap()
            }
        };
        config.alpn_protocols = self.protocols.iter().map(|name| name.to_vec()).collect();
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// The status of `/metrics`, or that there was none.
    pub(crate) async fn status(&self, folder: &Folder, address: SocketAddr) -> Option<u16> {
        let stream = self.connect(folder, address).await.ok()?;
        ask(stream, "/metrics", &[]).await.ok().map(|answer| answer.status)
    }
}

/// The fixtures whose name ends so.
pub(crate) fn fixtures(ending: &str) -> Vec<PathBuf> {
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web"), ending)
}

pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.to_str().is_some_and(|path| path.ends_with(ending)));
    found.sort();
    assert!(!found.is_empty(), "no *{ending} in {}", folder.display());
    found
}
