//! When a pass over the keys of a target begins, who waits for it, and what is shown meanwhile.
//!
//! A pass begins only when a scrape asks, one at a time for each target. A scrape waits for it when it will be done
//! in time, so that the page of a small keyspace is always fresh; else it shows what the last pass found.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::debug;

use super::ask::Asker;
use super::checks::Checks;
use super::found::Found;
use super::pace::{BURST, Pace};
use super::pass::Pass;
use crate::error::Reason;
use crate::page::Node;

/// Different checks that are kept for one target: those of the flags, and of some requests.
const MOST_CHECKS: usize = 4;

/// A pass that nobody asks for is left after this time: longer than any sensible scrape interval.
const UNASKED: Duration = Duration::from_mins(10);

/// A pass that took no longer than this is waited for.
const SHORT: Duration = Duration::from_secs(1);

/// A pass may take so much longer than expected before it is no longer waited for.
const LATE: Duration = Duration::from_secs(2);

/// What a key costs a server, and what it costs when its memory is asked for, too. Measured on Redis 7.0, rounded up.
const KEY_COST: Duration = Duration::from_micros(1);
const WEIGHED_KEY_COST: Duration = Duration::from_micros(4);

/// All passes over the keys of one target.
#[derive(Default)]
pub struct Passes {
    pace: Mutex<Option<Arc<Mutex<Pace>>>>,
    kept: Mutex<Vec<Arc<Checked>>>,
}

/// The passes of the same checks.
struct Checked {
    checks: Arc<Checks>,
    generation: u64,
    state: Mutex<State>,
    ended: watch::Sender<()>,
}

struct State {
    asked: Instant,
    last: Option<Arc<Found>>,
    failed: Option<Reason>,
    running: Option<Running>,
}

/// A pass under way.
struct Running {
    began: Instant,
    expected: Duration,
    task: AbortHandle,
}

/// What a scrape does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Shows what there is.
    Show,
    /// Begins a pass, and shows what there is.
    Begin,
    /// Begins a pass and waits for it.
    BeginAndWait,
    /// Waits for the pass that is under way.
    Wait,
}

/// What the newest pass has found, if one came to its end, and why a later one did not.
pub type Latest = (Option<Arc<Found>>, Option<Reason>);

impl Passes {
    /// What is known, after a new pass if that can be done `until` then. `databases` are those with keys, to
    /// tell how long it will take.
    pub async fn latest(
        &self,
        node: &Node,
        checks: &Arc<Checks>,
        databases: &[(u32, u64)],
        until: Instant,
    ) -> Latest {
        let now = Instant::now();
        let checked = self.of(checks, node.link.generation, now);
        let pace = self.pace(now);
        let mut ended = checked.ended.subscribe();
        let next = {
            let mut state = checked.state();
            state.asked = now;
            let expected = expected(&state, checks, databases);
            let cost = state.last.as_ref().map_or(Duration::ZERO, |last| last.spent);
            let affords = lock(&pace).affords(cost, checks.bounds.share, now);
            let next = next(&state, expected, affords, now, until);
            if matches!(next, Next::Begin | Next::BeginAndWait) {
                let task = tokio::spawn(run(Arc::clone(&checked), pace, node.clone()));
                state.running = Some(Running { began: now, expected, task: task.abort_handle() });
            }
            next
        };
        if matches!(next, Next::Wait | Next::BeginAndWait) {
            // what is there when the time is up is shown
            drop(timeout_at(until, ended.changed()).await);
        }
        let state = checked.state();
        (state.last.clone(), state.failed)
    }

    /// How long the newest pass took that looked for groups.
    pub fn groups_took(&self) -> Option<Duration> {
        let kept = lock(&self.kept);
        let grouping = kept.iter().filter(|checked| !checked.checks.groups.is_empty());
        let newest =
            grouping.filter_map(|checked| checked.state().last.clone()).max_by_key(|last| last.ended);
        newest.map(|last| last.took)
    }

