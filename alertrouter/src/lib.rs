//! Alertmanager's webhooks in, Slack messages and e-mails out, and nothing lost between.
//!
//! ```text
//!            POST /webhook                                     Slack · SMTP
//!                 │                                                 ▲
//!   intake ── payload ── routing (route, matcher)                 notify (card → blocks, mail)
//!                 │                                                 ▲
//!              decide ── one transaction, fsync, then 200         deliver ── outbox (plan)
//!                 │                                                 ▲
//!                 └────────────────────── store ────────────────────┘
//! ```
//!
//! The store is the only thing that the two halves share: the left one ends when it is on the disk, the right one
//! begins there, also after a crash.
//!
//! | endpoint | |
//! |---|---|
//! | `POST /webhook`, `POST /webhook/` | for `webhook_configs` of Alertmanager |
//! | `/ready` | 503 while nothing can be made durable |
//! | `/`, `/metrics`, `/-/healthy`, `/-/ready`, `POST /-/reload` | as every program of the suite |

mod commands;
pub mod config;
pub mod decide;
pub mod deliver;
pub mod inhibit;
pub mod intake;
pub mod intervals;
pub mod labels;
pub mod matcher;
pub mod metrics;
pub mod moment;
pub mod notify;
pub mod outbox;
pub mod payload;
pub mod route;
pub mod routing;
pub mod sources;
pub mod store;
pub mod template;
pub mod watch;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use clap::ArgMatches;
use tokio::sync::watch::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use toolkit::app::{About, Context, Program, StartError};
use toolkit::clock::Clock;
use toolkit::config::{ConfigError, Document};
use toolkit::expo::Page;
use toolkit::scrape::Scrape;
use toolkit::web::Section;

use config::Config;
use deliver::Deliverer;
use intake::Intake;
use matcher::ParserMode;
use metrics::Metrics;
use notify::pace::Paces;
use routing::{Current, Routing};
use sources::Sources;
use store::{Options, Store, StoreError};
use watch::{Alarm, Watch};

/// The alert router.
pub struct Alertrouter {
    intake: Intake,
    store: Store,
    storage_path: PathBuf,
    routing: Current,
    paces: Paces,
    sources: Sources,
    metrics: Metrics,
    clock: Clock,
    stop: Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// Its own flags.
#[derive(clap::Args, Clone, Debug)]
pub struct Flags {
    /// Folder of the store. It must be on a local disk, and belongs to one process.
    #[arg(long = "storage.path", value_name = "FOLDER", default_value = "data", help_heading = "Storage")]
    pub storage_path: PathBuf,

    /// Alertmanager's flag for how matchers and names of labels are read: `classic-mode` or `utf8-strict-mode`, else
    /// both grammars are tried.
    #[arg(long = "enable-feature", value_name = "FEATURES", default_value = "", help_heading = "Configuration",
          value_parser = ParserMode::from_features)]
    pub parser_mode: ParserMode,
}

impl Program for Alertrouter {
    const ABOUT: About = About {
        name: "alertrouter",
        title: "Alert router",
        summary: "Takes Alertmanager's webhooks and delivers them to Slack and e-mail without losing one.",
        version: env!("CARGO_PKG_VERSION"),
        port: 10093,
        env_prefix: "ALERTROUTER",
        single_dash_flags: false,
        probe_path: None,
        probe_example: "",
        threads: 2,
    };

    type Flags = Flags;
    type Config = Config;

    fn configure(flags: &Flags, document: Option<&Document>) -> Result<Config, ConfigError> {
        let Some(document) = document else {
            return Err(ConfigError::flag(
                "--config.file",
                "a configuration file with routes and receivers is needed",
            ));
        };
        Config::decode(document, flags.storage_path.clone(), flags.parser_mode)
    }

    fn subcommands() -> Vec<clap::Command> {
        commands::all()
    }

    fn run_subcommand(name: &str, matches: &ArgMatches) -> u8 {
        commands::run(name, matches)
    }

    async fn start(config: Config, context: Context) -> Result<Self, StartError> {
        remark(&config);
        let metrics = Metrics::register(&context.registry).map_err(StartError::new)?;
        let observed = metrics.clone();
        let storage_path = config.storage_path.clone();
        let store = Store::open(Options {
            path: storage_path.clone(),
            room: config.room,
            observe: Box::new(move |jobs, took| {
                observed.batch.observe(f64::from(u32::try_from(jobs).unwrap_or(u32::MAX)));
                observed.commit.observe(took.as_secs_f64());
            }),
        })
        .map_err(StartError::new)?;
        let paces = Paces::default();
        let routing = Current::new(Routing::build(config, &paces).map_err(StartError::new)?);
        let clock = context.clock;
        let (stop, stopped) = channel(false);
        let (alarm, sources) = (Alarm::default(), Sources::default());
        remember_sources(&store, &routing, &sources).await.map_err(StartError::new)?;
        let intake = Intake::new(
            store.clone(),
            routing.clone(),
            metrics.clone(),
            clock.clone(),
            alarm.clone(),
            sources.clone(),
        );
        let deliverer = Deliverer {
            store: store.clone(),
            routing: routing.clone(),
            metrics: metrics.clone(),
            clock: clock.clone(),
            alarm: alarm.clone(),
        };
        let watch = Watch { store: store.clone(), routing: routing.clone(), clock: clock.clone(), alarm };
        let tasks = vec![
            tokio::spawn(deliverer.run(stopped.clone())),
            tokio::spawn(watch.run(stopped.clone())),
            tokio::spawn(intake.clone().release(stopped.clone())),
            tokio::spawn(housekeeping(store.clone(), routing.clone(), clock.clone(), stopped)),
        ];
        let tasks = Mutex::new(tasks);
        Ok(Self { intake, store, storage_path, routing, paces, sources, metrics, clock, stop, tasks })
    }

