//! Our exporters beside their peers: latency, CPU and memory of a scrape, in turn, on one server.
//!
//! Machines drift; that is why the two sides are asked in turn (A B A B …) and why ratios are what is printed last.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use kit::process::{Folder, Launch, Program, Server, accepts, free_port};
use kit::redis::Redis;

use crate::side::{Side, Summary};

mod load;
mod postgres;
mod side;
mod synthetic;

/// The exporter that redis-exporter replaces; set `WATCHFIRE_PEERS` or install it.
const REDIS_EXPORTER: Program = Program {
    names: &["redis_exporter", "prometheus-redis-exporter"],
    install: "apt-get install prometheus-redis-exporter",
};

/// Scrapes of each side before anything is measured.
const WARMUP: usize = 20;

/// Scrapes of each side that are measured: enough for CPU times that the kernel counts in 10 ms.
const SCRAPES: usize = 500;

/// Databases with this many keys make the page an ordinary one.
const KEYS: &str = "1000";

/// How long an exporter's start may take.
const START: Duration = Duration::from_secs(20);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(std::env::args().nth(1).as_deref()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Compares one kind of exporter, or all.
async fn run(only: Option<&str>) -> Result<()> {
    if only.is_none_or(|only| only == "redis") {
        redis().await?;
    }
    if only.is_none_or(|only| only == "postgres") {
        postgres::run().await?;
    }
    if only.is_none_or(|only| only == "synthetic") {
        synthetic::run().await?;
    }
    Ok(())
}

async fn redis() -> Result<()> {
    let Ok(peer) = REDIS_EXPORTER.find() else {
        say(&format!(
            "\nredis_exporter is not on this machine: nothing to compare with; hint: {}, or set WATCHFIRE_PEERS",
            REDIS_EXPORTER.install
        ));
        return Ok(());
    };
    let redis = Redis::builder().config("enable-debug-command yes").start().await?;
    redis.cli(&["DEBUG", "POPULATE", KEYS]).await?;
    let folder = Folder::new()?;
    let mut ours = start("redis-exporter", &released("redis-exporter")?, &folder, &redis).await?;
    let mut theirs = start("redis_exporter", &peer, &folder, &redis).await?;
    say(&format!("\nredis-exporter beside {}, {SCRAPES} scrapes each, in turn", peer.display()));
    for round in 0..WARMUP + SCRAPES {
        if round == WARMUP {
            ours.1.begin()?;
            theirs.1.begin()?;
        }
        ours.1.scrape().await?;
        theirs.1.scrape().await?;
    }
    let (a, b) = (ours.1.summary()?, theirs.1.summary()?);
    say(&format!("  {:16} {a}", "redis-exporter"));
    say(&format!("  {:16} {b}", "redis_exporter"));
    say(&format!("  {:16} {}", "ours / peer", ratios(&a, &b)));
    Ok(())
}

fn ratios(ours: &Summary, peer: &Summary) -> String {
    format!(
        "latency {:.2}   CPU {:.3}   peak memory {:.3}",
        ours.latency_ms / peer.latency_ms,
        ours.cpu_ms / peer.cpu_ms,
        ours.peak_mib / peer.peak_mib
    )
}

async fn start(
    name: &'static str,
    binary: &std::path::Path,
    folder: &Folder,
    redis: &Redis,
) -> Result<(Server, Side)> {
    let port = free_port()?;
    let launch = Launch::at(binary, name, folder)
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg(format!("--redis.addr={}", redis.url()));
    let server = launch.start(START, async || accepts(port).await).await?;
    let side = Side::connect(server.pid(), port, "/metrics").await?;
    Ok((server, side))
}

/// A release binary, in the folder beside this one's.
fn released(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find this program's own file")?;
    Ok(own.ancestors().nth(3).context("not in a target folder")?.join("release").join(name))
}

fn say(line: &str) {
    // nobody reads when standard output is closed
    drop(writeln!(std::io::stdout(), "{line}"));
}
