//! Flags and file, parsed into what each target gets.
//!
//! ```yaml
//! targets:
//!   - match: ["cache-*.internal:6379", "10.0.0.0/8"]   # exact, glob or network; the first that matches stands
//!     username: metrics
//!     password_file: /run/secrets/redis                # or password, password_env, password_command
//!     tls:
//!       ca_file: ca.pem
//!     cluster: true                                    # show all nodes of its cluster
//! ```
//!
//! Invariants: a `/scrape` target that matches no rule, no entry of the password file, and is not the target of
//! `--redis.addr` gets no password and no client certificate; it reaches a unix socket only by a rule for it.

mod cluster;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use toolkit::config::{ConfigError, Document, Fields, Problems, SecretSource};
use toolkit::scrape::{TargetPattern, TargetRules};

use crate::access::{Credentials, PasswordSource, parse_entries};
use crate::collectors::{self, PARTS, Part, Show};
use crate::command::{Command, CommandOptions};
use crate::custom::scripts::{self, Script};
use crate::custom::{self, CustomCommand};
use crate::flags::{CheckFlags, Flags};
use crate::keys::checks::Checks;
use crate::pattern::{self, Pattern};
use crate::rules::{self, Access};
use crate::session::Link;
use crate::target::{Place, Target};
use crate::tls::{TlsConfigs, TlsSettings};

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which configuration of this process it is; connections of an earlier one are not used again.
    pub generation: u64,
    /// What all metric names begin with.
    pub namespace: String,
    /// The target of `/metrics`.
    pub main: Option<Target>,
    /// What is shown.
    pub show: Show,
    /// What is looked for among the keys.
    pub checks: Arc<Checks>,
    /// Whether `/scrape` takes targets.
    pub scrape_endpoint: bool,
    /// Whether nodes of clusters are reached and shown by the names they announce.
    pub nodes_by_name: bool,
    /// Whether any target is asked for the nodes of its cluster.
    pub asks_for_nodes: bool,
    /// Whether the main target is part of a cluster.
    is_cluster: bool,
    /// Whether its page shows all nodes of the cluster.
    cluster_nodes: bool,
    /// The scripts of `--script`.
    pub scripts: Vec<Script>,
    /// What the flags give to the main target.
    main_access: Access,
    /// What the file gives to targets.
    rules: TargetRules<Arc<Access>>,
    /// What the file asks of targets beside the page.
    custom: Vec<Arc<CustomCommand>>,
    password_file: Option<PathBuf>,
    tls_configs: Arc<TlsConfigs>,
    timeout: Duration,
    set_client_name: bool,
    commands: CommandOptions,
}

/// A target that may not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a unix socket is only asked when a rule under `targets:` in the configuration file matches it")]
pub struct SocketForbidden;

impl Config {
    /// Parses flags and file; tells every problem at once.
    pub fn parse(flags: &Flags, document: Option<&Document>) -> Result<Self, ConfigError> {
        let mut problems = Problems::default();
        let addr = flags.addr.trim();
        let main = match addr {
            "" => None,
            addr => problems.keep(
                Target::parse(addr).map_err(|error| ConfigError::flag("--redis.addr", error.to_string())),
            ),
        };
        let (rules, custom) = match document {
            Some(document) => problems.keep(document.decode(decode)).unwrap_or_default(),
            None => (Vec::new(), Vec::new()),
        };
        let given = |path: &Option<PathBuf>| path.clone().filter(|path| !path.as_os_str().is_empty());
        let password_file = given(&flags.password_file);
        let tls = TlsSettings {
            ca_file: given(&flags.tls_ca_cert_file),
            cert_file: given(&flags.tls_client_cert_file),
            key_file: given(&flags.tls_client_key_file),
            server_name: Some(flags.tls_server_name.clone()).filter(|name| !name.is_empty()),
            insecure: flags.skip_tls_verification,
            only_tls13: false,
        };
        problems.keep(check_tls("--tls-client-cert-file", &tls));
        let mut commands = command_options(flags);
        if flags.show.include_search_indexes_metrics {
            commands.search_indexes = problems.keep(search_indexes(&flags.show.check_search_indexes));
        }
        problems.keep(password_file.as_ref().map_or(Ok(()), check_password_file));
        let config = Self {
            generation: 0,
            namespace: flags.namespace.clone(),
            main_access: Access {
                credentials: main_credentials(flags, main.as_ref(), password_file.clone()),
                tls,
                only_tls: false,
                cluster: false,
            },
            main,
            show: Show {
                system_memory: flags.show.include_system_metrics,
                empty_databases: flags.show.include_metrics_for_empty_databases,
                build: !flags.show.redis_only_metrics,
                role_label: flags.show.append_instance_role_label,
                ping: flags.ping_on_connect,
                sentinel_peers: flags.show.include_sentinel_peer_info,
                config: flags.show.include_config_metrics,
                rdb_file: flags.show.include_rdb_file_size_metric,
                redact_config: flags.show.redact_config_metrics,
                slowlog_entries: flags.show.slowlog_commands,
                info_fields: flags.show.include_info_fields,
                histogram_commands: problems
                    .keep(histogram_commands(&flags.show.latency_histogram_commands))
                    .flatten(),
                histogram_buckets: flags.show.latency_histogram_buckets,
                client_port: flags.show.export_client_port,
                client_aggregates: flags.show.client_aggregates,
            },
            scrape_endpoint: !flags.disable_scrape_endpoint,
            nodes_by_name: flags.cluster_discover_hostnames,
            asks_for_nodes: flags.is_cluster
                || flags.cluster_nodes
                || rules.iter().any(|(_, access)| access.cluster),
            is_cluster: flags.is_cluster,
            cluster_nodes: flags.cluster_nodes,
            rules: TargetRules::new(rules),
            custom,
            scripts: problems
                .keep(scripts::read(&flags.checks.script, flags.checks.lua_script_read_only))
                .unwrap_or_default(),
            checks: Arc::new(problems.keep(checks(&flags.checks)).unwrap_or_default()),
            password_file,
            tls_configs: Arc::default(),
            timeout: flags.connection_timeout,
            set_client_name: flags.set_client_name,
            commands,
        };
        problems.or(config)
    }

