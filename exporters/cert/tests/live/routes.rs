//! Ways to a server that are not the usual one, and names of other scripts.

use std::sync::Arc;
use std::time::Duration;

use kit::dialogue::{Scripted, Step};
use kit::eventually;
use kit::pki::{self, Recipe};
use kit::process::Folder;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ResolvesServerCertUsingSni;
use rustls::sign::CertifiedKey;
use tokio::net::TcpListener;

use crate::support::{complaint, shows, start, write};

const NAME: &str = "xn--bcher-kva.example";

/// A server that shows its certificate only to those who ask for its name; and its certificate.
async fn server() -> (Scripted, String) {
    let identity = pki::self_signed_authority(&Recipe::new("leaf", &[NAME])).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
    let provider = default_provider();
    let mut resolver = ResolvesServerCertUsingSni::new();
    resolver.add(NAME, CertifiedKey::from_der(chain, key, &provider).unwrap()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    (Scripted::start(vec![Step::Tls(Arc::new(config))]).await.unwrap(), identity.certificate_pem)
}

#[tokio::test]
async fn a_name_of_another_script_is_asked_for_in_ascii_and_shown_as_it_is() {
    let folder = Folder::new().unwrap();
    let (server, certificate) = server().await;
    let roots = write(&folder, "roots.pem", certificate);
    let (to, port) = (server.address(), server.address().port());
    let tls = format!("tls_config: {{ca_file: {roots}");
    let config = format!(
        "modules:\n  there: {{prober: tcp, connect_to: '{to}', {tls}}}}}\n  named: {{prober: tcp, {tls}, server_name: bücher.example}}}}\n  tcp: {{prober: tcp, {tls}}}}}\ntargets:\n  - {{target: 'bücher.example:{port}', module: tcp, interval: 1s, connect_to: 127.0.0.1, source_ip_address: 127.0.0.9}}\nfile_sd:\n  - {{files: [list.yml], module: tcp, interval: 1s}}\n"
    );
    let list = format!(
        "- targets: ['{NAME}:1']\n  labels: {{__param_connect_to: '{to}', __param_source_ip_address: 127.0.0.8}}\n"
    );
    write(&folder, "list.yml", list);
    let exporter = start(&folder, &config).await;
    let asked = "b%C3%BCcher.example:443";
    for (module, target) in
        [("there", asked.to_owned()), ("there", format!("{NAME}:443")), ("named", to.to_string())]
    {
        shows(&exporter.probe(module, &target).await, &["ssl_probe_success 1", "ssl_verify_success 1"]);
    }
    eventually(Duration::from_secs(20), "both targets were checked", async || {
        let page = exporter.metrics().await;
        for target in [format!("bücher.example:{port}"), format!("{NAME}:1")] {
            let line = format!("ssl_verify_success{{target=\"{target}\"}} 1");
            anyhow::ensure!(page.lines().any(|found| found == line), "`{line}` is missing in\n{page}");
        }
        Ok(())
    })
    .await
    .unwrap();
    shows(&exporter.probe("tcp", "%E2%80%8B.example:1").await, &["ssl_probe_success 0"]);
}

#[tokio::test]
async fn it_comes_from_the_address_that_the_module_says() {
    let folder = Folder::new().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let target = listener.local_addr().unwrap();
    let config = "modules:\n  here: {prober: tcp, source_ip_address: 127.0.0.9}\n  web: {prober: http_file, source_ip_address: 127.0.0.9}\n  foreign: {prober: tcp, source_ip_address: 192.0.2.1}\n";
    let exporter = start(&folder, config).await;
    // hanging up at once is all that is needed
    let (told, mut peers) = tokio::sync::mpsc::unbounded_channel();
    let accepting = tokio::spawn(async move {
        while let Ok((_, peer)) = listener.accept().await {
            told.send(peer.ip().to_string()).unwrap();
        }
    });
    for (module, target) in [("here", target.to_string()), ("web", format!("http://{target}/"))] {
        shows(&exporter.probe(module, &target).await, &["ssl_probe_success 0"]);
        assert_eq!(peers.recv().await.unwrap(), "127.0.0.9");
    }
    let page = exporter.probe("foreign", &target.to_string()).await;
    shows(&page, &["ssl_probe_failure{phase=\"connect\",reason=\"local\"} 1"]);
    accepting.abort();
}

#[tokio::test]
async fn a_way_that_is_none_is_a_mistake_of_the_file() {
    let folder = Folder::new().unwrap();
    let found =
        complaint(&folder, "modules:\n  a: {prober: tcp, connect_to: example.com, source_ip_address: lo}\n")
            .await;
    for text in
        ["config.yml:2:32: `connect_to`: expected ADDRESS", "`source_ip_address`: expected an address"]
    {
        assert!(found.contains(text), "`{text}` is missing in\n{found}");
    }
}
