//! The program's own flags; names, variables and defaults are postgres_exporter's. Those of collectors come from the
//! collectors' files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches};
use toolkit::config::parse_duration;

use crate::collector::{Collector, ParameterKind, built_in};

/// The flags beside those that all programs have.
#[derive(Clone, Debug)]
pub struct Flags {
    /// Those with a fixed name.
    pub fixed: Fixed,
    /// Whether `--auto-discover-databases` was given, and not only left at its default: postgres_exporter runs the
    /// queries of its file in every database only then.
    pub discovery_asked: bool,
    /// `--[no-]collector.NAME`, by name of the collector.
    pub collectors: BTreeMap<String, bool>,
    /// `--collector.NAME.PARAMETER`, by both.
    pub parameters: BTreeMap<(String, String), String>,
}

/// Flags with a fixed name.
#[derive(clap::Args, Clone, Debug)]
#[expect(clippy::doc_markdown, reason = "clap shows the comments as they are")]
pub struct Fixed {
    /// Watch the tables, indexes and so on of all databases, not only of that in the connection string
    #[arg(long = "auto-discover-databases", default_value = "true")]
    pub auto_discover_databases: bool,

    /// Databases to watch, with commas between; * and ? are wildcards; empty for all
    #[arg(
        long = "include-databases",
        default_value = "",
        hide_default_value = true,
        value_name = "PATTERNS"
    )]
    pub include_databases: String,

    /// Databases not to watch, with commas between; * and ? are wildcards
    #[arg(
        long = "exclude-databases",
        default_value = "",
        hide_default_value = true,
        value_name = "PATTERNS"
    )]
    pub exclude_databases: String,

    /// Sessions for the collectors that run in each database, whatever the number of databases and scrapes
    #[arg(long = "database-sessions", default_value = "2", value_name = "NUMBER",
          value_parser = clap::value_parser!(u16).range(1..=16))]
    pub database_sessions: u16,

    /// How long one query of a collector may take, unless its file says otherwise
    #[arg(long = "collector-timeout", default_value = "3s", value_name = "DURATION", value_parser = positive)]
    pub collector_timeout: Duration,

    /// How long everything together may take; the scrape's own timeout counts too
    #[arg(long = "collection-timeout", default_value = "1m", value_name = "DURATION", value_parser = positive)]
    pub collection_timeout: Duration,

    /// A folder with collectors of your own, *.yml
    #[arg(long = "collector.directory", value_name = "FOLDER")]
    pub collector_directory: Option<PathBuf>,

    /// A file with queries in the format of postgres_exporter's queries.yaml
    #[arg(long = "extend.query-path", default_value = "", hide_default_value = true, value_name = "FILE")]
    pub extend_query_path: String,

    /// Leave out pg_static and pg_stat_database_conflicts
    #[arg(long = "disable-default-metrics")]
    pub disable_default_metrics: bool,

    /// Leave out pg_settings
    #[arg(long = "disable-settings-metrics")]
    pub disable_settings_metrics: bool,

    /// What stands for pg at the beginning of metric names
    #[arg(long = "metric-prefix", default_value = "pg", value_name = "NAME", value_parser = prefix)]
    pub metric_prefix: String,

    /// Deprecated: labels for every metric, as NAME=VALUE with commas between
    #[arg(
        long = "constantLabels",
        env = "PG_EXPORTER_CONSTANT_LABELS",
        default_value = "",
        hide_default_value = true,
        value_name = "LABELS"
    )]
    pub constant_labels: String,

    /// Deprecated: does nothing; see the commands check and explain
    #[arg(long = "dumpmaps")]
    pub dumpmaps: bool,

    /// Take no targets at /probe
    #[arg(long = "disable-probe")]
    pub disable_probe: bool,
}

