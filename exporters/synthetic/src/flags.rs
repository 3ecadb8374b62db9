//! The program's own flags: blackbox_exporter's.

use std::path::PathBuf;
use std::time::Duration;

use toolkit::config::parse_duration;

/// Probes that the history may keep; each takes some kilobytes.
const MAX_HISTORY: u64 = 10_000;

/// The flags beside those that all programs have.
#[derive(clap::Args, Clone, Debug)]
pub struct Flags {
    /// Probes to keep in the history of the landing page, and as many that failed.
    #[arg(long = "history.limit", value_name = "NUMBER", default_value_t = 100,
          value_parser = clap::value_parser!(u64).range(0..=MAX_HISTORY))]
    pub history_limit: u64,

    /// Least severe lines about probes to log: debug, info, warn or error.
    #[arg(long = "log.prober", value_name = "LEVEL", default_value = "info", help_heading = "Logs",
          value_parser = severity)]
    pub log_prober: Severity,

    /// Take the configuration file again whenever it has changed.
    #[arg(long = "config.enable-auto-reload", help_heading = "Configuration")]
    pub auto_reload: bool,

    /// How often to look whether it has; a number alone is seconds.
    #[arg(long = "config.auto-reload-interval", value_name = "DURATION", default_value = "30s",
          help_heading = "Configuration", value_parser = interval)]
    pub auto_reload_interval: Duration,

    /// The URL under which people reach the program, behind a reverse proxy for example.
    #[arg(long = "web.external-url", value_name = "URL", default_value = "", help_heading = "Web")]
    pub external_url: String,

    /// What all paths begin with; the path of --web.external-url unless it is given.
    #[arg(long = "web.route-prefix", value_name = "PATH", default_value = "", help_heading = "Web")]
    pub route_prefix: String,

    /// Known from blackbox_exporter and not supported: sockets of systemd.
    #[arg(long = "web.systemd-socket", help_heading = "Web")]
    pub systemd_socket: bool,

    /// Folder for what shall survive a restart: the uptime and incidents of services, and
    /// heartbeats. Without it they start anew.
    #[arg(long = "storage.path", value_name = "FOLDER")]
    pub storage_path: Option<PathBuf>,
}

/// How severe a line about a probe is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// What happens.
    Debug,
    /// What is worth knowing.
    Info,
    /// What is odd.
    Warn,
    /// What went wrong.
    Error,
}

impl Severity {
    /// The severity with this name.
    pub fn of(word: &str) -> Option<Self> {
        Some(match word {
            "debug" => Self::Debug,
            "info" => Self::Info,
            "warn" => Self::Warn,
            "error" => Self::Error,
            _ => return None,
        })
    }
}

fn severity(text: &str) -> Result<Severity, &'static str> {
    Severity::of(&text.to_ascii_lowercase()).ok_or("expected debug, info, warn or error")
}

fn interval(text: &str) -> Result<Duration, String> {
    let found = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => parse_duration(text)?,
    };
    if found.is_zero() { Err("expected more than nothing".to_owned()) } else { Ok(found) }
}
