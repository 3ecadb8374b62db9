//! Settings of the server: a few always, all of them when asked for.
//!
//! A setting that can hold a secret is not shown unless the flags say so. The four names that redis_exporter knows are
//! left out, as there; others with such a name are shown without their value.

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

const KEY_VALUE: Desc<'_> = Desc {
    name: "config_key_value",
    help: "Each setting; always 1 (CONFIG GET, --include-config-metrics).",
    kind: Kind::Gauge,
    labels: &["key", "value"],
};
const VALUE: Desc<'_> = Desc {
    name: "config_value",
    help: "Each setting that is a number (CONFIG GET, --include-config-metrics).",
    kind: Kind::Gauge,
    labels: &["key"],
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
    metrics: || {
        SETTINGS
            .map(|(_, desc)| desc)
            .into_iter()
            .chain([BUFFER_LIMIT, BUFFER_OVERCOME, KEY_VALUE, VALUE])
            .collect()
    },
    further: None,
    render: Render::Replies(render),
};

/// The text of a setting. `None` when the server did not name it.
pub(super) fn setting<'a>(answers: &'a Answers, name: &str) -> Result<Option<&'a str>, Reason> {
    let mut pairs = all(answers)?;
    Ok(pairs.find(|(found, _)| found.text() == Some(name)).and_then(|(_, value)| value.text()))
}

fn all(answers: &Answers) -> Result<impl Iterator<Item = (&Reply, &Reply)>, Reason> {
    let reply = match answers.reply(Command::ConfigNamed)? {
        Some(reply) => Some(reply),
        None => answers.reply(Command::ConfigAll)?,
    };
    Ok(reply.into_iter().flat_map(Reply::pairs))
}

/// How a setting is shown.
#[derive(Debug, PartialEq, Eq)]
enum Shown {
    /// As it is.
    Whole,
    /// Only that it is there.
    Name,
    /// Not at all.
    Nothing,
}

/// The names that redis_exporter leaves out.
const LEFT_OUT: [&str; 4] = ["masterauth", "requirepass", "tls-key-file-pass", "tls-client-key-file-pass"];
/// A setting with one of these in its name can hold a secret, or half of one.
const SECRET: [&str; 5] = ["pass", "auth", "secret", "token", "user"];
/// Settings with such a name that hold none: each takes one of a few words.
const NO_SECRET: [&str; 5] = [
    "hide-user-data-from-log",
    "lazyfree-lazy-user-del",
    "lazyfree-lazy-user-flush",
    "tls-auth-clients",
    "tls-auth-clients-user",
];

/// Stands for a value that is not shown.
const REDACTED: &str = "<redacted>";

/// Most settings that are shown; a server of today has 200.
const MAX_SETTINGS: usize = 1_000;

/// Whether a setting with this name, in lower case, can hold a secret or half of one.
pub(super) fn can_hold_a_secret(name: &str) -> bool {
    !NO_SECRET.contains(&name) && SECRET.iter().any(|part| name.contains(part))
}

fn shown(name: &str, redact: bool) -> Shown {
    let name = name.to_ascii_lowercase();
    if redact && LEFT_OUT.contains(&name.as_str()) {
        Shown::Nothing
    } else if redact && can_hold_a_secret(&name) {
        Shown::Name
    } else {
        Shown::Whole
    }
}

fn render_all(reading: &Reading<'_>, output: &mut Output<'_>) -> Result<(), Reason> {
    for (name, value) in all(reading.answers)?.take(MAX_SETTINGS) {
        let (Some(name), Some(value)) = (name.text(), value.text()) else { continue };
        match shown(name, reading.show.redact_config) {
            Shown::Whole => {
                output.add(&KEY_VALUE, &[name, value], 1.0);
                output.add(&VALUE, &[name], value.parse().ok().filter(|number: &f64| number.is_finite()));
            }
            Shown::Name => output.add(&KEY_VALUE, &[name, REDACTED], 1.0),
            Shown::Nothing => {}
        }
    }
    Ok(())
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
    if reading.show.config { render_all(reading, output) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::super::Show;
    use super::super::testing::{SHOW, render, render_shown, text, texts};
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
    fn secrets_are_not_shown_unless_asked_for() {
        for (name, redact, expected) in [
            ("maxmemory", true, Shown::Whole),
            ("requirepass", true, Shown::Nothing),
            ("RequirePass", true, Shown::Nothing),
            ("masterauth", true, Shown::Nothing),
            ("primaryauth", true, Shown::Name),
            ("masteruser", true, Shown::Name),
            ("my-module-secret", true, Shown::Name),
            ("tls-auth-clients", true, Shown::Whole),
            ("requirepass", false, Shown::Whole),
        ] {
            assert_eq!(shown(name, redact), expected, "{name} {redact}");
        }
    }

    #[test]
    fn all_settings() {
        let settings =
            texts(&["maxmemory", "0", "requirepass", "canary", "primaryauth", "canary", "save", ""]);
        let show = Show { config: true, ..SHOW };
        let (lines, _) = render_shown(PART, &show, "", vec![(Command::ConfigAll, Ok(settings))]);
        let expected = [
            "config_key_value{key=\"maxmemory\",value=\"0\"} 1",
            "config_key_value{key=\"primaryauth\",value=\"<redacted>\"} 1",
            "config_key_value{key=\"save\",value=\"\"} 1",
            "config_maxmemory 0",
            "config_value{key=\"maxmemory\"} 0",
        ];
        assert_eq!(lines, expected);
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
