//! The flags that all programs have, and how a command line is read.
//!
//! Every flag can also be given by an environment variable: the program's prefix and the flag's name in capitals,
//! with `_` for `.` and `-`, unless the flag names another. A flag beats its variable.
//!
//! Accepted as the peers accept them: `--flag value`, `--flag=value`, `--no-flag`, `--flag=false`, and, where the
//! peer is a Go program with the standard flags, `-flag`.

use std::any::TypeId;
use std::convert::Infallible;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::app::{Below, Program};
use crate::config::parse_duration;
use crate::log::{Format, Levels};
use crate::web::Guard;

/// The flags that all programs have.
#[derive(Args, Clone, Debug)]
pub struct CommonFlags {
    /// Address to listen on; repeat it for several. `:PORT` listens on all interfaces.
    #[arg(long = "web.listen-address", value_name = "ADDRESS", help_heading = "Web")]
    pub listen_addresses: Vec<String>,

    /// File with TLS, passwords and headers for the listener, in the format of Prometheus' exporter toolkit.
    #[arg(long = "web.config.file", value_name = "FILE", help_heading = "Web", value_parser = parse_file)]
    pub web_config_file: Option<PathBuf>,

    /// Path of the metrics page.
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics", help_heading = "Web",
          value_parser = parse_path)]
    pub telemetry_path: String,

    /// Collections at the same time; a scrape that would start one more gets 503. Scrapes of the same thing share one. 0 means no limit.
    #[arg(long = "web.max-requests", value_name = "NUMBER", help_heading = "Web")]
    pub max_requests: usize,

    /// Leave out the metrics about the program itself (`process_*`, `watchfire_*`).
    #[arg(long = "web.disable-exporter-metrics", help_heading = "Web")]
    pub disable_exporter_metrics: bool,

    /// Kept back of the scrape timeout that Prometheus sends, for the way home.
    #[arg(long = "timeout-offset", value_name = "DURATION", default_value = "500ms", help_heading = "Web",
          value_parser = parse_offset)]
    pub timeout_offset: Duration,

    /// Configuration file.
    #[arg(long = "config.file", value_name = "FILE", help_heading = "Configuration", value_parser = parse_file)]
    pub config_file: Option<PathBuf>,

    /// Check the flags and the configuration files, print every error, and exit with 0 or 1.
    #[arg(long = "config.check", help_heading = "Configuration")]
    pub config_check: bool,

    /// Least severe log lines to write: debug, info, warn or error; `info,hyper=debug` sets one part apart.
    #[arg(
        long = "log.level",
        alias = "log-level",
        value_name = "LEVEL",
        default_value = "info",
        help_heading = "Logs"
    )]
    pub log_level: Levels,

    /// How log lines are written: logfmt or json.
    #[arg(
        long = "log.format",
        alias = "log-format",
        value_name = "FORMAT",
        default_value = "logfmt",
        help_heading = "Logs"
    )]
    pub log_format: Format,

    /// Where the program takes `?target=`, where its own flags say it instead of [`crate::app::About::probe_path`].
    #[arg(skip)]
    pub probe_path: Option<String>,

    /// Where all paths are, where the program's own flags say it.
    #[arg(skip)]
    pub below: Below,

    /// How often the configuration file is looked at for changes, where the program's own flags say it.
    #[arg(skip)]
    pub auto_reload: Option<Duration>,

    /// What guards the listener, where the program's own flags say it instead of `--web.config.file`.
    #[arg(skip)]
    pub guard: Guard,
}

impl CommonFlags {
    /// The listener's file; a name that is empty is none, as with the peers.
    pub fn web_config(&self) -> Option<&Path> {
        self.web_config_file.as_deref().filter(|path| !path.as_os_str().is_empty())
    }

    /// The configuration file; a name that is empty is none.
    pub fn config(&self) -> Option<&Path> {
        self.config_file.as_deref().filter(|path| !path.as_os_str().is_empty())
    }
}

/// What a command line asks for.
#[derive(Debug)]
pub enum Invocation<F> {
    /// Run the program, or with `--config.check` only check its configuration.
    Serve(Flags<F>),
    /// Ask the running program whether it is healthy.
    Healthcheck(Flags<F>),
    /// One of the program's own subcommands.
    Own(String, ArgMatches),
}

/// All flags of a program.
#[derive(Clone, Debug)]
pub struct Flags<F> {
    /// Those that all programs have.
    pub common: CommonFlags,
    /// The program's own.
    pub own: F,
}

