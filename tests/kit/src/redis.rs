//! A real Redis, in a temporary folder, with the options that monitoring has to cope with.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process::{self, Folder, Launch, Program, Server};
use crate::tls::{Authority, LOOPBACK};
use crate::wait::eventually;

/// The server's program.
pub const REDIS_SERVER: Program =
    Program { names: &["redis-server", "valkey-server"], install: "apt-get install redis-server" };

/// The client's program.
pub const REDIS_CLI: Program =
    Program { names: &["redis-cli", "valkey-cli"], install: "apt-get install redis-tools" };

/// How long a start may take; it takes some 20 ms on an idle machine.
const START_BOUND: Duration = Duration::from_secs(20);

/// How a Redis is to be started.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    lines: Vec<String>,
    password: Option<String>,
    tls: Option<ClientCertificates>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientCertificates {
    NotAsked,
    Required,
}

impl Builder {
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

    /// Follows another Redis; wait for [`Redis::replicating`] before relying on it.
    #[must_use]
    pub fn replica_of(mut self, master: &Redis) -> Self {
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

    /// Starts it.
    pub async fn start(self) -> Result<Redis> {
        let folder = Folder::new()?;
        let files = self.tls.map(|_| TlsFiles::write(&folder)).transpose()?;
        process::on_free_port(async |port| {
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

    async fn launch(&self, port: u16, folder: &Folder) -> Result<Server> {
        let log = folder.path().join("redis-server.log");
        let said_before = greetings(&log);
        let launch = Launch::new(&REDIS_SERVER, folder)?.arg("redis.conf");
        launch
            .start(START_BOUND, async || {
                process::accepts(port).await?;
                ensure!(greetings(&log) > said_before, "it is still loading");
                Ok(())
            })
            .await
    }

    fn configuration(&self, port: u16, files: Option<&TlsFiles>) -> String {
        let (plain, secure) = if files.is_some() { (0, port) } else { (port, 0) };
        let mut lines = vec![
            "bind 127.0.0.1".to_owned(),
            format!("port {plain}"),
            "daemonize no".to_owned(),
            "save \"\"".to_owned(),
            // A replica's first copy of an empty master should not take the default five seconds.
            "repl-diskless-sync-delay 0".to_owned(),
        ];
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

/// A running (or stopped) Redis.
pub struct Redis {
    server: Option<Server>,
    port: u16,
    options: Builder,
    files: Option<TlsFiles>,
    folder: Folder,
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

impl Redis {
    /// Starts a plain one.
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// Options first.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Its port; the same after every start.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `redis://127.0.0.1:port`, or `rediss://localhost:port`; without credentials.
    pub fn url(&self) -> String {
        match self.files {
            None => format!("redis://127.0.0.1:{}", self.port),
            Some(_) => format!("rediss://localhost:{}", self.port),
        }
    }

    /// The certificates of a Redis that speaks TLS.
    pub fn tls_files(&self) -> Option<&TlsFiles> {
        self.files.as_ref()
    }

    /// The running process.
    pub fn server(&self) -> Result<&Server> {
        self.server.as_ref().context("this Redis is stopped")
    }

    /// Runs `redis-cli` with these arguments, as the default user, and returns what it printed.
    pub async fn cli(&self, arguments: &[&str]) -> Result<String> {
        let port = self.port.to_string();
        let mut all = vec!["-h", "127.0.0.1", "-p", &port];
        if let Some(password) = &self.options.password {
            all.extend(["--no-auth-warning", "-a", password]);
        }
        let files = self.files.as_ref().map(|files| {
            [&files.authority, &files.client_certificate, &files.client_key]
                .map(|path| path.to_string_lossy())
        });
        if let Some([authority, certificate, key]) = &files {
            all.extend(["--tls", "--cacert", authority, "--cert", certificate, "--key", key]);
        }
        all.extend(arguments);
        Ok(process::run(&REDIS_CLI, &all).await?.trim_end().to_owned())
    }

    /// Stops it in order; its port refuses connections when this returns.
    pub async fn stop(&mut self) -> Result<()> {
        self.server.take().context("this Redis is already stopped")?.stop().await?;
        Ok(())
    }

    /// Kills it without a goodbye.
    pub fn kill9(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill9();
        }
    }

    /// Starts it again on the same port, with the same options and folder.
    pub async fn start_again(&mut self) -> Result<()> {
        ensure!(self.server.is_none(), "this Redis still runs");
        self.server = Some(self.options.launch(self.port, &self.folder).await?);
        Ok(())
    }

    /// Waits until the link of a replica to its master is up.
    pub async fn replicating(&self) -> Result<()> {
        eventually(START_BOUND, "the replica's link", async || {
            let info = self.cli(&["INFO", "replication"]).await?;
            ensure!(info.contains("master_link_status:up"), "{info}");
            Ok(())
        })
        .await
    }
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

/// How often a Redis with this log has said that it is ready; a loading one accepts connections, too.
fn greetings(log: &std::path::Path) -> usize {
    std::fs::read_to_string(log).unwrap_or_default().matches("eady to accept connections").count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn starts_stops_and_returns_on_the_same_port() {
        let mut redis =
            Redis::builder().password("s3cret").user("app on >other +ping").start().await.unwrap();
        assert_eq!(redis.cli(&["SET", "a", "1"]).await.unwrap(), "OK");
        assert_eq!(redis.cli(&["--user", "app", "-a", "other", "PING"]).await.unwrap(), "PONG");
        let url = redis.url();
        redis.stop().await.unwrap();
        assert!(process::accepts(redis.port()).await.is_err());
        redis.start_again().await.unwrap();
        assert_eq!((redis.url(), redis.cli(&["GET", "a"]).await.unwrap()), (url, String::new()));
        redis.kill9();
        assert!(redis.cli(&["PING"]).await.is_err());
    }

    #[tokio::test]
    async fn a_replica_and_mutual_tls() {
        let master = Redis::builder().password("s3cret").start().await.unwrap();
        let replica = Redis::builder().replica_of(&master).start().await.unwrap();
        replica.replicating().await.unwrap();
        let secure = Redis::builder().mutual_tls().start().await.unwrap();
        assert_eq!(secure.cli(&["PING"]).await.unwrap(), "PONG");
        assert!(secure.url().starts_with("rediss://"));
    }

    #[tokio::test]
    async fn a_bad_option_shows_what_redis_said() {
        let error = Redis::builder().config("no-such-option yes").start().await.map(drop).unwrap_err();
        assert!(error.to_string().contains("Bad directive"), "{error}");
    }
}
