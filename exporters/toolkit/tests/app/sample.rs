//! The smallest program that uses everything: one collector whose slowness and value come from its configuration.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use toolkit::app::{About, App, Context, ProbeError, ProbeRequest, Program, Running, StartError};
use toolkit::config::{ConfigError, Document};
use toolkit::expo::{Desc, Kind, Page, Samples};
use toolkit::scrape::{Collecting, Collector, Failures, Scrape, collect_all};

const VALUE: Desc<'_> = Desc {
    name: "value",
    help: "The \"configured\" value, from \\ the file.",
    kind: Kind::Gauge,
    labels: &["from"],
};
const COLLECTIONS: Desc<'_> = Desc {
    name: "collections_total",
    help: "How often the collector ran.",
    kind: Kind::Counter,
    labels: &[],
};
const BARE: Desc<'_> =
    Desc { name: "bare", help: "A counter without the suffix.", kind: Kind::Counter, labels: &[] };
const LATENCY: Desc<'_> =
    Desc { name: "latency", help: "A summary of percentiles.", kind: Kind::Summary, labels: &["cmd"] };
const SIZES: Desc<'_> = Desc { name: "sizes", help: "A histogram.", kind: Kind::Histogram, labels: &[] };

#[derive(Debug)]
pub(crate) struct Sample {
    config: Mutex<Config>,
    collections: AtomicUsize,
    failures: Failures,
}

#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Flags {
    /// How long the collector takes, in milliseconds.
    #[arg(long = "slow", value_name = "MS", default_value = "0")]
    slow: u64,

    /// A switch that is on unless said otherwise.
    #[arg(long = "collector.extra", default_value = "true")]
    pub(crate) extra: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Config {
    slow: Duration,
    value: f64,
}

impl Program for Sample {
    const ABOUT: About = About {
        name: "sample-exporter",
        title: "Sample exporter",
        summary: "Shows <one> value.",
        version: "9.9.9",
        port: 9999,
        env_prefix: "SAMPLE_EXPORTER",
        single_dash_flags: true,
        probe_path: Some("/probe"),
        probe_example: "host:1",
        threads: 1,
    };
    type Flags = Flags;
    type Config = Config;

    fn configure(flags: &Flags, document: Option<&Document>) -> Result<Config, ConfigError> {
        let value = match document {
            None => 1.0,
            Some(document) => document.decode(|mut fields| fields.float("value").unwrap_or(1.0))?,
        };
        Ok(Config { slow: Duration::from_millis(flags.slow), value })
    }

    async fn start(config: Config, _: Context) -> Result<Self, StartError> {
        Ok(Self {
            config: Mutex::new(config),
            collections: AtomicUsize::new(0),
            failures: Failures::default(),
        })
    }

    async fn reconfigure(&self, config: Config) -> Result<(), StartError> {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    async fn scrape(&self, scrape: &Scrape, page: &mut Page) {
        collect_all("sample", scrape, &[self], &self.failures, page).await;
    }

    async fn probe(&self, request: &ProbeRequest, _: &Scrape, page: &mut Page) -> Result<(), ProbeError> {
        let target = request.target()?;
        if target == "forbidden" {
            return Err(ProbeError::Forbidden("this target may not be asked".to_owned()));
        }
        let mut samples = Samples::new("sample");
        samples.add(&VALUE, &[target], 2.0);
        page.section(samples);
        Ok(())
    }

    fn ready(&self) -> Result<(), String> {
        let value = self.config.lock().unwrap_or_else(PoisonError::into_inner).value;
        if value < 0.0 { Err("the value is negative".to_owned()) } else { Ok(()) }
    }
}

impl Collector for Sample {
    fn name(&self) -> &'static str {
        "sample"
    }

    fn collect<'a>(&'a self, _: &'a Scrape, samples: &'a mut Samples) -> Collecting<'a> {
        Box::pin(async move {
            let number = self.collections.fetch_add(1, Ordering::SeqCst) + 1;
            let config = self.config.lock().unwrap_or_else(PoisonError::into_inner).clone();
            samples.add(&VALUE, &["a \"quoted\"\nvalue"], config.value);
            tokio::time::sleep(config.slow).await;
            samples.add(&COLLECTIONS, &[], f64::from(u32::try_from(number).unwrap_or(u32::MAX)));
            samples.add(&BARE, &[], 3.0);
            samples.add(&VALUE, &["twice"], 1.0);
            samples.add(&VALUE, &["twice"], 2.0);
            samples.summary(&LATENCY, &["get"], &[(50.0, 1.0), (99.9, 2.5)], 0.0, 0);
            samples.histogram(&SIZES, &[], &[(1.0, 1), (2.5, 2)], 4.0, 3);
            Ok(())
        })
    }
}

/// Starts the program on a free port.
#[expect(clippy::unwrap_used, reason = "a test that cannot start its program has failed")]
pub(crate) async fn launch(arguments: &[&str]) -> Running<Sample> {
    let all = [&["--web.listen-address=127.0.0.1:0"], arguments].concat();
    App::<Sample>::launch(&all).await.unwrap()
}
