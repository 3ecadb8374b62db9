//! Flags and file, parsed into what each target gets.
//!
//! ```yaml
//! targets:
//!   - match: ["cache-*.internal:6379", "10.0.0.0/8"]   # exact, glob or network; the first that matches stands
//!     username: metrics
//!     password_file: /run/secrets/redis                # or password, password_env, password_command
//!     tls:
//!       ca_file: ca.pem
//! ```
//!
//! Invariants: a `/scrape` target that matches no rule, no entry of the password file, and is not the target of
//! `--redis.addr` gets no password and no client certificate; it reaches a unix socket only by a rule for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use toolkit::config::{ConfigError, Document, SecretSource};
use toolkit::scrape::TargetRules;

use crate::access::{Credentials, PasswordSource, parse_entries};
use crate::collectors::{self, Show};
use crate::command::{Command, CommandOptions};
use crate::flags::Flags;
use crate::rules::{self, Access};
use crate::session::Link;
use crate::target::{Place, Target};
use crate::tls::TlsSettings;

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
    /// Whether `/scrape` takes targets.
    pub scrape_endpoint: bool,
    /// What the flags give to the main target.
    main_access: Access,
    /// What the file gives to targets.
    rules: TargetRules<Arc<Access>>,
    password_file: Option<PathBuf>,
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
        let mut problems = Problems(None);
        let addr = flags.addr.trim();
        let main = match addr {
            "" => None,
            addr => problems.keep(
                Target::parse(addr).map_err(|error| ConfigError::flag("--redis.addr", error.to_string())),
            ),
        };
        let rules = match document {
            Some(document) => problems.keep(document.decode(rules::decode)).unwrap_or_default(),
            None => Vec::new(),
        };
        let given = |path: &Option<PathBuf>| path.clone().filter(|path| !path.as_os_str().is_empty());
        let password_file = given(&flags.password_file);
        let tls = TlsSettings {
            ca_file: given(&flags.tls_ca_cert_file),
            cert_file: given(&flags.tls_client_cert_file),
            key_file: given(&flags.tls_client_key_file),
            server_name: Some(flags.tls_server_name.clone()).filter(|name| !name.is_empty()),
            insecure: flags.skip_tls_verification,
        };
        problems.keep(check_tls("--tls-client-cert-file", &tls));
        problems.keep(password_file.as_ref().map_or(Ok(()), check_password_file));
        let config = Self {
            generation: 0,
            namespace: flags.namespace.clone(),
            main_access: Access {
                credentials: main_credentials(flags, main.as_ref(), password_file.clone()),
                tls,
            },
            main,
            show: Show {
                system_memory: flags.include_system_metrics,
                empty_databases: flags.include_metrics_for_empty_databases,
                build: !flags.redis_only_metrics,
                role_label: flags.append_instance_role_label,
                ping: flags.ping_on_connect,
            },
            scrape_endpoint: !flags.disable_scrape_endpoint,
            rules: TargetRules::new(rules),
            password_file,
            timeout: flags.connection_timeout,
            set_client_name: flags.set_client_name,
            commands: command_options(flags),
        };
        problems.0.map_or(Ok(config), Err)
    }

    /// How the target of `--redis.addr` is reached. Where the flags give no password, a rule may.
    pub fn main_link(&self, main: &Target) -> Link {
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
            };
        }
        self.link(main, access)
    }

    /// How a target of `/scrape` is reached; `tls_server_name` is the request's parameter.
    pub fn asked_link(&self, asked: &Target, tls_server_name: Option<&str>) -> Result<Link, SocketForbidden> {
        let mut link = match (self.rules.find(asked.name()), &self.main) {
            (Some(rule), _) => self.link(asked, self.rule_access(rule, asked)),
            (None, Some(main)) if main.covers(asked) => self.main_link(main),
            _ if matches!(asked.place, Place::Unix { .. }) => return Err(SocketForbidden),
            _ => self.link(asked, self.stranger_access(asked)),
        };
        link.place = asked.place.clone();
        if let Some(name) = tls_server_name {
            link.tls.server_name = Some(name.to_owned());
        }
        Ok(link)
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
        }
    }

    fn entries_of_password_file(&self) -> PasswordSource {
        match &self.password_file {
            Some(path) => PasswordSource::File { path: path.clone(), single: false },
            None => PasswordSource::None,
        }
    }

    fn link(&self, target: &Target, access: Access) -> Link {
        Link {
            place: target.place.clone(),
            credentials: access.credentials,
            tls: access.tls,
            timeout: self.timeout,
            set_client_name: self.set_client_name,
            ping: self.show.ping,
            commands: self.commands.clone(),
            generation: self.generation,
        }
    }
}

/// The first error and all that follow, as one.
struct Problems(Option<ConfigError>);

impl Problems {
    fn keep<T>(&mut self, result: Result<T, ConfigError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.0 = Some(match self.0.take() {
                    Some(earlier) => earlier.merge(error),
                    None => error,
                });
                None
            }
        }
    }
}

/// What is asked: what the parts of the page read, less what the flags switch off.
fn command_options(flags: &Flags) -> CommandOptions {
    let config_off = matches!(flags.config_command.as_str(), "-" | "");
    let latency_off = flags.exclude_latency_histogram_metrics;
    let mut wanted = collectors::commands();
    wanted.retain(|command| match command {
        Command::ConfigNamed | Command::ConfigAll => !config_off,
        Command::LatencyLatest | Command::LatencyHistogram => !latency_off,
        _ => true,
    });
    CommandOptions { wanted, config_command: flags.config_command.clone() }
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
mod tests {
    use clap::{CommandFactory, FromArgMatches, Parser};
    use toolkit::config::Secret;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: Flags,
    }

    /// The flags of a command line, without what the environment of this test says.
    fn flags(arguments: &[&str]) -> Flags {
        let command = Line::command().mut_args(|argument| argument.env(None::<&str>));
        let matches = command.get_matches_from([&["redis-exporter"], arguments].concat());
        Line::from_arg_matches(&matches).unwrap().flags
    }

    fn parse(arguments: &[&str], file: &str) -> Result<Config, String> {
        let document = Document::parse("targets.yml", file).unwrap();
        Config::parse(&flags(arguments), Some(&document)).map_err(|error| error.to_string())
    }

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
