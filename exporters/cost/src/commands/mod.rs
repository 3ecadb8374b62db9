//! Subcommands: `check`, `report`, `backfill`, `focus export`. They read the same file as the server and print.

mod backfill;
mod check;
mod focus;
mod report;

use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command};
use toolkit::clock::{Clock, NOW_VARIABLE};
use toolkit::config::Document;

use crate::calendar::{Calendar, Day, Period};
use crate::config::Config;

/// What a command has to say when it does not succeed; it ends with 1.
#[derive(Debug, Default)]
struct Failed {
    /// What it found, for standard output.
    found: String,
    /// What is wrong, one line each, for standard error.
    problems: Vec<String>,
}

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        let problems = error.to_string().lines().map(str::to_owned).collect();
        Self { found: String::new(), problems }
    }
}

/// All of them, for clap.
pub(crate) fn all() -> Vec<Command> {
    vec![check::command(), report::command(), backfill::command(), focus::command()]
}

/// Runs one; gives the exit code.
pub(crate) fn run(name: &str, matches: &ArgMatches) -> u8 {
    let outcome = match name {
        "check" => wait_for(check::run(matches)),
        "report" => wait_for(report::run(matches)),
        "backfill" => wait_for(backfill::run(matches)),
        "focus" => wait_for(focus::run(matches)),
        _ => Err(Failed { problems: vec!["there is no such command".to_owned()], ..Failed::default() }),
    };
    let (found, problems) = match outcome {
        Ok(found) => (found, None),
        Err(Failed { found, problems }) => (found, Some(problems)),
    };
    // nobody listens when a stream is closed
    let _ignored = std::io::stdout().write_all(found.as_bytes());
    for problem in problems.iter().flatten() {
        let _ignored = writeln!(std::io::stderr(), "error: {problem}");
    }
    u8::from(problems.is_some())
}

/// Runs a command that asks providers.
fn wait_for(work: impl Future<Output = Result<String, Failed>>) -> Result<String, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_background();
    outcome
}

/// The clock that the server would have.
fn clock() -> Result<Clock, Failed> {
    let now = std::env::var(NOW_VARIABLE).ok();
    let wrong = |problem| Failed { problems: vec![problem], ..Failed::default() };
    Clock::from_environment(now.as_deref()).map_err(wrong)
}

fn config_file() -> Arg {
    Arg::new("file")
        .long("config.file")
        .value_name("FILE")
        .env("COST_EXPORTER_CONFIG_FILE")
        .required(true)
        .help("Configuration file")
}

fn storage() -> Arg {
    Arg::new("storage")
        .long("storage.path")
        .value_name("FOLDER")
        .env("COST_EXPORTER_STORAGE_PATH")
        .default_value("data")
        .value_parser(clap::value_parser!(PathBuf))
        .help("Folder of the store")
}

fn provider() -> Arg {
    Arg::new("provider")
        .long("provider")
        .value_name("NAME")
        .num_args(1)
        .action(clap::ArgAction::Append)
        .help("Only this provider; may be repeated")
}

fn month() -> Arg {
    let parse = |text: &str| -> Result<Period, &'static str> {
        let first = format!("{text}-01").parse::<Day>().ok().filter(|_| text.len() == "2026-01".len());
        first.map(|first| Calendar::Utc.period_of(first)).ok_or("expected a month such as 2026-03")
    };
    Arg::new("month").long("month").value_name("YYYY-MM").value_parser(parse)
}

/// The configuration with the providers that the command line names, or all of them.
fn load(matches: &ArgMatches) -> Result<Config, Failed> {
    let file = matches.get_one::<String>("file").map_or("", String::as_str);
    let mut config = Config::parse(Some(&Document::read(Path::new(file))?))?;
    let wanted: Vec<&String> = matches.get_many("provider").into_iter().flatten().collect();
    let known = |name: &&&String| config.providers.iter().any(|provider| *provider.name == ***name);
    let unknown =
        wanted.iter().filter(|name| !known(name)).map(|name| format!("there is no provider `{name}`"));
    let problems: Vec<String> = unknown.collect();
    if !problems.is_empty() {
        return Err(Failed { problems, ..Failed::default() });
    }
    if !wanted.is_empty() {
        config.providers.retain(|provider| wanted.iter().any(|name| **name == *provider.name));
    }
    Ok(config)
}
