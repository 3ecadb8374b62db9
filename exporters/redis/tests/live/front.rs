//! Flags and variables as redis_exporter takes them, the endpoints, and what guards them.

use std::process::{Command, Output};

use kit::http::Client;
use kit::redis::Redis as Server;
use kit::tls::Authority;
use redis_exporter::Redis;
use toolkit::app::App;
use toolkit::cli;

use crate::support::{exporter, get, page};

/// Every flag of redis_exporter 1.88 with its variable and default (research 1.2); a default of ours that differs is
/// in the README's differences.
const PEER_FLAGS: &str = include_str!("../peer/flags.txt");

/// bcrypt of `open`.
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuu5cldSTjqTa.nw4QeJC5.F6G/ueChgIa";

#[test]
fn every_flag_variable_and_default_of_redis_exporter() {
    let command = cli::command::<Redis>();
    for line in PEER_FLAGS.lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let (flag, variable) = (columns.next().unwrap(), columns.next().unwrap());
        let default = columns.next().unwrap_or_default();
        let found = command.get_arguments().find(|argument| {
            let aliases = argument.get_all_aliases().unwrap_or_default();
            argument.get_long() == Some(flag) || aliases.contains(&flag)
        });
        let found = found.unwrap_or_else(|| panic!("there is no --{flag}"));
        assert_eq!(found.get_env().and_then(|name| name.to_str()), Some(variable), "{flag}");
        let ours: Vec<_> = found.get_default_values().iter().filter_map(|value| value.to_str()).collect();
        assert_eq!(ours.join(","), default, "{flag}");
    }
}

#[test]
fn flags_are_read_as_go_reads_them() {
    let read = |arguments: &[&str]| {
        let line = [&["redis-exporter"], arguments].concat();
        match cli::parse::<Redis>(line.iter().map(Into::into)) {
            Ok(cli::Invocation::Serve(flags)) => Ok(flags),
            Ok(_) => panic!("{arguments:?} is a subcommand"),
            Err(error) => Err((error.exit_code(), error.to_string())),
        }
    };
    for arguments in [
        &["-debug"][..],
        &["--debug=true"],
        &["-debug=T"],
        &["-log-level", "DEBUG"],
        &["--log-level=debug"],
        &["--log.level=debug"],
        &["-log-level=error", "-debug=1"],
    ] {
        assert_eq!(read(arguments).unwrap().common.log_level.to_string(), "debug", "{arguments:?}");
    }
    for (arguments, format) in [(&["-log-format=txt"][..], "logfmt"), (&["--log-format", "json"], "json")] {
        assert_eq!(read(arguments).unwrap().common.log_format.to_string(), format, "{arguments:?}");
    }
    let flags =
        read(&["-redis.password", "-dashed", "-ping-on-connect", "-config-command", "-"]).unwrap().own;
    assert_eq!((flags.password.expose(), flags.ping_on_connect), ("-dashed", true));
    assert_eq!(flags.config_command, "-");
    let flags = read(&["-include-metrics-for-empty-databases=false", "--no-set-client-name"]).unwrap().own;
    assert!(!flags.show.include_metrics_for_empty_databases && !flags.set_client_name);
    for (arguments, cause) in [
        (&["-no-such-flag"][..], "unexpected argument '--no-such-flag'"),
        (&["stray"], "stray"),
        (&["-debug=maybe"], "--debug"),
        (&["-check-keys-batch-size=x"], "--check-keys-batch-size"),
        (&["-connection-timeout=soon"], "--connection-timeout"),
        (&["-tls-server-min-version=TLS1.0"], "insecure and not spoken"),
        (&["-log-level=loud"], "unknown log level"),
    ] {
        let (code, message) = read(arguments).map(|_| ()).unwrap_err();
        assert!(code == 2 && message.contains(cause), "{arguments:?}: {code} {message}");
    }
}

/// Runs the program itself with these variables, for what it says and how it ends.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redis-exporter"));
    command.args(arguments).envs(variables.iter().copied()).output().unwrap()
}

