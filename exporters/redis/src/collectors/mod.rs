//! The parts of the page, one file each: descriptors, the commands it reads, a pure `render`, tests.
//!
//! All parts of a page are rendered from one [`Reading`]. A part whose command failed says so in its
//! `scrape_collector_success` and costs nothing else; a command that the server does not have is no failure.

pub mod clients;
mod cluster;
mod commandlog;
mod commandstats;
mod config;
mod info;
mod instance;
mod keysizes;
pub mod keyspace;
mod latency;
mod modules;
pub mod rdb_file;
mod replication;
mod search;
mod sentinel;
mod slowlog;
mod threads;
mod tile38;

use std::sync::Arc;

use toolkit::expo::{Desc, Samples};
use toolkit::scrape::{CollectError, Collecting, Collector, Scrape};

use crate::command::{Command, CommandOptions};
use crate::error::Reason;
use crate::gather::{Answers, Further};
use crate::info::Info;
use crate::memory::Memory;
use crate::output::{NodeLabel, Output};
use crate::pattern::Pattern;
use crate::server::Server;

pub use slowlog::{Cursor, SlowCounts, observe as observe_slowlog};

/// All parts of the page.
pub const PARTS: &[Part] = &[
    info::PART,
    instance::PART,
    keyspace::PART,
    keysizes::PART,
    threads::PART,
    replication::PART,
    commandstats::PART,
    latency::PART,
    slowlog::PART,
    clients::list::PART,
    commandlog::PART,
    config::PART,
    modules::PART,
    search::PART,
    tile38::PART,
    cluster::PART,
    sentinel::PART,
];

/// The commands that all parts read, in their order, each once.
pub fn commands() -> Vec<Command> {
    let mut commands = Vec::new();
    for command in PARTS.iter().flat_map(|part| part.commands) {
        if !commands.contains(command) {
            commands.push(*command);
        }
    }
    commands
}

/// What follows for all parts from what came back so far.
pub fn further(answers: &Answers, options: &CommandOptions) -> Vec<Further> {
    let asking = PARTS.iter().filter_map(|part| Some((part.name, part.further?)));
    asking
        .flat_map(|(name, further)| {
            let wanted = further(answers, options).into_iter();
            wanted.map(move |(command, words)| (name, command, words))
        })
        .filter(|(_, command, _)| !answers.is_denied(*command))
        .collect()
}

/// What is shown, beyond what is always shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Show {
    /// The memory of the machine.
    pub system_memory: bool,
    /// Databases without keys.
    pub empty_databases: bool,
    /// The exporter's build.
    pub build: bool,
    /// The role as a label of everything.
    pub role_label: bool,
    /// The time of a PING.
    pub ping: bool,
    /// Each Sentinel that a Sentinel knows.
    pub sentinel_peers: bool,
    /// All settings.
    pub config: bool,
    /// The size of the dump file.
    pub rdb_file: bool,
    /// No settings that can hold a secret.
    pub redact_config: bool,
    /// The slow log's entries, by command.
    pub slowlog_entries: bool,
    /// Numbers of INFO that have no metric of their own.
    pub info_fields: bool,
    /// Latency histograms of these commands only.
    pub histogram_commands: Option<Pattern>,
    /// Most buckets of a latency histogram; 0 is no limit.
    pub histogram_buckets: usize,
    /// The ports of clients.
    pub client_port: bool,
    /// Clients, counted.
    pub client_aggregates: bool,
}

/// Commands that follow from answers: which, and their words.
pub type Following = Vec<(Command, Vec<String>)>;

/// A part of the page.
#[derive(Clone, Copy)]
pub struct Part {
    /// The value of the `collector` label.
    pub name: &'static str,
    /// The commands it reads; for a server that has several forms of one, all of them.
    pub commands: &'static [Command],
    /// Commands that follow from the answers to those, sent in a second write of the same scrape.
    pub further: Option<fn(&Answers, &CommandOptions) -> Following>,
    /// What it can write, for the reference of metrics.
    pub metrics: fn() -> Vec<Desc<'static>>,
    /// Writes what the reading holds for it.
    pub render: Render,
}

/// What a part needs.
#[derive(Clone, Copy)]
pub enum Render {
    /// INFO, without which there is no page; so it cannot fail.
    Info(fn(&Reading<'_>, &mut Output<'_>)),
    /// Replies to commands of its own; what was written before an error stays.
    Replies(fn(&Reading<'_>, &mut Output<'_>) -> Result<(), Reason>),
}

impl Part {
    /// Whether anything that it reads is asked for at all.
    pub fn is_wanted(&self, options: &CommandOptions) -> bool {
        self.commands.iter().any(|command| options.wanted.contains(command))
    }

    fn write(&self, reading: &Reading<'_>, output: &mut Output<'_>) -> Result<(), Reason> {
        match self.render {
            Render::Info(render) => {
                render(reading, output);
                Ok(())
            }
            Render::Replies(render) => render(reading, output),
        }
    }
}

