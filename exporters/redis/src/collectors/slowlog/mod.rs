//! The slow log: how long it is, its newest entry, and its entries counted by command.
//!
//! Only the newest entry is asked for at first, and the others only when there are new ones: a log that stands still
//! costs next to nothing.

mod entries;

use tokio::time::Instant;
use toolkit::expo::{Desc, Kind};

pub use entries::{Cursor, SlowCounts};

use super::{Part, Reading, Render};
use crate::command::{Command, CommandOptions};
use crate::error::Reason;
use crate::gather::Answers;
use crate::info::Info;
use crate::output::Output;
use crate::reply::Reply;

const LENGTH: Desc<'_> = Desc {
    name: "slowlog_length",
    help: "Entries in the slow log (SLOWLOG LEN).",
    kind: Kind::Gauge,
    labels: &[],
};
const LAST_ID: Desc<'_> = Desc {
    name: "slowlog_last_id",
    help: "Number of the newest entry in the slow log; 0 when there is none (SLOWLOG GET).",
    ..LENGTH
};
const LAST_DURATION: Desc<'_> = Desc {
    name: "last_slow_execution_duration_seconds",
    help: "How long the newest entry in the slow log took; 0 when there is none (SLOWLOG GET).",
    ..LENGTH
};

const ENTRIES: Desc<'_> = Desc {
    name: "slowlog_entries_total",
    help: "Entries that came into the slow log since the exporter first saw it; cmd as in commands_total (SLOWLOG GET).",
    kind: Kind::Counter,
    labels: &["cmd"],
};
const ENTRIES_DURATION: Desc<'_> = Desc {
    name: "slowlog_entries_duration_seconds_total",
    help: "How long the commands of these entries took (SLOWLOG GET).",
    ..ENTRIES
};
const ENTRIES_LONGEST: Desc<'_> = Desc {
    name: "slowlog_entries_duration_seconds_max",
    help: "The longest of these entries in the last five to ten minutes (SLOWLOG GET).",
    kind: Kind::Gauge,
    ..ENTRIES
};
const ENTRIES_MISSED: Desc<'_> = Desc {
    name: "slowlog_entries_missed_total",
    help: "Entries that came and went between two scrapes, and were not counted by command (SLOWLOG GET).",
    kind: Kind::Counter,
    labels: &[],
};

/// SLOWLOG tells microseconds.
const MICROSECONDS: f64 = 1e6;

pub(super) const PART: Part = Part {
    name: "slowlog",
    commands: &[Command::SlowlogLen, Command::SlowlogLast],
    metrics: || {
        vec![LENGTH, LAST_ID, LAST_DURATION, ENTRIES, ENTRIES_DURATION, ENTRIES_LONGEST, ENTRIES_MISSED]
    },
    further: Some(further),
    render: Render::Replies(render),
};

/// The whole of what is new, when that is more than the newest entry, which we have.
fn further(answers: &Answers, options: &CommandOptions) -> Vec<(Command, Vec<String>)> {
    if !options.slowlog_entries {
        return Vec::new();
    }
    let newest = answers.reply(Command::SlowlogLast).ok().flatten().and_then(entries::newest);
    let Some(newest) = newest else { return Vec::new() };
    let info = answers.reply(Command::Info).ok().flatten().and_then(Reply::text).unwrap_or_default();
    let length = match answers.reply(Command::SlowlogLen) {
        Ok(Some(Reply::Integer(length))) => usize::try_from(*length).unwrap_or(0),
        _ => entries::MAX_ENTRIES,
    };
    match answers.slow_cursor().outstanding(&Info::parse(info), newest, length) {
        0 | 1 => Vec::new(),
        more => {
            let count = (more + MEANWHILE).min(entries::MAX_ENTRIES).to_string();
            vec![(Command::SlowlogLast, vec!["SLOWLOG".to_owned(), "GET".to_owned(), count])]
        }
    }
}

