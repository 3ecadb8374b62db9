//! The demo's own page: the inbox in a frame, links, and buttons that stop Redis and start it again.
//!
//! | request | what it does |
//! |---|---|
//! | `GET /` | the page |
//! | `GET /redis` | `up` or `down` |
//! | `GET /runbooks/NAME.md` | the runbook that a message links to |
//! | `GET /d/…` | what stands in the place of Grafana, to whose dashboards messages link |
//! | `POST /redis/stop`, `POST /redis/start` | stops and starts Redis; a browser is sent back to the page |

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, LOCATION, ORIGIN};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use kit::http::Client;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, spawn_local};

use crate::folder::DemoFolder;
use crate::screen::line;
use crate::watched_redis::WatchedRedis;

/// The running page.
pub(crate) struct Control {
    port: u16,
    serving: AbortHandle,
}

impl Control {
    pub(crate) async fn start(
        port: u16,
        redis: Arc<WatchedRedis>,
        inbox: String,
        links: Vec<(&'static str, String)>,
    ) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.with_context(|| format!("cannot listen on port {port}"))?;
        let page = Arc::new(Page { redis, html: html(&inbox, &links) });
        let serving = spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let page = Arc::clone(&page);
                let service = service_fn(move |request| {
                    let page = Arc::clone(&page);
                    async move { Ok::<_, Infallible>(page.answer(&request).await) }
                });
                // a connection that breaks is the browser's business
                spawn_local(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Self { port, serving: serving.abort_handle() })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Asks the demo that runs to `stop` or `start` its Redis.
pub(crate) async fn ask(folder: &DemoFolder, what: &str) -> Result<()> {
    const NONE: &str = "no demo is running; hint: start one in another terminal with `cargo xtask demo`";
    let Some(url) = folder.control_url() else { bail!(NONE) };
    let answer = Client::new().post(&format!("{url}redis/{what}"), "text/plain", "").await.context(NONE)?;
    line(answer.ok()?.text().trim_end());
    line(&format!("watch it at {url}"));
    Ok(())
}

/// Said where a message links to a dashboard.
const NO_GRAFANA: &str = "here Grafana would show the dashboard; it is not part of this demo.\n\
                          hint: `docker compose up` starts the suite with Grafana, see dashboards/";

struct Page {
    redis: Arc<WatchedRedis>,
    html: String,
}

impl Page {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/") => reply(StatusCode::OK, "text/html; charset=utf-8", &self.html),
            (&Method::GET, "/redis") => {
                text(StatusCode::OK, if self.redis.runs().await { "up" } else { "down" })
            }
            (&Method::GET, path) if path.starts_with("/runbooks/") => runbook(path),
            (&Method::GET, path) if path.starts_with("/d/") => text(StatusCode::OK, NO_GRAFANA),
            (&Method::POST, "/redis/stop" | "/redis/start") if is_foreign(request.headers()) => {
                text(StatusCode::FORBIDDEN, "another site's page may not do this")
            }
            (&Method::POST, "/redis/stop") => done(request.headers(), self.redis.stop().await),
            (&Method::POST, "/redis/start") => done(request.headers(), self.redis.start_again().await),
            _ => text(StatusCode::NOT_FOUND, "not found"),
        }
    }
}

/// A file of rules/runbooks/; the name may not lead elsewhere.
fn runbook(path: &str) -> Response<Full<Bytes>> {
    let name = path.trim_start_matches("/runbooks/").trim_end_matches(".md");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/runbooks");
    let plain = name.chars().all(|letter| letter.is_ascii_alphanumeric());
    match std::fs::read_to_string(folder.join(format!("{name}.md"))) {
        Ok(runbook) if plain => text(StatusCode::OK, &runbook),
        _ => text(StatusCode::NOT_FOUND, "there is no such runbook"),
    }
}

/// Whether a page of another origin sent this.
fn is_foreign(headers: &HeaderMap) -> bool {
    let value = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let own = value(HOST).map(|host| format!("http://{host}"));
    value(ORIGIN).is_some_and(|origin| Some(origin) != own.as_deref())
}

fn done(headers: &HeaderMap, said: Result<&str>) -> Response<Full<Bytes>> {
    let mut response = match said {
        Ok(said) => text(StatusCode::OK, said),
        Err(error) => return text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error:#}")),
    };
    // browsers say where a form comes from
    if headers.contains_key(ORIGIN) {
        *response.status_mut() = StatusCode::SEE_OTHER;
        response.headers_mut().insert(LOCATION, hyper::header::HeaderValue::from_static("/"));
    }
    response
}

fn text(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    reply(status, "text/plain; charset=utf-8", &format!("{body}\n"))
}

fn reply(status: StatusCode, content_type: &'static str, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_owned())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-store"));
    response
}

fn html(inbox: &str, links: &[(&str, String)]) -> String {
    let link = |(name, url): &(&str, String)| format!("<a href=\"{url}\" target=\"_blank\">{name}</a>");
    let links: Vec<String> = links.iter().map(link).collect();
    include_str!("page.html").replace("{{links}}", &links.join("\n")).replace("{{inbox}}", inbox)
}
