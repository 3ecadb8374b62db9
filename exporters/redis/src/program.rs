//! The exporter as the toolkit runs it.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use tokio::time::Instant;
use toolkit::app::{About, Context, ProbeError, ProbeRequest, Program, StartError};
use toolkit::cli::CommonFlags;
use toolkit::clock::Clock;
use toolkit::config::{ConfigError, Document};
use toolkit::expo::{Desc, Kind, Page, Samples};
use toolkit::log::Levels;
use toolkit::scrape::{DEFAULT_TIMEOUT, Scrape};

use crate::acl;
use crate::cluster::Cluster;
use crate::cluster::view::View;
use crate::cluster::{discovery, http_sd};
use crate::config::Config;
use crate::error::Reason;
use crate::flags::Flags;
use crate::kept::{KeptTargets, MAX_TARGETS};
use crate::keys::Scope;
use crate::keys::checks::{Checks, RequestError};
use crate::page::{self, Node};
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

    const MAX_REQUESTS: usize = MAX_TARGETS;
    const PEER_HEALTH: Option<(&'static str, &'static str)> = Some(("/health", "ok"));

    type Flags = Flags;
    type Config = Config;

    fn adopt(own: &Flags, common: &mut CommonFlags) {
        common.guard = own.web.guard();
        common.disable_exporter_metrics |= own.show.redis_only_metrics;
        if own.debug {
            common.log_level = Levels::debug();
        }
    }

    fn configure(flags: &Flags, document: Option<&Document>) -> Result<Config, ConfigError> {
        Config::parse(flags, document)
    }

    fn print(flags: &Flags) -> Option<fn(&Config) -> String> {
        flags.print_acl.then_some(acl::lines)
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

    fn routes(self: &Arc<Self>) -> Router {
        let discover = |State(program): State<Arc<Self>>, Query(parameters): Query<Vec<(String, String)>>| async move {
            program.discover(&ProbeRequest { parameters }).await
        };
        Router::new().route("/discover-cluster-nodes", any(discover)).with_state(Arc::clone(self))
    }

    async fn scrape(&self, scrape: &Scrape, page: &mut Page) {
        let config = self.config();
        if let Some(main) = &config.main {
            let whole = config.shows_cluster(main, None).unwrap_or(false);
            let node = self.node(main.clone(), config.main_link(main));
            self.show(&config, &config.checks, node, whole, scrape, page).await;
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
        let Asked { target, link, whole, checks } = asked?;
        self.show(&config, &checks, self.node(target, link), whole, scrape, page).await;
        self.add_own(&config, page);
        Ok(())
    }
}

impl Redis {
    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn node(&self, target: Target, link: Link) -> Node {
        let kept = self.kept.of(&link.key());
        Node { target, link, kept, labels: Vec::new(), patience: None }
    }

    /// The page of one server, or of all servers of the cluster that it is part of.
    async fn show(
        &self,
        config: &Config,
        checks: &Arc<Checks>,
        node: Node,
        whole: bool,
        scrape: &Scrape,
        page: &mut Page,
    ) {
        let keys_elsewhere = !checks.is_empty() && config.is_cluster(&node.target);
        if !whole && !keys_elsewhere {
            let keys = (checks, Scope { cluster: None, whole });
            return page::write(config, keys, &[node], &[], &self.clock, scrape, page).await;
        }
        let cluster = Cluster::find(config, &self.kept, node.clone(), scrape.deadline).await;
        let keys = (checks, Scope { cluster: Some(&cluster), whole });
        if whole {
            page::write(config, keys, &cluster.nodes, &[&View(&cluster)], &self.clock, scrape, page).await;
        } else {
            page::write(config, keys, &[node], &[], &self.clock, scrape, page).await;
        }
    }

    /// The nodes of the cluster of the main target, or of `?target=`, for Prometheus' HTTP discovery.
    async fn discover(&self, request: &ProbeRequest) -> Response {
        let config = self.config();
        let seed = match find_seed(&config, request) {
            Ok((target, link)) => self.node(target, link),
            Err(status) => return status.into_response(),
        };
        let found = discovery::find(&config, &self.kept, &seed, Instant::now() + DEFAULT_TIMEOUT).await;
        match (found.told, found.failure) {
            (Some(told), None) => {
                let document = http_sd::target_groups(&told.topology, seed.link.place.has_tls());
                ([(CONTENT_TYPE, "application/json")], document).into_response()
            }
            (_, failure) => {
                // Prometheus then keeps the targets that it has
                let reason = failure.unwrap_or(Reason::Protocol).as_str();
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    format!("no node of the cluster tells CLUSTER NODES: {reason}\n"),
                )
                    .into_response()
            }
        }
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

const NO_CLUSTER: &str =
    "the target is not known to be part of a cluster (hint: --is-cluster, or `cluster: true` in its rule)";

/// The node that is asked for all others: only one that is configured as part of a cluster.
fn find_seed(config: &Config, request: &ProbeRequest) -> Result<(Target, Link), (StatusCode, String)> {
    let refusal = |status, why: &dyn Display| (status, format!("{why}\n"));
    let unknown = || refusal(StatusCode::BAD_REQUEST, &NO_CLUSTER);
    let asked = request.parameter("target").map(Target::parse).transpose();
    let asked = asked.map_err(|error| refusal(StatusCode::BAD_REQUEST, &error))?;
    let is_main = asked.is_none();
    let target = asked.or_else(|| config.main.clone()).ok_or_else(unknown)?;
    if !config.is_cluster(&target) {
        return Err(unknown());
    }
    let link = if is_main { Ok(config.main_link(&target)) } else { config.asked_link(&target, None) };
    let link = link.map_err(|error| refusal(StatusCode::FORBIDDEN, &error))?;
    Ok((target, link))
}

/// What a request to `/scrape` asks for.
struct Asked {
    target: Target,
    link: Link,
    /// Whether all nodes of its cluster are meant.
    whole: bool,
    checks: Arc<Checks>,
}

/// What a request to `/scrape` asks for. A password in the request is not used: it stands in logs on its way.
fn find_target(config: &Config, request: &ProbeRequest) -> Result<Asked, ProbeError> {
    if !config.scrape_endpoint {
        return Err(ProbeError::NotFound("/scrape is switched off by --disable-scrape-endpoint".to_owned()));
    }
    let target =
        Target::parse(request.target()?).map_err(|error| ProbeError::BadRequest(error.to_string()))?;
    let server_name = request.parameter("tls_server_name").or_else(|| request.parameter("tls-server-name"));
    let link =
        config.asked_link(&target, server_name).map_err(|error| ProbeError::Forbidden(error.to_string()))?;
    let asked = match request.parameter("cluster") {
        None => None,
        Some("1" | "true") => Some(true),
        Some("0" | "false") => Some(false),
        Some(_) => {
            return Err(ProbeError::BadRequest("the parameter `cluster` is neither 1 nor 0".to_owned()));
        }
    };
    let whole =
        config.shows_cluster(&target, asked).map_err(|error| ProbeError::Forbidden(error.to_string()))?;
    let checks = config.checks.requested(|name| request.parameter(name)).map_err(|error| match error {
        RequestError::Forbidden => ProbeError::Forbidden(error.to_string()),
        RequestError::List(..) => ProbeError::BadRequest(error.to_string()),
    })?;
    let checks = checks.map_or_else(|| Arc::clone(&config.checks), Arc::new);
    Ok(Asked { target, link, whole, checks })
}
