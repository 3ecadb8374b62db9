//! Side by side with blackbox_exporter: the same modules, the same targets, the same names, labels and values.
//!
//! `tests/peer/pages.txt` holds what it showed; with every run it is compared with what we show. To record it again, and
//! to compare what is not the same in each run, too, with the blackbox_exporter of this machine:
//! `WATCHFIRE_PEERS=1 WATCHFIRE_BESIDE_PEER=1 cargo nextest run -p synthetic-exporter beside`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use kit::http::{Client, percent_encode};
use kit::process::{Folder, Launch, Program, Server, accepts, on_free_port};

use crate::Exporter;
use crate::beside_stage::{CASES, Stage};

const PEER: Program = Program {
    names: &["blackbox_exporter", "prometheus-blackbox-exporter"],
    install: "apt-get install prometheus-blackbox-exporter",
};

/// What a probe may take; both say it on the page.
const TIMEOUT: &str = "5.5";

/// What it shows and we do not, or otherwise: (case, begin of a series with its type and value, reason). An empty case is
/// each.
const THEIRS: &[(&str, &str, &str)] = &[
    (
        "",
        "probe_ssl_last_chain_expiry_timestamp_seconds{} gauge -62135596800",
        "without a verified chain it shows the year 1",
    ),
    ("", "probe_tls_cipher_info", "each offers its suites in its own order, and the server chooses"),
    ("http_scheme", "probe_dns_lookup_time_seconds", NO_HOST),
    ("http_scheme", "probe_ip_", NO_HOST),
];

const NO_HOST: &str = "what is no URL has no host; it looks the whole text up";

/// What we show beside it: (case, begin of a series, reason).
const OURS: &[(&str, &str, &str)] = &[
    ("", "probe_degraded", "warnings"),
    ("", "probe_failure_reason", "why it failed"),
    ("", "probe_phase_duration_seconds", "phases that were reached"),
    ("", "probe_timeout_seconds", "release 0.28 does not have it yet"),
    ("", "probe_ssl_", "certificates also where TLS fails, and whether they are trusted"),
    ("", "probe_tls_", "the same, and the cipher of every prober"),
    ("", "probe_failed_due_to_", "there also when nothing connected: an alert on it has a series"),
    ("", "probe_http_received_body_length", "what came, before it was decompressed"),
    ("", "probe_dns_rcode", "which code came"),
    ("", "probe_dns_flag", "which flags came"),
    ("", "probe_dns_tcp_retried", "whether a truncated answer was asked for again"),
    ("", "probe_icmp_packet", "several packets"),
    ("", "probe_icmp_rtt_seconds", "several packets"),
    ("", "probe_icmp_socket_info", "which kind of socket"),
    ("http_nobody", "probe_http_duration_seconds", "its zeros are there before a name is found, too"),
    ("http_scheme", "probe_http_duration_seconds", "its zeros are there before a name is found, too"),
];

/// A page: series with their types, labels in order, and their values.
type Shown = BTreeMap<String, String>;

#[tokio::test]
async fn every_series_of_blackbox_exporter_is_here_and_says_the_same() {
    let stage = Stage::start().await;
    let ours = crate::start(&stage.config).await;
    let live = std::env::var_os("WATCHFIRE_BESIDE_PEER").is_some();
    let theirs = if live { Some(Peer::start(&stage).await) } else { None };
    let mut recorded = if live { Vec::new() } else { read() };
    let mut differences = Vec::new();
    for (name, module) in CASES {
        let target = stage.target(name);
        let query = format!("module={module}&target={}", percent_encode(&target));
        let our_page = shown(&our_page(&ours, &query).await);
        if let Some(theirs) = &theirs {
            let page = shown(&theirs.page(&query).await);
            // what changes from run to run only is the same within one
            differences.extend(compare(name, &steady(&page), &steady(&our_page)));
            recorded.push(((*name).to_owned(), repeatable(&page)));
        } else {
            let (_, page) = recorded.iter().find(|(known, _)| known == name).expect("every case is recorded");
            differences.extend(compare(name, page, &repeatable(&our_page)));
        }
    }
    if let Some(theirs) = theirs {
        theirs.process.stop().await.unwrap();
        write(&recorded);
    }
    assert_eq!(recorded.len(), CASES.len());
    assert!(differences.is_empty(), "{} differences: {differences:#?}", differences.len());
}

