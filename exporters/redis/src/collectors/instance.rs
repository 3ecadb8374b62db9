//! Which server it is: one series whose labels say it.

use toolkit::expo::{Desc, Kind};

use super::{Part, Reading, Render};
use crate::command::Command;
use crate::output::Output;

const NAME: &str = "instance_info";
const HELP: &str = "Which server this is; always 1 (INFO server and replication).";
/// Labels, and the fields of INFO that they carry. The second is for servers that hide the names of Redis.
const LABELS: [(&str, &str, &str); 10] = [
    ("role", "role", ""),
    ("redis_version", "redis_version", ""),
    ("redis_build_id", "redis_build_id", ""),
    ("redis_mode", "redis_mode", "server_mode"),
    ("os", "os", ""),
    ("maxmemory_policy", "maxmemory_policy", ""),
    ("tcp_port", "tcp_port", ""),
    ("run_id", "run_id", ""),
    ("process_id", "process_id", ""),
    ("master_replid", "master_replid", ""),
];
/// Labels that only some servers have; without a value they are left out.
const SOME: [&str; 3] = ["valkey_version", "valkey_release_stage", "availability_zone"];

/// [`LABELS`] and [`SOME`], for the reference.
const ALL: [&str; 13] = [
    "role",
    "redis_version",
    "redis_build_id",
    "redis_mode",
    "os",
    "maxmemory_policy",
    "tcp_port",
    "run_id",
    "process_id",
    "master_replid",
    "valkey_version",
    "valkey_release_stage",
    "availability_zone",
];

pub(super) const PART: Part = Part {
    name: "instance",
    commands: &[Command::Info],
    metrics: || vec![Desc { name: NAME, help: HELP, kind: Kind::Gauge, labels: &ALL }],
    further: None,
    render: Render::Info(render),
};

fn render(reading: &Reading<'_>, output: &mut Output<'_>) {
    let mut names = Vec::with_capacity(LABELS.len() + SOME.len());
    let mut values = Vec::with_capacity(LABELS.len() + SOME.len());
    for (label, field, other) in LABELS {
        names.push(label);
        values.push(reading.info.get(field).or_else(|| reading.info.get(other)).unwrap_or_default());
    }
    for name in SOME {
        if let Some(value) = reading.info.get(name).filter(|value| !value.is_empty()) {
            names.push(name);
            values.push(value);
        }
    }
    let desc = Desc { name: NAME, help: HELP, kind: Kind::Gauge, labels: &names };
    output.add(&desc, &values, 1.0);
}

#[cfg(test)]
mod tests {
    use super::super::testing::render;
    use super::PART;

    #[test]
    fn redis_and_valkey() {
        let redis = "redis_version:7.0.15\r\nredis_build_id:ae4d\r\nredis_mode:standalone\r\nos:Linux 6 x86_64\r\n\
                     process_id:9\r\nrun_id:b2\r\ntcp_port:17001\r\nmaxmemory_policy:noeviction\r\nrole:master\r\n\
                     master_replid:5b\r\n";
        let valkey = "valkey_version:9.0.0\r\nserver_mode:cluster\r\nvalkey_release_stage:ga\r\n\
                      availability_zone:\r\nrole:slave\r\n";
        for (info, expected) in [
            (
                redis,
                "instance_info{role=\"master\",redis_version=\"7.0.15\",redis_build_id=\"ae4d\",\
                 redis_mode=\"standalone\",os=\"Linux 6 x86_64\",maxmemory_policy=\"noeviction\",\
                 tcp_port=\"17001\",run_id=\"b2\",process_id=\"9\",master_replid=\"5b\"} 1",
            ),
            (
                valkey,
                "instance_info{role=\"slave\",redis_version=\"\",redis_build_id=\"\",redis_mode=\"cluster\",\
                 os=\"\",maxmemory_policy=\"\",tcp_port=\"\",run_id=\"\",process_id=\"\",master_replid=\"\",\
                 valkey_version=\"9.0.0\",valkey_release_stage=\"ga\"} 1",
            ),
        ] {
            assert_eq!(render(PART, info, vec![]).0, [expected]);
        }
    }
}
