//! The exporter as the toolkit runs it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use clap::ArgMatches;
use netprobe::proxy::Proxies;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use toolkit::app::{About, Context, ProbeError, ProbeRequest, Program, StartError};
use toolkit::cli::CommonFlags;
use toolkit::config::{ConfigError, Document};
use toolkit::expo::{Page, Samples};
use toolkit::schedule::{Numbers, Schedule};
use toolkit::scrape::Scrape;
use toolkit::web::Section;
use tracing::info;

use crate::check;
use crate::checks::Checks;
use crate::config::{Config, Module};
use crate::flags::Flags;
use crate::lists::{self, Lists};
use crate::metrics::{self, Extra, NAMESPACE, exporter};
use crate::probe::{Engine, Job};

/// The commit of the build, where the one who built it told it.
const COMMIT: &str = match option_env!("WATCHFIRE_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// Series of all targets that are checked on their own: 10,000 of them with the longest pages that were seen.
const MAX_SERIES: usize = 1_000_000;

/// The exporter.
pub struct Cert {
    engine: Arc<Engine>,
    config: RwLock<Arc<Config>>,
    schedule: Arc<Schedule<Checks>>,
    /// What the lists of targets held when they were read last.
    lists: Arc<Mutex<Lists>>,
    /// Reads the lists of targets.
    watch: Mutex<Option<AbortHandle>>,
    failing_lists: Arc<AtomicU64>,
}

impl Program for Cert {
    const ABOUT: About = About {
        name: "cert-exporter",
        title: "Certificate exporter",
        summary: "Metrics of certificates: of servers, files, kubeconfigs and Kubernetes secrets.",
        version: env!("CARGO_PKG_VERSION"),
        port: 9219,
        env_prefix: "CERT_EXPORTER",
        single_dash_flags: false,
        probe_path: Some("/probe"),
        probe_example: "example.com:443",
        threads: 1,
    };

    /// A probe waits for its target, perhaps a dead one; Prometheus may ask for a thousand of them in a minute.
    const MAX_REQUESTS: usize = 512;

    type Flags = Flags;
    type Config = Config;

    fn adopt(own: &Flags, common: &mut CommonFlags) {
        if let Some(path) = &own.metrics_path {
            common.telemetry_path.clone_from(path);
        }
        common.probe_path = Some(own.probe_path.clone());
    }

    fn configure(_: &Flags, document: Option<&Document>) -> Result<Config, ConfigError> {
        Config::parse(document)
    }

    async fn start(config: Config, context: Context) -> Result<Self, StartError> {
        let proxies = Proxies::from_environment(|name| std::env::var(name).ok());
        let engine = Engine::new(context.clock.clone(), &config.rdap_url, proxies);
        let program = Self {
            schedule: Schedule::new(context.clock, config.max_checks, Checks(Arc::clone(&engine))),
            engine,
            config: RwLock::default(),
            watch: Mutex::default(),
            failing_lists: Arc::default(),
            lists: Arc::default(),
        };
        program.take(config);
        Ok(program)
    }

    async fn reconfigure(&self, config: Config) -> Result<(), StartError> {
        self.engine.renew(&config.rdap_url);
        self.schedule.resize(config.max_checks);
        self.take(config);
        Ok(())
    }

    async fn scrape(&self, _: &Scrape, page: &mut Page) {
        let mut samples = Samples::new(NAMESPACE);
        samples.limit_series(MAX_SERIES);
        let now = self.engine.now();
        let numbers = self.schedule.fresh(|target, ended| {
            let extra = Extra::new(&target.target, &target.labels);
            metrics::write(&ended.found, now, &extra, &mut samples);
            metrics::write_last_check(ended.at_unix, &extra, &mut samples);
        });
        self.add_own(numbers, &mut samples);
        page.section(samples);
    }

    async fn probe(
        &self,
        request: &ProbeRequest,
        scrape: &Scrape,
        page: &mut Page,
    ) -> Result<(), ProbeError> {
        let config = self.config();
        let (module, target) = asked(&config, request)?;
        let server_name = request.parameter("server_name");
        let job = Job { module, target, server_name, route: module.route };
        let deadline = match module.timeout {
            Some(timeout) => scrape.deadline.min(Instant::now() + timeout),
            None => scrape.deadline,
        };
        let report = self
            .engine
            .probe(job, deadline)
            .await
            .map_err(|denied| ProbeError::Forbidden(format!("{target} {denied}")))?;
        if let Some(failure) = &report.failure {
            info!(target, reason = failure.reason, message = failure.message, "the probe failed");
        }
        let mut samples = Samples::new(NAMESPACE);
        metrics::write(&report, self.engine.now(), &Extra::default(), &mut samples);
        page.section(samples);
        Ok(())
    }

    fn landing(&self) -> Vec<Section> {
        let config = self.config();
        let mut rows: Vec<Vec<String>> = config
            .modules
            .iter()
            .map(|(name, module)| {
                let target = module.target.clone().unwrap_or_default();
                vec![name.clone(), module.prober_name.to_owned(), target]
            })
            .collect();
        rows.sort();
        let columns = ["module", "prober", "target"].map(str::to_owned).to_vec();
        vec![Section { title: "Modules".to_owned(), columns, rows, ..Section::default() }]
    }

    async fn stop(&self) {
        self.schedule.stop();
        if let Some(watch) = self.watch.lock().unwrap_or_else(PoisonError::into_inner).take() {
            watch.abort();
        }
    }

    fn subcommands() -> Vec<clap::Command> {
        vec![check::command()]
    }

    fn run_subcommand(_: &str, matches: &ArgMatches) -> u8 {
        check::run(matches)
    }
}

impl Cert {
    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Checks the targets of this configuration from now on.
    fn take(&self, config: Config) {
        let config = Arc::new(config);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&config);
        let failing = Arc::clone(&self.failing_lists);
        let tell = move |count| failing.store(count, Ordering::Relaxed);
        let (own, lists) = (config.targets.clone(), config.file_sd.clone());
        let (schedule, known) = (Arc::clone(&self.schedule), Arc::clone(&self.lists));
        let watching = tokio::spawn(lists::watch(schedule, known, own, lists, tell));
        let old = self.watch.lock().unwrap_or_else(PoisonError::into_inner).replace(watching.abort_handle());
        if let Some(old) = old {
            old.abort();
        }
    }

    /// What is about the exporter and not about a target.
    fn add_own(&self, numbers: Numbers, samples: &mut Samples) {
        let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
        samples.add(&exporter::BUILD, &[Self::ABOUT.version, COMMIT, "", "", system, machine, ""], 1.0);
        let states = [("fresh", numbers.fresh), ("pending", numbers.pending), ("stale", numbers.stale)];
        for (state, count) in states {
            samples.add(&exporter::TARGETS, &[state], float(count));
        }
        samples.add(&exporter::CHECKS, &[], float(numbers.done));
        samples.add(&exporter::SKIPPED, &[], float(numbers.skipped));
        samples.add(&exporter::RUNNING, &[], float(numbers.running));
        let late = numbers.late;
        samples.histogram(&exporter::LATENESS, &[], &late.buckets(), late.sum, late.count);
        let failing = self.failing_lists.load(Ordering::Relaxed);
        samples.add(&exporter::FAILING_LISTS, &[], float(failing));
    }
}

/// The module and the target of a request, in ssl_exporter's order and words.
fn asked<'a>(config: &'a Config, request: &'a ProbeRequest) -> Result<(&'a Module, &'a str), ProbeError> {
    let bad = |message: String| ProbeError::BadRequest(message);
    let name = request.parameter("module").or(config.default_module.as_deref());
    let name = name.ok_or_else(|| bad("Module parameter must be set".to_owned()))?;
    let module = config.modules.get(name).ok_or_else(|| bad(format!("Unknown module {name:?}")))?;
    let target = module.target.as_deref().or_else(|| request.parameter("target"));
    let missing = || bad("Target parameter is missing (hint: ?target=HOST:PORT)".to_owned());
    Ok((module, target.ok_or_else(missing)?))
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}
