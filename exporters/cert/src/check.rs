//! `cert-exporter check`: the same engine for a person or a cron job, with the exit codes of Nagios' plugins.

use std::io::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use jiff::Timestamp;
use netprobe::cert::lifetime::{remaining_ratio, renewal_due, renewal_overdue};
use netprobe::proxy::Proxies;
use netprobe::starttls::Protocol;
use netprobe::trust::Source;
use serde_json::{Value, json};
use tokio::time::Instant;
use toolkit::clock::Clock;
use toolkit::config::parse_duration;

use crate::config::{ConnectTo, Crl, Module, Prober, Route, Tls};
use crate::facts::Facts;
use crate::probe::{Engine, Job};
use crate::report::{Content, Report, Served};

/// Seconds of a day, in which people count here.
const DAY: i64 = 86_400;

/// How bad it is; the numbers are Nagios' exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// The subcommand, for clap.
pub(crate) fn command() -> Command {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let protocols = Protocol::ALL.map(Protocol::as_str);
    Command::new("check")
        .about("Check the certificates of a server; exits with 0 (good), 1 (renewal is late, something is weak), 2 (bad) or 3 (could not check)")
        .arg(Arg::new("target").required(true).value_name("HOST[:PORT]").help("The server, or an https URL"))
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print JSON"))
        .arg(option("starttls", "PROTOCOL", "Speak this protocol before TLS").value_parser(protocols))
        .arg(option("servername", "NAME", "The name to ask for, instead of the host"))
        .arg(
            option("connect-to", "ADDRESS[:PORT]", "Connect there, instead of to what the host means")
                .value_parser(str::parse::<ConnectTo>),
        )
        .arg(option("source-ip-address", "ADDRESS", "Come from this address").value_parser(value_parser!(IpAddr)))
        .arg(option("ca-file", "FILE", "Certificates to trust, instead of the machine's own"))
        .arg(option("cert-file", "FILE", "Our certificate, for servers that want one").requires("key-file"))
        .arg(option("key-file", "FILE", "Its key").requires("cert-file"))
        .arg(option("file", "FILE", "The file that the served certificate should come from"))
        .arg(Arg::new("crl").long("crl").action(ArgAction::SetTrue).help("Ask the revocation list of the authority"))
        .arg(option("warning", "DAYS", "Warn when less is left").value_parser(value_parser!(u32)))
        .arg(option("critical", "DAYS", "Critical when less is left").value_parser(value_parser!(u32)))
        .arg(option("timeout", "DURATION", "How long it may take").default_value("10s").value_parser(parse_duration))
}

/// Runs it; gives the exit code.
pub(crate) fn run(matches: &ArgMatches) -> u8 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return State::Unknown as u8 };
    let (report, target) = runtime.block_on(probe(matches));
    runtime.shutdown_background();
    let days = |name: &str| matches.get_one::<u32>(name).map(|days| i64::from(*days) * DAY);
    let now = Timestamp::now().as_second();
    let verdict = judge(&report, now, days("warning"), days("critical"));
    let text = if matches.get_flag("json") {
        format!("{:#}\n", as_json(&report, &target, now, &verdict))
    } else {
        as_text(&report, &target, now, &verdict)
    };
    // nobody listens when stdout is closed
    let _ignored = std::io::stdout().write_all(text.as_bytes());
    verdict.state as u8
}

async fn probe(matches: &ArgMatches) -> (Report, String) {
    let get = |name: &str| matches.get_one::<String>(name).cloned();
    let target = get("target").unwrap_or_default();
    let url = target.starts_with("https://");
    let (name, prober) = if url { ("https", Prober::Https) } else { ("tcp", Prober::Tcp) };
    let file = |path: String| Source::File(path.into());
    let identity = get("cert-file").map(file).zip(get("key-file").map(file));
    let module = Module {
        // it is the person at the keyboard who says where the certificate is shown
        target: Some(target.clone()),
        tls: Tls {
            roots: get("ca-file").map(file),
            identity,
            server_name: get("servername"),
            ..Tls::default()
        },
        starttls: get("starttls").and_then(|name| Protocol::from_name(&name)),
        route: Route {
            connect_to: matches.get_one("connect-to").copied(),
            source: matches.get_one("source-ip-address").copied(),
        },
        certificate_file: get("file").map(Into::into),
        crl: matches.get_flag("crl").then(Crl::default),
        ..Module::plain(name, prober)
    };
    let timeout = matches.get_one::<Duration>("timeout").copied().unwrap_or(Duration::from_secs(10));
    let engine = Engine::new(
        Clock::system(),
        "https://rdap.org",
        Proxies::from_environment(|name| std::env::var(name).ok()),
    );
    let job = Job { module: &module, target: &target, server_name: None, route: module.route };
    let report = engine.probe(job, Instant::now() + timeout).await;
    // no file is a target here, so that nothing is denied
    (report.unwrap_or_else(|_denied| Report::of_prober(name)), target)
}

/// How bad it is, and why.
struct Verdict {
    state: State,
    why: Vec<String>,
}

