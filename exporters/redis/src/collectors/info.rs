//! INFO's fields that are one metric each, and a few that are a little more.

use toolkit::expo::{Desc, Kind};

use super::{Part, Reading, Render};
use crate::command::Command;
use crate::fields::{FIELDS, Field, OTHER_NAMES};
use crate::info::{Info, is_named_by_users, item, number};
use crate::output::Output;

const START_TIME: Desc<'_> = Desc {
    name: "start_time_seconds",
    help: "When the server started, in Unix time (INFO server_time_usec less uptime_in_seconds).",
    kind: Kind::Gauge,
    labels: &[],
};
const SYSTEM_MEMORY: Desc<'_> = Desc {
    name: "total_system_memory_bytes",
    help: "Memory of the server's machine (INFO total_system_memory).",
    kind: Kind::Gauge,
    labels: &[],
};
const PAUSED: Desc<'_> = Desc {
    name: "clients_paused",
    help: "Whether clients are paused, and why; always 1 (INFO paused_reason, paused_actions, Valkey).",
    kind: Kind::Gauge,
    labels: &["reason", "actions"],
};
const FAILING_OVER: Desc<'_> = Desc {
    name: "master_failover_in_progress",
    help: "Whether a FAILOVER that was asked for is under way (INFO master_failover_state).",
    kind: Kind::Gauge,
    labels: &[],
};
const OWN_FIELD: Desc<'_> = Desc {
    name: "info_field",
    help: "A number of INFO that has no metric of its own, as the server sends it (INFO, --include-info-fields).",
    kind: Kind::Unknown,
    labels: &["section", "field"],
};
const CERTIFICATE: Desc<'_> = Desc {
    name: "tls_certificate_info",
    help: "Serial numbers of the certificates in use; always 1 (INFO tls_NAME_cert_serial).",
    kind: Kind::Gauge,
    labels: &["certificate", "serial"],
};
const ENGINE: Desc<'_> = Desc {
    name: "scripting_engine_info",
    help: "The scripting engines; always 1 (INFO engine_N).",
    kind: Kind::Gauge,
    labels: &["engine", "module", "abi_version"],
};
const ENGINE_MEMORY: Desc<'_> = Desc {
    name: "scripting_engine_memory_used_bytes",
    help: "Bytes used by the scripting engine (INFO engine_N used_memory).",
    ..ENGINE
};
const ENGINE_OVERHEAD: Desc<'_> = Desc {
    name: "scripting_engine_memory_overhead_bytes",
    help: "Bytes of overhead of the scripting engine (INFO engine_N memory_overhead).",
    ..ENGINE
};

pub(super) const PART: Part = Part {
    name: "info",
    commands: &[Command::Info],
    metrics: || {
        let own = [
            START_TIME,
            SYSTEM_MEMORY,
            PAUSED,
            FAILING_OVER,
            CERTIFICATE,
            ENGINE,
            ENGINE_MEMORY,
            ENGINE_OVERHEAD,
            OWN_FIELD,
        ];
        FIELDS.iter().map(|field| field.desc).chain(own).collect()
    },
    further: None,
    render: Render::Info(render),
};

fn render(reading: &Reading<'_>, output: &mut Output<'_>) {
    for (name, text) in reading.info.fields() {
        // most lines of a busy server: worth a look before the search
        if is_named_by_users(name) {
            continue;
        }
        if let Some(field) = Field::find(name) {
            output.add(&field.desc, &[], field.value(text));
        }
    }
    for (name, known) in OTHER_NAMES {
        if let (Some(field), Some(text), None) =
            (Field::find(known), reading.info.get(name), reading.info.get(known))
        {
            output.add(&field.desc, &[], field.value(text));
        }
    }
    output.add(&START_TIME, &[], reading.started);
    if reading.show.system_memory {
        output.add(&SYSTEM_MEMORY, &[], reading.info.number("total_system_memory"));
    }
    if let Some(reason) = reading.info.get("paused_reason").filter(|reason| *reason != "none") {
        output.add(&PAUSED, &[reason, reading.info.get("paused_actions").unwrap_or_default()], 1.0);
    }
    let failover = reading.info.get("master_failover_state");
    output.add(&FAILING_OVER, &[], failover.map(|state| f64::from(state != "no-failover")));
    for certificate in ["server", "client", "ca"] {
        let serial = reading.info.get(&format!("tls_{certificate}_cert_serial"));
        if let Some(serial) = serial.filter(|serial| !matches!(*serial, "" | "none")) {
            output.add(&CERTIFICATE, &[certificate, serial], 1.0);
        }
    }
    for (_, engine) in reading.info.numbered("engine_") {
        let labels = ["name", "module", "abi_version"].map(|name| item(engine, name).unwrap_or_default());
        output.add(&ENGINE, &labels, 1.0);
        output.add(&ENGINE_MEMORY, &labels, item(engine, "used_memory").and_then(number));
        output.add(&ENGINE_OVERHEAD, &labels, item(engine, "memory_overhead").and_then(number));
    }
    if reading.show.info_fields {
        pass_through(&reading.info, output);
    }
}

