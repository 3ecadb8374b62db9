//! Probes: a target and a module become a report. One file a prober.

mod beside;
mod connect;
mod file;
mod http_file;
mod https;
mod judged;
mod kubeconfig;
mod kubernetes;

use std::fmt;
use std::sync::Arc;

use netprobe::judge::Judge;
use netprobe::proxy::Proxies;
use netprobe::trust::Trust;
use tokio::time::{Instant, timeout_at};
use toolkit::clock::Clock;

use crate::address::Address;
use crate::config::{Module, Prober, Route};
use crate::facts::Pool;
use crate::files::{FileCache, Refusal};
use crate::rdap::Domains;
use crate::report::{Content, Failed, Report};
use crate::revoked::Lists;
use connect::{Connection, Way};
use judged::Judged;

/// What probes share: everything that is read or fetched once for many of them.
pub struct Engine {
    clock: Clock,
    pub(crate) pool: Pool,
    pub(crate) trust: Arc<Trust>,
    pub(crate) files: FileCache,
    pub(crate) lists: Lists,
    pub(crate) domains: Domains,
    judge: Judge<Judged>,
    proxies: Proxies,
}

/// Why a target is not probed at all.
#[derive(Debug, PartialEq, Eq)]
pub enum Denied {
    /// It is outside of what the module may read.
    Outside,
}

impl fmt::Display for Denied {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Outside => {
                "is outside of the folders of this module (hint: in the file, modules: NAME: file: {roots: [FOLDER]})"
            }
        })
    }
}

/// One probe.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// How.
    pub module: &'a Module,
    /// What.
    pub target: &'a str,
    /// The name that is asked for, instead of the module's and the host's.
    pub server_name: Option<&'a str>,
    /// The way to it.
    pub route: Route,
}

impl Engine {
    /// An engine that knows nothing yet.
    pub fn new(clock: Clock, rdap_url: &str, proxies: Proxies) -> Arc<Self> {
        let trust = Arc::new(Trust::default());
        Arc::new(Self {
            clock,
            pool: Pool::default(),
            domains: Domains::new(rdap_url, Arc::clone(&trust)),
            trust,
            files: FileCache::default(),
            lists: Lists::default(),
            judge: Judge::default(),
            proxies,
        })
    }

    /// Forgets what belonged to another configuration.
    pub fn renew(&self, rdap_url: &str) {
        self.files.clear();
        self.lists.clear();
        self.trust.clear();
        self.judge.clear();
        self.domains.set_base(rdap_url);
    }

    /// Unix time in seconds.
    pub fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    /// Probes a target, and answers by `deadline` with what there is.
    ///
    /// # Errors
    /// The target may not be probed with this module.
    pub async fn probe(self: &Arc<Self>, job: Job<'_>, deadline: Instant) -> Result<Report, Denied> {
        let prober = job.module.prober_name;
        let probing = async {
            match job.module.prober {
                Prober::Tcp => Ok(self.tcp(job, deadline).await),
                Prober::Https => Ok(https::probe(self, job, deadline).await),
                Prober::File => file::probe(self, job).await,
                Prober::HttpFile => Ok(http_file::probe(self, job, deadline).await),
                Prober::Kubeconfig => kubeconfig::probe(self, job).await,
                Prober::Kubernetes => Ok(kubernetes::probe(self, job, deadline).await),
            }
        };
        // every step has this deadline too; what blocks a thread (a slow disk) has none of its own
        timeout_at(deadline, Box::pin(probing)).await.unwrap_or_else(|_| {
            Ok(Report::failed(prober, Failed::new("probe", "timeout", "the probe did not end in time")))
        })
    }

    async fn tcp(&self, job: Job<'_>, deadline: Instant) -> Report {
        let address = match Address::parse(job.target, job.module.starttls) {
            Ok(address) => address,
            Err(problem) => return bad_target(job, problem),
        };
        let way = Way {
            module: job.module,
            address: &address,
            server_name: job.server_name,
            route: job.route,
            proxy: None,
            http: false,
            learn_refusal: true,
        };
        let connection = connect::connect(self, way, deadline).await;
        report(job, connection)
    }
}

/// The report of a connection.
fn report(job: Job<'_>, connection: Connection) -> Report {
    let Connection { served, timings, failure, .. } = connection;
    let nothing = served.chain.is_empty() && served.version.is_none() && served.domain.is_none();
    Report {
        prober: job.module.prober_name,
        success: failure.is_none(),
        failure,
        timings,
        content: if nothing { Content::Nothing } else { Content::Served(served) },
    }
}

fn bad_target(job: Job<'_>, problem: &str) -> Report {
    let message = format!("{}: {problem}", job.target);
    Report::failed(job.module.prober_name, Failed::new("target", "bad_target", message))
}

/// Files that may not be read are no result but a refusal; a pattern that is none is a failed probe.
fn refused(job: Job<'_>, refusal: Refusal) -> Result<Report, Denied> {
    match refusal {
        Refusal::Outside => Err(Denied::Outside),
        Refusal::Pattern(problem) => Ok(bad_target(job, problem)),
        Refusal::TooMany => Ok(bad_target(job, "the pattern means too many files")),
    }
}
