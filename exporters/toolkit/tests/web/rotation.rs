//! Files that change while the program runs.

use std::path::Path;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::{advance, pause, resume};
use toolkit::config::Reason;

use crate::support::{Client, Folder, Served, fixtures, get_plain};

/// The program looks at its files once a second.
async fn a_second_passes() {
    pause();
    advance(Duration::from_secs(1)).await;
    resume();
}

async fn served_certificate(folder: &Folder, served: &Served) -> CertificateDer<'static> {
    let stream = Client::default().connect(folder, served.address).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

fn certificate(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).unwrap()
}

#[tokio::test]
async fn a_new_certificate_is_served_without_a_restart() {
    let folder = Folder::new();
    let served = Served::pages(&folder.fixture(&fixtures("/tls.good.yml")[0])).await;
    let old = certificate(&folder.path("server.crt"));
    assert_eq!(served_certificate(&folder, &served).await, old);

    folder.server(&folder.authority("ca"));
    let new = certificate(&folder.path("server.crt"));
    assert_ne!(old, new);
    a_second_passes().await;
    assert_eq!(served_certificate(&folder, &served).await, new);
    let state = served.access.last_reload();
    assert_eq!((state.successful, state.failures), (true, 0));
}

#[tokio::test]
async fn a_certificate_without_its_key_waits_for_the_key() {
    let folder = Folder::new();
    let served = Served::pages(&folder.fixture(&fixtures("/tls.good.yml")[0])).await;
    let (old, key) = (certificate(&folder.path("server.crt")), folder.path("server.key"));
    let old_key = std::fs::read(&key).unwrap();
    let authority = std::fs::read(folder.path("ca.crt")).unwrap();

    folder.server(&folder.authority("ca"));
    let new_key = std::fs::read(&key).unwrap();
    let new_authority = std::fs::read(folder.path("ca.crt")).unwrap();
    folder.write("server.key", old_key);
    folder.write("ca.crt", authority);
    a_second_passes().await;
    assert_eq!(served_certificate(&folder, &served).await, old);
    let state = served.access.last_reload();
    assert_eq!((state.successful, state.failures), (false, 1));

    folder.write("server.key", new_key);
    folder.write("ca.crt", new_authority);
    a_second_passes().await;
    assert_eq!(served_certificate(&folder, &served).await, certificate(&folder.path("server.crt")));
    let state = served.access.last_reload();
    assert_eq!((state.successful, state.failures), (true, 1));
}

/// Starts with the password file, brings each new content, and says what the reading was worth.
async fn check(content: &str, expected: Result<(), &str>) {
    let folder = Folder::new();
    let path = folder.fixture(&fixtures("/basic_auth.good.yml")[0]);
    let served = Served::pages(&path).await;
    folder.write("basic_auth.good.yml", content);
    for _ in 0..3 {
        a_second_passes().await;
        let answer = get_plain(served.address, "/metrics", &[]).await;
        assert_eq!(answer.status, 401, "{content}");
    }
    let state = served.access.last_reload();
    let shown = state.error.map(|error| error.to_string().replace(path.to_str().unwrap(), "FILE"));
    assert_eq!(shown.as_deref(), expected.err(), "{content}");
    let failures = u64::from(expected.is_err());
    assert_eq!((state.successful, state.failures), (expected.is_ok(), failures), "{content}");
}

#[tokio::test]
async fn a_bad_file_keeps_the_old_one() {
    let hash =
        "the password must be a bcrypt hash (hint: make one with: htpasswd -nBC 10 \"\" | tr -d ':\\n')";
    check("basic_auth_users: {a: canary-Xq7Lw9}", Err(&format!("FILE:1:23: {hash}"))).await;
    check("basic_auth_users: {a: $2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy}", Ok(()))
        .await;
}

#[tokio::test]
async fn a_new_file_never_opens_what_was_closed() {
    let gone = "FILE: `basic_auth_users` is gone: turning passwords off needs a restart";
    check("", Err(gone)).await;
    check("rate_limit: {interval: 1s, burst: 1}", Err(gone)).await;
    let tls = "tls_server_config: {cert_file: server.crt, key_file: server.key}";
    check(tls, Err("FILE: TLS is new: turning it on needs a restart")).await;
}

#[tokio::test]
async fn a_vanished_file_keeps_the_old_one_and_is_read_when_it_is_back() {
    let folder = Folder::new();
    let path = folder.fixture(&fixtures("/basic_auth.good.yml")[0]);
    let served = Served::pages(&path).await;
    let content = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    a_second_passes().await;
    assert_eq!(get_plain(served.address, "/metrics", &[]).await.status, 401);
    let error = served.access.last_reload().error.unwrap();
    assert_eq!(error.reason(), Reason::Unreadable);

    folder.write("basic_auth.good.yml", content);
    a_second_passes().await;
    assert_eq!(get_plain(served.address, "/metrics", &[]).await.status, 401);
    assert!(served.access.last_reload().successful);
}

#[tokio::test]
async fn a_reload_by_hand_says_what_is_wrong() {
    let folder = Folder::new();
    let path = folder.fixture(&fixtures("/basic_auth.good.yml")[0]);
    let served = Served::pages(&path).await;
    assert_eq!(served.access.reload().await, Ok(()));
    folder.write("basic_auth.good.yml", "basic_auth_users: {a: canary-Xq7Lw9}");
    let error = served.access.reload().await.unwrap_err();
    assert!(!error.to_string().contains("canary"), "{error}");
    assert!(!served.access.last_reload().successful);
}
