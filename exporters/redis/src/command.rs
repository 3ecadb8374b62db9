//! The commands of the default page, and which of them a server is asked.
//!
//! All of them are sent in one write. What a server denies or lacks is remembered for [`FORGET_AFTER`] and not sent
//! again until then, so that a restricted ACL or a managed service sees no errors from us scrape after scrape.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::Reason;
use crate::pattern::Pattern;
use crate::server::{Server, Version};

/// How long a denied or unknown command is not sent: an ACL that was corrected shows within this time.
pub(crate) const FORGET_AFTER: Duration = Duration::from_mins(10);

/// How our connections are named in CLIENT LIST; redis_exporter's own name.
pub const OWN_NAME: &str = "redis_exporter";

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
    /// The nodes of the cluster; asked ahead of the page.
    ClusterNodes,
    /// The slots with most keys.
    ClusterSlotStats,
    /// The newest latency spikes.
    LatencyLatest,
    /// Latency by command.
    LatencyHistogram,
    /// All clients.
    ClientList,
    /// Entries in the slow log.
    SlowlogLen,
    /// The newest entry of the slow log.
    SlowlogLast,
    /// What modules tell.
    InfoModules,
    /// The search indexes.
    SearchList,
    /// What there is to say of one search index.
    SearchInfo,
    /// Everything a Tile38 tells.
    Tile38Server,
    /// Entries in Valkey's log of slow commands.
    CommandlogSlow,
    /// Entries in Valkey's log of large requests.
    CommandlogLargeRequest,
    /// Entries in Valkey's log of large replies.
    CommandlogLargeReply,
    /// The masters that a Sentinel watches.
    SentinelMasters,
    /// The settings of a Sentinel.
    SentinelConfig,
    /// The replicas of one master.
    SentinelReplicas,
    /// The other Sentinels that watch one master.
    SentinelSentinels,
    /// Whether the Sentinels of one master could agree.
    SentinelCkquorum,
}

/// What the configuration says about commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandOptions {
    /// What is wanted, in the order in which it is sent.
    pub wanted: Vec<Command>,
    /// The name under which the server has CONFIG.
    pub config_command: String,
    /// How many slots to ask for, as a word.
    pub slot_stats: String,
    /// Whether to ask where the dump file is.
    pub rdb_file: bool,
    /// Whether to ask for all new entries of the slow log.
    pub slowlog_entries: bool,
    /// The commands whose latency to ask for; empty for all.
    pub histogram_commands: Vec<String>,
    /// The search indexes to ask for.
    pub search_indexes: Option<Pattern>,
}

impl Command {
    /// The words that are sent.
    pub fn words<'a>(self, server: &Server, options: &'a CommandOptions) -> Vec<&'a str> {
        let config = options.config_command.as_str();
        match self {
            Self::SetName => vec!["CLIENT", "SETNAME", OWN_NAME],
            Self::Info => vec!["INFO", "ALL"],
            Self::ConfigNamed => {
                let settings: &[&str] = if has_commandlog(server) { &VALKEY_SETTINGS } else { &SETTINGS };
                let more: &[&str] = if options.rdb_file { &["dbfilename", "dir"] } else { &[] };
                [&[config, "GET"], settings, more].concat()
            }
            Self::ConfigAll => vec![config, "GET", "*"],
            Self::ClusterInfo => vec!["CLUSTER", "INFO"],
            Self::ClusterNodes => vec!["CLUSTER", "NODES"],
            Self::ClusterSlotStats => {
                vec!["CLUSTER", "SLOT-STATS", "ORDERBY", "KEY-COUNT", "LIMIT", &options.slot_stats, "DESC"]
            }
            Self::LatencyLatest => vec!["LATENCY", "LATEST"],
            Self::LatencyHistogram => {
                let commands = options.histogram_commands.iter().map(String::as_str);
                ["LATENCY", "HISTOGRAM"].into_iter().chain(commands).collect()
            }
            Self::ClientList => vec!["CLIENT", "LIST"],
            Self::SlowlogLen => vec!["SLOWLOG", "LEN"],
            Self::SlowlogLast => vec!["SLOWLOG", "GET", "1"],
            Self::InfoModules => vec!["INFO", "MODULES"],
            Self::SearchList => vec!["FT._LIST"],
            // and the name of an index
            Self::SearchInfo => vec!["FT.INFO"],
            Self::Tile38Server => vec!["SERVER", "EXT"],
            Self::CommandlogSlow => vec!["COMMANDLOG", "LEN", "slow"],
            Self::CommandlogLargeRequest => vec!["COMMANDLOG", "LEN", "large-request"],
            Self::CommandlogLargeReply => vec!["COMMANDLOG", "LEN", "large-reply"],
            Self::SentinelMasters => vec!["SENTINEL", "MASTERS"],
            Self::SentinelConfig => vec!["SENTINEL", "CONFIG", "GET", "*"],
            // and the name of a master
            Self::SentinelReplicas => vec!["SENTINEL", "REPLICAS"],
            Self::SentinelSentinels => vec!["SENTINEL", "SENTINELS"],
            Self::SentinelCkquorum => vec!["SENTINEL", "CKQUORUM"],
        }
    }
}

