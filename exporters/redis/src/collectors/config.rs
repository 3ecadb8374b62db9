//! A few settings of the server.

use toolkit::expo::{Desc, Kind};

use super::{Part, Reading, Render};
use crate::command::Command;
use crate::error::Reason;
use crate::gather::Answers;
use crate::info::number;
use crate::output::Output;
use crate::reply::Reply;

const BUFFER_LIMIT: Desc<'_> = Desc {
    name: "config_client_output_buffer_limit_bytes",
    help: "Bytes in a client's output buffer at which the server hangs up (CONFIG client-output-buffer-limit).",
    kind: Kind::Gauge,
    labels: &["class", "limit"],
};
const BUFFER_OVERCOME: Desc<'_> = Desc {
    name: "config_client_output_buffer_limit_overcome_seconds",
    help: "How long a buffer may be over its soft limit (CONFIG client-output-buffer-limit).",
    ..BUFFER_LIMIT
};

/// Each setting and its metric.
const SETTINGS: [(&str, Desc<'_>); 4] = [
    ("io-threads", gauge("config_io_threads", "Threads for network input and output (CONFIG io-threads).")),
    ("maxclients", gauge("config_maxclients", "Most client connections accepted (CONFIG maxclients).")),
    ("maxmemory", gauge("config_maxmemory", "Most bytes of data; 0 is no limit (CONFIG maxmemory).")),
    (
        "repl-backlog-size",
        gauge("config_repl_backlog_size", "Bytes of the replication backlog (CONFIG repl-backlog-size)."),
    ),
];

const fn gauge(name: &'static str, help: &'static str) -> Desc<'static> {
    Desc { name, help, kind: Kind::Gauge, labels: &[] }
}

pub(super) const PART: Part = Part {
    name: "config",
    commands: &[Command::ConfigNamed, Command::ConfigAll],
    metrics: || SETTINGS.map(|(_, desc)| desc).into_iter().chain([BUFFER_LIMIT, BUFFER_OVERCOME]).collect(),
    render: Render::Replies(render),
};

/// The text of a setting. `None` when the server did not name it.
pub(super) fn setting<'a>(answers: &'a Answers, name: &str) -> Result<Option<&'a str>, Reason> {
    let reply = match answers.reply(Command::ConfigNamed)? {
        Some(reply) => Some(reply),
        None => answers.reply(Command::ConfigAll)?,
    };
    let mut pairs = reply.into_iter().flat_map(Reply::pairs);
    Ok(pairs.find(|(found, _)| found.text() == Some(name)).and_then(|(_, value)| value.text()))
}

fn render(reading: &Reading<'_>, output: &mut Output<'_>) -> Result<(), Reason> {
    for (name, desc) in SETTINGS {
        output.add(&desc, &[], setting(reading.answers, name)?.and_then(number));
    }
    let limits = setting(reading.answers, "client-output-buffer-limit")?.unwrap_or_default();
    let words: Vec<&str> = limits.split_ascii_whitespace().collect();
    let (classes, _) = words.as_chunks::<4>();
    for [class, hard, soft, seconds] in classes {
        output.add(&BUFFER_LIMIT, &[class, "hard"], number(hard));
        output.add(&BUFFER_LIMIT, &[class, "soft"], number(soft));
        output.add(&BUFFER_OVERCOME, &[class, "soft"], number(seconds));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{render, text, texts};
    use super::*;
    use crate::reply::Refusal;

    #[test]
    fn settings() {
        let reply = texts(&[
            "maxmemory",
            "0",
            "requirepass",
            "canary",
            "maxclients",
            "10000",
            "client-output-buffer-limit",
            "normal 0 0 0 slave 268435456 67108864 60 junk",
        ]);
        let expected = [
            "config_client_output_buffer_limit_bytes{class=\"normal\",limit=\"hard\"} 0",
            "config_client_output_buffer_limit_bytes{class=\"normal\",limit=\"soft\"} 0",
            "config_client_output_buffer_limit_bytes{class=\"slave\",limit=\"hard\"} 268435456",
            "config_client_output_buffer_limit_bytes{class=\"slave\",limit=\"soft\"} 67108864",
            "config_client_output_buffer_limit_overcome_seconds{class=\"normal\",limit=\"soft\"} 0",
            "config_client_output_buffer_limit_overcome_seconds{class=\"slave\",limit=\"soft\"} 60",
            "config_maxclients 10000",
            "config_maxmemory 0",
        ];
        for command in [Command::ConfigNamed, Command::ConfigAll] {
            let (lines, result) = render(PART, "", vec![(command, Ok(reply.clone()))]);
            assert_eq!(lines, expected);
            assert_eq!(result, Ok(()));
        }
    }

    #[test]
    fn settings_that_cannot_be_had() {
        let odd = Reply::List(vec![
            text("maxmemory"),
            Reply::Nil,
            Reply::Integer(3),
            text("x"),
            text("maxclients"),
        ]);
        for (answer, expected) in [
            (Ok(odd), Ok(())),
            (Err(Refusal::new("NOPERM", "")), Err(Reason::NoPerm)),
            (Err(Refusal::new("ERR", "unknown command 'CONFIG'")), Ok(())),
        ] {
            assert_eq!(render(PART, "", vec![(Command::ConfigNamed, answer)]), (vec![], expected));
        }
    }
}
