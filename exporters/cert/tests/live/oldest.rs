//! Servers that no modern library speaks with, by openssl's own: short keys, SHA-1, TLS 1.0.

use std::time::Duration;

use kit::process::{Folder, Launch, Program, Server, accepts, on_free_port, run};

use crate::support::{count, shows, start, write};

const OPENSSL: Program = Program { names: &["openssl"], install: "apt-get install openssl" };

/// Makes a key and a certificate that signed itself; gives their files.
async fn identity(folder: &Folder, name: &str, bits: &str, digest: &str) -> (String, String) {
    let path = |end: &str| folder.path().join(format!("{name}.{end}")).display().to_string();
    let (certificate, key) = (path("pem"), path("key"));
    run(
        &OPENSSL,
        &[
            "req",
            "-x509",
            "-newkey",
            &format!("rsa:{bits}"),
            "-nodes",
            digest,
            "-days",
            "90",
            "-subj",
            &format!("/CN={name}"),
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ],
    )
    .await
    .unwrap();
    (certificate, key)
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
async fn short_keys_and_old_digests_are_reported() {
    let folder = Folder::new().unwrap();
    let (authority, authority_key) = identity(&folder, "authority", "2048", "-sha256").await;
    let request = folder.path().join("leaf.csr").display().to_string();
    let (leaf, key) = (
        folder.path().join("leaf.pem").display().to_string(),
        folder.path().join("leaf.key").display().to_string(),
    );
    run(
        &OPENSSL,
        &[
            "req",
            "-new",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-keyout",
            &key,
            "-out",
            &request,
        ],
    )
    .await
    .unwrap();
    let names = write(&folder, "names", "subjectAltName=DNS:localhost\n");
    run(
        &OPENSSL,
        &[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &authority,
            "-CAkey",
            &authority_key,
            "-set_serial",
            "1",
            "-days",
            "90",
            "-sha1",
            "-extfile",
            &names,
            "-out",
            &leaf,
        ],
    )
    .await
    .unwrap();
    let short = identity(&folder, "short", "1024", "-sha256").await;
    let config = format!(
        "modules:\n  sha1: {{prober: tcp, tls_config: {{ca_file: {authority}}}}}\n  short: {{prober: tcp, tls_config: {{ca_file: {}}}}}\n",
        short.0
    );
    let exporter = start(&folder, &config).await;

    let (_server, port) = serve(&folder, &leaf, &key, &[]).await;
    let page = exporter.probe("sha1", &format!("localhost:{port}")).await;
    shows(
        &page,
        &[
            "ssl_probe_success 0",
            "ssl_verify_error{reason=\"weak_signature\"} 1",
            "ssl_cert_weakness{position=\"0\",kind=\"weak_signature\"} 1",
            "ssl_cert_not_after{",
        ],
    );

    let (_server, port) = serve(&folder, &short.0, &short.1, &[]).await;
    let page = exporter.probe("short", &format!("localhost:{port}")).await;
    // Go, hence ssl_exporter, takes a short key; a careful client does not
    shows(
        &page,
        &[
            "ssl_probe_success 1",
            "ssl_verify_success 0",
            "ssl_verify_error{reason=\"weak_signature\"} 1",
            "ssl_cert_weakness{position=\"0\",kind=\"weak_key\"} 1",
            "ssl_cert_not_after{",
        ],
    );
    assert!(page.contains("key_type=\"RSA\",key_bits=\"1024\""), "{page}");
}

#[tokio::test]
async fn servers_of_the_last_century_are_reported() {
    let folder = Folder::new().unwrap();
    let (certificate, key) = identity(&folder, "old", "2048", "-sha256").await;
    let exporter = start(
        &folder,
        &format!(
            "modules: {{tcp: {{prober: tcp, scan_versions: true, tls_config: {{ca_file: {certificate}}}}}}}\n"
        ),
    )
    .await;
    for (flag, version) in [("-tls1", "TLS 1.0"), ("-tls1_1", "TLS 1.1")] {
        let (_server, port) = serve(&folder, &certificate, &key, &[flag]).await;
        let page = exporter.probe("tcp", &format!("localhost:{port}")).await;
        shows(
            &page,
            &[
                "ssl_probe_success 0",
                "ssl_probe_failure{phase=\"tls\",reason=\"tls_version\"} 1",
                "ssl_verify_success 1",
                &format!("ssl_tls_version_info{{version=\"{version}\"}} 1"),
                &format!("ssl_tls_version_accepted{{version=\"{version}\"}} 1"),
                "ssl_tls_version_accepted{version=\"TLS 1.3\"} 0",
            ],
        );
        assert_eq!(count(&page, "ssl_cert_not_after{"), 1, "{page}");
    }
}
