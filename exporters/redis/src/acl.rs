//! `--print-acl`: the rights that the exporter's user needs at a server, from what is planned to be asked.
//!
//! One line for each kind of server on which they differ: a server refuses a whole line for one command that it does
//! not know. Pure.

use tokio::time::Instant;

use crate::command::{Command, Denied, plan};
use crate::config::Config;
use crate::info::Info;
use crate::server::{Server, Version};

/// Kinds of servers: what they are called, and what they say of themselves, alone and in a cluster.
const RELEASES: [(&str, &[&str]); 8] = [
    ("Redis 6", &["redis_version:6.0.0", "redis_version:6.0.0\nredis_mode:cluster"]),
    ("Redis 7.0", &["redis_version:7.0.0", "redis_version:7.0.0\nredis_mode:cluster"]),
    ("Redis 7.2, 7.4, 8.0, Valkey 7.2", &["redis_version:7.2.0", "redis_version:7.2.0\nredis_mode:cluster"]),
    ("Redis 8.2 to 8.6", &["redis_version:8.2.0", "redis_version:8.2.0\nredis_mode:cluster"]),
    ("Redis 8.8 and newer", &["redis_version:8.8.0", "redis_version:8.8.0\nredis_mode:cluster"]),
    ("Valkey 8.0", &["valkey_version:8.0.0", "valkey_version:8.0.0\nserver_mode:cluster"]),
    ("Valkey 8.1 and newer", &["valkey_version:8.1.0", "valkey_version:8.1.0\nserver_mode:cluster"]),
    ("Sentinel", &["redis_version:7.0.0\nredis_mode:sentinel"]),
];

/// Commands that follow from the answers to another.
const FOLLOWING: [(Command, &[Command]); 2] = [
    (
        Command::SentinelMasters,
        &[Command::SentinelReplicas, Command::SentinelSentinels, Command::SentinelCkquorum],
    ),
    (Command::SearchList, &[Command::SearchInfo]),
];

/// Which keys are looked at, and how.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Keys {
    No,
    Read,
    /// By a script that may write, or by PFCOUNT, which keeps what it counted.
    Write,
}

/// Something that is asked beside the plan: when, of which servers, and what it needs.
type Need = (fn(&Config) -> bool, fn(&Server) -> bool, &'static [&'static str], Keys);

const NEEDS: [Need; 12] = [
    (Config::names_its_connections, every, &["client|setname"], Keys::No),
    (|config| config.show.ping, every, &["ping"], Keys::No),
    (|config| config.show.client_aggregates, every, &["client|list"], Keys::No),
    (|config| config.asks_for_nodes, with_keys, &["cluster|nodes"], Keys::No),
    (|config| !config.checks.is_empty(), with_keys, &["select", "readonly", "time"], Keys::No),
    (
        |config| !config.checks.is_empty(),
        |server| with_keys(server) && server.is_at_least(Version(7, 2)),
        &["client|no-touch"],
        Keys::No,
    ),
    (|config| config.checks.scans(), with_keys, &["scan"], Keys::Read),
    (|config| shows_keys(config) || shows_streams(config), with_keys, &["type"], Keys::Read),
    (|config| config.checks.weighs_all() || shows_keys(config), with_keys, &["memory|usage"], Keys::Read),
    (
        shows_keys,
        with_keys,
        &["strlen", "llen", "scard", "zcard", "hlen", "xlen", "getrange", "pfcount"],
        Keys::Write,
    ),
    (
        shows_keys,
        |server| with_keys(server) && !server.valkey && server.is_at_least(Version(8, 8)),
        &["arcount"],
        Keys::Write,
    ),
    (shows_streams, with_keys, &["xinfo|stream", "xinfo|groups", "xinfo|consumers", "xpending"], Keys::Read),
];

fn shows_keys(config: &Config) -> bool {
    let checks = &config.checks;
    !checks.keys.is_empty() || !checks.single_keys.is_empty() || checks.top > 0
}

fn shows_streams(config: &Config) -> bool {
    !config.checks.streams.is_empty() || !config.checks.single_streams.is_empty()
}

fn every(_: &Server) -> bool {
    true
}

/// A Sentinel has no keys.
fn with_keys(server: &Server) -> bool {
    !server.sentinel
}

/// The lines, each behind a comment that says for which servers it is.
pub fn lines(config: &Config) -> String {
    let mut lines: Vec<(String, String)> = Vec::new();
    for (release, kinds) in RELEASES {
        let line = line(config, kinds);
        match lines.iter_mut().find(|(_, known)| *known == line) {
            Some((releases, _)) => *releases = format!("{releases}; {release}"),
            None => lines.push((release.to_owned(), line)),
        }
    }
    let lines: Vec<String> = lines.iter().map(|(releases, line)| format!("# {releases}\n{line}")).collect();
    lines.join("\n")
}

