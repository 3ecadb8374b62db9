//! Snapshots in, counters out: settling, restating, and what a restart finds.

use std::time::Duration;

use jiff::Timestamp;
use kit::process::Folder;
use toolkit::config::Document;

use super::*;
use crate::calendar::{Calendar, Period};
use crate::charge::{Category, Charge, Observed, Quota, Snapshot, Source, Tokens};
use crate::config::Config;
use crate::money::Money;
use crate::providers::Provider;
use crate::shown::OTHER;
use crate::window::Window;

/// A provider whose days settle six hours after their end.
const PLAIN: &str = "name: p, type: fixed, items: [], settles_after: 6h";

/// A store in a folder, and a provider that says what it is told.
struct Desk {
    folder: Folder,
    store: Store,
    provider: Provider,
    services: usize,
}

impl Desk {
    fn new(provider: &str) -> Self {
        let folder = Folder::new().unwrap();
        let store = Store::open(folder.path(), clock("2026-03-10T12:00:00Z")).unwrap();
        let document = Document::parse("c.yml", &format!("providers: [{{{provider}}}]")).unwrap();
        let provider = Config::parse(Some(&document)).unwrap().providers.remove(0);
        Self { folder, store, provider, services: 50 }
    }

    async fn say(&self, now: &str, charges: &[(&str, &str, &str)]) {
        self.say_more(now, charges, |snapshot| snapshot).await;
    }

    async fn say_more(
        &self,
        now: &str,
        charges: &[(&str, &str, &str)],
        change: impl FnOnce(Snapshot) -> Snapshot,
    ) {
        let now = at(now);
        let window = Window::new(now, Calendar::Utc, 1);
        let charges = charges.iter().map(|(day, service, amount)| charge(day, service, amount)).collect();
        let snapshot = change(Snapshot { charges, ..Snapshot::of(Source::Reported, &window) });
        let provider = self.provider.clone();
        let due = now + Duration::from_hours(1);
        let publish = Publish { provider, snapshot, now, due, services: self.services };
        self.store.publish(publish).await.unwrap();
    }

    async fn counter(&self, kind: CounterKind, name: &str) -> String {
        let counters = self.store.counters("p".into()).await.unwrap();
        let found = counters.iter().filter(|counter| counter.kind == kind && &*counter.name == name);
        found.map(|counter| counter.value.to_string()).collect::<Vec<_>>().join(" ")
    }

    /// All days of all services of the last months.
    async fn total(&self) -> Money {
        let days = Period { start: "2026-01-01".parse().unwrap(), end: "2027-01-01".parse().unwrap() };
        let lines = self.store.lines("p".into(), days).await.unwrap();
        lines.iter().flat_map(|line| &line.days).map(|(_, amount)| amount).sum()
    }

