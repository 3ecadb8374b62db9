//! The keys of the prober `postgres`.

use toolkit::config::{Fields, SecretSource};

use crate::config::TlsSettings;
use crate::probe::Preference;

/// How a PostgreSQL is asked.
#[derive(Clone, Debug)]
pub struct Postgres {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Option<SecretSource>,
    /// The database; without one it is that of the user's name.
    pub database: Option<String>,
    /// What is asked instead of `SELECT 1`: it returns one number.
    pub query: Option<Query>,
    /// Whether the server is told to go on in TLS.
    pub tls: bool,
    /// What TLS shall be like.
    pub tls_config: TlsSettings,
    /// The IP protocol.
    pub preference: Preference,
}

/// A query that returns one number.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Its text.
    pub sql: String,
    /// The least that is good.
    pub least: Option<f64>,
    /// The most that is good.
    pub most: Option<f64>,
}

impl Postgres {
    /// Reads the section.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let sql = fields.string("query").filter(|sql| !sql.trim().is_empty());
        let (least, most) = (fields.float("query_min"), fields.float("query_max"));
        if sql.is_none() && (least.is_some() || most.is_some()) {
            fields.problem(
                "query_min",
                "`query_min` and `query_max` are about the number that `query` returns",
            );
        }
        if let (Some(least), Some(most)) = (least, most)
            && least > most
        {
            fields.problem("query_min", "`query_min` is above `query_max`");
        }
        let has_user = fields.require("user");
        let decoded = Self {
            user: fields.string("user").unwrap_or_default(),
            password: fields.secret("password"),
            database: fields.string("database").filter(|name| !name.is_empty()),
            query: sql.map(|sql| Query { sql, least, most }),
            tls: fields.bool("tls").unwrap_or(false),
            tls_config: TlsSettings::of(fields),
            preference: Preference::decode(fields),
        };
        has_user.then_some(decoded)
    }
}
