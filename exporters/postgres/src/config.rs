//! Flags and file, parsed into what is asked of which server.
//!
//! ```yaml
//! data_source:                     # the server of /metrics, instead of DATA_SOURCE_NAME
//!   dsn: postgresql://metrics@db/postgres
//!   password_command: [get-token, db]  # or password, password_file, password_env
//! auth_modules:                    # as postgres_exporter's, with `targets` that say where they may be used
//!   main:
//!     type: userpass
//!     userpass: {username: metrics, password_file: /run/secrets/pg}
//!     options: {sslmode: verify-full}
//!     targets: ["db-*.internal:5432", "10.0.0.0/8"]
//! collector_directory: collectors
//! collectors: []                   # collectors of your own, in the format of the built-in ones
//! ```
//!
//! Invariant: a `/probe` target gets the password of an auth module only where a pattern of that module matches it.
//! Without `targets` those are the servers of this machine.

use std::path::Path;
use std::time::Duration;

use toolkit::config::{ConfigError, Document, Fields, Problems};
use tracing::warn;

use crate::auth_modules::{self, AuthModules};
use crate::collector::{Collector, built_in, decode, sql};
use crate::conn::Link;
use crate::discover::DatabaseRules;
use crate::dsn::sources::{self, Lookup, Source};
use crate::dsn::{Dsn, resolve};
use crate::flags::Flags;
use crate::legacy::{self, QueryFile};
use crate::plan::Chosen;

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The servers of `/metrics`; the first is shown whole, of the others what carries the label `server`.
    pub mains: Vec<Link>,
    /// What is asked.
    pub collectors: Vec<Chosen>,
    /// Which databases are watched.
    pub databases: DatabaseRules,
    /// Sessions for the collectors that run in each database.
    pub database_sessions: usize,
    /// How long one query may take.
    pub collector_timeout: Duration,
    /// How long everything together may take.
    pub collection_timeout: Duration,
    /// What stands for `pg` at the beginning of names.
    pub prefix: String,
    /// Labels for every series.
    pub constant_labels: Vec<(String, String)>,
    /// Whether `/probe` takes targets, and who we are there.
    pub probe: Option<AuthModules>,
    /// The user's file of queries, for its own metric.
    pub query_file: Option<QueryFile>,
}

/// What postgres_exporter reads from the working directory when no file is named.
const USUAL_FILE: &str = "postgres_exporter.yml";

/// The file that is read when none is named, where there is one.
///
/// # Errors
/// It is there and cannot be read.
pub fn usual_file() -> Result<Option<Document>, ConfigError> {
    let path = Path::new(USUAL_FILE);
    if path.exists() { Document::read(path).map(Some) } else { Ok(None) }
}

/// What the file holds.
#[derive(Default)]
struct FromFile {
    source: Option<Source>,
    modules: AuthModules,
    directory: Option<std::path::PathBuf>,
    collectors: Vec<Collector>,
}

impl Config {
    /// Parses flags, file and environment; tells every problem at once.
    ///
    /// # Errors
    /// Every problem there is.
    pub fn parse(
        flags: &Flags,
        document: Option<&Document>,
        lookup: Lookup<'_>,
    ) -> Result<Self, ConfigError> {
        let mut problems = Problems::default();
        let file = document.map(|document| document.decode(|mut fields| decode_file(&mut fields)));
        let file = file.and_then(|file| problems.keep(file)).unwrap_or_default();
        let fixed = &flags.fixed;
        let mains = problems.keep(mains(file.source, lookup)).unwrap_or_default();
        let mut collectors = problems.keep(built_in::collectors()).unwrap_or_default();
        for folder in [file.directory.as_deref(), fixed.collector_directory.as_deref()].into_iter().flatten()
        {
            for found in read_folder(folder) {
                if let Some(collector) = problems.keep(found) {
                    replace(&mut collectors, collector);
                }
            }
        }
        for collector in file.collectors {
            replace(&mut collectors, collector);
        }
        let mut chosen: Vec<Chosen> = collectors
            .into_iter()
            .filter(|collector| is_enabled(collector, flags))
            .map(|collector| choose(collector, flags))
            .collect();
        let query_path = Path::new(&fixed.extend_query_path);
        let query_file =
            (!fixed.extend_query_path.is_empty()).then(|| legacy::read(query_path, flags.discovery_asked));
        let query_file = query_file.map(|(file, more)| {
            chosen.extend(more.into_iter().map(|collector| Chosen { collector, values: Vec::new() }));
            file
        });
        if fixed.dumpmaps {
            warn!("--dumpmaps does nothing here (hint: postgres-exporter explain)");
        }
        let constant_labels = problems.keep(labels(&fixed.constant_labels)).unwrap_or_default();
        if !constant_labels.is_empty() {
            warn!("--constantLabels is deprecated (hint: set labels in Prometheus' scrape_configs)");
        }
        problems.or(Self {
            mains,
            collectors: chosen,
            databases: DatabaseRules {
                only_own: !fixed.auto_discover_databases,
                include: words(&fixed.include_databases),
                exclude: words(&fixed.exclude_databases),
            },
            database_sessions: usize::from(fixed.database_sessions),
            collector_timeout: fixed.collector_timeout,
            collection_timeout: fixed.collection_timeout,
            prefix: fixed.metric_prefix.clone(),
            constant_labels,
            probe: (!fixed.disable_probe).then_some(file.modules),
            query_file,
        })
    }
}

