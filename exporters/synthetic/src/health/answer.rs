//! What is answered over HTTP: `/health` for programs, `/status` for people.
//!
//! | path | answers |
//! |---|---|
//! | `/health` | all services, and the product as a whole: 200, or 503 when it is unhealthy or not known |
//! | `/health/services` | the same, always 200 |
//! | `/health/{service}`, `/health/services/{service}` | one service with its checks; 200, 503, 404 |
//! | `/status` | the status page |
//!
//! `/health` is for the operator's own programs: it names checks and targets. `/status` names neither.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use serde_json::{Value, json};
use toolkit::config::redact_url;

use super::board::{Board, SHOWN_DAYS};
use super::rollup::{Member, State, Verdict, roll_up};
use super::tracked::{Seat, Tracked};
use super::uptime::first_of;
use super::{Health, lock, page};
use crate::config::{Of, Service, UnknownStatus};

/// The version that answers tell.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Days that are told beside those that are shown.
const MONTH: u16 = 30;

pub(super) fn routes(health: &Arc<Health>) -> Router {
    Router::new()
        .route("/health", get(product))
        .route("/health/services", get(all))
        .route("/health/services/{service}", get(one))
        .route("/health/{service}", get(one))
        .route("/status", get(status))
        .with_state(Arc::clone(health))
}

async fn product(Shared(health): Shared<Arc<Health>>) -> Response {
    let (state, unknown, body) = health.report();
    answer(status_of(state, unknown), &body)
}

async fn all(Shared(health): Shared<Arc<Health>>) -> Response {
    let (_, _, body) = health.report();
    answer(StatusCode::OK, &body)
}

async fn one(Shared(health): Shared<Arc<Health>>, Path(name): Path<String>) -> Response {
    health.look();
    let board = lock(&health.board);
    let found = board.services().find(|(service, _)| *service.name == *name);
    let Some((service, tracked)) = found else {
        let hint = "there is no such service (hint: /health/services lists them)";
        return answer(StatusCode::NOT_FOUND, &json!({ "error": hint }));
    };
    let mut body = described(&board, service, tracked, health.clock.now());
    if let Some(fields) = body.as_object_mut() {
        fields.extend(health.about_us());
    }
    let state = tracked.verdict.state;
    let unknown = board.config().unknown;
    drop(board);
    answer(status_of(state, unknown), &body)
}

async fn status(Shared(health): Shared<Arc<Health>>, headers: HeaderMap) -> Response {
    let now = health.clock.now();
    let (cached, state) = lock(&health.page).get(now);
    if let Some(page) = cached {
        return page.answer(&headers);
    }
    let view = page::View::new(&lock(&health.board), now);
    let page = page::Rendered::new(&view);
    lock(&health.page).put(&page, now, state);
    page.answer(&headers)
}

impl Health {
    fn report(&self) -> (State, UnknownStatus, Value) {
        self.look();
        let now = self.clock.now();
        let board = lock(&self.board);
        let verdict = whole(&board);
        let services: Vec<Value> =
            board.services().map(|(service, tracked)| described(&board, service, tracked, now)).collect();
        let unknown = board.config().unknown;
        drop(board);
        let mut body = self.about_us();
        body.insert("status".to_owned(), verdict.state.as_str().into());
        body.insert("services".to_owned(), services.into());
        (verdict.state, unknown, body.into())
    }

    /// What every answer says of the one who answers.
    fn about_us(&self) -> serde_json::Map<String, Value> {
        let fields = [
            ("version", Value::from(VERSION)),
            ("uptime_seconds", self.started.elapsed().as_secs().into()),
            ("time", second(self.clock.now()).into()),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// The product as a whole: each service is a member.
fn whole(board: &Board) -> Verdict {
    let members = board.services().map(|(service, tracked)| Member {
        status: tracked.verdict.state.as_member(),
        critical: service.critical,
        weight: 1.0,
        group: None,
    });
    roll_up(&members.collect::<Vec<_>>(), &[])
}

fn described(board: &Board, service: &Service, tracked: &Tracked, now: Timestamp) -> Value {
    let members = service.members.iter().zip(&tracked.members);
    let uptime = |days: u16| tracked.days.sum_since(first_of(days, board.today(now))).uptime();
    json!({
        "name": &*service.name,
        "title": &*service.title,
        "status": tracked.verdict.state.as_str(),
        "since": second(tracked.since),
        "critical": service.critical,
        "maintenance": tracked.maintenance,
        "suppressed_by": tracked.caused_by.and_then(|place| name_of(board, place)),
        "coverage": tracked.verdict.coverage,
        "score": tracked.verdict.score,
        "objective": service.objective.map(|objective| objective.ratio),
        "uptime": { "30d": uptime(MONTH), "90d": uptime(SHOWN_DAYS) },
        "checks": members.map(|(member, seat)| {
            let mut check = seen(board, seat);
            let (kind, name) = match &member.of {
                Of::Check(check) => ("check", Some(check.name())),
                Of::Service(place) => ("service", name_of(board, *place)),
            };
            check[kind] = name.into();
            if let Of::Check(of) = &member.of && !of.target.is_empty() {
                check["target"] = redact_url(&of.target).into();
            }
            let group = member.group.and_then(|place| service.groups.get(place));
            check["critical"] = group.map_or(member.critical, |(_, group)| group.critical).into();
            check["group"] = group.map(|(name, _)| &**name).into();
            check
        }).collect::<Vec<_>>(),
    })
}

fn seen(board: &Board, seat: &Seat) -> Value {
    let last = seat.last.as_ref();
    json!({
        "status": State::of_check(seat.status()).as_str(),
        "time": last.and_then(|last| Timestamp::from_duration(jiff::SignedDuration::try_from_secs_f64(last.at_unix).ok()?).ok()).map(second),
        "duration_seconds": last.map(|last| last.took.as_secs_f64()),
        "phase": last.and_then(|last| last.why).map(|(phase, _)| phase),
        "reason": last.and_then(|last| last.why).map(|(_, reason)| reason.as_str()),
        "flapping": seat.flapping(),
        "suppressed_by": seat.suppressed_by.and_then(|place| name_of(board, place)),
    })
}

fn name_of(board: &Board, place: usize) -> Option<&str> {
    Some(&*board.config().list.get(place)?.name)
}

/// A time to the second, in UTC.
fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn status_of(state: State, unknown: UnknownStatus) -> StatusCode {
    match state {
        State::Healthy | State::Degraded => StatusCode::OK,
        State::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
        State::Unknown => match unknown {
            UnknownStatus::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            UnknownStatus::FailedDependency => StatusCode::FAILED_DEPENDENCY,
        },
    }
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(format!("{body}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.into_response()
}
