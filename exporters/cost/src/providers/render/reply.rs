//! What Render answers, as far as it is read.

use jiff::Timestamp;
use serde::Deserialize;

use crate::http::FetchError;
use crate::money::{Amount, Money};

/// A row of a list: the thing under its own name, and where the list goes on after it.
#[derive(Debug, Deserialize)]
pub(super) struct Listed<T> {
    pub(super) cursor: String,
    #[serde(alias = "owner", alias = "service", alias = "postgres", alias = "keyValue", alias = "disk")]
    pub(super) item: T,
}

/// A workspace.
#[derive(Debug, Deserialize)]
pub(super) struct Owner {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    /// `user` or `team`.
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Service {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) owner_id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    suspended: String,
    pub(super) created_at: Timestamp,
    #[serde(rename = "serviceDetails", default)]
    pub(super) details: Details,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Details {
    pub(super) plan: Option<String>,
    pub(super) num_instances: Option<u64>,
    pub(super) autoscaling: Option<Scaling>,
    /// The service that a preview is made of.
    parent_server: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Scaling {
    pub(super) enabled: bool,
}

/// Whose something is.
#[derive(Debug, Deserialize)]
pub(super) struct Owned {
    pub(super) id: String,
}

/// A database, or a replica of one.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Postgres {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) owner: Owned,
    pub(super) plan: String,
    #[serde(default)]
    pub(super) high_availability_enabled: bool,
    #[serde(rename = "diskSizeGB")]
    pub(super) disk_size_gb: Option<u64>,
    status: Option<String>,
    suspended: Option<String>,
    pub(super) created_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyValue {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) owner: Owned,
    pub(super) plan: String,
    status: Option<String>,
    pub(super) created_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Disk {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) service_id: String,
    #[serde(rename = "sizeGB")]
    pub(super) size_gb: u64,
    pub(super) created_at: Option<Timestamp>,
}

/// A line of a diagram.
#[derive(Debug, Deserialize)]
pub(super) struct Series {
    unit: String,
    pub(super) values: Vec<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Value {
    pub(super) timestamp: Timestamp,
    pub(super) value: Amount,
}

impl Service {
    pub(super) fn is_suspended(&self) -> bool {
        self.suspended == "suspended"
    }

    pub(super) fn is_preview(&self) -> bool {
        self.details.parent_server.is_some()
    }
}

impl Postgres {
    pub(super) fn is_suspended(&self) -> bool {
        self.suspended.as_deref() == Some("suspended") || self.status.as_deref() == Some("suspended")
    }
}

impl KeyValue {
    pub(super) fn is_suspended(&self) -> bool {
        self.status.as_deref() == Some("suspended")
    }
}

impl Series {
    /// What one of its unit is in gigabytes.
    pub(super) fn gigabytes(&self) -> Result<Money, FetchError> {
        let places = match self.unit.to_ascii_lowercase().as_str() {
            "b" | "bytes" => 9,
            "kb" => 6,
            "mb" => 3,
            "gb" => 0,
            _ => return Err(FetchError::malformed(format!("bandwidth: {:?} is no unit", self.unit))),
        };
        Ok(Money::parse_scaled("1", places)?)
    }
}
