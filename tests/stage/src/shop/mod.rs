//! The application that is watched: a small shop over real Postgres and Redis, with an assistant that seems to ask a
//! language model, and customers.
//!
//! | request | what it does |
//! |---|---|
//! | `GET /` | the products, from Redis or from Postgres |
//! | `GET /products/{id}`, `GET /orders/{id}` | one of them, from Postgres |
//! | `POST /orders` | buys the product whose number is the body |
//! | `POST /assistant` | an answer that takes its time and some tokens |
//! | `GET /metrics` | the shop's figures |

mod cache;
mod database;
mod metrics;
mod traffic;

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::postgres::Database;
use crate::redis::Cache;
use cache::Pages;
use database::Shelf;
use metrics::Metrics;

/// An order is a number.
const LARGEST_BODY: usize = 1024;

/// The models that the assistant seems to ask, one after the other.
const MODELS: [&str; 2] = ["gpt-5-mini", "claude-sonnet-5"];

/// The running shop; dropping it closes it.
pub struct Shop {
    port: u16,
    serving: JoinHandle<()>,
    customers: Option<JoinHandle<()>>,
}

impl Shop {
    /// Makes its tables and opens it.
    pub(crate) async fn open(port: u16, database: &Database, cache: &Cache) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.with_context(|| format!("cannot listen on port {port}"))?;
        let metrics = Arc::new(Metrics::new()?);
        let shelf = Shelf::open(database, Arc::clone(&metrics)).await?;
        let counter = Counter { shelf, pages: Pages::of(cache.port()), metrics, asked: AtomicU64::new(0) };
        let serving = tokio::spawn(serve(listener, Arc::new(counter)));
        Ok(Self { port, serving, customers: None })
    }

    /// Lets customers in.
    pub(crate) fn let_in(&mut self) {
        self.customers = Some(tokio::spawn(traffic::flow(self.url())));
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.target())
    }

    /// Where it is scraped.
    pub fn target(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if let Some(customers) = &self.customers {
            customers.abort();
        }
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, counter: Arc<Counter>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(converse(stream, Arc::clone(&counter)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, counter: Arc<Counter>) {
    let service = service_fn(move |request| {
        let counter = Arc::clone(&counter);
        async move { Ok::<_, Infallible>(counter.answer(request).await) }
    });
    // a connection that breaks is the customer's business
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

/// Who serves the customers.
struct Counter {
    shelf: Shelf,
    pages: Pages,
    metrics: Arc<Metrics>,
    asked: AtomicU64,
}

/// A status and a text.
type Said = (StatusCode, String);

impl Counter {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let start = Instant::now();
        let (head, body) = request.into_parts();
        let (method, path) = (head.method.as_str(), head.uri.path());
        if (method, path) == ("GET", "/metrics") {
            return reply(self.metrics.page().map(|page| (StatusCode::OK, page)));
        }
        let body = Limited::new(body, LARGEST_BODY).collect().await;
        let body =
            body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).unwrap_or_default();
        let (route, said) = self.serve(method, path, &body).await;
        let response = reply(said);
        self.metrics.answered(method, route, response.status().as_u16(), start.elapsed());
        response
    }

    async fn serve(&self, method: &str, path: &str, body: &str) -> (&'static str, Result<Said>) {
        let number = |text: &str| text.trim().parse::<i64>().unwrap_or(0);
        match (method, path) {
            ("GET", "/") => ("/", self.products().await),
            ("POST", "/orders") => ("/orders", self.buy(number(body)).await),
            ("POST", "/assistant") => ("/assistant", Ok(self.assist().await)),
            ("GET", path) => match path.split_once('/').and_then(|(_, rest)| rest.split_once('/')) {
                Some(("products", id)) => ("/products/{id}", self.product(number(id)).await),
                Some(("orders", id)) => ("/orders/{id}", self.order(number(id)).await),
                _ => ("not found", Ok(nothing())),
            },
            _ => ("not found", Ok(nothing())),
        }
    }

    async fn products(&self) -> Result<Said> {
        if let Some(page) = self.pages.get("page:products").await {
            return Ok((StatusCode::OK, page));
        }
        let sql = "SELECT id, name, price::float8 FROM products ORDER BY id LIMIT 20";
        let rows = self.shelf.ask("list_products", sql, &[]).await?;
        let line = |row: &tokio_postgres::Row| {
            format!("{} {} {}\n", row.get::<_, i32>(0), row.get::<_, &str>(1), row.get::<_, f64>(2))
        };
        let page: String = rows.iter().map(line).collect();
        self.pages.keep("page:products", &page).await;
        Ok((StatusCode::OK, page))
    }

    async fn product(&self, id: i64) -> Result<Said> {
        let key = format!("page:product:{id}");
        if let Some(page) = self.pages.get(&key).await {
            return Ok((StatusCode::OK, page));
        }
        let sql = "SELECT name, stock FROM products WHERE id = $1";
        let rows = self.shelf.ask("find_product", sql, &[&i32::try_from(id).unwrap_or(0)]).await?;
        let Some(row) = rows.first() else { return Ok(nothing()) };
        let page = format!("{}: {} in stock\n", row.get::<_, &str>(0), row.get::<_, i32>(1));
        self.pages.keep(&key, &page).await;
        Ok((StatusCode::OK, page))
    }

    async fn order(&self, id: i64) -> Result<Said> {
        let sql = "SELECT product, quantity FROM orders WHERE id = $1";
        let rows = self.shelf.ask("find_order", sql, &[&id]).await?;
        let found = rows.first().map(|row| {
            let page = format!(
                r#"{{"order": {{"id": {id}, "product": {}, "state": "paid"}}}}"#,
                row.get::<_, i32>(0)
            );
            (StatusCode::OK, page)
        });
        Ok(found.unwrap_or_else(nothing))
    }

    async fn buy(&self, product: i64) -> Result<Said> {
        let sql = "WITH taken AS (UPDATE products SET stock = stock - 1 WHERE id = $1 RETURNING id)
                   INSERT INTO orders (product, quantity) SELECT id, 1 FROM taken RETURNING id";
        let rows = self.shelf.ask("insert_order", sql, &[&i32::try_from(product).unwrap_or(0)]).await?;
        let bought = rows
            .first()
            .map(|row| (StatusCode::CREATED, format!(r#"{{"order": {{"id": {}}}}}"#, row.get::<_, i64>(0))));
        Ok(bought.unwrap_or_else(nothing))
    }

    /// What a model would do: think for some time, and count what it read and wrote.
    async fn assist(&self) -> Said {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let model =
            MODELS.get(usize::try_from(number).unwrap_or(0) % MODELS.len()).copied().unwrap_or("none");
        let took = Duration::from_millis(60 + number * 37 % 240);
        tokio::time::sleep(took).await;
        self.metrics.asked(model, 300 + number * 11 % 200, 80 + number * 7 % 90, took);
        (StatusCode::OK, "Take the second one.\n".to_owned())
    }
}

fn nothing() -> Said {
    (StatusCode::NOT_FOUND, "not found\n".to_owned())
}

fn reply(said: Result<Said>) -> Response<Full<Bytes>> {
    let (status, text) =
        said.unwrap_or_else(|error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")));
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let plain = hyper::header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, plain);
    response
}
