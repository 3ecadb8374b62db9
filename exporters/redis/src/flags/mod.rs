//! The program's own flags; names, variables and defaults are redis_exporter's.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use toolkit::config::{Secret, parse_duration};

mod checks;
mod show;
mod web;

pub use checks::CheckFlags;
pub use show::ShowFlags;
pub use web::{TlsVersion, WebFlags};

/// The flags beside those that all programs have.
#[derive(clap::Args, Clone)]
pub struct Flags {
    /// The Redis of /metrics: redis://, rediss://, valkey://, valkeys://, unix:// or HOST:PORT; empty for none
    #[arg(
        long = "redis.addr",
        env = "REDIS_ADDR",
        default_value = "redis://localhost:6379",
        value_name = "URL"
    )]
    pub addr: String,

    /// The user at that Redis
    #[arg(
        long = "redis.user",
        env = "REDIS_USER",
        default_value = "",
        hide_default_value = true,
        value_name = "USER"
    )]
    pub user: String,

    /// The password at that Redis
    #[arg(
        long = "redis.password", env = "REDIS_PASSWORD", default_value = "", hide_default_value = true,
        value_name = "SECRET", value_parser = secret
    )]
    pub password: Secret,

    /// A file with the password, or with a JSON object of targets and passwords
    #[arg(long = "redis.password-file", env = "REDIS_PASSWORD_FILE", value_name = "FILE", value_parser = path)]
    pub password_file: Option<PathBuf>,

    /// What all metric names begin with
    #[arg(long, default_value = "redis", value_name = "NAME", value_parser = namespace)]
    pub namespace: String,

    /// How long connecting, and how long all commands together, may take
    #[arg(long = "connection-timeout", default_value = "15s", value_name = "DURATION", value_parser = parse_duration)]
    pub connection_timeout: Duration,

    /// The key of our certificate for Redis
    #[arg(long = "tls-client-key-file", value_name = "FILE", value_parser = path)]
    pub tls_client_key_file: Option<PathBuf>,

    /// Our certificate for Redis
    #[arg(long = "tls-client-cert-file", value_name = "FILE", value_parser = path)]
    pub tls_client_cert_file: Option<PathBuf>,

    /// The certificates to trust for Redis, instead of the machine's own
    #[arg(long = "tls-ca-cert-file", value_name = "FILE", value_parser = path)]
    pub tls_ca_cert_file: Option<PathBuf>,

    /// The name that the Redis certificate must bear, instead of the host of the address
    #[arg(long = "tls-server-name", default_value = "", hide_default_value = true, value_name = "NAME")]
    pub tls_server_name: String,

    /// Accept any certificate of Redis
    #[arg(long = "skip-tls-verification")]
    pub skip_tls_verification: bool,

    /// What the server calls CONFIG; "-" to ask for no settings
    #[arg(long = "config-command", default_value = "CONFIG", value_name = "COMMAND")]
    pub config_command: String,

    /// Name our connections redis_exporter in CLIENT LIST
    #[arg(long = "set-client-name", default_value = "true")]
    pub set_client_name: bool,

    /// Measure a PING in each scrape
    #[arg(long = "ping-on-connect")]
    pub ping_on_connect: bool,

    /// The target is part of a cluster: ask each key where it is, and serve /discover-cluster-nodes
    #[arg(long = "is-cluster")]
    pub is_cluster: bool,

    /// Show all nodes of the target's cluster in one page, told apart by the labels node, role and shard
    #[arg(long = "cluster-nodes")]
    pub cluster_nodes: bool,

    /// Reach and show nodes of a cluster by the names they announce instead of their addresses
    #[arg(long = "cluster-discover-hostnames")]
    pub cluster_discover_hostnames: bool,

    /// The target is a Tile38
    #[arg(long = "is-tile38")]
    pub is_tile38: bool,

    /// Print the ACL SETUSER lines that give a user the rights for all that is switched on, and exit
    #[arg(long = "print-acl")]
    pub print_acl: bool,

    /// Take no targets at /scrape
    #[arg(long = "disable-scrape-endpoint")]
    pub disable_scrape_endpoint: bool,

    /// Write debug lines, whatever the log level is
    #[arg(long = "debug")]
    pub debug: bool,

    /// What is shown beside the default page.
    #[command(flatten)]
    pub show: ShowFlags,

    /// What is looked for among the keys.
    #[command(flatten)]
    pub checks: CheckFlags,

    /// redis_exporter's flags for the listener.
    #[command(flatten)]
    pub web: WebFlags,
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a value parser")]
fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::from(text))
}

/// redis_exporter takes an empty path for none, as its variables are often set to it; so do we.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a value parser")]
fn path(text: &str) -> Result<PathBuf, Infallible> {
    Ok(PathBuf::from(text))
}

fn namespace(text: &str) -> Result<String, String> {
    let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !text.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    if fits { Ok(text.to_owned()) } else { Err("expected letters, digits and underscores".to_owned()) }
}
