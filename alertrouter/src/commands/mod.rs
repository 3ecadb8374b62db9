//! Subcommands: `check-config`, `routes` with `show`, `test` and `diff`, `render`, `send-test`, and `dlq`.
//!
//! They read files and print. Only `send-test` sends anything, and only `dlq` writes to the store.

mod cases;
mod check;
mod diff;
mod dlq;
mod render;
mod routes;
pub(crate) mod sample;
mod send_test;
mod tree;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command};
use toolkit::config::Document;

use crate::config::Config;
use crate::matcher::ParserMode;

/// What a command has to say when it does not succeed; it ends with 1.
#[derive(Debug, Default)]
struct Failed {
    /// What it found, for standard output.
    found: String,
    /// What is wrong, one line each, for standard error.
    problems: Vec<String>,
}

impl From<String> for Failed {
    fn from(problem: String) -> Self {
        Self { found: String::new(), problems: problem.lines().map(str::to_owned).collect() }
    }
}

/// All of them, for clap.
pub(crate) fn all() -> Vec<Command> {
    vec![check::command(), routes::command(), render::command(), send_test::command(), dlq::command()]
}

/// Runs one; gives the exit code.
pub(crate) fn run(name: &str, matches: &ArgMatches) -> u8 {
    let outcome = match name {
        "check-config" => check::run(matches),
        "routes" => routes::run(matches),
        "render" => render::run(matches),
        "send-test" => send_test::run(matches),
        "dlq" => dlq::run(matches),
        _ => Err("there is no such command".to_owned().into()),
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

/// The flag for how matchers are read, with Alertmanager's name.
fn features() -> Arg {
    Arg::new("features")
        .long("enable-feature")
        .value_name("FEATURES")
        .default_value("")
        .hide_default_value(true)
        .value_parser(ParserMode::from_features)
        .help("How matchers are read: classic-mode or utf8-strict-mode, as in Alertmanager")
}

fn config_file() -> Arg {
    Arg::new("file").long("config.file").value_name("FILE").required(true).help("Configuration file")
}

fn mode(matches: &ArgMatches) -> ParserMode {
    matches.get_one::<ParserMode>("features").copied().unwrap_or_default()
}

/// A text that clap has made sure of.
fn text<'a>(matches: &'a ArgMatches, name: &str) -> &'a str {
    matches.get_one::<String>(name).map_or("", String::as_str)
}

fn load(file: &str, mode: ParserMode) -> Result<Config, Failed> {
    let config =
        Document::read(Path::new(file)).and_then(|document| Config::decode(&document, PathBuf::new(), mode));
    config.map_err(|error| error.to_string().into())
}
