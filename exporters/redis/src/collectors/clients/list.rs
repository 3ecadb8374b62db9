//! Each client as series of its own, for a server with few of them; redis_exporter's names.
//!
//! Our own connections are among them, as they are with redis_exporter. A number that the server does not tell
//! makes no sample.

use std::borrow::Cow;

use toolkit::expo::{Desc, Kind};

use super::super::{Part, Reading, Render};
use super::{clients, fields, number};
use crate::command::Command;
use crate::error::Reason;
use crate::output::Output;
use crate::reply::Reply;

const INFO: Desc<'_> = Desc {
    name: "connected_client_info",
    help: "A client (CLIENT LIST); always 1.",
    kind: Kind::Gauge,
    labels: &["id", "name", "flags", "db", "host", "port", "user", "resp"],
};
const CREATED: Desc<'_> =
    of_client("connected_client_created_at_timestamp", "When the client connected, in Unix time (age).");
const IDLE_SINCE: Desc<'_> = of_client(
    "connected_client_idle_since_timestamp",
    "When the client sent something last, in Unix time (idle).",
);

const fn of_client(name: &'static str, help: &'static str) -> Desc<'static> {
    Desc { name, help, kind: Kind::Gauge, labels: &["id", "name"] }
}

const fn counter(name: &'static str, help: &'static str) -> Desc<'static> {
    Desc { kind: Kind::Counter, ..of_client(name, help) }
}

/// Numbers that are shown as they are told, by field. Redis 8.8 was documented with other names for the last two.
const NUMBERS: [(&str, Desc<'_>); 15] = [
    (
        "omem",
        of_client(
            "connected_client_output_buffer_memory_usage_bytes",
            "Memory of the client's output buffers (omem).",
        ),
    ),
    (
        "tot-mem",
        of_client(
            "connected_client_total_memory_consumed_bytes",
            "Memory of all the client's buffers (tot-mem).",
        ),
    ),
    (
        "sub",
        of_client(
            "connected_client_channel_subscriptions_count",
            "Channels that the client is subscribed to (sub).",
        ),
    ),
    (
        "psub",
        of_client(
            "connected_client_pattern_matching_subscriptions_count",
            "Patterns that the client is subscribed to (psub).",
        ),
    ),
    (
        "qbuf",
        of_client(
            "connected_client_query_buffer_length_bytes",
            "What the client sent and the server has not run yet (qbuf).",
        ),
    ),
    (
        "qbuf-free",
        of_client(
            "connected_client_query_buffer_free_space_bytes",
            "What is free of the client's query buffer (qbuf-free).",
        ),
    ),
    (
        "obl",
        of_client(
            "connected_client_output_buffer_length_bytes",
            "Replies in the client's fixed output buffer (obl).",
        ),
    ),
    ("oll", of_client("connected_client_output_list_length", "Replies in the client's output list (oll).")),
    (
        "ssub",
        of_client(
            "connected_client_shard_channel_subscriptions_count",
            "Shard channels that the client is subscribed to (ssub).",
        ),
    ),
    (
        "watch",
        of_client("connected_client_shard_channel_watched_keys", "Keys that the client watches (watch)."),
    ),
    (
        "read-events",
        counter(
            "connected_client_read_events_total",
            "Times that the server read from the client (read-events).",
        ),
    ),
    (
        "avg-pipeline-len-sum",
        counter(
            "connected_client_pipeline_commands_total",
            "Commands in the client's pipelines (avg-pipeline-len-sum).",
        ),
    ),
    (
        "avg-pipeline-len-cnt",
        counter("connected_client_pipeline_batches_total", "Pipelines of the client (avg-pipeline-len-cnt)."),
    ),
    (
        "parse-batch-cmd-sum",
        counter(
            "connected_client_pipeline_commands_total",
            "Commands in the client's pipelines (avg-pipeline-len-sum).",
        ),
    ),
    (
        "parse-batch-cmd-cnt",
        counter("connected_client_pipeline_batches_total", "Pipelines of the client (avg-pipeline-len-cnt)."),
    ),
];

pub(crate) const PART: Part = Part {
    name: "client_list",
    commands: &[Command::ClientList],
    further: None,
    metrics: || {
        let mut all = vec![INFO, CREATED, IDLE_SINCE];
        all.extend(NUMBERS.iter().map(|(_, desc)| *desc));
        all
    },
    render: Render::Replies(render),
};

fn render(reading: &Reading<'_>, output: &mut Output<'_>) -> Result<(), Reason> {
    if let Some(list) = reading.answers.reply(Command::ClientList)?.and_then(Reply::bytes) {
        for line in clients(list) {
            show(line, reading, output);
        }
    }
    Ok(())
}

/// What identifies a client.
#[derive(Default)]
struct Client<'a> {
    id: Cow<'a, str>,
    name: Cow<'a, str>,
    flags: Cow<'a, str>,
    db: Cow<'a, str>,
    addr: Cow<'a, str>,
    user: Cow<'a, str>,
    resp: Cow<'a, str>,
}

impl<'a> Client<'a> {
    fn of(line: &'a [u8]) -> Self {
        let mut client = Self::default();
        for (name, value) in fields(line) {
            let place = match name {
                b"id" => &mut client.id,
                b"name" => &mut client.name,
                b"flags" => &mut client.flags,
                b"db" => &mut client.db,
                b"addr" => &mut client.addr,
                b"user" => &mut client.user,
                b"resp" => &mut client.resp,
                _ => continue,
            };
            *place = String::from_utf8_lossy(value);
        }
        client
    }
}

