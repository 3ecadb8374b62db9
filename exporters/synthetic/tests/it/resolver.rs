//! Modules with a name server of their own: every way in which a name may not be there.

use std::net::TcpListener;

use crate::name_server::{Asked, NameServer, Transport, bit, record};
use crate::{Exporter, Page, start};

/// Types of records that are addresses.
const A: u16 = 1;
const AAAA: u16 = 28;

fn config(server: &str) -> String {
    format!(
        "modules:
  any: {{prober: tcp, resolver: '{server}'}}
  ip4: {{prober: tcp, resolver: '{server}', tcp: {{preferred_ip_protocol: ip4, ip_protocol_fallback: false}}}}
  ip6: {{prober: tcp, resolver: '{server}', tcp: {{preferred_ip_protocol: ip6, ip_protocol_fallback: false}}}}
"
    )
}

/// The label that a question begins with.
fn first_label(asked: &Asked) -> String {
    let question = asked.question();
    String::from_utf8_lossy(&question[1..=usize::from(question[0])]).into_owned()
}

fn answer(asked: &Asked) -> Option<Vec<u8>> {
    let name = first_label(asked);
    let four = (asked.kind() == A).then(|| record("x", 60, 1, A, &[127, 0, 0, 1]));
    let six = (asked.kind() == AAAA)
        .then(|| record("x", 60, 1, AAAA, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]));
    let found: Vec<Vec<u8>> = match name.as_str() {
        "both" => [four, six].into_iter().flatten().collect(),
        "four" => four.into_iter().collect(),
        "half" if six.is_some() => return Some(asked.answer(2, [&[], &[], &[]])),
        "half" => four.into_iter().collect(),
        "none" => Vec::new(),
        "missing" => return Some(asked.answer(3, [&[], &[], &[]])),
        "broken" => return Some(asked.answer(2, [&[], &[], &[]])),
        "refused" => return Some(asked.answer(5, [&[], &[], &[]])),
        "long" if asked.over_udp => {
            let mut answer = asked.answer(0, [&[], &[], &[]]);
            let flags = u16::from_be_bytes([answer[2], answer[3]]) | bit::TRUNCATED;
            answer[2..4].copy_from_slice(&flags.to_be_bytes());
            return Some(answer);
        }
        "long" => four.into_iter().collect(),
        _ => return None,
    };
    Some(asked.answer(0, [&found, &[], &[]]))
}

async fn probe(exporter: &Exporter, module: &str, name: &str, port: u16) -> Page {
    exporter.ask(module, &format!("{name}.test:{port}")).await
}

#[tokio::test]
async fn names_are_asked_of_the_module_s_own_server() {
    let server = NameServer::start(Transport::Both, answer).await;
    let exporter = start(&config(&server.target())).await;
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let port_number = port.local_addr().unwrap().port();
    for (module, name, protocol, reason) in [
        ("ip4", "both", 4, ""),
        ("any", "four", 4, ""),
        ("ip6", "four", 0, "resolve/dns_no_address"),
        ("any", "half", 4, ""),
        ("any", "long", 4, ""),
        ("any", "none", 0, "resolve/dns_no_address"),
        ("any", "missing", 0, "resolve/dns_nxdomain"),
        ("any", "broken", 0, "resolve/dns_servfail"),
        ("any", "refused", 0, "resolve/dns_servfail"),
    ] {
        let page = probe(&exporter, module, name, port_number).await;
        assert_eq!(page.reason(), reason, "{module} {name}");
        assert_eq!(page.value("probe_ip_protocol"), f64::from(protocol), "{module} {name}");
    }
    // an address needs no server
    exporter.ask("ip4", &format!("127.0.0.1:{port_number}")).await.succeeds(true);
}

#[tokio::test]
async fn a_server_that_is_silent_or_not_there_is_told() {
    let silent = NameServer::start(Transport::Udp, |_| None).await;
    let exporter = start(&config(&silent.target())).await;
    let page = exporter.get("/probe?module=any&target=a.test:1", "0.6").await.ok().unwrap().text();
    assert!(page.contains("probe_failure_reason{phase=\"resolve\",reason=\"dns_timeout\"} 1"), "{page}");
    drop(silent);
    // nobody listens there: the machine says so at once
    let exporter = start(&config("127.0.0.1:1")).await;
    assert_eq!(probe(&exporter, "any", "a", 1).await.reason(), "resolve/dns_servfail");
}

#[tokio::test]
async fn a_lost_datagram_is_sent_again() {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let server = NameServer::start(Transport::Udp, move |question| {
        // the first question of both kinds is lost
        let count = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if count < 2 { None } else { answer(question) }
    });
    let server = server.await;
    let exporter = start(&config(&server.target())).await;
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let page = probe(&exporter, "ip4", "both", port.local_addr().unwrap().port()).await;
    page.succeeds(true);
    assert!(page.value("probe_dns_lookup_time_seconds") >= 1.0);
}

#[tokio::test]
async fn the_guard_sees_what_a_name_is_at() {
    let server = NameServer::start(Transport::Udp, answer).await;
    let exporter = start(&format!("guard: {{profile: public}}\n{}", config(&server.target()))).await;
    let response = exporter.get("/probe?module=any&target=both.test:80", "10").await;
    assert_eq!(response.status, 403);
    assert!(
        !response.text().contains("127.0.0.1") && !response.text().contains("::1"),
        "{}",
        response.text()
    );
}
