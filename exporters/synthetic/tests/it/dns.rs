//! Prober `dns`: blackbox_exporter's own cases (`dns_test.go`), and those that it has no test for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kit::pki::{Recipe, self_signed_authority};
use kit::tls_server::Serve;

use crate::name_server::{Asked, NameServer, Transport, a, bit, name, record};
use crate::{Exporter, Page, start};

/// Over both, as upstream does.
const PROTOCOLS: [(&str, Transport); 2] = [("udp", Transport::Udp), ("tcp", Transport::Tcp)];

/// An exporter with a module `x` that has these settings.
async fn exporter(settings: &str) -> Exporter {
    start(&format!(
        "modules: {{x: {{prober: dns, timeout: 10s, dns: {{query_name: example.com, {settings}}}}}}}\n"
    ))
    .await
}

/// The page of one question with these settings.
async fn ask(settings: &str, target: &str) -> Page {
    exporter(settings).await.ask("x", target).await
}

/// What starting with these settings complains of.
async fn complaint(settings: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("synthetic.yml");
    let config = format!("modules: {{x: {{prober: dns, dns: {{query_name: example.com, {settings}}}}}}}\n");
    std::fs::write(&file, config).unwrap();
    let file = format!("--config.file={}", file.display());
    let arguments = ["--web.listen-address=127.0.0.1:0", &file];
    let launched = toolkit::app::App::<synthetic_exporter::Synthetic>::launch(&arguments);
    launched.await.err().expect("it started").to_string()
}

/// Upstream's recursive server: two addresses, for who asks for recursion.
fn recursive(asked: &Asked) -> Vec<u8> {
    if asked.flags() & bit::RECURSION_DESIRED == 0 {
        return asked.answer(5, [&[], &[], &[]]);
    }
    let answer = [a("example.com", 3600, [127, 0, 0, 1]), a("example.com", 3600, [127, 0, 0, 2])];
    asked.answer(0, [&answer, &[], &[]])
}

/// Upstream's authoritative server.
pub(crate) fn authoritative(asked: &Asked) -> Vec<u8> {
    let numbers = [1000_u32, 7200, 3600, 1_209_600, 3600].map(u32::to_be_bytes).concat();
    let soa = [name("ns.example.com"), name("noc.example.com"), numbers].concat();
    let answer = match (asked.kind(), asked.class()) {
        (6, _) => record("example.com", 3600, 1, 6, &soa),
        (16, 3) => record("example.com", 3600, 3, 16, b"\x07goCHAOS"),
        _ => a("example.com", 3600, [127, 0, 0, 1]),
    };
    let authority =
        ["ns1.isp.net", "ns2.isp.net"].map(|server| record("example.com", 7200, 1, 2, &name(server)));
    let mut localhost = [0; 16];
    localhost[15] = 1;
    let additional = [
        a("ns1.isp.net", 7200, [127, 0, 0, 1]),
        record("ns1.isp.net", 7200, 1, 28, &localhost),
        a("ns2.isp.net", 7200, [127, 0, 0, 2]),
    ];
    asked.answer(0, [&[answer], &authority, &additional])
}

/// What upstream's `dns.HandleFailed` answers.
pub(crate) fn failing(asked: &Asked) -> Vec<u8> {
    asked.answer(2, [&[], &[], &[]])
}

#[track_caller]
fn counts(page: &Page, expected: [u8; 3]) {
    for (section, expected) in ["answer", "authority", "additional"].into_iter().zip(expected) {
        assert_eq!(page.value(&format!("probe_dns_{section}_rrs")), f64::from(expected), "{}", page.text);
    }
    assert_eq!(page.value("probe_dns_query_succeeded"), 1.0);
}

#[tokio::test]
async fn test_recursive_dns_response() {
    for (protocol, transport) in PROTOCOLS {
        let server = NameServer::start(transport, recursive).await;
        for (settings, succeeds, answers) in [
            ("recursion_desired: true", true, 2),
            ("recursion_desired: true, valid_rcodes: [SERVFAIL, NXDOMAIN]", false, 2),
            (
                "validate_answer_rrs: {fail_if_matches_regexp: ['.*7200.*'], fail_if_not_matches_regexp: ['.*3600.*']}",
                true,
                2,
            ),
            ("validate_authority_rrs: {fail_if_matches_regexp: ['.*7200.*']}", true, 2),
            ("validate_additional_rrs: {fail_if_not_matches_regexp: ['.*3600.*']}", false, 2),
            ("recursion_desired: false", false, 0),
        ] {
            let settings = format!("preferred_ip_protocol: ip4, transport_protocol: {protocol}, {settings}");
            let page = ask(&settings, &server.target()).await;
            page.succeeds(succeeds);
            counts(&page, [answers, 0, 0]);
        }
    }
}

