//! Webhooks in: read, understand, decide, make durable, and only then answer 200.
//!
//! | answer | when |
//! |---|---|
//! | 200 | everything in the request is on the disk, or was known |
//! | 200 | the body cannot be read: its head is in quarantine; the same bytes again would not help |
//! | 401 | the bearer token is wrong |
//! | 413 | the body is over the limit: its head is in quarantine |
//! | 503 | it is not durable: the sender tries again |
//!
//! Invariants: an authenticated request is never answered with a redirect or another 4xx, because Alertmanager then
//! drops the alert; nothing is answered 200 before the commit; memory for bodies is bounded.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use toolkit::clock::Clock;
use toolkit::config::{Secret, SecretError, SecretSource};

use crate::metrics::Metrics;
use crate::moment::Moment;
use crate::payload::{Payload, Status};
use crate::routing::{Current, Destinations, Routing};
use crate::sources::Sources;
use crate::store::{Accept, Accepted, HeldGroup, Origin, Store, StoreError};
use crate::watch::Alarm;

/// Largest body: a payload of some 30,000 alerts.
const MAX_BODY: usize = 32 << 20;

/// Memory for all bodies that are being read or wait for the disk, in units of [`UNIT`].
const BODIES: usize = 256;

/// Unit of memory for bodies.
const UNIT: usize = 1 << 20;

/// Reading one body may take this long; Alertmanager sends it at once.
const READ: Duration = Duration::from_secs(30);

/// The answer comes within this: an HA peer of the sender would otherwise send it, too (after 15 s).
const ANSWER: Duration = Duration::from_secs(5);

/// A larger body is parsed apart, so that it does not hold up others.
const PARSE_APART: usize = 256 * 1024;

/// The intake.
#[derive(Clone)]
pub struct Intake {
    store: Store,
    routing: Current,
    metrics: Metrics,
    clock: Clock,
    memory: Arc<Semaphore>,
    alarm: Alarm,
    sources: Sources,
    token: Arc<tokio::sync::Mutex<Option<Read>>>,
}

/// A bearer token as it was read.
struct Read {
    at: Instant,
    source: SecretSource,
    secret: Secret,
}

/// For so long a token is not read again: a file for each of thousands of requests a second would cost too much.
const TOKEN: Duration = Duration::from_secs(5);

/// Held alerts that are taken at once.
const HELD: u32 = 500;

/// Between two looks at what is held; what is due is told well within a minute.
const HELD_PAUSE: Duration = Duration::from_secs(5);

/// Why a body was not read to its end.
enum Unread {
    TooLarge(Vec<u8>),
    Broken,
    NoMemory,
}

impl Intake {
    /// An intake that writes to this store.
    pub fn new(
        store: Store,
        routing: Current,
        metrics: Metrics,
        clock: Clock,
        alarm: Alarm,
        sources: Sources,
    ) -> Self {
        let memory = Arc::new(Semaphore::new(BODIES));
        Self { store, routing, metrics, clock, memory, alarm, sources, token: Arc::default() }
    }

