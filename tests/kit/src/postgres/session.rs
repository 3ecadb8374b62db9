//! A session that stays open, for what others have to wait behind.

use anyhow::{Context, Result};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// A superuser's session that stays open until it is dropped, and with it its transaction and locks.
pub struct Session {
    client: Client,
    connection: JoinHandle<()>,
}

impl Session {
    pub(super) async fn open(port: u16, database: &str, sql: &str) -> Result<Self> {
        let mut config = Config::new();
        config.host("127.0.0.1").port(port).user("postgres").dbname(database);
        let (client, connection) = config.connect(NoTls).await.context("no session")?;
        // its end is the session's end; whoever uses the session then hears of it
        let connection = tokio::spawn(async move { drop(connection.await) });
        let mut session = Self { client, connection };
        session.run(sql).await?;
        Ok(session)
    }

    /// Runs statements and returns the rows, a line each, columns separated by `|`.
    pub async fn run(&mut self, sql: &str) -> Result<String> {
        let messages = self.client.simple_query(sql).await.with_context(|| format!("`{sql}` failed"))?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                let columns = (0..row.len()).map(|column| row.get(column).unwrap_or_default());
                Some(columns.collect::<Vec<_>>().join("|"))
            }
            _ => None,
        });
        Ok(rows.collect::<Vec<_>>().join("\n"))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
