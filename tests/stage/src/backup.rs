//! The nightly backup, every two seconds: it writes a dump of the shop's orders and reports its heartbeat.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use kit::http::Client;
use kit::process::Folder;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// The name of its heartbeat among the checks.
pub(crate) const HEARTBEAT: &str = "nightly-backup";

/// How often it runs here.
const PERIOD: Duration = Duration::from_secs(2);

/// What dumps look like; a check reads whether one ends as it shall.
const DUMP: (&str, &str) = (
    "--\n-- PostgreSQL database dump\n--\n\nCREATE TABLE public.orders (id bigint, product int, quantity int);\n",
    "\n--\n-- PostgreSQL database dump complete\n--\n\n",
);

/// Where dumps are put.
pub(crate) struct Shelf(Folder);

impl Shelf {
    pub(crate) fn new() -> Result<Self> {
        let shelf = Self(Folder::new()?);
        write(&shelf.file())?;
        Ok(shelf)
    }

    /// The newest dump.
    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join("shop.sql")
    }
}

/// The job; dropping it ends it.
pub struct Backup {
    runs: Arc<AtomicBool>,
    job: JoinHandle<()>,
    _shelf: Shelf,
}

impl Backup {
    /// Lets it run, and call synthetic-exporter at this address.
    pub(crate) fn start(shelf: Shelf, synthetic: &str) -> Self {
        let runs = Arc::new(AtomicBool::new(true));
        let may_run = Arc::clone(&runs);
        let (file, url) = (shelf.file(), format!("{synthetic}/heartbeat/{HEARTBEAT}"));
        let job = tokio::spawn(async move {
            let mut ticks = interval(PERIOD);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if may_run.load(Ordering::Relaxed) {
                    // a job that fails is what its heartbeat is for
                    drop(run(&file, &url).await);
                }
            }
        });
        Self { runs, job, _shelf: shelf }
    }

    /// Lets it run or not.
    pub fn run(&self, runs: bool) {
        self.runs.store(runs, Ordering::Relaxed);
    }

    /// Whether it runs.
    pub fn runs(&self) -> bool {
        self.runs.load(Ordering::Relaxed)
    }
}

impl Drop for Backup {
    fn drop(&mut self) {
        self.job.abort();
    }
}

async fn run(file: &Path, url: &str) -> Result<()> {
    write(file)?;
    let form = "application/x-www-form-urlencoded";
    Client::new().post(url, form, "status=0&duration=1.5").await?.ok().map(drop)
}

/// Aside first: nobody shall find half of a dump.
fn write(file: &Path) -> Result<()> {
    let rows: Vec<String> =
        (1..=500).map(|id| format!("INSERT INTO public.orders VALUES ({id}, 7, 1);\n")).collect();
    let (begin, end) = DUMP;
    let new = file.with_extension("new");
    std::fs::write(&new, format!("{begin}{}{end}", rows.concat()))
        .and_then(|()| std::fs::rename(&new, file))
        .with_context(|| format!("cannot write {}", file.display()))
}
