//! Providers on their cadence, against doubles: who is asked when, what stays when one fails, and what kill -9 leaves.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use futures_util::future::join_all;
use kit::cloud::{Cloud, Fault};
use kit::eventually;
use kit::process::{Folder, Launch};
use kit::web::{Answer, Reply, Request};
use serde_json::{Value, json};
use toolkit::clock::NOW_VARIABLE;
use toolkit::config::Document;
use toolkit::expo::{Compression, Format};

use super::*;

const WAIT: Duration = Duration::from_secs(20);

/// The variables by which the process that is killed knows what to do.
const CHILD_FOLDER: &str = "COST_TEST_FOLDER";
const CHILD_CONFIG: &str = "COST_TEST_CONFIG";

/// A double that gives these charges on two pages: `[day, service, amount]`.
fn pages(first: Value, second: Value) -> impl Fn(&Request) -> Answer {
    move |request| {
        if request.header("authorization") != "Bearer canary-key" {
            return Reply::text(401, "who are you, canary-key?").into();
        }
        let (rows, next) =
            if request.query == "page=" { (&first, json!("two")) } else { (&second, Value::Null) };
        Reply::json(200, &json!({"charges": rows, "tokens": [["2026-03-01", "m", 10]], "next": next})).into()
    }
}

fn row(day: &str, service: &str, amount: &str) -> Value {
    json!({"day": day, "service": service, "amount": amount})
}

async fn double() -> Cloud {
    let first = json!([row("2026-02-03", "a", "1.5"), row("2026-03-03", "a", "0.1")]);
    let second = json!([row("2026-03-04", "a", "0.2"), row("2026-03-04", "b", "1e-3")]);
    Cloud::start(pages(first, second)).await.unwrap()
}

fn provider(name: &str, cloud: &Cloud, more: &str) -> String {
    format!(
        "  - {{name: {name}, type: scripted, base_url: '{}', api_key: canary-key{more}}}\n",
        cloud.url("")
    )
}

fn config(text: &str) -> Config {
    Config::parse(Some(&Document::parse("c.yml", text).unwrap())).unwrap()
}

/// An engine whose clock stands at noon of 2026-03-10 or where it is set.
struct Desk {
    engine: Arc<Engine>,
}

impl Desk {
    async fn start(folder: &Folder, text: &str, now: &str) -> Self {
        let clock = Clock::starting_at(now.parse().unwrap());
        let store = Store::open(folder.path(), clock.clone()).unwrap();
        let engine = Engine::new(store, Http::hurried(), clock);
        engine.take(config(text)).await.unwrap();
        Self { engine }
    }

    fn page(&self) -> String {
        let page = self.engine.page().encode(Format::Text, Compression::Identity);
        String::from_utf8(page.to_vec()).unwrap()
    }

    /// Waits until the page has all of these lines.
    async fn shows(&self, lines: &[&str]) -> String {
        eventually(WAIT, "the page shows it", async || {
            let page = self.page();
            for line in lines {
                anyhow::ensure!(page.lines().any(|found| found == *line), "`{line}` is missing in\n{page}");
            }
            Ok(page)
        })
        .await
        .unwrap()
    }

    /// Stops it; the next one may open the store when all of this one's work is done.
    async fn stop(self) {
        self.engine.stop();
        let engine = Arc::downgrade(&self.engine);
        drop(self);
        eventually(WAIT, "the store is closed", async || {
            anyhow::ensure!(engine.strong_count() == 0, "it is open");
            Ok(())
        })
        .await
        .unwrap();
    }
}

const NOON: &str = "2026-03-10T12:00:00Z";

