//! Every provider and every way to fail: it is told what failed, nobody else is harmed, and nothing is lost.
//!
//! A provider joins with a line in [`CASES`].

use std::collections::BTreeMap;
use std::fmt::Write;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use cost_exporter::http::{FetchError, Http, Ledger, Meter, Reason};
use kit::cloud::{Cloud, Fault};
use kit::eventually;
use kit::process::Folder;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{anthropic, ask, ask_by, digitalocean, openai, railway, sum, vercel};
use crate::support::{Exporter, WAIT};

/// The moment of all cases.
const NOW: &str = "2026-03-10T12:00:00Z";

/// Seconds that a double asks for which are longer than a refresh waits.
const LONG: u32 = 3_600;

/// How long a provider is waited for that never answers.
const PATIENCE: Duration = Duration::from_secs(1);

/// A double that starts, and the settings of its provider.
type Starting = Pin<Box<dyn Future<Output = (Cloud, String)> + Send>>;

/// A provider with its double.
struct Case {
    name: &'static str,
    /// Starts the double, filled for [`NOW`] and the month before; gives it and the provider's settings.
    start: fn() -> Starting,
    /// How many requests go well before the one for a second page.
    before_second_page: usize,
    /// Our key, which no message may hold.
    key: &'static str,
}

macro_rules! start {
    ($module:ident, $double:expr) => {
        || {
            Box::pin(async {
                let cloud = $module::cloud($double).await;
                let settings = $module::settings(&cloud);
                (cloud, settings)
            })
        }
    };
}

/// All providers that are asked over the network.
const CASES: &[Case] = &[
    Case {
        name: "openai",
        start: start!(openai, openai::double("2026-01-01", "2026-03-20").0),
        // costs and completions of 31 days were read
        before_second_page: 2,
        key: kit::cloud::openai::KEY,
    },
    Case {
        name: "anthropic",
        start: start!(anthropic, anthropic::double("2026-01-01", "2026-03-20").0),
        before_second_page: 1,
        key: kit::cloud::anthropic::KEY,
    },
    Case {
        name: "digitalocean",
        start: start!(digitalocean, digitalocean::double()),
        // account and figures
        before_second_page: 2,
        key: kit::cloud::digitalocean::KEY,
    },
    Case {
        name: "railway",
        start: start!(railway, railway::double()),
        // customer and 16 days
        before_second_page: 2,
        key: kit::cloud::railway::KEY,
    },
    Case {
        name: "vercel",
        start: start!(vercel, vercel::double("2026-01-01", "2026-03-20").0),
        // all is one stream
        before_second_page: 0,
        key: kit::cloud::vercel::KEY,
    },
];

/// How everything may fail, and what the provider is then said to suffer from.
const FAULTS: &[(Fault, Reason)] = &[
    (Fault::Status(500), Reason::ServerError),
    (Fault::TooMany(LONG), Reason::RateLimited),
    (Fault::Hang, Reason::Timeout),
    (Fault::Truncated, Reason::Malformed),
    (Fault::Half, Reason::Broken),
    (Fault::Close, Reason::Broken),
    (Fault::Status(401), Reason::Unauthorized),
    (Fault::Empty, Reason::Malformed),
];

impl Case {
    /// What asking fails with while the double has a fault.
    async fn failure(&self, settings: &str, fault: &Fault) -> FetchError {
        let http = Http::new().unwrap();
        let http = match fault {
            Fault::Hang => http.for_refresh(Ledger::none(), Meter::default(), Instant::now() + PATIENCE),
            _ => http,
        };
        let error = ask_by(&http, settings, NOW, 1).await.unwrap_err();
        assert!(!error.to_string().contains(self.key), "{error}");
        error
    }

    async fn fails_as_it_should(&'static self) {
        let (cloud, settings) = (self.start)().await;
        let good = ask(&settings, NOW).await.unwrap();
        let asked = cloud.count();
        assert!(asked > self.before_second_page, "{}: {asked} requests", self.name);
        for (fault, reason) in FAULTS {
            cloud.fail(fault.clone());
            let error = self.failure(&settings, fault).await;
            assert_eq!(error.reason, *reason, "{} {fault:?}: {error}", self.name);
            let wait = matches!(fault, Fault::TooMany(_)).then_some(Duration::from_secs(LONG.into()));
            assert_eq!(error.retry_after, wait, "{} {fault:?}", self.name);
        }
        // a first page is no answer: half of a month would be taken for all of it
        cloud.fail_after(self.before_second_page, Fault::Status(500));
        let error = self.failure(&settings, &Fault::Status(500)).await;
        assert_eq!(error.reason, Reason::ServerError, "{}: {error}", self.name);
        // once too many, and then all of it
        let before = cloud.count();
        cloud.fail_times(1, Fault::TooMany(1));
        let again = ask(&settings, NOW).await.unwrap();
        assert_eq!(cloud.count() - before, asked + 1, "{}", self.name);
        let requests = cloud.requests();
        let times: Vec<_> = requests.iter().skip(before).take(2).map(|request| request.time).collect();
        let waited = times.last().unwrap().duration_since(*times.first().unwrap());
        assert!(waited.as_secs_f64() >= 1.0, "{}: {times:?}", self.name);
        assert_eq!(again.charges, good.charges, "{}", self.name);
        assert_ne!(sum(&good, |_| true), "0", "{}", self.name);
    }
}

