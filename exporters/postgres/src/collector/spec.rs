//! The types that a collector's file is parsed into.

use std::time::Duration;

pub use toolkit::expo::Kind;

/// One collector: a name on flags and labels, and the queries behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Collector {
    /// Its name; the flag is `--collector.NAME`.
    pub name: String,
    /// One sentence: what it shows and where that comes from.
    pub help: String,
    /// Whether it runs unless a flag says otherwise.
    pub default: bool,
    /// Where it runs.
    pub scope: Scope,
    /// How long its result is kept; `None`: it runs in every scrape.
    pub ttl: Option<Duration>,
    /// How long one of its queries may take.
    pub timeout: Option<Duration>,
    /// On which connection it runs.
    pub session: Session,
    /// How many series it may give.
    pub max_series: Option<usize>,
    /// What the server must have or grant.
    pub needs: Needs,
    /// What flags can set in its SQL.
    pub parameters: Vec<Parameter>,
    /// The queries; each fails alone.
    pub queries: Vec<Query>,
    /// Whether names are looked up by the role's own `search_path` instead of `pg_catalog` alone: for the files of
    /// postgres_exporter, whose SQL expects it.
    pub own_search_path: bool,
}

/// Where a collector runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Once a server, in the database of the connection string.
    Cluster,
    /// In each database that is watched.
    Database,
    /// On the console of a PgBouncer instead of a server.
    Pooler,
}

/// On which connection a collector runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// On one that is kept between scrapes.
    Kept,
    /// On one that is closed afterwards, since the query fills the memory of its backend (relation sizes).
    Closed,
}

/// What the server must have or grant; what is not there is no error of the collector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// An extension in the database where it runs.
    pub extension: Option<String>,
    /// Roles that ours must be a member of; a superuser has all.
    pub rights: Vec<String>,
    /// A database of this name.
    pub database: Option<String>,
    /// What must be granted to our role beside those, as it stands between `GRANT` and `TO`; only for the script.
    pub grants: Vec<String>,
}

/// A value in the SQL that a flag `--collector.COLLECTOR.NAME` sets; `{NAME}` in the SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// One sentence for `--help`.
    pub help: String,
    /// What it takes.
    pub kind: ParameterKind,
    /// The value unless a flag says otherwise, as it would be written on the flag.
    pub default: String,
}

/// What a parameter takes, and how it stands in SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A whole number from 0 to this.
    Integer(u32),
    /// `true` or `false`.
    Bool,
    /// Words with commas between; an array of text in SQL.
    List,
}

/// One query and what its columns mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The columns that are labels, in their order.
    pub labels: Vec<String>,
    /// What stands for a NULL label.
    pub null_label: String,
    /// Whether each series gets the label `server` with the server's host and port.
    pub server_label: bool,
    /// How rows are read.
    pub reading: Reading,
    /// SQL for the kinds of servers; the first that fits is run.
    pub variants: Vec<Variant>,
}

/// How rows become series.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Each metric has its column.
    Columns {
        /// The metrics.
        metrics: Vec<Metric>,
        /// What a column that is neither label nor metric becomes: the beginning of the name of an untyped metric,
        /// as in postgres_exporter's files; `None`: nothing.
        unlisted: Option<String>,
        /// Columns that are looked at by nobody.
        discarded: Vec<String>,
    },
    /// Each row names its metric.
    Dynamic(Dynamic),
}

/// One metric and its column.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// The whole name.
    pub name: String,
    /// One sentence.
    pub help: String,
    /// How its values behave; [`Kind::Histogram`] reads more columns.
    pub kind: Kind,
    /// The column of the value.
    pub column: String,
    /// What the value is multiplied with.
    pub scale: f64,
    /// What NULL becomes.
    pub null: Null,
    /// How the text of the column becomes a number.
    pub value: Value,
}

/// What NULL becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Null {
    /// No sample.
    Omit,
    /// 0.
    Zero,
    /// Not a number, as postgres_exporter does for its users' queries.
    Nan,
}

/// How the text of a column becomes a number.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// As a number, a bool or a time.
    Number,
    /// As a length of time such as `1h2m` in milliseconds.
    Duration,
    /// By a table; a text that is not in it gives no sample.
    Mapped(Vec<(String, f64)>),
}

/// The columns of rows that name their metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dynamic {
    /// The column of the name.
    pub name: String,
    /// What stands before the name.
    pub prefix: String,
    /// The column of the help; where the result has no such column, the help itself.
    pub help: String,
    /// The column of the value.
    pub value: String,
    /// How the values behave.
    pub kind: Kind,
}

/// SQL and the servers it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The servers.
    pub when: When,
    /// The text.
    pub sql: String,
}

/// Which servers a variant is for; what is not set is always true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// The first version, as in `server_version_num`.
    pub min: Option<u32>,
    /// The first version that it is not for any more.
    pub below: Option<u32>,
    /// Ranges of versions, one of which must hold the server's; empty: any.
    pub ranges: Vec<(u32, u32)>,
    /// Primary or standby.
    pub role: Option<Role>,
    /// An extension that is there, in any version or from this one on.
    pub extension: Option<String>,
    /// The first version of that extension, as `(major, minor)`.
    pub min_extension: Option<(u32, u32)>,
    /// A parameter of the collector that is `true`.
    pub parameter: Option<String>,
}

/// What a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It follows another one.
    Standby,
}

impl Role {
    /// The word for messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Standby => "standby",
        }
    }
}
