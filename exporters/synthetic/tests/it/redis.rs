//! Prober `redis` on real servers of every version that is still met.

use kit::redis::{Redis, Version};
use kit::web::{Reply, Web};

use crate::start;

#[tokio::test]
async fn every_version_answers_with_and_without_a_password() {
    let exporter = start(
        "modules:
  plain: {prober: redis}
  login: {prober: redis, redis: {password: right-one}}
  wrong: {prober: redis, redis: {password: wrong-one}}
",
    )
    .await;
    for version in Version::ALL {
        let open = Redis::builder().version(version).start().await.unwrap();
        exporter.ask("plain", &format!("127.0.0.1:{}", open.port())).await.succeeds(true);
        exporter.ask("plain", &open.url()).await.succeeds(true);
        let closed = Redis::builder().version(version).password("right-one").start().await.unwrap();
        let page = exporter.ask("login", &closed.url()).await;
        page.succeeds(true);
        for phase in ["resolve", "connect", "send", "first_byte"] {
            page.value(&format!("probe_phase_duration_seconds{{phase=\"{phase}\"}}"));
        }
        for (module, codes) in [("plain", &["NOAUTH"][..]), ("wrong", &["WRONGPASS", "ERR"])] {
            let page = exporter.ask(module, &closed.url()).await;
            page.succeeds(false);
            // before 6.0 a wrong password is an error like any other
            let code = codes
                .iter()
                .find(|code| page.find(&format!("probe_redis_error_info{{code=\"{code}\"}}")).is_some());
            assert!(code.is_some(), "{}: {}", version.name(), page.text);
            let reason = if *code.unwrap() == "ERR" { "server_error" } else { "credentials_refused" };
            assert_eq!(page.reason(), format!("first_byte/{reason}"), "{}", version.name());
        }
    }
}

#[tokio::test]
async fn a_user_of_its_own_and_a_password_from_a_file() {
    let redis = Redis::builder().user("probe on >from-a-file +ping").start().await.unwrap();
    let exporter = start(
        "modules:
  probe: {prober: redis, redis: {username: probe, password_file: password}}
  absent: {prober: redis, redis: {username: probe, password_file: not-there}}
",
    )
    .await;
    std::fs::write(exporter.folder.path().join("password"), "from-a-file\n").unwrap();
    exporter.ask("probe", &redis.url()).await.succeeds(true);
    // a rotated password counts at once
    std::fs::write(exporter.folder.path().join("password"), "another\n").unwrap();
    let page = exporter.ask("probe", &redis.url()).await;
    assert_eq!(page.reason(), "first_byte/credentials_refused");
    assert_eq!(exporter.ask("absent", &redis.url()).await.reason(), "token/internal");
    let debug = exporter.get(&format!("/probe?module=probe&debug=true&target={}", redis.url()), "10").await;
    assert!(!debug.text().contains("another") && !debug.text().contains("from-a-file"), "{}", debug.text());
}

#[tokio::test]
async fn tls_and_client_certificates() {
    let redis = Redis::builder().mutual_tls().start().await.unwrap();
    let files = redis.tls_files().unwrap();
    let exporter = start(&format!(
        "modules:
  mutual: {{prober: redis, redis: {{tls_config: {{ca_file: {ca}, cert_file: {cert}, key_file: {key}}}}}}}
  nobody: {{prober: redis, redis: {{tls_config: {{ca_file: {ca}}}}}}}
  stranger: {{prober: redis}}
",
        ca = files.authority.display(),
        cert = files.client_certificate.display(),
        key = files.client_key.display()
    ))
    .await;
    let page = exporter.ask("mutual", &redis.url()).await;
    page.succeeds(true);
    page.value("probe_ssl_earliest_cert_expiry");
    assert_eq!(page.value("probe_tls_version_info{version=\"TLS 1.3\"}"), 1.0);
    let page = exporter.ask("nobody", &redis.url()).await;
    page.succeeds(false);
    page.value("probe_ssl_earliest_cert_expiry");
    let page = exporter.ask("stranger", &redis.url()).await;
    assert_eq!(page.reason(), "tls/tls_unknown_ca");
    let plain = exporter.ask("stranger", &format!("redis://127.0.0.1:{}", redis.port())).await;
    plain.succeeds(false);
}

#[tokio::test]
async fn what_is_no_redis_and_where_no_password_goes() {
    let web = Web::start(|_| Reply::text(200, "hi").into()).await.unwrap();
    let exporter =
        start("modules: {plain: {prober: redis}, login: {prober: redis, redis: {password: hunter2}}}").await;
    let page = exporter.ask("plain", &web.address().to_string()).await;
    assert_eq!(page.reason(), "first_byte/protocol");
    assert_eq!(exporter.ask("plain", "127.0.0.1:1").await.reason(), "connect/connect_refused");
    assert_eq!(
        exporter.ask("plain", "redis://user:hunter2@127.0.0.1:1").await.reason(),
        "target/target_invalid"
    );
    let refused = exporter.get("/probe?module=login&target=192.0.2.1:6379", "10").await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("targets: [\"192.0.2.1:6379\"]"), "{}", refused.text());
}
