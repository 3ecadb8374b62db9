//! `slo-rules`: Prometheus rules that tell when a service uses up its error budget too fast.
//!
//! Three pairs of windows: the long one says that it matters, the short one that it still goes on. What a pair allows is a
//! share of the budget of the whole window of the objective; over 30 days these are the burn rates 14.4, 6 and 1.
//!
//! The rules stand on `health_service_seconds_total` alone. Time that is not known, or planned maintenance, counts as
//! nothing: neither good nor bad.

mod rules;

use std::io::Write;
use std::path::Path;

use clap::{Arg, ArgMatches, Command};
use toolkit::config::{ConfigError, Document};

use crate::config::File;

/// The subcommand's name.
pub const NAME: &str = "slo-rules";

/// The subcommand, for clap.
pub fn command() -> Command {
    let file = Arg::new("config.file").long("config.file").value_name("FILE").required(true);
    Command::new(NAME)
        .about("Print Prometheus rules for the objectives of the services: burn rates in several windows")
        .arg(file.help("Configuration file with `services:`"))
}

/// Runs it; gives the exit code.
pub fn run(matches: &ArgMatches) -> u8 {
    let file = matches.get_one::<String>("config.file").map_or("", String::as_str);
    match rules_of(Path::new(file)) {
        Ok(rules) => {
            // nobody listens when it is closed
            let _ignored = std::io::stdout().write_all(rules.as_bytes());
            0
        }
        Err(error) => {
            let _ignored = writeln!(std::io::stderr(), "error: {error}");
            1
        }
    }
}

/// The rules for a configuration file.
///
/// # Errors
/// The file is wrong, or none of its services has an objective.
pub fn rules_of(file: &Path) -> Result<String, ConfigError> {
    let services = File::read(&Document::read(file)?)?.services;
    let objectives: Vec<_> =
        services.list.iter().filter_map(|service| Some((service, service.objective.as_ref()?))).collect();
    if objectives.is_empty() {
        return Err(ConfigError::file(
            file,
            "no service has an objective (hint: `objective: 99.9` in a service)",
        ));
    }
    Ok(rules::print(&objectives))
}
