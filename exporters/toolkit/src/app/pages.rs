//! The routes that all programs have.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use futures_util::stream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tracing::error;

use super::reload::Reloader;
use super::{ProbeError, ProbeRequest, Program};
use crate::cli::CommonFlags;
use crate::expo::{Finished, Page, negotiate_compression, negotiate_format};
use crate::scrape::{Flights, Scrape, TIMEOUT_HEADER, budget};
use crate::selfmon::SelfMetrics;
use crate::web::{self, Landing, ProbeForm, ProbeParameter};

/// A program is given this much more than the scrape's deadline to hand over what it has, then it is dropped. It
/// stays well below the offset that is kept back of the client's timeout.
const GRACE: Duration = Duration::from_millis(100);

/// What the routes share.
pub(super) struct Pages<P: Program> {
    program: Arc<P>,
    metrics: SelfMetrics,
    telemetry_path: String,
    probe_path: Option<String>,
    timeout_offset: Duration,
    show_common_metrics: bool,
    reloader: Arc<Reloader<P>>,
    flights: Flights<Wanted, Result<Collected, Refusal>>,
    /// Places for collections; those who join one need none.
    places: Semaphore,
}

/// Why a scrape is answered without a page.
#[derive(Debug)]
enum Refusal {
    Busy,
    Probe(ProbeError),
}

/// What a scrape is answered with.
#[derive(Debug)]
enum Collected {
    Page(Arc<Finished>),
    Text(String),
}

/// What a scrape collects; those who want the same share it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Wanted {
    Metrics,
    Probe(ProbeRequest),
}

impl<P: Program> Pages<P> {
    /// All routes: the common ones and the program's own.
    pub(super) fn router(
        program: Arc<P>,
        flags: &CommonFlags,
        metrics: SelfMetrics,
        reloader: Arc<Reloader<P>>,
    ) -> Router {
        let own = program.routes();
        let places = if flags.max_requests == 0 { Semaphore::MAX_PERMITS } else { flags.max_requests };
        let probe_path = flags.probe_path.as_deref().or(P::ABOUT.probe_path).map(str::to_owned);
        let pages = Arc::new(Self {
            program,
            metrics,
            telemetry_path: flags.telemetry_path.clone(),
            probe_path: probe_path.clone(),
            timeout_offset: flags.timeout_offset,
            show_common_metrics: !flags.disable_exporter_metrics,
            reloader,
            flights: Flights::default(),
            places: Semaphore::new(places.min(Semaphore::MAX_PERMITS)),
        });
        let mut scrapes = Router::new().route(&flags.telemetry_path, get(Self::metrics));
        if let Some(path) = probe_path.filter(|path| *path != flags.telemetry_path) {
            scrapes = scrapes.route(&path, get(Self::probe));
        }
        let health: Router = match P::PEER_HEALTH {
            Some((path, words)) => Router::new().route(path, any(move || async move { words })),
            None => Router::new(),
        };
        Router::new()
            .route("/", get(|State(pages): State<Arc<Self>>| async move { pages.landing() }))
            .route("/-/healthy", get(|| async { "healthy\n" }))
            .route("/-/ready", get(|State(pages): State<Arc<Self>>| async move { pages.readiness() }))
            .route("/-/reload", post(Self::reload))
            .merge(scrapes)
            .with_state(pages)
            .merge(health)
            .merge(own)
            .fallback(web::not_found)
    }

    async fn metrics(State(pages): State<Arc<Self>>, headers: HeaderMap) -> Response {
        Self::answer(pages, "metrics", Wanted::Metrics, &headers).await
    }

    async fn probe(
        State(pages): State<Arc<Self>>,
        Query(parameters): Query<Vec<(String, String)>>,
        headers: HeaderMap,
    ) -> Response {
        Self::answer(pages, "probe", Wanted::Probe(ProbeRequest { parameters }), &headers).await
    }

    async fn answer(
        pages: Arc<Self>,
        handler: &'static str,
        wanted: Wanted,
        headers: &HeaderMap,
    ) -> Response {
        let in_flight = pages.metrics.in_flight();
        let timeout = headers.get(TIMEOUT_HEADER).and_then(|value| value.to_str().ok());
        let budget = match wanted {
            Wanted::Metrics => Ok(budget(timeout, pages.timeout_offset)),
            Wanted::Probe(_) => P::probe_budget(timeout, pages.timeout_offset),
        };
        let response = match budget {
            Ok(budget) => Self::within(Arc::clone(&pages), wanted, budget, headers).await,
            Err(error) => Refusal::Probe(error).response(),
        };
        drop(in_flight);
        pages.metrics.count_request(handler, response.status().as_u16());
        response
    }

