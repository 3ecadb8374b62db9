//! The sections `tcp` and `unix` of a module.

use std::net::IpAddr;
use std::path::PathBuf;

use toolkit::config::Fields;

use crate::config::TlsSettings;
use crate::probe::resolve::Preference;
use crate::probe::script::{self, Step};

/// How a TCP connection is probed.
#[derive(Clone, Debug, Default)]
pub struct Tcp {
    /// Which IP protocol.
    pub preference: Preference,
    /// The address to come from.
    pub source: Option<IpAddr>,
    /// What is said and waited for.
    pub steps: Vec<Step>,
    /// Whether TLS begins at once.
    pub tls: bool,
    /// What TLS shall be like.
    pub tls_settings: TlsSettings,
}

/// How a socket of this machine's file system is probed.
#[derive(Clone, Debug, Default)]
pub struct Unix {
    /// Sockets may be below these folders only; anywhere where there are none.
    pub roots: Vec<PathBuf>,
    /// What is said and waited for.
    pub steps: Vec<Step>,
    /// Whether TLS begins at once.
    pub tls: bool,
    /// What TLS shall be like.
    pub tls_settings: TlsSettings,
}

impl Tcp {
    /// Reads the section.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Self {
        Self {
            preference: Preference::decode(fields),
            source: source(fields),
            steps: script::decode(fields),
            tls: fields.bool("tls").unwrap_or(false),
            tls_settings: TlsSettings::of(fields),
        }
    }
}

impl Unix {
    /// Reads the section.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Self {
        Self {
            roots: fields.list("roots", |item| item.path()),
            steps: script::decode(fields),
            tls: fields.bool("tls").unwrap_or(false),
            tls_settings: TlsSettings::of(fields),
        }
    }
}

/// `source_ip_address`; an empty text is none.
pub(crate) fn source(fields: &mut Fields<'_>) -> Option<IpAddr> {
    let parse = |text: &str| match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| "expected an IP address"),
    };
    fields.parsed("source_ip_address", parse).flatten()
}
