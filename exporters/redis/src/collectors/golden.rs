//! Whole pages from recorded replies, with HELP and TYPE, as they must stay.

use super::PARTS;
use super::testing::{page, text, texts};
use crate::command::Command;
use crate::conn::Answer;
use crate::reply::Reply;

const REDIS: &str = include_str!("../../tests/recorded/redis-7.0.15.info");
const VALKEY: &str = include_str!("../../tests/recorded/valkey-9.1.info");

fn check(name: &str, info: &str, replies: Vec<(Command, Answer)>) {
    let (page, result) = page(PARTS, info, replies);
    assert_eq!(result, Ok(()));
    let known: Vec<_> = PARTS.iter().flat_map(|part| (part.metrics)()).collect();
    for (name, kind) in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')) {
        let in_reference = known.iter().find(|desc| desc.name == name.trim_start_matches("redis_"));
        let in_reference = in_reference.map(|desc| format!("{:?}", desc.kind).to_lowercase());
        assert_eq!(in_reference.as_deref(), Some(kind), "{name} is not in the reference as it is written");
    }
    insta::with_settings!({ snapshot_path => "../../tests/recorded", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, page);
    });
}

#[test]
fn redis_7_0() {
    let set = vec![
        text("calls"),
        Reply::Integer(2),
        text("histogram_usec"),
        Reply::List([8, 1, 16, 2].map(Reply::Integer).to_vec()),
    ];
    let spike = vec![text("command"), Reply::Integer(1_795_173_346), Reply::Integer(10), Reply::Integer(12)];
    let slow = vec![
        Reply::Integer(20),
        Reply::Integer(1_795_173_347),
        Reply::Integer(2),
        texts(&["latency", "latest"]),
    ];
    let settings = [
        "client-output-buffer-limit",
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        "databases",
        "4",
        "io-threads",
        "1",
        "maxclients",
        "10000",
        "maxmemory",
        "0",
        "repl-backlog-size",
        "1048576",
    ];
    let replies = vec![
        (Command::ConfigNamed, Ok(texts(&settings))),
        (Command::LatencyLatest, Ok(Reply::List(vec![Reply::List(spike)]))),
        (Command::LatencyHistogram, Ok(Reply::List(vec![text("set"), Reply::List(set)]))),
        (Command::SlowlogLen, Ok(Reply::Integer(20))),
        (Command::SlowlogLast, Ok(Reply::List(vec![Reply::List(slow)]))),
    ];
    check("redis-7.0.15", REDIS, replies);
}

#[test]
fn valkey_9_1_in_a_cluster() {
    let cluster = "cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_stats_messages_sent:7\r\n";
    let replies = vec![
        (Command::ConfigNamed, Ok(texts(&["databases", "16", "commandlog-execution-slower-than", "10000"]))),
        (Command::ClusterInfo, Ok(text(cluster))),
        (Command::CommandlogSlow, Ok(Reply::Integer(1))),
        (Command::CommandlogLargeRequest, Ok(Reply::Integer(0))),
        (Command::CommandlogLargeReply, Ok(Reply::Integer(0))),
    ];
    check("valkey-9.1", VALKEY, replies);
}
