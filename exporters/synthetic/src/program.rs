//! The exporter as the toolkit runs it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use tokio::time::Instant;
use toolkit::app::{About, Context, ProbeError, ProbeRequest, Program, StartError};
use toolkit::cli::CommonFlags;
use toolkit::config::{ConfigError, Document};
use toolkit::expo::{Page, Samples};
use toolkit::scrape::Scrape;
use toolkit::web::{Link, Section};

use crate::checks::{Checks, Listener};
use crate::config::{Config, DEFAULT_FILE};
use crate::explain;
use crate::flags::Flags;
use crate::health::store::Store;
use crate::health::{self, Health};
use crate::history::{History, Past};
use crate::metrics::{self, NAMESPACE, exporter, float};
use crate::pages;
use crate::place;
use crate::probe::{Engine, journey};
use crate::request::{self, Asked};
use crate::slo;

/// The commit of the build, where the one who built it told it.
const COMMIT: &str = match option_env!("WATCHFIRE_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// The exporter.
pub struct Synthetic {
    engine: Arc<Engine>,
    config: RwLock<Arc<Config>>,
    history: History,
    checks: Checks,
    health: Arc<Health>,
    context: Context,
    /// When the configuration in force was taken, in Unix time.
    taken: Mutex<f64>,
    unknown_modules: AtomicU64,
    /// Refusals, by module: names of the configuration only.
    denied: Mutex<BTreeMap<String, u64>>,
}

impl Program for Synthetic {
    const ABOUT: About = About {
        name: "synthetic-exporter",
        title: "Synthetic exporter",
        summary: "Probes endpoints from outside, and says how healthy the product is.",
        version: env!("CARGO_PKG_VERSION"),
        port: 9115,
        env_prefix: "SYNTHETIC_EXPORTER",
        single_dash_flags: false,
        probe_path: Some("/probe"),
        probe_example: "https://example.com",
        threads: 1,
    };

    /// A probe waits for its target, perhaps a dead one.
    const MAX_REQUESTS: usize = 1000;

    /// Two Prometheis that probe the same want two measurements.
    const SHARES_PROBES: bool = false;

    type Flags = Flags;
    type Config = Config;

    fn adopt(own: &Flags, common: &mut CommonFlags) {
        // what is wrong with it is told when the configuration is read
        common.below = place::below(own).unwrap_or_default();
        common.auto_reload = own.auto_reload.then_some(own.auto_reload_interval);
        // as with blackbox_exporter, the file in the working folder needs no flag
        if common.config_file.is_none() && std::path::Path::new(DEFAULT_FILE).is_file() {
            common.config_file = Some(DEFAULT_FILE.into());
        }
    }

    fn configure(flags: &Flags, document: Option<&Document>) -> Result<Config, ConfigError> {
        Config::read(flags, document)
    }

    async fn start(config: Config, context: Context) -> Result<Self, StartError> {
        let engine = Engine::new(context.clock.clone());
        let store = Store::open(config.storage.as_deref()).map_err(StartError::new)?;
        let health = Health::start(Arc::clone(&config.services), store.clone(), context.clock.clone())
            .map_err(StartError::new)?;
        let listener: Arc<dyn Listener> = Arc::<Health>::clone(&health);
        let checks = Checks::new(&engine, &listener, store);
        checks.take(&config.checks).await;
        Ok(Self {
            engine,
            checks,
            health,
            history: History::new(config.history_limit),
            taken: Mutex::new(context.clock.unix_seconds()),
            config: RwLock::new(Arc::new(config)),
            context,
            unknown_modules: AtomicU64::new(0),
            denied: Mutex::default(),
        })
    }

    async fn reconfigure(&self, config: Config) -> Result<(), StartError> {
        self.engine.renew();
        self.health.renew(Arc::clone(&config.services)).await.map_err(StartError::new)?;
        self.checks.take(&config.checks).await;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = self.context.clock.unix_seconds();
        Ok(())
    }

    fn routes(self: &Arc<Self>) -> Router {
        pages::routes(self).merge(self.checks.routes()).merge(self.health.routes())
    }

    fn probe_budget(timeout: Option<&str>, offset: Duration) -> Result<Duration, ProbeError> {
        request::budget(timeout, offset)
    }

    async fn scrape(&self, _: &Scrape, page: &mut Page) {
        let mut samples = Samples::new("");
        self.add_own(&mut samples);
        page.section(samples);
        let mut samples = Samples::new(NAMESPACE);
        let mut journeys = Samples::new(journey::NAMESPACE);
        self.checks.write_metrics(&mut samples, &mut journeys);
        page.section(samples);
        page.section(journeys);
        let mut samples = Samples::new(health::NAMESPACE);
        self.health.write_metrics(&mut samples);
        page.section(samples);
    }

    async fn probe(
        &self,
        request: &ProbeRequest,
        scrape: &Scrape,
        page: &mut Page,
    ) -> Result<(), ProbeError> {
        let past = self.run(request, scrape).await?;
        metrics::write(&past.outcome, past.timeout, page);
        Ok(())
    }

    async fn explain(&self, request: &ProbeRequest, scrape: &Scrape) -> Result<Option<String>, ProbeError> {
        if request.parameter("debug") != Some("true") {
            return Ok(None);
        }
        Ok(Some(explain::text(&self.run(request, scrape).await?)))
    }

    fn subcommands() -> Vec<clap::Command> {
        vec![slo::command()]
    }

    fn run_subcommand(_: &str, matches: &clap::ArgMatches) -> u8 {
        slo::run(matches)
    }

    async fn stop(&self) {
        self.checks.stop();
        self.health.stop().await;
    }

    fn links(&self) -> Vec<Link> {
        let link = |path: &str, text: &str, about: &str| Link {
            path: path.to_owned(),
            text: text.to_owned(),
            about: about.to_owned(),
        };
        vec![
            link("/status", "Status page", "for customers"),
            link("/health", "Health of the services", "for programs"),
            link("/config", "Configuration", "without its secrets"),
        ]
    }

    fn landing(&self) -> Vec<Section> {
        pages::sections(&self.config(), &self.history)
    }
}

impl Synthetic {
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// Probes what a request asks for, and keeps it in the history.
    async fn run(&self, request: &ProbeRequest, scrape: &Scrape) -> Result<Past, ProbeError> {
        let config = self.config();
        let asked = Asked::of(request, &config).inspect_err(|refusal| {
            if refusal.unknown_module {
                self.unknown_modules.fetch_add(1, Ordering::Relaxed);
            }
        })?;
        let timeout = asked.module.timeout.map_or(scrape.budget, |timeout| timeout.min(scrape.budget));
        let deadline = scrape.deadline.min(Instant::now() + timeout);
        let outcome = self.engine.probe(asked.job(deadline)).await;
        let past = Past {
            id: 0,
            module_name: asked.module_name.to_owned(),
            module: Arc::clone(asked.module),
            target: toolkit::config::redact_url(&asked.target),
            timeout,
            outcome: Arc::new(outcome),
        };
        pages::log(&past, config.log_prober);
        if let Some(denied) = past.outcome.denied() {
            let mut counts = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
            *counts.entry(past.module_name.clone()).or_default() += 1;
            return Err(ProbeError::Forbidden(denied.to_owned()));
        }
        self.history.add(past.clone());
        Ok(past)
    }

    /// What is about the exporter and not about a target.
    fn add_own(&self, samples: &mut Samples) {
        let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
        samples.add(&exporter::BUILD, &[Self::ABOUT.version, COMMIT, "", "", system, machine, ""], 1.0);
        samples.add(&exporter::RELOADED, &[], float(self.context.last_reload.get().unsigned_abs()));
        let taken = *self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        samples.add(&exporter::RELOAD_TIME, &[], taken);
        samples.add(&exporter::UNKNOWN_MODULE, &[], float(self.unknown_modules.load(Ordering::Relaxed)));
        let denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        for (module, count) in &*denied {
            samples.add(&exporter::DENIED, &[module], float(*count));
        }
    }
}