#[test]
fn variables_are_read_and_empty_ones_are_none() {
    for (variables, code, text) in [
        (&[("REDIS_EXPORTER_DEBUG", "maybe")][..], 2, "--debug"),
        (&[("REDIS_ADDR", "http://x")], 1, "--redis.addr"),
        (&[("REDIS_EXPORTER_BASIC_AUTH_USERNAME", "u")], 1, "--basic-auth-username: needs"),
        (&[("REDIS_EXPORTER_TLS_SERVER_CERT_FILE", "/nowhere")], 1, "/nowhere cannot be read"),
        (
            &[
                ("REDIS_EXPORTER_DEBUG", ""),
                ("REDIS_EXPORTER_LOG_LEVEL", ""),
                ("REDIS_EXPORTER_CHECK_KEYS_BATCH_SIZE", ""),
                ("REDIS_EXPORTER_CONNECTION_TIMEOUT", ""),
                ("REDIS_EXPORTER_TLS_SERVER_CERT_FILE", ""),
                ("REDIS_EXPORTER_WEB_CONFIG_FILE", ""),
                ("REDIS_PASSWORD", ""),
                ("REDIS_PASSWORD_FILE", ""),
                ("REDIS_ADDR", ""),
                ("REDIS_EXPORTER_CHECK_KEYS", ""),
            ],
            0,
            "",
        ),
    ] {
        let output = run(&["--config.check"], variables);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{variables:?}: {said}");
        assert!(said.contains(text), "{variables:?}: {said}");
    }
}

#[tokio::test]
async fn endpoints() {
    let exporter = exporter(&["--redis.addr=redis://127.0.0.1:1"]).await;
    for (method, path, status, text) in [
        ("GET", "/", 200, "/metrics"),
        ("GET", "/metrics", 200, "redis_up 0"),
        ("GET", "/health", 200, "ok"),
        ("POST", "/health", 200, "ok"),
        ("GET", "/-/healthy", 200, "healthy"),
        ("POST", "/-/reload", 200, "reloaded"),
        // what changes something is no GET: a link or a crawler must not do it
        ("GET", "/-/reload", 405, ""),
        ("GET", "/scrape?target=redis://127.0.0.1:1", 200, "redis_up 0"),
        ("GET", "/metrics/", 404, ""),
        ("GET", "/nowhere", 404, ""),
    ] {
        let response = Client::new().send(method, &exporter.url(path), "").await.unwrap();
        assert_eq!(response.status, status, "{method} {path}");
        assert!(response.text().contains(text), "{method} {path}: {}", response.text());
    }
    exporter.stop().await;
}

#[tokio::test]
async fn the_listener_asks_for_a_password_but_not_its_health_check() {
    for password in ["--basic-auth-password=open".to_owned(), format!("--basic-auth-hash-password={HASH}")] {
        let arguments = ["--redis.addr=", "--basic-auth-username=ali", &password];
        let exporter = exporter(&arguments).await;
        for (user, path, status) in [
            (Some(("ali", "open")), "/metrics", 200),
            (Some(("ali", "shut")), "/metrics", 401),
            (Some(("baba", "open")), "/metrics", 401),
            (None, "/metrics", 401),
            (None, "/scrape?target=x", 401),
            (None, "/health", 200),
        ] {
            let client =
                user.map_or_else(Client::new, |(user, password)| Client::new().basic_auth(user, password));
            let response = client.get(&exporter.url(path)).await.unwrap();
            assert_eq!(response.status, status, "{user:?} {path}");
        }
        exporter.stop().await;
    }
}

