//! Files, flags and requests as people have them who come from postgres_exporter.

use std::time::Duration;

use kit::http::percent_encode;
use kit::postgres::{PASSWORD, Postgres, USER};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{Exporter, setup, watching};

/// The file that its manual shows, read from the working directory without being named.
fn documented() -> String {
    format!(
        "auth_modules:\n  foo:\n    type: userpass\n    userpass:\n      username: {USER}\n      password: {PASSWORD}\n    \
         options:\n      sslmode: disable\n"
    )
}

async fn as_documented() -> Exporter {
    let setup = setup();
    setup.write("postgres_exporter.yml", &documented());
    setup.start().await
}

#[tokio::test]
async fn its_documented_file_and_requests() {
    let postgres = Postgres::start().await.unwrap();
    let exporter = as_documented().await;
    let place = format!("127.0.0.1:{}", postgres.port());
    for (target, module, status, up) in [
        (format!("{place}/postgres"), "foo", 200, Some(true)),
        (place.clone(), "foo", 200, Some(true)),
        (format!("postgresql://{place}/postgres"), "foo", 200, Some(true)),
        (format!("localhost:{}/postgres?sslmode=disable", postgres.port()), "foo", 200, Some(true)),
        (format!("host=127.0.0.1 port={} dbname=postgres", postgres.port()), "foo", 200, Some(true)),
        (format!("{place}/nothing"), "foo", 200, Some(false)),
        ("127.0.0.1:1/postgres".to_owned(), "foo", 200, Some(false)),
        (format!("{place}/postgres"), "bar", 400, None),
        (String::new(), "foo", 400, None),
        // its password goes to the servers of this machine only, which a remote one has to be named for
        ("192.0.2.1:5432/postgres".to_owned(), "foo", 403, None),
    ] {
        let path = format!("/probe?target={}&auth_module={module}", percent_encode(&target));
        let response = exporter.get(&path, 5.0).await;
        assert_eq!(response.status, status, "{target}: {}", response.text());
        let page = crate::page::Page(response.text());
        assert_eq!((status == 200).then(|| page.up()), up, "{target}: {}", exporter.log());
        assert!(!page.0.contains(PASSWORD));
    }
    let own = format!("postgresql://{USER}:{PASSWORD}@{place}/postgres?sslmode=disable");
    exporter.page_at(&format!("/probe?target={}", percent_encode(&own)), 5.0).await.assert_whole();
    exporter.stop().await;
}

/// Asks for a password as a server would, and gives all that comes back before the other side hangs up.
async fn ask(listener: &TcpListener, request: &[u8]) -> Vec<u8> {
    let (mut stream, _) = listener.accept().await.unwrap();
    let length = stream.read_u32().await.unwrap();
    let mut startup = vec![0; usize::try_from(length).unwrap() - 4];
    stream.read_exact(&mut startup).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(10), read).await.unwrap().unwrap();
    [startup, answer].concat()
}

#[tokio::test]
async fn a_rogue_server_learns_no_password_from_a_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let exporter = as_documented().await;
    let target = percent_encode(&listener.local_addr().unwrap().to_string());
    let (clear, md5) = (b"R\0\0\0\x08\0\0\0\x03".as_slice(), b"R\0\0\0\x0c\0\0\0\x05salt".as_slice());
    for (module, request) in [("&auth_module=foo", clear), ("&auth_module=foo", md5), ("", clear)] {
        let path = format!("/probe?target={target}%3Fsslmode%3Ddisable{module}");
        let (page, learnt) = tokio::join!(exporter.page_at(&path, 5.0), ask(&listener, request));
        page.assert_down("auth");
        // what a password message begins with, and what is in it
        let learnt = String::from_utf8_lossy(&learnt).into_owned();
        assert!(!learnt.contains(PASSWORD) && !learnt.contains("md5"), "{learnt:?}");
        assert_eq!(learnt.contains(USER), !module.is_empty(), "{learnt:?}");
    }
    exporter.stop().await;
}

#[tokio::test]
async fn its_flags_leave_out_what_they_leave_out_there() {
    let postgres = Postgres::start().await.unwrap();
    postgres.psql("CREATE DATABASE shop_1").await.unwrap();
    for (flag, gone, there) in [
        (
            "--no-collector.replication_slot",
            "pg_scrape_collector_success{collector=\"replication_slots\"}",
            "pg_static",
        ),
        ("--disable-default-metrics", "pg_static", "pg_settings_max_connections"),
        ("--disable-settings-metrics", "pg_settings_max_connections", "pg_static"),
        (
            "--exclude-databases=shop_?",
            "pg_database_size_bytes{datname=\"shop_1\"}",
            "pg_database_size_bytes",
        ),
        ("--metric-prefix=my", "pg_up", "my_up"),
    ] {
        let exporter = watching(&postgres, &[flag]).await;
        let page = exporter.page().await;
        assert!(!page.0.lines().any(|line| line.starts_with(gone)), "{flag}: {}", page.0);
        assert!(!page.family(there).is_empty(), "{flag}: {}", page.0);
        exporter.stop().await;
    }
}

#[tokio::test]
async fn two_servers_on_one_page_differ_in_their_label() {
    let (first, second) = (Postgres::start().await.unwrap(), Postgres::start().await.unwrap());
    let exporter = setup().dsn(&format!("{},{}", first.dsn(), second.dsn())).start().await;
    let page = exporter.page().await;
    for server in [&first, &second] {
        let server = format!("server=\"127.0.0.1:{}\"", server.port());
        for family in ["pg_settings_max_connections", "pg_stat_archiver_archived_count"] {
            assert!(page.value(&format!("{family}{{{server}}}")).is_some(), "{server}\n{}", page.0);
        }
        assert!(page.family("pg_static").iter().any(|line| line.contains(&server)), "{}", page.0);
    }
    exporter.stop().await;
}
