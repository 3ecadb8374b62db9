//! The configuration file: ssl_exporter's, with targets that we check on our own.
//!
//! ```yaml
//! default_module: tcp
//! modules:
//!   tcp:
//!     prober: tcp                      # https, file, http_file, kubeconfig, kubernetes
//!     timeout: 5s
//!     tls_config: {ca_file: ca.pem, cert_file: us.pem, key_file: us.key, server_name: a.example}
//!     targets: ["*.internal:5671"]     # where our certificate may be shown
//!     connect_to: 192.0.2.1            # instead of what the name means
//!     source_ip_address: 192.0.2.9     # to come from
//!     crl: {check: true, networks: ["10.0.0.0/8"]}
//! targets:
//!   - {target: "example.com:443", module: tcp, interval: 5m, labels: {team: web}}
//! file_sd:
//!   - {files: ["targets/*.json"], module: tcp, interval: 10m}
//! ```

mod file_sd;
mod module;
mod route;
mod target;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use toolkit::config::{ConfigError, Document, Fields};
use toolkit::schedule::Target;

pub use file_sd::{FileSd, read as read_file_sd};
pub use module::{Crl, Module, PROBERS, Prober, Tls};
pub use route::{ConnectTo, Route};
pub use target::{Scheduled, is_free_label};

/// Where registrations are looked up: the service that knows every registry's server (IANA's bootstrap, RFC 9224).
const USUAL_RDAP: &str = "https://rdap.org";

/// Checks at the same time, unless the file says otherwise. Each waits for its target and holds some 50 KiB.
const USUAL_CHECKS: i64 = 128;

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The module of requests that name none.
    pub default_module: Option<String>,
    /// All modules.
    pub modules: Modules,
    /// What is checked without being asked.
    pub targets: Vec<Scheduled>,
    /// Lists of more such targets.
    pub file_sd: Vec<FileSd>,
    /// Most checks of them at the same time.
    pub max_checks: usize,
    /// Where registrations of domains are looked up.
    pub rdap_url: String,
}

/// Modules by name.
pub type Modules = HashMap<String, Arc<Module>>;

impl Default for Config {
    fn default() -> Self {
        let modules = PROBERS.map(|(name, prober)| (name.to_owned(), Arc::new(Module::plain(name, prober))));
        Self {
            default_module: Some("tcp".to_owned()),
            // ssl_exporter's `http` says `https`
            modules: modules
                .into_iter()
                .map(|(name, module)| {
                    let module =
                        if name == "http" { Arc::new(Module::plain("https", Prober::Https)) } else { module };
                    (name, module)
                })
                .collect(),
            targets: Vec::new(),
            file_sd: Vec::new(),
            max_checks: usize::try_from(USUAL_CHECKS).unwrap_or(1),
            rdap_url: USUAL_RDAP.to_owned(),
        }
    }
}

impl Config {
    /// Parses the file; without one these are ssl_exporter's defaults.
    ///
    /// # Errors
    /// Every problem there is.
    pub fn parse(document: Option<&Document>) -> Result<Self, ConfigError> {
        document
            .map_or_else(|| Ok(Self::default()), |document| document.decode(|mut fields| decode(&mut fields)))
    }
}

fn decode(fields: &mut Fields<'_>) -> Config {
    let usual = Config::default();
    let modules: Modules = fields
        .map("modules", |name, item| {
            let mut fields = item.fields()?;
            Some((name.to_owned(), Arc::new(Module::decode(&mut fields))))
        })
        .into_iter()
        .collect();
    // a file with targets alone needs no modules of its own
    let modules = if fields.has("modules") { modules } else { usual.modules };
    let default_module = match fields.string("default_module").filter(|name| !name.is_empty()) {
        Some(name) => {
            if !modules.contains_key(&name) {
                fields.problem("default_module", format!("there is no module `{name}`"));
            }
            Some(name)
        }
        None if fields.has("modules") => None,
        None => usual.default_module,
    };
    let defaults = target::Defaults { modules: &modules, module: default_module.as_deref() };
    let targets = fields.list("targets", |item| target::decode(&item, defaults));
    let mut seen = HashSet::new();
    for target in &targets {
        if !seen.insert(target.key()) {
            let text =
                format!("the target `{}` is there twice (hint: give them different labels)", target.target);
            fields.problem("targets", text);
        }
    }
    let file_sd = fields.list("file_sd", |item| file_sd::decode(&item, defaults));
    let max_checks = fields.integer("max_checks", 1..=10_000).unwrap_or(USUAL_CHECKS);
    let rdap_url = fields.parsed("rdap_url", |text| {
        let known = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
        if known { Ok(text.trim_end_matches('/').to_owned()) } else { Err("expected an http or https URL") }
    });
    Config {
        default_module,
        targets,
        file_sd,
        max_checks: usize::try_from(max_checks).unwrap_or(1),
        rdap_url: rdap_url.unwrap_or(usual.rdap_url),
        modules,
    }
}

/// How often a target is checked that says nothing itself: half of what Prometheus takes a value to be good for.
const USUAL_INTERVAL: Duration = Duration::from_mins(5);

/// The shortest interval: more would be a load on the target.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// Reads an interval of targets.
fn interval(fields: &mut Fields<'_>, key: &str) -> Duration {
    let interval = fields.duration(key).unwrap_or(USUAL_INTERVAL);
    if interval < SHORTEST_INTERVAL {
        fields.problem(key, "an interval is at least 1s");
    }
    interval.max(SHORTEST_INTERVAL)
}
