//! Prober `tcp`: the cases of blackbox_exporter's tests under their names, and what it gets wrong.

use kit::blackhole::{Full, Silent};
use kit::postgres::Postgres;
use kit::tls::{Authority, LOOPBACK};
use rustls::version::TLS12;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::example_org::{key, template};
use crate::served::{Served, acceptor, each, line, once, strict_acceptor};
use crate::{Exporter, Page, start};

/// A module `m` with these lines in its section.
fn module(section: &str) -> String {
    format!("modules:\n  m:\n    prober: tcp\n    timeout: 10s\n    tcp: {section}\n")
}

/// The page of a target that says this to whoever connects, and closes.
async fn saying(section: &str, said: &'static [u8]) -> Page {
    let server = each(async |mut stream| drop(stream.write_all(said).await)).await;
    start(&module(section)).await.ask("m", &server.target()).await
}

#[tokio::test]
async fn test_tcp_connection() {
    let server = once(async |stream| drop(stream)).await;
    let exporter = start(&module("{ip_protocol_fallback: true}")).await;
    let page = exporter.ask("m", &server.target()).await;
    page.succeeds(true);
    assert_eq!(page.value("probe_ip_protocol"), 4.0);
    assert_eq!(page.value("probe_failed_due_to_regex"), 0.0);
    assert_eq!(page.find("probe_ssl_earliest_cert_expiry"), None);
    server.done().await;
}

#[tokio::test]
async fn test_tcp_connection_fails() {
    let exporter = start(&module("{ip_protocol_fallback: false}")).await;
    let page = exporter.ask("m", ":0").await;
    page.succeeds(false);
    assert_eq!(page.reason(), "resolve/target_invalid");
    for (target, reason) in [
        ("localhost", "target/target_invalid"),
        ("::1:80", "target/target_invalid"),
        ("localhost:http", "target/target_invalid"),
    ] {
        let page = exporter.ask("m", target).await;
        page.succeeds(false);
        assert_eq!(page.reason(), reason, "{target}");
    }
}

/// A server that speaks TLS 1.2 and says hello.
async fn hello(identity: kit::tls::Identity) -> Served<()> {
    let acceptor = acceptor(&identity, &[&TLS12], &[]);
    each(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                drop(stream.write_all(b"Hello World!\n").await);
                drop(stream.shutdown().await);
            }
        }
    })
    .await
}

async fn with_authority(section: &str, pem: &str) -> Exporter {
    let exporter = start(&module(section)).await;
    std::fs::write(exporter.folder.path().join("ca.pem"), pem).unwrap();
    exporter
}

#[tokio::test]
async fn test_tcp_connection_with_tls() {
    let template = template(1).authority();
    let identity = template.self_signed(&key());
    let server = hello(identity.clone()).await;
    let section = "{preferred_ip_protocol: ip4, tls: true, tls_config: {ca_file: ca.pem}}";
    let exporter = with_authority(section, &identity.certificate_pem).await;

    // the certificate is for a name, and for no address
    let page = exporter.ask("m", &server.target()).await;
    page.succeeds(false);
    assert_eq!(page.reason(), "tls/tls_hostname");
    assert_eq!(page.value("probe_ssl_earliest_cert_expiry"), template.end as f64, "it is told all the same");
    exporter.ask("m", &server.by_name()).await.succeeds(true);

    let named = section.replace("ca.pem", "ca.pem, server_name: localhost");
    let exporter = with_authority(&named, &identity.certificate_pem).await;
    let page = exporter.ask("m", &server.target()).await;
    page.succeeds(true);
    assert_eq!(page.value("probe_tls_version_info{version=\"TLS 1.2\"}"), 1.0);
    assert_eq!(page.value("probe_ssl_earliest_cert_expiry"), template.end as f64);
    let [(info, value)] = page.series("probe_ssl_last_chain_info")[..] else { panic!("{}", page.text) };
    assert_eq!(value, 1.0);
    for label in [
        r#"subject="CN=Example,O=Example Org""#,
        r#"issuer="CN=Example,O=Example Org""#,
        r#"subjectalternative="localhost""#,
        r#"serialnumber="01""#,
    ] {
        assert!(info.contains(label), "{label} in {info}");
    }
}

