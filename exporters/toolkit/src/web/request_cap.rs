//! A cap on requests at one time, for the metrics path: `--web.max-requests`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, Request, Response, StatusCode};
use axum::response::IntoResponse;
use tokio::sync::Semaphore;
use tower::{Layer, Service};

use super::access::text;

/// A layer that answers 503 while a number of requests are being answered. Its clones share the number.
///
/// ```ignore
/// router.route("/metrics", get(metrics).layer(RequestCap::new(40)))
/// ```
#[derive(Debug, Clone)]
pub struct RequestCap {
    places: Option<Arc<Semaphore>>,
}

impl RequestCap {
    /// At most `requests` at one time; 0 means no cap.
    pub fn new(requests: usize) -> Self {
        let places = (requests > 0).then(|| Arc::new(Semaphore::new(requests.min(Semaphore::MAX_PERMITS))));
        Self { places }
    }
}

impl<S> Layer<S> for RequestCap {
    type Service = Capped<S>;

    fn layer(&self, inner: S) -> Capped<S> {
        Capped { places: self.places.clone(), inner }
    }
}

/// The service that [`RequestCap`] makes.
#[derive(Debug, Clone)]
pub struct Capped<S> {
    places: Option<Arc<Semaphore>>,
    inner: S,
}

impl<S> Service<Request<Body>> for Capped<S>
where
    S: Service<Request<Body>>,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let place = match &self.places {
            None => None,
            Some(places) => match Arc::clone(places).try_acquire_owned() {
                Ok(place) => Some(place),
                Err(_) => return Box::pin(async { Ok(refusal()) }),
            },
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let _place = place;
            answer.await.map(IntoResponse::into_response)
        })
    }
}

fn refusal() -> Response<Body> {
    let mut response = text(
        StatusCode::SERVICE_UNAVAILABLE,
        "too many requests at one time (hint: raise --web.max-requests, or scrape less often)\n",
    );
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use axum::routing::get;
    use tokio::sync::Notify;
    use tower::ServiceExt;

    use super::RequestCap;

    async fn check(cap: usize, expected: StatusCode) {
        let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (enter, left) = (Arc::clone(&entered), Arc::clone(&leave));
        let slow = get(async move || {
            enter.notify_one();
            left.notified().await;
        });
        let router =
            Router::new().route("/metrics", slow.layer(RequestCap::new(cap))).route("/", get(async || ()));
        let send =
            |path: &str| router.clone().oneshot(Request::builder().uri(path).body(Body::empty()).unwrap());
        let first = tokio::spawn(send("/metrics"));
        entered.notified().await;
        let second = tokio::spawn(send("/metrics"));
        if expected == StatusCode::OK {
            entered.notified().await;
            leave.notify_waiters();
        }
        let second = second.await.unwrap().unwrap();
        assert_eq!((second.status(), send("/").await.unwrap().status()), (expected, StatusCode::OK), "{cap}");
        assert_eq!(second.headers().contains_key("retry-after"), expected != StatusCode::OK);

        leave.notify_waiters();
        assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
        let third = tokio::spawn(send("/metrics"));
        entered.notified().await;
        leave.notify_waiters();
        assert_eq!(third.await.unwrap().unwrap().status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn the_one_over_the_cap_is_refused() {
        check(1, StatusCode::SERVICE_UNAVAILABLE).await;
    }

    #[tokio::test]
    async fn a_place_for_each() {
        check(2, StatusCode::OK).await;
    }

    #[tokio::test]
    async fn zero_is_no_cap() {
        check(0, StatusCode::OK).await;
    }
}