    /// The parts of the page for which anything is asked.
    pub fn parts(&self) -> impl Iterator<Item = Part> {
        PARTS.iter().copied().filter(|part| part.is_wanted(&self.commands))
    }

    /// How the target of `--redis.addr` is reached.
    pub fn main_link(&self, main: &Target) -> Link {
        self.link(main, self.access_of_main(main))
    }

    /// Where the flags give no password, a rule may.
    fn access_of_main(&self, main: &Target) -> Access {
        let mut access = self.main_access.clone();
        if access.credentials.password == PasswordSource::None
            && let Some(rule) = self.rules.find(main.name())
        {
            access = Access {
                credentials: Credentials {
                    user: rule.credentials.user.clone().or(access.credentials.user),
                    password: rule.credentials.password.clone(),
                },
                tls: if access.tls == TlsSettings::default() { rule.tls.clone() } else { access.tls },
                only_tls: rule.only_tls,
                cluster: rule.cluster,
            };
        }
        access
    }

    /// How a target of `/scrape` is reached; `tls_server_name` is the request's parameter.
    pub fn asked_link(&self, asked: &Target, tls_server_name: Option<&str>) -> Result<Link, SocketForbidden> {
        let rule = self.rules.find(asked.name());
        let mut access = match (rule, &self.main) {
            (Some(rule), _) => self.rule_access(rule, asked),
            (None, Some(main)) if main.covers(asked) => self.access_of_main(main),
            _ if matches!(asked.place, Place::Unix { .. }) => return Err(SocketForbidden),
            _ => self.stranger_access(asked),
        };
        // a name that a rule gives is part of what keeps its password safe
        if rule.is_none_or(|rule| rule.tls.server_name.is_none())
            && let Some(name) = tls_server_name
        {
            access.tls.server_name = Some(name.to_owned());
        }
        Ok(self.link(asked, access))
    }

    /// A rule without a user leaves the choice of the user to the request, as redis_exporter does.
    fn rule_access(&self, rule: &Access, asked: &Target) -> Access {
        let mut access = rule.clone();
        if access.credentials.password == PasswordSource::None {
            access.credentials.password = self.entries_of_password_file();
        }
        access.credentials.user = access.credentials.user.or_else(|| asked.user.clone());
        access
    }

    /// What any target gets: the flags' way to verify it, but nothing that says who we are.
    fn stranger_access(&self, asked: &Target) -> Access {
        let TlsSettings { ca_file, insecure, .. } = self.main_access.tls.clone();
        Access {
            credentials: Credentials { user: asked.user.clone(), password: self.entries_of_password_file() },
            tls: TlsSettings { ca_file, insecure, ..TlsSettings::default() },
            only_tls: false,
            cluster: false,
        }
    }

    /// What is asked for the page.
    pub fn command_options(&self) -> &CommandOptions {
        &self.commands
    }

    /// What the file asks of targets beside the page.
    pub fn custom_commands(&self) -> impl Iterator<Item = &CustomCommand> {
        self.custom.iter().map(Arc::as_ref)
    }

