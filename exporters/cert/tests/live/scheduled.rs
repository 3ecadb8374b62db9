//! Targets that are checked on their own, from the configuration and from lists.

use std::time::Duration;

use kit::eventually;
use kit::process::Folder;
use kit::tls::{Authority, LOOPBACK};
use kit::tls_server::{Serve, TlsServer};

use crate::support::{Exporter, shows, start, write};

async fn server(folder: &Folder) -> TlsServer {
    let authority = Authority::new().unwrap();
    let identity = authority.server(&LOOPBACK).unwrap();
    write(folder, "roots.pem", authority.pem());
    Serve::chain(&[&identity.certificate_pem], &identity.key_pem).start().await.unwrap()
}

async fn says(exporter: &Exporter, lines: &[&str]) {
    eventually(Duration::from_secs(20), "the page says it", async || {
        let page = exporter.metrics().await;
        for line in lines {
            anyhow::ensure!(
                page.lines().any(|found| found.starts_with(line)),
                "`{line}` is missing in\n{page}"
            );
        }
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn results_are_on_the_page_with_their_labels() {
    let folder = Folder::new().unwrap();
    let server = server(&folder).await;
    let target = server.target();
    let address = format!("127.0.0.1:{}", server.address().port());
    let config = format!(
        "modules:\n  tcp: {{prober: tcp, tls_config: {{ca_file: roots.pem}}}}\n  wrong: {{prober: tcp}}\ntargets:\n  - {{target: '{target}', module: tcp, interval: 1s, labels: {{team: web}}}}\n  - {{target: '{address}', module: tcp, interval: 1s, server_name: other.example}}\n  - {{target: '127.0.0.1:1', module: wrong, interval: 1s}}\n"
    );
    let exporter = start(&folder, &config).await;
    says(
        &exporter,
        &[
            &format!("ssl_probe_success{{target=\"{target}\",team=\"web\"}} 1"),
            &format!("ssl_cert_not_after{{target=\"{target}\",team=\"web\",serial_no="),
            &format!("ssl_target_last_check_timestamp_seconds{{target=\"{target}\",team=\"web\"}} "),
            &format!("ssl_verify_error{{target=\"{address}\",reason=\"hostname_mismatch\"}} 1"),
            "ssl_probe_success{target=\"127.0.0.1:1\"} 0",
            "ssl_probe_failure{target=\"127.0.0.1:1\",phase=\"connect\",reason=\"refused\"} 1",
            "ssl_exporter_targets{state=\"fresh\"} 3",
            "ssl_exporter_targets{state=\"pending\"} 0",
            "ssl_exporter_build_info{",
        ],
    )
    .await;
    // a server that goes away is news, not the past
    server.down().await;
    says(&exporter, &[&format!("ssl_probe_success{{target=\"{target}\",team=\"web\"}} 0")]).await;
    let page = exporter.metrics().await;
    assert!(!page.contains(&format!("ssl_cert_not_after{{target=\"{target}\"")), "{page}");
}

#[tokio::test]
async fn lists_are_read_again_and_a_wrong_one_keeps_what_it_had() {
    let folder = Folder::new().unwrap();
    let server = server(&folder).await;
    let target = server.target();
    write(
        &folder,
        "list.json",
        format!(
            r#"[{{"targets": ["{target}"], "labels": {{"env": "prod", "__param_module": "tcp", "__scrape_interval__": "1s", "__meta_x": "y"}}}}]"#
        ),
    );
    let config = "modules:\n  tcp: {prober: tcp, tls_config: {ca_file: roots.pem}}\n  other: {prober: tcp}\nfile_sd:\n  - {files: ['list*.json'], module: other, refresh_interval: 1s}\n";
    let exporter = start(&folder, config).await;
    says(
        &exporter,
        &[
            &format!("ssl_probe_success{{target=\"{target}\",env=\"prod\"}} 1"),
            "ssl_exporter_target_files_failing 0",
        ],
    )
    .await;
    write(&folder, "list.json", r#"[{"targets": ["a:1"], "labels": {"cn": "x"}}]"#);
    says(
        &exporter,
        &[
            &format!("ssl_probe_success{{target=\"{target}\",env=\"prod\"}} 1"),
            "ssl_exporter_target_files_failing 1",
        ],
    )
    .await;
    // also when the configuration is read again
    exporter.reload().await;
    says(
        &exporter,
        &[
            &format!("ssl_probe_success{{target=\"{target}\",env=\"prod\"}} 1"),
            "ssl_exporter_target_files_failing 1",
        ],
    )
    .await;
    write(&folder, "list.json", "[]");
    write(
        &folder,
        "list-2.json",
        r#"[{"targets": ["127.0.0.1:1"], "labels": {"__scrape_interval__": "1s"}}]"#,
    );
    says(
        &exporter,
        &[
            "ssl_probe_success{target=\"127.0.0.1:1\"} 0",
            "ssl_exporter_target_files_failing 0",
            "ssl_exporter_targets{state=\"fresh\"} 1",
        ],
    )
    .await;
    shows(&exporter.metrics().await, &["ssl_exporter_checks_total "]);
}
