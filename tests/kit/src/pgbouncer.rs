//! A real PgBouncer before a PostgreSQL, pooling by transaction.

use std::time::Duration;

use anyhow::Result;

use crate::http::percent_encode;
use crate::postgres::{PASSWORD, Postgres, USER};
use crate::process::{self, Folder, Launch, Program, Server};

/// The pooler's program.
pub const PGBOUNCER: Program = Program { names: &["pgbouncer"], install: "apt-get install pgbouncer" };

/// How long a start may take; it takes some 20 ms.
const START_BOUND: Duration = Duration::from_secs(20);

/// Sessions it holds to each database: few, so that clients do change their session under the test.
const POOL_SIZE: u32 = 2;

/// A running PgBouncer. It knows one user, the monitoring role, who may also ask its own console.
pub struct PgBouncer {
    _server: Server,
    port: u16,
    _folder: Folder,
}

impl PgBouncer {
    /// Starts one before this PostgreSQL, whose monitoring role has the usual password.
    pub async fn start(postgres: &Postgres) -> Result<Self> {
        let folder = Folder::new()?;
        folder.write("users.txt", format!("\"{USER}\" \"{PASSWORD}\"\n"))?;
        let (port, server) = process::on_free_port(async |port| {
            folder.write("pgbouncer.ini", configuration(postgres.port(), port))?;
            // it refuses to be root, and never becomes what it is not told
            let mut launch = Launch::new(&PGBOUNCER, &folder)?.arg("pgbouncer.ini");
            if let Some((user, group)) = crate::postgres::other_user() {
                std::os::unix::fs::chown(folder.path(), Some(user), Some(group))?;
                launch = launch.user(user, group);
            }
            Ok((port, launch.start(START_BOUND, async || process::accepts(port).await).await?))
        })
        .await?;
        Ok(Self { _server: server, port, _folder: folder })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the monitoring role connects to; the database `pgbouncer` is its console.
    pub fn dsn(&self, database: &str) -> String {
        let password = percent_encode(PASSWORD);
        format!("postgresql://{USER}:{password}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }
}

fn configuration(postgres: u16, port: u16) -> String {
    format!(
        "[databases]
* = host=127.0.0.1 port={postgres}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = users.txt
stats_users = {USER}
pool_mode = transaction
default_pool_size = {POOL_SIZE}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::PSQL;

    #[tokio::test]
    async fn passes_on_and_has_a_console() {
        let postgres = Postgres::start().await.unwrap();
        let bouncer = PgBouncer::start(&postgres).await.unwrap();
        let ask = async |database: &str, sql: &str| {
            process::run(&PSQL, &["-w", "-XAt", "-c", sql, &bouncer.dsn(database)]).await
        };
        assert_eq!(ask("postgres", "SELECT current_user").await.unwrap().trim(), USER);
        assert!(ask("pgbouncer", "SHOW POOLS").await.unwrap().contains("transaction"));
    }
}
