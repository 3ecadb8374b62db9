//! Servers that no modern library speaks with, by openssl's own: short keys, SHA-1, TLS 1.0.

use std::time::Duration;

use kit::process::{Folder, Launch, Server, accepts, on_free_port};

use crate::openssl::{OPENSSL, below, identity};
use crate::support::{count, shows, start};

/// What makes the exporter trust this file's certificates.
fn trusting(file: &str) -> String {
    format!("modules: {{tcp: {{prober: tcp, scan_versions: true, tls_config: {{ca_file: {file}}}}}}}\n")
}

/// Serves a certificate with openssl's server.
async fn serve(folder: &Folder, certificate: &str, key: &str, more: &[&str]) -> (Server, u16) {
    on_free_port(async |port| {
        let server = Launch::new(&OPENSSL, folder)?
            .args([
                "s_server",
                "-quiet",
                "-accept",
                &format!("127.0.0.1:{port}"),
                "-cert",
                certificate,
                "-key",
                key,
            ])
            .args(["-cipher", "DEFAULT@SECLEVEL=0"])
            .args(more)
            .start(Duration::from_secs(20), async || accepts(port).await)
            .await?;
        Ok((server, port))
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_signature_by_sha1_is_reported() {
    let folder = Folder::new().unwrap();
    let (authority, authority_key) = identity(&folder, "authority", 2048).await;
    let (leaf, key) = below(&folder, (&authority, &authority_key), 1, "-sha1").await;
    let exporter = start(&folder, &trusting(&authority)).await;
    let (_server, port) = serve(&folder, &leaf, &key, &[]).await;
    let expected = [
        "ssl_probe_success 0",
        "ssl_verify_error{reason=\"weak_signature\"} 1",
        "ssl_cert_weakness{position=\"0\",kind=\"weak_signature\"} 1",
        "ssl_cert_not_after{",
    ];
    shows(&exporter.probe("tcp", &format!("localhost:{port}")).await, &expected);
}

#[tokio::test]
async fn a_short_key_is_reported() {
    let folder = Folder::new().unwrap();
    let (certificate, key) = identity(&folder, "short", 1024).await;
    let exporter = start(&folder, &trusting(&certificate)).await;
    let (_server, port) = serve(&folder, &certificate, &key, &[]).await;
    let page = exporter.probe("tcp", &format!("localhost:{port}")).await;
    // Go, hence ssl_exporter, takes a short key; a careful client does not
    let expected = [
        "ssl_probe_success 1",
        "ssl_verify_success 0",
        "ssl_verify_error{reason=\"weak_signature\"} 1",
        "ssl_cert_weakness{position=\"0\",kind=\"weak_key\"} 1",
        "ssl_cert_not_after{",
    ];
    shows(&page, &expected);
    assert!(page.contains("key_type=\"RSA\",key_bits=\"1024\""), "{page}");
}

#[tokio::test]
async fn servers_of_the_last_century_are_reported() {
    let folder = Folder::new().unwrap();
    let (certificate, key) = identity(&folder, "old", 2048).await;
    let exporter = start(&folder, &trusting(&certificate)).await;
    for (flag, version) in [("-tls1", "TLS 1.0"), ("-tls1_1", "TLS 1.1")] {
        let (_server, port) = serve(&folder, &certificate, &key, &[flag]).await;
        let page = exporter.probe("tcp", &format!("localhost:{port}")).await;
        let expected = [
            "ssl_probe_success 0",
            "ssl_probe_failure{phase=\"tls\",reason=\"tls_version\"} 1",
            "ssl_verify_success 1",
            &format!("ssl_tls_version_info{{version=\"{version}\"}} 1"),
            &format!("ssl_tls_version_accepted{{version=\"{version}\"}} 1"),
            "ssl_tls_version_accepted{version=\"TLS 1.3\"} 0",
        ];
        shows(&page, &expected);
        assert_eq!(count(&page, "ssl_cert_not_after{"), 1, "{page}");
    }
}