#[tokio::test]
async fn a_provider_is_asked_once_an_interval_and_scrapes_ask_nobody() {
    let (folder, cloud) = (Folder::new().unwrap(), double().await);
    let text = format!("providers:\n{}", provider("p", &cloud, ""));
    let desk = Desk::start(&folder, &text, NOON).await;
    let page = desk
        .shows(&[
            "cost_month_to_date{provider=\"p\",account=\"\",currency=\"USD\",source=\"reported\",service=\"a\"} 0.3",
            "cost_month_to_date{provider=\"p\",account=\"\",currency=\"USD\",source=\"reported\",service=\"b\"} 0.001",
            "cost_previous_month{provider=\"p\",account=\"\",currency=\"USD\",source=\"reported\",service=\"a\"} 1.5",
            "cost_settled_total{provider=\"p\",account=\"\",currency=\"USD\",source=\"reported\",service=\"a\"} 1.8",
            "cost_llm_tokens{provider=\"p\",model=\"m\",token_type=\"input\"} 20",
            "cost_provider_up{provider=\"p\"} 1",
            "cost_provider_data_complete{provider=\"p\"} 1",
            "cost_exporter_api_requests_total{provider=\"p\",operation=\"charges\",code=\"200\"} 2",
        ])
        .await;
    assert_eq!(cloud.count(), 2, "{page}");
    for _ in 0..1000 {
        assert_eq!(desk.page(), page);
    }
    assert_eq!(cloud.count(), 2);
    // a restart within the interval asks nobody, and shows the same
    desk.stop().await;
    let desk = Desk::start(&folder, &text, "2026-03-10T12:30:00Z").await;
    let again = desk.page();
    let amounts = |page: &str| {
        let lines =
            page.lines().filter(|line| line.starts_with("cost_") && !line.starts_with("cost_exporter"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(amounts(&again), amounts(&page));
    desk.stop().await;
    // and one after it asks again
    let desk = Desk::start(&folder, &text, "2026-03-10T13:30:00Z").await;
    cloud.wait_for(4, WAIT).await.unwrap();
    desk.stop().await;
}

#[tokio::test]
async fn what_fails_costs_itself_and_keeps_what_it_had() {
    let faults = [
        (Fault::Status(500), "server_error"),
        (Fault::TooMany(3600), "rate_limited"),
        (Fault::Truncated, "malformed"),
        (Fault::Status(401), "unauthorized"),
        (Fault::Status(403), "forbidden"),
        (Fault::Empty, "malformed"),
        (Fault::Close, "broken"),
    ];
    let cases =
        faults.into_iter().flat_map(|(fault, reason)| [(0, fault.clone(), reason), (1, fault, reason)]);
    join_all(cases.map(|(good_pages, fault, reason)| fails(good_pages, fault, reason))).await;
}

/// One provider fails after so many good pages, beside another that is well.
async fn fails(good_pages: usize, fault: Fault, reason: &str) {
    let (folder, good, bad) = (Folder::new().unwrap(), double().await, double().await);
    let (bad_one, good_one) =
        (provider("bad", &bad, ", interval: 1s"), provider("good", &good, ", interval: 1s"));
    let desk = Desk::start(&folder, &format!("providers:\n{bad_one}{good_one}"), NOON).await;
    let amount = "cost_month_to_date{provider=\"bad\",account=\"\",currency=\"USD\",source=\"reported\",service=\"a\"} 0.3";
    desk.shows(&[amount, "cost_provider_up{provider=\"bad\"} 1"]).await;
    bad.fail_after(good_pages, fault);
    let asked = good.count();
    let page = desk
        .shows(&[
            amount,
            &format!("cost_provider_failure{{provider=\"bad\",reason=\"{reason}\"}} 1"),
            "cost_provider_up{provider=\"bad\"} 0",
            "cost_provider_data_complete{provider=\"bad\"} 0",
            "cost_provider_up{provider=\"good\"} 1",
        ])
        .await;
    assert!(!page.contains("canary"), "{page}");
    good.wait_for(asked + 2, WAIT).await.unwrap();
    desk.stop().await;
}

#[tokio::test]
async fn a_month_begins_and_the_one_before_keeps_its_closing_value() {
    let (folder, cloud) = (Folder::new().unwrap(), double().await);
    let text = format!("providers:\n{}", provider("p", &cloud, ", interval: 1h"));
    let desk = Desk::start(&folder, &text, "2026-03-31T23:59:58Z").await;
    let labels = "provider=\"p\",account=\"\",currency=\"USD\",source=\"reported\",service=\"a\"";
    desk.shows(&[&format!("cost_month_to_date{{{labels}}} 0.3")]).await;
    // nothing is known of April yet: March stands until its days can be known
    let day = "cost_period_start_timestamp_seconds{provider=\"p\",account=\"\"}";
    desk.shows(&[&format!("{day} 1772323200")]).await;
    desk.stop().await;
    cloud.fail(Fault::Status(500));
    let desk = Desk::start(&folder, &text, "2026-04-01T05:59:58Z").await;
    desk.shows(&[&format!("{day} 1772323200"), &format!("cost_month_to_date{{{labels}}} 0.3")]).await;
    // six hours later it is April, though nobody answers
    desk.shows(&[
        &format!("{day} 1775001600"),
        &format!("cost_month_to_date{{{labels}}} 0"),
        &format!("cost_previous_month{{{labels}}} 0.3"),
        "cost_provider_up{provider=\"p\"} 0",
    ])
    .await;
    desk.stop().await;
}

#[tokio::test]
async fn what_was_said_too_long_ago_is_not_shown() {
    let (folder, cloud) = (Folder::new().unwrap(), double().await);
    let text = format!("max_age: 2d\nproviders:\n{}", provider("p", &cloud, ""));
    let desk = Desk::start(&folder, &text, NOON).await;
    desk.shows(&["cost_provider_up{provider=\"p\"} 1"]).await;
    desk.stop().await;
    cloud.fail(Fault::Status(401));
    for (now, is_shown) in [("2026-03-12T11:59:00Z", true), ("2026-03-12T12:01:00Z", false)] {
        let desk = Desk::start(&folder, &text, now).await;
        let page = desk.shows(&["cost_provider_up{provider=\"p\"} 0"]).await;
        assert_eq!(page.contains("cost_month_to_date{"), is_shown, "{now}\n{page}");
        assert!(page.contains("cost_provider_last_success_timestamp_seconds{"), "{page}");
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_reload_keeps_what_stays() {
    let (folder, cloud) = (Folder::new().unwrap(), double().await);
    let desk = Desk::start(&folder, &format!("providers:\n{}", provider("p", &cloud, "")), NOON).await;
    desk.shows(&["cost_provider_up{provider=\"p\"} 1"]).await;
    let other = "  - {name: q, type: fixed, items: [{service: s, amount: 1}]}\n";
    let text = format!("providers:\n{}{other}", provider("p", &cloud, ", labels: {team: web}"));
    desk.engine.take(config(&text)).await.unwrap();
    desk.shows(&[
        "cost_provider_up{provider=\"p\",team=\"web\"} 1",
        "cost_provider_up{provider=\"q\"} 1",
        "cost_exporter_refreshes_total{provider=\"p\",outcome=\"success\",team=\"web\"} 1",
    ])
    .await;
    desk.engine.take(config("providers: []")).await.unwrap();
    assert!(!desk.page().contains("provider="));
    assert_eq!(cloud.count(), 2);
    desk.stop().await;
}

#[tokio::test]
async fn accounts_and_services_have_the_names_that_the_file_gives_them() {
    let charge = |account: &str, service: &str, amount: &str| json!({"day": "2026-03-01", "account": account, "service": service, "amount": amount});
    let rows =
        json!([charge("1", "Old Name", "1"), charge("1", "New Name", "2"), charge("2", "New Name", "4")]);
    let cloud = Cloud::start(pages(rows, json!([]))).await.unwrap();
    let renamed = ", services: {Old Name: New Name}";
    let to_date = |account: &str, amount| {
        format!(
            "cost_month_to_date{{provider=\"p\",account=\"{account}\",currency=\"USD\",source=\"reported\",service=\"New Name\"}} {amount}"
        )
    };
    for (more, expected) in [
        ("", [("1", 3), ("2", 4)].as_slice()),
        (", accounts: {'1': prod, '2': test}", &[("prod", 3), ("test", 4)]),
        (", account: all", &[("all", 7)]),
    ] {
        let folder = Folder::new().unwrap();
        let text = format!("providers:\n{}", provider("p", &cloud, &format!("{renamed}{more}")));
        let desk = Desk::start(&folder, &text, NOON).await;
        let lines: Vec<String> = expected.iter().map(|(account, amount)| to_date(account, amount)).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let page = desk.shows(&lines).await;
        assert_eq!(page.matches("cost_month_to_date{").count(), expected.len(), "{page}");
        assert_eq!(page.matches("cost_settled_total{").count(), expected.len(), "{page}");
        desk.stop().await;
    }
}

#[tokio::test]
async fn paid_requests_stop_at_the_limit() {
    let (folder, cloud) = (Folder::new().unwrap(), double().await);
    let more = ", paid: true, interval: 1s, max_requests_per_month: 5";
    let text = format!("providers:\n{}", provider("p", &cloud, more));
    let desk = Desk::start(&folder, &text, NOON).await;
    desk.shows(&[
        "cost_provider_failure{provider=\"p\",reason=\"capped\"} 1",
        "cost_exporter_api_budget_remaining{provider=\"p\"} 0",
        "cost_exporter_api_charges_usd_total{provider=\"p\"} 0.05",
    ])
    .await;
    assert_eq!(cloud.count(), 5);
    desk.stop().await;
    let desk = Desk::start(&folder, &text, "2026-03-31T12:00:00Z").await;
    desk.shows(&["cost_provider_failure{provider=\"p\",reason=\"capped\"} 1"]).await;
    desk.stop().await;
    assert_eq!(cloud.count(), 5, "also after a restart");
}

/// Not a test of its own: the process that `killed_at_any_moment` starts and kills.
#[tokio::test]
async fn child_of_killed_at_any_moment() {
    let variable = |name: &str| std::env::var(name).ok();
    let (Some(folder), Some(text)) = (variable(CHILD_FOLDER), variable(CHILD_CONFIG)) else { return };
    let clock = Clock::from_environment(variable(NOW_VARIABLE).as_deref()).unwrap();
    let store = Store::open(Path::new(&folder), clock.clone()).unwrap();
    let engine = Engine::new(store, Http::hurried(), clock);
    engine.take(config(&text)).await.unwrap();
    std::future::pending::<()>().await;
}

/// Counters by their keys.
async fn counters(folder: &Folder) -> BTreeMap<String, crate::money::Money> {
    let Ok(store) = Store::open_beside(folder.path(), Clock::system()) else { return BTreeMap::new() };
    let mut all = BTreeMap::new();
    for name in ["free", "paid"] {
        for counter in store.counters(name.into()).await.unwrap() {
            let key = format!("{name} {:?} {} {}", counter.kind, counter.name, counter.unit);
            all.insert(key, counter.value);
        }
    }
    all
}

#[tokio::test]
async fn killed_at_any_moment() {
    const KILLS: u64 = 200;
    let folder = Folder::new().unwrap();
    // each answer has one more settled amount than the one before, and restates it
    let served = AtomicU32::new(0);
    let free = Cloud::start(move |_| {
        let number = served.fetch_add(1, Ordering::Relaxed);
        let rows: Vec<Value> = (0..=number % 40)
            .map(|at| row(&format!("2026-02-{:02}", at % 28 + 1), &format!("s{at}"), &format!("{number}.5")))
            .collect();
        Reply::json(200, &json!({"charges": rows})).into()
    })
    .await
    .unwrap();
    let paid = double().await;
    let text = format!(
        "providers:\n{}{}",
        provider("free", &free, ", interval: 1s"),
        provider("paid", &paid, ", paid: true, max_requests_per_month: 100")
    );
    let noon: jiff::Timestamp = NOON.parse().unwrap();
    let mut before = BTreeMap::new();
    for kill in 0..KILLS {
        let asked = free.count();
        let child = Launch::at(&std::env::current_exe().unwrap(), "child", &folder)
            .args(["--exact", "refresh::tests::child_of_killed_at_any_moment", "--nocapture"])
            .env(CHILD_FOLDER, folder.path())
            .env(CHILD_CONFIG, text.as_str())
            // two seconds later than the one before: the free one is due, the paid one is not
            .env(NOW_VARIABLE, (noon + Duration::from_secs(2 * kill)).to_string());
        // between its first request and the end of what follows: later and later, and over again
        let child =
            child.start(WAIT, async || if free.count() > asked { Ok(()) } else { anyhow::bail!("not yet") });
        let child = child.await.unwrap();
        sleep(Duration::from_micros(kill % 40 * 500)).await;
        child.kill9();
        let after = counters(&folder).await;
        for (key, value) in &before {
            assert!(after.get(key) >= Some(value), "kill {kill}: {key} fell from {value}");
        }
        before = after;
    }
    // its two pages at most: who is killed between them has paid, and waits for the next interval
    assert!(paid.count() <= 2, "a paid provider is asked once in its interval, whoever is killed");
    let store = Store::open_beside(folder.path(), Clock::from_fn(|| NOON.parse().unwrap())).unwrap();
    let counted = usize::try_from(store.spent("paid".into()).await.unwrap().requests).unwrap();
    assert!((paid.count()..=2).contains(&counted), "{counted} of {}", paid.count());
    assert!(before.len() > 10, "{before:?}");
}