    /// What is kept for these checks. The ones that were not asked for for longest make place for new ones.
    fn of(&self, checks: &Arc<Checks>, generation: u64, now: Instant) -> Arc<Checked> {
        let mut kept = lock(&self.kept);
        kept.extract_if(.., |checked| checked.generation != generation).for_each(|checked| checked.leave());
        if let Some(checked) = kept.iter().find(|checked| checked.checks == *checks) {
            return Arc::clone(checked);
        }
        if kept.len() >= MOST_CHECKS
            && let Some((oldest, _)) =
                kept.iter().enumerate().min_by_key(|(_, checked)| checked.state().asked)
        {
            kept.swap_remove(oldest).leave();
        }
        let state = State { asked: now, last: None, failed: None, running: None };
        let checked = Arc::new(Checked {
            checks: Arc::clone(checks),
            generation,
            state: Mutex::new(state),
            ended: watch::Sender::new(()),
        });
        kept.push(Arc::clone(&checked));
        checked
    }

    fn pace(&self, now: Instant) -> Arc<Mutex<Pace>> {
        let mut pace = lock(&self.pace);
        Arc::clone(pace.get_or_insert_with(|| Arc::new(Mutex::new(Pace::new(now)))))
    }
}

impl Checked {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Ends the pass that is under way.
    fn leave(&self) {
        if let Some(running) = &self.state().running {
            running.task.abort();
        }
    }
}

/// Tells those who wait that a pass is no longer under way, however it ended.
struct Ending<'a>(&'a Checked);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.state().running = None;
        self.0.ended.send_replace(());
    }
}

/// One pass, to its end, unless nobody asks for it any more.
async fn run(checked: Arc<Checked>, pace: Arc<Mutex<Pace>>, node: Node) {
    let _ending = Ending(&checked);
    let asker = Asker::new(&node.kept, &node.link, &node.kept.scan, true);
    let pass = Pass { asker, checks: &checked.checks, pace: &pace, found: Found::default() };
    let outcome = tokio::select! {
        outcome = pass.run() => outcome.map_err(|error| error.reason()),
        () = unasked(&checked) => Err(Reason::Timeout),
    };
    let mut state = checked.state();
    match outcome {
        Ok(found) => {
            let Found { took, spent, scanned, .. } = found;
            debug!(target = %node.target, ?took, ?spent, scanned, "looked through the keys");
            state.failed = found.refused;
            state.last = Some(Arc::new(found));
        }
        Err(reason) => state.failed = Some(reason),
    }
}

async fn unasked(checked: &Checked) {
    loop {
        let left = UNASKED.saturating_sub(checked.state().asked.elapsed());
        if left.is_zero() {
            return;
        }
        sleep(left).await;
    }
}

/// How long a pass will take: as the last one, or by the number of keys.
fn expected(state: &State, checks: &Checks, databases: &[(u32, u64)]) -> Duration {
    if let Some(last) = &state.last {
        return last.took;
    }
    let weighs_all = checks.weighs_all();
    let wanted = |db: u32| weighs_all || checks.patterns().any(|spec| spec.db == db);
    let keys: u64 = databases.iter().filter(|(db, _)| wanted(*db)).map(|(_, keys)| keys).sum();
    let each = if weighs_all { WEIGHED_KEY_COST } else { KEY_COST };
    let cost = each.saturating_mul(u32::try_from(keys).unwrap_or(u32::MAX));
    if cost <= BURST {
        return cost;
    }
    // what is saved is spent first, and what is slept off is a burst more than what was taken
    Duration::try_from_secs_f64(cost.as_secs_f64() / checks.bounds.share).unwrap_or(Duration::MAX)
}

/// A pass is waited for only when the whole of it would fit: what is large is never waited for, not even for its end.
fn next(state: &State, expected: Duration, affords: bool, now: Instant, until: Instant) -> Next {
    let fits = |took: Duration| now.checked_add(took).is_some_and(|end| end <= until);
    let was_short = |last: &Arc<Found>| last.took <= SHORT && last.spent <= BURST;
    let may_wait = state.last.as_ref().is_none_or(was_short);
    match (&state.running, &state.last) {
        (Some(Running { began, expected, .. }), _) => {
            let is_late = now.duration_since(*began) > expected.saturating_add(LATE);
            if may_wait && !is_late && fits(*expected) { Next::Wait } else { Next::Show }
        }
        (None, Some(_)) if !affords => Next::Show,
        (None, _) if may_wait && fits(expected) => Next::BeginAndWait,
        (None, _) => Next::Begin,
    }
}

