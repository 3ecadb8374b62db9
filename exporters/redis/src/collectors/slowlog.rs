//! The slow log: how long it is and its newest entry.

use toolkit::expo::{Desc, Kind};

use super::{Part, Reading, Render};
use crate::command::Command;
use crate::error::Reason;
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

/// SLOWLOG tells microseconds.
const MICROSECONDS: f64 = 1e6;

pub(super) const PART: Part = Part {
    name: "slowlog",
    commands: &[Command::SlowlogLen, Command::SlowlogLast],
    metrics: || vec![LENGTH, LAST_ID, LAST_DURATION],
    render: Render::Replies(render),
};

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
    length
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
                vec!["last_slow_execution_duration_seconds 0.0015", "slowlog_last_id 7", "slowlog_length 2"],
                Ok(()),
            ),
            (
                Ok(Reply::Integer(0)),
                Ok(Reply::List(vec![])),
                vec!["last_slow_execution_duration_seconds 0", "slowlog_last_id 0", "slowlog_length 0"],
                Ok(()),
            ),
            (Ok(Reply::Integer(2)), denied(), vec!["slowlog_length 2"], Err(Reason::NoPerm)),
            (
                denied(),
                Ok(entry(0)),
                vec!["last_slow_execution_duration_seconds 0.0015", "slowlog_last_id 0"],
                Err(Reason::NoPerm),
            ),
        ] {
            let found = render(PART, "", vec![(Command::SlowlogLen, length), (Command::SlowlogLast, last)]);
            assert_eq!(found.0, expected);
            assert_eq!(found.1, result);
        }
    }
}
