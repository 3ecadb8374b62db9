//! postgres-exporter beside `postgres_exporter`: what a scrape costs each of them, and what it costs the server.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use kit::http::http_get;
use kit::postgres::{PASSWORD, Postgres, USER};
use kit::process::{Folder, Launch, Program, Server, accepts, free_port};
use tokio::time::Instant;

use crate::side::{Side, Summary};
use crate::{released, say};

/// The exporter that postgres-exporter replaces; set `WATCHFIRE_PEERS` or install it.
const POSTGRES_EXPORTER: Program = Program {
    names: &["postgres_exporter", "prometheus-postgres-exporter"],
    install: "apt-get install prometheus-postgres-exporter",
};

/// Roles, so that the server counts the work for each exporter apart.
const PEER_ROLE: &str = "peer";
const ALL_ROLE: &str = "all_of_ours";

/// What the peer shows without calling it a collector, or under another name, as our collectors are called.
const LEGACY: [&str; 7] = [
    "replication_slots",
    "settings",
    "stat_activity",
    "stat_archiver",
    "stat_database_conflicts",
    "stat_replication",
    "static",
];

/// How long an exporter's start may take.
const START: Duration = Duration::from_secs(20);

/// A server of this size: tables in its one database, scrapes before and while it is measured.
struct Size {
    name: &'static str,
    tables: u32,
    warmup: usize,
    scrapes: usize,
}

const SIZES: [Size; 3] = [
    Size { name: "50 tables", tables: 50, warmup: 10, scrapes: 200 },
    Size { name: "2,000 tables", tables: 2_000, warmup: 5, scrapes: 40 },
    Size { name: "10,000 tables", tables: 10_000, warmup: 2, scrapes: 8 },
];

/// Databases and the tables of each. Measured with us alone: the peer's collectors know one database.
const MANY_DATABASES: (u32, u32) = (100, 100);

/// One exporter: how it is called here, its file, its role on the server, its flags.
struct Runner<'a> {
    name: &'static str,
    binary: &'a Path,
    role: &'static str,
    flags: Vec<String>,
}

/// What the scrapes cost the exporter, and in milliseconds the server.
type Cost = (Summary, f64);

/// Compares on servers of all sizes.
pub(crate) async fn run() -> Result<()> {
    let Ok(peer) = POSTGRES_EXPORTER.find() else {
        say(&format!(
            "\npostgres_exporter is not on this machine: nothing to compare with; hint: {}, or set WATCHFIRE_PEERS",
            POSTGRES_EXPORTER.install
        ));
        return Ok(());
    };
    let ours = released("postgres-exporter")?;
    for size in SIZES {
        one_database(&size, &ours, &peer).await?;
    }
    many_databases(&ours).await
}

async fn one_database(size: &Size, ours: &Path, peer: &Path) -> Result<()> {
    let postgres = server().await?;
    postgres.tables("postgres", size.tables).await?;
    let theirs = Runner { name: "postgres_exporter", binary: peer, role: PEER_ROLE, flags: Vec::new() };
    let all = Runner { name: "with our defaults", binary: ours, role: ALL_ROLE, flags: Vec::new() };
    let flags = without_more(&page(&all, &postgres).await?, &page(&theirs, &postgres).await?);
    let same = Runner { name: "postgres-exporter", binary: ours, role: USER, flags };
    say(&format!(
        "\npostgres-exporter beside {}, {}, {} scrapes each, in turn",
        peer.display(),
        size.name,
        size.scrapes
    ));
    let costs = measure(size, &[same, theirs, all], &postgres).await?;
    if let [same, theirs, all] = costs.as_slice() {
        say(&format!("  {:20} {}", "same series / peer", ratios(same, theirs)));
        say(&format!("  {:20} {}", "our defaults / peer", ratios(all, theirs)));
    }
    Ok(())
}

