//! Ending what runs on the server: a `CancelRequest` on a connection of its own, then the session is closed.

use std::time::Duration;

use tokio::time::timeout;

use super::open::{self, Peer};
use super::wire::{Wire, untagged};

/// How long asking the server to stop may take; a server that does not answer is left to its `statement_timeout`.
const CANCEL_LIMIT: Duration = Duration::from_secs(2);

/// How long the server may take to hang up once it was told that we leave.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);

/// Queries sent in one go, and so cancels that a session can need.
const MOST_CANCELS: usize = 8;

/// The code of a `CancelRequest`.
const CANCEL_CODE: u32 = (1234 << 16) + 5678;

/// What names a session on its server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Key {
    pub(crate) process: u32,
    pub(crate) secret: Vec<u8>,
}

/// Cancels the query under way and closes the session. Whatever `held` is, it is let go only when the server has let
/// the session go, or did not answer.
pub(crate) async fn end<T>(mut wire: Wire, peer: Peer, key: Key, held: T) {
    // queries that were sent behind the one that is cancelled begin now, and have to be cancelled in their turn
    for _ in 0..MOST_CANCELS {
        // not cancelled in time: closing still stands
        let _elapsed = timeout(CANCEL_LIMIT, cancel(&peer, &key)).await;
        if close(&mut wire).await {
            break;
        }
    }
    drop(held);
}

async fn cancel(peer: &Peer, key: &Key) {
    let Ok(mut other) = open::connect_again(peer).await else { return };
    let request = untagged(|body| {
        body.extend_from_slice(&CANCEL_CODE.to_be_bytes());
        body.extend_from_slice(&key.process.to_be_bytes());
        body.extend_from_slice(&key.secret);
    });
    if other.send(&request).await.is_ok() {
        // the server hangs up once it has sent the signal
        other.drain().await;
    }
}

/// Says goodbye and waits until the server has hung up, so that its place is free; says whether it has.
pub(crate) async fn close(wire: &mut Wire) -> bool {
    let farewell = timeout(CLOSE_LIMIT, async {
        if wire.send(b"X\0\0\0\x04").await.is_ok() {
            wire.drain().await;
        }
    });
    farewell.await.is_ok()
}
