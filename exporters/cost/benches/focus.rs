//! FOCUS files: a million rows of CSV.gz in at most 4 s on one core, in at most 60 MB, and ten million in the same memory.
//!
//! `cargo bench -p cost-exporter --bench focus`; `WATCHFIRE_ROWS=10000000` for another size of the last figure, which is
//! that of the whole program: `cost-exporter check`, from its start to its end.
#![expect(clippy::unwrap_used, reason = "a benchmark ends where something is not as it must be")]
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it prints, and has no runtime to hold up"
)]

use std::fs::File;
use std::io::{BufWriter, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cost_exporter::calendar::Calendar;
use cost_exporter::http::Http;
use cost_exporter::money::Money;
use cost_exporter::providers::Bill;
use cost_exporter::providers::focus::Focus;
use cost_exporter::window::Window;
use criterion::{Criterion, Throughput};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use kit::cloud::focus::Sample;
use toolkit::config::Document;

/// The program that cargo built for this.
const PROGRAM: &str = env!("CARGO_BIN_EXE_cost-exporter");

const SAMPLE: &[u8] = include_bytes!("../tests/data/focus_sample.csv.gz");

/// What the sample comes to.
const BILLED: &str = "20.52022672899";

const NOW: &str = "2024-10-05T12:00:00Z";

/// Rows of a round.
const ROWS: u64 = 100_000;

/// Between two looks at a program's memory.
const LOOK: Duration = Duration::from_millis(10);

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let mut criterion = Criterion::default().configure_from_args();
    rounds(&mut criterion, folder.path());
    criterion.final_summary();
    let rows = std::env::var("WATCHFIRE_ROWS").map_or(1_000_000, |rows| rows.parse().unwrap());
    figure(folder.path(), rows);
}

/// Writes a file of so many rows; gives it and what it comes to.
fn write(folder: &Path, rows: u64) -> (PathBuf, Money) {
    let mut text = String::new();
    GzDecoder::new(SAMPLE).read_to_string(&mut text).unwrap();
    let path = folder.join(format!("{rows}.csv.gz"));
    let mut encoder = GzEncoder::new(BufWriter::new(File::create(&path).unwrap()), Compression::new(6));
    let copies = Sample::new(&text).unwrap().write(rows, &mut encoder).unwrap();
    encoder.finish().unwrap();
    (path, Money::parse(BILLED).unwrap().ratio(copies, 1))
}

fn rounds(criterion: &mut Criterion, folder: &Path) {
    let (path, expected) = write(folder, ROWS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let window = Window::new(NOW.parse().unwrap(), Calendar::Utc, 1);
    let mut group = criterion.benchmark_group("focus");
    group.throughput(Throughput::Elements(ROWS)).sample_size(10);
    group.bench_function("csv_gz_100000_rows", |bencher| {
        bencher.iter(|| {
            // what one has read it keeps, so that each round has its own
            let document = Document::parse("bench", &format!("path: {}", path.display())).unwrap();
            let focus = document.decode(|mut fields| Focus::decode(&mut fields)).unwrap().unwrap();
            let http = Http::new().unwrap();
            let snapshot = runtime.block_on(focus.fetch(&http, &window)).unwrap();
            let total: Money = snapshot.charges.iter().map(|charge| charge.amount).sum();
            assert_eq!(total, expected);
        });
    });
    group.finish();
}

/// Time and memory of the program.
fn figure(folder: &Path, rows: u64) {
    let (path, expected) = write(folder, rows);
    let config = folder.join("c.yml");
    let yaml = format!("providers: [{{name: bill, type: focus, path: {}}}]\n", path.display());
    std::fs::write(&config, yaml).unwrap();
    let started = Instant::now();
    let mut child = Command::new(PROGRAM)
        .args(["check", "--config.file", config.to_str().unwrap()])
        // the whole sample in the running month
        .env("WATCHFIRE_NOW", "2024-09-30T23:59:00Z")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = peak.max(peak_kib(child.id()));
        std::thread::sleep(LOOK);
    }
    let took = started.elapsed().as_secs_f64();
    let mut said = String::new();
    child.stdout.unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains(&format!("{expected:.2} USD in this period")), "{said}");
    println!("{rows} rows: {took:.2} s, at most {} MiB", peak / 1024);
}

/// The most memory that a process had so far.
fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