impl clap::Args for Flags {
    fn augment_args(command: Command) -> Command {
        let command = <Fixed as clap::Args>::augment_args(command);
        // a test makes sure that the files are right; a wrong one is reported by `configure`
        let collectors = built_in::collectors().unwrap_or_default();
        command.args(collectors.iter().flat_map(arguments))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let fixed = Fixed::from_arg_matches(matches)?;
        let (mut collectors, mut parameters) = (BTreeMap::new(), BTreeMap::new());
        // the files need not be read again for their names: clap has them
        for id in matches.ids() {
            let Some(name) = id.as_str().strip_prefix("collector.") else { continue };
            let bool = matches.try_get_one::<bool>(id.as_str()).ok().flatten();
            match (name.split_once('.'), bool) {
                (None, Some(enabled)) => {
                    collectors.insert(name.to_owned(), *enabled);
                }
                (Some((collector, parameter)), bool) => {
                    let text = matches.try_get_one::<String>(id.as_str()).ok().flatten();
                    if let Some(value) = bool.map(ToString::to_string).or_else(|| text.cloned()) {
                        parameters.insert((collector.to_owned(), parameter.to_owned()), value);
                    }
                }
                (None, None) => {}
            }
        }
        let source = matches.value_source("auto_discover_databases");
        let given = matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable));
        let discovery_asked = given && fixed.auto_discover_databases;
        Ok(Self { fixed, discovery_asked, collectors, parameters })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Collectors that postgres_exporter 0.19 called otherwise: (name, old name).
const OLD_NAMES: [(&str, &str); 1] = [("replication_slots", "replication_slot")];

fn switch(name: &str) -> String {
    format!("collector.{name}")
}

/// The flags of one collector: its switch and its parameters.
fn arguments(collector: &Collector) -> Vec<Arg> {
    let flag = switch(&collector.name);
    let old_names = OLD_NAMES.iter().filter(|(name, _)| *name == collector.name);
    let toggle = Arg::new(flag.clone())
        .long(flag.clone())
        .aliases(old_names.map(|(_, old)| switch(old)))
        .help(collector.help.trim_end_matches('.').to_owned())
        .help_heading("Collectors")
        .action(ArgAction::SetTrue)
        .default_value(if collector.default { "true" } else { "false" });
    let mut arguments = vec![toggle];
    for parameter in &collector.parameters {
        let long = format!("{flag}.{}", parameter.name);
        let kind = parameter.kind;
        let argument = Arg::new(long.clone())
            .long(long)
            .help(parameter.help.trim_end_matches('.').to_owned())
            .help_heading("Collectors")
            .default_value(parameter.default.clone());
        arguments.push(match kind {
            ParameterKind::Bool => argument.action(ArgAction::SetTrue),
            ParameterKind::Integer(_) => {
                argument.value_name("NUMBER").value_parser(move |text: &str| literal(kind, text))
            }
            ParameterKind::List => argument
                .value_name("NAMES")
                .hide_default_value(true)
                .value_parser(move |text: &str| literal(kind, text)),
        });
    }
    arguments
}

fn literal(kind: ParameterKind, text: &str) -> Result<String, String> {
    crate::collector::sql::literal(kind, text).map(|_| text.to_owned())
}

fn positive(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("expected more than 0".to_owned()),
        duration => Ok(duration),
    }
}

fn prefix(text: &str) -> Result<String, String> {
    let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && text.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if fits { Ok(text.to_owned()) } else { Err("expected letters, digits and underscores".to_owned()) }
}

#[cfg(test)]
mod tests {
    use toolkit::cli::{Invocation, parse};

    use super::*;
    use crate::Postgres;

    fn flags(arguments: &[&str]) -> Flags {
        let line = std::iter::once("postgres-exporter").chain(arguments.iter().copied()).map(Into::into);
        match parse::<Postgres>(line).unwrap() {
            Invocation::Serve(flags) => flags.own,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn collectors_have_flags_as_the_peer_has_them() {
        let usual = flags(&[]);
        assert_eq!((usual.collectors["locks"], usual.collectors["stat_statements"]), (true, false));
        let limit = ("stat_statements".to_owned(), "limit".to_owned());
        assert_eq!(usual.parameters[&limit], "100");
        let old = flags(&["--no-collector.replication_slot"]);
        assert_eq!(
            (usual.collectors["replication_slots"], old.collectors["replication_slots"]),
            (true, false)
        );
        let set = flags(&[
            "--no-collector.locks",
            "--collector.stat_statements",
            "--collector.stat_statements.limit=7",
            "--collector.stat_statements.include_query",
        ]);
        assert_eq!((set.collectors["locks"], set.collectors["stat_statements"]), (false, true));
        assert_eq!(set.parameters[&limit], "7");
        assert_eq!(set.parameters[&("stat_statements".to_owned(), "include_query".to_owned())], "true");
    }
}
