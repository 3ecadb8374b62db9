//! How a PostgreSQL is to be started.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::release::{Release, other_user};
use super::{PASSWORD, Postgres, START_BOUND, USER, USUAL};
use crate::cache::run;
use crate::process::{self, Folder, Launch, Server};
use crate::tls::{Authority, LOOPBACK};

/// What the server says, and a standby, when it takes queries.
const READY: &str = "database system is ready to accept";

/// What a standby says that takes none before it has caught up, or ever.
const RECOVERING: &str = "entering standby mode";

/// How a PostgreSQL is to be started.
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) major: u32,
    pub(super) password: String,
    settings: Vec<String>,
    access: Vec<String>,
    primary: Option<u16>,
    tls: Option<ClientCertificates>,
    socket: bool,
    takes_queries: bool,
    on_disk: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientCertificates {
    NotAsked,
    Required,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            major: USUAL,
            password: PASSWORD.to_owned(),
            settings: Vec::new(),
            access: Vec::new(),
            primary: None,
            tls: None,
            socket: false,
            takes_queries: true,
            on_disk: false,
        }
    }
}

impl Builder {
    /// Another major version.
    #[must_use]
    pub fn major(mut self, major: u32) -> Self {
        self.major = major;
        self
    }

    /// Adds a line to postgresql.conf.
    #[must_use]
    pub fn setting(mut self, line: &str) -> Self {
        self.settings.push(line.to_owned());
        self
    }

    /// Adds a line to `pg_hba.conf`, before all others.
    #[must_use]
    pub fn access(mut self, line: &str) -> Self {
        self.access.push(line.to_owned());
        self
    }

