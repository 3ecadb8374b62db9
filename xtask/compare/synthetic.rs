//! synthetic-exporter beside `blackbox_exporter`: what a probe costs each of them; and ten thousand checks, with us alone.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kit::http::http_get;
use kit::process::{Folder, Launch, Program, Server, accepts, free_port};
use kit::tls::{Authority, LOOPBACK};
use kit::tls_server::Serve;
use tokio::time::{Instant, sleep};

use crate::load::{rate, target};
use crate::side::{Side, cpu_ms, peak_mib};
use crate::{ratios, released, say};

/// The exporter that synthetic-exporter replaces; set `WATCHFIRE_PEERS` or install it.
const BLACKBOX_EXPORTER: Program = Program {
    names: &["blackbox_exporter", "prometheus-blackbox-exporter"],
    install: "apt-get install prometheus-blackbox-exporter",
};

/// How long an exporter's start may take.
const START: Duration = Duration::from_secs(20);

/// Probes of each side, in turn, before anything is measured and while it is.
const WARMUP: usize = 20;
const PROBES: usize = 2_000;

/// Probes under way at the same time, and how many of each in one round.
const IN_FLIGHT: u32 = 32;
const EACH: u32 = 100;

/// Rounds of each side, in turn; the one in the middle counts.
const ROUNDS: usize = 5;

/// Checks, each once in 60 s, and the servers that they are about.
const CHECKS: usize = 10_000;
const SERVERS: usize = 10;

/// From the start until every check has run once.
const SETTLED: Duration = Duration::from_secs(70);

/// How long the checks are measured.
const MEASURED: Duration = Duration::from_mins(1);

/// Compares where there is something to compare with.
pub(crate) async fn run() -> Result<()> {
    let ours = released("synthetic-exporter")?;
    match BLACKBOX_EXPORTER.find() {
        Ok(peer) => beside(&ours, &peer).await?,
        Err(_) => say(&format!(
            "\nblackbox_exporter is not on this machine: nothing to compare with; hint: {}, or set WATCHFIRE_PEERS",
            BLACKBOX_EXPORTER.install
        )),
    }
    many_checks(&ours).await
}

async fn beside(ours: &Path, peer: &Path) -> Result<()> {
    let folder = Folder::new()?;
    let authority = Authority::new()?;
    let identity = authority.server(&LOOPBACK)?;
    let secure = Serve::chain(&[&identity.certificate_pem], &identity.key_pem).start().await?;
    let trusted = folder.write("authority.pem", authority.pem())?;
    let config = format!(
        "modules:
  http: {{prober: http, timeout: 10s, http: {{preferred_ip_protocol: ip4}}}}
  https: {{prober: http, timeout: 10s, http: {{preferred_ip_protocol: ip4, tls_config: {{ca_file: '{}'}}}}}}
",
        trusted.display()
    );
    let config = folder.write("modules.yml", config)?;
    let page = target()?;
    for (what, path) in [
        ("of a page", format!("/probe?module=http&target=http://{page}/")),
        ("of a page in TLS", format!("/probe?module=https&target=https://{}/", secure.target())),
    ] {
        say(&format!("\nsynthetic-exporter beside {}, {PROBES} probes {what} each, in turn", peer.display()));
        let mut a = start("synthetic-exporter", ours, &config, &folder, &path).await?;
        let mut b = start("blackbox_exporter", peer, &config, &folder, &path).await?;
        in_turn(&mut a.1, &mut b.1).await?;
    }
    // started anew, so that the peaks are those of this load
    let path = format!("/probe?module=http&target=http://{page}/");
    say(&format!("\nsynthetic-exporter beside {}, {IN_FLIGHT} probes in flight", peer.display()));
    let a = start("synthetic-exporter", ours, &config, &folder, &path).await?;
    let b = start("blackbox_exporter", peer, &config, &folder, &path).await?;
    at_once(&a.1, &b.1, &path)
}

async fn in_turn(ours: &mut Side, theirs: &mut Side) -> Result<()> {
    for round in 0..WARMUP + PROBES {
        if round == WARMUP {
            ours.begin()?;
            theirs.begin()?;
        }
        ours.scrape().await?;
        theirs.scrape().await?;
    }
    let (a, b) = (ours.summary()?, theirs.summary()?);
    say(&format!("  {:20} {a}", "synthetic-exporter"));
    say(&format!("  {:20} {b}", "blackbox_exporter"));
    say(&format!("  {:20} {}", "ours / peer", ratios(&a, &b)));
    Ok(())
}

/// What an exporter does when it is asked by many.
struct Rush {
    probes_a_second: f64,
    cpu_ms: f64,
    peak_mib: f64,
}

fn at_once(ours: &Side, theirs: &Side, path: &str) -> Result<()> {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        a.push(rush(ours, path)?);
        b.push(rush(theirs, path)?);
    }
    let (a, b) = (middle(a)?, middle(b)?);
    for (name, rush) in [("synthetic-exporter", &a), ("blackbox_exporter", &b)] {
        say(&format!(
            "  {name:20} {:.0} probes/s   CPU {:.3} ms a probe   peak memory {:.1} MiB",
            rush.probes_a_second, rush.cpu_ms, rush.peak_mib
        ));
    }
    say(&format!(
        "  {:20} probes/s {:.2}   CPU {:.3}   peak memory {:.3}",
        "ours / peer",
        a.probes_a_second / b.probes_a_second,
        a.cpu_ms / b.cpu_ms,
        a.peak_mib / b.peak_mib
    ));
    Ok(())
}