/// Fields that can look like a number and are none, and those that other parts or labels show.
const NOT_PASSED: [&str; 22] = [
    "availability_zone",
    "gcc_version",
    "master_host",
    "master_last_io_seconds_ago",
    "master_link_down_since_seconds",
    "master_port",
    "master_replid",
    "master_replid2",
    "master_sync_in_progress",
    "master_sync_last_io_seconds_ago",
    "master_sync_left_bytes",
    "master_sync_perc",
    "master_sync_read_bytes",
    "master_sync_total_bytes",
    "redis_build_id",
    "redis_git_sha1",
    "redis_version",
    "run_id",
    "slave_read_only",
    "slave_read_repl_offset",
    "slave_repl_offset",
    "total_system_memory",
];

/// Most fields that are passed through; a server of today has some 30 of them.
const MAX_PASSED: usize = 500;

/// The numbers that nobody shows yet. Fields of commands, errors, databases, threads and sentinels have parts of
/// their own or are no single number.
fn pass_through(info: &Info<'_>, output: &mut Output<'_>) {
    let nobodys = info.with_sections().filter(|(_, name, _)| {
        Field::find(name).is_none()
            && OTHER_NAMES.iter().all(|(other, _)| other != name)
            && NOT_PASSED.binary_search(name).is_err()
            && !is_named_by_users(name)
            && !["sentinel_", "thread_", "used_active_time_io_thread_"].iter().any(|prefix| name.starts_with(prefix))
            // what CLUSTER INFO repeats
            && !name.starts_with("cluster_")
    });
    let numbers = nobodys.filter_map(|(section, name, text)| Some((section, name, number(text)?)));
    for (section, name, value) in numbers.take(MAX_PASSED) {
        let section = section.to_ascii_lowercase().replace(' ', "_");
        output.add(&OWN_FIELD, &[&section, name], value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::render;
    use super::PART;

    #[test]
    fn fields_of_all_servers() {
        let info = "used_memory:100\r\nused_memory_human:100B\r\nmem_fragmentation_ratio:-nan\r\nloading:0\r\n\
                    total_system_memory:4096\r\nrdb_last_bgsave_status:err\r\nlatest_fork_usec:2000000\r\n\
                    tls_server_cert_serial:01A2\r\n\
                    tls_client_cert_serial:none\r\nunknown_field:5\r\n\
                    engine_0:name=LUA,module=built-in,abi_version=4,used_memory=20,memory_overhead=3\r\n\
                    engine_1:memory_overhead=31,name=JS\r\npaused_reason:failover_in_progress\r\n\
                    paused_actions:all\r\npaused_timeout_milliseconds:1500\r\n\
                    master_failover_state:no-failover\r\ncommands_per_parse_batch_sum:7\r\n\
                    commands_per_parse_batch_cnt:2\r\navg_pipeline_length_cnt:3\r\n";
        let (lines, result) = render(PART, info, vec![]);
        assert_eq!(result, Ok(()));
        assert_eq!(
            lines,
            [
                "client_processing_pipeline_batches_total 3",
                "client_processing_pipeline_commands_total 7",
                "clients_paused{reason=\"failover_in_progress\",actions=\"all\"} 1",
                "clients_paused_remaining_seconds 1.5",
                "latest_fork_seconds 2",
                "loading_dump_file 0",
                "master_failover_in_progress 0",
                "memory_used_bytes 100",
                "rdb_last_bgsave_status 0",
                "scripting_engine_info{engine=\"LUA\",module=\"built-in\",abi_version=\"4\"} 1",
                "scripting_engine_info{engine=\"JS\",module=\"\",abi_version=\"\"} 1",
                "scripting_engine_memory_overhead_bytes{engine=\"LUA\",module=\"built-in\",abi_version=\"4\"} 3",
                "scripting_engine_memory_overhead_bytes{engine=\"JS\",module=\"\",abi_version=\"\"} 31",
                "scripting_engine_memory_used_bytes{engine=\"LUA\",module=\"built-in\",abi_version=\"4\"} 20",
                "start_time_seconds 1700000000",
                "tls_certificate_info{certificate=\"server\",serial=\"01A2\"} 1",
                "total_system_memory_bytes 4096",
            ]
        );
    }
}
