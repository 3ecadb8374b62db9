//! The script of `grants` gives a fresh role all that every collector needs, and `explain` says what does not run.

use std::path::Path;
use std::process::Command;

use kit::postgres::Postgres;

use crate::support::setup;

/// The switches of all collectors but the pooler's.
fn all_collectors() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("collectors");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let names = names.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    names.filter(|name| !name.starts_with("pgbouncer")).map(|name| format!("--collector.{name}")).collect()
}

/// What a subcommand prints; it must succeed.
fn printed(dsn: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postgres-exporter"));
    let output =
        command.args(arguments).env("DATA_SOURCE_NAME", dsn).env("HOME", "/nonexistent").output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

async fn suffices(major: u32) {
    let builder = Postgres::builder().major(major);
    let postgres = builder.setting("shared_preload_libraries = 'pg_stat_statements'").start().await.unwrap();
    let switches = all_collectors();
    let switches: Vec<&str> = switches.iter().map(String::as_str).collect();
    let script = printed("", &[&["grants", "--role=fresh"], switches.as_slice()].concat());
    postgres.psql(&script).await.unwrap();
    postgres.psql("ALTER ROLE fresh PASSWORD 'fresh-password'").await.unwrap();
    let dsn = postgres.dsn().replacen("monitor:monitor-password", "fresh:fresh-password", 1);
    let exporter = setup().dsn(&dsn).args(&switches).start().await;
    let page = exporter.page().await;
    page.assert_whole();
    assert!(page.family("pg_hba_file_rules").len() == 1, "{}", page.0);
    exporter.stop().await;
    let plan = printed(&dsn, &[&["explain"], switches.as_slice()].concat());
    let states = page.family("pg_exporter_collector_state");
    for line in plan.lines().skip(3) {
        let (name, verdict) = line.split_once(' ').unwrap();
        let unsupported = states.iter().any(|state| state.contains(&format!("\"{name}\"")));
        let expected = if unsupported { "unsupported: not for " } else { "runs " };
        assert!(verdict.trim_start().starts_with(expected), "{line}\n{states:?}");
    }
}

#[tokio::test]
async fn on_13() {
    suffices(13).await;
}

#[tokio::test]
async fn on_15() {
    suffices(15).await;
}

#[tokio::test]
async fn on_18() {
    suffices(18).await;
}
