//! Checks with paused time, against a folder of this machine.

use std::time::Duration;

use tokio::time::sleep;
use toolkit::clock::Clock;
use toolkit::config::Document;
use toolkit::expo::{Compression, Format, Page};

use super::*;
use crate::config::Config;
use crate::flags::Flags;

/// Remembers what it was told.
#[derive(Default)]
struct Heard(Mutex<Vec<(String, Status)>>);

impl Listener for Heard {
    fn heard(&self, check: &Check, result: &CheckResult) {
        self.0.lock().unwrap().push((check.name().to_owned(), result.status));
    }
}

fn config(text: &str) -> Config {
    use clap::{Args, FromArgMatches};
    let command = Flags::augment_args(clap::Command::new("x"));
    let flags = Flags::from_arg_matches(&command.get_matches_from(["x"])).unwrap();
    Config::read(&flags, Some(&Document::parse("x.yml", text).unwrap())).unwrap()
}

fn page(checks: &Checks) -> String {
    let mut samples = Samples::new("probe");
    checks.write_metrics(&mut samples, &mut Samples::new("journey"));
    let mut page = Page::new();
    page.section(samples);
    let (page, dropped) = page.finish();
    assert_eq!((dropped.duplicate, dropped.invalid, dropped.capped), (0, 0, 0));
    String::from_utf8(page.encode(Format::Text, Compression::Identity).to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_too_old_vanishes_and_what_was_counted_stays() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("there"), "x").unwrap();
    let heard = Arc::new(Heard::default());
    let listener: Arc<dyn Listener> = Arc::<Heard>::clone(&heard);
    let checks = Checks::new(&Engine::new(Clock::system()), &listener, Store::open(None).unwrap());
    let text = format!(
        "modules: {{file: {{prober: artifact}}}}
checks:
  there: {{module: file, target: '{0}/there', interval: 10s, timeout: 5s}}
  absent: {{module: file, target: '{0}/absent', interval: 10s, timeout: 5s}}
",
        folder.path().display()
    );
    checks.take(&config(&text).checks).await;
    sleep(Duration::from_secs(100)).await;
    let fresh = page(&checks);
    for expected in [
        "probe_success{check=\"there\"",
        "probe_artifact_count{check=\"there\"",
        "probe_checks{state=\"fresh\"} 2",
    ] {
        assert!(fresh.contains(expected), "{expected}\n{fresh}");
    }
    let told = heard.0.lock().unwrap().clone();
    for (name, status) in [("there", Status::Ok), ("absent", Status::Fail)] {
        let of: Vec<_> = told.iter().filter(|(heard, _)| heard == name).collect();
        assert!((9..=12).contains(&of.len()) && of.iter().all(|(_, heard)| *heard == status), "{told:?}");
    }
    checks.stop();
    // an interval, the timeout and half a minute
    sleep(Duration::from_secs(46)).await;
    let stale = page(&checks);
    for gone in ["probe_success", "probe_artifact_count", "probe_failure_reason", "probe_check_last_run"] {
        assert!(!stale.contains(gone), "{gone}\n{stale}");
    }
    assert!(stale.contains("probe_checks{state=\"stale\"} 2"), "{stale}");
    assert!(stale.contains("probe_check_runs_total{check=\"there\""), "{stale}");
}

#[tokio::test(start_paused = true)]
async fn heartbeats_are_missed_and_told() {
    let heard = Arc::new(Heard::default());
    let listener: Arc<dyn Listener> = Arc::<Heard>::clone(&heard);
    let checks = Checks::new(&Engine::new(Clock::system()), &listener, Store::open(None).unwrap());
    checks.take(&config("checks: {job: {interval: 1h, heartbeat: {grace: 5m}}}").checks).await;
    sleep(Duration::from_mins(64)).await;
    assert!(heard.0.lock().unwrap().is_empty());
    assert!(!page(&checks).contains("probe_success"));
    sleep(Duration::from_mins(2)).await;
    assert_eq!(*heard.0.lock().unwrap(), [("job".to_owned(), Status::Fail)]);
    assert!(page(&checks).contains("probe_success{check=\"job\"} 0"));
    sleep(Duration::from_hours(2)).await;
    assert_eq!(heard.0.lock().unwrap().len(), 3);
}
