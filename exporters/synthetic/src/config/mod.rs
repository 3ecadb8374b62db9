//! The configuration file: blackbox_exporter's, with checks, journeys and services beside its modules.

mod check;
mod client;
mod guard;
mod module;
mod oauth2;
mod service;
mod tls;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use toolkit::config::{ConfigError, Document, Fields, Problems};
use tracing::warn;

pub use check::{Check, Checks, Heartbeat, Kind, Limits, Probe, Settings};
pub use client::{Authorization, AuthorizationError, ClientSettings, ExtraHeader, ProxySettings};
pub(crate) use client::{basic, is_secret_header, sensitive};
pub use guard::Policy;
pub use module::Module;
pub(crate) use oauth2::JWT_BEARER;
pub use oauth2::{Algorithm, Grant, OAuth2, Statement};
pub use service::{Member, Objective, Of, Service, Services, StatusPage, UnknownStatus};
pub use tls::TlsSettings;

use crate::flags::{Flags, Severity};
use crate::place;

/// The file that is read when no flag names one, if it is there: blackbox_exporter's.
pub const DEFAULT_FILE: &str = "blackbox.yml";

/// The modules when there is no file: those of blackbox_exporter's own, by the same names.
const BUILT_IN: &str = include_str!("built_in.yml");

/// Modules by name.
pub type Modules = BTreeMap<String, Arc<Module>>;

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// All modules.
    pub modules: Modules,
    /// What is checked without being asked.
    pub checks: Checks,
    /// What the product consists of.
    pub services: Arc<Services>,
    /// Where what outlives a restart is kept; in memory without it.
    pub storage: Option<PathBuf>,
    /// The file for people, without secrets.
    pub shown: String,
    /// Probes that the history keeps.
    pub history_limit: usize,
    /// Least severe lines about probes that are logged.
    pub log_prober: Severity,
}

impl Config {
    /// Reads flags and file.
    ///
    /// # Errors
    /// Every problem there is.
    pub fn read(flags: &Flags, document: Option<&Document>) -> Result<Self, ConfigError> {
        if flags.systemd_socket {
            warn!("--web.systemd-socket is not supported: listening at --web.listen-address");
        }
        let mut problems = Problems::default();
        problems.keep(place::below(flags));
        let built_in = Document::parse("built-in modules", BUILT_IN)?;
        let document = document.unwrap_or(&built_in);
        let File { modules, checks, services } = problems.keep(File::read(document)).unwrap_or_default();
        problems.or(Self {
            modules,
            checks,
            services: Arc::new(services),
            storage: flags.storage_path.clone(),
            shown: document.shown(),
            history_limit: usize::try_from(flags.history_limit).unwrap_or(usize::MAX),
            log_prober: flags.log_prober,
        })
    }
}

/// What stands in the file.
#[derive(Debug, Default)]
pub(crate) struct File {
    modules: Modules,
    checks: Checks,
    pub(crate) services: Services,
}

impl File {
    /// Reads it, whatever the flags are.
    pub(crate) fn read(document: &Document) -> Result<Self, ConfigError> {
        document.decode(|mut fields| {
            let guard = Policy::decode(&mut fields, &Policy::default());
            let modules = modules(&mut fields, &guard);
            let checks = Checks::decode(&mut fields, &modules, &guard);
            let services = Services::decode(&mut fields, &checks.all);
            Self { modules, checks, services }
        })
    }
}

fn modules(fields: &mut Fields<'_>, guard: &Policy) -> Modules {
    let modules = fields
        .map("modules", |name, item| Some((name.to_owned(), Arc::new(Module::decode(name, &item, guard)?))));
    modules.into_iter().collect()
}
