//! ssl_exporter's own cases for its probers `tcp` and `https` (`tcp_test.go`, `https_test.go`): most of them serve one
//! certificate that is an authority and a server at once.

use kit::pki::{self, Recipe, Signer};
use kit::process::Folder;
use kit::socks::{Rules, Socks};
use kit::tls::{Authority, Identity, LOOPBACK};
use kit::tls_server::Serve;
use kit::tunnel::Tunnels;
use kit::web::{Answer, Reply, Web};

use crate::support::{Exporter, count, shows, start, value, write};

/// A server's identity as the peer's tests make it.
fn both(names: &[&str], from: i32, to: i32) -> Identity {
    pki::self_signed_authority(&Recipe::new("ssl_exporter", names).years(from, to)).unwrap()
}

/// An exporter with the modules `tcp` and `https` that trust this certificate, and more settings of TLS.
async fn trusting(folder: &Folder, identity: &Identity, more: &str) -> Exporter {
    let roots = write(folder, "roots.pem", &identity.certificate_pem);
    let module =
        |name: &str| format!("  {name}: {{prober: {name}, tls_config: {{ca_file: {roots}{more}}}}}\n");
    start(folder, &format!("modules:\n{}{}", module("tcp"), module("https"))).await
}

#[tokio::test]
async fn both_probers_with_every_kind_of_name_and_date() {
    for (names, years, more, host, success) in [
        (&["localhost"][..], (2020, 2100), "", "localhost", 1),
        // the name is another than the one in the certificate
        (&["localhost"], (2020, 2100), "", "127.0.0.1", 0),
        // … unless the module says which name to look for
        (&["localhost"], (2020, 2100), ", server_name: localhost", "127.0.0.1", 1),
        (&["localhost"], (2020, 2021), "", "localhost", 0),
        (&["localhost"], (2020, 2021), ", insecure_skip_verify: true", "localhost", 1),
    ] {
        let folder = Folder::new().unwrap();
        let identity = both(names, years.0, years.1);
        let server = Serve::chain(&[&identity.certificate_pem], &identity.key_pem).start().await.unwrap();
        let exporter = trusting(&folder, &identity, more).await;
        let target = format!("{host}:{}", server.address().port());
        for (module, target) in
            [("tcp", target.clone()), ("https", target.clone()), ("https", format!("https://{target}"))]
        {
            let page = exporter.probe(module, &target).await;
            shows(
                &page,
                &[
                    &format!("ssl_probe_success {success}"),
                    "ssl_cert_not_after{",
                    "ssl_tls_version_info{version=\"TLS 1.3\"} 1",
                ],
            );
        }
    }
}

#[tokio::test]
async fn https_takes_no_http() {
    let folder = Folder::new().unwrap();
    let identity = both(&["localhost"], 2020, 2100);
    let exporter = trusting(&folder, &identity, "").await;
    let web = Web::start(|_| Reply::text(200, "hi").into()).await.unwrap();
    let page = exporter.probe("https", &web.url("/")).await;
    shows(&page, &["ssl_probe_success 0", "ssl_probe_failure{phase=\"target\",reason=\"bad_target\"} 1"]);
    assert!(web.requests().is_empty());
    // and what speaks no TLS is told so
    let page = exporter.probe("https", &web.address().to_string()).await;
    shows(&page, &["ssl_probe_success 0", "ssl_probe_failure{phase=\"tls\",reason=\"protocol\"} 1"]);
}

#[tokio::test]
async fn https_asks_only_whom_it_trusts() {
    let folder = Folder::new().unwrap();
    let authority = Authority::new().unwrap();
    let theirs = authority.server(&["localhost"]).unwrap();
    let web = Web::start_tls(&theirs, |_| {
        Answer::Reply(Reply::text(302, "").header("location", "https://127.0.0.1:1/"))
    });
    let web = web.await.unwrap();
    let stranger = both(&["localhost"], 2020, 2100);
    let exporter = trusting(&folder, &stranger, "").await;
    let target = format!("https://localhost:{}/secret?token=x", web.address().port());
    shows(&exporter.probe("https", &target).await, &["ssl_probe_success 0"]);
    assert!(web.requests().is_empty());
    // a redirect is an answer and is not followed
    folder.write("roots.pem", authority.pem()).unwrap();
    let page = exporter.probe("https", &target).await;
    shows(&page, &["ssl_probe_success 1", "ssl_probe_phase_duration_seconds{phase=\"first_byte\"}"]);
    assert_eq!(web.requests().len(), 1);
    assert_eq!(web.requests()[0].query, "token=x");
}

