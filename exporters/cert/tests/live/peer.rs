//! ssl_exporter's own cases for its probers `tcp` and `https` (`tcp_test.go`, `https_test.go`): most of them serve one
//! certificate that is an authority and a server at once.

use kit::pki::{self, Recipe};
use kit::process::Folder;
use kit::tls::{Authority, Identity, LOOPBACK};
use kit::tls_server::Serve;
use kit::web::{Answer, Reply, Web};

use crate::support::{Exporter, count, shows, start, write};

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

/// A protocol, what is said, and whether TLS begins then.
type Dialogue = (&'static str, &'static [(&'static str, &'static str)], bool);

#[tokio::test]
async fn starttls_of_mail_files_and_databases() {
    let folder = Folder::new().unwrap();
    let identity = both(&["localhost"], 2020, 2100);
    let roots = write(&folder, "roots.pem", &identity.certificate_pem);
    let dialogues: [Dialogue; 6] = [
        (
            "smtp",
            &[
                ("220 ready\r\n", "EHLO"),
                ("250-hello\r\n250-SIZE\r\n250-STARTTLS\r\n250 DSN\r\n", "STARTTLS"),
                ("220 go\r\n", ""),
            ],
            true,
        ),
        (
            "smtp",
            &[
                ("220-two\r\n220 lines\r\n", "EHLO"),
                ("250-hello\r\n250 STARTTLS\r\n", "STARTTLS"),
                ("220 go\r\n", ""),
            ],
            true,
        ),
        ("smtp", &[("220 ready\r\n", "EHLO"), ("250 hello\r\n", "QUIT")], false),
        ("ftp", &[("220 ready\r\n", "AUTH TLS"), ("234 go\r\n", "")], true),
        ("imap", &[("* OK ready\r\n", "")], false),
        ("pop3", &[("+OK ready\r\n", "")], false),
    ];
    let modules: String =
        ["smtp", "ftp", "imap", "pop3"].map(|name| format!("  {name}: {{prober: tcp, timeout: 2s, tcp: {{starttls: {name}}}, tls_config: {{ca_file: {roots}}}}}\n")).concat();
    let exporter = start(&folder, &format!("modules:\n{modules}")).await;
    for (protocol, before, good) in dialogues {
        let serve = Serve {
            before: before.to_vec(),
            ..Serve::chain(&[&identity.certificate_pem], &identity.key_pem)
        };
        let server = serve.start().await.unwrap();
        let page = exporter.probe(protocol, &server.target()).await;
        shows(
            &page,
            &[
                &format!("ssl_probe_success {}", u8::from(good)),
                "ssl_probe_phase_duration_seconds{phase=\"starttls\"}",
            ],
        );
        assert_eq!(count(&page, "ssl_cert_not_after{") > 0, good, "{page}");
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