/// Entries that may come between the two writes of a scrape, so that they push none out of what we ask for.
const MEANWHILE: usize = 8;

/// Counts what is new. What the server did not tell in this scrape is asked for in the next.
pub fn observe(counts: &mut SlowCounts, info: &Info<'_>, answers: &Answers, now: Instant) {
    let last = answers.reply(Command::SlowlogLast).ok().flatten();
    let log = match answers.further(PART.name).next() {
        None => last,
        Some((.., whole)) => whole.ok().flatten(),
    };
    if let Some(log) = log {
        counts.observe(info, log, now);
    }
}

fn render(reading: &Reading<'_>, output: &mut Output<'_>) -> Result<(), Reason> {
    let length = reading.answers.reply(Command::SlowlogLen).map(|reply| {
        output.add(&LENGTH, &[], reply.and_then(Reply::number));
    });
    let last = reading.answers.reply(Command::SlowlogLast)?;
    // an entry is a list: number, time, microseconds, and the command, which is nobody's business here
    if let Some(entries) = last {
        let (id, duration) = match entries.items().first().map(Reply::items) {
            Some([id, _, duration, ..]) => (id.number(), duration.number()),
            _ => (Some(0.0), Some(0.0)),
        };
        output.add(&LAST_ID, &[], id);
        output.add(&LAST_DURATION, &[], duration.map(|duration| duration / MICROSECONDS));
    }
    if reading.show.slowlog_entries {
        render_entries(&reading.memory.slow, output);
    }
    length
}

#[expect(clippy::cast_precision_loss, reason = "no log has 2^53 entries, or takes 2^53 microseconds")]
fn render_entries(counts: &SlowCounts, output: &mut Output<'_>) {
    for (command, slow) in counts.commands() {
        output.add(&ENTRIES, &[command], slow.entries as f64);
        output.add(&ENTRIES_DURATION, &[command], slow.microseconds as f64 / MICROSECONDS);
        output.add(&ENTRIES_LONGEST, &[command], slow.longest() as f64 / MICROSECONDS);
    }
    output.add(&ENTRIES_MISSED, &[], counts.missed().map(|missed| missed as f64));
}

#[cfg(test)]
mod tests {
    use super::super::testing::{render, texts};
    use super::*;
    use crate::reply::Refusal;

    #[test]
    fn entries() {
        let entry = |id| {
            let time = Reply::Integer(1_700_000_000);
            Reply::List(vec![Reply::List(vec![
                Reply::Integer(id),
                time,
                Reply::Integer(1500),
                texts(&["GET"]),
            ])])
        };
        let denied = || Err(Refusal::new("NOPERM", ""));
        for (length, last, expected, result) in [
            (
                Ok(Reply::Integer(2)),
                Ok(entry(7)),
                vec![
                    "last_slow_execution_duration_seconds 0.0015",
                    "slowlog_entries_missed_total 0",
                    "slowlog_last_id 7",
                    "slowlog_length 2",
                ],
                Ok(()),
            ),
            (
                Ok(Reply::Integer(0)),
                Ok(Reply::List(vec![])),
                vec![
                    "last_slow_execution_duration_seconds 0",
                    "slowlog_entries_missed_total 0",
                    "slowlog_last_id 0",
                    "slowlog_length 0",
                ],
                Ok(()),
            ),
            (Ok(Reply::Integer(2)), denied(), vec!["slowlog_length 2"], Err(Reason::NoPerm)),
            (
                denied(),
                Ok(entry(0)),
                vec![
                    "last_slow_execution_duration_seconds 0.0015",
                    "slowlog_entries_missed_total 0",
                    "slowlog_last_id 0",
                ],
                Err(Reason::NoPerm),
            ),
        ] {
            let found = render(PART, "", vec![(Command::SlowlogLen, length), (Command::SlowlogLast, last)]);
            assert_eq!(found.0, expected);
            assert_eq!(found.1, result);
        }
    }
}