async fn our_page(ours: &Exporter, query: &str) -> String {
    ours.get(&format!("/probe?{query}"), TIMEOUT).await.ok().unwrap().text()
}

/// A running blackbox_exporter.
struct Peer {
    port: u16,
    process: Server,
    _folder: Folder,
}

impl Peer {
    async fn start(stage: &Stage) -> Self {
        let folder = Folder::new().unwrap();
        let file = folder.write("blackbox.yml", &stage.config).unwrap();
        let (port, process) = on_free_port(async |port| {
            let launch = Launch::at(&PEER.find()?, "blackbox_exporter", &folder)
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .arg(format!("--config.file={}", file.display()));
            Ok((port, launch.start(Duration::from_secs(20), async || accepts(port).await).await?))
        })
        .await
        .unwrap();
        Self { port, process, _folder: folder }
    }

    async fn page(&self, query: &str) -> String {
        let client = Client::new().header("X-Prometheus-Scrape-Timeout-Seconds", TIMEOUT);
        let url = format!("http://127.0.0.1:{}/probe?{query}", self.port);
        client.get(&url).await.unwrap().ok().unwrap().text()
    }
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/peer/pages.txt")
}

fn read() -> Vec<(String, Shown)> {
    let text = std::fs::read_to_string(file()).unwrap();
    let cases = text.split("\n# ").skip(1).filter_map(|case| case.split_once('\n'));
    let lines = |text: &str| -> Shown {
        let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        lines.map(|(series, value)| (series.to_owned(), value.to_owned())).collect()
    };
    cases.map(|(name, text)| (name.to_owned(), lines(text))).collect()
}

fn write(recorded: &[(String, Shown)]) {
    let mut text = "What blackbox_exporter shows; written by the test beside.rs.\n".to_owned();
    for (name, page) in recorded {
        writeln!(text, "\n# {name}").unwrap();
        for (series, value) in page {
            writeln!(text, "{series} {value}").unwrap();
        }
    }
    std::fs::write(file(), text).unwrap();
}

/// The series of a page with their types, and with their labels in order.
fn shown(page: &str) -> Shown {
    let types: BTreeMap<&str, &str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let samples = samples.map(|line| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.strip_suffix('}').unwrap().split_inclusive("\",");
        let mut labels: Vec<&str> = labels.map(|label| label.trim_end_matches(',')).collect();
        labels.sort_unstable();
        let value: f64 = value.parse().unwrap();
        (format!("{name}{{{}}} {}", labels.join(","), types[name]), value.to_string())
    });
    samples.collect()
}

/// Without how long it took.
fn steady(page: &Shown) -> Shown {
    let timed = |series: &str| series.contains("duration_seconds") || series.contains("lookup_time_seconds");
    let value = |series: &str, value: &String| if timed(series) { "*".to_owned() } else { value.clone() };
    page.iter().map(|(series, shown)| (series.clone(), value(series, shown))).collect()
}

/// Without the marks of keys and moments, either, which are others in each run.
fn repeatable(page: &Shown) -> Shown {
    let without = |series: &str| match series.split_once("fingerprint_sha256=\"") {
        Some((before, after)) => {
            let after = after.split_once('"').map_or("", |(_, after)| after);
            format!("{before}fingerprint_sha256=\"*\"{after}")
        }
        None => series.to_owned(),
    };
    steady(page).into_iter().map(|(series, value)| (without(&series), value)).collect()
}

fn compare(case: &str, theirs: &Shown, ours: &Shown) -> Vec<String> {
    let is_of = |of: &str| of.is_empty() || of == case;
    let lacking = theirs.iter().filter_map(|(series, value)| {
        let line = format!("{series} {value}");
        let listed = THEIRS.iter().any(|(of, begin, _)| is_of(of) && line.starts_with(begin));
        let found = ours.get(series);
        (found != Some(value) && !listed).then(|| format!("{case}: theirs {line}, ours {found:?}"))
    });
    let more = ours.iter().filter_map(|(series, value)| {
        let listed = theirs.contains_key(series)
            || OURS.iter().any(|(of, begin, _)| is_of(of) && series.starts_with(begin));
        (!listed).then(|| format!("{case}: ours alone {series} {value}"))
    });
    lacking.chain(more).collect()
}
