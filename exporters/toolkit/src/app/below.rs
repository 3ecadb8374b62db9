//! All routes below a path, for a reverse proxy that hands on what begins with it.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::uri::PathAndQuery;
use axum::http::{Request, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use tower::ServiceExt;

use crate::web;

/// Where the routes are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Below {
    /// What every path begins with: `/watch`, without a slash at its end; nothing when they are at the root.
    pub prefix: String,
    /// Where people find the program: `/` leads there.
    pub home: String,
}

/// What is asked by whoever does not know the prefix: this process' own health check.
const ALWAYS_AT_ROOT: &str = "/-/healthy";

impl Below {
    /// The routes, below the prefix.
    pub(super) fn place(&self, routes: Router) -> Router {
        if self.prefix.is_empty() {
            return routes;
        }
        let below = Arc::new(self.clone());
        Router::new().fallback(move |request: Request<Body>| {
            let (below, routes) = (Arc::clone(&below), routes.clone());
            async move { below.answer(routes, request).await }
        })
    }

    async fn answer(&self, routes: Router, mut request: Request<Body>) -> Response {
        let path = request.uri().path();
        let inner = match path.strip_prefix(self.prefix.as_str()) {
            _ if path == ALWAYS_AT_ROOT => None,
            _ if path == "/" => return Redirect::to(&self.home).into_response(),
            Some("") => return Redirect::to(&format!("{}/", self.prefix)).into_response(),
            Some(inner) if inner.starts_with('/') => Some(inner),
            _ => return web::not_found().await,
        };
        if let Some(inner) = inner {
            let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
            let Ok(path) = PathAndQuery::try_from(format!("{inner}{query}")) else {
                return web::not_found().await;
            };
            *request.uri_mut() = Uri::from(path);
        }
        routes.oneshot(request).await.unwrap_or_else(|error: Infallible| match error {})
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;

    use super::*;

    #[tokio::test]
    async fn paths_begin_with_the_prefix() {
        let routes = Router::new()
            .route("/", get(|| async { "landing" }))
            .route("/-/healthy", get(|| async { "healthy" }))
            .route("/x", get(|uri: Uri| async move { uri.query().unwrap_or_default().to_owned() }))
            .fallback(web::not_found);
        let below = Below { prefix: "/watch".to_owned(), home: "http://out.example/watch".to_owned() };
        let routes = below.place(routes);
        for (path, status, expected) in [
            ("/", 303, "http://out.example/watch"),
            ("/watch", 303, "/watch/"),
            ("/watch/", 200, "landing"),
            ("/watch/x?a=b%20c", 200, "a=b%20c"),
            ("/watch/-/healthy", 200, "healthy"),
            ("/-/healthy", 200, "healthy"),
            ("/x", 404, "not found"),
            ("/watchx", 404, "not found"),
            ("/watch/watch/x", 404, "not found"),
        ] {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            let response = routes.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status, "{path}");
            let location = response.headers().get("location").cloned();
            let body = axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
            let found = match &location {
                Some(location) => location.as_bytes(),
                None => &body[..],
            };
            assert!(found.starts_with(expected.as_bytes()), "{path}: {}", String::from_utf8_lossy(found));
        }
    }
}
