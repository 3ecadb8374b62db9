//! `process_*`, from `/proc/self` (proc(5)); the names every Prometheus client library gives.

use std::collections::HashMap;
use std::fs;
use std::io::Read;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, Metric, MetricFamily, MetricType};

/// Bytes that are read of one file; `net/dev` has some 130 bytes for each interface.
const PROC_FILE: usize = 16 * 1024;

/// Clock ticks a second in `/proc/self/stat`. It is 100 on every Linux that this is built for (`USER_HZ`).
const TICKS: f64 = 100.0;

/// Memory pages of `/proc/self/stat` in bytes, on x86-64 and on arm64 kernels with the usual page size.
const PAGE: f64 = 4096.0;

/// What cannot be limited is shown as the peers show it: the largest `u64`.
const UNLIMITED: f64 = 18_446_744_073_709_551_615.0;

const METRICS: [(&str, &str, MetricType); 9] = [
    (
        "process_cpu_seconds_total",
        "User and system CPU time spent, from /proc/self/stat.",
        MetricType::COUNTER,
    ),
    (
        "process_start_time_seconds",
        "When the process started, seconds since 1970, from /proc/self/stat.",
        MetricType::GAUGE,
    ),
    ("process_virtual_memory_bytes", "Virtual memory, from /proc/self/stat.", MetricType::GAUGE),
    (
        "process_virtual_memory_max_bytes",
        "Limit of virtual memory, from /proc/self/limits.",
        MetricType::GAUGE,
    ),
    ("process_resident_memory_bytes", "Resident memory, from /proc/self/stat.", MetricType::GAUGE),
    ("process_open_fds", "Open file descriptors, from /proc/self/fd.", MetricType::GAUGE),
    ("process_max_fds", "Limit of open file descriptors, from /proc/self/limits.", MetricType::GAUGE),
    (
        "process_network_receive_bytes_total",
        "Bytes received over the network by the process's network namespace, from /proc/self/net/dev.",
        MetricType::COUNTER,
    ),
    (
        "process_network_transmit_bytes_total",
        "Bytes sent over the network by the process's network namespace, from /proc/self/net/dev.",
        MetricType::COUNTER,
    ),
];

/// Reads at every gathering what changes, and what does not change once: this is a good part of a small scrape.
#[derive(Debug)]
pub(super) struct Process {
    descs: Vec<Desc>,
    constants: Constants,
}

/// What stays for as long as the process lives.
#[derive(Debug)]
struct Constants {
    /// When the machine was booted, seconds since 1970.
    boot: Option<f64>,
    max_virtual_bytes: Option<f64>,
    max_files: Option<f64>,
}

impl Process {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let desc = |(name, help, _): &(&str, &str, MetricType)| {
            Desc::new((*name).to_owned(), (*help).to_owned(), Vec::new(), HashMap::new())
        };
        Ok(Self { descs: METRICS.iter().map(desc).collect::<Result<_, _>>()?, constants: Constants::read() })
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let values = read(&self.constants);
        let families = METRICS.iter().zip(values).filter_map(|((name, help, kind), value)| {
            let mut metric = Metric::default();
            if *kind == MetricType::COUNTER {
                let mut counter = Counter::default();
                counter.set_value(value?);
                metric.set_counter(counter);
            } else {
                let mut gauge = Gauge::default();
                gauge.set_value(value?);
                metric.set_gauge(gauge);
            }
            let mut family = MetricFamily::default();
            family.set_name((*name).to_owned());
            family.set_help((*help).to_owned());
            family.set_field_type(*kind);
            family.set_metric(vec![metric]);
            Some(family)
        });
        families.collect()
    }
}

impl Constants {
    fn read() -> Self {
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let boot = fs::read_to_string("/proc/stat").unwrap_or_default();
        Self {
            boot: boot.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok()),
            max_virtual_bytes: parse_limit(&limits, "Max address space"),
            max_files: parse_limit(&limits, "Max open files"),
        }
    }
}

