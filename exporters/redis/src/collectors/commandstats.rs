//! Calls by command and errors by kind.

use toolkit::expo::{Desc, Kind};

use super::{Part, Reading, Render};
use crate::command::Command;
use crate::info::{item, items, number};
use crate::memory::OTHER;
use crate::output::Output;

const CALLS: Desc<'_> = Desc {
    name: "commands_total",
    help: "Calls of the command (INFO cmdstat_CMD calls).",
    kind: Kind::Counter,
    labels: &["cmd"],
};
const DURATION: Desc<'_> = Desc {
    name: "commands_duration_seconds_total",
    help: "Time spent in the command (INFO cmdstat_CMD usec).",
    ..CALLS
};
const REJECTED: Desc<'_> = Desc {
    name: "commands_rejected_calls_total",
    help: "Calls refused before the command ran (INFO cmdstat_CMD rejected_calls).",
    ..CALLS
};
const FAILED: Desc<'_> = Desc {
    name: "commands_failed_calls_total",
    help: "Calls that failed while the command ran (INFO cmdstat_CMD failed_calls).",
    ..CALLS
};
const SLOW: Desc<'_> = Desc {
    name: "commands_slowlog_total",
    help: "Calls that went into the slow log (INFO cmdstat_CMD slowlog_count).",
    ..CALLS
};
const SLOW_DURATION: Desc<'_> = Desc {
    name: "commands_slowlog_duration_seconds_total",
    help: "Time of the calls that went into the slow log (INFO cmdstat_CMD slowlog_time_ms_sum).",
    ..CALLS
};
const SLOW_MAX: Desc<'_> = Desc {
    name: "commands_slowlog_duration_seconds_max",
    help: "Longest call that went into the slow log (INFO cmdstat_CMD slowlog_time_ms_max).",
    kind: Kind::Gauge,
    ..CALLS
};
const ERRORS: Desc<'_> = Desc {
    name: "errors_total",
    help: "Error replies by their first word; beyond 128 of them, __other__ (INFO errorstat_ERR count).",
    kind: Kind::Counter,
    labels: &["err"],
};

/// Items of a cmdstat line, the metric of each, and what it is divided by.
const ITEMS: [(&str, &Desc<'_>, f64); 7] = [
    ("calls", &CALLS, 1.0),
    ("usec", &DURATION, 1e6),
    ("rejected_calls", &REJECTED, 1.0),
    ("failed_calls", &FAILED, 1.0),
    ("slowlog_count", &SLOW, 1.0),
    ("slowlog_time_ms_sum", &SLOW_DURATION, 1e3),
    ("slowlog_time_ms_max", &SLOW_MAX, 1e3),
];

pub(super) const PART: Part = Part {
    name: "commandstats",
    commands: &[Command::Info],
    metrics: || ITEMS.iter().map(|(_, desc, _)| **desc).chain([ERRORS]).collect(),
    further: None,
    render: Render::Info(render),
};

fn render(reading: &Reading<'_>, output: &mut Output<'_>) {
    for (command, list) in reading.info.with_prefix("cmdstat_") {
        for (name, text) in items(list) {
            if let Some((_, desc, divisor)) = ITEMS.iter().find(|(item, ..)| *item == name) {
                output.add(desc, &[command], number(text).map(|value| value / divisor));
            }
        }
    }
    let mut others = None;
    for (error, list) in reading.info.with_prefix("errorstat_") {
        let count = item(list, "count").and_then(number);
        if reading.memory.errors.contains(error) {
            output.add(&ERRORS, &[error], count);
        } else {
            others = Some(others.unwrap_or(0.0) + count.unwrap_or(0.0));
        }
    }
    output.add(&ERRORS, &[OTHER], others);
}

#[cfg(test)]
mod tests {
    use super::super::testing::render;
    use super::PART;

    #[test]
    fn errors_are_bounded() {
        let info: String = (0..200)
            .fold(String::new(), |text, number| text + &format!("errorstat_E{number:03}:count=2\r\n"));
        let (lines, _) = render(PART, &info, vec![]);
        assert_eq!(lines.len(), 129);
        assert_eq!(lines.last().map(String::as_str), Some("errors_total{err=\"__other__\"} 144"));
    }

    #[test]
    fn commands_and_errors_of_all_versions() {
        for (info, expected) in [
            (
                "cmdstat_config|get:calls=2,usec=187,usec_per_call=93.50,rejected_calls=1,failed_calls=0\r\n",
                vec![
                    "commands_duration_seconds_total{cmd=\"config|get\"} 0.000187",
                    "commands_failed_calls_total{cmd=\"config|get\"} 0",
                    "commands_rejected_calls_total{cmd=\"config|get\"} 1",
                    "commands_total{cmd=\"config|get\"} 2",
                ],
            ),
            (
                "cmdstat_FT.SEARCH:calls=1,usec=2,usec_per_call=2.00\ncmdstat_x:y:calls=3\ncmdstat_bad\n",
                vec![
                    "commands_duration_seconds_total{cmd=\"FT.SEARCH\"} 2e-6",
                    "commands_total{cmd=\"FT.SEARCH\"} 1",
                    "commands_total{cmd=\"x:y\"} 3",
                ],
            ),
            (
                "cmdstat_get:slowlog_count=2,slowlog_time_ms_sum=12.50,slowlog_time_ms_max=10.00\n",
                vec![
                    "commands_slowlog_duration_seconds_max{cmd=\"get\"} 0.01",
                    "commands_slowlog_duration_seconds_total{cmd=\"get\"} 0.0125",
                    "commands_slowlog_total{cmd=\"get\"} 2",
                ],
            ),
            (
                "errorstat_ERR:count=2\r\nerrorstat_my\"lua:err:count=1\r\n",
                vec!["errors_total{err=\"ERR\"} 2", "errors_total{err=\"my\\\"lua:err\"} 1"],
            ),
        ] {
            assert_eq!(render(PART, info, vec![]).0, expected, "{info}");
        }
    }
}
