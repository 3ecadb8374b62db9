//! What postgres_exporter shows of the same servers: recorded facts, and how they are recorded again.
//!
//! `tests/peer/<major>.txt` holds one line `name type label,label` for each metric. To record again, and to compare
//! values, with the postgres_exporter of this machine:
//! `WATCHFIRE_PEERS=1 WATCHFIRE_BESIDE_PEER=1 cargo nextest run -p postgres-exporter conformance`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use kit::postgres::Postgres;
use kit::process::{Folder, Launch, Program, accepts, free_port};

use crate::page::Page;
use crate::stage::Stage;

const PEER: Program = Program {
    names: &["postgres_exporter", "prometheus-postgres-exporter"],
    install: "apt-get install prometheus-postgres-exporter",
};

/// What it shows without being asked.
const DEFAULT: &str = "# with its default collectors";

/// What it shows beside that with every collector on.
const ALL: &str = "# more with all of its collectors";

/// Its collectors that are off unless asked for, and its flag for the texts of statements.
pub(crate) const MORE: [&str; 12] = [
    "--collector.buffercache_summary",
    "--collector.database_wraparound",
    "--collector.long_running_transactions",
    "--collector.postmaster",
    "--collector.process_idle",
    "--collector.stat_activity_autovacuum",
    "--collector.stat_checkpointer",
    "--collector.stat_statements",
    "--collector.stat_statements.include_query",
    "--collector.stat_wal_receiver",
    "--collector.statio_user_indexes",
    "--collector.xlog_location",
];

/// The recorded shapes of a version.
pub(crate) struct Recorded {
    pub(crate) default: BTreeSet<String>,
    pub(crate) all: BTreeSet<String>,
}

impl Recorded {
    pub(crate) fn read(major: u32) -> Self {
        let text = std::fs::read_to_string(file(major)).unwrap();
        let (default, all) = text.split_once(ALL).unwrap();
        let lines = |text: &str| -> BTreeSet<String> {
            text.lines()
                .filter(|line| !line.starts_with('#') && !line.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let default = lines(default);
        Self { all: default.union(&lines(all)).cloned().collect(), default }
    }
}

/// Writes what the peer shows of this stage.
pub(crate) async fn record(stage: &Stage) {
    let mut default = BTreeSet::new();
    let mut all = BTreeSet::new();
    for server in [&stage.primary, &stage.standby] {
        default.extend(shapes(server, &[]).await);
        all.extend(shapes(server, &MORE).await);
    }
    let join = |shapes: Vec<&String>| shapes.into_iter().fold(String::new(), |text, line| text + line + "\n");
    let text = format!(
        "{DEFAULT}\n{}{ALL}\n{}",
        join(default.iter().collect()),
        join(all.difference(&default).collect())
    );
    std::fs::write(file(stage.primary.major()), text).unwrap();
}

async fn shapes(server: &Postgres, arguments: &[&str]) -> BTreeSet<String> {
    page(server, arguments).await.shapes().into_iter().filter(|shape| is_fact(shape)).collect()
}

/// Starts the peer and takes its page.
pub(crate) async fn page(server: &Postgres, arguments: &[&str]) -> Page {
    let (folder, port) = (Folder::new().unwrap(), free_port().unwrap());
    let launch = Launch::at(&PEER.find().unwrap(), "postgres_exporter", &folder)
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .args(arguments.iter().copied())
        .env("DATA_SOURCE_NAME", server.dsn());
    let exporter = launch.start(Duration::from_secs(20), async || accepts(port).await).await.unwrap();
    let client = kit::http::Client::new();
    let page = client.get(&format!("http://127.0.0.1:{port}/metrics")).await.unwrap();
    assert_eq!(page.status, 200, "{}", page.text());
    exporter.stop().await.unwrap();
    server.until("SELECT count(*) FROM pg_stat_activity WHERE usename = 'monitor'", "0").await.unwrap();
    Page(page.text())
}

/// What is about the watched server, not about the runtime of a program in Go.
fn is_fact(shape: &str) -> bool {
    !["go_", "promhttp_", "postgres_exporter_build_info"].iter().any(|own| shape.starts_with(own))
}

fn file(major: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/peer/{major}.txt"))
}