#[tokio::test]
async fn client_certificates_go_where_they_may() {
    let folder = Folder::new().unwrap();
    let authority = Authority::new().unwrap();
    let (ours, theirs) = (authority.client("us").unwrap(), authority.server(&LOOPBACK).unwrap());
    let other = Authority::new().unwrap().client("other").unwrap();
    let roots = write(&folder, "roots.pem", authority.pem());
    let files = |name: &str, identity: &Identity| {
        let certificate = write(&folder, &format!("{name}.pem"), &identity.certificate_pem);
        let key = write(&folder, &format!("{name}.key"), &identity.key_pem);
        format!("tls_config: {{ca_file: {roots}, cert_file: {certificate}, key_file: {key}}}")
    };
    let (good, wrong) = (files("us", &ours), files("other", &other));
    let config = format!(
        "modules:\n  here: {{prober: https, {good}}}\n  named: {{prober: https, {good}, targets: ['localhost:*']}}\n  elsewhere: {{prober: https, {good}, targets: ['*.example.com']}}\n  wrong: {{prober: https, {wrong}}}\n  tcp: {{prober: tcp, {good}}}\n"
    );
    let exporter = start(&folder, &config).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let server = Serve {
            client_authority_pem: Some(authority.pem()),
            version: Some(version),
            ..Serve::chain(&[&theirs.certificate_pem], &theirs.key_pem)
        };
        let server = server.start().await.unwrap();
        for (module, success) in [("here", 1), ("named", 1), ("tcp", 1), ("elsewhere", 0), ("wrong", 0)] {
            let page = exporter.probe(module, &server.target()).await;
            shows(&page, &[&format!("ssl_probe_success {success}"), "ssl_cert_not_after{"]);
        }
        let page = exporter.probe("elsewhere", &server.target()).await;
        shows(&page, &["ssl_verify_error{reason=\"client_cert_required\"} 1"]);
    }
}

#[tokio::test]
async fn a_proxy_makes_the_tunnel_and_the_name_stays_the_target_s() {
    let folder = Folder::new().unwrap();
    let identity = both(&["localhost"], 2020, 2100);
    let roots = write(&folder, "roots.pem", &identity.certificate_pem);
    // a proxy that is none: its answer to CONNECT is a page
    let proxy = Web::start(|_| Reply::text(403, "no").into()).await.unwrap();
    let exporter = start(
        &folder,
        &format!("modules:\n  https: {{prober: https, https: {{proxy_url: 'http://user:c4n4ry@{}'}}, tls_config: {{ca_file: {roots}}}}}\n", proxy.address()),
    )
    .await;
    let page = exporter.probe("https", "localhost:1").await;
    shows(&page, &["ssl_probe_success 0", "ssl_probe_failure{phase=\"proxy\",reason=\"proxy_refused\"} 1"]);
    assert!(!page.contains("c4n4ry"));
    let requests = proxy.requests();
    assert_eq!((requests[0].method.as_str(), requests[0].header("host")), ("CONNECT", "localhost:1"));
}