fn decode_file(fields: &mut Fields<'_>) -> FromFile {
    let source = fields.fields("data_source").map(|mut fields| {
        let dsn = fields.parsed("dsn", Dsn::parse);
        fields.require("dsn");
        let password = fields.secret("password");
        Source { dsn: dsn.unwrap_or_default(), password }
    });
    FromFile {
        source,
        modules: auth_modules::decode(fields),
        directory: fields.path("collector_directory"),
        collectors: fields.list("collectors", |item| {
            let mut fields = item.fields()?;
            Some(decode::decode_collector(&mut fields))
        }),
    }
}

/// The servers of `/metrics`: the file's, else those of the environment.
fn mains(from_file: Option<Source>, lookup: Lookup<'_>) -> Result<Vec<Link>, ConfigError> {
    let (place, found) = if let Some(source) = from_file {
        ("data_source", vec![source])
    } else {
        let found = sources::from_environment(lookup);
        ("DATA_SOURCE_NAME", found.map_err(|error| ConfigError::flag(&error.variable, error.message))?)
    };
    let link = |source: Source| {
        resolve::configured(source.dsn, source.password, lookup)
            .map_err(|error| ConfigError::flag(place, error.to_string()))
    };
    found.into_iter().map(link).collect()
}

/// Files of a folder in the order of their names, so that the same folder always means the same.
fn read_folder(folder: &Path) -> Vec<Result<Collector, ConfigError>> {
    let unreadable = |error: std::io::Error| ConfigError::file(folder, format!("cannot be read: {error}"));
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return vec![Err(unreadable(error))],
    };
    let mut files: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yml" || extension == "yaml"));
    files.sort();
    files.iter().map(|file| decode::collector(&Document::read(file)?)).collect()
}

/// A collector of the user's stands for the built-in one of the same name.
fn replace(collectors: &mut Vec<Collector>, collector: Collector) {
    match collectors.iter_mut().find(|known| known.name == collector.name) {
        Some(known) => *known = collector,
        None => collectors.push(collector),
    }
}

/// What stands in SQL for the patterns of `--exclude-databases`, as an array for `LIKE ANY`.
const EXCLUDED: &str = "excluded_databases";

fn like_patterns(globs: &[String]) -> String {
    let as_like = |glob: &String| {
        let escaped = glob.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        sql::quote_literal(&escaped.replace('*', "%").replace('?', "_"))
    };
    let patterns: Vec<String> = globs.iter().map(as_like).collect();
    format!("ARRAY[{}]::pg_catalog.text[]", patterns.join(","))
}

fn is_enabled(collector: &Collector, flags: &Flags) -> bool {
    let fixed = &flags.fixed;
    let name = collector.name.as_str();
    let switched_off = (fixed.disable_settings_metrics && name == "settings")
        || (fixed.disable_default_metrics && ["static", "stat_database_conflicts"].contains(&name));
    !switched_off && flags.collectors.get(name).copied().unwrap_or(collector.default)
}

fn choose(collector: Collector, flags: &Flags) -> Chosen {
    let excluded = like_patterns(&words(&flags.fixed.exclude_databases));
    let values = collector
        .parameters
        .iter()
        .filter_map(|parameter| {
            let set = flags.parameters.get(&(collector.name.clone(), parameter.name.clone()));
            // flags and files have judged the text already
            let literal = sql::literal(parameter.kind, set.unwrap_or(&parameter.default)).ok()?;
            Some((parameter.name.clone(), literal))
        })
        .chain(std::iter::once((EXCLUDED.to_owned(), excluded)))
        .collect();
    Chosen { collector, values }
}

fn words(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn labels(list: &str) -> Result<Vec<(String, String)>, ConfigError> {
    let wrong = || ConfigError::flag("--constantLabels", "expected NAME=VALUE with commas between");
    words(list)
        .into_iter()
        .map(|pair| {
            let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_the_same_in_sql() {
        for (globs, expected) in [
            ("", "ARRAY[]::pg_catalog.text[]"),
            ("a*,b_?", "ARRAY['a%',E'b\\\\__']::pg_catalog.text[]"),
            ("o'%\\", "ARRAY[E'o''\\\\%\\\\\\\\']::pg_catalog.text[]"),
        ] {
            assert_eq!(like_patterns(&words(globs)), expected);
        }
    }
}