/// Everything a part is rendered from.
pub struct Reading<'a> {
    /// The reply to INFO.
    pub info: Info<'a>,
    /// All replies.
    pub answers: &'a Answers,
    /// What kind of server it is.
    pub server: &'a Server,
    /// What is shown.
    pub show: &'a Show,
    /// The time of the scrape, in Unix time.
    pub now: f64,
    /// When the server started, in Unix time.
    pub started: Option<f64>,
    /// What is remembered of it, this scrape included.
    pub memory: Arc<Memory>,
    /// The labels of the node, where there are any.
    pub labels: &'a [NodeLabel],
}

/// A part with the readings of all nodes, as the toolkit runs it.
pub struct Rendering<'a> {
    /// The part.
    pub part: Part,
    /// What it is rendered from, a node each.
    pub readings: &'a [Reading<'a>],
}

impl Collector for Rendering<'_> {
    fn name(&self) -> &str {
        self.part.name
    }

    fn collect<'a>(&'a self, _: &'a Scrape, samples: &'a mut Samples) -> Collecting<'a> {
        Box::pin(async move {
            let mut first = Ok(());
            for reading in self.readings {
                let written = self.part.write(reading, &mut Output::new(samples, reading.labels));
                first = first.and(written);
            }
            first.map_err(|reason| {
                CollectError::new(reason.as_str(), format_args!("no reply: {}", reason.as_str()))
            })
        })
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod golden;

#[cfg(test)]
pub(crate) mod testing {
    //! Renders one part from hand-written replies.

    use toolkit::expo::{Compression, Format, Page};

    use super::*;
    use crate::conn::Answer;
    use crate::reply::Reply;

    pub(crate) const SHOW: Show = Show {
        system_memory: true,
        empty_databases: true,
        build: true,
        role_label: false,
        ping: false,
        sentinel_peers: true,
        redact_config: true,
        config: false,
        rdb_file: false,
        slowlog_entries: true,
        info_fields: false,
        histogram_commands: None,
        histogram_buckets: 0,
        client_port: false,
        client_aggregates: false,
    };

    pub(crate) fn text(text: &str) -> Reply {
        Reply::Text(text.to_owned())
    }

    pub(crate) fn texts(items: &[&str]) -> Reply {
        Reply::List(items.iter().map(|item| text(item)).collect())
    }

    /// The page of all `parts`.
    pub(crate) fn page(
        parts: &[Part],
        info: &str,
        replies: Vec<(Command, Answer)>,
    ) -> (String, Result<(), Reason>) {
        page_shown(parts, &SHOW, info, replies)
    }

    fn page_shown(
        parts: &[Part],
        show: &Show,
        info: &str,
        replies: Vec<(Command, Answer)>,
    ) -> (String, Result<(), Reason>) {
        let answers = Answers::of(replies);
        let info = Info::parse(info);
        let server = Server::from_info(&info);
        let mut memory = Memory::default();
        memory.observe(&info, &answers, show, tokio::time::Instant::now());
        let reading = Reading {
            info,
            answers: &answers,
            server: &server,
            show,
            now: 1_700_000_100.0,
            started: Some(1_700_000_000.0),
            memory: Arc::new(memory),
            labels: &[],
        };
        let mut samples = Samples::new("");
        let mut output = Output::new(&mut samples, &[]);
        let result = parts.iter().try_for_each(|part| part.write(&reading, &mut output));
        let mut page = Page::new();
        page.section(samples);
        let text = page.finish().0.encode(Format::Text, Compression::Identity);
        (String::from_utf8(text.to_vec()).unwrap(), result)
    }

    /// The sample lines of `part`, without the namespace, and whether it succeeded.
    pub(crate) fn render(
        part: Part,
        info: &str,
        replies: Vec<(Command, Answer)>,
    ) -> (Vec<String>, Result<(), Reason>) {
        render_shown(part, &SHOW, info, replies)
    }

    /// The same with other things shown.
    pub(crate) fn render_shown(
        part: Part,
        show: &Show,
        info: &str,
        replies: Vec<(Command, Answer)>,
    ) -> (Vec<String>, Result<(), Reason>) {
        let (page, result) = page_shown(&[part], show, info, replies);
        (sample_lines(&page), result)
    }

    /// The sample lines of what is written.
    pub(crate) fn lines_of(write: impl FnOnce(&mut Output<'_>)) -> Vec<String> {
        let mut samples = Samples::new("");
        write(&mut Output::new(&mut samples, &[]));
        let mut page = Page::new();
        page.section(samples);
        let text = page.finish().0.encode(Format::Text, Compression::Identity);
        sample_lines(std::str::from_utf8(&text).unwrap())
    }

    fn sample_lines(page: &str) -> Vec<String> {
        page.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }
}