    /// Whether our connections have a name in CLIENT LIST.
    pub fn names_its_connections(&self) -> bool {
        self.set_client_name
    }

    /// Who we are at the main target, or would best be.
    pub fn main_user(&self) -> &str {
        self.main_access.credentials.user.as_deref().unwrap_or("metrics")
    }

    /// What the file asks of a target: what is written for it, and, where the flags or a rule know it, what is
    /// written for all. Keys and scripts are not shown to strangers.
    fn custom_of(&self, target: &Target) -> Vec<Arc<CustomCommand>> {
        let known = self.rules.find(target.name()).is_some()
            || self.main.as_ref().is_some_and(|main| main.covers(target));
        let custom = self.custom.iter().filter(|command| command.is_for(target.name(), known));
        custom.cloned().collect()
    }

    fn entries_of_password_file(&self) -> PasswordSource {
        match &self.password_file {
            Some(path) => PasswordSource::File { path: path.clone(), single: false },
            None => PasswordSource::None,
        }
    }

    fn link(&self, target: &Target, access: Access) -> Link {
        Link {
            place: if access.only_tls { target.place.with_tls() } else { target.place.clone() },
            credentials: access.credentials,
            tls: access.tls,
            tls_configs: Arc::clone(&self.tls_configs),
            timeout: self.timeout,
            set_client_name: self.set_client_name,
            ping: self.show.ping,
            commands: self.commands.clone(),
            custom: self.custom_of(target),
            generation: self.generation,
        }
    }
}

/// What targets get, in the order of the file.
type Rules = Vec<(TargetPattern, Arc<Access>)>;

/// The rules and the commands of the file.
fn decode(mut fields: Fields<'_>) -> (Rules, Vec<Arc<CustomCommand>>) {
    (rules::decode(&mut fields), custom::decode::decode(&mut fields))
}

/// What is asked: what the parts of the page read, less what the flags switch off.
fn command_options(flags: &Flags) -> CommandOptions {
    let config_off = matches!(flags.config_command.as_str(), "-" | "");
    let latency_off = flags.show.exclude_latency_histogram_metrics;
    let mut wanted = collectors::commands();
    wanted.retain(|command| match command {
        Command::ConfigNamed => !config_off && !flags.show.include_config_metrics,
        Command::ConfigAll => !config_off,
        Command::InfoModules => flags.show.include_modules_metrics,
        Command::SearchList => flags.show.include_search_indexes_metrics,
        Command::Tile38Server => flags.is_tile38,
        Command::LatencyLatest | Command::LatencyHistogram => !latency_off,
        Command::SentinelConfig => flags.show.include_config_metrics,
        Command::ClusterSlotStats => flags.show.cluster_slot_stats > 0,
        Command::ClientList => flags.show.export_client_list,
        _ => true,
    });
    CommandOptions {
        wanted,
        config_command: flags.config_command.clone(),
        slot_stats: flags.show.cluster_slot_stats.to_string(),
        rdb_file: flags.show.include_rdb_file_size_metric,
        slowlog_entries: flags.show.slowlog_commands,
        histogram_commands: pattern::plain_words(&flags.show.latency_histogram_commands),
        search_indexes: None,
    }
}

fn histogram_commands(globs: &str) -> Result<Option<Pattern>, ConfigError> {
    Pattern::globs(globs).map_err(|problem| ConfigError::flag("--latency-histogram-commands", problem))
}

fn search_indexes(regex: &str) -> Result<Pattern, ConfigError> {
    Pattern::regex(regex).map_err(|problem| ConfigError::flag("--check-search-indexes", problem))
}

/// The flag comes before the address's own password, and both before the file, as with redis_exporter.
fn main_credentials(flags: &Flags, main: Option<&Target>, password_file: Option<PathBuf>) -> Credentials {
    let user = Some(flags.user.clone()).filter(|user| !user.is_empty());
    let secret = Some(flags.password.clone()).filter(|secret| !secret.is_empty());
    let password = match (secret.or_else(|| main.and_then(|main| main.password.clone())), password_file) {
        (Some(secret), _) => PasswordSource::Secret(SecretSource::Inline(secret)),
        (None, Some(path)) => PasswordSource::File { path, single: true },
        (None, None) => PasswordSource::None,
    };
    Credentials { user: user.or_else(|| main.and_then(|main| main.user.clone())), password }
}

/// What is looked for among the keys; every problem of its flags at once.
fn checks(flags: &CheckFlags) -> Result<Checks, ConfigError> {
    Checks::parse(flags).map_err(|problems| {
        let errors = problems.into_iter().map(|(flag, problem)| ConfigError::flag(flag, problem));
        errors
            .reduce(ConfigError::merge)
            .unwrap_or_else(|| ConfigError::flag("--check-keys", "cannot be read"))
    })
}