    /// Gives the monitoring role another password.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self
    }

    /// Follows another server, with its version and settings, and through a slot of its own, `standby_<port>`.
    #[must_use]
    pub fn replica_of(mut self, primary: &Postgres) -> Self {
        self.primary = Some(primary.port);
        self.major = primary.options.major;
        self.password.clone_from(&primary.options.password);
        self.settings.splice(0..0, primary.options.settings.iter().cloned());
        self
    }

    /// A standby that refuses every session, as it does while it starts up and is not consistent yet.
    #[must_use]
    pub fn never_ready(mut self) -> Self {
        self.takes_queries = false;
        self.setting("hot_standby = off")
    }

    /// Asks the monitoring role for TLS, as `localhost` and `127.0.0.1`, signed by an authority of its own.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = Some(ClientCertificates::NotAsked);
        self
    }

    /// The same, and for a certificate of the authority.
    #[must_use]
    pub fn mutual_tls(mut self) -> Self {
        self.tls = Some(ClientCertificates::Required);
        self
    }

    /// Listens on a Unix socket, too, in [`Postgres::folder`].
    #[must_use]
    pub fn socket(mut self) -> Self {
        self.socket = true;
        self
    }

    /// Has its data on disk instead of in memory, as servers that people measure have.
    #[must_use]
    pub fn on_disk(mut self) -> Self {
        self.on_disk = true;
        self
    }

    /// Starts it.
    pub async fn start(self) -> Result<Postgres> {
        let folder = if self.on_disk { Folder::new()? } else { Folder::in_memory()? };
        let files = self.tls.map(|_| TlsFiles::write(&folder)).transpose()?;
        self.lay_out(&folder, files.as_ref())?;
        let (port, server) = process::on_free_port(async |port| {
            self.follow(port, &folder).await?;
            Ok((port, self.launch(port, &folder).await?))
        })
        .await?;
        let started = Postgres { server: Some(server), port, options: self, files, folder };
        if started.options.password != PASSWORD && started.options.primary.is_none() {
            let quoted = started.options.password.replace('\'', "''");
            let sql = format!(
                "SET standard_conforming_strings = on; SET password_encryption = 'scram-sha-256'; ALTER ROLE {USER} PASSWORD '{quoted}'"
            );
            started.psql(&sql).await?;
        }
        Ok(started)
    }

    pub(super) async fn launch(&self, port: u16, folder: &Folder) -> Result<Server> {
        let log = folder.path().join("postgres.log");
        let wanted = if self.takes_queries { READY } else { RECOVERING };
        let said = || fs::read_to_string(&log).unwrap_or_default().matches(wanted).count();
        let said_before = said();
        let mut launch = Launch::at(&Release::find(self.major)?.postgres(), "postgres", folder)
            // SIGINT waits for no client; SIGQUIT gives shared memory back, which SIGKILL leaves behind
            .signals("INT", "QUIT")
            .arg("-D")
            .arg(folder.path().join("data"))
            .args(["-p".to_owned(), port.to_string()]);
        if let Some((user, group)) = other_user() {
            launch = launch.user(user, group);
        }
        launch
            .start(START_BOUND, async || {
                ensure!(said() > said_before, "it is still starting up");
                process::accepts(port).await
            })
            .await
    }

    /// Copies the version's empty cluster into the folder, and gives the folder to who runs the server.
    fn lay_out(&self, folder: &Folder, files: Option<&TlsFiles>) -> Result<()> {
        let data = folder.path().join("data");
        let mut copy = Command::new("cp");
        copy.args(["--archive", "--reflink=auto"]).arg(Release::find(self.major)?.cluster()?).arg(&data);
        run(&mut copy, "")?;
        let own = |path: &Path| match other_user() {
            Some((user, group)) => chown(path, Some(user), Some(group)),
            None => Ok(()),
        };
        own(folder.path())?;
        if let Some(files) = files {
            fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600))?;
            own(&files.key)?;
        }
        let mut lines = self.settings(folder.path(), files);
        lines.extend(self.settings.iter().cloned());
        append(&data.join("postgresql.conf"), &lines)?;
        fs::write(data.join("pg_hba.conf"), self.access_lines().join("\n") + "\n")?;
        if self.primary.is_some() {
            fs::write(data.join("standby.signal"), "")?;
            own(&data.join("standby.signal"))?;
        }
        Ok(())
    }

    fn settings(&self, folder: &Path, files: Option<&TlsFiles>) -> Vec<String> {
        let socket = if self.socket { folder.display().to_string() } else { String::new() };
        let mut lines = vec![
            "listen_addresses = '127.0.0.1'".to_owned(),
            format!("unix_socket_directories = '{socket}'"),
            "fsync = off".to_owned(),
            "shared_buffers = 16MB".to_owned(),
            "password_encryption = 'scram-sha-256'".to_owned(),
            // all that a standby needs that begins at the beginning
            "wal_keep_size = 512MB".to_owned(),
        ];
        if let Some(files) = files {
            lines.extend([
                "ssl = on".to_owned(),
                format!("ssl_cert_file = '{}'", files.certificate.display()),
                format!("ssl_key_file = '{}'", files.key.display()),
                format!("ssl_ca_file = '{}'", files.authority.display()),
            ]);
        }
        lines
    }

    fn access_lines(&self) -> Vec<String> {
        let (kind, more) = match self.tls {
            None => ("host", ""),
            Some(ClientCertificates::NotAsked) => ("hostssl", ""),
            Some(ClientCertificates::Required) => ("hostssl", " clientcert=verify-ca"),
        };
        let mut lines = self.access.clone();
        lines.extend([
            "host all,replication postgres 127.0.0.1/32 trust".to_owned(),
            "local all all scram-sha-256".to_owned(),
            format!("{kind} all all 127.0.0.1/32 scram-sha-256{more}"),
        ]);
        lines
    }

    /// Makes the slot of a standby, and tells it whom to follow.
    async fn follow(&self, port: u16, folder: &Folder) -> Result<()> {
        let Some(primary) = self.primary else { return Ok(()) };
        let (from, slot) = (primary.to_string(), format!("standby_{port}"));
        let sql = format!("SELECT pg_create_physical_replication_slot('{slot}', true)");
        process::run_reading(&super::PSQL, &super::client(&from, "postgres"), &sql).await?;
        append(
            &folder.path().join("data/postgresql.conf"),
            &[
                format!(
                    "primary_conninfo = 'host=127.0.0.1 port={primary} user=postgres application_name={slot}'"
                ),
                format!("primary_slot_name = '{slot}'"),
            ],
        )
    }
}

/// The files of a server that speaks TLS.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The authority that signed the other two pairs.
    pub authority: PathBuf,
    /// The server's certificate.
    pub certificate: PathBuf,
    /// The server's key.
    pub key: PathBuf,
    /// A client's certificate, for the monitoring role.
    pub client_certificate: PathBuf,
    /// A client's key.
    pub client_key: PathBuf,
}

impl TlsFiles {
    fn write(folder: &Folder) -> Result<Self> {
        let authority = Authority::new()?;
        let (server, client) = (authority.server(&LOOPBACK)?, authority.client(USER)?);
        Ok(Self {
            authority: folder.write("authority.pem", authority.pem())?,
            certificate: folder.write("server.pem", server.certificate_pem)?,
            key: folder.write("server.key", server.key_pem)?,
            client_certificate: folder.write("client.pem", client.certificate_pem)?,
            client_key: folder.write("client.key", client.key_pem)?,
        })
    }
}

fn append(file: &Path, lines: &[String]) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    fs::write(file, format!("{text}{}\n", lines.join("\n")))?;
    Ok(())
}