async fn measure(size: &Size, runners: &[Runner<'_>], postgres: &Postgres) -> Result<Vec<Cost>> {
    let folder = Folder::new()?;
    let mut sides = Vec::new();
    for runner in runners {
        sides.push(start(runner, &folder, postgres).await?);
    }
    for round in 0..size.warmup + size.scrapes {
        if round == size.warmup {
            postgres.psql("SELECT pg_stat_statements_reset()").await?;
            sides.iter_mut().try_for_each(|(_, side)| side.begin())?;
        }
        for (_, side) in &mut sides {
            side.scrape().await?;
        }
    }
    let scrapes = f64::from(u32::try_from(size.scrapes)?);
    let mut costs = Vec::new();
    for (runner, (_, side)) in runners.iter().zip(&mut sides) {
        let (summary, work) = (side.summary()?, work(postgres, runner.role).await? / scrapes);
        say(&format!("  {:20} {summary}   server {work:.2} ms a scrape", runner.name));
        costs.push((summary, work));
    }
    Ok(costs)
}

async fn many_databases(ours: &Path) -> Result<()> {
    let (databases, tables) = MANY_DATABASES;
    let postgres = server().await?;
    postgres.databases(databases, tables).await?;
    let folder = Folder::new()?;
    let ours = Runner { name: "postgres-exporter", binary: ours, role: USER, flags: Vec::new() };
    let (_server, mut side) = start(&ours, &folder, &postgres).await?;
    let begun = Instant::now();
    side.scrape().await?;
    let first = begun.elapsed().as_secs_f64();
    side.begin()?;
    for _ in 0..5 {
        side.scrape().await?;
    }
    say(&format!("\npostgres-exporter, {databases} databases with {tables} tables each, 5 scrapes"));
    say(&format!("  {:20} {}   the first one took {first:.2} s", ours.name, side.summary()?));
    Ok(())
}

async fn server() -> Result<Postgres> {
    let builder = Postgres::builder()
        .on_disk()
        .setting("shared_preload_libraries = 'pg_stat_statements'")
        .setting("autovacuum = off")
        .setting("shared_buffers = 256MB");
    let postgres = builder.start().await?;
    postgres.psql("CREATE EXTENSION pg_stat_statements").await?;
    for role in [PEER_ROLE, ALL_ROLE] {
        let sql = format!("CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'; GRANT pg_monitor TO {role}");
        postgres.psql(&sql).await?;
    }
    Ok(postgres)
}

/// Milliseconds that the server has worked for this role.
async fn work(postgres: &Postgres, role: &str) -> Result<f64> {
    let sql = format!(
        "SELECT coalesce(sum(s.total_exec_time), 0)
         FROM pg_stat_statements AS s JOIN pg_roles AS r ON r.oid = s.userid WHERE r.rolname = '{role}'"
    );
    postgres.psql(&sql).await?.parse().context("pg_stat_statements tells no number")
}

async fn page(runner: &Runner<'_>, postgres: &Postgres) -> Result<String> {
    let folder = Folder::new()?;
    let (_server, side) = start(runner, &folder, postgres).await?;
    Ok(http_get(&format!("http://{}/metrics", side.host()), &[]).await?.text())
}

/// Flags that switch off those of our collectors of which the peer has nothing.
fn without_more(ours: &str, theirs: &str) -> Vec<String> {
    let names = |page: &str| -> Vec<String> {
        let lines =
            page.lines().filter_map(|line| line.strip_prefix("pg_scrape_collector_success{collector=\""));
        lines.filter_map(|line| Some(line.split_once('"')?.0.to_owned())).collect()
    };
    let theirs = names(theirs);
    let more = names(ours).into_iter();
    let more = more.filter(|name| !theirs.contains(name) && !LEGACY.contains(&name.as_str()));
    more.map(|name| format!("--no-collector.{name}")).collect()
}

fn ratios((ours, our_work): &Cost, (theirs, their_work): &Cost) -> String {
    format!(
        "latency {:.3}   CPU {:.3}   peak memory {:.3}   server {:.3}",
        ours.latency_ms / theirs.latency_ms,
        ours.cpu_ms / theirs.cpu_ms,
        ours.peak_mib / theirs.peak_mib,
        our_work / their_work
    )
}

async fn start(runner: &Runner<'_>, folder: &Folder, postgres: &Postgres) -> Result<(Server, Side)> {
    let port = free_port()?;
    let launch = Launch::at(runner.binary, runner.name, folder)
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .args(runner.flags.iter().cloned())
        .env("DATA_SOURCE_NAME", postgres.dsn().replacen(USER, runner.role, 1));
    let server = launch.start(START, async || accepts(port).await).await?;
    let side = Side::connect(server.pid(), port, "/metrics").await?;
    Ok((server, side))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collectors_that_only_we_have_are_switched_off() {
        let page = |names: &[&str]| {
            let lines =
                names.iter().map(|name| format!("pg_scrape_collector_success{{collector=\"{name}\"}} 1\n"));
            lines.collect::<String>()
        };
        let flags = without_more(&page(&["locks", "settings", "wraparound"]), &page(&["locks", "roles"]));
        assert_eq!(flags, ["--no-collector.wraparound"]);
    }
}
