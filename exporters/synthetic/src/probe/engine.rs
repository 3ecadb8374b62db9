//! What all probes share, and the way from a job to its outcome.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use netprobe::judge::Judge;
use netprobe::trust::Trust;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use toolkit::clock::Clock;
use toolkit::config::{Secret, SecretSource};
use toolkit::scrape::TargetName;

use super::artifact::Disk;
use super::open::bracketed;
use super::secure::ChainFacts;
use super::{
    Facts, Prober, artifact, dns, grpc, http, icmp, journey, postgres, redis, smtp, tcp, udp, websocket,
};
use crate::config::Module;
use crate::outcome::{Failed, Outcome};
use crate::reason::Reason;

/// What a prober is given beyond the job's deadline to hand over what it has; a prober that overstays it is dropped.
const GRACE: Duration = Duration::from_millis(50);

/// Names that are resolved at the same time; each keeps a thread busy, of which the runtime has 512.
const MAX_LOOKUPS: usize = 256;

/// What all probes share: made once, kept over reloads.
pub struct Engine {
    /// The time of day.
    pub clock: Clock,
    pub(crate) trust: Trust,
    pub(crate) judge: Judge<ChainFacts>,
    /// Tokens to log in with.
    pub(crate) tokens: http::Tokens,
    /// Pings in flight.
    pub(crate) pings: icmp::Pings,
    /// Turns at the system's resolver.
    pub(crate) lookups: Semaphore,
    /// Who may look at files.
    pub(crate) disk: Disk,
}

/// What is to be probed.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// How.
    pub module: &'a Module,
    /// What: an address or a URL, as the request or the file has it.
    pub target: &'a str,
    /// The name to ask for instead of the target's, as `hostname=` has it.
    pub hostname: Option<&'a str>,
    /// Whether the operator's own file names this target: then the module's credentials may go there.
    pub configured: bool,
    /// When the probe must be over. Every wait of a prober ends here.
    pub deadline: Instant,
}

impl Job<'_> {
    /// Whether this address, at which `host` is, may be connected to. What is said does not tell the address: it may be
    /// that of a name in a network which the client cannot see.
    pub(crate) fn permit_address(&self, host: &str, address: SocketAddr) -> Result<(), Failed> {
        if self.module.guard.allows(host, address) { Ok(()) } else { Err(guarded(host)) }
    }

    /// The same for a host that somebody else resolves: a proxy.
    pub(crate) fn permit_unresolved(&self, host: &str, port: u16) -> Result<(), Failed> {
        if self.module.guard.allows_unresolved(host, port) { Ok(()) } else { Err(guarded(host)) }
    }

    /// Whether the module's credentials may go to this host: where its `targets` say so, or the operator's own file
    /// names the target, or on this machine.
    pub(crate) fn may_hold_credentials(&self, host: &str, port: u16) -> bool {
        let text = format!("{}:{port}", bracketed(host));
        let name = TargetName { text: &text, host, port: Some(port) };
        self.configured || self.module.credentials_for.find(name).is_some()
    }

    /// The same as an error, for the target itself: what is known before connecting is answered with 403. Probers
    /// whose module has credentials ask this first.
    pub(crate) fn permit_credentials(&self, host: &str, port: u16) -> Result<(), Failed> {
        if self.may_hold_credentials(host, port) {
            return Ok(());
        }
        let shown = bracketed(host);
        let message = format!(
            "the module has credentials, which are not for {shown}:{port} (hint: in the module, targets: [\"{shown}:{port}\"])"
        );
        Err(Failed::new("target", Reason::TargetDenied, message))
    }

    /// A secret of the module, by the name of its key, as it is now.
    pub(crate) async fn secret(&self, name: &str, source: &SecretSource) -> Result<Secret, Failed> {
        let read = timeout_at(self.deadline, source.read()).await.map_err(|_late| {
            Failed::new("token", Reason::Timeout, format!("the secret `{name}` was not read in time"))
        })?;
        read.map_err(|error| Failed::new("token", Reason::Internal, toolkit::chain::chain(&error)))
    }
}

fn guarded(host: &str) -> Failed {
    let message = format!(
        "{host} is where this module may not connect to (hint: in the file, guard: {{allow: [\"NETWORK:PORT\"]}})"
    );
    Failed::new("target", Reason::TargetDenied, message)
}

impl Engine {
    /// An engine.
    pub fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            clock,
            trust: Trust::default(),
            judge: Judge::default(),
            tokens: http::Tokens::default(),
            pings: icmp::Pings::default(),
            lookups: Semaphore::new(MAX_LOOKUPS),
            disk: Disk::default(),
        })
    }

    /// Unix time in seconds.
    pub fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    /// Probes, by the job's deadline. [`Outcome::denied`] is for what was refused before anything was connected to; a
    /// redirect to a forbidden place is refused with the same reason after the first request.
    pub async fn probe(&self, job: Job<'_>) -> Outcome {
        let start = Instant::now();
        // each in a box of its own size: one box for all would be as large as the largest, and copied for each probe
        let probing: Pin<Box<dyn Future<Output = Outcome> + Send + '_>> = match &job.module.prober {
            // each arm: Prober::X(settings) => Box::pin(x::probe(self, settings, &job))
            Prober::Artifact(settings) => Box::pin(artifact::probe(self, settings, &job)),
            Prober::Dns(settings) => Box::pin(dns::probe(self, settings, &job)),
            Prober::Http(settings) => Box::pin(http::probe(self, settings, &job)),
            Prober::Icmp(settings) => Box::pin(icmp::probe(self, settings, &job)),
            Prober::Journey(settings) => Box::pin(journey::probe(self, settings, &job)),
            Prober::Postgres(settings) => Box::pin(postgres::probe(self, settings, &job)),
            Prober::Redis(settings) => Box::pin(redis::probe(self, settings, &job)),
            Prober::Grpc(settings) => Box::pin(grpc::probe(self, settings, &job)),
            Prober::Smtp(settings) => Box::pin(smtp::probe(self, settings, &job)),
            Prober::Tcp(settings) => Box::pin(tcp::probe(self, settings, &job)),
            Prober::Udp(settings) => Box::pin(udp::probe(self, settings, &job)),
            Prober::Unix(settings) => Box::pin(tcp::probe_unix(self, settings, &job)),
            Prober::Websocket(settings) => Box::pin(websocket::probe(self, settings, &job)),
        };
        let mut outcome = timeout_at(job.deadline + GRACE, probing).await.unwrap_or_else(|_| {
            let mut outcome = Outcome::new(Facts::None);
            outcome.fail(Failed::new("probe", Reason::Timeout, "the probe did not end in time"));
            outcome
        });
        outcome.duration = start.elapsed();
        outcome
    }

    /// Forgets what was read from files, and what was judged by it: for a new configuration.
    pub fn renew(&self) {
        self.trust.clear();
        self.judge.clear();
    }
}
