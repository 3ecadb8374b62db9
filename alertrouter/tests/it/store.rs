//! The store by itself: one transaction a payload, lanes that collapse, and a disk that is full.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alertrouter::decide::{Decision, Policy, Reason, Skipped};
use alertrouter::labels::Labels;
use alertrouter::moment::Moment;
use alertrouter::payload::{Alert, Payload};
use alertrouter::store::{
    Accept, Finish, Limits, Options, Origin, Outcome, Room, Routed, Sent, Store, StoreError, TargetPolicy,
    View,
};
use kit::process::Folder;

use crate::router::{alert, firing, payload, resolved};

const POLICY: Policy =
    Policy { repeat_interval: Duration::from_hours(4), ghost_window: Duration::from_secs(330) };

pub(crate) fn open(folder: &Path) -> Store {
    open_in(folder, Room { ballast: 0, quota: None })
}

fn open_in(folder: &Path, room: Room) -> Store {
    Store::open(Options { path: folder.to_owned(), room, observe: Box::new(|_, _| {}) }).unwrap()
}

pub(crate) fn at(seconds: i64) -> Moment {
    // within the time of the test alerts, and in the past of the machine's clock
    Moment((1_785_578_400 + seconds) * 1_000_000)
}

pub(crate) fn accept(seconds: i64, group: &str, alerts: &[serde_json::Value]) -> Accept {
    let body = payload(&[("group", group)], alerts);
    let alerts: Vec<Alert> = Payload::parse(body.as_bytes()).unwrap().alerts;
    let target = TargetPolicy { id: "team/email/0".into(), send_resolved: true, edits: false };
    let routed = Routed {
        receiver: "team".into(),
        labels: [("group", group)].into_iter().collect::<Labels>(),
        policy: POLICY,
        targets: Arc::new([target]),
        alerts: (0..alerts.len()).collect(),
    };
    Accept {
        now: at(seconds),
        sender: "am".to_owned(),
        external_url: "http://am".to_owned(),
        body: body.into_bytes(),
        alerts,
        groups: vec![routed],
        grouping: [("group", group)].into_iter().collect(),
        held: Vec::new(),
        origin: Origin::Sender,
    }
}

pub(crate) async fn begin(store: &Store, seconds: i64) -> Option<View> {
    let due = store.due(at(seconds), Vec::new(), 10).await.unwrap();
    let due = due.first()?;
    store.begin(due.thread, at(seconds + 600)).await.unwrap()
}

fn done(view: &View, seconds: i64) -> Finish {
    let firing = view.alerts.iter().filter(|alert| alert.ends_at.is_none()).count();
    let sent = Sent {
        key: 7,
        firing: u32::try_from(firing).unwrap(),
        episode: view.episode,
        revision: view.group_revision,
    };
    finish(view, seconds, Outcome::Done { sent, place: Some("there".to_owned()), refused: Vec::new() })
}

fn finish(view: &View, seconds: i64, outcome: Outcome) -> Finish {
    Finish {
        thread: view.thread,
        revision: view.revision,
        at: at(seconds),
        took: Duration::ZERO,
        reason: "test",
        detail: String::new(),
        outcome,
    }
}

#[tokio::test]
async fn a_lane_collapses_and_keeps_what_came_in_flight() {
    let folder = Folder::new().unwrap();
    let store = open(folder.path());
    for (second, alerts) in [(0, vec![firing("a")]), (1, vec![firing("a"), firing("b")])] {
        store.accept(accept(second, "g", &alerts)).await.unwrap();
    }
    let view = begin(&store, 2).await.unwrap();
    assert_eq!((view.alerts.len(), view.revision, view.created_at), (2, 2, at(0)));
    assert!(begin(&store, 2).await.is_none(), "one at a time");
    // comes while the other is under way
    store.accept(accept(3, "g", &[firing("c")])).await.unwrap();
    assert!(begin(&store, 3).await.is_none(), "still one at a time");
    store.finish(done(&view, 4)).await.unwrap();
    let view = begin(&store, 4).await.unwrap();
    assert_eq!((view.alerts.len(), view.place.as_deref(), view.sent_count), (3, Some("there"), 1));
    store.finish(done(&view, 5)).await.unwrap();
    assert_eq!(store.counts().await.unwrap().pending, 0);
}

#[tokio::test]
async fn what_is_known_writes_nothing() {
    let folder = Folder::new().unwrap();
    let store = open(folder.path());
    let first = store.accept(accept(0, "g", &[firing("a")])).await.unwrap();
    assert_eq!(first.decisions, [Decision::Notify(Reason::First)]);
    let again = store.accept(accept(1, "g", &[firing("a")])).await.unwrap();
    assert_eq!((again.transitions.len(), again.decisions), (0, vec![Decision::Skip(Skipped::Duplicate)]));
    let view = begin(&store, 2).await.unwrap();
    assert_eq!(view.revision, 1);
}

#[tokio::test]
async fn a_ghost_waits() {
    let folder = Folder::new().unwrap();
    let store = open(folder.path());
    store.accept(accept(0, "g", &[firing("a")])).await.unwrap();
    store.finish(done(&begin(&store, 0).await.unwrap(), 1)).await.unwrap();
    store.accept(accept(2, "g", &[resolved("a")])).await.unwrap();
    store.finish(done(&begin(&store, 2).await.unwrap(), 3)).await.unwrap();
    let ghost = store.accept(accept(4, "g", &[firing("a")])).await.unwrap();
    assert_eq!(ghost.decisions, [Decision::Notify(Reason::Refired)]);
    assert!(begin(&store, 300).await.is_none());
    assert_eq!(store.next_due(at(5)).await.unwrap(), Some(at(334)));
    assert!(begin(&store, 334).await.is_some());
}

