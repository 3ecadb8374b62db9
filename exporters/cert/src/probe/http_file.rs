//! A file with certificates that an HTTP server has.

use std::sync::Arc;

use netprobe::guard::Guard;
use netprobe::phase::Timings;
use netprobe::read::MAX_FILE;
use netprobe::{Dial, dial};
use tokio::time::Instant;

use super::connect::{Way, connect};
use super::file::nothing_in;
use super::{Engine, Job, bad_target};
use crate::address::Url;
use crate::config::Route;
use crate::files::FileContent;
use crate::http::{self, Answer, Ask};
use crate::report::{Content, Failed, Place, Report, Store, Stored};

/// Redirects that are followed, as Go does.
const MAX_REDIRECTS: usize = 10;

/// Fetches the file and reads it.
pub(super) async fn probe(engine: &Arc<Engine>, job: Job<'_>, deadline: Instant) -> Report {
    let prober = job.module.prober_name;
    if !job.target.contains("://") {
        return bad_target(job, "expected an http or https URL");
    }
    let mut url = match Url::parse(job.target) {
        Ok(url) => url,
        Err(problem) => return bad_target(job, problem),
    };
    let mut timings = Timings::NONE;
    for _ in 0..=MAX_REDIRECTS {
        let answer = match get(engine, job, &url, &mut timings, deadline).await {
            Ok(answer) => answer,
            Err(failure) => return Report { timings, ..Report::failed(prober, failure) },
        };
        match answer.status {
            200 => return Report { timings, ..read(engine, job, &answer) },
            301 | 302 | 303 | 307 | 308 => {
                let location = answer.headers.get("location").and_then(|value| value.to_str().ok());
                match url.join(location.unwrap_or_default()) {
                    Ok(next) => url = next,
                    Err(problem) => return bad_target(job, problem),
                }
            }
            status => {
                let failed =
                    Failed::new("first_byte", "http_status", format!("unexpected response code: {status}"));
                return Report { timings, ..Report::failed(prober, failed) };
            }
        }
    }
    Report { timings, ..Report::failed(prober, Failed::new("first_byte", "redirects", "too many redirects")) }
}

fn read(engine: &Engine, job: Job<'_>, answer: &Answer) -> Report {
    let password = job.module.store_password.as_ref().map(toolkit::config::Secret::expose);
    let content = FileContent::of(&answer.body, password, &engine.pool);
    let places = vec![Place {
        labels: Box::default(),
        certificates: content.certificates,
        problem: content.problem,
        credential: None,
    }];
    let failure = nothing_in(&places, job.target);
    Report {
        success: failure.is_none(),
        failure,
        content: Content::Stored(Stored { kind: Store::HttpFile, places }),
        ..Report::of_prober(job.module.prober_name)
    }
}

async fn get(
    engine: &Engine,
    job: Job<'_>,
    url: &Url,
    timings: &mut Timings,
    deadline: Instant,
) -> Result<Answer, Failed> {
    let ask = Ask { url, headers: &[], body: Some(MAX_FILE) };
    let (host, port) = (url.address.host.as_str(), url.address.port);
    let proxy = job.module.proxy.as_ref().or_else(|| engine.proxies.find(url.secure, host, port));
    let answered = if url.secure {
        let way = Way {
            module: job.module,
            address: &url.address,
            server_name: job.server_name,
            // a redirect may lead elsewhere
            route: Route { connect_to: None, ..job.route },
            proxy,
            http: true,
            learn_refusal: false,
        };
        let connection = connect(engine, way, deadline).await;
        timings.join(&connection.timings);
        let Some(stream) = connection.stream.filter(|_| connection.failure.is_none()) else {
            let unknown = || Failed::new("tls", "other", "no connection");
            return Err(connection.failure.unwrap_or_else(unknown));
        };
        http::exchange(stream, ask, timings, deadline).await
    } else {
        let mut to = Dial::new(host, port);
        to.family = job.module.family;
        to.source = job.route.source;
        to.proxy = proxy.cloned();
        // no certificates are where clouds keep what a machine is told in confidence
        to.guard = Some(Guard::compat());
        let dialed = dial(&to, deadline).await.map_err(|failure| {
            timings.join(&failure.timings);
            Failed::of(&failure)
        })?;
        timings.join(&dialed.timings);
        http::exchange(dialed.stream, ask, timings, deadline).await
    };
    answered.map_err(|failure| Failed::of(&failure))
}
