//! `check-config`: every error of a file, and what is allowed and yet often a mistake.

use std::fmt::Write;

use clap::{Arg, ArgMatches, Command};

use super::{Failed, features, load, mode};
use crate::config::Config;

pub(super) fn command() -> Command {
    Command::new("check-config")
        .about("Print every error of configuration files with its line and column, and what looks like a mistake; exits with 0 or 1")
        .arg(Arg::new("files").required(true).num_args(1..).value_name("FILE").help("Files to check"))
        .arg(features())
}

pub(super) fn run(matches: &ArgMatches) -> Result<String, Failed> {
    let mut found = String::new();
    let mut problems = Vec::new();
    for file in matches.get_many::<String>("files").into_iter().flatten() {
        match load(file, mode(matches)) {
            Ok(config) => describe(&mut found, file, &config),
            Err(failed) => problems.extend(failed.problems),
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(Failed { found, problems }) }
}

fn describe(found: &mut String, file: &str, config: &Config) {
    for lint in &config.lints {
        // what is written to a string arrives
        let _ignored = writeln!(found, "{file}:{lint}");
    }
    let _ignored = writeln!(
        found,
        "{file} is valid: {} routes, {} receivers, {} inhibit rules, {} remarks",
        config.route.walk().len(),
        config.receivers.len(),
        config.inhibit_rules.len(),
        config.lints.len()
    );
}