fn show(line: &[u8], reading: &Reading<'_>, output: &mut Output<'_>) {
    let client = Client::of(line);
    // the port follows the last colon; an IPv6 address stands without brackets
    let (host, port) = client.addr.rsplit_once(':').unwrap_or((&client.addr, ""));
    let mut labels = vec!["id", "name", "flags", "db", "host"];
    let mut values: Vec<&str> = vec![&client.id, &client.name, &client.flags, &client.db, host];
    let optional = [
        ("port", port, reading.show.client_port),
        ("user", &client.user, !client.user.is_empty()),
        ("resp", &client.resp, !client.resp.is_empty()),
    ];
    for (label, value, _) in optional.iter().filter(|(.., shown)| *shown) {
        labels.push(label);
        values.push(value);
    }
    output.add(&Desc { labels: &labels, ..INFO }, &values, 1.0);
    let of_client: [&str; 2] = [&client.id, &client.name];
    for (name, value) in fields(line) {
        #[expect(clippy::cast_precision_loss, reason = "beyond 2^53 the page loses bits too")]
        let Some(number) = number(value).map(|number| number as f64) else { continue };
        match name {
            b"age" => output.add(&CREATED, &of_client, reading.now.floor() - number),
            b"idle" => output.add(&IDLE_SINCE, &of_client, reading.now.floor() - number),
            _ => {
                if let Some((_, desc)) = NUMBERS.iter().find(|(field, _)| field.as_bytes() == name) {
                    output.add(desc, &of_client, number);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Show;
    use super::super::super::testing::{SHOW, render, render_shown, text};
    use super::*;
    use crate::conn::Answer;

    fn lines(list: &str, port: bool) -> Vec<String> {
        let show = Show { client_port: port, ..SHOW };
        let reply: Answer = Ok(text(list));
        render_shown(PART, &show, "", vec![(Command::ClientList, reply)]).0
    }

    #[test]
    fn a_client_of_redis_7() {
        let list = "id=25 addr=10.0.0.9:44158 laddr=127.0.0.1:7411 fd=14 name=we=ird age=12 idle=2 flags=N db=3 \
                    sub=1 psub=2 ssub=3 multi=-1 qbuf=26 qbuf-free=20448 argv-mem=10 multi-mem=0 rbs=16384 \
                    rbp=16384 obl=4 oll=5 omem=6 tot-mem=37658 events=r cmd=client|list user=bob redir=-1 resp=2\n";
        let expected = [
            "connected_client_channel_subscriptions_count{id=\"25\",name=\"we=ird\"} 1",
            "connected_client_created_at_timestamp{id=\"25\",name=\"we=ird\"} 1700000088",
            "connected_client_idle_since_timestamp{id=\"25\",name=\"we=ird\"} 1700000098",
            "connected_client_info{id=\"25\",name=\"we=ird\",flags=\"N\",db=\"3\",host=\"10.0.0.9\",\
             port=\"44158\",user=\"bob\",resp=\"2\"} 1",
            "connected_client_output_buffer_length_bytes{id=\"25\",name=\"we=ird\"} 4",
            "connected_client_output_buffer_memory_usage_bytes{id=\"25\",name=\"we=ird\"} 6",
            "connected_client_output_list_length{id=\"25\",name=\"we=ird\"} 5",
            "connected_client_pattern_matching_subscriptions_count{id=\"25\",name=\"we=ird\"} 2",
            "connected_client_query_buffer_free_space_bytes{id=\"25\",name=\"we=ird\"} 20448",
            "connected_client_query_buffer_length_bytes{id=\"25\",name=\"we=ird\"} 26",
            "connected_client_shard_channel_subscriptions_count{id=\"25\",name=\"we=ird\"} 3",
            "connected_client_total_memory_consumed_bytes{id=\"25\",name=\"we=ird\"} 37658",
        ];
        assert_eq!(lines(list, true), expected);
    }

    #[test]
    fn what_a_server_does_not_tell_is_not_shown() {
        for (list, expected) in [
            (
                "id=11 addr=fd40:1481::a06:44426 fd=8 name= age=NOPE flags=N db=0 watch=3 qbuf=ERR cmd=setex\n",
                vec![
                    "connected_client_info{id=\"11\",name=\"\",flags=\"N\",db=\"0\",host=\"fd40:1481::a06\"} 1",
                    "connected_client_shard_channel_watched_keys{id=\"11\",name=\"\"} 3",
                ],
            ),
            (
                "id=7 addr=/run/redis.sock:0 user=default read-events=9 parse-batch-cmd-sum=8 parse-batch-cmd-cnt=2",
                vec![
                    "connected_client_info{id=\"7\",name=\"\",flags=\"\",db=\"\",host=\"/run/redis.sock\",\
                     user=\"default\"} 1",
                    "connected_client_pipeline_batches_total{id=\"7\",name=\"\"} 2",
                    "connected_client_pipeline_commands_total{id=\"7\",name=\"\"} 8",
                    "connected_client_read_events_total{id=\"7\",name=\"\"} 9",
                ],
            ),
            ("garbage", vec![]),
        ] {
            assert_eq!(lines(list, false), expected, "{list}");
        }
        assert_eq!(render(PART, "", vec![]), (vec![], Ok(())));
    }
}
