//! Prober `unix`: the cases of blackbox_exporter's tests under their names, and where a target may not lead.

use kit::http::percent_encode;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixListener;

use crate::example_org::{key, template};
use crate::served::{acceptor, line};
use crate::start;

/// A socket in a folder of its own.
fn socket() -> (TempDir, UnixListener, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    (folder, listener, path.display().to_string())
}

#[tokio::test]
async fn test_unix_connection() {
    let (_folder, listener, path) = socket();
    let exporter = start("modules: {m: {prober: unix}}").await;
    let (accepted, page) = tokio::join!(listener.accept(), exporter.ask("m", &path));
    accepted.unwrap();
    page.succeeds(true);
    assert_eq!(page.find("probe_ip_protocol"), None, "a socket has no address");
    assert_eq!(page.value("probe_failed_due_to_regex"), 0.0);
}

#[tokio::test]
async fn test_unix_connection_fails() {
    let folder = tempfile::tempdir().unwrap();
    let exporter = start("modules: {m: {prober: unix}}").await;
    let page = exporter.ask("m", &folder.path().join("nobody").display().to_string()).await;
    page.succeeds(false);
    assert_eq!(page.reason(), "connect/internal");
}

/// Answers one `PING`; the end is the client's.
async fn pong(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    assert_eq!(line(&mut stream).await, "PING");
    stream.write_all(b"PONG 7\n").await.unwrap();
    drop(stream.read_u8().await);
}

#[tokio::test]
async fn a_script_runs_on_a_socket_plain_and_in_tls() {
    for tls in [false, true] {
        let (_folder, listener, path) = socket();
        let identity = template(1).authority().self_signed(&key());
        let acceptor = acceptor(&identity, rustls::ALL_VERSIONS, &[]);
        let serving = async {
            let (stream, _) = listener.accept().await.unwrap();
            if tls {
                pong(acceptor.accept(stream).await.unwrap()).await;
            } else {
                pong(stream).await;
            }
        };
        let config = format!(
            "modules:\n  m:\n    prober: unix\n    unix:\n      tls: {tls}\n      tls_config: {{ca_file: ca.pem}}\n      query_response:\n      - send: PING\n      - expect: 'PONG (.*)'\n        labels: [{{name: n, value: $1}}]\n"
        );
        let exporter = start(&config).await;
        std::fs::write(exporter.folder.path().join("ca.pem"), &identity.certificate_pem).unwrap();
        let ((), page) = tokio::join!(serving, exporter.ask("m", &path));
        page.succeeds(true);
        assert_eq!(page.value(r#"probe_expect_info{n="7"}"#), 1.0);
        assert_eq!(page.find("probe_ssl_earliest_cert_expiry").is_some(), tls);
    }
}

#[tokio::test]
async fn a_target_stays_in_the_folders_of_its_module() {
    let (folder, _listener, path) = socket();
    let (_elsewhere, _other, other) = socket();
    std::os::unix::fs::symlink(&other, folder.path().join("link")).unwrap();
    let roots = folder.path().display();
    let exporter = start(&format!("modules: {{m: {{prober: unix, unix: {{roots: ['{roots}']}}}}}}")).await;
    for (target, status) in [
        (path.clone(), 200),
        (other, 403),
        (format!("{roots}/link"), 403),
        (format!("{roots}/../{}/socket", folder.path().file_name().unwrap().display()), 200),
        ("@abstract".to_owned(), 403),
    ] {
        let asked = format!("/probe?module=m&target={}", percent_encode(&target));
        assert_eq!(exporter.get(&asked, "5").await.status, status, "{target}");
    }
}

#[tokio::test]
async fn where_this_machine_is_denied_its_sockets_are_too() {
    let (_folder, _listener, path) = socket();
    let exporter = start("modules: {m: {prober: unix, guard: {profile: public}}}").await;
    let asked = format!("/probe?module=m&target={}", percent_encode(&path));
    assert_eq!(exporter.get(&asked, "5").await.status, 403);
}
