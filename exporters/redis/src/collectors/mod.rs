//! The parts of the page, one file each: descriptors, the commands it reads, a pure `render`, tests.
//!
//! All parts of a page are rendered from one [`Reading`]. A part whose command failed says so in its
//! `scrape_collector_success` and costs nothing else; a command that the server does not have is no failure.

mod cluster;
mod commandlog;
mod commandstats;
mod config;
mod info;
mod instance;
mod keyspace;
mod latency;
mod replication;
mod slowlog;

use toolkit::expo::{Desc, Samples};
use toolkit::scrape::{CollectError, Collecting, Collector, Scrape};

use crate::command::Command;
use crate::error::Reason;
use crate::gather::Answers;
use crate::info::Info;
use crate::output::Output;
use crate::server::Server;

/// All parts of the page.
pub const PARTS: &[Part] = &[
    info::PART,
    instance::PART,
    keyspace::PART,
    replication::PART,
    commandstats::PART,
    latency::PART,
    slowlog::PART,
    commandlog::PART,
    config::PART,
    cluster::PART,
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

/// What is shown, beyond what is always shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

/// A part of the page.
#[derive(Clone, Copy)]
pub struct Part {
    /// The value of the `collector` label.
    pub name: &'static str,
    /// The commands it reads; for a server that has several forms of one, all of them.
    pub commands: &'static [Command],
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
    pub show: Show,
    /// When the server started, in Unix time.
    pub started: Option<f64>,
}

/// A part with its reading, as the toolkit runs it.
pub struct Rendering<'a> {
    /// The part.
    pub part: Part,
    /// What it is rendered from.
    pub reading: &'a Reading<'a>,
    /// The role to put on every sample.
    pub role: Option<&'a str>,
}

impl Collector for Rendering<'_> {
    fn name(&self) -> &str {
        self.part.name
    }

    fn collect<'a>(&'a self, _: &'a Scrape, samples: &'a mut Samples) -> Collecting<'a> {
        Box::pin(async move {
            let mut output = Output::new(samples, self.role);
            self.part.write(self.reading, &mut output).map_err(|reason| {
                CollectError::new(reason.as_str(), format_args!("no reply: {}", reason.as_str()))
            })
        })
    }
}

#[cfg(test)]
mod golden;

#[cfg(test)]
pub(crate) mod testing {
    //! Renders one part from hand-written replies.

    use toolkit::expo::{Compression, Format, Page};

    use super::*;
    use crate::conn::Answer;
    use crate::reply::Reply;

    pub(crate) const SHOW: Show =
        Show { system_memory: true, empty_databases: true, build: true, role_label: false, ping: false };

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
        let answers = Answers::of(replies);
        let info = Info::parse(info);
        let server = Server::from_info(&info);
        let reading =
            Reading { info, answers: &answers, server: &server, show: SHOW, started: Some(1_700_000_000.0) };
        let mut samples = Samples::new("");
        let mut output = Output::new(&mut samples, None);
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
        let (page, result) = page(&[part], info, replies);
        (page.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect(), result)
    }
}
