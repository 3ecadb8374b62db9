//! A real PostgreSQL of any living version, in a temporary folder, with the options that monitoring has to cope with.
//!
//! Every cluster has two roles: `postgres`, the superuser, who is trusted and sets things up, and [`USER`], who may
//! monitor and must know [`PASSWORD`]. A standby begins as its primary began, and follows it from there.

mod builder;
mod release;
mod scale;
mod session;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

pub use builder::{Builder, TlsFiles};
pub(crate) use release::other_user;
pub use release::{MAJORS, prepare};
pub use session::Session;

use crate::process::{self, Folder, Program, Server, signal};
use crate::wait::eventually;

/// The client's program; any version speaks to any server.
pub const PSQL: Program = Program { names: &["psql"], install: "apt-get install postgresql-client" };

/// The role that may monitor, and no more.
pub const USER: &str = "monitor";

/// Its password, unless [`Builder::password`] says another.
pub const PASSWORD: &str = "monitor-password";

/// The version that a test gets which does not care.
pub const USUAL: u32 = 17;

/// How long a start may take; it takes some 200 ms on an idle machine.
const START_BOUND: Duration = Duration::from_secs(30);

/// A running (or stopped) PostgreSQL.
pub struct Postgres {
    server: Option<Server>,
    port: u16,
    options: Builder,
    files: Option<TlsFiles>,
    folder: Folder,
}

impl Postgres {
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

    /// Its major version.
    pub fn major(&self) -> u32 {
        self.options.major
    }

    /// `postgresql://127.0.0.1:port/database`, without credentials.
    pub fn url(&self, database: &str) -> String {
        match self.files {
            None => format!("postgresql://127.0.0.1:{}/{database}?sslmode=disable", self.port),
            Some(_) => format!("postgresql://localhost:{}/{database}", self.port),
        }
    }

    /// The same with the monitoring role and its password, percent-encoded.
    pub fn dsn(&self) -> String {
        let password = crate::http::percent_encode(&self.options.password);
        self.url("postgres").replacen("://", &format!("://{USER}:{password}@"), 1)
    }

    /// The certificates of a server that speaks TLS.
    pub fn tls_files(&self) -> Option<&TlsFiles> {
        self.files.as_ref()
    }

    /// A folder that goes with the server; its socket is here when [`Builder::socket`] asked for one.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The running process.
    pub fn server(&self) -> Result<&Server> {
        self.server.as_ref().context("this PostgreSQL is stopped")
    }

    /// Runs statements as the superuser in the database `postgres`, and returns the rows, columns parted by `|`.
    pub async fn psql(&self, sql: &str) -> Result<String> {
        self.psql_in("postgres", sql).await
    }

    /// The same in another database.
    pub async fn psql_in(&self, database: &str, sql: &str) -> Result<String> {
        let port = self.port.to_string();
        let printed = process::run_reading(&PSQL, &client(&port, database), sql).await?;
        Ok(printed.trim_end().to_owned())
    }

    /// A session of the superuser that stays open after these statements, and with it its transaction and locks,
    /// until it is dropped.
    pub async fn session(&self, database: &str, sql: &str) -> Result<Session> {
        Session::open(self.port, database, sql).await
    }

    /// Stops it in order, after ending its sessions; its port refuses connections when this returns.
    pub async fn stop(&mut self) -> Result<()> {
        self.server.take().context("this PostgreSQL is already stopped")?.stop().await?;
        Ok(())
    }

    /// Kills it without a goodbye; it needs recovery when it is started again.
    pub async fn kill9(&mut self) -> Result<()> {
        let Some(server) = self.server.take() else { return Ok(()) };
        let children = children(server.pid());
        server.kill9();
        eventually(START_BOUND, "the children of a killed PostgreSQL to end", async || {
            let left = children.iter().filter(|pid| Path::new(&format!("/proc/{pid}")).exists()).count();
            ensure!(left == 0, "{left} still run");
            Ok(())
        })
        .await
    }

    /// Starts it again on the same port, with the same options and data.
    pub async fn start_again(&mut self) -> Result<()> {
        ensure!(self.server.is_none(), "this PostgreSQL still runs");
        self.server = Some(self.options.launch(self.port, &self.folder).await?);
        Ok(())
    }

    /// Stops it in time, with all its processes: new connections are taken and never answered, old ones go silent.
    pub fn pause(&self) -> Result<()> {
        let postmaster = self.server()?;
        postmaster.pause()?;
        children(postmaster.pid()).iter().try_for_each(|pid| signal("STOP", &pid.to_string()))
    }

    /// Lets it go on after [`Postgres::pause`].
    pub fn resume(&self) -> Result<()> {
        let postmaster = self.server()?;
        children(postmaster.pid()).iter().try_for_each(|pid| signal("CONT", &pid.to_string()))?;
        postmaster.resume()
    }

    /// Waits until a standby has replayed all that this primary has written by now.
    pub async fn caught_up(&self, standby: &Self) -> Result<()> {
        let written = self.psql("SELECT pg_current_wal_lsn()").await?;
        eventually(START_BOUND, "the standby", async || {
            let replayed = standby
                .psql(&format!(
                    "SELECT coalesce(pg_last_wal_replay_lsn() >= '{written}', false), count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'"
                ))
                .await?;
            ensure!(replayed == "t|1", "it is not at {written}: {replayed}");
            Ok(())
        })
        .await
    }

    /// Waits until a query as the superuser says this.
    pub async fn until(&self, sql: &str, expected: &str) -> Result<()> {
        eventually(START_BOUND, sql, async || {
            let said = self.psql(sql).await?;
            ensure!(said == expected, "it says `{said}`, not `{expected}`");
            Ok(())
        })
        .await
    }
}

/// The superuser's arguments for `psql`: no settings of the machine's user, rows only, and errors end it.
fn client<'a>(port: &'a str, database: &'a str) -> [&'a str; 11] {
    let errors = "ON_ERROR_STOP=1";
    ["-h", "127.0.0.1", "-p", port, "-U", "postgres", "-d", database, "-XAtq", "-v", errors]
}

/// The processes that a server has started. They are no group: each is the leader of its own.
fn children(postmaster: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent(*pid) == Some(postmaster)).collect()
}

/// The second field after the name in brackets, which may hold blanks.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests;
