//! The commands of the default page, and which of them a server is asked.
//!
//! All of them are sent in one write. What a server denies or lacks is remembered for [`FORGET_AFTER`] and not sent
//! again until then, so that a restricted ACL or a managed service sees no errors from us scrape after scrape.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::Reason;
use crate::server::{Server, Version};

/// How long a denied or unknown command is not sent: an ACL that was corrected shows within this time.
const FORGET_AFTER: Duration = Duration::from_mins(10);

/// The settings that the page shows, by name.
const SETTINGS: [&str; 6] =
    ["client-output-buffer-limit", "databases", "io-threads", "maxclients", "maxmemory", "repl-backlog-size"];
/// The same and Valkey's limits of its command log.
const VALKEY_SETTINGS: [&str; 12] = [
    "client-output-buffer-limit",
    "databases",
    "io-threads",
    "maxclients",
    "maxmemory",
    "repl-backlog-size",
    "commandlog-execution-slower-than",
    "commandlog-slow-execution-max-len",
    "commandlog-request-larger-than",
    "commandlog-large-request-max-len",
    "commandlog-reply-larger-than",
    "commandlog-large-reply-max-len",
];

/// A command that the page can need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Names our connection in CLIENT LIST.
    SetName,
    /// Everything INFO has.
    Info,
    /// The settings we need, by name: servers that take several names at once.
    ConfigNamed,
    /// All settings: older servers take one pattern only.
    ConfigAll,
    /// The state of the cluster.
    ClusterInfo,
    /// The newest latency spikes.
    LatencyLatest,
    /// Latency by command.
    LatencyHistogram,
    /// Entries in the slow log.
    SlowlogLen,
    /// The newest entry of the slow log.
    SlowlogLast,
    /// Entries in Valkey's log of slow commands.
    CommandlogSlow,
    /// Entries in Valkey's log of large requests.
    CommandlogLargeRequest,
    /// Entries in Valkey's log of large replies.
    CommandlogLargeReply,
}

/// What the configuration says about commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOptions {
    /// What is wanted, in the order in which it is sent.
    pub wanted: Vec<Command>,
    /// The name under which the server has CONFIG.
    pub config_command: String,
}

impl Command {
    /// The words that are sent.
    pub fn words<'a>(self, server: &Server, options: &'a CommandOptions) -> Vec<&'a str> {
        let config = options.config_command.as_str();
        match self {
            Self::SetName => vec!["CLIENT", "SETNAME", "redis_exporter"],
            Self::Info => vec!["INFO", "ALL"],
            Self::ConfigNamed => {
                let settings: &[&str] = if has_commandlog(server) { &VALKEY_SETTINGS } else { &SETTINGS };
                [&[config, "GET"], settings].concat()
            }
            Self::ConfigAll => vec![config, "GET", "*"],
            Self::ClusterInfo => vec!["CLUSTER", "INFO"],
            Self::LatencyLatest => vec!["LATENCY", "LATEST"],
            Self::LatencyHistogram => vec!["LATENCY", "HISTOGRAM"],
            Self::SlowlogLen => vec!["SLOWLOG", "LEN"],
            Self::SlowlogLast => vec!["SLOWLOG", "GET", "1"],
            Self::CommandlogSlow => vec!["COMMANDLOG", "LEN", "slow"],
            Self::CommandlogLargeRequest => vec!["COMMANDLOG", "LEN", "large-request"],
            Self::CommandlogLargeReply => vec!["COMMANDLOG", "LEN", "large-reply"],
        }
    }
}

/// The commands of one scrape: what is wanted, less what the server cannot know or has denied.
pub fn plan(server: &Server, options: &CommandOptions, denied: &Denied, now: Instant) -> Vec<Command> {
    let takes_names = server.is_at_least(Version(7, 0))
        && denied.reason(Command::ConfigNamed, now) != Some(Reason::Unsupported);
    let fits = |command: &Command| match command {
        Command::ConfigNamed => takes_names,
        Command::ConfigAll => !takes_names,
        Command::ClusterInfo => server.cluster,
        Command::LatencyHistogram => server.is_at_least(Version(7, 0)),
        Command::CommandlogSlow | Command::CommandlogLargeRequest | Command::CommandlogLargeReply => {
            has_commandlog(server)
        }
        Command::SetName
        | Command::Info
        | Command::LatencyLatest
        | Command::SlowlogLen
        | Command::SlowlogLast => true,
    };
    let wanted = options.wanted.iter().copied();
    wanted.filter(|command| fits(command) && denied.reason(*command, now).is_none()).collect()
}