#[tokio::test]
async fn the_listener_speaks_tls_and_follows_its_files() {
    let folder = kit::process::Folder::new().unwrap();
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let write = |name: &str, text: &str| folder.write(name, text).unwrap().display().to_string();
    let install = |authority: &Authority| {
        let identity = authority.server(&kit::tls::LOOPBACK).unwrap();
        (write("cert.pem", &identity.certificate_pem), write("key.pem", &identity.key_pem))
    };
    let (cert, key) = install(&authority);
    let ca = write("ca.pem", &authority.pem());
    let exporter = exporter(&[
        "--redis.addr=",
        &format!("--tls-server-cert-file={cert}"),
        &format!("--tls-server-key-file={key}"),
        &format!("--tls-server-ca-cert-file={ca}"),
        "--tls-server-min-version=TLS1.3",
    ])
    .await;
    let url = exporter.url("/metrics").replace("http://", "https://");
    let client = authority.client("prometheus").unwrap();
    let trusting = |authority: &Authority| Client::new().tls(&authority.pem(), Some(&client)).unwrap();
    assert_eq!(trusting(&authority).get(&url).await.unwrap().status, 200);
    // nobody without a certificate, nobody by plain HTTP
    assert!(Client::new().tls(&authority.pem(), None).unwrap().get(&url).await.is_err());
    assert_eq!(Client::new().get(&exporter.url("/metrics")).await.unwrap().status, 400);
    install(&other);
    let reload = trusting(&authority).send("POST", &url.replace("metrics", "-/reload"), "").await;
    assert_eq!(reload.unwrap().status, 200);
    assert_eq!(trusting(&other).get(&url).await.unwrap().status, 200);
    assert!(trusting(&authority).get(&url).await.is_err());
    exporter.stop().await;
}

#[tokio::test]
async fn what_does_not_go_together_is_told_at_once() {
    let folder = kit::process::Folder::new().unwrap();
    let web = folder.write("web.yml", "").unwrap().display().to_string();
    let broken = folder.write("broken.json", "{\"redis://h\": 5}").unwrap().display().to_string();
    for (arguments, expected) in [
        (
            vec!["--basic-auth-username=u", "--basic-auth-password=canary", "--web.config.file", &web],
            "--basic-auth-username: cannot be used beside --web.config.file, which says the same",
        ),
        (
            vec!["--basic-auth-username=u", "--basic-auth-password=a", "--basic-auth-hash-password=canary"],
            "--basic-auth-password: cannot be used beside --basic-auth-hash-password",
        ),
        (
            vec!["--basic-auth-password=canary"],
            "--basic-auth-password: needs --basic-auth-username beside it",
        ),
        (
            vec!["--basic-auth-username=u", "--basic-auth-hash-password=canary"],
            "--basic-auth-hash-password: the password must be a bcrypt hash",
        ),
        (
            vec!["--tls-server-ca-cert-file=/nowhere"],
            "--tls-server-ca-cert-file: /nowhere cannot be read: No such file or directory (os error 2)\n\
             --tls-server-ca-cert-file: needs --tls-server-cert-file beside it\n\
             --tls-server-ca-cert-file: needs --tls-server-key-file beside it",
        ),
        (
            vec!["--redis.password-file", &broken],
            "entry 1: the password is not a text (hint: a password file holds {\"redis://host:6379\": \"password\", …}",
        ),
    ] {
        let arguments = [&["--web.listen-address=127.0.0.1:0"][..], &arguments].concat();
        let error = App::<Redis>::launch(&arguments).await.err().unwrap().to_string();
        assert!(error.contains(expected) && !error.contains("canary"), "{arguments:?}: {error}");
    }
}

#[tokio::test]
async fn a_password_file_that_changes_is_read_for_the_next_connection() {
    let server = Server::builder().password("new").start().await.unwrap();
    let folder = kit::process::Folder::new().unwrap();
    let file = folder.write("passwords.json", format!("{{\"{}\": \"old\"}}", server.url())).unwrap();
    let file = format!("--redis.password-file={}", file.display());
    let exporter = exporter(&["--redis.addr", &server.url(), &file]).await;
    assert_eq!(page(&exporter, "/metrics").await.error(), "wrongpass");
    folder.write("passwords.json", "new\n").unwrap();
    assert_eq!(page(&exporter, "/metrics").await.error(), "");
    folder.write("passwords.json", "{").unwrap();
    // the kept connection needs no password
    assert_eq!(page(&exporter, "/metrics").await.error(), "");
    server.cli(&["-a", "new", "CLIENT", "KILL", "TYPE", "normal"]).await.unwrap();
    let response = get(&exporter, "/metrics", 10.0).await;
    assert!(
        response.text().contains("redis_exporter_last_scrape_error{err=\"config\"} 1"),
        "{}",
        response.text()
    );
    exporter.stop().await;
}
