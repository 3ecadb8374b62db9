//! TLS and one request, perhaps through a proxy. No redirect is followed: it is this server that is asked about.

use std::sync::Arc;

use tokio::time::Instant;

use super::connect::{Way, connect};
use super::{Engine, Job, bad_target, report};
use crate::address::Url;
use crate::http::{self, Ask};
use crate::report::{Failed, Report};

/// Shakes hands, and asks for the page when the server is trusted.
pub(super) async fn probe(engine: &Arc<Engine>, job: Job<'_>, deadline: Instant) -> Report {
    let url = match Url::parse(job.target) {
        Ok(url) if url.secure => url,
        Ok(_) => return bad_target(job, "the target is using the http scheme"),
        Err(problem) => return bad_target(job, problem),
    };
    let way = Way {
        module: job.module,
        address: &url.address,
        server_name: job.server_name,
        route: job.route,
        proxy: job
            .module
            .proxy
            .as_ref()
            .or_else(|| engine.proxies.find(true, &url.address.host, url.address.port)),
        http: true,
        learn_refusal: false,
    };
    let mut connection = connect(engine, way, deadline).await;
    // the path may be secret: nobody gets it who is not trusted
    if let (Some(stream), None) = (connection.stream.take(), &connection.failure) {
        let ask = Ask { url: &url, headers: &[], body: None };
        let answer = http::exchange(stream, ask, &mut connection.timings, deadline).await;
        if let Err(failure) = answer {
            connection.failure = Some(Failed::of(&failure));
            connection.learn_refusal();
        }
    }
    report(job, connection)
}