/// The values in the order of [`METRICS`]; what cannot be read is left out.
fn read(constants: &Constants) -> [Option<f64>; 9] {
    let mut buffer = [0; PROC_FILE];
    let stat = read_small("/proc/self/stat", &mut buffer).and_then(parse_stat);
    let (start, cpu, virtual_bytes, resident) = match stat {
        Some(stat) => (
            constants.boot.map(|boot| boot + stat.start_seconds),
            Some(stat.cpu_seconds),
            Some(stat.virtual_bytes),
            Some(stat.resident_bytes),
        ),
        None => (None, None, None, None),
    };
    let network = read_small("/proc/self/net/dev", &mut buffer).and_then(parse_network);
    [
        cpu,
        start,
        virtual_bytes,
        constants.max_virtual_bytes,
        resident,
        // one of them is the folder that is being read
        fs::read_dir("/proc/self/fd").ok().map(|entries| count(entries.count().saturating_sub(1))),
        constants.max_files,
        network.map(|(received, _)| received),
        network.map(|(_, sent)| sent),
    ]
}

/// Reads a small file of `/proc` in one go: without asking for its size first, which is 0 there.
fn read_small<'a>(path: &str, buffer: &'a mut [u8]) -> Option<&'a str> {
    let length = fs::File::open(path).ok()?.read(buffer).ok()?;
    std::str::from_utf8(buffer.get(..length)?).ok()
}

struct Stat {
    cpu_seconds: f64,
    /// Since boot.
    start_seconds: f64,
    virtual_bytes: f64,
    resident_bytes: f64,
}

/// Fields are counted after the command's closing parenthesis: the command may hold spaces and parentheses.
fn parse_stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(Stat {
        cpu_seconds: (number(11)? + number(12)?) / TICKS,
        start_seconds: number(19)? / TICKS,
        virtual_bytes: number(20)?,
        resident_bytes: number(21)? * PAGE,
    })
}

fn parse_limit(text: &str, name: &str) -> Option<f64> {
    let soft = text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?;
    if soft == "unlimited" { Some(UNLIMITED) } else { soft.parse().ok() }
}

/// Received and sent bytes over all interfaces but loopback.
fn parse_network(text: &str) -> Option<(f64, f64)> {
    let mut sums = None;
    for line in text.lines() {
        let Some((interface, counters)) = line.split_once(':') else { continue };
        let counters: Vec<f64> =
            counters.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        if let (Some(received), Some(sent)) = (counters.first(), counters.get(8))
            && interface.trim() != "lo"
        {
            let (all_received, all_sent) = sums.unwrap_or((0.0, 0.0));
            sums = Some((all_received + received, all_sent + sent));
        }
    }
    sums
}

#[expect(clippy::cast_precision_loss, reason = "a count of open files")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_its_values() {
        let values = read(&Constants::read());
        let at = |index: usize| values[index].unwrap();
        assert!(at(1) > 1_600_000_000.0, "start {}", at(1));
        assert!(at(2) > at(4) && at(4) > 1_000_000.0, "memory {} {}", at(2), at(4));
        assert!(at(5) >= 3.0 && at(6) >= at(5), "files {} {}", at(5), at(6));
    }

    #[test]
    fn a_command_with_spaces_and_parentheses() {
        let stat = parse_stat("7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0 300 8192 2 0").unwrap();
        assert_eq!(
            (stat.cpu_seconds, stat.start_seconds, stat.virtual_bytes, stat.resident_bytes),
            (2.0, 3.0, 8192.0, 8192.0)
        );
    }

    #[test]
    fn loopback_does_not_count() {
        let text =
            "Inter-|\n face |bytes\n    lo: 5 1 0 0 0 0 0 0 5 1 0 0\n  eth0:10 1 0 0 0 0 0 0 20 1 0 0\n";
        assert_eq!(parse_network(text), Some((10.0, 20.0)));
    }
}
