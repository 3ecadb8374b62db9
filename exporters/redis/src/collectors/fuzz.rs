//! Whole pages from what servers could send: nothing panics, no series is unbounded, every line is well-formed.

use proptest::prelude::*;

use super::PARTS;
use super::testing::page;
use crate::command::Command;
use crate::reply::{Refusal, Reply};

/// Lines of INFO as all kinds of servers write them, and as they could go wrong.
const LINES: &str = "(\
    # (Server|Clients|Keyspace|Modules|\u{e9})\
    |db[0-9]{1,2}:(keys=[0-9]{1,20},?)?(expires=[0-9x-]{0,3},?)?(avg_ttl=[0-9.e]{0,9},?)?(subexpiry=1)?(,?[a-z=,]{0,9})\
    |db0_distrib_(strings_sizes|lists_items|_|x):([0-9]{1,20}[KMGX]?=[0-9]{1,20},?){0,4}\
    |cmdstat_[a-zA-Z:|._-]{0,9}:(calls=[0-9]{1,20},?)?(usec=[0-9.]{0,9},?)?(slowlog_count=nan)?\
    |errorstat_[ -~]{0,9}:count=[0-9-]{0,20}\
    |latency_percentiles_usec_[a-z|]{1,9}:(p[0-9.]{0,5}=[0-9.e]{0,9},?){0,4}\
    |slave[0-9]{0,2}:(ip=[0-9a-f:.]{0,9},?)?(port=[0-9]{0,5},?)?(state=[a-z]{0,6},?)?(offset=[0-9]{0,20},?)?(lag=[0-9-]{0,3},?)?(type=rdb-channel)?\
    |master(_[0-9])?_(host|port|link_status|last_io_seconds_ago|sync_perc|link_down_since_seconds):[a-z0-9.:-]{0,9}\
    |(slave_repl_offset|slave_read_repl_offset|used_memory|loading_eta_seconds|run_id|uptime_in_seconds):[0-9a-z.-]{0,20}\
    |(io_thread_[0-9]|thread_[0-9]_clients|engine_[0-9]):[a-z0-9=,]{0,20}\
    |(redis_version|redis_mode|role|valkey_version):[ -~]{0,12}\
    |[ -~]{0,30})";

/// Settings, names of events and commands, and what else stands in replies.
const TEXTS: &str =
    "(databases|maxmemory|client-output-buffer-limit|calls|histogram_usec|get|[ -~]{0,12}|normal 0 0 0)";

fn reply() -> impl Strategy<Value = Reply> {
    let leaf = prop_oneof![
        Just(Reply::Nil),
        any::<i64>().prop_map(Reply::Integer),
        (0..2_000_000_i64).prop_map(Reply::Integer),
        TEXTS.prop_map(Reply::Text),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(Reply::Bytes),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| prop::collection::vec(inner, 0..7).prop_map(Reply::List))
}

/// What is not told is left out; a page is a few lines for each line that came in.
fn check(info: &str, replies: Vec<(Command, Reply)>) -> Result<(), TestCaseError> {
    let answers = replies.into_iter().map(|(command, reply)| (command, Ok(reply))).collect();
    let (page, _) = page(PARTS, info, answers);
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        prop_assert!(value.parse::<f64>().is_ok(), "{line}");
        prop_assert!(!series.is_empty() && (value != "NaN" || series.starts_with("keysizes")), "{line}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_info(lines in prop::collection::vec(LINES, 0..12)) {
        check(&lines.join("\r\n"), Vec::new())?;
    }

    #[test]
    fn any_reply(
        command in prop::sample::select(super::commands()), reply in reply(), info in LINES,
        others in prop::collection::vec(reply(), 3)
    ) {
        let log = [Command::SlowlogLast, Command::LatencyHistogram, Command::ConfigAll];
        let log = log.into_iter().filter(|other| *other != command).zip(others);
        check(&info, log.chain([(command, reply)]).collect())?;
    }
}

#[test]
fn a_page_of_refusals_is_a_page() {
    let refused = super::commands().into_iter().filter(|command| *command != Command::Info);
    let answers = refused.map(|command| (command, Err(Refusal::new("NOPERM", "canary")))).collect();
    let (page, _) = page(PARTS, "uptime_in_seconds:1\r\n", answers);
    assert!(page.contains("uptime_in_seconds 1") && !page.contains("canary"));
}