#[tokio::test]
async fn test_authoritative_dns_response() {
    for (protocol, transport) in PROTOCOLS {
        let server = NameServer::start(transport, authoritative).await;
        for (settings, succeeds) in [
            ("", true),
            ("query_type: SOA", true),
            (
                "query_class: CH, query_type: TXT, validate_answer_rrs: {fail_if_matches_regexp: ['.*IN.*'], fail_if_not_matches_regexp: ['.*CH.*']}",
                true,
            ),
            ("valid_rcodes: [SERVFAIL, NXDOMAIN]", false),
            (
                "validate_answer_rrs: {fail_if_matches_regexp: ['.*3600.*'], fail_if_not_matches_regexp: ['.*3600.*']}",
                false,
            ),
            (
                "validate_answer_rrs: {fail_if_matches_regexp: ['.*7200.*'], fail_if_not_matches_regexp: ['.*7200.*']}",
                false,
            ),
            ("validate_authority_rrs: {fail_if_not_matches_regexp: ['ns.*.isp.net']}", true),
            ("validate_additional_rrs: {fail_if_not_matches_regexp: ['^ns.*.isp']}", true),
            ("validate_additional_rrs: {fail_if_matches_regexp: ['^ns.*.isp']}", false),
            ("validate_additional_rrs: {fail_if_all_match_regexp: ['.*127.0.0.*']}", false),
            ("validate_additional_rrs: {fail_if_none_matches_regexp: ['.*127.0.0.3.*']}", false),
        ] {
            let settings = format!(
                "preferred_ip_protocol: ip4, transport_protocol: {protocol}, recursion_desired: false, {settings}"
            );
            let page = ask(&settings, &server.target()).await;
            page.succeeds(succeeds);
            counts(&page, [1, 2, 3]);
            let serial = settings.contains("SOA").then_some(1000.0);
            assert_eq!(page.find("probe_dns_serial"), serial, "{}", page.text);
        }
    }
}

#[tokio::test]
async fn test_servfail_dns_response() {
    for (protocol, transport) in PROTOCOLS {
        let server = NameServer::start(transport, failing).await;
        let base =
            format!("preferred_ip_protocol: ip4, transport_protocol: {protocol}, recursion_desired: false");
        for (settings, succeeds) in [("", false), ("valid_rcodes: [SERVFAIL, NXDOMAIN]", true)] {
            let page = ask(&format!("{base}, {settings}"), &server.target()).await;
            page.succeeds(succeeds);
            counts(&page, [0, 0, 0]);
            assert_eq!(page.value("probe_dns_rcode{rcode=\"SERVFAIL\"}"), 1.0);
            assert_eq!(page.reason(), if succeeds { "" } else { "check/dns_rcode" });
        }
        // upstream fails each probe; here the file is refused, with the reason
        for (settings, expected) in [
            ("query_type: NOT_A_VALID_QUERY_TYPE", "`NOT_A_VALID_QUERY_TYPE` is no type of records"),
            ("valid_rcodes: [NOT_A_VALID_RCODE]", "`NOT_A_VALID_RCODE` is no code of an answer"),
        ] {
            let complaint = complaint(&format!("{base}, {settings}")).await;
            assert!(complaint.contains(expected), "{complaint}");
        }
    }
}

