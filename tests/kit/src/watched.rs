//! State that tests wait on: every change wakes those who wait, so that nobody polls and nobody sleeps.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

pub(crate) struct Watched<T> {
    value: Mutex<T>,
    changed: watch::Sender<()>,
}

impl<T> Watched<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Mutex::new(value), changed: watch::Sender::new(()) }
    }

    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut self.value.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_replace(());
        result
    }

    pub(crate) fn read<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.value.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until `pick` finds what it looks for; `describe` tells the state when it does not come.
    pub(crate) async fn wait_for<R>(
        &self,
        within: Duration,
        mut pick: impl FnMut(&T) -> Option<R>,
        describe: impl FnOnce(&T) -> String,
    ) -> Result<R> {
        let deadline = Instant::now() + within;
        let mut changes = self.changed.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(found) = self.read(&mut pick) {
                return Ok(found);
            }
            if timeout_at(deadline, changes.changed()).await.is_err() {
                bail!("waited {within:?} in vain; {}", self.read(describe));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_change_wakes_the_one_who_waits() {
        let watched = Arc::new(Watched::new(0));
        let other = Arc::clone(&watched);
        let waiting = tokio::spawn(async move {
            other
                .wait_for(Duration::from_secs(5), |value| (*value > 1).then_some(*value), ToString::to_string)
                .await
        });
        for _ in 0..3 {
            watched.change(|value| *value += 1);
            tokio::task::yield_now().await;
        }
        assert_eq!(waiting.await.unwrap().unwrap(), 2);
        let error = watched
            .wait_for(Duration::from_secs(5), |_| None::<()>, |value| format!("it is {value}"))
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "waited 5s in vain; it is 3");
    }
}
