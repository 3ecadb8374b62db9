//! Doubles of the providers whose bills the cost exporter reads: strict, and they fail on demand.
//!
//! Each provider's double is a file here: a function from a request to an answer that checks credentials, parameters
//! and limits as the provider does. [`Cloud`] serves it, counts, keeps a transcript, and breaks it as a test says.

pub mod anthropic;
pub mod aws;
pub mod azure;
pub mod digitalocean;
pub mod fly;
pub mod focus;
pub mod gcp;
pub mod hetzner;
pub mod netlify;
pub mod openai;
pub mod railway;
pub mod render;
pub mod supabase;
pub mod vercel;

mod question;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;

use crate::web::{Answer, Reply, Request, Web};

/// How a provider fails.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answers with this status and a page of JSON that says nothing.
    Status(u16),
    /// Answers 429 and wants to be asked again after so many seconds.
    TooMany(u32),
    /// Takes the request and never answers.
    Hang,
    /// Closes the connection without a byte.
    Close,
    /// Sends half of the body and closes the connection.
    Half,
    /// Sends half of the body as if it were all.
    Truncated,
    /// Sends a success without a body.
    Empty,
}

/// A provider's double, served on loopback.
pub struct Cloud {
    web: Web,
    plan: Arc<Mutex<Plan>>,
}

/// Which requests fail.
#[derive(Debug, Default)]
struct Plan {
    fault: Option<Fault>,
    /// Requests that are served well before it begins.
    after: usize,
    /// Requests that fail; none for all.
    times: Option<usize>,
}

impl Cloud {
    /// Serves a double.
    pub async fn start(double: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Result<Self> {
        let plan = Arc::new(Mutex::new(Plan::default()));
        let faults = Arc::clone(&plan);
        let web = Web::start(move |request| {
            let fault = faults.lock().unwrap_or_else(PoisonError::into_inner).next();
            match fault {
                None => double(request),
                Some(fault) => fault.answer(|| double(request)),
            }
        });
        Ok(Self { web: web.await?, plan })
    }

    /// The URL of a path on it; `""` for its `base_url`.
    pub fn url(&self, path: &str) -> String {
        self.web.url(path)
    }

    /// Every request so far, also those that failed.
    pub fn requests(&self) -> Vec<Request> {
        self.web.requests()
    }

    /// How many requests came so far.
    pub fn count(&self) -> usize {
        self.web.requests().len()
    }

    /// Waits until so many requests came.
    pub async fn wait_for(&self, count: usize, within: Duration) -> Result<()> {
        self.web.wait_for(within, |requests| (requests.len() >= count).then_some(())).await
    }

    /// Every request fails from now on.
    pub fn fail(&self, fault: Fault) {
        self.set(Plan { fault: Some(fault), after: 0, times: None });
    }

    /// The next `after` requests are served well (the first page), and then all fail.
    pub fn fail_after(&self, after: usize, fault: Fault) {
        self.set(Plan { fault: Some(fault), after, times: None });
    }

    /// The next `times` requests fail.
    pub fn fail_times(&self, times: usize, fault: Fault) {
        self.set(Plan { fault: Some(fault), after: 0, times: Some(times) });
    }

    /// All is well again.
    pub fn heal(&self) {
        self.set(Plan::default());
    }

    /// The server itself.
    pub fn web(&self) -> &Web {
        &self.web
    }

    fn set(&self, plan: Plan) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = plan;
    }
}

impl Plan {
    /// How the request that comes now fails, if it does.
    fn next(&mut self) -> Option<Fault> {
        let fault = self.fault.clone()?;
        if self.after > 0 {
            self.after -= 1;
            return None;
        }
        match &mut self.times {
            None => Some(fault),
            Some(0) => None,
            Some(times) => {
                *times -= 1;
                Some(fault)
            }
        }
    }
}

impl Fault {
    fn answer(&self, double: impl FnOnce() -> Answer) -> Answer {
        let good = |change: fn(Reply) -> Answer| match double() {
            Answer::Reply(reply) => change(reply),
            other => other,
        };
        match self {
            Self::Status(status) => {
                Reply::json(*status, &serde_json::json!({"error": {"message": "on purpose"}})).into()
            }
            Self::TooMany(seconds) => {
                let body = serde_json::json!({"error": {"message": "too many requests"}});
                Reply::json(429, &body).header("retry-after", &seconds.to_string()).into()
            }
            Self::Hang => Answer::Hang,
            Self::Close => Answer::Close,
            Self::Half => good(Answer::Half),
            Self::Truncated => good(|reply| {
                let half = reply.body.slice(..reply.body.len() / 2);
                Reply { body: half, ..reply }.into()
            }),
            Self::Empty => good(|reply| Reply { body: hyper::body::Bytes::new(), ..reply }.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::http_get;

    #[tokio::test]
    async fn a_double_fails_as_it_is_told() {
        let cloud = Cloud::start(|_| Reply::text(200, "12345678").into()).await.unwrap();
        let get = async || {
            let answer = http_get(&cloud.url("/"), &[]).await;
            answer.map_or_else(|_| (0, "broken".to_owned()), |answer| (answer.status, answer.text()))
        };
        let good = (200, "12345678".to_owned());
        cloud.fail_after(1, Fault::Status(500));
        assert_eq!((get().await, get().await.0, get().await.0), (good.clone(), 500, 500));
        cloud.fail_times(1, Fault::TooMany(7));
        assert_eq!((get().await.0, get().await), (429, good.clone()));
        for (fault, expected) in [
            (Fault::Truncated, (200, "1234")),
            (Fault::Empty, (200, "")),
            (Fault::Half, (0, "broken")),
            (Fault::Close, (0, "broken")),
        ] {
            cloud.fail(fault);
            assert_eq!(get().await, (expected.0, expected.1.to_owned()));
        }
        cloud.heal();
        assert_eq!(get().await, good);
        assert_eq!(cloud.count(), 10);
    }
}
