//! What each thread of the server does: the I/O threads of Redis 8 and Valkey 9, and `KeyDB`'s threads.

use toolkit::expo::{Desc, Kind};

use super::{Part, Reading, Render};
use crate::command::Command;
use crate::info::{item, number};
use crate::output::Output;

const TIME: Desc<'_> = Desc {
    name: "active_time_io_thread_seconds_total",
    help: "Seconds that the I/O thread was not waiting (INFO used_active_time_io_thread_N, Valkey).",
    kind: Kind::Counter,
    labels: &["thread"],
};
const CLIENTS: Desc<'_> = Desc {
    name: "io_thread_clients",
    help: "Clients that the thread serves (INFO io_thread_N clients, Redis 8; thread_N_clients, KeyDB).",
    kind: Kind::Gauge,
    labels: &["thread"],
};
const READS: Desc<'_> = Desc {
    name: "io_thread_reads_processed_total",
    help: "Read events of the thread; 0 is the main thread (INFO io_thread_N reads, Redis 8).",
    ..TIME
};
const WRITES: Desc<'_> = Desc {
    name: "io_thread_writes_processed_total",
    help: "Write events of the thread; 0 is the main thread (INFO io_thread_N writes, Redis 8).",
    ..TIME
};

pub(super) const PART: Part = Part {
    name: "threads",
    commands: &[Command::Info],
    metrics: || vec![TIME, CLIENTS, READS, WRITES],
    further: None,
    render: Render::Info(render),
};

fn render(reading: &Reading<'_>, output: &mut Output<'_>) {
    let number_of = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    for (thread, text) in reading.info.with_prefix("used_active_time_io_thread_") {
        output.add(&TIME, &[thread], number(text));
    }
    for (thread, list) in reading.info.with_prefix("io_thread_").filter(|(name, _)| number_of(name)) {
        output.add(&CLIENTS, &[thread], item(list, "clients").and_then(number));
        output.add(&READS, &[thread], item(list, "reads").and_then(number));
        output.add(&WRITES, &[thread], item(list, "writes").and_then(number));
    }
    for (name, text) in reading.info.with_prefix("thread_") {
        if let Some(thread) = name.strip_suffix("_clients").filter(|thread| number_of(thread)) {
            output.add(&CLIENTS, &[thread], number(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::render;
    use super::PART;

    #[test]
    fn threads_of_all_servers() {
        let clients = |thread: u8, count: u8| format!("io_thread_clients{{thread=\"{thread}\"}} {count}");
        for (info, expected) in [
            (
                "io_thread_0:clients=1,reads=2,writes=3\r\nio_threads_active:1\r\nio_thread_x:clients=1\r\n",
                vec![
                    clients(0, 1),
                    "io_thread_reads_processed_total{thread=\"0\"} 2".to_owned(),
                    "io_thread_writes_processed_total{thread=\"0\"} 3".to_owned(),
                ],
            ),
            (
                "used_active_time_io_thread_1:0.250000\r\n",
                vec!["active_time_io_thread_seconds_total{thread=\"1\"} 0.25".to_owned()],
            ),
            (
                "thread_0_clients:4\r\nthread_1_clients:5\r\nthread_count:2\r\n",
                vec![clients(0, 4), clients(1, 5)],
            ),
        ] {
            assert_eq!(render(PART, info, vec![]).0, expected, "{info}");
        }
    }
}
