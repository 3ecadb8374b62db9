//! Waiting for a condition of another process, which can only be asked, never subscribed to.

use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::time::{Instant, sleep, timeout_at};

/// How long to wait between two looks at a condition: short against any server's start, long against a busy loop.
const PAUSE: Duration = Duration::from_millis(20);

/// Asks `probe` until it answers `Ok`, and gives up after `within` with the last thing it said.
///
/// For servers in other processes; the doubles of this crate have a `wait_for` that is told of each event.
pub async fn eventually<T>(
    within: Duration,
    what: &str,
    mut probe: impl AsyncFnMut() -> Result<T>,
) -> Result<T> {
    let deadline = Instant::now() + within;
    let mut last = anyhow!("it never answered");
    loop {
        match timeout_at(deadline, probe()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => last = error,
            Err(_) => {}
        }
        if Instant::now() + PAUSE >= deadline {
            return Err(last.context(format!("waited {within:?} in vain for {what}")));
        }
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn asks_until_it_is_true_and_says_what_was_missing() {
        let mut asked = 0;
        let answer = eventually(Duration::from_secs(1), "three", async || {
            asked += 1;
            if asked == 3 { Ok(asked) } else { Err(anyhow!("only {asked}")) }
        });
        assert_eq!(answer.await.unwrap(), 3);

        let error = eventually(Duration::from_secs(1), "the sky", async || Err::<(), _>(anyhow!("still up")))
            .await
            .unwrap_err();
        assert_eq!(format!("{error:#}"), "waited 1s in vain for the sky: still up");
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_hangs_is_cut_off_at_the_deadline() {
        let never = eventually(Duration::from_secs(1), "godot", async || {
            std::future::pending::<()>().await;
            Ok(())
        });
        assert_eq!(
            format!("{:#}", never.await.unwrap_err()),
            "waited 1s in vain for godot: it never answered"
        );
    }
}