fn rush(side: &Side, path: &str) -> Result<Rush> {
    let before = cpu_ms(side.pid())?;
    let probes_a_second = rate(side.port(), path, IN_FLIGHT, EACH)?;
    let cpu_ms = (cpu_ms(side.pid())? - before) / f64::from(IN_FLIGHT * EACH);
    Ok(Rush { probes_a_second, cpu_ms, peak_mib: peak_mib(side.pid())? })
}

/// The round in the middle by speed, with the highest peak.
fn middle(mut rounds: Vec<Rush>) -> Result<Rush> {
    rounds.sort_by(|a, b| a.probes_a_second.total_cmp(&b.probes_a_second));
    let peak_mib = rounds.iter().map(|rush| rush.peak_mib).fold(0.0, f64::max);
    let middle = rounds.len() / 2;
    let rush = rounds.into_iter().nth(middle).context("nothing was measured")?;
    Ok(Rush { peak_mib, ..rush })
}

async fn many_checks(ours: &Path) -> Result<()> {
    let folder = Folder::new()?;
    let servers: Vec<SocketAddr> = (0..SERVERS).map(|_| target()).collect::<Result<_>>()?;
    let mut config =
        "modules: {page: {prober: http, timeout: 10s, http: {preferred_ip_protocol: ip4}}}\nchecks:\n"
            .to_owned();
    for (check, server) in servers.iter().cycle().take(CHECKS).enumerate() {
        writeln!(
            config,
            "  page-{check:05}: {{module: page, target: 'http://{server}/{check}', interval: 60s}}"
        )?;
    }
    let config = folder.write("checks.yml", config)?;
    let (server, port) = launch("synthetic-exporter", ours, &config, &folder).await?;
    sleep(SETTLED).await;
    let (before, begun) = (cpu_ms(server.pid())?, Instant::now());
    sleep(MEASURED).await;
    let cpu = (cpu_ms(server.pid())? - before) / begun.elapsed().as_secs_f64() / 10.0;
    let peak = peak_mib(server.pid())?;
    let page = http_get(&format!("http://127.0.0.1:{port}/metrics"), &[]).await?.ok()?.text();
    say(&format!(
        "\nsynthetic-exporter, {CHECKS} checks of pages, each once in 60 s
  CPU {cpu:.1} % of a core   peak memory {peak:.1} MiB   p99 of starts late by at most {} s   left out {}   fresh {}",
        late(&page).context("no lateness on the page")?,
        value(&page, "probe_checks_skipped_total{reason=\"overrun\"}").context("none left out is also a number")?,
        value(&page, "probe_checks{state=\"fresh\"}").context("no checks on the page")?,
    ));
    Ok(())
}

/// The bucket in which 99 of 100 starts are.
fn late(page: &str) -> Option<&str> {
    let all = value(page, "probe_check_start_lateness_seconds_count")?;
    let buckets =
        page.lines().filter_map(|line| line.strip_prefix("probe_check_start_lateness_seconds_bucket{le=\""));
    let mut buckets = buckets.filter_map(|line| line.split_once("\"} "));
    let (bound, _) = buckets.find(|(_, count)| count.parse().is_ok_and(|count: f64| count >= all * 0.99))?;
    Some(bound)
}

fn value(page: &str, series: &str) -> Option<f64> {
    let mut values = page.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    values.next()?.parse().ok()
}

async fn start(
    name: &'static str,
    binary: &Path,
    config: &Path,
    folder: &Folder,
    path: &str,
) -> Result<(Server, Side)> {
    from_disk(binary)?;
    let (server, port) = launch(name, binary, config, folder).await?;
    let side = Side::connect(server.pid(), port, path).await?;
    Ok((server, side))
}

/// Lets the kernel read a program from the disk again, as after a start of the machine. A file that was written a moment
/// ago lies in the page cache in larger pieces, and of those more is mapped than is used.
fn from_disk(binary: &Path) -> Result<()> {
    let binary = binary.display();
    let commands =
        [format!("sync '{binary}'"), format!("dd if='{binary}' iflag=nocache count=0 status=none")];
    for command in commands {
        let status = Command::new("sh").arg("-c").arg(&command).status()?;
        ensure!(status.success(), "`{command}` failed");
    }
    Ok(())
}

async fn launch(name: &'static str, binary: &Path, config: &Path, folder: &Folder) -> Result<(Server, u16)> {
    let port = free_port()?;
    let launch = Launch::at(binary, name, folder)
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg(format!("--config.file={}", config.display()));
    Ok((launch.start(START, async || accepts(port).await).await?, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_read_from_buckets() {
        let name = "probe_check_start_lateness_seconds";
        let page = format!(
            "{name}_bucket{{le=\"0.1\"}} 98\n{name}_bucket{{le=\"0.25\"}} 99\n{name}_bucket{{le=\"+Inf\"}} 100\n{name}_count 100\n"
        );
        assert_eq!(late(&page), Some("0.25"));
        assert_eq!(late(""), None);
    }
}
