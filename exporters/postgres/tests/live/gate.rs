//! A way to a server on which something happens before a session to one database is let through.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kit::postgres::Postgres;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The gate, on a port of its own.
pub(crate) struct Gate {
    address: SocketAddr,
    passed: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Gate {
    /// Runs `sql` as the superuser when the first session to `database` comes by.
    pub(crate) async fn before(postgres: &Postgres, database: &str, sql: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let passed = Arc::new(AtomicUsize::new(0));
        let way = Way {
            port: postgres.port(),
            wanted: format!("\0database\0{database}\0").into_bytes(),
            sql,
            passed: Arc::clone(&passed),
        };
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(way.clone().walk(stream));
            }
        });
        Self { address, passed, task }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many sessions to the database came by.
    pub(crate) fn passed(&self) -> usize {
        self.passed.load(Ordering::SeqCst)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Way {
    port: u16,
    wanted: Vec<u8>,
    sql: &'static str,
    passed: Arc<AtomicUsize>,
}

impl Way {
    async fn walk(self, mut client: TcpStream) {
        // a client's first message has its length in front, and all its parameters
        let Ok(length) = client.read_u32().await else { return };
        let mut message = vec![0; usize::try_from(length).unwrap() - 4];
        client.read_exact(&mut message).await.unwrap();
        let is_wanted = message.windows(self.wanted.len()).any(|part| part == self.wanted);
        if is_wanted && self.passed.fetch_add(1, Ordering::SeqCst) == 0 {
            let port = self.port.to_string();
            let arguments = ["-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-c", self.sql];
            kit::process::run(&kit::postgres::PSQL, &arguments).await.unwrap();
        }
        let mut server = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        server.write_u32(length).await.unwrap();
        server.write_all(&message).await.unwrap();
        // either side may hang up as it likes
        drop(copy_bidirectional(&mut client, &mut server).await);
    }
}