fn judge(report: &Report, now: i64, warning: Option<i64>, critical: Option<i64>) -> Verdict {
    let mut found: Vec<(State, String)> = Vec::new();
    if let Some(failure) = &report.failure {
        let ours = matches!(failure.phase, "local" | "target") || failure.reason == "local";
        found.push((if ours { State::Unknown } else { State::Critical }, failure.message.clone()));
    }
    if let Content::Served(served) = &report.content {
        for fault in &served.faults {
            found.push((State::Critical, fault.replace('_', " ")));
        }
        if served.differs == Some(Ok(true)) {
            found.push((State::Warning, "the served certificate is not that of the file".to_owned()));
        }
        if let Some(Some(leaf)) = served.chain.first() {
            let left = leaf.not_after.saturating_sub(now);
            let days = left / DAY;
            if critical.is_some_and(|limit| left < limit) {
                found.push((State::Critical, format!("{days} days are left")));
            } else if warning.is_some_and(|limit| left < limit) {
                found.push((State::Warning, format!("{days} days are left")));
            } else if warning.is_none() && renewal_overdue(leaf.not_before, leaf.not_after, now) {
                let due = date(renewal_due(leaf.not_before, leaf.not_after));
                found.push((State::Warning, format!("it should have been renewed since {due}")));
            }
        }
        for (position, facts) in served.chain.iter().enumerate() {
            for kind in facts.iter().flat_map(|facts| &facts.weaknesses) {
                found.push((State::Warning, format!("certificate {position}: {}", kind.replace('_', " "))));
            }
        }
    }
    let state = found.iter().map(|(state, _)| *state).max().unwrap_or(State::Ok);
    Verdict { state, why: found.into_iter().map(|(_, why)| why).collect() }
}

fn as_text(report: &Report, target: &str, now: i64, verdict: &Verdict) -> String {
    let served = match &report.content {
        Content::Served(served) => Some(served),
        _ => None,
    };
    let mut first = format!("{}: {target}", verdict.state.word());
    if let Some(Some(leaf)) = served.and_then(|served| served.chain.first()) {
        let days = leaf.not_after.saturating_sub(now) / DAY;
        first = format!("{first}, {} until {} ({days} days)", leaf.name(), date(leaf.not_after));
    }
    let mut lines = vec![first];
    lines.extend(verdict.why.iter().map(|why| format!("  ! {why}")));
    for (position, facts) in served.iter().flat_map(|served| served.chain.iter().enumerate()) {
        lines.push(
            facts
                .as_deref()
                .map_or_else(|| format!("  {position} unreadable"), |facts| line(position, facts)),
        );
    }
    lines.extend(served.map(|served| connection(served)));
    // a certificate's names are anybody's choice, and a terminal obeys control characters
    let harmless =
        |line: &String| line.chars().filter(|character| !character.is_control()).collect::<String>() + "\n";
    lines.iter().map(harmless).collect()
}

fn line(position: usize, facts: &Facts) -> String {
    format!(
        "  {position} {} by {}, {} to {}, {} {}, {}",
        facts.name(),
        facts.issuer(),
        date(facts.not_before),
        date(facts.not_after),
        facts.key_type,
        facts.key_bits,
        facts.signature_algorithm,
    )
}

fn connection(served: &Served) -> String {
    let version = served.version.unwrap_or("unknown version");
    let words = [version, &served.cipher, &served.group, &served.alpn];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    format!("  {}", words.join(", "))
}

fn as_json(report: &Report, target: &str, now: i64, verdict: &Verdict) -> Value {
    let mut all = json!({
        "target": target,
        "state": verdict.state.word(),
        "problems": verdict.why,
        "success": report.success,
        "failure": report.failure.as_ref().map(|failure| {
            json!({"phase": failure.phase, "reason": failure.reason, "message": failure.message})
        }),
        "seconds": report.timings.iter().map(|(phase, took)| (phase.as_str().to_owned(), json!(took.as_secs_f64())))
            .collect::<serde_json::Map<_, _>>(),
    });
    if let (Content::Served(served), Some(all)) = (&report.content, all.as_object_mut()) {
        let read = |facts: &Option<Arc<Facts>>| {
            facts.as_deref().map_or(Value::Null, |facts| certificate(facts, now))
        };
        all.insert("faults".to_owned(), json!(served.faults));
        all.insert("certificates".to_owned(), served.chain.iter().map(read).collect());
        all.insert("chains".to_owned(), json!(served.verified.len()));
        all.insert("version".to_owned(), json!(served.version));
        all.insert("cipher".to_owned(), json!(served.cipher));
        all.insert("group".to_owned(), json!(served.group));
        all.insert("differs_from_file".to_owned(), json!(served.differs.and_then(Result::ok)));
    }
    all
}

fn certificate(facts: &Facts, now: i64) -> Value {
    let [serial, issuer, name, names, addresses, emails, units] = &facts.labels;
    let list =
        |label: &str| label.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    json!({
        "cn": name, "issuer_cn": issuer, "serial_no": serial,
        "dnsnames": list(names), "ips": list(addresses), "emails": list(emails), "ou": list(units),
        "not_before": date(facts.not_before), "not_after": date(facts.not_after),
        "remaining_ratio": remaining_ratio(facts.not_before, facts.not_after, now),
        "key_type": facts.key_type, "key_bits": facts.key_bits,
        "signature_algorithm": facts.signature_algorithm,
        "fingerprint_sha256": facts.fingerprint_text(),
        "weaknesses": facts.weaknesses,
    })
}

/// RFC 3339, which has no year after 9999.
fn date(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}
