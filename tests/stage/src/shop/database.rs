//! The shop's tables, and its few connections to them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row};

use super::metrics::Metrics;
use crate::postgres::{DATABASE, Database};

/// The shop's own role.
const ROLE: (&str, &str) = ("shop", "shop-password");

/// Connections; the traffic of a demo never waits for one.
const CONNECTIONS: usize = 4;

/// A customer does not wait longer, and an answer with an error comes from here.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the shop sells, and to whom.
const TABLES: &str = "
CREATE TABLE products (id int PRIMARY KEY, name text NOT NULL, price numeric NOT NULL, stock int NOT NULL);
CREATE TABLE orders (id bigserial PRIMARY KEY, product int NOT NULL REFERENCES products, quantity int NOT NULL,
                     placed timestamptz NOT NULL DEFAULT now());
CREATE INDEX orders_placed ON orders (placed);
INSERT INTO products SELECT id, 'Product ' || id, id * 1.25, 1000000 FROM generate_series(1, 200) AS id;
INSERT INTO orders (product, quantity, placed)
  SELECT 1 + n % 200, 1 + n % 3, now() - n * interval '1 minute' FROM generate_series(1, 5000) AS n;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO shop;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO shop;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO monitor;
ANALYZE;";

/// The shop's database as the shop sees it.
pub(super) struct Shelf {
    config: Config,
    clients: Vec<Mutex<Option<Client>>>,
    metrics: Arc<Metrics>,
}

impl Shelf {
    /// Makes the tables.
    pub(super) async fn open(database: &Database, metrics: Arc<Metrics>) -> Result<Self> {
        let (role, password) = ROLE;
        let server = database.server().await;
        server.psql(&format!("CREATE ROLE {role} LOGIN PASSWORD '{password}'")).await?;
        server.psql_in(DATABASE, TABLES).await?;
        let mut config = Config::new();
        config.host("127.0.0.1").port(database.port()).dbname(DATABASE).application_name("shop");
        config.user(role).password(password).connect_timeout(PATIENCE);
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            // before the first customer comes: a query shall not be slow because of a login
            clients.push(Mutex::new(Some(connect(&config).await?)));
        }
        Ok(Self { config, clients, metrics })
    }

    /// Asks, and counts that it was asked.
    pub(super) async fn ask(
        &self,
        operation: &str,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>> {
        let start = Instant::now();
        let rows = tokio::time::timeout(PATIENCE, self.try_ask(sql, values)).await;
        let rows = rows.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer from the database")));
        self.metrics.queried(operation, rows.is_ok(), start.elapsed());
        rows
    }

    async fn try_ask(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        let mut place = self.free_place().await;
        let client = match place.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => connect(&self.config).await?,
        };
        // a client that is dropped in the middle of its query does not come back
        let rows = client.query(sql, values).await.context("the database refuses")?;
        *place = Some(client);
        Ok(rows)
    }

    /// The first connection that nobody uses; else the wait for one.
    async fn free_place(&self) -> tokio::sync::MutexGuard<'_, Option<Client>> {
        let free = self.clients.iter().find_map(|place| place.try_lock().ok());
        match (free, self.clients.first()) {
            (Some(place), _) => place,
            (None, Some(first)) => first.lock().await,
            (None, None) => std::future::pending().await,
        }
    }
}

async fn connect(config: &Config) -> Result<Client> {
    let (client, connection) = config.connect(NoTls).await?;
    // ends with the client, or with the server
    tokio::spawn(connection);
    Ok(client)
}
