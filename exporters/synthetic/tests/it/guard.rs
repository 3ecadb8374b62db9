//! What a target from outside may reach: the ways by which people get to what is not theirs, each refused in profile
//! `public`, and metadata services in both.

use kit::http::percent_encode;
use kit::web::{Reply, Web};

use crate::{start, start_with};

/// Hosts of this machine, of networks like one's own, and of metadata services, in all spellings.
const INSIDE: &[&str] = &[
    // metadata services
    "169.254.169.254",
    "169.254.170.2",
    "169.254.169.253",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd20:ce::254",
    // the same, written so that a filter of texts does not see it
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "0xa9fea9fe",
    "0xA9.0xFE.0xA9.0xFE",
    "2852039166",
    "0251.0376.0251.0376",
    "169.254.43518",
    "169.16689662",
    // this machine
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "017700000001",
    "127.255.255.254",
    "localhost",
    "LOCALHOST",
    "::1",
    "::ffff:127.0.0.1",
    "0.0.0.0",
    "0",
    "::",
    // networks like one's own
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "100.64.0.1",
    "fd12:3456::1",
    "fe80::1",
    // many machines, and nobody
    "224.0.0.1",
    "255.255.255.255",
    "ff02::1",
    "240.0.0.1",
];

/// Metadata services and link-local addresses are refused by default too, in every spelling: so many of the list.
const NEVER: usize = 21;

/// Everything answers 403, or cannot be resolved or read at all; nothing is connected to.
async fn is_refused(exporter: &crate::Exporter, module: &str, target: &str) -> bool {
    let path = format!("/probe?module={module}&target={}", percent_encode(target));
    let response = exporter.get(&path, "10").await;
    let page = response.text();
    match response.status {
        403 => true,
        200 => page.contains("reason=\"dns_") || page.contains("reason=\"target_invalid\""),
        _ => false,
    }
}

fn with_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[tokio::test]
async fn in_profile_public_nothing_inside_is_reached() {
    let web = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
    let port = web.address().port();
    let config = "guard: {profile: public}\nmodules: {tcp: {prober: tcp}, http: {prober: http}, grpc: {prober: grpc}, dns: {prober: dns, dns: {query_name: a}}, icmp: {prober: icmp}, websocket: {prober: websocket}}";
    let exporter = start(config).await;
    assert!(INSIDE.len() >= 40);
    for host in INSIDE {
        let address = with_port(host, port);
        for (module, target) in [
            ("tcp", address.clone()),
            ("http", format!("http://{address}/")),
            ("http", format!("http://example.com@{address}/")),
            ("grpc", address.clone()),
            ("dns", address.clone()),
            ("icmp", (*host).to_owned()),
            ("websocket", format!("ws://{address}/")),
        ] {
            assert!(is_refused(&exporter, module, &target).await, "{module} {target}");
        }
    }
    assert!(web.requests().is_empty());
}

#[tokio::test]
async fn by_default_metadata_services_are_refused_and_all_else_is_not() {
    let web = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
    let exporter = start("modules: {tcp: {prober: tcp}}").await;
    for host in INSIDE.iter().take(NEVER) {
        assert!(is_refused(&exporter, "tcp", &with_port(host, 80)).await, "{host}");
    }
    exporter.ask("tcp", &web.address().to_string()).await.succeeds(true);
    exporter.ask("tcp", &format!("localhost:{}", web.address().port())).await.succeeds(true);
}

#[tokio::test]
async fn a_redirect_leads_nowhere_else() {
    let inside = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
    let to = inside.url("/").replace("127.0.0.1", "127.0.0.2");
    let web = Web::start(move |_| Reply::text(302, "").header("location", &to).into()).await.unwrap();
    let allowed = format!("127.0.0.1:{}", web.address().port());
    let config =
        format!("guard: {{profile: public, allow: ['{allowed}']}}\nmodules: {{http: {{prober: http}}}}");
    let exporter = start(&config).await;
    let page = exporter.ask("http", &web.url("/")).await;
    page.succeeds(false);
    assert!(page.reason().ends_with("/redirect_blocked"), "{}", page.text);
    assert!(inside.requests().is_empty());
}

#[tokio::test]
async fn hostname_is_a_name_and_no_way_in() {
    let inside = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
    let web = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
    let allowed = format!("127.0.0.1:{}", web.address().port());
    let config =
        format!("guard: {{profile: public, allow: ['{allowed}']}}\nmodules: {{http: {{prober: http}}}}");
    let exporter = start(&config).await;
    let query = format!("module=http&hostname={}&target={}", inside.address(), web.url("/"));
    exporter.probe(&query).await.succeeds(true);
    assert!(inside.requests().is_empty());
}

#[tokio::test]
async fn what_is_allowed_is_reached() {
    let web = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
    let port = web.address().port();
    for (guard, expected) in [
        (format!("profile: public, allow: ['127.0.0.1:{port}']"), 200),
        ("profile: public, allow: [127.0.0.0/8]".to_owned(), 200),
        ("profile: public, hosts: [localhost]".to_owned(), 200),
        ("profile: public, allow: ['127.0.0.1:1']".to_owned(), 403),
        ("only: [10.0.0.0/8]".to_owned(), 403),
        ("ports: [1]".to_owned(), 403),
        (format!("ports: [{port}]"), 200),
    ] {
        let config = format!(
            "modules: {{tcp: {{prober: tcp, guard: {{{guard}}}}}, ping: {{prober: icmp, guard: {{ports: [1]}}}}}}"
        );
        let exporter = start_with(&config, &[]).await;
        // a ping has no port that could be forbidden
        assert_eq!(exporter.get("/probe?module=ping&target=127.0.0.1", "10").await.status, 200);
        let path = format!("/probe?module=tcp&target=localhost:{port}");
        assert_eq!(exporter.get(&path, "10").await.status, expected, "{guard}");
    }
}

#[tokio::test]
async fn credentials_go_where_they_are_listed() {
    let web = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
    let module = |targets: &str| {
        format!(
            "modules: {{http: {{prober: http{targets}, http: {{basic_auth: {{username: u, password: canary}}}}}}}}"
        )
    };
    // this machine is known; elsewhere nobody is told
    let exporter = start(&module("")).await;
    exporter.ask("http", &web.url("/")).await.succeeds(true);
    assert_eq!(web.requests()[0].header("authorization"), "Basic dTpjYW5hcnk=");
    let elsewhere = exporter.get("/probe?module=http&target=http://192.0.2.1:81/", "1").await;
    assert_eq!(elsewhere.status, 403);
    let told = elsewhere.text();
    assert!(told.contains("targets: [\"192.0.2.1:81\"]") && !told.contains("canary"), "{told}");
    // a list says where else: the address leads nowhere, but is tried
    let listed = start(&module(", targets: ['192.0.2.1:81']")).await;
    let tried = listed.get("/probe?module=http&target=http://192.0.2.1:81/", "1").await;
    assert_eq!(tried.status, 200);
}