/// Reads a command line; the first argument is the program's name.
///
/// # Errors
/// clap's error: what to print, and the exit code (0 for `--help` and `--version`, 2 for bad flags).
pub fn parse<P: Program>(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Invocation<P::Flags>, clap::Error> {
    let command = command::<P>();
    let arguments = go_style(&command, P::ABOUT.single_dash_flags, arguments.into_iter().collect());
    let matches = command.try_get_matches_from(arguments)?;
    let mut common = CommonFlags::from_arg_matches(&matches)?;
    let own = P::Flags::from_arg_matches(&matches)?;
    P::adopt(&own, &mut common);
    let flags = Flags { common, own };
    Ok(match matches.subcommand() {
        None => Invocation::Serve(flags),
        Some(("healthcheck", _)) => Invocation::Healthcheck(flags),
        Some((name, matches)) => Invocation::Own(name.to_owned(), matches.clone()),
    })
}

/// The program's command line as clap knows it; also what the flag tables are generated from.
pub fn command<P: Program>() -> Command {
    let about = P::ABOUT;
    let command =
        Command::new(about.name)
            .version(about.version)
            .disable_help_subcommand(true)
            .args_override_self(true)
            .subcommand(Command::new("healthcheck").about(
                "Ask the program that runs with the same flags whether it is healthy; exits with 0 or 1",
            ))
            .subcommands(P::subcommands());
    let command = P::Flags::augment_args(CommonFlags::augment_args(command)).about(about.summary);
    command.mut_args(|argument| complete::<P>(argument))
}

/// Gives each flag what all flags have: an environment variable, and for a switch a value (`=true`, `=false`).
fn complete<P: Program>(argument: Arg) -> Arg {
    let argument = match argument.get_action() {
        ArgAction::Help | ArgAction::Version => return argument,
        ArgAction::SetTrue => switch(argument),
        _ => argument,
    };
    let argument = match argument.get_id().as_str() {
        "listen_addresses" => argument.default_value(format!(":{}", P::ABOUT.port)),
        "max_requests" => argument.required(false).default_value(P::MAX_REQUESTS.to_string()),
        _ => argument,
    };
    let argument = match (argument.get_env(), argument.get_long()) {
        (None, Some(flag)) => {
            let variable = environment_variable(P::ABOUT.env_prefix, flag);
            argument.env(variable)
        }
        _ => argument,
    };
    let argument = if is_set_to_nothing(&argument) { argument.env(None::<&str>) } else { argument };
    // the value of a variable may be a password
    argument.hide_env_values(true)
}

/// A variable that is set to nothing, as templates leave behind, is as good as none where nothing is no value: a
/// text may be empty, a number or a switch may not.
fn is_set_to_nothing(argument: &Arg) -> bool {
    let empty = argument.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    empty && argument.get_value_parser().type_id() != TypeId::of::<String>()
}

fn switch(argument: Arg) -> Arg {
    let default = argument.get_default_values().first().cloned();
    argument
        .action(ArgAction::Set)
        .value_parser(BoolishValueParser::new())
        .num_args(0..=1)
        .require_equals(true)
        .default_value(default.unwrap_or_else(|| "false".into()))
        .default_missing_value("true")
        .hide_possible_values(true)
        .value_name("BOOL")
}

fn environment_variable(prefix: &str, flag: &str) -> String {
    format!("{prefix}_{}", flag.to_uppercase().replace(['.', '-'], "_"))
}

/// Turns `-flag` into `--flag` (where the peer is a Go program) and `--no-switch` into `--switch=false`.
fn go_style(command: &Command, single_dash: bool, arguments: Vec<OsString>) -> Vec<OsString> {
    let rewrite = |argument: OsString| {
        let Some(text) = argument.to_str() else { return argument };
        let Some(name) = text.strip_prefix('-') else { return argument };
        let (dashed, name) = match name.strip_prefix('-') {
            Some(name) => (text.to_owned(), name),
            // `-h` and `-V` are clap's
            None if single_dash && name.len() > 1 => (format!("-{text}"), name),
            None => return argument,
        };
        let is_switch = |wanted: &str| {
            let mut flags = command.get_arguments();
            flags.any(|flag| {
                let old = || flag.get_all_aliases().is_some_and(|names| names.contains(&wanted));
                may_stand_alone(flag) && (flag.get_long() == Some(wanted) || old())
            })
        };
        match name.strip_prefix("no-") {
            Some(switch) if is_switch(switch) => format!("--{switch}=false").into(),
            _ => dashed.into(),
        }
    };
    // in Go what follows a flag that wants a value is its value, also when it begins with a dash
    let wants_value = |argument: &OsString| {
        let name = argument.to_str().and_then(|text| text.strip_prefix("--"));
        let mut flags = command.get_arguments().filter(|_| single_dash);
        name.is_some_and(|name| {
            flags.any(|flag| {
                flag.get_long() == Some(name) && flag.get_action().takes_values() && !may_stand_alone(flag)
            })
        })
    };
    let mut seen_end = false;
    let mut rewritten: Vec<OsString> = Vec::new();
    for argument in arguments {
        match rewritten.last_mut() {
            Some(flag) if !seen_end && wants_value(flag) => {
                flag.push("=");
                flag.push(argument);
                continue;
            }
            _ => {}
        }
        seen_end |= argument == "--";
        rewritten.push(if seen_end { argument } else { rewrite(argument) });
    }
    rewritten
}

/// Whether a flag may be given without a value.
fn may_stand_alone(flag: &Arg) -> bool {
    flag.get_num_args().is_some_and(|range| range.min_values() == 0)
}

fn parse_path(text: &str) -> Result<String, String> {
    if text.len() < 2 || !text.starts_with('/') || text.contains(['{', '}', '?', '#', ' ']) {
        return Err("expected a path such as /metrics".to_owned());
    }
    Ok(text.to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a value parser")]
fn parse_file(text: &str) -> Result<PathBuf, Infallible> {
    Ok(PathBuf::from(text))
}

fn parse_offset(text: &str) -> Result<Duration, String> {
    // blackbox_exporter takes bare seconds here
    match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string()),
        Err(_) => parse_duration(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrape::DEFAULT_TIMEOUT_OFFSET;

    #[test]
    fn offsets() {
        assert_eq!(parse_offset("0.5"), Ok(DEFAULT_TIMEOUT_OFFSET));
        assert_eq!(parse_offset("500ms"), Ok(DEFAULT_TIMEOUT_OFFSET));
        assert!(parse_offset("soon").is_err());
        assert!(parse_offset("-1").is_err());
    }
}