#[tokio::test]
async fn each_fault_is_told_as_what_it_is() {
    let mut cases = JoinSet::new();
    for case in CASES {
        cases.spawn(case.fails_as_it_should());
    }
    // a case that fails says so itself
    cases.join_all().await;
}

/// All providers in one exporter, and one beside them that asks nobody.
struct Town {
    clouds: Vec<Cloud>,
    exporter: Exporter,
    _folder: Folder,
}

impl Town {
    async fn start() -> Self {
        let mut config = "providers:\n- {name: fixed, type: fixed, interval: 1s, items: [{service: domain, amount: 12}]}\n".to_owned();
        let mut clouds = Vec::new();
        for case in CASES {
            let (cloud, settings) = (case.start)().await;
            writeln!(config, "- {{name: {}, interval: 1s, {settings}}}", case.name).unwrap();
            clouds.push(cloud);
        }
        let folder = Folder::new().unwrap();
        let exporter = Exporter::start(&folder, &config, NOW, &[]).await;
        Self { clouds, exporter, _folder: folder }
    }

    /// The page, once this holds for every provider but the fixed one, and the fixed one is well.
    async fn all(&self, lines: &[(&str, &str)]) -> String {
        let wanted = CASES.iter().flat_map(|case| {
            lines.iter().map(|(metric, value)| format!("{metric}{{provider=\"{}\"}} {value}", case.name))
        });
        let mut wanted: Vec<String> = wanted.collect();
        wanted.push("cost_provider_up{provider=\"fixed\"} 1".to_owned());
        self.exporter.shows(&wanted.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    /// One fault of all doubles: the last good amounts stand, the fixed provider goes on, and all are well afterwards.
    async fn suffers(&self, break_all: impl Fn(&Case, &Cloud)) {
        let good = self.all(&[("cost_provider_up", "1"), ("cost_provider_data_complete", "1")]).await;
        assert!(CASES.iter().all(|case| money(&good).any(|line| line.contains(case.name))), "{good}");
        for (case, cloud) in CASES.iter().zip(&self.clouds) {
            break_all(case, cloud);
        }
        let bad = self.all(&[("cost_provider_up", "0"), ("cost_provider_data_complete", "0")]).await;
        assert_eq!(money(&bad).collect::<Vec<_>>(), money(&good).collect::<Vec<_>>());
        let before = refreshes(&bad);
        let goes_on = async || {
            let page = self.exporter.get("/metrics").await;
            anyhow::ensure!(refreshes(&page) > before, "the fixed provider stands still");
            Ok(page)
        };
        let later = eventually(WAIT, "the others go on", goes_on).await.unwrap();
        assert_eq!(money(&later).collect::<Vec<_>>(), money(&good).collect::<Vec<_>>());
        let now = settled(&later);
        assert!(
            settled(&good).iter().all(|(series, before)| now.get(series).is_some_and(|now| now >= before))
        );
        assert!(!CASES.iter().any(|case| later.contains(case.key)));
        for cloud in &self.clouds {
            cloud.heal();
        }
        let healed = self.all(&[("cost_provider_up", "1"), ("cost_provider_data_complete", "1")]).await;
        assert_eq!(money(&healed).collect::<Vec<_>>(), money(&good).collect::<Vec<_>>());
    }
}

/// The lines of a page that are what months cost.
fn money(page: &str) -> impl Iterator<Item = &str> {
    let names = ["cost_month_to_date", "cost_previous_month"];
    page.lines().filter(move |line| names.iter().any(|name| line.starts_with(name)))
}

/// What has settled; it may grow, and never falls.
fn settled(page: &str) -> BTreeMap<&str, f64> {
    let lines = page.lines().filter(|line| line.starts_with("cost_settled_total{"));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name, value.parse().unwrap()))
        .collect()
}

fn refreshes(page: &str) -> f64 {
    let line = "cost_exporter_refreshes_total{provider=\"fixed\",outcome=\"success\"} ";
    let value = page.lines().find_map(|found| found.strip_prefix(line));
    value.unwrap().parse().unwrap()
}

/// A provider that never answers is left after minutes, which is why it is only in [`FAULTS`]; what the exporter does
/// with a failure does not depend on its reason.
#[tokio::test]
async fn what_was_read_last_stands_while_servers_fail() {
    Town::start().await.suffers(|_, cloud| cloud.fail(Fault::Status(500))).await;
}

#[tokio::test]
async fn what_was_read_last_stands_while_there_are_too_many_requests() {
    Town::start().await.suffers(|_, cloud| cloud.fail(Fault::TooMany(1))).await;
}

#[tokio::test]
async fn what_was_read_last_stands_while_answers_are_no_answers() {
    let town = Town::start().await;
    town.suffers(|_, cloud| cloud.fail(Fault::Truncated)).await;
    town.suffers(|_, cloud| cloud.fail(Fault::Empty)).await;
}

#[tokio::test]
async fn what_was_read_last_stands_while_a_second_page_fails() {
    Town::start()
        .await
        .suffers(|case, cloud| cloud.fail_after(case.before_second_page, Fault::Status(500)))
        .await;
}

#[tokio::test]
async fn what_was_read_last_stands_while_keys_are_refused() {
    Town::start().await.suffers(|_, cloud| cloud.fail(Fault::Status(401))).await;
}
