//! What is shown of the commands of the configuration file.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use toolkit::expo::{Desc, Kind, Samples};
use toolkit::scrape::{CollectError, Collecting, Collector, Scrape};

use super::CustomCommand;
use super::question;
use super::reading::Misread;
use crate::error::Reason;
use crate::output::Output;
use crate::page::Reached;
use crate::reply::Reply;

const SUCCESS: Desc<'_> = Desc {
    name: "custom_command_success",
    help: "Whether a command of the configuration file was answered and its reply was as its metrics expect it.",
    kind: Kind::Gauge,
    labels: &["command"],
};
const DURATION: Desc<'_> = Desc {
    name: "custom_command_duration_seconds",
    help: "How long a command of the configuration file took.",
    ..SUCCESS
};
const DROPPED: Desc<'_> = Desc {
    name: "custom_command_dropped_series_total",
    help: "Series of a command of the configuration file that were left out because of its limit.",
    kind: Kind::Counter,
    ..SUCCESS
};

/// What can be written beside the metrics that the file names.
pub fn metrics() -> Vec<Desc<'static>> {
    vec![SUCCESS, DURATION, DROPPED]
}

/// Asks all commands of all nodes.
pub struct Commands<'a> {
    /// The nodes; each knows its own commands.
    pub nodes: &'a [Reached<'a>],
}

/// What a command brought: `Ok(None)` when another node of the cluster has the key.
struct Brought {
    reply: Result<Option<Reply>, Reason>,
    took: Duration,
}

impl Collector for Commands<'_> {
    fn name(&self) -> &'static str {
        "custom"
    }

    fn collect<'a>(&'a self, scrape: &'a Scrape, samples: &'a mut Samples) -> Collecting<'a> {
        Box::pin(async move {
            let brought = join_all(self.nodes.iter().map(|reached| ask(reached, scrape))).await;
            let mut failed = None;
            for (reached, brought) in self.nodes.iter().zip(brought) {
                for (command, brought) in reached.node.link.custom.iter().zip(brought) {
                    let outcome = show(command, reached, &brought, samples);
                    let failure = outcome.err().map(|reason| (&command.name, reason));
                    failed = failed.or(failure);
                }
            }
            match failed {
                Some((name, reason)) => {
                    Err(CollectError::new(reason, format_args!("{name} failed: {reason}")))
                }
                None => Ok(()),
            }
        })
    }
}

async fn ask(reached: &Reached<'_>, scrape: &Scrape) -> Vec<Brought> {
    let mut all = Vec::new();
    for command in &reached.node.link.custom {
        let began = Instant::now();
        let until = question::until(command.timeout, scrape.deadline);
        let reply = question::ask(reached.node, &command.name, &command.question, until).await;
        all.push(Brought { reply, took: began.elapsed() });
    }
    all
}

/// Writes what a command brought; the error is a word that says why that is not all.
fn show(
    command: &CustomCommand,
    reached: &Reached<'_>,
    brought: &Brought,
    samples: &mut Samples,
) -> Result<(), &'static str> {
    let mut output = Output::new(samples, reached.labels);
    let (outcome, dropped) = match &brought.reply {
        Ok(None) => return Ok(()),
        Ok(Some(reply)) => write(command, reply, &mut output),
        Err(reason) => (Err(reason.as_str()), 0),
    };
    let dropped = reached.node.kept.notes().count_dropped(&command.name, dropped);
    let name = [command.name.as_str()];
    output.add(&SUCCESS, &name, f64::from(outcome.is_ok()));
    output.add(&DURATION, &name, brought.took.as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "no process drops 2^53 series")]
    output.add(&DROPPED, &name, dropped as f64);
    outcome
}

/// Writes a reply up to the command's limit; gives how many series were beyond it.
fn write(command: &CustomCommand, reply: &Reply, output: &mut Output<'_>) -> (Result<(), &'static str>, u64) {
    let (mut written, mut dropped) = (0, 0);
    let mut outcome = Ok(());
    for metric in &command.metrics {
        let labels = metric.label_names();
        let desc = Desc { name: &metric.name, help: &metric.help, kind: metric.kind, labels: &labels };
        let read = metric.read(reply, |values, value| {
            if written < command.limit {
                written += 1;
                output.add(&desc, values, value);
            } else {
                dropped += 1;
            }
        });
        let read = read.map_err(Misread::as_str);
        outcome = outcome.and(read);
    }
    (outcome, dropped)
}

#[cfg(test)]
mod tests {
    use toolkit::config::Document;

    use super::super::decode::decode;
    use super::*;
    use crate::collectors::testing::{lines_of, text};

    #[test]
    fn a_reply_is_written_up_to_the_limit() {
        let file = "commands:\n- {name: c, command: [HGETALL, h], limit: 3, metrics: [\
                    {name: a, help: A., pairs: k}, {name: b, help: B., pairs: k}]}";
        let commands =
            Document::parse("c.yml", file).unwrap().decode(|mut fields| decode(&mut fields)).unwrap();
        for (reply, expected, outcome) in [
            (&["x", "1", "y", "2"][..], vec!["a{k=\"x\"} 1", "a{k=\"y\"} 2", "b{k=\"x\"} 1"], (Ok(()), 1)),
            (&["x", "one", "y", "2"], vec!["a{k=\"y\"} 2", "b{k=\"y\"} 2"], (Err("not_a_number"), 0)),
            (&[], vec![], (Ok(()), 0)),
        ] {
            let reply = Reply::List(reply.iter().map(|item| text(item)).collect());
            let mut found = (Ok(()), 0);
            let lines = lines_of(|output| found = write(&commands[0], &reply, output));
            assert_eq!((lines, found), (expected.into_iter().map(str::to_owned).collect(), outcome));
        }
    }
}
