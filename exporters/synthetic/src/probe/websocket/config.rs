//! The section `websocket` of a module.

use std::path::PathBuf;

use hyper::header::{
    CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use toolkit::config::{Fields, Item, Kind};

use crate::config::{ClientSettings, ExtraHeader, is_secret_header, sensitive};
use crate::probe::Preference;
use crate::probe::script::{self, Step};

/// Headers by which the upgrade itself is asked for.
const OURS: [HeaderName; 5] =
    [UPGRADE, CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, SEC_WEBSOCKET_EXTENSIONS];

/// How a websocket is probed.
#[derive(Clone, Debug)]
pub struct Websocket {
    /// Who we say we are, proxies, TLS.
    pub client: ClientSettings,
    /// Headers of the upgrade.
    pub headers: Vec<ExtraHeader>,
    /// What is said and waited for.
    pub steps: Vec<Step>,
    /// Which IP protocol.
    pub preference: Preference,
}

impl Websocket {
    /// Reads the section.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let headers = fields.map("headers", |name, item| header(name, &item));
        let steps = script::decode(fields);
        if steps.iter().any(|step| step.starttls) {
            let message = "`starttls` has no meaning here: a target wss://… is in TLS from the start";
            fields.problem("query_response", message);
        }
        let preference = Preference::decode(fields);
        let client = fields.section("http_config").map(|mut fields| ClientSettings::decode(&mut fields))?;
        Some(Self { client, headers, steps, preference })
    }

    /// Whether there is anything that must not go to everybody.
    pub(super) fn has_credentials(&self) -> bool {
        let is_secret = |header: &ExtraHeader| {
            !header.files.is_empty() || header.values.iter().any(HeaderValue::is_sensitive)
        };
        self.client.has_credentials()
            || self.client.tls.identity.is_some()
            || self.headers.iter().any(is_secret)
    }
}

/// A header: a text, or lists of values, secrets and files.
fn header(name: &str, item: &Item<'_>) -> Option<ExtraHeader> {
    let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
        item.problem(format!("{name:?} is no header's name"));
        return None;
    };
    if OURS.contains(&name) {
        item.problem(format!("the header `{name}` is set by the upgrade itself"));
        return None;
    }
    let (values, files) = match item.kind() {
        Kind::Map => {
            let mut fields = item.fields()?;
            let mut values = fields.list("values", |item| item.parsed(HeaderValue::from_str));
            values.extend(fields.list("secrets", |item| secret(&item)));
            (values, fields.list("files", |item| item.path()))
        }
        _ => (item.parsed(HeaderValue::from_str).into_iter().collect(), Vec::<PathBuf>::new()),
    };
    let is_secret = is_secret_header(name.as_str());
    let values = values.into_iter().map(|mut value| {
        value.set_sensitive(value.is_sensitive() || is_secret);
        value
    });
    Some(ExtraHeader { name, values: values.collect(), files })
}

fn secret(item: &Item<'_>) -> Option<HeaderValue> {
    let value = sensitive(item.secret()?.expose());
    value.map_err(|error| item.problem(error.to_string())).ok()
}

#[cfg(test)]
mod tests {
    use toolkit::config::Document;

    use super::*;

    fn read(text: &str) -> Result<Websocket, String> {
        let document = Document::parse("etc/x.yml", text).unwrap();
        document
            .decode(|mut fields| Websocket::decode(&mut fields).unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn headers_in_all_forms() {
        let found = read(
            "headers:\n  X-Plain: my_header\n  X-More: {values: [a, b], secrets: [s3cret], files: [c]}\n  Cookie: d",
        );
        let found = found.unwrap();
        let shown: Vec<_> =
            found.headers.iter().map(|header| (header.name.as_str(), header.values.len())).collect();
        assert_eq!(shown, [("x-plain", 1), ("x-more", 3), ("cookie", 1)]);
        assert!(found.headers[2].values[0].is_sensitive());
        assert!(found.has_credentials() && !format!("{found:?}").contains("s3cret"));
        assert!(!read("headers: {X-Plain: my_header}").unwrap().has_credentials());
        for (text, message) in [
            ("headers: {Upgrade: x}", "set by the upgrade itself"),
            ("headers: {'a b': x}", "is no header's name"),
            ("headers: {a: [x]}", "expected a string"),
            ("query_response: [{starttls: true}]", "has no meaning here"),
            ("query_response: [{expect: ':['}]", "missing closing ]"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