#[tokio::test]
async fn a_failing_lane_keeps_its_pause() {
    let folder = Folder::new().unwrap();
    let store = open(folder.path());
    store.accept(accept(0, "g", &[firing("a")])).await.unwrap();
    let view = begin(&store, 0).await.unwrap();
    let progress = Some(("half".to_owned(), 42));
    let again = Outcome::Again { due_at: at(100), counts: true, progress: progress.clone() };
    store.finish(finish(&view, 1, again)).await.unwrap();
    store.accept(accept(2, "g", &[firing("b")])).await.unwrap();
    assert!(begin(&store, 99).await.is_none());
    let view = begin(&store, 100).await.unwrap();
    assert_eq!((view.attempts, view.progress.clone(), view.created_at), (1, progress, at(0)));
    store.finish(finish(&view, 101, Outcome::Dead)).await.unwrap();
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.pending, counts.dead), (0, 1));
}

#[tokio::test]
async fn what_was_in_flight_is_in_doubt_after_a_crash() {
    let folder = Folder::new().unwrap();
    let store = open(folder.path());
    store.accept(accept(0, "g", &[firing("a")])).await.unwrap();
    assert!(!begin(&store, 0).await.unwrap().in_doubt);
    // a crash: a copy of the folder, as it is on the disk now
    let copy = Folder::new().unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let store = open(copy.path());
    assert!(begin(&store, 1).await.unwrap().in_doubt);
}

#[tokio::test]
async fn many_requests_share_a_commit() {
    let folder = Folder::new().unwrap();
    let commits = Arc::new(AtomicUsize::new(0));
    let counted = commits.clone();
    let observe = Box::new(move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let store =
        Store::open(Options { path: folder.path().to_owned(), room: Room::default(), observe }).unwrap();
    let all = (0..500).map(|n| {
        let store = store.clone();
        async move { store.accept(accept(0, &n.to_string(), &[firing("a")])).await }
    });
    let results = futures_util::future::join_all(all).await;
    assert!(results.iter().all(Result::is_ok));
    assert!(commits.load(Ordering::Relaxed) < 100, "{commits:?} commits");
    assert_eq!(store.counts().await.unwrap().pending, 500);
}

fn filler(n: i64) -> Accept {
    let long = serde_json::json!({ "annotations": { "summary": "x".repeat(20_000) } });
    accept(n, &n.to_string(), &[alert("a", &long)])
}

/// Accepts until it is refused; gives how many were taken.
async fn fill(store: &Store) -> i64 {
    let mut taken = 0;
    loop {
        match store.accept(filler(taken)).await {
            Ok(_) => taken += 1,
            Err(error) => {
                assert_eq!(error, StoreError::Full);
                return taken;
            }
        }
    }
}

#[tokio::test]
async fn a_quota_refuses_what_is_new_and_delivers_the_rest() {
    let folder = Folder::new().unwrap();
    let store = open_in(folder.path(), Room { ballast: 0, quota: Some(1 << 20) });
    let taken = fill(&store).await;
    assert!(taken > 10, "{taken}");
    assert!(store.problem().is_some());
    assert_eq!(store.quarantine(at(1), "payload", b"x", 1).await, Err(StoreError::Full));
    // all that was accepted is delivered, and remembered as delivered
    assert_eq!(store.counts().await.unwrap().pending, taken);
    for n in 0..taken {
        let view = begin(&store, 1000 + n).await.unwrap();
        store.finish(done(&view, 1000 + n)).await.unwrap();
    }
    assert_eq!(store.counts().await.unwrap().pending, 0);
    assert_eq!(store.accept(filler(taken)).await, Err(StoreError::Full), "delivered is not yet pruned");
    // the requests that are kept for people go first
    let limits = Limits { resolved: Duration::from_hours(1), inbox_bytes: 0, deliveries: 0 };
    store.prune(at(2000), limits).await.unwrap();
    store.accept(filler(taken)).await.unwrap();
    store.probe().await.unwrap();
    assert_eq!(store.problem(), None);
}

#[tokio::test]
async fn old_things_go_and_open_things_stay() {
    let folder = Folder::new().unwrap();
    let store = open(folder.path());
    store.accept(accept(0, "open", &[firing("a")])).await.unwrap();
    store.accept(accept(0, "over", &[firing("a")])).await.unwrap();
    store.accept(accept(1, "over", &[resolved("a")])).await.unwrap();
    store.accept(accept(1, "waits", &[firing("a")])).await.unwrap();
    store.accept(accept(1, "waits", &[resolved("a")])).await.unwrap();
    for due in store.due(at(2), Vec::new(), 10).await.unwrap() {
        let view = store.begin(due.thread, at(600)).await.unwrap().unwrap();
        if view.labels.value("group") != "waits" {
            store.finish(done(&view, 2)).await.unwrap();
        }
    }
    let limits = Limits { resolved: Duration::from_hours(1), inbox_bytes: 1 << 20, deliveries: 10 };
    let pruned = async |seconds| store.prune(at(seconds), limits).await.unwrap().groups;
    assert_eq!(pruned(1800).await, 0);
    assert_eq!(pruned(7200).await, 1);
    assert_eq!(pruned(7200).await, 0);
    // what was forgotten is new again
    let again = store.accept(accept(7201, "over", &[firing("a")])).await.unwrap();
    assert_eq!(again.decisions, [Decision::Notify(Reason::First)]);
}
