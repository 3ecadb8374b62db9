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

use super::estimated::{fly, hetzner, netlify, render, supabase};
use super::{anthropic, ask, ask_by, aws, azure, digitalocean, gcp, openai, railway, sum, vercel};
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
        before_second_page: 1,
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
    Case {
        name: "aws",
        start: start!(aws, aws::double("2026-03-10")),
        before_second_page: 1,
        key: kit::cloud::aws::KEY.1,
    },
    Case {
        name: "azure",
        start: start!(azure, azure::double()),
        // the token and the first page
        before_second_page: 2,
        key: kit::cloud::azure::CLIENT.2,
    },
    Case {
        name: "gcp",
        start: || {
            Box::pin(async {
                let double = gcp::double();
                let cloud = gcp::cloud(&double).await;
                let settings = gcp::settings(&cloud, &double);
                (cloud, settings)
            })
        },
        // the token and the query
        before_second_page: 2,
        key: kit::cloud::gcp::TOKEN,
    },
    Case {
        name: "render",
        start: start!(render, render::double()),
        // workspaces and 100 services
        before_second_page: 2,
        key: kit::cloud::render::KEY,
    },
    Case {
        name: "netlify",
        start: start!(netlify, netlify::double()),
        before_second_page: 1,
        key: kit::cloud::netlify::KEY,
    },
    Case {
        name: "supabase",
        start: start!(supabase, supabase::double()),
        // organizations, the first one, 100 projects
        before_second_page: 3,
        key: kit::cloud::supabase::KEY,
    },
    Case {
        name: "fly",
        start: start!(fly, fly::double()),
        // apps; its lists have no pages
        before_second_page: 1,
        key: kit::cloud::fly::KEY,
    },
    Case {
        name: "hetzner",
        start: start!(hetzner, hetzner::double()),
        // prices and 50 servers
        before_second_page: 2,
        key: kit::cloud::hetzner::KEY,
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

    /// The fault is told as what it is.
    async fn suffers(&'static self, fault: &'static Fault, reason: Reason) {
        let (cloud, settings) = (self.start)().await;
        cloud.fail(fault.clone());
        let error = self.failure(&settings, fault).await;
        assert_eq!(error.reason, reason, "{} {fault:?}: {error}", self.name);
        let wait = matches!(fault, Fault::TooMany(_)).then_some(Duration::from_secs(LONG.into()));
        assert_eq!(error.retry_after, wait, "{} {fault:?}", self.name);
    }

    /// A first page is no answer: half of a month would be taken for all of it.
    async fn lacks_a_page(&'static self) {
        let (cloud, settings) = (self.start)().await;
        cloud.fail_after(self.before_second_page, Fault::Status(500));
        let error = self.failure(&settings, &Fault::Status(500)).await;
        assert_eq!(error.reason, Reason::ServerError, "{}: {error}", self.name);
        // a request that fails is sent four times
        assert_eq!(cloud.count(), self.before_second_page + 4, "{}", self.name);
    }

    /// One request too many costs the time that the provider asks for, and nothing else.
    async fn is_asked_to_wait(&'static self) {
        let (cloud, settings) = (self.start)().await;
        let good = ask(&settings, NOW).await.unwrap();
        assert_ne!(sum(&good, |_| true), "0", "{}", self.name);
        let asked = cloud.count();
        cloud.fail_times(1, Fault::TooMany(1));
        let again = ask(&settings, NOW).await.unwrap();
        assert_eq!(again.charges, good.charges, "{}", self.name);
        assert_eq!(cloud.count(), 2 * asked + 1, "{}", self.name);
        let requests = cloud.requests();
        let times: Vec<_> = requests.iter().skip(asked).take(2).map(|request| request.time).collect();
        let waited = times.last().unwrap().duration_since(*times.first().unwrap());
        assert!(waited.as_secs_f64() >= 1.0, "{}: {times:?}", self.name);
    }
}

#[tokio::test]
async fn each_fault_is_told_as_what_it_is() {
    let mut cases = JoinSet::new();
    for case in CASES {
        for (fault, reason) in FAULTS {
            cases.spawn(case.suffers(fault, *reason));
        }
        cases.spawn(case.lacks_a_page());
        cases.spawn(case.is_asked_to_wait());
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

    /// The page, once the fixed provider was read more often than this.
    async fn fixed_goes_on(&self, before: f64) -> String {
        let goes_on = async || {
            let page = self.exporter.get("/metrics").await;
            anyhow::ensure!(refreshes(&page) > before, "the fixed provider stands still");
            Ok(page)
        };
        eventually(WAIT, "the others go on", goes_on).await.unwrap()
    }

    /// One fault of all doubles: the last good amounts stand, the fixed provider goes on, and all are well afterwards.
    async fn suffers(&self, break_all: impl Fn(&Case, &Cloud)) {
        let good = self.all(&[("cost_provider_up", "1"), ("cost_provider_data_complete", "1")]).await;
        assert!(
            CASES.iter().all(|case| money(&good).keys().any(|series| series.contains(case.name))),
            "{good}"
        );
        for (case, cloud) in CASES.iter().zip(&self.clouds) {
            break_all(case, cloud);
        }
        let bad = self.all(&[("cost_provider_up", "0"), ("cost_provider_data_complete", "0")]).await;
        never_lowered(&good, &bad);
        let later = self.fixed_goes_on(refreshes(&bad)).await;
        assert_eq!(money(&later), money(&bad));
        let told = [later.clone(), self.exporter.get("/").await, self.exporter.server.log()];
        for (case, text) in CASES.iter().flat_map(|case| told.iter().map(move |text| (case, text))) {
            assert!(!text.contains(case.key), "{}: its key is told", case.name);
        }
        for cloud in &self.clouds {
            cloud.heal();
        }
        let healed = self.all(&[("cost_provider_up", "1"), ("cost_provider_data_complete", "1")]).await;
        never_lowered(&later, &healed);
    }
}

/// The series of a page that are money.
fn money(page: &str) -> BTreeMap<&str, f64> {
    let names = ["cost_month_to_date", "cost_previous_month", "cost_settled_total"];
    let lines = page.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
    let pairs = lines.map(|line| line.rsplit_once(' ').unwrap());
    pairs.map(|(series, value)| (series, value.parse().unwrap())).collect()
}

/// Every amount is still there and no less. What settles, and what is estimated from hours, may grow meanwhile.
fn never_lowered(before: &str, after: &str) {
    let after = money(after);
    for (series, amount) in money(before) {
        let now = after.get(series);
        assert!(now.is_some_and(|now| *now >= amount), "{series} was {amount} and is {now:?}");
    }
}

fn refreshes(page: &str) -> f64 {
    let line = "cost_exporter_refreshes_total{provider=\"fixed\",outcome=\"success\"} ";
    let value = page.lines().find_map(|found| found.strip_prefix(line));
    value.unwrap().parse().unwrap()
}

/// A provider that never answers is left after minutes: what is told of it then is in [`FAULTS`]. The others do not wait.
#[tokio::test]
async fn others_go_on_while_providers_never_answer() {
    let town = Town::start().await;
    let good = town.all(&[("cost_provider_up", "1")]).await;
    for cloud in &town.clouds {
        cloud.fail(Fault::Hang);
    }
    // more than could have been under way already
    let later = town.fixed_goes_on(refreshes(&good) + 2.0).await;
    never_lowered(&good, &later);
}

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
