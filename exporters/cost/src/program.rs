//! The exporter as the toolkit runs it.

use std::path::PathBuf;
use std::sync::Arc;

use clap::ArgMatches;
use toolkit::app::{About, Context, Program, StartError};
use toolkit::clock::{Clock, NOW_VARIABLE};
use toolkit::config::{ConfigError, Document};
use toolkit::expo::Page;
use toolkit::scrape::Scrape;
use toolkit::web::Section;

use crate::commands;
use crate::config::Config;
use crate::flags::Flags;
use crate::http::Http;
use crate::landing;
use crate::refresh::Engine;
use crate::store::Store;

/// The exporter.
pub struct Cost {
    engine: Arc<Engine>,
}

/// The file's settings and where the store is.
#[derive(Debug)]
pub struct Settings {
    config: Config,
    storage: PathBuf,
}

impl Program for Cost {
    const ABOUT: About = About {
        name: "cost-exporter",
        title: "Cost exporter",
        summary: "The bills of all providers in one place: what was spent, what will be, and what is unusual.",
        version: env!("CARGO_PKG_VERSION"),
        port: 10099,
        env_prefix: "COST_EXPORTER",
        single_dash_flags: false,
        probe_path: None,
        probe_example: "",
        threads: 1,
    };

    type Flags = Flags;
    type Config = Settings;

    fn configure(flags: &Flags, document: Option<&Document>) -> Result<Settings, ConfigError> {
        Ok(Settings { config: Config::parse(document)?, storage: flags.storage_path.clone() })
    }

    async fn start(settings: Settings, _: Context) -> Result<Self, StartError> {
        let now = std::env::var(NOW_VARIABLE).ok();
        let clock = Clock::from_environment(now.as_deref()).map_err(StartError::new)?;
        let store = Store::open(&settings.storage, clock.clone()).map_err(StartError::new)?;
        let http = Http::new().map_err(StartError::new)?;
        let engine = Engine::new(store, http, clock);
        engine.take(settings.config).await.map_err(StartError::new)?;
        Ok(Self { engine })
    }

    async fn reconfigure(&self, settings: Settings) -> Result<(), StartError> {
        self.engine.take(settings.config).await.map_err(StartError::new)
    }

    async fn scrape(&self, _: &Scrape, page: &mut Page) {
        page.begin_with(self.engine.page());
    }

    fn landing(&self) -> Vec<Section> {
        let max_age = self.engine.config().max_age;
        vec![landing::section(&self.engine.lanes(), self.engine.clock.now(), max_age)]
    }

    async fn stop(&self) {
        self.engine.stop();
    }

    fn subcommands() -> Vec<clap::Command> {
        commands::all()
    }

    fn run_subcommand(name: &str, matches: &ArgMatches) -> u8 {
        commands::run(name, matches)
    }
}
