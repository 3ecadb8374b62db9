//! Brings the write-ahead log into the file, beside the writer, so that no webhook waits for it.
//!
//! A checkpoint beside a busy writer never catches up: the log would grow for ever. So when it is long the writer does
//! the small rest itself, and the log starts anew.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::mpsc::WeakSender;

use super::writer::Message;
use super::{StoreError, open_for};

/// Time between the first write and a pass. A second of heavy work is some ten MiB of log, and the ballast must hold what
/// is in the log alone: on a full disk only that makes room in the file.
const PAUSE: Duration = Duration::from_millis(100);

/// Pages of a log (8 MiB) with which the writer is asked to do the rest.
const LONG: i64 = 2048;

/// The thread and what it is told.
pub(super) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    /// Something may have been written since the last look.
    wrote: AtomicBool,
    stop: Mutex<bool>,
    told: Condvar,
}

impl Checkpointer {
    /// Starts the thread.
    pub(super) fn start(file: &Path, writer: WeakSender<Message>) -> Result<Self, StoreError> {
        let connection = open_for(file)?;
        let shared = Arc::new(Shared::default());
        let working = shared.clone();
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || work(&working, &connection, &writer))
            .map_err(|error| StoreError::Io(error.to_string()))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// There will be something to do.
    pub(super) fn wrote(&self) {
        if !self.shared.wrote.swap(true, Ordering::Relaxed) {
            drop(self.shared.stop.lock());
            self.shared.told.notify_all();
        }
    }

    /// Ends the thread.
    pub(super) fn stop(&self) {
        if let Ok(mut stop) = self.shared.stop.lock() {
            *stop = true;
        }
        self.shared.told.notify_all();
        if let Some(thread) = self.thread.lock().ok().and_then(|mut thread| thread.take())
            && thread.join().is_err()
        {
            tracing::error!("the store's checkpointer panicked");
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn work(shared: &Shared, connection: &Connection, writer: &WeakSender<Message>) {
    let Ok(mut stop) = shared.stop.lock() else { return };
    while !*stop {
        // idle until something is written, then a while for more of it
        let idle = |stop: &mut bool| !*stop && !shared.wrote.load(Ordering::Relaxed);
        let Ok(guard) = shared.told.wait_while(stop, idle) else { return };
        let Ok((guard, _)) = shared.told.wait_timeout_while(guard, PAUSE, |stop| !*stop) else { return };
        stop = guard;
        if *stop {
            return;
        }
        shared.wrote.store(false, Ordering::Relaxed);
        drop(stop);
        if pass(connection).is_some_and(|pages| pages > LONG)
            && let Some(writer) = writer.upgrade()
        {
            // a writer whose queue is full will be asked again
            drop(writer.try_send(Message::Checkpoint));
        }
        let Ok(guard) = shared.stop.lock() else { return };
        stop = guard;
    }
}

/// The writer's own part: with nobody writing, what is left is brought over, and the log starts anew.
pub(super) fn rest(connection: &Connection) {
    pass(connection);
}

/// One pass; gives the pages of the log. An error is no loss: the log keeps everything, and the writer will meet it.
fn pass(connection: &Connection) -> Option<i64> {
    let done = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1));
    done.inspect_err(|error| tracing::debug!(%error, "the log could not be brought into the file")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::writer;

    #[test]
    fn a_long_log_starts_anew() {
        let folder = kit::process::Folder::new().unwrap();
        let file = folder.path().join("a.db");
        let connection = Connection::open(&file).unwrap();
        writer::prepare(&connection, None).unwrap();
        connection.execute_batch("CREATE TABLE t (x BLOB)").unwrap();
        let beside = open_for(&file).unwrap();
        let log = file.with_extension("db-wal");
        for _ in 0..20 {
            for _ in 0..10 {
                connection.execute("INSERT INTO t VALUES (zeroblob(100000))", []).unwrap();
            }
            assert!(pass(&beside).unwrap() >= 0);
            rest(&connection);
        }
        let bytes = std::fs::metadata(log).unwrap().len();
        assert!(bytes < 4 << 20, "{bytes} bytes of log");
    }
}
