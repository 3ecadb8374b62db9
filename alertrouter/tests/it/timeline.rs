//! The deciding half on a clock that the test turns: what is muted, inhibited, late, or over before it could be told.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use alertrouter::config::Config;
use alertrouter::intake::Intake;
use alertrouter::matcher::ParserMode;
use alertrouter::metrics::Metrics;
use alertrouter::moment::Moment;
use alertrouter::notify::pace::Paces;
use alertrouter::outbox::{plan, told};
use alertrouter::payload::Status;
use alertrouter::routing::{Current, Routing};
use alertrouter::sources::Sources;
use alertrouter::store::{Finish, Options, Outcome, Room, Store, View};
use alertrouter::watch::{Alarm, Watch};
use axum::body::Body;
use axum::extract::{Request, State};
use kit::process::Folder;
use serde_json::json;
use toolkit::clock::Clock;
use toolkit::config::Document;

use crate::router::{alert, firing, payload, resolved};

/// All parts but the one that sends.
struct Parts {
    _folder: Folder,
    now: Arc<AtomicI64>,
    store: Store,
    routing: Current,
    intake: Intake,
    watch: Watch,
}

/// 2026-08-01, a Saturday, 10:00 UTC: when the test alerts start.
const START: i64 = 1_785_578_400;

fn config(text: &str) -> Config {
    let document = Document::parse("a.yml", text).unwrap();
    Config::decode(&document, "data".into(), ParserMode::Fallback).unwrap_or_else(|error| panic!("{error}"))
}

/// Slack webhooks `a` and `b` of receivers with these names, and more lines.
fn two(more: &str) -> String {
    let hook = "slack_configs: [{ api_url: 'http://127.0.0.1:9/x', send_resolved: true }]";
    format!(
        "receivers: [{{ name: a, {hook} }}, {{ name: b, {hook} }}, {{ name: c, failover: b, {hook} }}]\n{more}\n"
    )
}

impl Parts {
    async fn start(config_text: &str) -> Self {
        Self::start_in(Folder::new().unwrap(), Arc::new(AtomicI64::new(START)), config_text).await
    }

    async fn start_in(folder: Folder, now: Arc<AtomicI64>, config_text: &str) -> Self {
        let room = Room { ballast: 0, quota: None };
        let path = folder.path().join("data");
        let store = Store::open(Options { path, room, observe: Box::new(|_, _| {}) }).unwrap();
        let routing = Current::new(Routing::build(config(config_text), &Paces::default()).unwrap());
        let told = now.clone();
        let clock =
            Clock::from_fn(move || jiff::Timestamp::from_second(told.load(Ordering::Relaxed)).unwrap());
        let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
        let (alarm, sources) = (Alarm::default(), Sources::default());
        sources.replace(&routing.get().inhibit_rules, store.firing_labels().await.unwrap());
        let intake =
            Intake::new(store.clone(), routing.clone(), metrics, clock.clone(), alarm.clone(), sources);
        let watch = Watch { store: store.clone(), routing: routing.clone(), clock, alarm };
        Self { _folder: folder, now, store, routing, intake, watch }
    }

    /// A restart: everything in memory is gone.
    async fn restart(self, config_text: &str) -> Self {
        let Self { _folder: folder, now, store, .. } = self;
        store.close().await;
        drop(store);
        Self::start_in(folder, now, config_text).await
    }

    fn now(&self) -> Moment {
        Moment(self.now.load(Ordering::Relaxed) * 1_000_000)
    }

    fn wait(&self, minutes: i64) {
        self.now.fetch_add(minutes * 60, Ordering::Relaxed);
    }

    async fn post(&self, body: String) {
        let request = Request::new(Body::from(body));
        assert_eq!(Intake::webhook(State(self.intake.clone()), request).await.status(), 200);
    }

    async fn send(&self, alerts: &[serde_json::Value]) {
        self.post(payload(&[("alertname", "RedisDown")], alerts)).await;
    }

    /// What is due: begun, and what it would tell. `take`: the target takes it, else it fails.
    async fn deliver(&self, take: impl Fn(&str) -> bool) -> Vec<String> {
        let mut all = Vec::new();
        for due in self.store.due(self.now(), Vec::new(), 100).await.unwrap() {
            let view = self.store.begin(due.thread, self.now().plus(Duration::from_mins(10))).await.unwrap();
            let view = view.unwrap();
            let target = self.routing.get().target(&due.target).unwrap();
            let (send_resolved, edits) = (target.settings.send_resolved, target.edits());
            let message = told(&view, send_resolved, edits);
            let Some(action) = plan(&view, &message, send_resolved, edits) else {
                self.finish(&view, Outcome::Unchanged).await;
                continue;
            };
            if !take(&due.target) {
                let again = Outcome::Again {
                    due_at: self.now().plus(Duration::from_mins(1)),
                    counts: true,
                    progress: None,
                };
                self.finish(&view, again).await;
                continue;
            }
            let words = message.alerts.iter().map(|alert| {
                let name = match alert.labels.value("instance") {
                    "" => alert.annotations.value("summary"),
                    name => name,
                };
                format!("{}{name}", if alert.status == Status::Firing { '+' } else { '-' })
            });
            all.push(format!("{} {action:?} {}", due.target, words.collect::<Vec<_>>().join(" ")));
            let place = edits.then(|| "here".to_owned());
            self.finish(&view, Outcome::Done { sent: message.sent, place, refused: Vec::new() }).await;
        }
        all.sort();
        all
    }