    async fn within(pages: Arc<Self>, wanted: Wanted, budget: Duration, headers: &HeaderMap) -> Response {
        let scrape = Scrape { deadline: Instant::now() + budget, budget };
        let collect = || Self::collect(Arc::clone(&pages), wanted.clone(), scrape);
        let shares = P::SHARES_PROBES || wanted == Wanted::Metrics;
        let landed = if shares {
            pages.flights.join(wanted.clone(), scrape.deadline, collect).await
        } else {
            // it ends with the request: a client that went away wants nothing more
            Some(Arc::new(collect().await))
        };
        match landed.as_deref() {
            Some(Ok(Collected::Page(page))) => page_response(page, headers),
            Some(Ok(Collected::Text(text))) => text.clone().into_response(),
            Some(Err(refusal)) => refusal.response(),
            None => (StatusCode::INTERNAL_SERVER_ERROR, "500: the scrape panicked; the log has the cause\n")
                .into_response(),
        }
    }

    async fn collect(pages: Arc<Self>, wanted: Wanted, scrape: Scrape) -> Result<Collected, Refusal> {
        let Ok(_place) = pages.places.try_acquire() else { return Err(Refusal::Busy) };
        let mut page = Page::new();
        let collecting = async {
            match &wanted {
                Wanted::Metrics => {
                    pages.program.scrape(&scrape, &mut page).await;
                    Ok(None)
                }
                Wanted::Probe(request) => match pages.program.explain(request, &scrape).await? {
                    Some(text) => Ok(Some(text)),
                    None => pages.program.probe(request, &scrape, &mut page).await.map(|()| None),
                },
            }
        };
        match timeout_at(scrape.deadline + GRACE, collecting).await {
            Ok(Ok(Some(text))) => return Ok(Collected::Text(text)),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => return Err(Refusal::Probe(error)),
            Err(_) => error!("the scrape did not end at its deadline; the page holds what it had"),
        }
        let (mut finished, dropped) = page.finish();
        pages.metrics.count_dropped(dropped);
        if wanted == Wanted::Metrics {
            let own = pages.metrics.samples(pages.show_common_metrics);
            pages.metrics.count_dropped(finished.append(own));
        }
        Ok(Collected::Page(Arc::new(finished)))
    }

    fn landing(&self) -> Response {
        let about = P::ABOUT;
        let mut landing =
            Landing::new(about.name, about.title, about.summary, about.version, &self.telemetry_path);
        landing.probe = self.probe_path.clone().map(|path| ProbeForm {
            path,
            parameters: vec![ProbeParameter {
                name: "target".to_owned(),
                example: about.probe_example.to_owned(),
                required: true,
            }],
        });
        landing.links.extend(self.program.links());
        landing.sections = self.program.landing();
        web::page(&landing)
    }

    fn readiness(&self) -> Response {
        match self.program.ready() {
            Ok(()) => "ready\n".into_response(),
            Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response(),
        }
    }

    async fn reload(State(pages): State<Arc<Self>>) -> Response {
        match pages.reloader.reload().await {
            Ok(()) => "reloaded\n".into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
        }
    }
}

fn page_response(page: &Arc<Finished>, headers: &HeaderMap) -> Response {
    // several lines of one header are one list (RFC 9110, 5.3)
    let list_of = |name| {
        let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
        lines.collect::<Vec<_>>().join(",")
    };
    let format = negotiate_format(&list_of(header::ACCEPT));
    let compression = negotiate_compression(&list_of(header::ACCEPT_ENCODING));
    let body = if page.is_large() {
        Body::from_stream(stream::iter(page.pieces(format, compression).map(Ok::<_, Infallible>)))
    } else {
        Body::from(page.encode(format, compression))
    };
    let mut response = Response::new(body);
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    answer.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    if let Some(encoding) = compression.content_encoding() {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

impl Refusal {
    fn response(&self) -> Response {
        match self {
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                [(header::RETRY_AFTER, "1")],
                "503: too many scrapes are under way (hint: --web.max-requests)\n",
            )
                .into_response(),
            Self::Probe(error) => {
                let status = match error {
                    ProbeError::BadRequest(_) => StatusCode::BAD_REQUEST,
                    ProbeError::Forbidden(_) => StatusCode::FORBIDDEN,
                    ProbeError::NotFound(_) => StatusCode::NOT_FOUND,
                    ProbeError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
                };
                (status, format!("{error}\n")).into_response()
            }
        }
    }
}