    /// Takes held alerts anew when they are due, until told to stop.
    pub async fn release(self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                _ = stop.changed() => return,
                () = tokio::time::sleep(HELD_PAUSE) => {}
            }
            if let Err(error) = self.release_due().await {
                tracing::debug!(%error, "held alerts cannot be taken now");
            }
        }
    }

    /// Takes what is due now.
    ///
    /// # Errors
    /// Those of the store; what was not taken is due again.
    pub async fn release_due(&self) -> Result<(), StoreError> {
        let now = Moment::from(self.clock.now());
        self.sources.forget_old(now);
        for group in self.store.due_held(now, HELD).await? {
            self.take_held(group, now).await?;
        }
        Ok(())
    }

    async fn take_held(&self, group: HeldGroup, now: Moment) -> Result<(), StoreError> {
        let HeldGroup { grouping, sender, external_url, alerts, rows } = group;
        let inhibited = self.sources.inhibited(&alerts);
        let inhibited = |at: usize| inhibited.get(at).copied().unwrap_or(false);
        let Destinations { groups, held } = self.routing.get().groups(&alerts, &grouping, inhibited, now);
        let origin = Origin::Held(rows);
        let body = Vec::new();
        let accept = Accept { now, sender, external_url, body, alerts, groups, grouping, held, origin };
        let accepted = self.store.accept(accept).await?;
        self.count_accepted(&accepted);
        Ok(())
    }

    /// Whether a request may come in. Nobody may when the token cannot be read: that is our fault, so it is no 401.
    async fn admit(&self, headers: &HeaderMap) -> Result<(), Response> {
        let Some(source) = self.routing.get().intake.bearer_token.clone() else { return Ok(()) };
        let secret = match self.token(source).await {
            Ok(secret) => secret,
            Err(error) => {
                tracing::error!(%error, "no webhook can be let in");
                return Err(self.unavailable("no_token", "the token cannot be read"));
            }
        };
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.split_once(' '));
        let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let given = given.map(|(_, token)| Secret::from(token.trim()));
        // all lines are compared, and each in constant time, so that time tells nothing
        let right = secret.expose().lines().map(str::trim).filter(|line| !line.is_empty());
        let right = right.filter(|line| given.as_ref() == Some(&Secret::from(*line))).count();
        if right > 0 {
            return Ok(());
        }
        self.metrics.payloads.with_label_values(&["unauthorized"]).inc();
        self.alarm.refused(self.clock.now().into());
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
        Err((StatusCode::UNAUTHORIZED, challenge, "the bearer token is wrong\n").into_response())
    }

    async fn token(&self, source: SecretSource) -> Result<Secret, SecretError> {
        let mut known = self.token.lock().await;
        if let Some(known) = &*known
            && known.source == source
            && known.at.elapsed() < TOKEN
        {
            return Ok(known.secret.clone());
        }
        let secret = source.read().await?;
        *known = Some(Read { at: Instant::now(), source, secret: secret.clone() });
        Ok(secret)
    }

    /// POST /webhook
    pub async fn webhook(State(intake): State<Self>, request: Request) -> Response {
        if let Err(refusal) = intake.admit(request.headers()).await {
            return refusal;
        }
        let encoded = request
            .headers()
            .get(header::CONTENT_ENCODING)
            .is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
        let length = request
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok())
            .unwrap_or(0);
        let Ok(mut memory) = intake.memory.clone().try_acquire_owned() else {
            return intake.unavailable("busy", "too many requests are being read");
        };
        let read = read(request.into_body(), length, &intake.memory, &mut memory);
        let body = match tokio::time::timeout(READ, read).await {
            Ok(Ok(body)) => body,
            Ok(Err(Unread::TooLarge(head))) => return intake.too_large(&head).await,
            Ok(Err(Unread::NoMemory)) => return intake.unavailable("busy", "too many large requests"),
            Ok(Err(Unread::Broken)) | Err(_) => {
                return intake.unavailable("unread", "the body did not arrive");
            }
        };
        let started = Instant::now();
        let taking = intake.clone();
        // apart from this request: a sender that gives up must not cancel the work, nor free its memory too early
        let work = tokio::spawn(async move {
            let answer = taking.take(body, encoded).await;
            drop(memory);
            answer
        });
        let answer = tokio::time::timeout(ANSWER, work).await;
        intake.metrics.intake.observe(started.elapsed().as_secs_f64());
        match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(_panic)) => intake.unavailable("internal", "the request could not be handled"),
            Err(_) => intake.unavailable("slow", "the disk takes too long"),
        }
    }

    async fn take(&self, body: Vec<u8>, encoded: bool) -> Response {
        if encoded {
            return self.quarantine("encoding", "a compressed body", body).await;
        }
        let now = Moment::from(self.clock.now());
        let routing = self.routing.get();
        let prepared = if body.len() > PARSE_APART {
            let sources = self.sources.clone();
            match tokio::task::spawn_blocking(move || prepare(&routing, &sources, body, now)).await {
                Ok(prepared) => prepared,
                Err(_) => return self.unavailable("internal", "the body could not be parsed"),
            }
        } else {
            prepare(&routing, &self.sources, body, now)
        };
        let (accept, payload) = match prepared {
            Ok(prepared) => prepared,
            Err((error, body)) => return self.quarantine("payload", &error, body).await,
        };
        self.count(&payload, &accept);
        if accept.groups.is_empty() && accept.held.is_empty() {
            return self.done("nothing", &Accepted::default());
        }
        match self.store.accept(accept).await {
            Ok(accepted) if accepted.held > 0 && accepted.transitions.is_empty() => {
                self.done("held", &accepted)
            }
            Ok(accepted) if accepted.transitions.is_empty() => self.done("known", &accepted),
            Ok(accepted) => self.done("accepted", &accepted),
            Err(error) => self.failed(&error),
        }
    }

    fn done(&self, result: &'static str, accepted: &Accepted) -> Response {
        self.metrics.payloads.with_label_values(&[result]).inc();
        self.count_accepted(accepted);
        tracing::debug!(result, transitions = accepted.transitions.len(), "webhook");
        (StatusCode::OK, "ok\n").into_response()
    }

    fn count_accepted(&self, accepted: &Accepted) {
        for transition in &accepted.transitions {
            self.metrics.transitions.with_label_values(&[transition.name()]).inc();
        }
        for decision in &accepted.decisions {
            self.metrics.decisions.with_label_values(&[decision.name()]).inc();
        }
    }

    fn count(&self, payload: &Payload, accept: &Accept) {
        let firing = accept.alerts.iter().filter(|alert| alert.status == Status::Firing).count();
        let resolved = accept.alerts.len() - firing;
        self.metrics.alerts.with_label_values(&["firing"]).inc_by(firing as u64);
        self.metrics.alerts.with_label_values(&["resolved"]).inc_by(resolved as u64);
        for oddity in &payload.oddities {
            self.metrics.oddities.with_label_values(&[oddity.name()]).inc();
        }
        if payload.truncated_alerts > 0 {
            tracing::warn!(
                cut_off = payload.truncated_alerts,
                sender = %accept.sender.escape_debug(),
                "the sender cuts alerts off; hint: set max_alerts: 0 in its webhook_config"
            );
        }
    }

    async fn quarantine(&self, reason: &'static str, error: &str, body: Vec<u8>) -> Response {
        let now = Moment::from(self.clock.now());
        match self.store.quarantine(now, reason, &body, body.len() as u64).await {
            Ok(()) => {
                tracing::error!(
                    reason,
                    error,
                    bytes = body.len(),
                    "a webhook cannot be read; it is kept in quarantine"
                );
                self.metrics.payloads.with_label_values(&["quarantined"]).inc();
                self.alarm.raise();
                (StatusCode::OK, "kept in quarantine\n").into_response()
            }
            Err(error) => self.failed(&error),
        }
    }

    async fn too_large(&self, head: &[u8]) -> Response {
        let now = Moment::from(self.clock.now());
        tracing::error!(
            limit = MAX_BODY,
            "a webhook is over the limit; hint: set max_alerts in its webhook_config"
        );
        match self.store.quarantine(now, "too_large", head, head.len() as u64).await {
            Ok(()) => {
                self.metrics.payloads.with_label_values(&["too_large"]).inc();
                self.alarm.raise();
                (StatusCode::PAYLOAD_TOO_LARGE, "the body is over 32 MiB\n").into_response()
            }
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&self, error: &StoreError) -> Response {
        self.metrics.store_errors.inc();
        if let StoreError::Statement(_) = error {
            tracing::error!(%error, "a webhook could not be stored");
        }
        self.unavailable(error.reason(), "it could not be made durable")
    }

    fn unavailable(&self, result: &'static str, why: &str) -> Response {
        self.metrics.payloads.with_label_values(&[result]).inc();
        (StatusCode::SERVICE_UNAVAILABLE, format!("{why}; try again\n")).into_response()
    }
}