/// COMMANDLOG came with Valkey 8.1; no Redis has it.
fn has_commandlog(server: &Server) -> bool {
    server.valkey && server.is_at_least(Version(8, 1))
}

/// What a server denied or lacks.
#[derive(Clone, Debug, Default)]
pub struct Denied {
    commands: Vec<(Command, Reason, Instant)>,
}

impl Denied {
    /// Why a command is not sent now.
    pub fn reason(&self, command: Command, now: Instant) -> Option<Reason> {
        let found = self.commands.iter().find(|(denied, ..)| *denied == command);
        found.filter(|(_, _, since)| now - *since < FORGET_AFTER).map(|(_, reason, _)| *reason)
    }

    /// All commands that are not sent now, and why.
    pub fn all(&self, now: Instant) -> Vec<(Command, Reason)> {
        let known = self.commands.iter().map(|(command, ..)| *command);
        known.filter_map(|command| Some((command, self.reason(command, now)?))).collect()
    }

    /// Remembers why a command was refused, if that is for good. INFO is always asked again: without it there is
    /// no page.
    pub fn note(&mut self, command: Command, reason: Reason, now: Instant) {
        if matches!(reason, Reason::NoPerm | Reason::Unsupported) && command != Command::Info {
            self.commands.retain(|(denied, ..)| *denied != command);
            self.commands.push((command, reason, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Command::*;

    fn options() -> CommandOptions {
        CommandOptions { wanted: crate::collectors::commands(), config_command: "CONFIG".to_owned() }
    }

    fn server(info: &str) -> Server {
        Server::from_info(&crate::info::Info::parse(info))
    }

    #[tokio::test(start_paused = true)]
    async fn plans_follow_the_server() {
        for (info, expected) in [
            ("", vec![Info, ConfigAll, LatencyLatest, SlowlogLen, SlowlogLast]),
            ("redis_version:5.0.14", vec![Info, ConfigAll, LatencyLatest, SlowlogLen, SlowlogLast]),
            (
                "redis_version:7.0.15\nredis_mode:cluster",
                vec![
                    Info,
                    ConfigNamed,
                    LatencyLatest,
                    LatencyHistogram,
                    SlowlogLen,
                    SlowlogLast,
                    ClusterInfo,
                ],
            ),
            (
                "redis_version:7.2.4\nserver_name:valkey\nvalkey_version:8.1.1",
                vec![
                    Info,
                    ConfigNamed,
                    LatencyLatest,
                    LatencyHistogram,
                    SlowlogLen,
                    SlowlogLast,
                    CommandlogSlow,
                    CommandlogLargeRequest,
                    CommandlogLargeReply,
                ],
            ),
        ] {
            let found = plan(&server(info), &options(), &Denied::default(), Instant::now());
            assert_eq!(found, expected, "{info}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_denied_is_asked_again_after_ten_minutes() {
        let server = server("redis_version:7.0.15");
        let now = Instant::now();
        let mut denied = Denied::default();
        denied.note(SlowlogLen, Reason::NoPerm, now);
        denied.note(LatencyHistogram, Reason::Unsupported, now);
        denied.note(Info, Reason::NoPerm, now);
        denied.note(SlowlogLast, Reason::Loading, now);
        let soon = now + Duration::from_secs(599);
        let expected = [Info, ConfigNamed, LatencyLatest, SlowlogLast];
        assert_eq!(plan(&server, &options(), &denied, soon), expected);
        let late = now + FORGET_AFTER;
        assert_eq!(plan(&server, &options(), &denied, late).len(), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn config_falls_back_to_the_pattern_only_where_names_are_not_understood() {
        let server = server("redis_version:7.0.15");
        let now = Instant::now();
        for (reason, expected) in [(Reason::Unsupported, Some(ConfigAll)), (Reason::NoPerm, None)] {
            let mut denied = Denied::default();
            denied.note(ConfigNamed, reason, now);
            let found = plan(&server, &options(), &denied, now);
            let config = found.iter().find(|command| matches!(command, ConfigNamed | ConfigAll));
            assert_eq!(config.copied(), expected, "{reason:?}");
        }
    }
}
