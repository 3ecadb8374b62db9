//! A password with every awkward character: it works however it is given, and it is nowhere to be seen.

use kit::http::percent_encode;
use kit::postgres::{Postgres, USER};

use crate::support::{Exporter, Setup, setup};

/// `=`, `#`, space, `@`, `/`, `%`, quotes, backslash, colon, question mark, dollar, non-ASCII.
const CANARY: &str = "cana=ry#7f 3a@b/c%2d'e\"f\\g:h?i&j$k;é漢";

/// What no secret looks like after any quoting: it must not be seen either.
const PIECES: [&str; 3] = ["cana", "7f 3a", "7f%203a"];

fn seen(text: &str) -> bool {
    PIECES.iter().any(|piece| text.contains(piece))
}

/// Everything that others can see of an exporter.
async fn assert_unseen(exporter: &Exporter, what: &str) {
    for path in ["/", "/metrics", "/probe?target=127.0.0.1:1", "/probe?target=%zz", "/probe", "/nowhere"] {
        let text = exporter.get(path, 5.0).await.text();
        assert!(!seen(&text), "{what}: {path}: {text}");
    }
    assert!(!seen(&exporter.log()), "{what}: {}", exporter.log());
    let cmdline = std::fs::read_to_string(format!("/proc/{}/cmdline", exporter.pid())).unwrap();
    assert!(!seen(&cmdline), "{what}: {cmdline}");
}

/// Every way to give a password, with what it is called.
fn ways(port: u16, password: &str) -> Vec<(&'static str, Setup)> {
    let encoded = percent_encode(password);
    let quoted = password.replace('\\', "\\\\").replace('\'', "\\'");
    let bare = format!("postgresql://{USER}@127.0.0.1:{port}/postgres?sslmode=disable");
    let place = format!("127.0.0.1:{port}/postgres?sslmode=disable");
    let file = |setup: &Setup| setup.write("password", &format!("{password}\n"));
    let with_url = setup().dsn(&bare.replacen('@', &format!(":{encoded}@"), 1));
    let with_words = setup().dsn(&format!(
        "host=127.0.0.1 port={port} user={USER} dbname=postgres sslmode=disable password='{quoted}'"
    ));
    let with_environment = setup().env("DATA_SOURCE_URI", &place).env("DATA_SOURCE_USER", USER);
    let with_environment = with_environment.env("DATA_SOURCE_PASS", password);
    let with_file = setup().env("DATA_SOURCE_URI", &place).env("DATA_SOURCE_USER", USER);
    let path = file(&with_file);
    let with_file = with_file.env("DATA_SOURCE_PASS_FILE", &path);
    let with_passfile = setup();
    let escaped = password.replace('\\', "\\\\").replace(':', "\\:");
    let path = with_passfile.write("pgpass", &format!("127.0.0.1:{port}:*:{USER}:{escaped}\n"));
    let private: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&path, private).unwrap();
    let with_passfile = with_passfile.dsn(&bare).env("PGPASSFILE", &path);
    let with_pgpassword = setup().dsn(&bare).env("PGPASSWORD", password);
    let with_service = setup();
    let section =
        format!("[shop]\nhost=127.0.0.1\nport={port}\nuser={USER}\ndbname=postgres\npassword={password}\n");
    let path = with_service.write("services.conf", &section);
    let with_service = with_service.dsn("service=shop sslmode=disable").env("PGSERVICEFILE", &path);
    let with_command = setup();
    let path = with_command.write("token", &format!("{password}\n"));
    let config = format!("data_source: {{dsn: '{bare}', password_command: [cat, '{path}']}}\n");
    let with_command = with_command.file("--config.file", "config.yml", &config);
    vec![
        ("a URL", with_url),
        ("key=value", with_words),
        ("DATA_SOURCE_PASS", with_environment),
        ("DATA_SOURCE_PASS_FILE", with_file),
        ("PGPASSFILE", with_passfile),
        ("PGPASSWORD", with_pgpassword),
        ("a service file", with_service),
        ("a command", with_command),
    ]
}

#[tokio::test]
async fn it_works_however_it_is_given_and_is_nowhere_to_be_seen() {
    let postgres = Postgres::builder().password(CANARY).start().await.unwrap();
    for (what, setup) in ways(postgres.port(), CANARY) {
        let exporter = setup.args(&["--log.level=debug"]).start().await;
        let page = exporter.page().await;
        assert!(page.up(), "{what}: {}", exporter.log());
        assert_unseen(&exporter, what).await;
        exporter.stop().await;
    }
}

#[tokio::test]
async fn a_refused_one_is_not_seen_either() {
    let postgres = Postgres::start().await.unwrap();
    for (what, setup) in ways(postgres.port(), CANARY) {
        let exporter = setup.args(&["--log.level=debug"]).start().await;
        assert!(!exporter.page().await.up(), "{what}");
        assert_unseen(&exporter, what).await;
        exporter.stop().await;
    }
}

#[tokio::test]
async fn a_new_password_is_read_for_the_next_session() {
    let postgres = Postgres::start().await.unwrap();
    let place = format!("127.0.0.1:{}/postgres?sslmode=disable", postgres.port());
    let setup = setup().env("DATA_SOURCE_URI", &place).env("DATA_SOURCE_USER", USER);
    let path = setup.write("password", "old");
    let exporter = setup.env("DATA_SOURCE_PASS_FILE", &path).start().await;
    exporter.page().await.assert_down("auth");
    exporter.folder().write("password", "monitor-password\n").unwrap();
    exporter.page().await.assert_whole();
    exporter.stop().await;
}

#[tokio::test]
async fn a_server_that_asks_in_clear_text_gets_nothing() {
    let rule = format!("host all {USER} 127.0.0.1/32 password");
    let postgres = Postgres::builder().access(&rule).start().await.unwrap();
    let exporter = setup().dsn(&postgres.dsn()).start().await;
    exporter.page().await.assert_down("auth");
    let log = postgres.server().unwrap().log();
    assert!(!log.contains("password authentication failed"), "{log}");
    exporter.stop().await;
}

#[tokio::test]
async fn a_target_that_no_rule_names_gets_no_credentials() {
    let postgres = Postgres::builder().setting("log_connections = on").start().await.unwrap();
    let exporter = setup().dsn(&postgres.dsn()).start().await;
    let path = format!(
        "/probe?target={}",
        percent_encode(&format!("localhost:{}/postgres?sslmode=disable", postgres.port()))
    );
    exporter.get(&path, 5.0).await;
    let log = postgres.server().unwrap().log();
    assert!(!log.contains(&format!("user={USER}")), "{log}");
    exporter.stop().await;
}