/// What a panic left behind is whole: nothing here panics between two writes.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::flags;

    fn found(took: u64, spent: u64) -> Arc<Found> {
        let (took, spent) = (Duration::from_millis(took), Duration::from_millis(spent));
        Arc::new(Found { took, spent, ..Found::default() })
    }

    #[tokio::test(start_paused = true)]
    async fn who_begins_and_who_waits() {
        let now = Instant::now();
        let until = now + Duration::from_secs(9);
        let (soon, late) = (Duration::from_millis(20), Duration::from_secs(12));
        for (running, last, expected, affords, next_is) in [
            (None, None, soon, true, Next::BeginAndWait),
            (None, None, late, true, Next::Begin),
            (None, Some(found(20, 2)), soon, true, Next::BeginAndWait),
            (None, Some(found(20, 2)), soon, false, Next::Show),
            (None, Some(found(12_000, 600)), late, true, Next::Begin),
            (None, Some(found(8_000, 450)), Duration::from_secs(8), true, Next::Begin),
            (None, Some(found(12_000, 600)), late, false, Next::Show),
            (Some((0, soon)), None, soon, true, Next::Wait),
            (Some((5, soon)), None, soon, true, Next::Show),
            (Some((5, Duration::from_secs(8))), None, soon, true, Next::Wait),
            (Some((5, late)), None, soon, true, Next::Show),
            (Some((1, late)), None, soon, true, Next::Show),
            (Some((0, soon)), Some(found(20, 2)), soon, true, Next::Wait),
            (Some((5, Duration::from_secs(8))), Some(found(8_000, 450)), soon, true, Next::Show),
        ] {
            let running = running.map(|(ago, expected)| Running {
                began: now - Duration::from_secs(ago),
                expected,
                task: tokio::spawn(async {}).abort_handle(),
            });
            let case = format!(
                "{:?} {:?} {expected:?}",
                running.as_ref().map(|running| running.began),
                last.as_ref().map(|last| last.took)
            );
            let state = State { asked: now, last, failed: None, running };
            assert_eq!(next(&state, expected, affords, now, until), next_is, "{case}");
        }
    }

    #[tokio::test]
    async fn a_large_keyspace_is_known_beforehand() {
        let state = State { asked: Instant::now(), last: None, failed: None, running: None };
        for (arguments, databases, milliseconds) in [
            (["--count-keys=a*"], vec![(0, 1_000), (1, 9_000_000)], 1),
            (["--count-keys=a*"], vec![(0, 1_000_000)], 20_000),
            (["--top-keys=1"], vec![(0, 10_000), (1, 15_000)], 2_000),
        ] {
            let checks = Checks::parse(&flags(&arguments).checks).unwrap();
            let found = expected(&state, &checks, &databases).as_millis();
            assert_eq!(found, milliseconds, "{arguments:?} {databases:?}");
        }
    }

    #[tokio::test]
    async fn few_checks_are_kept_and_none_of_an_earlier_configuration() {
        let passes = Passes::default();
        let checks = |number: u64| {
            Arc::new(Checks::parse(&flags(&[&format!("--count-keys={number}*")]).checks).unwrap())
        };
        let start = Instant::now();
        for number in 0..9 {
            passes.of(&checks(number), 1, start + Duration::from_secs(number));
            passes.of(&checks(0), 1, start).state().asked = start + Duration::from_secs(number);
        }
        assert_eq!(lock(&passes.kept).len(), MOST_CHECKS);
        assert!(lock(&passes.kept).iter().any(|checked| checked.checks == checks(0)));
        passes.of(&checks(0), 2, start);
        assert_eq!(lock(&passes.kept).len(), 1);
    }
}
