//! What a scheduled check keeps in memory.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::time::Duration;

use synthetic_exporter::checks::{CheckResult, Checks, Listener};
use synthetic_exporter::config::{Check, Config};
use synthetic_exporter::flags::Flags;
use synthetic_exporter::health::store::Store;
use synthetic_exporter::probe::Engine;
use toolkit::clock::Clock;
use toolkit::config::Document;
use toolkit::expo::Samples;

/// Checks that are measured.
const CHECKS: u16 = 10_000;

/// Bytes that one check may keep, all in all.
const MOST: i64 = 2560;

/// Bytes that the facts of an HTTPS check have beyond those of the one that is measured here: six phases, a status and the
/// end of a certificate.
const FACTS: i64 = 8 * 24;

struct Nobody;

impl Listener for Nobody {
    fn heard(&self, _: &Check, _: &CheckResult) {}
}

#[test]
fn a_check_with_its_result_and_its_histogram_keeps_no_more_than_2_5_kib() {
    let entry = |number| {
        format!(
            "  service-{number}: {{module: m, target: '/nowhere/at/all/service-{number}', interval: 60s, labels: {{team: web}}}}\n"
        )
    };
    let entries: Vec<String> = (0..CHECKS).map(entry).collect();
    let file = format!("modules: {{m: {{prober: artifact}}}}\nchecks:\n{}", entries.concat());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let mut kept = None;
    let taken = allocation_counter::measure(|| {
        let checks = runtime.block_on(async {
            let document = Document::parse("x.yml", &file).unwrap();
            let config = Config::read(&flags(), Some(&document)).unwrap();
            drop(document);
            let listener: Arc<dyn Listener> = Arc::new(Nobody);
            let checks = Checks::new(&Engine::new(Clock::system()), &listener, Store::open(None).unwrap());
            checks.take(&config.checks).await;
            // every check runs twice at least
            tokio::time::sleep(Duration::from_mins(2)).await;
            (config, checks)
        });
        kept = Some(checks);
    });
    let (config, checks) = kept.unwrap();
    let each = taken.bytes_current / i64::from(CHECKS) + FACTS;
    assert!(each <= MOST, "{each} bytes");
    // all of them had a result
    let mut samples = Samples::new("probe");
    checks.write_metrics(&mut samples, &mut Samples::new("journey"));
    assert!(samples.len() > 17 * usize::from(CHECKS), "{}", samples.len());
    drop((config, runtime));
}

fn flags() -> Flags {
    use clap::{Args, FromArgMatches};
    let command = Flags::augment_args(clap::Command::new("x"));
    Flags::from_arg_matches(&command.get_matches_from(["x"])).unwrap()
}
