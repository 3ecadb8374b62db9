//! Overlapping scrapes of the same thing share one collection.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::error;

use super::fanout::panic_text;

/// Collections under way, by what they collect.
///
/// A collection runs in a task of its own, so that it ends, and serves those who joined it, even when the client
/// that started it goes away. It is bound by its deadline, hence so is the task.
#[derive(Debug)]
pub struct Flights<K, V> {
    under_way: Arc<Mutex<HashMap<K, Flight<V>>>>,
}

#[derive(Debug)]
struct Flight<V> {
    deadline: Instant,
    landed: watch::Receiver<Option<Arc<V>>>,
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self { under_way: Arc::default() }
    }
}

impl<K, V> Flights<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Send + Sync + 'static,
{
    /// Joins the flight of `key` that lands by `deadline`, or starts one with `collect`.
    ///
    /// `None` when the collection panicked. A flight that would land too late for the caller is not joined: the
    /// caller starts a sooner one, which those who come after it join.
    pub async fn join<F>(&self, key: K, deadline: Instant, collect: impl FnOnce() -> F) -> Option<Arc<V>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut landed = self.find_or_start(key, deadline, collect);
        let value = landed.wait_for(Option::is_some).await.ok()?;
        value.clone()
    }

    fn find_or_start<F>(
        &self,
        key: K,
        deadline: Instant,
        collect: impl FnOnce() -> F,
    ) -> watch::Receiver<Option<Arc<V>>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = under_way.get(&key)
            && flight.deadline <= deadline
        {
            return flight.landed.clone();
        }
        let (land, landed) = watch::channel(None);
        under_way.insert(key.clone(), Flight { deadline, landed: landed.clone() });
        drop(under_way);

        let work = AssertUnwindSafe(collect()).catch_unwind();
        let under_way = Arc::clone(&self.under_way);
        tokio::spawn(async move {
            let outcome = work.await;
            let mut under_way = under_way.lock().unwrap_or_else(PoisonError::into_inner);
            // a sooner flight may have taken this one's place
            if under_way.get(&key).is_some_and(|flight| flight.landed.same_channel(&land.subscribe())) {
                under_way.remove(&key);
            }
            drop(under_way);
            match outcome {
                Ok(value) => drop(land.send(Some(Arc::new(value)))),
                Err(panic) => error!(panic = panic_text(panic.as_ref()), "a scrape panicked"),
            }
        });
        landed
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::time::sleep;

    use super::*;

    fn slow(started: &Arc<AtomicUsize>) -> impl Future<Output = usize> + Send + use<> {
        let started = Arc::clone(started);
        async move {
            let number = started.fetch_add(1, Ordering::SeqCst);
            sleep(Duration::from_secs(1)).await;
            number
        }
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_overlap_share_and_those_who_come_later_do_not() {
        let flights = Flights::default();
        let started = Arc::new(AtomicUsize::new(0));
        let deadline = Instant::now() + Duration::from_secs(5);
        let all = join_all((0..100).map(|_| flights.join("key", deadline, || slow(&started)))).await;
        assert!(all.iter().all(|value| value.as_deref() == Some(&0)));
        assert_eq!(flights.join("key", deadline, || slow(&started)).await.as_deref(), Some(&1));
        let (a, b) = tokio::join!(
            flights.join("key", deadline, || slow(&started)),
            flights.join("other", deadline, || slow(&started))
        );
        assert_eq!((a.as_deref(), b.as_deref()), (Some(&2), Some(&3)));
        assert!(flights.under_way.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flight_that_lands_too_late_is_not_joined() {
        let flights = Flights::default();
        let started = Arc::new(AtomicUsize::new(0));
        let now = Instant::now();
        let (late, soon) = tokio::join!(
            flights.join("key", now + Duration::from_secs(9), || slow(&started)),
            flights.join("key", now + Duration::from_secs(2), || slow(&started)),
        );
        assert_eq!((late.as_deref(), soon.as_deref()), (Some(&0), Some(&1)));
        assert!(flights.under_way.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flight_outlives_the_one_who_started_it() {
        let flights = Arc::new(Flights::default());
        let started = Arc::new(AtomicUsize::new(0));
        let deadline = Instant::now() + Duration::from_secs(5);
        let first = tokio::spawn({
            let (flights, started) = (Arc::clone(&flights), Arc::clone(&started));
            async move { flights.join("key", deadline, || slow(&started)).await }
        });
        sleep(Duration::from_millis(10)).await;
        first.abort();
        assert_eq!(flights.join("key", deadline, || slow(&started)).await.as_deref(), Some(&0));
    }

    #[tokio::test]
    async fn a_panic_is_contained() {
        let flights: Flights<&str, usize> = Flights::default();
        let deadline = Instant::now() + Duration::from_secs(5);
        assert_eq!(flights.join("key", deadline, || async { panic!("boom") }).await, None);
        assert_eq!(flights.join("key", deadline, || async { 7 }).await.as_deref(), Some(&7));
    }
}
