//! `--print-acl`: the rights that the exporter's user needs at a server, from what is planned to be asked.
//!
//! One line for each kind of server on which they differ: a server refuses a whole line for one command that it does
//! not know. Pure.

use tokio::time::Instant;

use crate::command::{Command, Denied, plan};
use crate::config::Config;
use crate::info::Info;
use crate::server::Server;

/// Kinds of servers: what they are called, and what they say of themselves.
const RELEASES: [(&str, &[&str]); 5] = [
    ("Redis 6", &["redis_version:6.0.0", "redis_version:6.0.0\nredis_mode:cluster"]),
    (
        "Redis 7 and newer, Valkey before 8.1",
        &["redis_version:7.0.0", "redis_version:7.0.0\nredis_mode:cluster"],
    ),
    ("Redis 8.2 and newer", &["redis_version:8.2.0", "redis_version:8.2.0\nredis_mode:cluster"]),
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

/// What is asked beside the plan, and when.
struct Need {
    when: fn(&Config) -> bool,
    commands: &'static [&'static str],
    keys: Keys,
}

/// Which keys are looked at, and how.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Keys {
    No,
    Read,
    /// A script that may write.
    All,
}

const NEEDS: &[Need] = &[
    Need { when: Config::names_its_connections, commands: &["client|setname"], keys: Keys::No },
    Need { when: |config| config.show.ping, commands: &["ping"], keys: Keys::No },
    Need { when: |config| config.show.client_aggregates, commands: &["client|list"], keys: Keys::No },
];

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
    let sentinel = servers.iter().any(|server| server.sentinel);
    for need in NEEDS.iter().filter(|need| (need.when)(config)) {
        names.extend(need.commands.iter().map(|name| (*name).to_owned()));
        keys = keys.max(need.keys);
    }
    // a Sentinel has no keys, no scripts and no databases
    if !sentinel {
        let functions = servers.iter().all(Server::has_read_only_scripts);
        names.extend(own(config, functions, &mut keys));
    }
    let mut rules: Vec<String> = match (keys, servers.iter().all(Server::has_read_only_scripts)) {
        _ if sentinel => vec![],
        (Keys::No, _) => vec![],
        (Keys::Read, true) => vec!["%R~*".to_owned()],
        (Keys::Read, false) | (Keys::All, _) => vec!["~*".to_owned()],
    };
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

/// What the user's own scripts and commands ask. `read_only`: the server has EVAL_RO.
fn own(config: &Config, read_only: bool, keys: &mut Keys) -> Vec<String> {
    let mut names = Vec::new();
    for script in &config.scripts {
        let [command, text, ..] = script.question.words.as_slice() else { continue };
        let command = command.to_ascii_lowercase();
        let writes = command == "eval";
        if !writes && !read_only {
            continue;
        }
        *keys = (*keys).max(if writes { Keys::All } else { Keys::Read });
        names.push(command);
        names.extend(called(text));
    }
    for command in config.custom_commands() {
        let script = command.acl_name == "eval_ro";
        if script && !read_only {
            continue;
        }
        *keys = (*keys).max(Keys::Read);
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
            "# Redis 7 and newer, Valkey before 8.1; Redis 8.2 and newer",
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
        assert!(line("Redis 7").starts_with("ACL SETUSER me reset on >YOUR-PASSWORD %R~* +info"), "{found}");
        for rule in ["+client|list", "+ping", "+xinfo|groups", "+select", "+eval_ro", "+llen"] {
            assert!(line("Redis 7").split(' ').any(|found| found == rule), "{rule}\n{found}");
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