    async fn reconfigure(&self, config: Config) -> Result<(), StartError> {
        if config.storage_path != self.storage_path {
            return Err(StartError::new("--storage.path cannot change while the program runs"));
        }
        remark(&config);
        self.routing.set(Routing::build(config, &self.paces).map_err(StartError::new)?);
        remember_sources(&self.store, &self.routing, &self.sources).await.map_err(StartError::new)
    }

    fn routes(self: &Arc<Self>) -> axum::Router {
        // both, because a redirect would turn the POST into a GET and lose the alert
        let ready = async |State(store): State<Store>| match store.problem() {
            None => (StatusCode::OK, "ready\n".to_owned()),
            Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")),
        };
        axum::Router::new()
            .route("/ready", get(ready).with_state(self.store.clone()))
            .route("/webhook", post(Intake::webhook))
            .route("/webhook/", post(Intake::webhook))
            .with_state(self.intake.clone())
    }

    async fn scrape(&self, _scrape: &Scrape, _page: &mut Page) {
        match self.store.counts().await {
            Ok(counts) => {
                let routing = self.routing.get();
                let targets = routing.targets().map(|target| &*target.settings.id);
                self.metrics.set_counts(&counts, targets, self.clock.now().into());
            }
            Err(error) => tracing::error!(%error, "the store cannot be counted"),
        }
    }

    fn ready(&self) -> Result<(), String> {
        self.store.problem().map_or(Ok(()), Err)
    }

    fn landing(&self) -> Vec<Section> {
        let routing = self.routing.get();
        let mut rows: Vec<Vec<String>> = routing
            .targets()
            .map(|target| {
                let told = if target.settings.send_resolved { "firing and resolved" } else { "firing" };
                vec![target.settings.id.to_string(), target.integration().to_owned(), told.to_owned()]
            })
            .collect();
        rows.sort();
        let columns = ["Target", "Integration", "Is told of"].map(str::to_owned).to_vec();
        vec![Section { title: "Targets".to_owned(), columns, rows, ..Section::default() }]
    }

    async fn stop(&self) {
        self.stop.send_replace(true);
        let tasks = self.tasks.lock().map(|mut tasks| std::mem::take(&mut *tasks)).unwrap_or_default();
        for task in tasks {
            // a panic in it has been reported by the runtime
            drop(task.await);
        }
        self.store.close().await;
    }
}

/// Says once what `check-config` would say.
fn remark(config: &Config) {
    for lint in &config.lints {
        tracing::warn!(at = %format_args!("{}:{}", lint.position.line, lint.position.column), "{}", lint.message);
    }
}

/// What fires and inhibits others is known from the start, and by the rules that hold now.
async fn remember_sources(store: &Store, routing: &Current, sources: &Sources) -> Result<(), StoreError> {
    let rules = &routing.get().inhibit_rules;
    let firing = if rules.is_empty() { Vec::new() } else { store.firing_labels().await? };
    sources.replace(rules, firing);
    Ok(())
}

/// How often old rows are looked for.
const HOUSEKEEPING: Duration = Duration::from_mins(1);

/// How often a store that failed is tried again, so that it recovers without traffic.
const PROBE: Duration = Duration::from_secs(1);

/// Removes what is beyond the limits, and notices when a broken store works again.
async fn housekeeping(store: Store, routing: Current, clock: Clock, mut stop: Receiver<bool>) {
    let mut probe = tokio::time::interval(PROBE);
    let mut prune = tokio::time::interval(HOUSEKEEPING);
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            _ = probe.tick() => {
                if store.problem().is_some() && let Err(error) = store.probe().await {
                    tracing::debug!(%error, "the store still fails");
                }
            }
            _ = prune.tick() => {
                if let Err(error) = store.expire_leases(clock.now().into()).await {
                    tracing::debug!(%error, "leases could not be looked at");
                }
                let limits = routing.get().limits;
                match store.prune(clock.now().into(), limits).await {
                    Ok(pruned) => tracing::debug!(?pruned, "old rows removed"),
                    Err(error) => tracing::debug!(%error, "old rows could not be removed"),
                }
            }
        }
    }
}
