//! Prometheus: every program and server of the stage as a job, and the rules of `rules/`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kit::prometheus::Prometheus;
use serde_json::{Value, json};

/// How fast a stage lives.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How often Prometheus scrapes and evaluates; four times a minute or less is usual elsewhere.
    pub interval: Duration,
    /// The `for:` of every rule; as written if there is none.
    pub pending: Option<Duration>,
}

/// What Prometheus scrapes.
pub(crate) struct Job {
    name: &'static str,
    targets: Vec<Value>,
}

impl Job {
    /// A program's own page; it is its own instance.
    pub(crate) fn of(name: &'static str, target: &str) -> Self {
        Self { name, targets: vec![json!({ "targets": [target] })] }
    }

    /// An exporter's page about a server: the instance is that, not the exporter.
    pub(crate) fn about(name: &'static str, exporter: &str, instance: &str) -> Self {
        let target = json!({ "targets": [exporter], "labels": { "instance": instance } });
        Self { name, targets: vec![target] }
    }

    /// The same exporter asked about another server, at a path with parameters.
    pub(crate) fn and(
        mut self,
        exporter: &str,
        instance: &str,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> Self {
        let mut labels = json!({ "instance": instance, "__metrics_path__": path });
        for (name, value) in parameters {
            if let Some(label) = labels.as_object_mut() {
                label.insert(format!("__param_{name}"), json!(value));
            }
        }
        self.targets.push(json!({ "targets": [exporter], "labels": labels }));
        self
    }
}

/// The rules about the machine that all this runs on. What they say is true of that, not of the stage; it lives at its
/// own pace, and so do they.
const MACHINE: &str = "host.rules.yml";

/// A Prometheus with these jobs and all rules.
pub(crate) async fn start(
    jobs: &[Job],
    alertmanager: u16,
    port: u16,
    page: &str,
    pace: Pace,
) -> Result<Prometheus> {
    let address = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let builder = Prometheus::builder()
        .alertmanager(address(alertmanager))
        .interval(pace.interval)
        // where the links of alerts lead, as in rules/stack/prometheus.yml
        .external_label("grafana_url", page)
        .external_label("runbooks_url", &format!("{page}/runbooks"))
        .alert_relabeling(json!({ "action": "labeldrop", "regex": "grafana_url|runbooks_url" }))
        .flag(&format!("--web.external-url=http://{}", address(port)))
        .port(port);
    let builder = jobs.iter().fold(builder, |builder, job| {
        builder.job(json!({ "job_name": job.name, "static_configs": job.targets }))
    });
    let builder = rule_files()?.iter().try_fold(builder, |builder, file| match pace.pending {
        Some(pending) if !file.ends_with(MACHINE) => builder.hurried_rules(file, pending),
        _ => Ok(builder.rules(file)),
    })?;
    let started = builder.start().await;
    started.context("hint: if it is the rules, promtool check rules rules/*.rules.yml")
}

/// The files of `rules/`, in order.
pub fn rule_files() -> Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.to_string_lossy().ends_with(".rules.yml"));
    files.sort();
    ensure!(!files.is_empty(), "{} has no rules", folder.display());
    Ok(files)
}

/// Everything that says of what it watches whether it is well: all of it must, before a fault means anything.
const WELL: [&str; 7] = [
    "up",
    "pg_up",
    "redis_up",
    "probe_success",
    "ssl_probe_success",
    "cost_provider_up",
    "health_service_state{state=\"healthy\"}",
];

/// Waits until all jobs were scraped and find all they watch well.
pub(crate) async fn all_well(prometheus: &Prometheus, jobs: &[Job], within: Duration) -> Result<usize> {
    let targets: usize = jobs.iter().map(|job| job.targets.len()).sum();
    let count = |name: &str| format!("count({name}) == count({name} == 1)");
    let scraped = prometheus.wait_for(within, "count(up == 1)", |samples| {
        let up = samples.first().map_or(0.0, |sample| sample.value);
        (format!("{up}") == targets.to_string()).then_some(())
    });
    scraped.await.context("not every job can be scraped")?;
    for name in WELL {
        prometheus.wait_for(within, &count(name), |samples| samples.first().map(drop)).await?;
    }
    Ok(targets)
}
