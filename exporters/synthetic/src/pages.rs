//! What people look at: the last probes, what they did, and the configuration.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use toolkit::web::Section;
use tracing::{error, info, warn};

use crate::config::Config;
use crate::explain;
use crate::flags::Severity;
use crate::history::{History, Past};
use crate::program::Synthetic;

/// The routes beside those that all programs have.
pub(crate) fn routes(program: &Arc<Synthetic>) -> Router {
    Router::new()
        .route(
            "/config",
            get(|State(program): State<Arc<Synthetic>>| async move { program.config().shown.clone() }),
        )
        .route("/logs", get(logs))
        .with_state(Arc::clone(program))
}

/// `/logs?id=` or `/logs?target=`, perhaps with `module=`: what a probe of the history did.
async fn logs(
    State(program): State<Arc<Synthetic>>,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Response {
    let get = |name: &str| {
        let found = parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let bad = |message: &'static str| (StatusCode::BAD_REQUEST, message).into_response();
    let id = get("id").and_then(|id| id.parse().ok());
    let found = match (id, get("target"), get("module")) {
        (Some(_), Some(_), _) => return bad("Probe id and target can't be defined at the same time\n"),
        (None, None, _) => return bad("Probe id or target must be defined as http query parameters\n"),
        (Some(_), None, Some(_)) => {
            return bad("Probe module filter only works in conjunction with target parameter\n");
        }
        (Some(id), None, None) => program.history().by_id(id).ok_or("Probe id not found\n"),
        (None, Some(target), module) => {
            program.history().newest(target, module).ok_or("Probe target not found\n")
        }
    };
    match found {
        Ok(past) => explain::text(&past).into_response(),
        Err(message) => (StatusCode::NOT_FOUND, message).into_response(),
    }
}

/// Tables of the landing page.
pub(crate) fn sections(config: &Config, history: &History) -> Vec<Section> {
    let modules =
        config.modules.iter().map(|(name, module)| vec![name.clone(), module.prober_name.to_owned()]);
    let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let past = history.list();
    let rows = past.iter().map(|past| {
        let result = if past.outcome.success() { "Success" } else { "Failure" };
        let reason = past.outcome.failure.as_ref().map(|failed| failed.reason.as_str()).unwrap_or_default();
        [&past.module_name, &past.target, result, reason, "Logs"].map(str::to_owned).to_vec()
    });
    vec![
        Section {
            title: "Recent probes".to_owned(),
            columns: columns(&["Module", "Target", "Result", "Reason", "Debug"]),
            rows: rows.collect(),
            links: past.iter().map(|past| format!("/logs?id={}", past.id)).collect(),
        },
        Section {
            title: "Modules".to_owned(),
            columns: columns(&["Module", "Prober"]),
            rows: modules.collect(),
            ..Section::default()
        },
    ]
}

/// Logs the lines of a probe that are severe enough. Those below a warning are logged as information whatever they are:
/// who asks for them here need not ask for those of all other parts.
pub(crate) fn log(past: &Past, least: Severity) {
    let (module, target) = (past.module_name.as_str(), past.target.as_str());
    for line in past.outcome.transcript.lines() {
        let (message, severity) =
            (line.message.as_str(), Severity::of(line.level).unwrap_or(Severity::Debug));
        match severity {
            severity if severity < least => {}
            Severity::Error => error!(module, target, message, "probe"),
            Severity::Warn => warn!(module, target, message, "probe"),
            Severity::Info | Severity::Debug => info!(module, target, message, "probe"),
        }
    }
}