/// Upstream asks `localhost`, and skips where that is not `::1` as well. The address itself is on every machine with
/// IPv6, so that it is asked here; `localhost` is asked over IPv4.
#[tokio::test]
async fn test_dns_protocol() {
    for (protocol, transport) in PROTOCOLS {
        let server = NameServer::start(transport, recursive).await;
        let (six, four) = (format!("[::1]:{}", server.port), format!("localhost:{}", server.port));
        let over = format!("ip_protocol_fallback: false, transport_protocol: {protocol}");
        for (target, settings, succeeds, family) in [
            (&six, format!("{over}, preferred_ip_protocol: ip6"), true, 6.0),
            (&four, format!("{over}, preferred_ip_protocol: ip4"), true, 4.0),
            (&six, over, true, 6.0),
            // without a transport it is UDP
            (&six, "ip_protocol_fallback: false".to_owned(), protocol == "udp", 6.0),
        ] {
            let page = ask(&settings, target).await;
            page.succeeds(succeeds);
            assert_eq!(page.value("probe_ip_protocol"), family, "{settings}");
        }
    }
}

#[tokio::test]
async fn test_dns_metrics() {
    let server = NameServer::start(Transport::Udp, recursive).await;
    let page = ask("preferred_ip_protocol: ip4", &format!("localhost:{}", server.port)).await;
    page.succeeds(true);
    let phases: Vec<_> =
        page.series("probe_dns_duration_seconds").into_iter().map(|(series, _)| series).collect();
    let expected = ["resolve", "connect", "request"]
        .map(|phase| format!("probe_dns_duration_seconds{{phase=\"{phase}\"}}"));
    assert_eq!(phases, expected);
    counts(&page, [2, 0, 0]);
    assert!(page.value("probe_dns_lookup_time_seconds") >= 0.0);
    assert_eq!(page.find("probe_dns_serial"), None);
}

/// The inverted key of blackbox_exporter's, and ours that say what they do.
#[tokio::test]
async fn rules_that_say_what_they_do() {
    let server = NameServer::start(Transport::Udp, authoritative).await;
    for (rule, succeeds) in [
        ("fail_if_all_match_regexp: ['isp']", true),
        ("fail_if_every_rr_matches_regexp: ['isp']", false),
        ("fail_if_every_rr_matches_regexp: ['ns1']", true),
        ("no_rr_may_match_regexp: ['ns3']", true),
        ("no_rr_may_match_regexp: ['ns2']", false),
        ("every_rr_must_match_regexp: ['isp', '7200']", true),
        ("every_rr_must_match_regexp: ['ns1']", false),
        ("some_rr_must_match_regexp: ['ns1', 'ns2']", true),
        ("some_rr_must_match_regexp: ['ns1', 'ns3']", false),
    ] {
        let settings = format!("preferred_ip_protocol: ip4, validate_additional_rrs: {{{rule}}}");
        let page = ask(&settings, &server.target()).await;
        page.succeeds(succeeds);
        assert_eq!(page.reason(), if succeeds { "" } else { "check/dns_records" }, "{rule}");
    }
}

