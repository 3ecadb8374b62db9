//! The configuration file: rules that bind users, passwords and TLS to targets.
//!
//! Every file that a rule names for TLS is read when the rule is decoded, so that a bad one is found at start.

use std::sync::Arc;

use toolkit::config::{Fields, Item};
use toolkit::scrape::TargetPattern;

use crate::access::{Credentials, PasswordSource};
use crate::tls::{self, TlsSettings};

/// What a target gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Who we are there.
    pub credentials: Credentials,
    /// How TLS is spoken there.
    pub tls: TlsSettings,
    /// Whether TLS is spoken whatever the target's scheme says: a request must not choose to send a password in clear.
    pub only_tls: bool,
    /// Whether a page shows all nodes of the target's cluster.
    pub cluster: bool,
}

/// Decodes the whole file.
pub fn decode(fields: &mut Fields<'_>) -> Vec<(TargetPattern, Arc<Access>)> {
    fields.list("targets", |item| decode_rule(&item)).into_iter().flatten().collect()
}

fn decode_rule(item: &Item<'_>) -> Option<Vec<(TargetPattern, Arc<Access>)>> {
    let mut fields = item.fields()?;
    fields.require("match");
    let mut patterns = Vec::new();
    for text in fields.string_or_list("match") {
        match TargetPattern::parse(&text) {
            Ok(pattern) => patterns.push(pattern),
            Err(problem) => fields.problem("match", problem),
        }
    }
    let credentials = Credentials {
        user: fields.string("username"),
        password: fields.secret("password").map_or(PasswordSource::None, PasswordSource::Secret),
    };
    let tls = fields.fields("tls").map(decode_tls);
    let access = Arc::new(Access {
        credentials,
        only_tls: tls.is_some(),
        tls: tls.unwrap_or_default(),
        cluster: fields.bool("cluster").unwrap_or(false),
    });
    Some(patterns.into_iter().map(|pattern| (pattern, Arc::clone(&access))).collect())
}

/// Names of the oldest TLS that is spoken, as the web config file writes them, and whether that is TLS 1.3.
const MIN_VERSIONS: [(&str, bool); 2] = [("TLS12", false), ("TLS13", true)];

fn decode_tls(mut fields: Fields<'_>) -> TlsSettings {
    let settings = TlsSettings {
        ca_file: fields.path("ca_file"),
        cert_file: fields.path("cert_file"),
        key_file: fields.path("key_file"),
        server_name: fields.string("server_name"),
        insecure: fields.bool("insecure_skip_verify").unwrap_or(false),
        only_tls13: fields.has("min_version") && fields.choice("min_version", &MIN_VERSIONS) == Some(true),
    };
    if let Some((key, problem)) = tls_problem(&settings) {
        fields.problem(key, problem);
    }
    settings
}

/// Reads the files, so that a bad one is found at start and not in the first scrape: (key of the file, problem).
pub fn tls_problem(settings: &TlsSettings) -> Option<(&'static str, String)> {
    match (&settings.cert_file, &settings.key_file) {
        (Some(_), None) => return Some(("cert_file", "a certificate needs its key beside it".to_owned())),
        (None, Some(_)) => return Some(("key_file", "a key needs its certificate beside it".to_owned())),
        _ => {}
    }
    if settings.ca_file.is_none() && settings.cert_file.is_none() {
        return None;
    }
    tls::client_config(settings).err().map(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        ("ca_file", format!("{error}{cause}"))
    })
}
