//! A program's configuration that uses every way of reading a value.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use toolkit::config::{Document, Fields, Item, Kind, SecretSource};

#[derive(Debug, Default)]
#[expect(dead_code, reason = "read through Debug by the fixtures")]
pub(crate) struct Sample {
    listen: String,
    enabled: Option<bool>,
    port: Option<i64>,
    ratio: Option<f64>,
    timeout: Option<Duration>,
    mode: Option<Mode>,
    address: Option<IpAddr>,
    password: Option<SecretSource>,
    token_limit: Option<i64>,
    certificate: Option<PathBuf>,
    tags: Vec<String>,
    hosts: Vec<String>,
    labels: Vec<(String, String)>,
    users: Vec<(String, String)>,
    targets: Vec<Target>,
    either: Option<String>,
    route: Option<Route>,
}

#[derive(Debug, Clone)]
enum Mode {
    Require,
    Prefer,
}

#[derive(Debug)]
#[expect(dead_code, reason = "read through Debug by the fixtures")]
struct Target {
    name: String,
    auth: Option<SecretSource>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "read through Debug by the fixtures")]
struct Route {
    receiver: Option<String>,
    routes: Vec<Self>,
}

pub(crate) fn decode(document: &Document) -> Result<Sample, toolkit::config::ConfigError> {
    document.decode(sample)
}

fn sample(mut fields: Fields<'_>) -> Sample {
    fields.ignore("comment");
    Sample {
        listen: fields.required_string("listen"),
        enabled: fields.bool("enabled"),
        port: fields.integer("port", 1..=65_535),
        ratio: fields.float("ratio"),
        timeout: fields.duration("timeout"),
        mode: fields.choice("mode", &[("require", Mode::Require), ("prefer", Mode::Prefer)]),
        address: fields.parsed("address", str::parse),
        password: fields.secret("password"),
        token_limit: fields.integer("token_limit", 0..=i64::MAX),
        certificate: fields.path("certificate"),
        tags: fields.strings("tags"),
        hosts: fields.string_or_list("hosts"),
        labels: fields.string_map("labels"),
        users: fields.map("users", |name, item| {
            let hash = item
                .parsed(|text| if text.starts_with("$2") { Ok(()) } else { Err("expected a bcrypt hash") });
            hash.map(|()| (name.to_owned(), "hash".to_owned()))
        }),
        targets: fields.list("targets", |item| target(&item)),
        either: fields.item("either").map(|item| match item.kind() {
            Kind::List => format!("list of {}", item.list(|item| item.string()).len()),
            Kind::Map => "map".to_owned(),
            _ => item.string().unwrap_or_default(),
        }),
        route: fields.fields("route").map(route),
    }
}

fn target(item: &Item<'_>) -> Option<Target> {
    let mut fields = item.fields()?;
    Some(Target { name: fields.required_string("name"), auth: fields.secret("auth") })
}

fn route(mut fields: Fields<'_>) -> Route {
    Route {
        receiver: fields.string("receiver"),
        routes: fields.list("routes", |item| item.fields().map(route)),
    }
}