    fn reopened(self) -> Self {
        drop(self.store);
        let store = Store::open(self.folder.path(), clock("2026-03-10T12:00:00Z")).unwrap();
        Self { store, ..self }
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn clock(text: &str) -> Clock {
    let now = at(text);
    Clock::from_fn(move || now)
}

/// A category may stand before the service: `credit/aws`.
fn charge(day: &str, service: &str, amount: &str) -> Charge {
    let (category, service) = service.split_once('/').unwrap_or(("usage", service));
    Charge {
        account: "".into(),
        service: service.into(),
        category: Category::from_word(category).unwrap(),
        day: day.parse().unwrap(),
        currency: "USD".into(),
        amount: Money::parse(amount).unwrap(),
    }
}

#[tokio::test]
async fn a_day_settles_once_and_what_comes_later_is_restated() {
    let desk = Desk::new(PLAIN);
    let settled = async || desk.counter(CounterKind::Settled, "a").await;
    // the ninth has just ended; older days settle at once
    desk.say("2026-03-10T01:00:00Z", &[("2026-03-08", "a", "5"), ("2026-03-09", "a", "1")]).await;
    assert_eq!(settled().await, "5");
    // it moves, then stands still
    desk.say("2026-03-10T07:00:00Z", &[("2026-03-08", "a", "5"), ("2026-03-09", "a", "1.5")]).await;
    assert_eq!(settled().await, "5");
    desk.say("2026-03-10T08:00:00Z", &[("2026-03-08", "a", "5"), ("2026-03-09", "a", "1.5")]).await;
    assert_eq!(settled().await, "6.5");
    assert_eq!(desk.store.read_days("p".into()).await.unwrap().settled, Some("2026-03-09".parse().unwrap()));
    // corrections of settled days, up, down, and gone
    desk.say("2026-03-10T09:00:00Z", &[("2026-03-08", "a", "4"), ("2026-03-09", "a", "1.75")]).await;
    desk.say("2026-03-10T10:00:00Z", &[("2026-03-09", "a", "1.75")]).await;
    assert_eq!(settled().await, "6.5");
    assert_eq!(desk.counter(CounterKind::RestatedUp, "").await, "0.25");
    assert_eq!(desk.counter(CounterKind::RestatedDown, "").await, "5");
    assert_eq!(desk.total().await, Money::parse("1.75").unwrap());
    // and all of it is there after a restart
    let desk = desk.reopened();
    assert_eq!(desk.counter(CounterKind::Settled, "a").await, "6.5");
    assert_eq!(desk.counter(CounterKind::RestatedDown, "").await, "5");
}

#[tokio::test]
async fn a_day_that_never_stands_still_settles_after_twice_the_lag() {
    let desk = Desk::new(PLAIN);
    for (hour, amount, expected) in [("01", "1", "0"), ("07", "2", "0"), ("11", "3", "0"), ("12", "4", "4")] {
        desk.say(&format!("2026-03-10T{hour}:00:00Z"), &[("2026-03-09", "a", amount)]).await;
        assert_eq!(desk.counter(CounterKind::Settled, "a").await, expected, "{hour}");
    }
}

#[tokio::test]
async fn credits_have_their_own_counter_and_taxes_count_only_when_wanted() {
    let charges = [
        ("2026-03-01", "a", "10"),
        ("2026-03-01", "credit/a", "-4"),
        ("2026-03-01", "refund/b", "-1"),
        ("2026-03-01", "tax/a", "2"),
    ];
    for (more, expected) in [("", "10"), (", include_tax: true", "12")] {
        let desk = Desk::new(&format!("{PLAIN}{more}"));
        desk.say("2026-03-10T12:00:00Z", &charges).await;
        assert_eq!(desk.counter(CounterKind::Settled, "a").await, expected);
        assert_eq!(desk.counter(CounterKind::Settled, "b").await, "0");
        assert_eq!(desk.counter(CounterKind::Credits, "").await, "5");
        assert_eq!(desk.total().await, Money::units(7));
    }
}

#[tokio::test]
async fn charges_of_the_same_key_are_summed_and_days_outside_are_left_out() {
    let desk = Desk::new(PLAIN);
    let charges = [
        ("2026-03-01", "a", "0.1"),
        ("2026-03-01", "a", "0.2"),
        ("2026-01-31", "a", "7"),
        ("2026-03-11", "a", "7"),
    ];
    desk.say("2026-03-10T12:00:00Z", &charges).await;
    assert_eq!(desk.total().await.to_string(), "0.3");
    // a snapshot of fewer days leaves the others alone
    desk.say_more("2026-03-10T13:00:00Z", &[("2026-03-09", "a", "1")], |snapshot| {
        let start = "2026-03-09".parse().unwrap();
        Snapshot { covers: Period { start, ..snapshot.covers }, ..snapshot }
    })
    .await;
    assert_eq!(desk.total().await.to_string(), "1.3");
}

#[tokio::test]
async fn who_is_not_shown_counts_as_other_and_no_counter_falls_when_that_changes() {
    let desk = Desk { services: 1, ..Desk::new(PLAIN) };
    desk.say("2026-03-10T12:00:00Z", &[("2026-03-01", "a", "10"), ("2026-03-01", "b", "1")]).await;
    assert_eq!(desk.counter(CounterKind::Settled, "a").await, "10");
    assert_eq!(desk.counter(CounterKind::Settled, OTHER).await, "1");
    // b becomes clearly larger: it is shown now, and what it had before stays where it was counted
    let charges = [
        ("2026-03-01", "a", "10"),
        ("2026-03-01", "b", "1"),
        ("2026-03-10", "a", "2"),
        ("2026-03-10", "b", "30"),
    ];
    desk.say("2026-03-11T12:00:00Z", &charges).await;
    assert_eq!(desk.counter(CounterKind::Settled, "a").await, "10");
    assert_eq!(desk.counter(CounterKind::Settled, "b").await, "30");
    assert_eq!(desk.counter(CounterKind::Settled, OTHER).await, "3");
    let shown = desk.store.shown("p".into()).await.unwrap();
    assert_eq!(shown.services.into_iter().collect::<Vec<_>>(), ["b".into()]);
}

#[tokio::test]
async fn a_backfill_is_in_no_counter() {
    let desk = Desk::new(PLAIN);
    desk.say("2026-03-10T12:00:00Z", &[("2026-02-01", "a", "1")]).await;
    desk.say_more(
        "2026-03-10T13:00:00Z",
        &[("2026-02-01", "a", "1"), ("2026-01-15", "a", "100")],
        |snapshot| {
            let start = "2026-01-01".parse().unwrap();
            Snapshot { covers: Period { start, ..snapshot.covers }, ..snapshot }
        },
    )
    .await;
    assert_eq!(desk.counter(CounterKind::Settled, "a").await, "1");
    assert_eq!(desk.total().await, Money::units(101));
}

#[tokio::test]
async fn what_else_a_provider_says_is_kept() {
    let desk = Desk::new(PLAIN);
    let tokens = |day: &str, count| Tokens {
        model: "m".into(),
        kind: "input".into(),
        day: day.parse().unwrap(),
        count,
    };
    let seen = |seconds| Observed {
        item: "srv-1".into(),
        account: "".into(),
        service: "web".into(),
        currency: "USD".into(),
        hourly: Money::parse("0.0125").unwrap(),
        at_most: Some(Money::units(9)),
        day: "2026-03-10".parse().unwrap(),
        seconds,
        until: 1_773_144_000,
    };
    let quota = Quota {
        account: "".into(),
        resource: "bandwidth".into(),
        unit: "bytes".into(),
        used: 1.5,
        limit: Some(2.0),
    };
    for seconds in [60, 3600] {
        desk.say_more("2026-03-10T12:00:00Z", &[], |snapshot| Snapshot {
            tokens: vec![tokens("2026-03-01", 5), tokens("2026-03-01", 2), tokens("2026-03-10", 1)],
            observed: vec![seen(seconds)],
            quotas: vec![quota.clone()],
            data_until: Some(7),
            ..snapshot
        })
        .await;
    }
    assert_eq!(desk.counter(CounterKind::Tokens, "m").await, "7");
    let since = "2026-03-10".parse().unwrap();
    assert_eq!(desk.store.observed("p".into(), since).await.unwrap(), [seen(3600)]);
    let known = desk.store.known("p".into()).await.unwrap();
    assert_eq!(
        (known.succeeded_at, known.due_at),
        (Some(at("2026-03-10T12:00:00Z")), Some(at("2026-03-10T13:00:00Z")))
    );
    let told = known.told.unwrap();
    assert_eq!((told.quotas, told.data_until, told.source), (vec![quota], Some(7), Source::Reported));
}

#[tokio::test]
async fn paid_requests_stop_before_the_limit_is_crossed_and_the_month_begins_anew() {
    let desk = Desk::new(PLAIN);
    let cent = Money::parse("0.01").unwrap();
    let pay = async |store: &Store| store.pay("p".into(), cent, Some(2)).await.unwrap();
    assert_eq!(pay(&desk.store).await, Paid::Counted);
    assert_eq!(pay(&desk.store).await, Paid::Counted);
    assert_eq!(pay(&desk.store).await, Paid::UsedUp { most: 2 });
    let desk = desk.reopened();
    assert_eq!(pay(&desk.store).await, Paid::UsedUp { most: 2 });
    assert_eq!(desk.store.spent("p".into()).await.unwrap(), Spent { requests: 2, total: cent + cent });
    let Desk { folder, store, .. } = desk;
    drop(store);
    let store = Store::open(folder.path(), clock("2026-04-01T00:00:00Z")).unwrap();
    assert_eq!(pay(&store).await, Paid::Counted);
    store.add_cost("p".into(), cent).await.unwrap();
    let total = Money::parse("0.04").unwrap();
    assert_eq!(store.spent("p".into()).await.unwrap(), Spent { requests: 1, total });
}

#[tokio::test]
async fn one_server_a_folder_and_commands_beside_it() {
    let desk = Desk::new(PLAIN);
    let second = Store::open(desk.folder.path(), Clock::system()).unwrap_err();
    assert!(matches!(second, StoreError::Locked(_)), "{second}");
    desk.say("2026-03-10T12:00:00Z", &[("2026-03-01", "a", "1")]).await;
    let beside = Store::open_beside(desk.folder.path(), Clock::system()).unwrap();
    assert!(beside.known("p".into()).await.unwrap().told.is_some());
    assert!(beside.pay("p".into(), Money::ZERO, None).await.is_err(), "it is never written");
    let empty = Folder::new().unwrap();
    let none = Store::open_beside(empty.path(), Clock::system()).unwrap_err().to_string();
    assert!(none.contains("it holds no data yet"), "{none}");
}

#[tokio::test]
async fn forecasts_stand_as_they_were_made_first() {
    let desk = Desk::new(PLAIN);
    let made = |amount| MadeForecast {
        account: "".into(),
        currency: "USD".into(),
        period: "2026-03-01".parse().unwrap(),
        horizon: 5,
        amount: Money::units(amount),
    };
    desk.store.keep_forecasts("p".into(), vec![made(10)]).await.unwrap();
    desk.store.keep_forecasts("p".into(), vec![made(20)]).await.unwrap();
    assert_eq!(desk.store.forecasts("p".into()).await.unwrap(), [made(10)]);
}

#[tokio::test]
async fn what_is_too_old_is_forgotten() {
    let desk = Desk::new(PLAIN);
    desk.say("2026-03-10T12:00:00Z", &[("2026-03-01", "a", "1")]).await;
    desk.say("2028-06-10T12:00:00Z", &[("2028-06-01", "b", "1")]).await;
    let days = Period { start: "2026-01-01".parse().unwrap(), end: "2029-01-01".parse().unwrap() };
    let lines = desk.store.lines("p".into(), days).await.unwrap();
    assert_eq!(lines.iter().map(|line| &*line.service).collect::<Vec<_>>(), ["b"]);
    assert_eq!(desk.counter(CounterKind::Settled, "a").await, "1");
}