#[tokio::test]
async fn test_tcp_connection_with_tls_and_verified_certificate_chain() {
    let root_key = key();
    let root = template(3).authority().self_signed(&root_key);
    let older = template(1).authority();
    let older_root = older.self_signed(&root_key);
    let leaf = template(2);
    let mut identity = leaf.signed_by(&root_key);
    identity.certificate_pem += &older_root.certificate_pem;
    let server = hello(identity).await;
    let section = "{preferred_ip_protocol: ip4, tls: true, tls_config: {ca_file: ca.pem}}";
    let roots = root.certificate_pem + "\n" + &older_root.certificate_pem;
    let page = with_authority(section, &roots).await.ask("m", &server.by_name()).await;
    page.succeeds(true);
    assert_eq!(page.value("probe_ssl_earliest_cert_expiry"), older.end as f64);
    assert_eq!(page.value("probe_ssl_last_chain_expiry_timestamp_seconds"), leaf.end as f64);
    assert_eq!(page.series("probe_ssl_last_chain_info")[0].1, 1.0);
    assert_eq!(page.series("probe_tls_version_info")[0].1, 1.0);
}

#[tokio::test]
async fn test_tcp_connection_query_response_start_tls() {
    let template = template(1).with_addresses().authority();
    let identity = template.self_signed(&key());
    let acceptor = acceptor(&identity, rustls::ALL_VERSIONS, &[]);
    let server = once(move |mut stream| async move {
        stream.write_all(b"220 ESMTP StartTLS pseudo-server\n").await.unwrap();
        assert_eq!(line(&mut stream).await, "EHLO tls.prober");
        stream.write_all(b"250-pseudo-server.example.net\n250-STARTTLS\n250 DSN\n").await.unwrap();
        assert_eq!(line(&mut stream).await, "STARTTLS");
        stream.write_all(b"220 2.0.0 Ready to start TLS\n").await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        assert_eq!(line(&mut stream).await, "EHLO tls.prober");
        stream.write_all(b"250-AUTH\n250 DSN\n").await.unwrap();
        line(&mut stream).await
    })
    .await;
    let section = r#"
      tls_config: {ca_file: ca.pem}
      query_response:
      - expect: "^220.*ESMTP.*$"
      - send: "EHLO tls.prober"
      - expect: "^250-STARTTLS"
      - send: "STARTTLS"
      - expect: "^220"
      - starttls: true
      - send: "EHLO tls.prober"
      - expect: "^250-AUTH"
      - send: "QUIT"
"#;
    let exporter = with_authority(section, &identity.certificate_pem).await;
    let page = exporter.ask("m", &server.target()).await;
    page.succeeds(true);
    assert_eq!(page.value("probe_ssl_earliest_cert_expiry"), template.end as f64);
    assert_eq!(server.done().await, "QUIT");
}

