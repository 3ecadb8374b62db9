//! What can be wrong with a PostgreSQL that runs, and how it is brought about.

use anyhow::{Context, Result, bail};
use kit::postgres::Session;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};

use super::Database;

/// Sessions that hold something, until they are dropped.
#[derive(Default)]
pub(super) struct Trouble {
    crowd: Vec<Client>,
    lock: Option<Session>,
    waiting: Option<JoinHandle<()>>,
}

/// Who crowds the server: an ordinary role, for whom no connection is reserved.
const ROLE: (&str, &str) = ("clerk", "clerk-password");

/// A server with more connections than this is not one to crowd.
const CROWD: usize = 50;

/// The slot of a replica that was taken away without it.
const SLOT: &str = "forgotten";

/// Segments of 16 MiB after which that slot holds back more than `max_wal_size`.
const SEGMENTS: usize = 4;

impl Database {
    /// Takes every connection that there is for ordinary roles.
    pub async fn crowd(&self) -> Result<()> {
        let (role, password) = ROLE;
        let create = format!(
            "DO $$ BEGIN CREATE ROLE {role} LOGIN PASSWORD '{password}'; EXCEPTION WHEN duplicate_object THEN END $$"
        );
        self.server().await.psql(&create).await?;
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.port).user(role).password(password).dbname("postgres");
        let mut trouble = self.trouble.lock().await;
        while let Ok((client, connection)) = config.connect(NoTls).await {
            tokio::spawn(connection);
            trouble.crowd.push(client);
            if trouble.crowd.len() > CROWD {
                bail!("this server takes more than {CROWD} connections");
            }
        }
        Ok(())
    }

    /// Lets them go.
    pub async fn disperse(&self) {
        self.trouble.lock().await.crowd.clear();
    }

    /// Has one session lock a table and another wait for it.
    pub async fn block(&self) -> Result<()> {
        let server = self.server().await;
        server.psql("CREATE TABLE IF NOT EXISTS ledger (entry int)").await?;
        let locked = "BEGIN; LOCK TABLE ledger IN ACCESS EXCLUSIVE MODE";
        let lock = server.session("postgres", locked).await?;
        let mut waiting = server.session("postgres", "SELECT 1").await?;
        drop(server);
        let waiting = tokio::spawn(async move {
            // ends when the lock is gone
            drop(waiting.run("INSERT INTO ledger VALUES (1)").await);
        });
        let mut trouble = self.trouble.lock().await;
        (trouble.lock, trouble.waiting) = (Some(lock), Some(waiting));
        Ok(())
    }

    /// Gives the table free.
    pub async fn unblock(&self) -> Result<()> {
        let (lock, waiting) = {
            let mut trouble = self.trouble.lock().await;
            (trouble.lock.take(), trouble.waiting.take())
        };
        if let Some(mut lock) = lock {
            lock.run("ROLLBACK").await?;
        }
        match waiting {
            Some(waiting) => waiting.await.context("the session that waited"),
            None => Ok(()),
        }
    }

    /// Leaves a slot behind that nobody reads, and writes more than one may hold back.
    pub async fn forget_slot(&self) -> Result<()> {
        let server = self.server().await;
        server.psql(&format!("SELECT pg_create_physical_replication_slot('{SLOT}', true)")).await?;
        for _ in 0..SEGMENTS {
            // a segment in which nothing was written is not ended
            server.psql("SELECT pg_logical_emit_message(false, 'stage', 'filling')").await?;
            server.psql("SELECT pg_switch_wal()").await?;
        }
        Ok(())
    }

    /// Removes that slot.
    pub async fn drop_slot(&self) -> Result<()> {
        let sql = format!(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{SLOT}'"
        );
        self.server().await.psql(&sql).await.map(drop)
    }

    /// Has a replica keep what it gets and not replay it, or go on.
    pub async fn replay(&self, goes_on: bool) -> Result<()> {
        let function = if goes_on { "pg_wal_replay_resume" } else { "pg_wal_replay_pause" };
        self.server().await.psql(&format!("SELECT {function}()")).await.map(drop)
    }
}
