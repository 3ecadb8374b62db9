//! PostgreSQL: a primary with `pg_stat_statements`, a replica that follows it through a slot, a small server for reports
//! that subscribes to the shop's orders, and their exporter.

mod trouble;

use anyhow::Result;
use kit::postgres::{PASSWORD, Postgres, USER};
use kit::process::Folder;
use tokio::sync::Mutex;

use crate::program::{Program, ours};
use trouble::Trouble;

/// The database of the shop.
pub(crate) const DATABASE: &str = "shop";

/// A server that may be stopped and started while all look on.
pub struct Database {
    postgres: Mutex<Postgres>,
    port: u16,
    trouble: Mutex<Trouble>,
}

impl Database {
    /// The primary.
    pub(crate) async fn primary() -> Result<Self> {
        let postgres = Postgres::builder()
            .setting("shared_preload_libraries = 'pg_stat_statements'")
            .setting("track_io_timing = on")
            .setting("wal_level = logical")
            .setting("archive_mode = on")
            .setting("archive_command = '/bin/true'")
            // small, so that a forgotten slot is seen after some segments
            .setting("max_wal_size = 32MB")
            .setting("max_slot_wal_keep_size = 10GB")
            .start()
            .await?;
        for database in ["postgres", DATABASE] {
            if database != "postgres" {
                postgres.psql(&format!("CREATE DATABASE {database}")).await?;
            }
            postgres.psql_in(database, "CREATE EXTENSION pg_stat_statements").await?;
        }
        Ok(Self::of(postgres))
    }

    /// A replica of another one.
    pub(crate) async fn replica_of(primary: &Self) -> Result<Self> {
        let builder = Postgres::builder().replica_of(&*primary.postgres.lock().await);
        Ok(Self::of(builder.start().await?))
    }

    /// The one for reports, with few connections. The shop does not use it; it gets the shop's orders.
    pub(crate) async fn reports_on(shop: &Self) -> Result<Self> {
        let reports = Postgres::builder().setting("max_connections = 20").start().await?;
        shop.server().await.psql_in(DATABASE, "CREATE PUBLICATION orders FOR TABLE orders").await?;
        let source = format!("host=127.0.0.1 port={} user=postgres dbname={DATABASE}", shop.port);
        for sql in [
            "CREATE TABLE orders (id bigint PRIMARY KEY, product int, quantity int, placed timestamptz)",
            &format!("CREATE SUBSCRIPTION warehouse CONNECTION '{source}' PUBLICATION orders"),
        ] {
            reports.psql(sql).await?;
        }
        Ok(Self::of(reports))
    }

    fn of(postgres: Postgres) -> Self {
        Self { port: postgres.port(), postgres: Mutex::new(postgres), trouble: Mutex::default() }
    }

    /// What it is called on dashboards and in alerts: `127.0.0.1:PORT`.
    pub fn instance(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it runs.
    pub async fn runs(&self) -> bool {
        self.postgres.lock().await.server().is_ok()
    }

    /// The server itself, for whoever breaks it.
    pub async fn server(&self) -> tokio::sync::MutexGuard<'_, Postgres> {
        self.postgres.lock().await
    }

    /// Stops it, unless it is stopped.
    pub async fn stop(&self) -> Result<()> {
        let mut postgres = self.postgres.lock().await;
        if postgres.server().is_ok() { postgres.stop().await } else { Ok(()) }
    }

    /// Starts it on its old port, unless it runs.
    pub async fn start_again(&self) -> Result<()> {
        let mut postgres = self.postgres.lock().await;
        if postgres.server().is_err() { postgres.start_again().await } else { Ok(()) }
    }
}

/// What is not on the exporter's default page and the dashboards show.
const MORE: [&str; 14] = [
    "archive",
    "database_wraparound",
    "indexes",
    "long_running_transactions",
    "process_idle",
    "stat_io",
    "stat_slru",
    "stat_statements",
    "stat_statements.include_query",
    "stat_statements_depth",
    "stat_subscription",
    "stat_user_indexes",
    "table_upkeep",
    "wait_events",
];

/// The exporter: `/metrics` is about the primary, `/probe?target=HOST:PORT` about any server of this machine.
pub(crate) async fn exporter(primary: &Database, port: u16) -> Result<Program> {
    let folder = Folder::new()?;
    let config = format!(
        "auth_modules:
  stage:
    type: userpass
    userpass: {{username: {USER}, password: {PASSWORD}}}
    options: {{sslmode: disable}}
    targets: [127.0.0.0/8]
"
    );
    let config = folder.write("postgres-exporter.yml", config)?;
    let launch = ours("postgres-exporter", &folder)?
        .env("DATA_SOURCE_NAME", primary.server().await.dsn())
        .arg(format!("--config.file={}", config.display()))
        .args(MORE.map(|collector| format!("--collector.{collector}")));
    Program::ours(launch, folder, port).await
}
