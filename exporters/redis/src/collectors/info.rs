//! INFO's fields that are one metric each, and a few that are a little more.

use toolkit::expo::{Desc, Kind};

use super::{Part, Reading, Render};
use crate::command::Command;
use crate::fields::{FIELDS, Field};
use crate::info::{is_named_by_users, item, number};
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
const IO_THREAD_TIME: Desc<'_> = Desc {
    name: "active_time_io_thread_seconds_total",
    help: "Seconds that the I/O thread was not waiting (INFO used_active_time_io_thread_N).",
    kind: Kind::Counter,
    labels: &["thread"],
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
        let own =
            [START_TIME, SYSTEM_MEMORY, IO_THREAD_TIME, CERTIFICATE, ENGINE, ENGINE_MEMORY, ENGINE_OVERHEAD];
        FIELDS.iter().map(|field| field.desc).chain(own).collect()
    },
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
    output.add(&START_TIME, &[], reading.started);
    if reading.show.system_memory {
        output.add(&SYSTEM_MEMORY, &[], reading.info.number("total_system_memory"));
    }
    for (thread, text) in reading.info.with_prefix("used_active_time_io_thread_") {
        output.add(&IO_THREAD_TIME, &[thread], number(text));
    }
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
}

#[cfg(test)]
mod tests {
    use super::super::testing::render;
    use super::PART;

    #[test]
    fn fields_of_all_servers() {
        let info = "used_memory:100\r\nused_memory_human:100B\r\nmem_fragmentation_ratio:-nan\r\nloading:0\r\n\
                    total_system_memory:4096\r\nrdb_last_bgsave_status:err\r\nlatest_fork_usec:2000000\r\n\
                    used_active_time_io_thread_1:0.250000\r\ntls_server_cert_serial:01A2\r\n\
                    tls_client_cert_serial:none\r\nunknown_field:5\r\n\
                    engine_0:name=LUA,module=built-in,abi_version=4,used_memory=20,memory_overhead=3\r\n\
                    engine_1:memory_overhead=31,name=JS\r\n";
        let (lines, result) = render(PART, info, vec![]);
        assert_eq!(result, Ok(()));
        assert_eq!(
            lines,
            [
                "active_time_io_thread_seconds_total{thread=\"1\"} 0.25",
                "latest_fork_seconds 2",
                "loading_dump_file 0",
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
