//! The headers of the upgrade: who we say we are, and those of the module. Files are read for each probe.

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use toolkit::config::SecretSource;

use super::Websocket;
use crate::config::{Authorization, ExtraHeader, sensitive};
use crate::outcome::Failed;
use crate::probe::http::Used;
use crate::probe::{Engine, Job};
use crate::reason::Reason;

/// All headers but those of the upgrade itself, and the token among them that a refusal must be told of.
pub(super) async fn of(
    engine: &Engine,
    settings: &Websocket,
    job: &Job<'_>,
) -> Result<(HeaderMap, Option<Used>), Failed> {
    let mut headers = HeaderMap::new();
    let mut used = None;
    match &settings.client.authorization {
        Some(Authorization::OAuth2(oauth2)) => {
            let token = engine.tokens.header(engine, job, oauth2).await?;
            headers.append(AUTHORIZATION, token.header.clone());
            used = Some(token);
        }
        Some(authorization) => {
            let value = authorization.header().await.map_err(|error| unreadable(&error))?;
            headers.extend(value.map(|value| (AUTHORIZATION, value)));
        }
        None => {}
    }
    for header in settings.client.headers.iter().chain(&settings.headers) {
        add(&mut headers, header).await?;
    }
    Ok((headers, used))
}

async fn add(headers: &mut HeaderMap, header: &ExtraHeader) -> Result<(), Failed> {
    for value in &header.values {
        headers.append(&header.name, value.clone());
    }
    for file in &header.files {
        let read = SecretSource::File(file.clone()).read().await.map_err(|error| unreadable(&error))?;
        let value = sensitive(read.expose().trim()).map_err(|error| unreadable(&error))?;
        headers.append(&header.name, value);
    }
    Ok(())
}

fn unreadable(error: &dyn std::error::Error) -> Failed {
    Failed::new("token", Reason::Internal, toolkit::chain::chain(error))
}