#[tokio::test]
async fn a_record_is_text_with_tabs() {
    let server = NameServer::start(Transport::Udp, recursive).await;
    for (pattern, succeeds) in [
        (r#""^example\\.com\\.\t3600\tIN\tA\t127\\.0\\.0\\.[12]$""#, true),
        (r"'^example\.com\.\t3600\tIN\tA\t127'", true),
        ("'example.com. 3600 IN A'", false),
    ] {
        let settings = format!("validate_answer_rrs: {{fail_if_not_matches_regexp: [{pattern}]}}");
        ask(&settings, &server.target()).await.succeeds(succeeds);
    }
}

/// A server whose answer over UDP is cut off: it has one record of two.
fn truncating(asked: &Asked) -> Vec<u8> {
    if !asked.over_udp {
        return recursive(asked);
    }
    let mut message = asked.answer(bit::TRUNCATED, [&[a("example.com", 3600, [127, 0, 0, 1])], &[], &[]]);
    // the header promises what did not fit
    message[7] = 2;
    message
}

#[tokio::test]
async fn a_truncated_answer() {
    let server = NameServer::start(Transport::Both, truncating).await;
    // as blackbox_exporter: what came is judged
    let page = ask("recursion_desired: true", &server.target()).await;
    page.succeeds(true);
    counts(&page, [1, 0, 0]);
    assert_eq!(page.value("probe_dns_flag{flag=\"tc\"}"), 1.0);
    assert_eq!(page.value("probe_dns_tcp_retried"), 0.0);
    let page = ask("retry_over_tcp: true", &server.target()).await;
    page.succeeds(true);
    counts(&page, [2, 0, 0]);
    assert_eq!(page.value("probe_dns_flag{flag=\"tc\"}"), 0.0);
    assert_eq!(page.value("probe_dns_tcp_retried"), 1.0);
    let udp_only = NameServer::start(Transport::Udp, truncating).await;
    let page = ask("retry_over_tcp: true", &udp_only.target()).await;
    page.succeeds(false);
    assert_eq!(page.reason(), "connect/connect_refused");
}

#[tokio::test]
async fn edns_is_spoken_when_it_is_asked_for() {
    let seen: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let seeing = Arc::clone(&seen);
    let server = NameServer::start(Transport::Udp, move |asked| {
        seeing.lock().unwrap().push(asked.behind().to_vec());
        // a code of twelve bits: BADVERS
        let edns = b"\0\0\x29\x04\xd0\x01\0\0\0\0\0".to_vec();
        let edns = if asked.behind().is_empty() { vec![] } else { vec![edns] };
        asked.answer(bit::AUTHORITATIVE, [&[], &[], &edns])
    });
    let server = server.await;
    for (settings, sent, rcode) in [
        ("recursion_desired: true", &b""[..], "NOERROR"),
        ("edns_udp_size: 4096", b"\0\0\x29\x10\0\0\0\0\0\0\0", "BADSIG"),
        ("dnssec_ok: true", b"\0\0\x29\x04\xd0\0\0\x80\0\0\0", "BADSIG"),
    ] {
        let settings = format!("{settings}, valid_rcodes: [NOERROR, BADVERS]");
        let page = ask(&settings, &server.target()).await;
        page.succeeds(true);
        assert_eq!(page.value(&format!("probe_dns_rcode{{rcode=\"{rcode}\"}}")), 1.0);
        assert_eq!(seen.lock().unwrap().pop().unwrap(), sent);
        // what carries EDNS is no record that was asked for
        counts(&page, [0, 0, 0]);
    }
}

/// An answer that is long: more than blackbox_exporter takes over UDP.
#[tokio::test]
async fn a_long_answer_is_read_whole() {
    let answer = |asked: &Asked| {
        let records: Vec<_> = (0..100).map(|last| a("example.com", 60, [192, 0, 2, last])).collect();
        asked.answer(0, [&records, &[], &[]])
    };
    for (protocol, transport) in PROTOCOLS {
        let server = NameServer::start(transport, answer).await;
        let page = ask(&format!("transport_protocol: {protocol}"), &server.target()).await;
        page.succeeds(true);
        counts(&page, [100, 0, 0]);
    }
}

#[tokio::test]
async fn what_is_no_answer() {
    let edited = |edit: fn(&mut Vec<u8>)| {
        move |asked: &Asked| {
            let mut message = recursive(asked);
            edit(&mut message);
            message
        }
    };
    for (edit, reason) in [
        // the question itself comes back
        ((|message| message[2] &= 0x7f) as fn(&mut Vec<u8>), "check/protocol"),
        (|message| message[13] ^= 1, "check/protocol"),
        (|message| message.truncate(20), "check/protocol"),
        (|message| message.truncate(2), "check/protocol"),
    ] {
        for (protocol, transport) in PROTOCOLS {
            let server = NameServer::start(transport, edited(edit)).await;
            let page = ask(&format!("transport_protocol: {protocol}"), &server.target()).await;
            page.succeeds(false);
            assert_eq!(page.reason(), reason);
            assert_eq!(page.value("probe_dns_query_succeeded"), 0.0);
        }
    }
    // another number: over TCP it is wrong, over UDP it may be late or forged, and is not ours
    let other_id = edited(|message| message[0] ^= 1);
    let server = NameServer::start(Transport::Tcp, other_id).await;
    assert_eq!(ask("transport_protocol: tcp", &server.target()).await.reason(), "check/protocol");
    let server = NameServer::start(Transport::Udp, other_id).await;
    let page = soon(&server).await;
    assert_eq!(page.reason(), "first_byte/timeout");
}

/// The page of a question with little time.
async fn soon(server: &NameServer) -> Page {
    let config = "modules: {x: {prober: dns, timeout: 300ms, dns: {query_name: example.com}}}\n";
    start(config).await.ask("x", &server.target()).await
}

#[tokio::test]
async fn a_server_that_is_silent_or_not_there() {
    let silent = NameServer::start(Transport::Udp, |_| None).await;
    let page = soon(&silent).await;
    page.succeeds(false);
    assert_eq!(page.reason(), "first_byte/timeout");
    let took = Duration::from_secs_f64(page.value("probe_duration_seconds"));
    assert!(took >= Duration::from_millis(300), "{took:?}");
    let refusing = format!("127.0.0.1:{}", kit::process::free_port().unwrap());
    assert_eq!(ask("transport_protocol: udp", &refusing).await.reason(), "first_byte/connect_refused");
    assert_eq!(ask("transport_protocol: tcp", &refusing).await.reason(), "connect/connect_refused");
    let closing = NameServer::start(Transport::Tcp, |_| None).await;
    assert_eq!(ask("transport_protocol: tcp", &closing.target()).await.reason(), "first_byte/closed");
}

#[tokio::test]
async fn where_packets_come_from() {
    let server = NameServer::start(Transport::Both, recursive).await;
    for protocol in ["udp", "tcp"] {
        let from = |source| format!("transport_protocol: {protocol}, source_ip_address: {source}");
        ask(&from("127.0.0.9"), &server.target()).await.succeeds(true);
        let page = ask(&from("'::1'"), &server.target()).await;
        assert_eq!(page.reason(), "resolve/dns_no_address");
        // documentation's address is not this machine's
        assert!(ask(&from("192.0.2.77"), &server.target()).await.reason().ends_with("/internal"));
    }
}

#[tokio::test]
async fn dns_over_tls() {
    let identity = self_signed_authority(&Recipe::new("dot", &["localhost", "127.0.0.1"])).unwrap();
    let serve = Serve::chain(&[&identity.certificate_pem], &identity.key_pem);
    let transport = Transport::Tls(Arc::new(serve.config().unwrap()));
    let server = NameServer::start(transport, recursive).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, &identity.certificate_pem).unwrap();
    let trusting = format!("dns_over_tls: true, tls_config: {{ca_file: {}}}", file.display());
    for transport in ["", ", transport_protocol: tcp"] {
        let page = ask(&format!("{trusting}{transport}"), &server.target()).await;
        page.succeeds(true);
        counts(&page, [2, 0, 0]);
        // blackbox_exporter shows nothing of TLS here
        assert_eq!(page.value("probe_tls_version_info{version=\"TLS 1.3\"}"), 1.0);
        assert!(page.value("probe_ssl_earliest_cert_expiry") > 1.7e9);
    }
    let page = ask("dns_over_tls: true", &server.target()).await;
    page.succeeds(false);
    assert_eq!(page.reason(), "tls/tls_unknown_ca");
    assert!(page.value("probe_ssl_earliest_cert_expiry") > 1.7e9);
    let complaint = complaint("dns_over_tls: true, transport_protocol: udp").await;
    assert!(complaint.contains("needs `transport_protocol: tcp`"), "{complaint}");
}

#[tokio::test]
async fn targets() {
    for target in ["user@127.0.0.1:53", "127.0.0.1:x", "[::1:53", ":53"] {
        let page = ask("transport_protocol: udp", target).await;
        page.succeeds(false);
        assert_eq!(page.reason(), "target/target_invalid", "{target}");
    }
}

/// blackbox_exporter's example, with its regular expressions that have TABs.
#[tokio::test]
async fn the_example_of_blackbox_exporter() {
    let server = NameServer::start(Transport::Udp, |asked| {
        asked.answer(0, [&[a("www.prometheus.io", 300, [127, 0, 0, 1])], &[], &[]])
    });
    let server = server.await;
    let config = r#"
modules:
  x:
    prober: dns
    dns:
      query_name: www.prometheus.io
      query_type: A
      valid_rcodes: [NOERROR]
      validate_answer_rrs:
        fail_if_all_match_regexp: [".*127.0.0.1"]
        fail_if_not_matches_regexp: ["www.prometheus.io.\t300\tIN\tA\t127.0.0.1"]
        fail_if_none_matches_regexp: ["127.0.0.1"]
"#;
    start(config).await.ask("x", &server.target()).await.succeeds(true);
}
