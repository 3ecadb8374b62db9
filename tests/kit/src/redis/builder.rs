//! How a Redis is to be started.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use super::release::Version;
use super::{REDIS_SERVER, Redis, START_BOUND};
use crate::process::{self, Folder, Launch, Server};
use crate::tls::{Authority, LOOPBACK};

/// How far above its port a member of a cluster listens for the other members.
const BUS: u16 = 10_000;

/// Both must be below Linux's range for outgoing connections, so that no client socket takes one meanwhile.
const LAST_BUS: u16 = 32_000;

/// Tries to find two free ports; every sixth succeeds.
const PORT_TRIES: u32 = 1_000;

/// How a Redis is to be started.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    pub(super) version: Option<Version>,
    pub(super) password: Option<String>,
    role: Role,
    lines: Vec<String>,
    tls: Option<ClientCertificates>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Role {
    #[default]
    Server,
    Member,
    Sentinel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientCertificates {
    NotAsked,
    Required,
}

impl Builder {
    /// Another version than the system's.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = Some(version);
        self
    }

    /// Asks clients for this password (`requirepass`).
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self.config(&format!("requirepass {password}"))
    }

    /// Adds an ACL user, for example `monitor on >secret +info +ping`.
    #[must_use]
    pub fn user(self, rules: &str) -> Self {
        self.config(&format!("user {rules}"))
    }

    /// Speaks TLS only, as `localhost` and `127.0.0.1`, signed by an authority of its own.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = Some(ClientCertificates::NotAsked);
        self
    }

    /// Speaks TLS only, and only to clients with a certificate of the authority.
    #[must_use]
    pub fn mutual_tls(mut self) -> Self {
        self.tls = Some(ClientCertificates::Required);
        self
    }

    /// Follows another Redis, in its version; wait for [`Redis::replicating`] before relying on it.
    #[must_use]
    pub fn replica_of(mut self, master: &Redis) -> Self {
        self.version = self.version.or(master.options.version);
        if let Some(password) = &master.options.password {
            self = self.config(&format!("masterauth {password}"));
        }
        self.config(&format!("replicaof 127.0.0.1 {}", master.port))
    }

    /// Adds a line to redis.conf.
    #[must_use]
    pub fn config(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// These options, and then those of `more`, but for its place among others.
    pub(super) fn with(mut self, more: Self) -> Self {
        self.lines.extend(more.lines);
        Self { version: more.version, password: more.password, tls: more.tls, ..self }
    }

    /// A member of a cluster, which knows no other yet.
    pub(super) fn member(mut self) -> Self {
        self.role = Role::Member;
        self
    }

    /// A Sentinel instead of a server.
    pub(super) fn sentinel(mut self) -> Self {
        self.role = Role::Sentinel;
        self
    }

    /// Starts it.
    pub async fn start(self) -> Result<Redis> {
        let folder = Folder::new()?;
        let files = self.tls.map(|_| TlsFiles::write(&folder)).transpose()?;
        process::on_free_port(async |port| {
            let port = if self.role == Role::Member { member_port()? } else { port };
            folder.write("redis.conf", self.configuration(port, files.as_ref()))?;
            Ok((port, self.launch(port, &folder).await?))
        })
        .await
        .map(|(port, server)| Redis {
            server: Some(server),
            port,
            options: self.clone(),
            files,
            folder,
        })
    }

    pub(super) async fn launch(&self, port: u16, folder: &Folder) -> Result<Server> {
        let program = match self.version {
            Some(version) => version.program()?,
            None => REDIS_SERVER.find()?,
        };
        let log = folder.path().join("redis-server.log");
        let said_before = self.greetings(&log);
        let mut launch = Launch::at(&program, REDIS_SERVER.name(), folder).arg("redis.conf");
        if self.role == Role::Sentinel {
            launch = launch.arg("--sentinel");
        }
        launch
            .start(START_BOUND, async || {
                process::accepts(port).await?;
                ensure!(self.greetings(&log) > said_before, "it is still loading");
                Ok(())
            })
            .await
    }

    /// How often one with this log has said that it is ready; a loading one accepts connections, too.
    fn greetings(&self, log: &Path) -> usize {
        let greeting =
            if self.role == Role::Sentinel { "Sentinel ID is" } else { "eady to accept connections" };
        std::fs::read_to_string(log).unwrap_or_default().matches(greeting).count()
    }

    fn configuration(&self, port: u16, files: Option<&TlsFiles>) -> String {
        let (plain, secure) = if files.is_some() { (0, port) } else { (port, 0) };
        let mut lines = vec!["bind 127.0.0.1".to_owned(), format!("port {plain}"), "daemonize no".to_owned()];
        if self.role != Role::Sentinel {
            // A replica's first copy of an empty master should not take the default five seconds.
            lines.extend(["save \"\"", "repl-diskless-sync-delay 0"].map(str::to_owned));
        }
        if self.role == Role::Member {
            lines.push("cluster-enabled yes".to_owned());
        }
        if let Some(files) = files {
            let clients = if self.tls == Some(ClientCertificates::Required) { "yes" } else { "no" };
            lines.extend([
                format!("tls-port {secure}"),
                format!("tls-cert-file {}", files.certificate.display()),
                format!("tls-key-file {}", files.key.display()),
                format!("tls-ca-cert-file {}", files.authority.display()),
                format!("tls-auth-clients {clients}"),
            ]);
        }
        lines.extend(self.lines.iter().cloned());
        lines.join("\n") + "\n"
    }
}

/// A port that nobody listens on now, with the one for the other members.
fn member_port() -> Result<u16> {
    for _ in 0..PORT_TRIES {
        let port = process::free_port()?;
        if port + BUS < LAST_BUS && TcpListener::bind(("127.0.0.1", port + BUS)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no two free ports {BUS} apart")
}

/// The files of a Redis that speaks TLS.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The authority that signed the other two pairs.
    pub authority: PathBuf,
    /// The server's certificate.
    pub certificate: PathBuf,
    /// The server's key.
    pub key: PathBuf,
    /// A client's certificate.
    pub client_certificate: PathBuf,
    /// A client's key.
    pub client_key: PathBuf,
}

impl TlsFiles {
    fn write(folder: &Folder) -> Result<Self> {
        let authority = Authority::new()?;
        let (server, client) = (authority.server(&LOOPBACK)?, authority.client("client")?);
        Ok(Self {
            authority: folder.write("authority.pem", authority.pem())?,
            certificate: folder.write("server.pem", server.certificate_pem)?,
            key: folder.write("server.key", server.key_pem)?,
            client_certificate: folder.write("client.pem", client.certificate_pem)?,
            client_key: folder.write("client.key", client.key_pem)?,
        })
    }
}