    async fn finish(&self, view: &View, outcome: Outcome) {
        let finish = Finish {
            thread: view.thread,
            revision: view.revision,
            at: self.now(),
            took: Duration::ZERO,
            reason: "test",
            detail: String::new(),
            outcome,
        };
        self.store.finish(finish).await.unwrap();
    }

    /// What is told now when everything works.
    async fn told(&self) -> Vec<String> {
        self.intake.release_due().await.unwrap();
        self.deliver(|_| true).await
    }
}

const NOTHING: [&str; 0] = [];

#[tokio::test]
async fn a_muted_route_is_silent_and_tells_at_its_end_what_still_fires() {
    let text = two("route: { receiver: b, routes: [{ receiver: a, mute_time_intervals: [morning] }] }
time_intervals: [{ name: morning, time_intervals: [{ times: [{ start_time: '09:00', end_time: '11:00' }] }] }]");
    let parts = Parts::start(&text).await;
    parts.send(&[firing("short"), firing("long")]).await;
    // the same again is no news
    parts.send(&[firing("short"), firing("long")]).await;
    parts.wait(10);
    parts.send(&[resolved("short"), firing("long")]).await;
    assert_eq!(parts.told().await, NOTHING);
    assert_eq!(parts.store.counts().await.unwrap().held, 2);
    let parts = parts.restart(&text).await;
    parts.wait(49);
    assert_eq!(parts.told().await, NOTHING, "10:59");
    parts.wait(1);
    assert_eq!(parts.told().await, ["a/slack/0 Post +long"], "11:00");
    assert_eq!(parts.store.counts().await.unwrap().held, 0);
    parts.send(&[resolved("long")]).await;
    assert_eq!(parts.told().await, ["a/slack/0 Post -long"]);
    // what was told before, and ends in silence, is told at the end of it
    parts.wait(60 * 20);
    let again = json!({ "startsAt": "2026-08-02T07:00:00Z" });
    parts.send(&[alert("long", &again)]).await;
    assert_eq!(parts.told().await, ["a/slack/0 Post +long"], "07:00");
    parts.wait(60 * 3);
    let over = json!({
        "startsAt": "2026-08-02T07:00:00Z", "status": "resolved", "endsAt": "2026-08-02T09:30:00Z"
    });
    parts.send(&[alert("long", &over)]).await;
    assert_eq!(parts.told().await, NOTHING, "10:00");
    parts.wait(60);
    assert_eq!(parts.told().await, ["a/slack/0 Post -long"], "11:00");
}

#[tokio::test]
async fn an_inhibited_alert_is_told_when_its_source_ends() {
    let text = two("route: { receiver: a }
inhibit_rules: [{ source_matchers: ['kind=down'], target_matchers: ['kind=slow'], equal: [cluster] }]");
    let parts = Parts::start(&text).await;
    let labelled = |kind: &str, cluster: &str, status: &str| {
        let labels = json!({ "alertname": kind, "instance": format!("{kind}-{cluster}"), "kind": kind, "cluster": cluster });
        let end = if status == "firing" { "0001-01-01T00:00:00Z" } else { "2026-08-01T10:30:00Z" };
        alert("", &json!({ "labels": labels, "fingerprint": "", "status": status, "endsAt": end }))
    };
    parts.send(&[labelled("slow", "x", "firing"), labelled("down", "x", "firing")]).await;
    parts.send(&[labelled("slow", "y", "firing")]).await;
    assert_eq!(parts.told().await, ["a/slack/0 Post +down-x +slow-y"]);
    // what was inhibited and ended says nothing
    parts.send(&[labelled("slow", "x", "resolved")]).await;
    parts.send(&[labelled("slow", "x", "firing")]).await;
    let parts = parts.restart(&text).await;
    parts.wait(1);
    assert_eq!(parts.told().await, NOTHING);
    assert_eq!(parts.store.counts().await.unwrap().held, 1);
    parts.send(&[labelled("down", "x", "resolved")]).await;
    assert_eq!(parts.told().await, ["a/slack/0 Post +slow-y -down-x"]);
    parts.wait(1);
    assert_eq!(parts.told().await, ["a/slack/0 Post +slow-x +slow-y -down-x"], "within a minute");
}

#[tokio::test]
async fn what_is_wrong_is_told_once_and_taken_back() {
    let text = two("route: { receiver: a }\ndelivery: { fallback_receiver: b, late_after: 5m }");
    let parts = Parts::start(&text).await;
    let look = async || parts.watch.look(parts.now()).await.unwrap();
    look().await;
    assert_eq!(parts.told().await, NOTHING);
    parts.post("no payload".to_owned()).await;
    look().await;
    look().await;
    assert_eq!(parts.told().await, ["b/slack/0 Post +1 requests of the last hour could not be read"]);
    parts.send(&[firing("x")]).await;
    let fails = |target: &str| !target.starts_with('a');
    assert_eq!(parts.deliver(fails).await, NOTHING);
    parts.wait(6);
    look().await;
    assert_eq!(
        parts.deliver(fails).await,
        ["b/slack/0 Post +Messages to a/slack/0 wait since 2026-08-01 10:00 UTC"]
    );
    // the fallback fails, too: that causes no other word
    parts.wait(55);
    look().await;
    parts.wait(60);
    look().await;
    assert_eq!(
        parts.deliver(|_| true).await,
        ["a/slack/0 Post +x", "b/slack/0 Post -1 requests of the last hour could not be read",]
    );
    look().await;
    assert_eq!(parts.told().await, ["b/slack/0 Post -Messages to a/slack/0 wait since 2026-08-01 10:00 UTC"]);
    for _ in 0..3 {
        parts.wait(10);
        look().await;
        assert_eq!(parts.told().await, NOTHING);
    }
}

#[tokio::test]
async fn a_stand_in_tells_what_waits_and_follows_it() {
    let text = two("route: { receiver: c }\ndelivery: { late_after: 5m }");
    let parts = Parts::start(&text).await;
    let look = async || parts.watch.look(parts.now()).await.unwrap();
    let broken = |target: &str| !target.starts_with('c');
    parts.send(&[firing("x")]).await;
    look().await;
    assert_eq!(parts.deliver(broken).await, NOTHING);
    parts.wait(6);
    look().await;
    look().await;
    assert_eq!(parts.deliver(broken).await, ["b/slack/0 Post +x"], "once");
    parts.send(&[firing("x"), firing("y")]).await;
    parts.wait(1);
    look().await;
    assert_eq!(parts.deliver(broken).await, ["b/slack/0 Post +x +y"]);
    // it works again: what fires is shown there, and the stand-in hears the end
    parts.wait(2);
    assert_eq!(parts.deliver(|_| true).await, ["c/slack/0 Post +x +y"]);
    parts.send(&[resolved("x"), resolved("y")]).await;
    assert_eq!(parts.told().await, ["b/slack/0 Post -x -y", "c/slack/0 Post -x -y"]);
    // what is over before the target works again was told by the stand-in
    parts.wait(120);
    let later = |end: &str, status: &str| json!({ "startsAt": "2026-08-01T12:00:00Z", "endsAt": end, "status": status });
    parts.send(&[alert("z", &later("0001-01-01T00:00:00Z", "firing"))]).await;
    assert_eq!(parts.deliver(broken).await, ["b/slack/0 Post +z"]);
    parts.wait(6);
    look().await;
    parts.send(&[alert("z", &later("2026-08-01T12:09:00Z", "resolved"))]).await;
    assert_eq!(parts.deliver(broken).await, ["b/slack/0 Post -z"]);
    parts.wait(2);
    assert_eq!(parts.told().await, NOTHING);
}

#[tokio::test]
async fn what_was_over_in_an_outage_becomes_one_line() {
    let text = two("route: { receiver: a, group_by: [instance] }\ndelivery: { stale_after: 30m }");
    let parts = Parts::start(&text).await;
    let look = async || parts.watch.look(parts.now()).await.unwrap();
    for instance in ["p", "q", "r", "stays"] {
        parts.send(&[firing(instance)]).await;
    }
    assert_eq!(parts.deliver(|_| false).await, NOTHING);
    parts.send(&[resolved("p"), resolved("q"), resolved("r")]).await;
    look().await;
    parts.wait(40);
    look().await;
    look().await;
    let line = "-3 alerts fired and cleared between 2026-08-01 10:00 and 2026-08-01 10:30 UTC, while nothing could be delivered here";
    assert_eq!(
        parts.told().await,
        [format!("a/slack/0 Post {line}"), "a/slack/0 Post +stays".to_owned()]
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
    );
    look().await;
    assert_eq!(parts.told().await, NOTHING);
}

/// firing → resolved → the same firing again from a replica that is late → the same resolved again.
#[tokio::test]
async fn a_ghost_is_one_page_and_one_resolve() {
    let parts = Parts::start(&two("route: { receiver: a }")).await;
    parts.send(&[firing("x")]).await;
    assert_eq!(parts.told().await, ["a/slack/0 Post +x"]);
    parts.wait(31);
    parts.send(&[resolved("x")]).await;
    assert_eq!(parts.told().await, ["a/slack/0 Post -x"]);
    for _ in 0..2 {
        parts.wait(1);
        parts.send(&[firing("x")]).await;
        assert_eq!(parts.told().await, NOTHING);
        parts.send(&[resolved("x")]).await;
        assert_eq!(parts.told().await, NOTHING);
    }
    parts.wait(60);
    assert_eq!(parts.told().await, NOTHING);
    // one that stays is no ghost
    parts.send(&[firing("x")]).await;
    parts.wait(10);
    assert_eq!(parts.told().await, ["a/slack/0 Post +x"]);
}