type Prepared = Result<(Accept, Payload), (String, Vec<u8>)>;

fn prepare(routing: &Routing, sources: &Sources, body: Vec<u8>, now: Moment) -> Prepared {
    let mut payload = match Payload::parse(&body) {
        Ok(payload) => payload,
        Err(error) => return Err((error.to_string(), body)),
    };
    let alerts = std::mem::take(&mut payload.alerts);
    let grouping = std::mem::take(&mut payload.group_labels);
    let inhibited = sources.hear(&alerts, now);
    let inhibited = |at: usize| inhibited.get(at).copied().unwrap_or(false);
    let Destinations { groups, held } = routing.groups(&alerts, &grouping, inhibited, now);
    let accept = Accept {
        now,
        sender: payload.receiver.clone(),
        external_url: payload.external_url.clone(),
        body,
        alerts,
        groups,
        grouping,
        held,
        origin: Origin::Sender,
    };
    Ok((accept, payload))
}

/// Reads a body, and takes memory for it as it grows.
async fn read(
    body: Body,
    length: usize,
    pool: &Arc<Semaphore>,
    memory: &mut tokio::sync::OwnedSemaphorePermit,
) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::with_capacity(length.min(UNIT));
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Unread::Broken)?;
        if bytes.len() + chunk.len() > MAX_BODY {
            return Err(Unread::TooLarge(bytes));
        }
        bytes.extend_from_slice(&chunk);
        while bytes.len() > memory.num_permits() * UNIT {
            let more = pool.clone().try_acquire_owned().map_err(|_| Unread::NoMemory)?;
            memory.merge(more);
        }
    }
    Ok(bytes)
}
