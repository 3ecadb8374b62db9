//! Revocation lists, from where certificates say.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kit::pki::{Recipe, Signer};
use kit::process::Folder;
use kit::tls_server::{Serve, TlsServer};
use kit::web::{Reply, Web};

use crate::support::{shows, start, write};

/// A server whose certificate names a list at this path of the web server.
async fn server(signer: &Signer, serial: u64, url: &str) -> TlsServer {
    let recipe = Recipe { serial, crl: Some(url.to_owned()), ..Recipe::new("leaf", &["localhost"]) };
    let leaf = signer.leaf(&recipe).unwrap();
    Serve::chain(&[&leaf.certificate_pem], &leaf.key_pem).start().await.unwrap()
}

#[tokio::test]
async fn a_revoked_certificate_is_found_and_lists_are_fetched_once() {
    let root = Signer::root(Recipe::new("root", &[])).unwrap();
    let stranger = Signer::root(Recipe::new("root", &[])).unwrap();
    let (list, forged) = (root.revoke(&[66, 67]).unwrap(), stranger.revoke(&[65]).unwrap());
    let fetched = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&fetched);
    let web = Web::start(move |request| match request.path.as_str() {
        "/list" => {
            counter.fetch_add(1, Ordering::SeqCst);
            Reply::new(200, "application/pkix-crl", list.clone()).into()
        }
        "/forged" => Reply::new(200, "application/pkix-crl", forged.clone()).into(),
        "/moved" => Reply::text(302, "").header("location", "/list").into(),
        "/none" => Reply::text(404, "").into(),
        _ => Reply::text(200, "nonsense").into(),
    })
    .await
    .unwrap();
    let folder = Folder::new().unwrap();
    let roots = write(&folder, "roots.pem", &root.pem);
    let config = format!(
        "modules:\n  crl: {{prober: tcp, tls_config: {{ca_file: {roots}}}, crl: {{networks: ['127.0.0.0/8']}}}}\n  public: {{prober: tcp, tls_config: {{ca_file: {roots}}}, crl: {{check: true}}}}\n  off: {{prober: tcp, tls_config: {{ca_file: {roots}}}}}\n"
    );
    let exporter = start(&folder, &config).await;

    let good = server(&root, 65, &web.url("/list")).await;
    let revoked = server(&root, 66, &web.url("/list")).await;
    // a list from within the network is not for a module that does not allow it: the address is anybody's choice
    shows(
        &exporter.probe("public", &good.target()).await,
        &["ssl_probe_success 1", "ssl_crl_available 0", "ssl_crl_error{reason=\"denied\"} 1"],
    );
    assert_eq!(fetched.load(Ordering::SeqCst), 0);
    assert_eq!(exporter.reload().await.status, 200); // forgets the refusal
    for _ in 0..3 {
        shows(
            &exporter.probe("crl", &good.target()).await,
            &[
                "ssl_probe_success 1",
                "ssl_crl_available 1",
                "ssl_crl_revoked 0",
                "ssl_crl_next_update 4102444800",
            ],
        );
        shows(
            &exporter.probe("crl", &revoked.target()).await,
            &[
                "ssl_probe_success 0",
                "ssl_crl_revoked 1",
                "ssl_verify_error{reason=\"revoked\"} 1",
                "ssl_cert_not_after{",
            ],
        );
    }
    assert_eq!(fetched.load(Ordering::SeqCst), 1);
    shows(&exporter.probe("off", &revoked.target()).await, &["ssl_probe_success 1", "ssl_verify_success 1"]);
    for (path, reason) in [("/forged", "bad_signature"), ("/none", "http_status"), ("/x", "malformed")] {
        let server = server(&root, 65, &web.url(path)).await;
        let page = exporter.probe("crl", &server.target()).await;
        shows(
            &page,
            &[
                "ssl_probe_success 1",
                "ssl_crl_available 0",
                &format!("ssl_crl_error{{reason=\"{reason}\"}} 1"),
            ],
        );
    }
    let moved = server(&root, 67, &web.url("/moved")).await;
    shows(&exporter.probe("crl", &moved.target()).await, &["ssl_crl_revoked 1"]);
    let directory = server(&root, 65, "ldap://x/y").await;
    shows(
        &exporter.probe("crl", &directory.target()).await,
        &["ssl_crl_error{reason=\"unsupported_url\"} 1"],
    );
}