impl Command {
    /// The command's name, for the label `feature` and for the ACL: `config|get`.
    pub fn name(self) -> &'static str {
        match self {
            Self::SetName => "client|setname",
            Self::Info => "info",
            Self::ConfigNamed | Self::ConfigAll => "config|get",
            Self::ClusterInfo => "cluster|info",
            Self::ClusterNodes => "cluster|nodes",
            Self::ClusterSlotStats => "cluster|slot-stats",
            Self::SentinelMasters => "sentinel|masters",
            Self::SentinelConfig => "sentinel|config",
            Self::SentinelReplicas => "sentinel|replicas",
            Self::SentinelSentinels => "sentinel|sentinels",
            Self::SentinelCkquorum => "sentinel|ckquorum",
            Self::LatencyLatest => "latency|latest",
            Self::LatencyHistogram => "latency|histogram",
            Self::ClientList => "client|list",
            Self::SlowlogLen => "slowlog|len",
            Self::SlowlogLast => "slowlog|get",
            Self::InfoModules => "info",
            Self::SearchList => "ft._list",
            Self::SearchInfo => "ft.info",
            Self::Tile38Server => "server",
            Self::CommandlogSlow | Self::CommandlogLargeRequest | Self::CommandlogLargeReply => {
                "commandlog|len"
            }
        }
    }
}

/// The commands of one scrape: what is wanted, less what the server cannot know or has denied.
pub fn plan(server: &Server, options: &CommandOptions, denied: &Denied, now: Instant) -> Vec<Command> {
    let takes_names = options.wanted.contains(&Command::ConfigNamed)
        && server.is_at_least(Version(7, 0))
        && denied.reason(Command::ConfigNamed, now) != Some(Reason::Unsupported);
    let fits = |command: &Command| match command {
        Command::SetName | Command::Info | Command::ClientList => true,
        Command::SentinelMasters => server.sentinel,
        Command::SentinelConfig => server.sentinel && server.is_at_least(Version(6, 2)),
        // a Sentinel has none of the rest
        _ if server.sentinel => false,
        Command::ConfigNamed => takes_names,
        Command::ConfigAll => !takes_names,
        Command::ClusterInfo => server.cluster,
        Command::ClusterSlotStats => {
            server.cluster && server.is_at_least(if server.valkey { Version(8, 0) } else { Version(8, 2) })
        }
        Command::LatencyHistogram => server.is_at_least(Version(7, 0)),
        Command::CommandlogSlow | Command::CommandlogLargeRequest | Command::CommandlogLargeReply => {
            has_commandlog(server)
        }
        // what follows from answers, or is asked ahead of the page
        Command::ClusterNodes
        | Command::SentinelReplicas
        | Command::SentinelSentinels
        | Command::SentinelCkquorum
        | Command::SearchInfo => false,
        Command::InfoModules | Command::SearchList | Command::Tile38Server => true,
        Command::LatencyLatest | Command::SlowlogLen | Command::SlowlogLast => true,
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
        if reason.is_lasting() && command != Command::Info {
            self.commands.retain(|(denied, ..)| *denied != command);
            self.commands.push((command, reason, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Command::*;

    /// What is asked by default.
    fn wanted() -> Vec<Command> {
        let mut wanted = crate::collectors::commands();
        let opt_in = [InfoModules, SearchList, Tile38Server, ClientList];
        wanted.retain(|command| !opt_in.contains(command));
        wanted
    }

    fn options() -> CommandOptions {
        CommandOptions {
            wanted: wanted(),
            config_command: "CONFIG".to_owned(),
            slot_stats: "9".to_owned(),
            rdb_file: false,
            slowlog_entries: true,
            histogram_commands: Vec::new(),
            search_indexes: None,
        }
    }

    fn server(info: &str) -> Server {
        Server::from_info(&crate::info::Info::parse(info))
    }

    #[tokio::test(start_paused = true)]
    async fn plans_follow_the_server() {
        for (info, expected) in [
            ("", vec![Info, ConfigAll, LatencyLatest, SlowlogLen, SlowlogLast]),
            ("redis_version:7.0.15\nredis_mode:sentinel", vec![Info, SentinelMasters, SentinelConfig]),
            ("redis_version:5.0.14\nredis_mode:sentinel", vec![Info, SentinelMasters]),
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