fn check_tls(flag: &str, settings: &TlsSettings) -> Result<(), ConfigError> {
    rules::tls_problem(settings).map_or(Ok(()), |(_, problem)| Err(ConfigError::flag(flag, problem)))
}

fn check_password_file(path: &PathBuf) -> Result<(), ConfigError> {
    let content = std::fs::read_to_string(path).map_err(|error| {
        ConfigError::flag("--redis.password-file", format!("{} cannot be read: {error}", path.display()))
    })?;
    parse_entries(&content).map(drop).map_err(|problem| {
        ConfigError::flag("--redis.password-file", format!("{} {problem}", path.display()))
    })
}

#[cfg(test)]
pub(crate) mod testing {
    //! Configurations from a command line and a file.

    use clap::{CommandFactory, FromArgMatches, Parser};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: Flags,
    }

    /// The flags of a command line, without what the environment of this test says.
    pub(crate) fn flags(arguments: &[&str]) -> Flags {
        let command = Line::command().mut_args(|argument| argument.env(None::<&str>));
        let matches = command.get_matches_from([&["redis-exporter"], arguments].concat());
        Line::from_arg_matches(&matches).unwrap().flags
    }

    pub(crate) fn parse(arguments: &[&str], file: &str) -> Result<Config, String> {
        let document = Document::parse("targets.yml", file).unwrap();
        Config::parse(&flags(arguments), Some(&document)).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use toolkit::config::Secret;

    use super::testing::parse;
    use super::*;

    const FILE: &str = "targets:\n\
        - {match: 'cache-*:6379', username: ruled, password: one, tls: {server_name: cache}}\n\
        - {match: [10.0.0.0/8, 'unix:///run/*'], password: two}\n";

    #[test]
    fn each_target_gets_what_was_given_to_it() {
        let config = parse(&["--redis.addr=rediss://me:main@main", "--tls-server-name=sni"], FILE).unwrap();
        for (target, user, password, server_name) in [
            ("rediss://main:6379", Some("me"), Some("main"), Some("sni")),
            ("redis://main:6379", None, None, None),
            ("rediss://main:6380", None, None, None),
            ("redis://you:pw@other", Some("you"), None, None),
            ("redis://you:pw@cache-1", Some("ruled"), Some("one"), Some("cache")),
            ("cache-1:6380", None, None, None),
            ("redis://you@10.1.2.3", Some("you"), Some("two"), None),
            ("unix:///run/redis.sock", None, Some("two"), None),
        ] {
            let link = config.asked_link(&Target::parse(target).unwrap(), None).unwrap();
            let expected = password.map_or(PasswordSource::None, |password| {
                PasswordSource::Secret(SecretSource::Inline(Secret::from(password)))
            });
            let found = (link.credentials.user.as_deref(), link.tls.server_name.as_deref());
            assert_eq!(found, (user, server_name), "{target}");
            assert!(link.credentials.password == expected, "{target}");
        }
        let socket = Target::parse("unix:///tmp/redis.sock").unwrap();
        assert_eq!(config.asked_link(&socket, None).map(drop), Err(SocketForbidden));
        let other = Target::parse("other").unwrap();
        let link = config.asked_link(&other, Some("asked")).unwrap();
        assert_eq!(link.tls.server_name.as_deref(), Some("asked"));
    }

    #[test]
    fn every_problem_is_told_at_once_and_no_secret() {
        let file = "targets:\n  - {match: 'redis://u:canary@h', pasword: canary}\n  - {username: a}\n\
                    \x20 - {match: a, tls: {cert_file: c.pem}}\n";
        let found = parse(&["--redis.addr=http://canary", "--tls-client-key-file=k.pem"], file).unwrap_err();
        let expected = "\
--redis.addr: the target's scheme is none of redis, rediss, valkey, valkeys, unix
targets.yml:2:13: a target pattern holds no user or password; set them beside it
targets.yml:2:35: unknown key `pasword` (hint: did you mean `password`?)
targets.yml:3:5: missing required key `match`
targets.yml:4:33: a certificate needs its key beside it
--tls-client-cert-file: a key needs its certificate beside it";
        assert_eq!(found, expected);
    }

    #[test]
    fn files_are_read_before_they_are_needed() {
        for argument in ["--redis.password-file=/nowhere", "--tls-ca-cert-file=/nowhere"] {
            let found = parse(&[argument], "targets: []").unwrap_err();
            assert!(found.contains("/nowhere cannot be read"), "{found}");
        }
    }
}
