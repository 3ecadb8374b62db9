//! A new configuration takes the old one's place at once, or not at all.

use kit::http::percent_encode;
use kit::postgres::Postgres;

use crate::support::setup;

fn config(password: &str) -> String {
    format!(
        "auth_modules:\n  shop:\n    type: userpass\n    userpass:\n      username: monitor\n      password: {password}\n    options:\n      sslmode: disable\n    targets: ['127.0.0.1']\n"
    )
}

#[tokio::test]
async fn a_reload_changes_who_we_are_and_a_bad_file_changes_nothing() {
    let postgres = Postgres::start().await.unwrap();
    let exporter =
        setup().dsn(&postgres.dsn()).file("--config.file", "config.yml", &config("wrong")).start().await;
    let target = percent_encode(&format!("127.0.0.1:{}/postgres", postgres.port()));
    let probe = format!("/probe?target={target}&auth_module=shop");
    for (password, status, up) in
        [("wrong", 200, false), ("monitor-password", 200, true), ("[bad", 500, true), ("wrong", 200, false)]
    {
        exporter.folder().write("config.yml", config(password)).unwrap();
        let reload = exporter.post("/-/reload").await;
        assert_eq!(reload.status, status, "{}", reload.text());
        assert!(!reload.text().contains("monitor-password"));
        assert_eq!(exporter.page_at(&probe, 5.0).await.up(), up, "{password}: {}", exporter.log());
        let success = exporter.page().await.value("postgres_exporter_config_last_reload_successful");
        assert_eq!(success, Some(if status == 200 { 1.0 } else { 0.0 }));
    }
    exporter.stop().await;
}

#[tokio::test]
async fn requests_that_are_refused() {
    let postgres = Postgres::start().await.unwrap();
    let exporter =
        setup().dsn(&postgres.dsn()).file("--config.file", "config.yml", &config("x")).start().await;
    for path in ["/probe", "/probe?target=", "/probe?target=127.0.0.1:1&auth_module=unknown"] {
        let response = exporter.get(path, 5.0).await;
        assert!(matches!(response.status, 400 | 404), "{path}: {} {}", response.status, response.text());
    }
    exporter.stop().await;
}