#[tokio::test]
async fn a_socks_proxy_leads_to_a_host_that_only_it_knows() {
    let folder = Folder::new().unwrap();
    let identity = both(&["inside.example"], 2020, 2100);
    let roots = write(&folder, "roots.pem", &identity.certificate_pem);
    let server = Serve::chain(&[&identity.certificate_pem], &identity.key_pem).start().await.unwrap();
    let rules = Rules {
        login: Some(("user".to_owned(), "c4n4ry".to_owned())),
        hosts: [("inside.example".to_owned(), server.address())].into(),
        refuse: None,
    };
    let proxy = Socks::start(rules).await.unwrap();
    let module = |name: &str, user: &str| {
        let url = format!("socks5://{user}@{}", proxy.address());
        format!(
            "  {name}: {{prober: https, https: {{proxy_url: '{url}'}}, tls_config: {{ca_file: {roots}}}}}\n"
        )
    };
    let config = format!("modules:\n{}{}", module("good", "user:c4n4ry"), module("wrong", "user:other"));
    let exporter = start(&folder, &config).await;
    let page = exporter.probe("good", "inside.example:443").await;
    shows(&page, &["ssl_probe_success 1", "ssl_probe_phase_duration_seconds{phase=\"proxy\"}"]);
    assert_eq!(proxy.seen(), ["login user", "connect inside.example:443"]);
    let page = exporter.probe("wrong", "inside.example:443").await;
    shows(&page, &["ssl_probe_failure{phase=\"proxy\",reason=\"proxy_authentication\"} 1"]);
}

#[tokio::test]
async fn an_http_proxy_leads_to_the_server() {
    let folder = Folder::new().unwrap();
    let identity = both(&["localhost"], 2020, 2100);
    let roots = write(&folder, "roots.pem", &identity.certificate_pem);
    let server = Serve::chain(&[&identity.certificate_pem], &identity.key_pem).start().await.unwrap();
    let proxy = Tunnels::start().await.unwrap();
    let config = format!(
        "modules:\n  bad: {{prober: https, https: {{proxy_url: 'http://localhost:1'}}, tls_config: {{ca_file: {roots}}}}}\n  good: {{prober: https, https: {{proxy_url: 'http://{}'}}, tls_config: {{ca_file: {roots}}}}}\n",
        proxy.address()
    );
    let exporter = start(&folder, &config).await;
    shows(&exporter.probe("bad", &server.target()).await, &["ssl_probe_success 0"]);
    let page = exporter.probe("good", &server.target()).await;
    let expected =
        ["ssl_probe_success 1", "ssl_cert_not_after{", "ssl_tls_version_info{version=\"TLS 1.3\"} 1"];
    shows(&page, &expected);
    assert_eq!(proxy.seen(), [format!("CONNECT {0} HTTP/1.1\r\nHost: {0}", server.target())]);
}

/// `TestProbeTCPVerifiedChains`, `TestProbeHTTPSVerifiedChains`: a root in three certificates with one key.
#[tokio::test]
async fn every_verified_chain_is_there_and_the_one_that_lives_longest_is_the_first() {
    let folder = Folder::new().unwrap();
    let root = Signer::root(Recipe { serial: 1, ..Recipe::new("root", &[]).years(2020, 2095) }).unwrap();
    let (older, oldest) = (root.again(None, 2020, 2093).unwrap(), root.again(None, 2020, 2091).unwrap());
    let identity = root.leaf(&Recipe::new("leaf", &["localhost"]).years(2020, 2094)).unwrap();
    let roots = write(&folder, "roots.pem", [&*oldest.pem, &older.pem, &root.pem].concat());
    let server = Serve::chain(&[&identity.certificate_pem], &identity.key_pem).start().await.unwrap();
    let modules = ["tcp", "https"]
        .map(|name| format!("  {name}: {{prober: {name}, tls_config: {{ca_file: {roots}}}}}\n"));
    let exporter = start(&folder, &format!("modules:\n{}", modules.concat())).await;
    let first_of = |year: i64| {
        let date = format!("{year}-01-01T00:00:00Z");
        date.parse::<jiff::Timestamp>().unwrap().as_second()
    };
    for module in ["tcp", "https"] {
        let page = exporter.probe(module, &server.target()).await;
        assert_eq!(count(&page, "ssl_verified_cert_not_after{"), 6, "{page}");
        for (number, end) in [(0, 2095), (1, 2093), (2, 2091)] {
            for (serial, year) in [("1", end), ("4711", 2094)] {
                let series =
                    format!("ssl_verified_cert_not_after{{chain_no=\"{number}\",serial_no=\"{serial}\"");
                let expected: f64 = first_of(year).to_string().parse().unwrap();
                assert_eq!(value(&page, &series), Some(expected), "{page}");
            }
        }
        shows(&page, &["ssl_probe_success 1", &format!("ssl_verified_not_after {}", first_of(2094))]);
    }
}
