//! One exporter under measurement: a connection that stays open, as Prometheus keeps it, and what its process used.

use std::fmt;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Ticks of a second in /proc/PID/stat: `USER_HZ`, which is 100 on every Linux that Rust runs on.
const TICKS_MS: f64 = 10.0;

/// An exporter that is scraped.
pub(crate) struct Side {
    pid: u32,
    port: u16,
    path: String,
    connection: SendRequest<Empty<Bytes>>,
    latencies: Vec<Duration>,
    cpu_before: f64,
    series: usize,
}

/// What the scrapes cost.
pub(crate) struct Summary {
    pub(crate) latency_ms: f64,
    pub(crate) cpu_ms: f64,
    pub(crate) peak_mib: f64,
    series: usize,
}

impl Side {
    /// An exporter at a port of this machine, whose page of interest is at `path`.
    pub(crate) async fn connect(pid: u32, port: u16, path: &str) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driver);
        let (latencies, path) = (Vec::new(), path.to_owned());
        Ok(Self { pid, port, path, connection, latencies, cpu_before: 0.0, series: 0 })
    }

    /// Where it listens.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Forgets what was before.
    pub(crate) fn begin(&mut self) -> Result<()> {
        self.latencies.clear();
        self.cpu_before = cpu_ms(self.pid)?;
        Ok(())
    }

    /// Scrapes once, as an old Prometheus asks: the text format, not packed.
    pub(crate) async fn scrape(&mut self) -> Result<()> {
        let host = self.host();
        let request = Request::get(&self.path)
            .header("host", &host)
            .header("accept", "text/plain;version=0.0.4")
            .header("accept-encoding", "identity")
            .body(Empty::new())?;
        let start = Instant::now();
        self.connection.ready().await?;
        let answer = self.connection.send_request(request).await?;
        ensure!(answer.status().is_success(), "{host}: {}", answer.status());
        let body = answer.into_body().collect().await?.to_bytes();
        self.latencies.push(start.elapsed());
        let is_series = |line: &&[u8]| !line.is_empty() && !line.starts_with(b"#");
        self.series = body.split(|byte| *byte == b'\n').filter(is_series).count();
        Ok(())
    }

    pub(crate) fn summary(&mut self) -> Result<Summary> {
        self.latencies.sort_unstable();
        let median = self.latencies.get(self.latencies.len() / 2).context("nothing was scraped")?;
        let scrapes = f64::from(u32::try_from(self.latencies.len())?);
        Ok(Summary {
            latency_ms: median.as_secs_f64() * 1000.0,
            cpu_ms: (cpu_ms(self.pid)? - self.cpu_before) / scrapes,
            peak_mib: peak_mib(self.pid)?,
            series: self.series,
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "p50 {:.2} ms   CPU {:.2} ms a scrape   peak memory {:.1} MiB   {} series",
            self.latency_ms, self.cpu_ms, self.peak_mib, self.series
        )
    }
}

/// User and system time of a process so far.
pub(crate) fn cpu_ms(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).context("the exporter has ended")?;
    parse_cpu(&text).context("/proc/PID/stat is not as expected").map(|ticks| f64::from(ticks) * TICKS_MS)
}

/// Fields 14 and 15; the second field, the name in brackets, may hold blanks.
fn parse_cpu(stat: &str) -> Option<u32> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u32>().ok()? + fields.next()?.parse::<u32>().ok()?)
}

/// The most memory that a process has had so far.
pub(crate) fn peak_mib(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).context("the exporter has ended")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u32 = line.and_then(|line| line.trim().strip_suffix(" kB")).context("no VmHWM")?.parse()?;
    Ok(f64::from(kib) / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 12 30 0 0 20 0 1 0 100 0 0";
        assert_eq!(parse_cpu(stat), Some(42));
        assert_eq!(parse_cpu("7"), None);
    }

    #[test]
    fn this_process_can_be_measured() {
        assert!(cpu_ms(std::process::id()).is_ok());
        assert!(peak_mib(std::process::id()).unwrap() > 0.1);
    }
}
