//! The section `grpc` of a module.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use toolkit::config::{Fields, Item};

use crate::config::{TlsSettings, is_secret_header};
use crate::probe::resolve::Preference;

/// What the protocol sets itself.
const RESERVED: [&str; 9] = [
    "content-type",
    "te",
    "grpc-timeout",
    "grpc-encoding",
    "grpc-message",
    "grpc-message-type",
    "grpc-status",
    "connection",
    "host",
];

/// How a gRPC service is asked for its health.
#[derive(Clone, Debug, Default)]
pub struct Grpc {
    /// The service; the empty name is the whole server.
    pub service: String,
    /// What is sent beside the question. Values that look secret are marked so.
    pub metadata: HeaderMap,
    /// Which IP protocol.
    pub preference: Preference,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// What TLS shall be like.
    pub tls_settings: TlsSettings,
}

impl Grpc {
    /// Reads the section.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Self {
        let mut metadata = HeaderMap::new();
        fields.map("metadata", |name, item| {
            let values = item.list(|item| value(name, &item));
            let name = name_of(name, &item)?;
            for value in values {
                metadata.append(&name, value);
            }
            Some(())
        });
        Self {
            service: fields.string("service").unwrap_or_default(),
            metadata,
            preference: Preference::decode(fields),
            tls: fields.bool("tls").unwrap_or(false),
            tls_settings: TlsSettings::of(fields),
        }
    }

    /// Whether there is anything that must not go to everybody.
    pub(super) fn has_credentials(&self) -> bool {
        self.metadata.values().any(HeaderValue::is_sensitive)
            || (self.tls && self.tls_settings.identity.is_some())
    }
}

fn name_of(name: &str, item: &Item<'_>) -> Option<HeaderName> {
    let lower = name.to_ascii_lowercase();
    if RESERVED.contains(&lower.as_str()) {
        item.problem(format!("`{lower}` is set by the protocol itself"));
        return None;
    }
    let is_legal = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    let parsed = lower.bytes().all(is_legal).then(|| HeaderName::from_bytes(lower.as_bytes()).ok()).flatten();
    if parsed.is_none() {
        item.problem("a name of metadata has letters, digits, `-`, `_` and `.`");
    }
    parsed
}

/// A value as it is sent: text, or for names that end in `-bin` any bytes, in base64.
fn value(name: &str, item: &Item<'_>) -> Option<HeaderValue> {
    let bytes = match item.binary() {
        Some(bytes) => bytes.to_vec(),
        None => item.string()?.into_bytes(),
    };
    let name = name.to_ascii_lowercase();
    let sent = if name.ends_with("-bin") { STANDARD_NO_PAD.encode(bytes).into_bytes() } else { bytes };
    let printable = sent.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let Some(mut value) = HeaderValue::from_bytes(&sent).ok().filter(|_| printable) else {
        item.problem(
            "a value of metadata has printable ASCII only (hint: a name that ends in -bin takes any bytes)",
        );
        return None;
    };
    value.set_sensitive(is_secret_header(&name));
    Some(value)
}

#[cfg(test)]
mod tests {
    use toolkit::config::Document;

    use super::*;

    fn read(text: &str) -> Result<Grpc, String> {
        let document = Document::parse("etc/x.yml", text).unwrap();
        document.decode(|mut fields| Grpc::decode(&mut fields)).map_err(|error| error.to_string())
    }

    #[test]
    fn metadata_as_it_is_sent() {
        let grpc = read(
            "metadata:\n  key1: [value1, value2]\n  key2-bin: [test, !!binary /w==]\n  Authorization: [Bearer t0ps3cret]",
        );
        let grpc = grpc.unwrap();
        let sent = |name: &str| {
            let values = grpc.metadata.get_all(name).iter();
            values.map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(sent("key1"), ["value1", "value2"]);
        assert_eq!(sent("key2-bin"), ["dGVzdA", "/w"]);
        assert_eq!(sent("authorization"), ["Bearer t0ps3cret"]);
        assert!(grpc.has_credentials());
        assert!(!format!("{grpc:?}").contains("t0ps3cret"));
        assert!(!read("service: a").unwrap().has_credentials());
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        for (metadata, message) in [
            ("{te: [x]}", "set by the protocol itself"),
            ("{'a b': [x]}", "a name of metadata has letters"),
            ("{a: [\"x\\n\"]}", "printable ASCII only"),
            ("{a: x}", "expected a list"),
        ] {
            let error = read(&format!("metadata: {metadata}")).unwrap_err();
            assert!(error.contains(message), "{metadata}: {error}");
        }
    }
}
