//! Valkey's command log: how long each kind of it is, and its limits.

use toolkit::expo::{Desc, Kind};

use super::{Part, Reading, Render};
use crate::collectors::config::setting;
use crate::command::Command;
use crate::error::Reason;
use crate::info::number;
use crate::output::Output;
use crate::reply::Reply;

const SLOW: Desc<'_> = Desc {
    name: "commandlog_slow_length",
    help: "Entries in the log of slow commands (COMMANDLOG LEN slow).",
    kind: Kind::Gauge,
    labels: &[],
};
const LARGE_REQUEST: Desc<'_> = Desc {
    name: "commandlog_large_request_length",
    help: "Entries in the log of large requests (COMMANDLOG LEN large-request).",
    ..SLOW
};
const LARGE_REPLY: Desc<'_> = Desc {
    name: "commandlog_large_reply_length",
    help: "Entries in the log of large replies (COMMANDLOG LEN large-reply).",
    ..SLOW
};

/// Each setting and its metric.
const LIMITS: [(&str, Desc<'_>); 6] = [
    ("commandlog-execution-slower-than", limit("commandlog_execution_slower_than")),
    ("commandlog-slow-execution-max-len", limit("commandlog_slow_execution_max_len")),
    ("commandlog-request-larger-than", limit("commandlog_request_larger_than")),
    ("commandlog-large-request-max-len", limit("commandlog_large_request_max_len")),
    ("commandlog-reply-larger-than", limit("commandlog_reply_larger_than")),
    ("commandlog-large-reply-max-len", limit("commandlog_large_reply_max_len")),
];

const fn limit(name: &'static str) -> Desc<'static> {
    Desc { name, help: "The setting of this name (CONFIG GET).", kind: Kind::Gauge, labels: &[] }
}

pub(super) const PART: Part = Part {
    name: "commandlog",
    commands: &[
        Command::ConfigNamed,
        Command::CommandlogSlow,
        Command::CommandlogLargeRequest,
        Command::CommandlogLargeReply,
    ],
    metrics: || [SLOW, LARGE_REQUEST, LARGE_REPLY].into_iter().chain(LIMITS.map(|(_, desc)| desc)).collect(),
    further: None,
    render: Render::Replies(render),
};

fn render(reading: &Reading<'_>, output: &mut Output<'_>) -> Result<(), Reason> {
    let mut result = Ok(());
    let logs = [
        (Command::CommandlogSlow, SLOW),
        (Command::CommandlogLargeRequest, LARGE_REQUEST),
        (Command::CommandlogLargeReply, LARGE_REPLY),
    ];
    for (command, desc) in logs {
        match reading.answers.reply(command) {
            Ok(reply) => output.add(&desc, &[], reply.and_then(Reply::number)),
            Err(reason) => result = Err(reason),
        }
    }
    for (name, desc) in LIMITS {
        // that settings are denied is for the part `config` to say
        let text = setting(reading.answers, name).ok().flatten();
        output.add(&desc, &[], text.and_then(number));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::super::testing::{render, texts};
    use super::*;
    use crate::reply::Refusal;

    #[test]
    fn logs_and_limits() {
        let replies = vec![
            (Command::ConfigNamed, Ok(texts(&["commandlog-execution-slower-than", "10000"]))),
            (Command::CommandlogSlow, Ok(Reply::Integer(3))),
            (Command::CommandlogLargeRequest, Err(Refusal::new("NOPERM", ""))),
            (Command::CommandlogLargeReply, Ok(Reply::Integer(0))),
        ];
        let (lines, result) = render(PART, "", replies);
        let expected = [
            "commandlog_execution_slower_than 10000",
            "commandlog_large_reply_length 0",
            "commandlog_slow_length 3",
        ];
        assert_eq!(lines, expected);
        assert_eq!(result, Err(Reason::NoPerm));
    }

    #[test]
    fn redis_has_none() {
        assert_eq!(render(PART, "", vec![]), (vec![], Ok(())));
    }
}
