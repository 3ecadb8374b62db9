//! Registrations of domains, and what is asked beside the handshake.

use kit::pki::{self, Recipe, Signer};
use kit::process::Folder;
use kit::tls_server::Serve;
use kit::web::{Reply, Web};

use crate::support::{shows, start, write};

#[tokio::test]
async fn the_registration_of_the_domain_is_looked_up_once() {
    let rdap = Web::start(|request| match request.path.as_str() {
        "/domain/localdomain.test" => Reply::json(200, &serde_json::json!({"events": [{"eventAction": "expiration", "eventDate": "2033-05-18T03:33:20Z"}]})).into(),
        _ => Reply::text(404, "").into(),
    })
    .await
    .unwrap();
    let folder = Folder::new().unwrap();
    let config = format!(
        "rdap_url: '{}'\nmodules: {{tcp: {{prober: tcp, domain_expiry: true, timeout: 5s}}}}\n",
        rdap.url("")
    );
    let exporter = start(&folder, &config).await;
    // the name does not resolve, and its registration is known all the same
    for _ in 0..2 {
        let page = exporter.probe("tcp", "www.localdomain.test:443").await;
        shows(
            &page,
            &[
                "ssl_probe_success 0",
                "ssl_domain_expiry_timestamp_seconds{domain=\"localdomain.test\"} 2000000000",
            ],
        );
    }
    assert_eq!(rdap.requests().len(), 1);
    let page = exporter.probe("tcp", "unknown.test:443").await;
    shows(&page, &["ssl_domain_error{domain=\"unknown.test\",reason=\"not_found\"} 1"]);
}

#[tokio::test]
async fn a_renewed_certificate_that_is_not_loaded_is_seen() {
    let folder = Folder::new().unwrap();
    let root = Signer::root(Recipe::new("root", &[])).unwrap();
    let roots = write(&folder, "roots.pem", &root.pem);
    let leaf = || root.leaf(&Recipe::new("leaf", &["localhost"])).unwrap();
    let (old, new) = (leaf(), leaf());
    let file = write(&folder, "leaf.pem", &old.certificate_pem);
    let server = Serve::chain(&[&old.certificate_pem], &old.key_pem).start().await.unwrap();
    let exporter = start(&folder, &format!("modules: {{tcp: {{prober: tcp, certificate_file: {file}, scan_versions: true, tls_config: {{ca_file: {roots}}}}}}}\n")).await;
    let page = exporter.probe("tcp", &server.target()).await;
    shows(
        &page,
        &[
            "ssl_served_differs_from_file 0",
            "ssl_tls_version_accepted{version=\"TLS 1.0\"} 0",
            "ssl_tls_version_accepted{version=\"TLS 1.2\"} 1",
            "ssl_tls_version_accepted{version=\"TLS 1.3\"} 1",
        ],
    );
    write(&folder, "leaf.pem", new.certificate_pem + &root.pem);
    shows(
        &exporter.probe("tcp", &server.target()).await,
        &["ssl_served_differs_from_file 1", "ssl_probe_success 1"],
    );
    std::fs::remove_file(&file).unwrap();
    shows(
        &exporter.probe("tcp", &server.target()).await,
        &["ssl_served_file_error{reason=\"not_found\"} 1", "ssl_probe_success 1"],
    );
    // the same key in another certificate is another certificate
    assert_ne!(pki::first_der(&old.certificate_pem).unwrap(), pki::first_der(&root.pem).unwrap());
}
