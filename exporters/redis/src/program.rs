//! The exporter as the toolkit runs it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use toolkit::app::{About, Context, ProbeError, ProbeRequest, Program, StartError};
use toolkit::clock::Clock;
use toolkit::config::{ConfigError, Document};
use toolkit::expo::{Desc, Kind, Page, Samples};
use toolkit::scrape::Scrape;

use crate::config::Config;
use crate::flags::Flags;
use crate::kept::KeptTargets;
use crate::page;
use crate::session::Link;
use crate::target::Target;

const REQUEST_ERRORS: Desc<'_> = Desc {
    name: "target_scrape_request_errors_total",
    help: "Requests to /scrape that were refused.",
    kind: Kind::Counter,
    labels: &[],
};
const BUILD: Desc<'_> = Desc {
    name: "exporter_build_info",
    help: "Which build of the exporter this is; always 1. It is not written in Go.",
    kind: Kind::Gauge,
    labels: &["version", "commit_sha", "build_date", "golang_version"],
};

/// What is about the exporter and not about a target.
pub const METRICS: [Desc<'_>; 2] = [REQUEST_ERRORS, BUILD];

/// The commit and date of the build, where the one who built it told them.
const COMMIT: &str = match option_env!("WATCHFIRE_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};
const BUILD_DATE: &str = match option_env!("WATCHFIRE_BUILD_DATE") {
    Some(date) => date,
    None => "unknown",
};

/// The exporter.
pub struct Redis {
    config: RwLock<Arc<Config>>,
    kept: Arc<KeptTargets>,
    request_errors: AtomicU64,
    clock: Clock,
}

impl Program for Redis {
    const ABOUT: About = About {
        name: "redis-exporter",
        title: "Redis exporter",
        summary: "Metrics of Redis and Valkey servers.",
        version: env!("CARGO_PKG_VERSION"),
        port: 9121,
        env_prefix: "REDIS_EXPORTER",
        single_dash_flags: true,
        probe_path: Some("/scrape"),
        probe_example: "redis://localhost:6379",
        threads: 1,
    };

    type Flags = Flags;
    type Config = Config;

    fn configure(flags: &Flags, document: Option<&Document>) -> Result<Config, ConfigError> {
        Config::parse(flags, document)
    }

    async fn start(config: Config, context: Context) -> Result<Self, StartError> {
        let kept = Arc::new(KeptTargets::default());
        kept.sweep_in_background();
        let config = RwLock::new(Arc::new(config));
        Ok(Self { config, kept, request_errors: AtomicU64::new(0), clock: context.clock })
    }

    async fn reconfigure(&self, mut config: Config) -> Result<(), StartError> {
        let mut current = self.config.write().unwrap_or_else(PoisonError::into_inner);
        config.generation = current.generation + 1;
        *current = Arc::new(config);
        Ok(())
    }

    async fn scrape(&self, scrape: &Scrape, page: &mut Page) {
        let config = self.config();
        if let Some(main) = &config.main {
            let link = config.main_link(main);
            self.show(&config, main, &link, scrape, page).await;
        }
        self.add_own(&config, page);
    }

    async fn probe(
        &self,
        request: &ProbeRequest,
        scrape: &Scrape,
        page: &mut Page,
    ) -> Result<(), ProbeError> {
        let config = self.config();
        let asked = find_target(&config, request).inspect_err(|_| {
            self.request_errors.fetch_add(1, Ordering::Relaxed);
        });
        let (target, link) = asked?;
        self.show(&config, &target, &link, scrape, page).await;
        self.add_own(&config, page);
        Ok(())
    }
}

impl Redis {
    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn show(&self, config: &Config, target: &Target, link: &Link, scrape: &Scrape, page: &mut Page) {
        let kept = self.kept.of(&link.key());
        page::write(config, (target, link, &kept), &self.clock, scrape, page).await;
    }

    /// What is about the exporter and not about a target.
    fn add_own(&self, config: &Config, page: &mut Page) {
        let mut samples = Samples::new(&config.namespace);
        #[expect(clippy::cast_precision_loss, reason = "no process refuses 2^53 requests")]
        samples.add(&REQUEST_ERRORS, &[], self.request_errors.load(Ordering::Relaxed) as f64);
        if config.show.build {
            samples.add(&BUILD, &[Self::ABOUT.version, COMMIT, BUILD_DATE, ""], 1.0);
        }
        page.section(samples);
    }
}

/// The target of a request to `/scrape`. A password in the request is not used: it stands in logs on its way.
fn find_target(config: &Config, request: &ProbeRequest) -> Result<(Target, Link), ProbeError> {
    if !config.scrape_endpoint {
        return Err(ProbeError::NotFound("/scrape is switched off by --disable-scrape-endpoint".to_owned()));
    }
    let target =
        Target::parse(request.target()?).map_err(|error| ProbeError::BadRequest(error.to_string()))?;
    let server_name = request.parameter("tls_server_name").or_else(|| request.parameter("tls-server-name"));
    let link =
        config.asked_link(&target, server_name).map_err(|error| ProbeError::Forbidden(error.to_string()))?;
    Ok((target, link))
}
