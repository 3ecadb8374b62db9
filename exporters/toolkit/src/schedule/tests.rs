//! The schedule with paused time.

use std::sync::atomic::AtomicUsize;

use tokio::time::{advance, sleep};

use super::*;

#[derive(Clone)]
struct Named {
    name: String,
    interval: Duration,
    stale_after: Duration,
}

impl Target for Named {
    type Key = String;

    fn key(&self) -> String {
        self.name.clone()
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    fn stale_after(&self) -> Duration {
        self.stale_after
    }
}

fn target(name: &str, seconds: u64) -> Named {
    let interval = Duration::from_secs(seconds);
    Named { name: name.to_owned(), interval, stale_after: interval * 3 }
}

fn hosts(count: u32, seconds: u64) -> Vec<Named> {
    (0..count).map(|number| target(&format!("host-{number}:443"), seconds)).collect()
}

/// Checks that take so long; counts those that begun, and the most at once. A target whose name begins with `bad` panics.
#[derive(Default)]
struct Slow {
    takes: Duration,
    begun: AtomicUsize,
    running: AtomicUsize,
    peak: AtomicUsize,
    ended: AtomicUsize,
}

impl Slow {
    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    fn peak(&self) -> usize {
        self.peak.load(Ordering::SeqCst)
    }
}

impl Work for Slow {
    type Target = Named;
    type Found = String;

    async fn check(&self, target: &Named) -> String {
        assert!(!target.name.starts_with("bad"), "on purpose");
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.peak.fetch_max(self.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        sleep(self.takes).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        target.name.clone()
    }

    fn ended(&self, _: &Named, ended: &Ended<String>) {
        assert_eq!(ended.took, self.takes);
        self.ended.fetch_add(1, Ordering::SeqCst);
    }
}

fn schedule(takes: u64, most: usize) -> Arc<Schedule<Slow>> {
    let takes = Duration::from_secs(takes);
    Schedule::new(Clock::system(), most, Slow { takes, ..Slow::default() })
}

fn numbers(schedule: &Schedule<Slow>) -> (u64, u64, u64) {
    let numbers = schedule.fresh(|_, _| {});
    (numbers.fresh, numbers.pending, numbers.stale)
}

#[tokio::test(start_paused = true)]
async fn each_target_once_an_interval_and_shown_while_fresh() {
    let schedule = schedule(1, 100);
    schedule.replace(hosts(50, 60));
    assert_eq!(numbers(&schedule), (0, 50, 0));
    sleep(Duration::from_secs(62)).await;
    assert_eq!(numbers(&schedule), (50, 0, 0));
    let first = schedule.work().begun();
    sleep(Duration::from_mins(10)).await;
    assert_eq!(schedule.work().begun() - first, 500);
    let ended = schedule.work().ended.load(Ordering::SeqCst) as u64;
    assert_eq!(ended, schedule.fresh(|_, _| {}).done);
    schedule.stop();
    sleep(Duration::from_secs(181)).await;
    assert_eq!(numbers(&schedule), (0, 0, 50));
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_targets_a_minute_begin_in_time_and_none_is_skipped() {
    let schedule = schedule(2, 1_000);
    schedule.replace(hosts(10_000, 60));
    sleep(Duration::from_mins(5)).await;
    let numbers = schedule.fresh(|_, _| {});
    assert_eq!((numbers.fresh, numbers.skipped), (10_000, 0));
    assert!(numbers.late.count >= 50_000 && numbers.late.most <= 0.25, "{:?}", numbers.late);
}

#[tokio::test(start_paused = true)]
async fn a_target_says_when_its_result_is_stale() {
    let schedule = schedule(1, 100);
    let lasting = Named { stale_after: Duration::from_hours(1), ..target("lasting:1", 10) };
    schedule.replace(vec![lasting, target("brief:1", 10)]);
    sleep(Duration::from_secs(40)).await;
    schedule.stop();
    sleep(Duration::from_mins(10)).await;
    let mut seen = Vec::new();
    schedule.look(|target, standing| match standing {
        Standing::Pending => panic!("{} was checked", target.name),
        Standing::Fresh(ended) => seen.push(("fresh", ended.found.to_string())),
        Standing::Stale(ended) => seen.push(("stale", ended.found.to_string())),
    });
    assert_eq!(seen, [("fresh", "lasting:1".to_owned()), ("stale", "brief:1".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_target_is_never_checked_twice_at_once() {
    let schedule = schedule(25, 100);
    schedule.replace(vec![target("slow:1", 10)]);
    sleep(Duration::from_secs(301)).await;
    assert_eq!(schedule.work().peak(), 1);
    assert!((9..=11).contains(&schedule.work().begun()));
    let skipped = schedule.fresh(|_, _| {}).skipped;
    assert!((18..=21).contains(&skipped), "{skipped}");
}

#[tokio::test(start_paused = true)]
async fn no_more_at_once_than_there_are_places() {
    let schedule = schedule(5, 3);
    schedule.replace(hosts(30, 600));
    sleep(Duration::from_mins(5)).await;
    assert_eq!(schedule.work().peak(), 3);
    assert!(schedule.work().begun() >= 30);
    assert!(schedule.fresh(|_, _| {}).late.most > 1.0);
    schedule.resize(1);
    schedule.resize(10);
    schedule.replace((0..40).map(|number| target(&format!("more-{number}:443"), 600)).collect());
    sleep(Duration::from_mins(5)).await;
    assert!((4..=10).contains(&schedule.work().peak()));
}

#[tokio::test(start_paused = true)]
async fn places_that_are_taken_are_given_up_when_they_are_free() {
    let schedule = schedule(5, 10);
    schedule.replace(hosts(100, 10));
    sleep(Duration::from_secs(30)).await;
    let running = || schedule.fresh(|_, _| {}).running;
    assert_eq!(running(), 10);
    schedule.resize(2);
    sleep(Duration::from_secs(11)).await;
    assert_eq!(running(), 2);
    schedule.resize(4);
    sleep(Duration::from_secs(11)).await;
    assert_eq!(running(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_the_results_of_targets_that_stay() {
    let schedule = schedule(1, 10);
    schedule.replace(vec![target("stays:1", 60), target("goes:1", 60)]);
    sleep(Duration::from_secs(40)).await;
    assert_eq!(numbers(&schedule), (2, 0, 0));
    schedule.replace(vec![target("comes:1", 60), target("stays:1", 60)]);
    let mut shown = Vec::new();
    schedule.fresh(|target, _| shown.push(target.name.clone()));
    assert_eq!(shown, ["stays:1"]);
    assert_eq!(numbers(&schedule), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_check_that_panics_costs_only_itself() {
    let schedule = schedule(0, 1);
    schedule.replace(vec![target("bad:1", 10), target("good:1", 10)]);
    advance(Duration::from_secs(1)).await;
    sleep(Duration::from_secs(40)).await;
    assert_eq!(numbers(&schedule), (1, 1, 0));
    assert_eq!(schedule.fresh(|_, _| {}).running, 0);
}

#[test]
fn places_are_spread_over_the_interval() {
    let numbers = (0..10_000).map(|n| number(&format!("host-{n}.example:443")));
    let mut seconds = [0_u32; 600];
    for number in numbers {
        seconds[(number % 600_000 / 1000) as usize] += 1;
    }
    assert!(seconds.iter().all(|count| *count < 50), "{seconds:?}");
}
