//! Bad input gets one clear message with place and cause, the right exit code, and no secret is shown.

use kit::process::{Folder, free_port};
use tests::{PROGRAMS, Suite};

/// Stands for a password wherever one could be; it must never be seen again.
const CANARY: &str = "c4n4ry-Secret";

/// Runs the program with its usual arguments and `more`; it must end with 1 and say each of `expected`.
async fn check(program: &Suite, folder: &Folder, more: &[String], expected: &[&str]) {
    let port = free_port().unwrap();
    let mut arguments = program.arguments(folder, port).unwrap();
    arguments.extend_from_slice(more);
    let output = program.run(folder, &arguments).await.unwrap();
    let shown =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{} {more:?}: {shown}", program.name);
    for text in expected {
        assert!(shown.contains(text), "{} {more:?}: `{text}` is missing in: {shown}", program.name);
    }
    assert!(!shown.contains(CANARY), "{} {more:?} shows a secret: {shown}", program.name);
    assert!(!shown.contains("panicked"), "{} {more:?}: {shown}", program.name);
}

/// Each of these is given as the configuration file.
async fn check_config(program: &Suite, config: &str, expected: &[&str]) {
    let folder = Folder::new().unwrap();
    let file = folder.write("bad.yml", config).unwrap();
    check(program, &folder, &[format!("--config.file={}", file.display())], expected).await;
}

#[tokio::test]
async fn configuration_files() {
    for program in &PROGRAMS {
        let good = program.config.unwrap_or_default();
        let line = good.lines().count() + 1;
        let unknown = format!("{good}no_such_key: {CANARY}\nnor_this: {CANARY}\n");
        let (first, second) = (format!("bad.yml:{line}:1: "), format!("bad.yml:{}:1: ", line + 1));
        check_config(program, &unknown, &[&first, "no_such_key", &second, "nor_this"]).await;

        let twice = format!("{good}again: 1\nagain: {CANARY}\n");
        check_config(program, &twice, &[&second, "again"]).await;

        let broken = format!("{good}password: \"{CANARY}\n  - [\n");
        check_config(program, &broken, &["bad.yml:"]).await;

        check_config(program, program.wrong_type, &["bad.yml:2:"]).await;
        check_config(program, "- a list\n", &["bad.yml:1:"]).await;
    }
}

#[tokio::test]
async fn files_that_are_not_there() {
    for program in &PROGRAMS {
        let folder = Folder::new().unwrap();
        for flag in ["--config.file", "--web.config.file"] {
            check(program, &folder, &[format!("{flag}=no/such/file.yml")], &["no/such/file.yml"]).await;
        }
    }
}

#[tokio::test]
async fn ports_in_use_and_addresses_that_are_none() {
    for program in &PROGRAMS {
        let folder = Folder::new().unwrap();
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let listen = format!("--web.listen-address={address}");
        check(program, &folder, &[listen], &[&address, "in use"]).await;
        check(program, &folder, &["--web.listen-address=nowhere".to_owned()], &["nowhere"]).await;
        check(program, &folder, &["--web.listen-address=:99999".to_owned()], &[":99999"]).await;
    }
}

#[tokio::test]
async fn web_configurations() {
    for program in &PROGRAMS {
        for (config, expected) in [
            (format!("basic_auth_users:\n  ada: {CANARY}\n"), &["bad.yml:2:", "bcrypt"][..]),
            (format!("no_such_key: {CANARY}\n"), &["bad.yml:1:1: ", "no_such_key"]),
            ("tls_server_config:\n  cert_file: no.crt\n  key_file: no.key\n".to_owned(), &["no.crt"]),
            ("tls_server_config:\n  min_version: TLS10\n".to_owned(), &["bad.yml:2:", "TLS10"]),
            ("http_server_config:\n  http2: perhaps\n".to_owned(), &["bad.yml:2:", "http2"]),
        ] {
            let folder = Folder::new().unwrap();
            let file = folder.write("bad.yml", &config).unwrap();
            check(program, &folder, &[format!("--web.config.file={}", file.display())], expected).await;
        }
    }
}
