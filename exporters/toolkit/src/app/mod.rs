//! A program's life: flags → configuration → bind → start → serve → stop.
//!
//! Exit codes: 0; 1 for a configuration or start-up error; 2 for bad flags.
//!
//! Invariants:
//! - ports are bound before the program says it is ready;
//! - a reload is atomic: parse, validate, swap; a bad file keeps the old configuration;
//! - health never depends on a target.

mod below;
mod command;
mod pages;
mod reload;
mod run;

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use clap::ArgMatches;

use crate::cli::CommonFlags;
use crate::clock::Clock;
use crate::config::{ConfigError, Document};
use crate::expo::Page;
use crate::scrape::{self, Scrape};
use crate::web::{Link, Section};

pub use below::Below;
pub use command::main;
pub use run::{App, Running};

/// What a program says of itself.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The program's name, e.g. `redis-exporter`.
    pub name: &'static str,
    /// The heading of its landing page.
    pub title: &'static str,
    /// One sentence: what it is for.
    pub summary: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The port it listens on unless told otherwise; that of the program it replaces.
    pub port: u16,
    /// How its environment variables begin, e.g. `REDIS_EXPORTER`.
    pub env_prefix: &'static str,
    /// Whether `-flag` means `--flag`, as with Go's standard flags.
    pub single_dash_flags: bool,
    /// Where it takes `?target=`, when it watches targets given in the request.
    pub probe_path: Option<&'static str>,
    /// An example of a target, for the form on the landing page.
    pub probe_example: &'static str,
    /// Threads that run it. 1 is right for an exporter: it waits more than it works, and it shall stay small.
    pub threads: usize,
}

/// A program of the suite. The toolkit gives it flags, a listener, health, reload, logs and its own metrics; the
/// program gives its configuration and what it shows.
pub trait Program: Send + Sync + Sized + 'static {
    /// What it says of itself.
    const ABOUT: About;

    /// Collections at the same time, unless the flag says otherwise; the number of Prometheus' exporter toolkit. A
    /// program whose collections do nothing but wait for a target, perhaps a dead one, needs more than it has targets.
    const MAX_REQUESTS: usize = 40;

    /// Where the program it replaces answers health checks, and its words; asked without a password, as `/-/healthy`.
    const PEER_HEALTH: Option<(&'static str, &'static str)> = None;

    /// Whether probes of the same thing that overlap share one. A program that measures its targets measures each time.
    const SHARES_PROBES: bool = true;

    /// Its own flags, beside the common ones.
    type Flags: clap::Args + Clone + Send + Sync + 'static;

    /// Flags and file, parsed into meaning.
    type Config: Send + 'static;

    /// Brings the common flags into line with a peer's own flags for the same thing, so that there is one way inside.
    fn adopt(own: &Self::Flags, common: &mut CommonFlags) {
        let _ = (own, common);
    }

    /// Turns flags and file into a configuration. Pure but for reading files that are named there; used at start,
    /// by `--config.check` and by every reload.
    ///
    /// # Errors
    /// Every problem there is, at once.
    fn configure(flags: &Self::Flags, document: Option<&Document>) -> Result<Self::Config, ConfigError>;

    /// What to print of the configuration instead of serving, when a flag asks for that.
    fn print(flags: &Self::Flags) -> Option<fn(&Self::Config) -> String> {
        let _ = flags;
        None
    }

    /// Opens what the program needs. It may not wait for a target.
    fn start(config: Self::Config, context: Context)
    -> impl Future<Output = Result<Self, StartError>> + Send;

    /// Swaps in a new configuration, whole or not at all.
    fn reconfigure(&self, config: Self::Config) -> impl Future<Output = Result<(), StartError>> + Send;

    /// Its own routes, beside the common ones.
    fn routes(self: &Arc<Self>) -> axum::Router {
        axum::Router::new()
    }

    /// Writes the page of `/metrics` by the scrape's deadline. The process's own metrics are added to it.
    fn scrape(&self, scrape: &Scrape, page: &mut Page) -> impl Future<Output = ()> + Send {
        let _ = (scrape, page);
        async {}
    }

    /// Writes the page of one target, for programs with a [`About::probe_path`]. A target that does not answer is
    /// no error: that is what the page says.
    fn probe(
        &self,
        request: &ProbeRequest,
        scrape: &Scrape,
        page: &mut Page,
    ) -> impl Future<Output = Result<(), ProbeError>> + Send {
        let _ = (request, scrape, page);
        async { Err(ProbeError::NotFound("this program takes no targets".to_owned())) }
    }

    /// How long a probe may take whose client sent this scrape timeout, as it came.
    ///
    /// # Errors
    /// It cannot be read, and the program does not take that for nothing.
    fn probe_budget(timeout: Option<&str>, offset: Duration) -> Result<Duration, ProbeError> {
        Ok(scrape::budget(timeout, offset))
    }

    /// Probes, and tells a person what happened, where the request asks for that instead of a page of metrics. Asked
    /// before [`Program::probe`].
    fn explain(
        &self,
        request: &ProbeRequest,
        scrape: &Scrape,
    ) -> impl Future<Output = Result<Option<String>, ProbeError>> + Send {
        let _ = (request, scrape);
        async { Ok(None) }
    }

    /// Whether it can do its work, apart from its targets.
    ///
    /// # Errors
    /// Why not, in a few words.
    fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    /// More pages for the landing page to lead to.
    fn links(&self) -> Vec<Link> {
        Vec::new()
    }

    /// More for the landing page.
    fn landing(&self) -> Vec<Section> {
        Vec::new()
    }

    /// Finishes what is under way; called once the listener is closed.
    fn stop(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Subcommands beside `healthcheck`.
    fn subcommands() -> Vec<clap::Command> {
        Vec::new()
    }

    /// Runs one of [`Program::subcommands`]; gives the exit code.
    fn run_subcommand(name: &str, matches: &ArgMatches) -> u8 {
        let _ = (name, matches);
        2
    }
}

/// What a program gets to start with.
#[derive(Clone, Debug)]
pub struct Context {
    /// For the program's own metrics about itself.
    pub registry: prometheus::Registry,
    /// The time of day.
    pub clock: Clock,
    /// 1 while the newest configuration is in use, 0 while one was refused and the old one stands: for programs that
    /// show this by a peer's name too.
    pub last_reload: prometheus::IntGauge,
}

/// Why a program cannot start or cannot take a configuration: one sentence with place, cause and a hint.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

impl StartError {
    /// `message` is one sentence without secrets.
    pub fn new(message: impl Display) -> Self {
        Self(message.to_string())
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::new(error)
    }
}

/// A request for the page of one target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProbeRequest {
    /// The query's parameters in their order, decoded.
    pub parameters: Vec<(String, String)>,
}

impl ProbeRequest {
    /// The first value of a parameter; an empty one is as good as none.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The target that is asked for.
    ///
    /// # Errors
    /// The request names none.
    pub fn target(&self) -> Result<&str, ProbeError> {
        self.parameter("target").ok_or_else(|| {
            ProbeError::BadRequest("the parameter `target` is missing (hint: ?target=HOST:PORT)".to_owned())
        })
    }
}

/// A probe request that cannot be answered with a page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// The request is wrong: 400.
    #[error("{0}")]
    BadRequest(String),
    /// The target may not be asked: 403.
    #[error("{0}")]
    Forbidden(String),
    /// There is nothing here: 404.
    #[error("{0}")]
    NotFound(String),
    /// The request cannot be read, for which the program that this one replaces blames itself: 500.
    #[error("{0}")]
    Internal(String),
}
