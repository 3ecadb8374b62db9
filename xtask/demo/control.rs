//! The demo's own page: the inbox in a frame, links, and buttons that break things and mend them.
//!
//! | request | what it does |
//! |---|---|
//! | `GET /` | the page |
//! | `GET /faults` | what is broken, names with blanks between |
//! | `GET /runbooks/NAME.md` | the runbook that a message links to |
//! | `GET /d/…` | what stands in the place of Grafana, to whose dashboards messages link |
//! | `POST /break/NAME`, `POST /restore/NAME` | breaks something, mends it |

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow, bail};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use kit::http::Client;
use stage::Stage;
use stage::faults::Fault;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use crate::folder::DemoFolder;
use crate::screen::line;

/// The running page.
pub(crate) struct Control {
    port: u16,
    serving: JoinHandle<()>,
    orders: mpsc::Receiver<Order>,
}

/// What somebody at the page wants: to break something or to mend it, and where the answer goes.
struct Order {
    fault: Fault,
    breaks: bool,
    answer: oneshot::Sender<Result<String>>,
}

/// Orders that may wait: people click, and each is done in a second.
const WAITING: usize = 16;

impl Control {
    pub(crate) async fn start(port: u16, inbox: &str, links: &[(&'static str, String)]) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.with_context(|| format!("cannot listen on port {port}"))?;
        let (sender, orders) = mpsc::channel(WAITING);
        let page = Arc::new(Page { html: html(inbox, links), orders: sender, broken: Mutex::default() });
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let page = Arc::clone(&page);
                let service = service_fn(move |request: Request<Incoming>| {
                    let page = Arc::clone(&page);
                    async move { Ok::<_, Infallible>(page.answer(&request).await) }
                });
                // a connection that breaks is the browser's business
                connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { port, serving, orders })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Does what is ordered, one thing after the other, for ever.
    pub(crate) async fn obey(&mut self, stage: &Stage) {
        while let Some(Order { fault, breaks, answer }) = self.orders.recv().await {
            let done = if breaks {
                let said = format!("{}; the alert comes in some ten seconds", fault.says());
                fault.begin(stage).await.map(|()| said)
            } else {
                let said =
                    format!("`{}` is as it was; what it raised resolves in some seconds", fault.name());
                fault.end(stage).await.map(|()| said)
            };
            // who has gone away does not want to know
            drop(answer.send(done));
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Asks the demo that runs to `break` or `restore` something.
pub(crate) async fn ask(folder: &DemoFolder, what: &str, name: &str) -> Result<()> {
    const NONE: &str = "no demo is running; hint: start one in another terminal with `cargo xtask demo`";
    let Some(url) = folder.control_url() else { bail!(NONE) };
    let answer = Client::new().post(&format!("{url}{what}/{name}"), "text/plain", "").await.context(NONE)?;
    line(answer.ok()?.text().trim_end());
    line(&format!("watch it at {url}"));
    Ok(())
}

/// Said where a message links to a dashboard.
const NO_GRAFANA: &str = "here Grafana would show the dashboard; it is not part of this demo.\n\
                          hint: `docker compose up` starts the suite with Grafana, see dashboards/";

struct Page {
    html: String,
    orders: mpsc::Sender<Order>,
    broken: Mutex<BTreeSet<&'static str>>,
}

impl Page {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/") => reply(StatusCode::OK, "text/html; charset=utf-8", &self.html),
            (&Method::GET, "/faults") => text(StatusCode::OK, &self.broken()),
            (&Method::GET, path) if path.starts_with("/runbooks/") => runbook(path),
            (&Method::GET, path) if path.starts_with("/d/") => text(StatusCode::OK, NO_GRAFANA),
            (&Method::POST, _) if is_foreign(request.headers()) => {
                text(StatusCode::FORBIDDEN, "another site's page may not do this")
            }
            (&Method::POST, path) => match path.trim_start_matches('/').split_once('/') {
                Some(("break", name)) => done(self.order(name, true).await),
                Some(("restore", name)) => done(self.order(name, false).await),
                _ => text(StatusCode::NOT_FOUND, "not found"),
            },
            _ => text(StatusCode::NOT_FOUND, "not found"),
        }
    }

    /// The names of what is broken now.
    fn broken(&self) -> String {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.iter().copied().collect::<Vec<_>>().join(" ")
    }

    /// Has something broken or mended; says what a person should know now.
    async fn order(&self, name: &str, breaks: bool) -> Result<String> {
        let Some(fault) = Fault::of(name) else {
            bail!("nothing is called `{name}`; there are: {}", Fault::ALL.map(Fault::name).join(", "));
        };
        let (answer, answered) = oneshot::channel();
        let sent = self.orders.send(Order { fault, breaks, answer }).await;
        sent.map_err(|_| anyhow!("the demo is ending"))?;
        let said = answered.await.context("the demo is ending")??;
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        if breaks {
            broken.insert(fault.name())
        } else {
            broken.remove(fault.name())
        };
        Ok(said)
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

fn done(said: Result<String>) -> Response<Full<Bytes>> {
    match said {
        Ok(said) => text(StatusCode::OK, &said),
        Err(error) => text(StatusCode::BAD_REQUEST, &format!("{error:#}")),
    }
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
    let button =
        |fault: Fault| format!("<button name=\"{}\" title=\"{}\">{0}</button>", fault.name(), fault.says());
    let buttons = Fault::ALL.map(button).join("\n");
    include_str!("page.html")
        .replace("{{links}}", &links.join("\n"))
        .replace("{{faults}}", &buttons)
        .replace("{{inbox}}", inbox)
}
