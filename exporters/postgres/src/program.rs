//! The exporter as the toolkit runs it.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

use clap::ArgMatches;
use toolkit::app::{About, Context, ProbeError, ProbeRequest, Program, StartError};
use toolkit::clock::Clock;
use toolkit::config::{ConfigError, Document, SecretSource};
use toolkit::expo::{Desc, Kind, Page, Samples};
use toolkit::scrape::Scrape;

use crate::auth_modules::Refusal;
use crate::commands;
use crate::config::{self, Config};
use crate::conn::Link;
use crate::credentials::Password;
use crate::flags::Flags;
use crate::render::Extra;
use crate::target::{Target, Targets};
use crate::visit::Visit;

const BUILD: Desc<'_> = Desc {
    name: "postgres_exporter_build_info",
    help: "Which build of the exporter this is; always 1. It is not written in Go.",
    kind: Kind::Gauge,
    labels: &["version", "revision", "branch", "goversion", "goos", "goarch", "tags"],
};
const RELOADED: Desc<'_> = Desc {
    name: "postgres_exporter_config_last_reload_successful",
    help: "Whether the last reading of the configuration worked (1) or not (0).",
    kind: Kind::Gauge,
    labels: &[],
};
const RELOADED_AT: Desc<'_> = Desc {
    name: "postgres_exporter_config_last_reload_success_timestamp_seconds",
    help: "Unix time of the last reading of the configuration that worked.",
    kind: Kind::Gauge,
    labels: &[],
};
const QUERIES_ERROR: Desc<'_> = Desc {
    name: "pg_exporter_user_queries_load_error",
    help: "Whether the file of queries could not be read (1) or could (0).",
    kind: Kind::Gauge,
    labels: &["filename", "hashsum"],
};

/// The commit of the build, where the one who built it told it.
const COMMIT: &str = match option_env!("WATCHFIRE_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// The exporter.
pub struct Postgres {
    state: RwLock<Arc<State>>,
    context: Context,
    hasher: RandomState,
}

/// What belongs to one configuration.
struct State {
    config: Arc<Config>,
    mains: Vec<Arc<Target>>,
    asked: Arc<Targets>,
    /// When it was read, in Unix time.
    read: f64,
}

impl Program for Postgres {
    const ABOUT: About = About {
        name: "postgres-exporter",
        title: "Postgres exporter",
        summary: "Metrics of PostgreSQL servers and their databases.",
        version: env!("CARGO_PKG_VERSION"),
        port: 9187,
        env_prefix: "PG_EXPORTER",
        single_dash_flags: false,
        probe_path: Some("/probe"),
        probe_example: "db.example.com:5432",
        threads: 1,
    };

    type Flags = Flags;
    type Config = Config;

    fn configure(flags: &Flags, document: Option<&Document>) -> Result<Config, ConfigError> {
        let usual = if document.is_none() { config::usual_file()? } else { None };
        Config::parse(flags, document.or(usual.as_ref()), &|name| std::env::var(name).ok())
    }

    async fn start(config: Config, context: Context) -> Result<Self, StartError> {
        let state = State::new(config, &context.clock);
        Ok(Self { state: RwLock::new(Arc::new(state)), context, hasher: RandomState::new() })
    }

    async fn reconfigure(&self, config: Config) -> Result<(), StartError> {
        let new = Arc::new(State::new(config, &self.context.clock));
        let old = {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *state, new)
        };
        old.close().await;
        Ok(())
    }

    async fn scrape(&self, scrape: &Scrape, page: &mut Page) {
        let state = self.state();
        let visits = state.mains.iter().enumerate().map(|(place, target)| {
            let visit = state.visit(Arc::clone(target), place > 0);
            async move { visit.write(scrape.deadline).await }
        });
        for samples in futures_util::future::join_all(visits).await.into_iter().flatten() {
            page.section(samples);
        }
        self.add_own(&state, page);
    }

    async fn probe(
        &self,
        request: &ProbeRequest,
        scrape: &Scrape,
        page: &mut Page,
    ) -> Result<(), ProbeError> {
        let state = self.state();
        let link = asked_link(&state.config, request)?;
        let key = self.key(&link, request.parameter("auth_module"));
        let sessions = state.config.database_sessions;
        let target = state.asked.of(&key, || Target::new(link, sessions));
        for samples in state.visit(target, false).write(scrape.deadline).await {
            page.section(samples);
        }
        Ok(())
    }

    async fn stop(&self) {
        self.state().close().await;
    }

    fn subcommands() -> Vec<clap::Command> {
        commands::all()
    }

    fn run_subcommand(name: &str, matches: &ArgMatches) -> u8 {
        commands::run(name, matches)
    }
}

impl Postgres {
    fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What tells links to different servers, or as different users, apart.
    fn key(&self, link: &Link, module: Option<&str>) -> String {
        let Link { places, database, tls, credentials, .. } = link;
        // a password in the request itself must be the same too; its hash means nothing outside of this process
        let password = match &credentials.password {
            Password::Given(SecretSource::Inline(secret)) => self.hasher.hash_one(secret.expose()),
            _ => 0,
        };
        format!("{places:?} {database} {tls:?} {} {module:?} {password}", credentials.user)
    }

    /// What is about the exporter and not about a target.
    fn add_own(&self, state: &State, page: &mut Page) {
        let mut samples = Samples::new("");
        let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
        samples.add(&BUILD, &[Self::ABOUT.version, COMMIT, "", "", system, machine, ""], 1.0);
        let taken = if self.context.last_reload.get() == 1 { 1.0 } else { 0.0 };
        samples.add(&RELOADED, &[], taken);
        samples.add(&RELOADED_AT, &[], state.read);
        if let Some(file) = &state.config.query_file {
            let failed = if file.error.is_some() { 1.0 } else { 0.0 };
            samples.add(&QUERIES_ERROR, &[&file.path, &file.hash], failed);
        }
        page.section(samples);
    }
}

impl State {
    fn new(config: Config, clock: &Clock) -> Self {
        let target = |link: &Link| Arc::new(Target::new(link.clone(), config.database_sessions));
        let mains: Vec<_> = config.mains.iter().map(target).collect();
        let asked = Arc::new(Targets::default());
        asked.keep(&mains);
        asked.sweep_in_background();
        Self { mains, asked, read: clock.unix_seconds(), config: Arc::new(config) }
    }

    fn visit(&self, target: Arc<Target>, only_labelled: bool) -> Visit {
        let mut constant = self.config.constant_labels.clone();
        if only_labelled {
            constant.push(("server".to_owned(), target.name.clone()));
        }
        let extra = Extra { server: target.name.clone(), constant, prefix: self.config.prefix.clone() };
        Visit { config: Arc::clone(&self.config), target, extra: Arc::new(extra), only_labelled }
    }

    async fn close(&self) {
        for target in &self.mains {
            target.close().await;
        }
        self.asked.clear().await;
    }
}

/// The link of a request to `/probe`.
fn asked_link(config: &Config, request: &ProbeRequest) -> Result<Link, ProbeError> {
    let Some(modules) = &config.probe else {
        return Err(ProbeError::NotFound("/probe is switched off by --disable-probe".to_owned()));
    };
    modules.link(request.target()?, request.parameter("auth_module")).map_err(|refusal| match refusal {
        Refusal::Bad(message) => ProbeError::BadRequest(message),
        Refusal::Forbidden(message) => ProbeError::Forbidden(message),
    })
}
