//! The schedule with paused time.

use std::sync::atomic::AtomicUsize;

use tokio::time::{advance, sleep};

use super::*;
use crate::config::{Module, Prober};

fn target(name: &str, interval: u64) -> Scheduled {
    Scheduled {
        target: Arc::from(name),
        module: Arc::new(Module::plain("tcp", Prober::Tcp)),
        interval: Duration::from_secs(interval),
        server_name: None,
        labels: Arc::default(),
    }
}

/// A schedule whose checks take so long, and how many of them have begun, and the most at once.
fn schedule(takes: u64, most: usize) -> (Arc<Schedule>, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (begun, running, peak) =
        (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let (counter, highest) = (Arc::clone(&begun), Arc::clone(&peak));
    let check = move |_: &Scheduled| {
        let (counter, running, highest) = (Arc::clone(&counter), Arc::clone(&running), Arc::clone(&highest));
        Box::pin(async move {
            counter.fetch_add(1, Ordering::SeqCst);
            highest.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(Duration::from_secs(takes)).await;
            running.fetch_sub(1, Ordering::SeqCst);
            Report::of_prober("tcp")
        }) as Checking
    };
    (Schedule::new(Clock::system(), most, Box::new(check)), begun, peak)
}

fn numbers(schedule: &Schedule) -> (u64, u64, u64) {
    let numbers = schedule.fresh(|_, _| {});
    (numbers.fresh, numbers.pending, numbers.stale)
}

#[tokio::test(start_paused = true)]
async fn each_target_once_an_interval_and_shown_while_fresh() {
    let (schedule, begun, _) = schedule(1, 100);
    schedule.replace((0..50).map(|number| target(&format!("host-{number}:443"), 60)).collect());
    assert_eq!(numbers(&schedule), (0, 50, 0));
    sleep(Duration::from_secs(62)).await;
    assert_eq!(numbers(&schedule), (50, 0, 0));
    let first = begun.load(Ordering::SeqCst);
    sleep(Duration::from_mins(10)).await;
    assert_eq!(begun.load(Ordering::SeqCst) - first, 500);
    schedule.stop();
    sleep(Duration::from_secs(181)).await;
    assert_eq!(numbers(&schedule), (0, 0, 50));
}

#[tokio::test(start_paused = true)]
async fn a_target_is_never_checked_twice_at_once() {
    let (schedule, begun, peak) = schedule(25, 100);
    schedule.replace(vec![target("slow:1", 10)]);
    sleep(Duration::from_secs(301)).await;
    assert_eq!(peak.load(Ordering::SeqCst), 1);
    assert!((9..=11).contains(&begun.load(Ordering::SeqCst)));
    let skipped = schedule.fresh(|_, _| {}).skipped;
    assert!((18..=21).contains(&skipped), "{skipped}");
}

#[tokio::test(start_paused = true)]
async fn no_more_at_once_than_there_are_places() {
    let (schedule, begun, peak) = schedule(5, 3);
    schedule.replace((0..30).map(|number| target(&format!("host-{number}:443"), 600)).collect());
    sleep(Duration::from_mins(5)).await;
    assert_eq!(peak.load(Ordering::SeqCst), 3);
    assert!(begun.load(Ordering::SeqCst) >= 30);
    schedule.resize(1);
    schedule.resize(10);
    schedule.replace((0..40).map(|number| target(&format!("more-{number}:443"), 600)).collect());
    sleep(Duration::from_mins(5)).await;
    assert!((4..=10).contains(&peak.load(Ordering::SeqCst)));
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_the_results_of_targets_that_stay() {
    let (schedule, ..) = schedule(1, 10);
    schedule.replace(vec![target("stays:1", 60), target("goes:1", 60)]);
    sleep(Duration::from_secs(40)).await;
    assert_eq!(numbers(&schedule), (2, 0, 0));
    schedule.replace(vec![target("comes:1", 60), target("stays:1", 60)]);
    let mut shown = Vec::new();
    schedule.fresh(|target, _| shown.push(target.target.to_string()));
    assert_eq!(shown, ["stays:1"]);
    assert_eq!(numbers(&schedule), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_check_that_panics_costs_only_itself() {
    let check = |target: &Scheduled| {
        let bad = target.target.starts_with("bad");
        Box::pin(async move {
            assert!(!bad, "on purpose");
            Report::of_prober("tcp")
        }) as Checking
    };
    let schedule = Schedule::new(Clock::system(), 1, Box::new(check));
    schedule.replace(vec![target("bad:1", 10), target("good:1", 10)]);
    advance(Duration::from_secs(1)).await;
    sleep(Duration::from_secs(40)).await;
    assert_eq!(numbers(&schedule), (1, 1, 0));
    assert_eq!(schedule.fresh(|_, _| {}).running, 0);
}

#[test]
fn places_are_spread_over_the_interval() {
    let numbers: Vec<u64> =
        (0..10_000).map(|n| target(&format!("host-{n}.example:443"), 600).number()).collect();
    let mut seconds = [0_u32; 600];
    for number in &numbers {
        seconds[(number % 600_000 / 1000) as usize] += 1;
    }
    assert!(seconds.iter().all(|count| *count < 50), "{seconds:?}");
    assert_eq!(target("a:1", 1).number(), target("a:1", 60).number());
    assert_eq!(
        target("example.com:443", 60).number(),
        15_836_259_724_152_366_918,
        "it must never change from build to build"
    );
}