async fn irc(answer: &'static str) -> Page {
    let server = once(move |mut stream| async move {
        stream.write_all(b":ircd.localhost NOTICE AUTH :*** Looking up your hostname...\n").await.unwrap();
        assert_eq!(line(&mut stream).await, "NICK prober");
        assert_eq!(line(&mut stream).await, "USER prober prober prober :prober");
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let section = r#"
      query_response:
      - send: "NICK prober"
      - send: "USER prober prober prober :prober"
      - expect: "^:[^ ]+ 001"
"#;
    let page = start(&module(section)).await.ask("m", &server.target()).await;
    server.done().await;
    page
}

#[tokio::test]
async fn test_tcp_connection_query_response_irc() {
    irc(":ircd.localhost 001 prober :Welcome to IRC!\n").await.succeeds(true);
}

#[tokio::test]
async fn test_tcp_connection_query_response_irc_refused() {
    let page = irc("ERROR: Your IP address has been blacklisted.\n").await;
    page.succeeds(false);
    assert_eq!(page.value("probe_failed_due_to_regex"), 1.0);
    assert_eq!(page.reason(), "check/expect");
}

#[tokio::test]
async fn test_tcp_connection_query_response_matching() {
    let server = once(async |mut stream| {
        stream.write_all(b"SSH-2.0-OpenSSH_6.9p1 Debian-2\n").await.unwrap();
        line(&mut stream).await
    })
    .await;
    let section = r#"
      query_response:
      - expect: "^SSH-2.0-([^ -]+)(?: (.*))?$"
        send: "CONFIRM ${1}"
        labels:
        - {name: ssh_version, value: "${1}"}
        - {name: ssh_comments, value: "${2}"}
"#;
    let page = start(&module(section)).await.ask("m", &server.target()).await;
    page.succeeds(true);
    assert_eq!(page.value("probe_failed_due_to_regex"), 0.0);
    let series = r#"probe_expect_info{ssh_version="OpenSSH_6.9p1",ssh_comments="Debian-2"}"#;
    assert_eq!(page.value(series), 1.0);
    assert_eq!(server.done().await, "CONFIRM OpenSSH_6.9p1");
}

const BYTES: &str = "{query_response: [{expect_bytes: not-a-line}]}";

#[tokio::test]
async fn test_tcp_connection_query_response_byte_mode() {
    let page = saying(BYTES, b"not-a-line").await;
    page.succeeds(true);
    assert_eq!(page.value("probe_failed_due_to_regex"), 0.0);
    assert_eq!(page.value("probe_failed_due_to_bytes"), 0.0);
}

#[tokio::test]
async fn test_tcp_connection_query_response_byte_mode_fail() {
    let page = saying(BYTES, b"something-else").await;
    page.succeeds(false);
    assert_eq!(page.value("probe_failed_due_to_regex"), 0.0);
    assert_eq!(page.value("probe_failed_due_to_bytes"), 1.0);
}

/// Upstream asks for `localhost` where it is at both addresses; here it may be at one only, so that each is asked for
/// by its address.
#[tokio::test]
async fn test_tcp_connection_protocol() {
    let v4 = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let v6 = tokio::net::TcpListener::bind("[::1]:0").await.unwrap();
    let (four, six) = (v4.local_addr().unwrap(), v6.local_addr().unwrap());
    for (preferred, target, protocol) in
        [("ip4", four, 4.0), ("ip6", six, 6.0), ("''", six, 6.0), ("ip6", four, 0.0), ("ip4", six, 0.0)]
    {
        let section = format!("{{preferred_ip_protocol: {preferred}, ip_protocol_fallback: false}}");
        let page = start(&module(&section)).await.ask("m", &target.to_string()).await;
        page.succeeds(protocol > 0.0);
        assert_eq!(page.value("probe_ip_protocol"), protocol, "{preferred} {target}");
    }
}

#[tokio::test]
async fn test_prometheus_timeout_tcp() {
    let page = saying("{query_response: [{expect: 'SSH-2.0-(OpenSSH_6.9p1) Debian-2'}]}", b"").await;
    page.succeeds(false);
    assert_eq!(page.reason(), "check/expect");
}

#[tokio::test]
async fn test_probe_expect_info() {
    let section = r#"
      query_response:
      - expect: "^SSH-2.0-([^ -]+)(?: (.*))?$"
        labels:
        - {name: label1, value: "got ${1} here"}
        - {name: label2, value: "${1} on ${2}"}
"#;
    let page = saying(section, b"SSH-2.0-OpenSSH_6.9p1 Debian-2").await;
    let series = r#"probe_expect_info{label1="got OpenSSH_6.9p1 here",label2="OpenSSH_6.9p1 on Debian-2"}"#;
    assert_eq!(page.value(series), 1.0);
}

#[tokio::test]
async fn two_labelled_entries_are_two_series() {
    let section = r#"
      query_response:
      - {expect: "^a=(.*)", labels: [{name: a, value: $1}]}
      - {expect: "^b=(.*)", labels: [{name: b, value: $1}]}
      - {expect: "^c=(.*)", labels: [{name: b, value: $1}]}
"#;
    let page = saying(section, b"a=1\nb=2\nc=2\n").await;
    page.succeeds(true);
    assert_eq!(
        page.series("probe_expect_info"),
        [(r#"probe_expect_info{a="1"}"#, 1.0), (r#"probe_expect_info{b="2"}"#, 1.0)]
    );
}

#[tokio::test]
async fn two_starttls_are_tls_within_tls() {
    let (outer, inner) = (template(1).with_addresses().authority(), template(2).with_addresses().authority());
    let (outer, inner_identity) = (outer.self_signed(&key()), inner.self_signed(&key()));
    let acceptors = [&outer, &inner_identity].map(|identity| acceptor(identity, rustls::ALL_VERSIONS, &[]));
    let server = once(move |mut stream| async move {
        stream.write_all(b"go\n").await.unwrap();
        let mut stream = acceptors[0].accept(stream).await.unwrap();
        assert_eq!(line(&mut stream).await, "again");
        stream.write_all(b"go\n").await.unwrap();
        let mut stream = acceptors[1].accept(stream).await.unwrap();
        line(&mut stream).await
    })
    .await;
    let section = "
      tls_config: {ca_file: ca.pem}
      query_response:
      - expect: go
      - {starttls: true}
      - send: again
      - {expect: go}
      - {starttls: true}
      - {send: done}
";
    let roots = outer.certificate_pem + &inner_identity.certificate_pem;
    let page = with_authority(section, &roots).await.ask("m", &server.target()).await;
    page.succeeds(true);
    assert_eq!(page.value("probe_ssl_earliest_cert_expiry"), inner.end as f64, "the inner one is told");
    assert_eq!(server.done().await, "done");
}

#[tokio::test]
async fn bytes_before_tls_that_nobody_waited_for_end_it() {
    let page = saying("{query_response: [{expect: go}, {starttls: true}]}", b"go\nEVIL\n").await;
    page.succeeds(false);
    assert_eq!(page.reason(), "starttls/starttls");
}

#[tokio::test]
async fn bytes_come_in_pieces_and_behind_a_line() {
    let server = each(async |mut stream| {
        stream.write_all(b"hello\nnot").await.unwrap();
        let mut ready = [0];
        stream.read_exact(&mut ready).await.unwrap();
        stream.write_all(b"-a-line").await.unwrap();
    })
    .await;
    let section = "{query_response: [{expect: hello, send: x}, {expect_bytes: not-a-line}]}";
    start(&module(section)).await.ask("m", &server.target()).await.succeeds(true);
}

#[tokio::test]
async fn a_line_of_70_kib_is_too_long_and_no_mismatch() {
    let server = each(async |mut stream| {
        drop(stream.write_all(&vec![b'x'; 70 << 10]).await);
        std::future::pending::<()>().await;
    })
    .await;
    let page =
        start(&module("{query_response: [{expect: '^never'}]}")).await.ask("m", &server.target()).await;
    page.succeeds(false);
    assert_eq!(page.value("probe_failed_due_to_regex"), 0.0);
    assert_eq!(page.reason(), "transfer/protocol");
}

#[tokio::test]
async fn the_end_of_a_line_is_no_part_of_it() {
    for said in [&b"hello world\r\n"[..], b"hello world\n", b"hello world"] {
        saying("{query_response: [{expect: '^hello world$'}]}", said).await.succeeds(true);
    }
    saying("{query_response: [{expect: '^hello world$'}]}", b"hello world\r\r\n").await.succeeds(false);
}

#[tokio::test]
async fn a_byte_that_is_no_text_is_one_character() {
    saying(r"{query_response: [{expect: '^caf. \d$'}]}", b"caf\xe9 1\n").await.succeeds(true);
}

#[tokio::test]
async fn what_does_not_answer_ends_by_the_timeout() {
    let (silent, full) = (Silent::start().await.unwrap(), Full::start().await.unwrap());
    let exporter = start(&module("{query_response: [{expect: x}]}")).await;
    for (address, reason) in
        [(silent.address(), "first_byte/timeout"), (full.address().unwrap(), "connect/connect_timeout")]
    {
        let query = format!("/probe?module=m&target={address}");
        let page = Page { text: exporter.get(&query, "1").await.ok().unwrap().text() };
        page.succeeds(false);
        assert_eq!(page.value("probe_failed_due_to_regex"), 0.0);
        assert_eq!(page.reason(), reason);
    }
}

#[tokio::test]
async fn a_source_address_is_come_from() {
    let server = once(async |stream| stream.peer_addr().unwrap()).await;
    let page = start(&module("{source_ip_address: 127.0.0.2}")).await.ask("m", &server.target()).await;
    page.succeeds(true);
    assert_eq!(server.done().await.ip().to_string(), "127.0.0.2");
}

#[tokio::test]
async fn a_name_of_the_request_is_asked_for_where_the_module_names_none() {
    let identity = template(1).authority().self_signed(&key());
    let server = hello(identity.clone()).await;
    let section = "{tls: true, tls_config: {ca_file: ca.pem}}";
    let exporter = with_authority(section, &identity.certificate_pem).await;
    let query = format!("module=m&hostname=localhost&target={}", server.target());
    exporter.probe(&query).await.succeeds(true);
    let exporter = with_authority(
        &section.replace("ca.pem", "ca.pem, server_name: b.example"),
        &identity.certificate_pem,
    )
    .await;
    assert_eq!(exporter.probe(&query).await.reason(), "tls/tls_hostname");
}

/// blackbox_exporter's own example. Its probe sends a line's end behind the request, which PostgreSQL 17 and later take
/// for the start of TLS.
#[tokio::test]
async fn its_example_for_postgresql_works_with_every_postgresql() {
    let section = "
      tls_config: {insecure_skip_verify: true}
      query_response:
      - send: !!binary AAAACATSFi8= # 0x00, 0x00, 0x00, 0x08, 0x04, 0xD2, 0x16, 0x2F - PostgreSQL SSLRequest
      - expect_bytes: S # 0x53 - Reply will be 'S' if SSL is enabled, and 'N' if it is not.
      - starttls: true
";
    let exporter = start(&module(section)).await;
    for major in [15, 18] {
        let postgres = Postgres::builder().major(major).tls().start().await.unwrap();
        let page = exporter.ask("m", &format!("localhost:{}", postgres.port())).await;
        page.succeeds(true);
        assert!(page.find("probe_ssl_earliest_cert_expiry").is_some(), "{major}");
    }
    let plain = Postgres::start().await.unwrap();
    let page = exporter.ask("m", &format!("localhost:{}", plain.port())).await;
    page.succeeds(false);
    assert_eq!(page.value("probe_failed_due_to_bytes"), 1.0);
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_of_ours_says_so() {
    let authority = Authority::new().unwrap();
    let identity = authority.server(&LOOPBACK).unwrap();
    let acceptor = strict_acceptor(&identity, &authority.pem());
    let server = each(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                drop(stream.write_all(b"hello\n").await);
                drop(stream.read_u8().await);
            }
        }
    })
    .await;
    let (ours, others) =
        (authority.client("probe").unwrap(), Authority::new().unwrap().client("probe").unwrap());
    let tls = "tls: true, tls_config: {ca_file: ca.pem";
    let own = ", cert_file: cert.pem, key_file: key.pem";
    for (section, shown, reason) in [
        (
            format!("{{{tls}}}, query_response: [{{expect: hello}}]}}"),
            &ours,
            "first_byte/tls_client_cert_required",
        ),
        (
            format!("{{{tls}{own}}}, query_response: [{{expect: hello}}]}}"),
            &others,
            "first_byte/tls_client_cert_required",
        ),
        (format!("{{{tls}{own}}}}}"), &others, "tls/tls_client_cert_required"),
        (format!("{{{tls}{own}}}, query_response: [{{expect: hello}}]}}"), &ours, ""),
        (format!("{{{tls}{own}}}}}"), &ours, ""),
        // as blackbox_exporter, which does not wait for what it did not ask for
        (format!("{{{tls}}}}}"), &ours, ""),
    ] {
        let exporter = with_authority(&section, &authority.pem()).await;
        for (name, pem) in [("cert.pem", &shown.certificate_pem), ("key.pem", &shown.key_pem)] {
            std::fs::write(exporter.folder.path().join(name), pem).unwrap();
        }
        let page = exporter.ask("m", &server.target()).await;
        assert_eq!(page.reason(), reason, "{section}");
        assert!(page.find("probe_ssl_earliest_cert_expiry").is_some(), "{section}");
    }
}