fn line(config: &Config, kinds: &[&str]) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut keys = Keys::No;
    let servers: Vec<Server> = kinds.iter().map(|info| Server::from_info(&Info::parse(info))).collect();
    for server in &servers {
        names.extend(planned(config, server));
    }
    for (when, on, commands, looks_at) in NEEDS {
        if when(config) && servers.iter().any(on) {
            names.extend(commands.iter().map(|name| (*name).to_owned()));
            keys = keys.max(looks_at);
        }
    }
    let read_only = servers.iter().all(Server::has_read_only_scripts);
    if servers.iter().all(with_keys) {
        names.extend(own(config, read_only, &mut keys));
    }
    let pattern = match (keys, read_only) {
        (Keys::No, _) => None,
        (Keys::Read, true) => Some("%R~*"),
        (Keys::Read, false) | (Keys::Write, _) => Some("~*"),
    };
    let mut rules: Vec<String> = pattern.map(str::to_owned).into_iter().collect();
    for name in names {
        let rule = format!("+{name}");
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    format!("ACL SETUSER {} reset on >YOUR-PASSWORD {}", config.main_user(), rules.join(" "))
}

/// What the page asks, and what follows from it.
fn planned(config: &Config, server: &Server) -> Vec<String> {
    let mut planned = plan(server, config.command_options(), &Denied::default(), Instant::now());
    for (first, following) in FOLLOWING {
        if planned.contains(&first) {
            planned.extend(following);
        }
    }
    planned.iter().map(|command| command.name().to_owned()).collect()
}

/// What the user's own scripts and commands ask. `read_only`: the server has `EVAL_RO`.
fn own(config: &Config, read_only: bool, keys: &mut Keys) -> Vec<String> {
    let mut names = Vec::new();
    for script in &config.scripts {
        let [command, text, ..] = script.question.words.as_slice() else { continue };
        let command = command.to_ascii_lowercase();
        let writes = command == "eval";
        if !writes && !read_only {
            continue;
        }
        *keys = (*keys).max(if writes { Keys::Write } else { Keys::Read });
        names.push(command);
        names.extend(called(text));
    }
    for command in config.custom_commands() {
        let script = command.acl_name == "eval_ro";
        if script && !read_only {
            continue;
        }
        *keys = (*keys).max(if command.acl_name == "pfcount" { Keys::Write } else { Keys::Read });
        names.push(command.acl_name.clone());
        if script && let Some(text) = command.question.words.get(1) {
            names.extend(called(text));
        }
        if command.question.db != 0 {
            names.push("select".to_owned());
        }
    }
    names
}

/// The commands that a Lua script calls by a name that stands in it; one that it puts together is not found.
fn called(script: &str) -> Vec<String> {
    let mut found = Vec::new();
    for call in ["call(", "pcall("] {
        for rest in script.split(&format!(".{call}")).skip(1) {
            let rest = rest.trim_start();
            let Some(quote) = rest.chars().next().filter(|quote| matches!(quote, '\'' | '"')) else {
                continue;
            };
            let name = rest.split(quote).nth(1).unwrap_or_default().to_ascii_lowercase();
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            if !name.is_empty() && name.bytes().all(is_name) {
                found.push(name);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::parse;

    const DEFAULT: &str = "ACL SETUSER metrics reset on >YOUR-PASSWORD +info";

    #[test]
    fn the_default_page() {
        let config = parse(&[], "targets: []").unwrap();
        let found = lines(&config);
        for line in [
            "# Redis 6",
            "# Redis 7.0; Redis 7.2, 7.4, 8.0, Valkey 7.2; Redis 8.2 to 8.6; Redis 8.8 and newer; Valkey 8.0",
            "# Valkey 8.1 and newer",
            "# Sentinel",
        ] {
            assert!(found.lines().any(|found| found == line), "{line}\n{found}");
        }
        let rules = found.lines().filter(|line| !line.starts_with('#'));
        assert!(
            rules.clone().all(|line| line.starts_with(DEFAULT) && line.ends_with("+client|setname")),
            "{found}"
        );
        let having =
            |name: &str| rules.clone().filter(|line| line.split(' ').any(|rule| rule == name)).count();
        assert_eq!(
            ["+latency|histogram", "+commandlog|len", "+sentinel|ckquorum", "+cluster|info", "~*"]
                .map(having),
            [2, 1, 1, 3, 0]
        );
    }

    #[test]
    fn what_is_switched_on_adds_its_own() {
        let file = "commands:\n\
            - {name: a, command: [XINFO, GROUPS, s], db: 2, metrics: [{name: m, help: M., value: lag}]}\n\
            - {name: b, eval_ro: {script: \"return redis.call('LLEN', KEYS[1])\", keys: [a]}, metrics: [{name: n, help: N.}]}\n";
        let config = parse(&["--client-aggregates", "--ping-on-connect", "--redis.user=me"], file).unwrap();
        let found = lines(&config);
        let line = |release: &str| found.lines().skip_while(|line| !line.contains(release)).nth(1).unwrap();
        assert!(
            line("Redis 7.0").starts_with("ACL SETUSER me reset on >YOUR-PASSWORD %R~* +info"),
            "{found}"
        );
        for rule in ["+client|list", "+ping", "+xinfo|groups", "+select", "+eval_ro", "+llen"] {
            assert!(line("Redis 7.0").split(' ').any(|found| found == rule), "{rule}\n{found}");
        }
        assert!(line("Redis 6").contains(" ~* ") && !line("Redis 6").contains("eval_ro"), "{found}");
        assert!(!line("Sentinel").contains("~*"), "{found}");
    }

    #[test]
    fn calls_in_a_script() {
        let script = "local a = redis.call('GET', KEYS[1]); redis.pcall( \"XINFO\" , 'STREAM') redis.call(name) server.call('')";
        assert_eq!(called(script), ["get", "xinfo"]);
    }
}
