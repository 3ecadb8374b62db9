//! Prober `websocket`: the cases of blackbox_exporter's tests under their names, and what it gets wrong.

use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kit::web::{Reply, Web};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::example_org::{key, template};
use crate::served::{Served, acceptor, each, line, once};
use crate::{Page, start};

/// The lines of an upgrade's request.
type Asked = Arc<Mutex<Vec<String>>>;

/// Reads the request for the upgrade and grants it, as the standard has it.
async fn upgrade(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), asked: &Asked) {
    let mut lines = Vec::new();
    loop {
        match line(stream).await {
            line if line.is_empty() => break,
            line => lines.push(line),
        }
    }
    let key = lines.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.to_owned())
    });
    let appended = key.unwrap() + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let accept = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, appended.as_bytes()));
    *asked.lock().unwrap() = lines;
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
}

/// A short message of ours, text.
async fn say(stream: &mut (impl AsyncWrite + Unpin), text: &str) {
    let frame = [&[0x81, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    drop(stream.write_all(&frame).await);
}

/// A short message of the client's: its first byte and what it says.
async fn hear(stream: &mut (impl AsyncRead + Unpin)) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 6];
    stream.read_exact(&mut head).await.ok()?;
    assert!(head[1] & 0x80 != 0, "a client masks");
    let mut payload = vec![0; usize::from(head[1] & 0x7f)];
    stream.read_exact(&mut payload).await.ok()?;
    for (byte, mask) in payload.iter_mut().zip(head[2..].iter().cycle()) {
        *byte ^= mask;
    }
    Some((head[0], payload))
}

/// The server of upstream's test: says something, hears its answer, says that it passed; and how the client ended it.
async fn incoming() -> Served<Option<u8>> {
    once(async |mut stream| {
        upgrade(&mut stream, &Asked::default()).await;
        say(&mut stream, "incoming_test").await;
        assert_eq!(hear(&mut stream).await, Some((0x81, b"outgoing_test".to_vec())));
        say(&mut stream, "passed").await;
        hear(&mut stream).await.map(|(first, _)| first)
    })
    .await
}

/// The first byte of a message that closes.
const CLOSE: u8 = 0x88;

async fn ask(section: &str, target: &str) -> Page {
    let config =
        format!("modules:\n  m:\n    prober: websocket\n    timeout: 10s\n    websocket: {section}\n");
    start(&config).await.ask("m", target).await
}

/// The three gauges.
fn gauges(page: &Page) -> [f64; 3] {
    ["status_code", "connection_upgraded", "failed_due_to_regex"]
        .map(|name| page.value(&format!("probe_websocket_{name}")))
}

const PASSES: &str = "query_response: [{expect: 'incoming_(.+)', send: 'outgoing_${1}'}, {expect: ^passed}]";

fn phases(page: &Page) -> Vec<&str> {
    let mut found: Vec<_> = page
        .series("probe_websocket_duration_seconds")
        .iter()
        .map(|(series, value)| {
            assert!(*value >= 0.0);
            series.split('"').nth(1).unwrap()
        })
        .collect();
    found.sort_unstable();
    found
}

#[tokio::test]
async fn test_probe_websocket_1() {
    let server = incoming().await;
    let page = ask(&format!("{{{PASSES}}}"), &format!("ws://{}", server.target())).await;
    page.succeeds(true);
    assert_eq!(gauges(&page), [101.0, 1.0, 0.0]);
    assert_eq!(phases(&page), ["connect", "processing", "resolve", "transfer"]);
    assert_eq!(server.done().await, Some(CLOSE));
}

#[tokio::test]
async fn test_probe_websocket_2() {
    let server = incoming().await;
    let section = PASSES.replace("^passed", "^someotherstring");
    let page = ask(&format!("{{{section}}}"), &format!("ws://{}", server.target())).await;
    page.succeeds(false);
    assert_eq!(gauges(&page), [101.0, 1.0, 1.0]);
    assert_eq!(page.reason(), "check/expect");
    assert_eq!(server.done().await, Some(CLOSE));
}

#[tokio::test]
async fn test_probe_websocket_3() {
    let acceptor = acceptor(&template(1).authority().self_signed(&key()), rustls::ALL_VERSIONS, &[]);
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    let server = each(move |stream| {
        let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            upgrade(&mut stream, &seen).await;
            drop(hear(&mut stream).await);
        }
    })
    .await;
    let section = "{http_config: {authorization: {credentials: test_token}, tls_config: {insecure_skip_verify: true}}, headers: {X-Should-Be-Sent: {values: ['true']}}}";
    let page = ask(section, &format!("wss://{}", server.target())).await;
    page.succeeds(true);
    assert_eq!(gauges(&page), [101.0, 1.0, 0.0]);
    assert_eq!(phases(&page), ["connect", "processing", "resolve"]);
    assert!(page.find("probe_ssl_earliest_cert_expiry").is_some(), "TLS is told of");
    assert_eq!(page.series("probe_tls_cipher_info").len(), 1);
    let asked = asked.lock().unwrap().clone();
    for header in ["authorization: Bearer test_token", "x-should-be-sent: true"] {
        assert!(asked.iter().any(|line| line == header), "{header} in {asked:?}");
    }
}

#[tokio::test]
async fn test_probe_websocket_4() {
    let server = incoming().await;
    let page =
        ask(&format!("{{preferred_ip_protocol: ip4, {PASSES}}}"), &format!("ws://{}", server.by_name()))
            .await;
    page.succeeds(true);
    assert_eq!(gauges(&page), [101.0, 1.0, 0.0]);
    assert_eq!(page.value("probe_ip_protocol"), 4.0);
    assert_eq!(server.done().await, Some(CLOSE));
}

/// A server that grants every upgrade and says nothing, and what the last request for one was.
async fn upgrading() -> (Served<()>, Asked) {
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    let server = each(move |mut stream| {
        let seen = Arc::clone(&seen);
        async move {
            upgrade(&mut stream, &seen).await;
            drop(hear(&mut stream).await);
        }
    });
    (server.await, asked)
}

/// The headers that a module sends, of those that begin so.
async fn headers(section: &str, names: [&str; 2]) -> Vec<String> {
    let (server, asked) = upgrading().await;
    let config = format!("modules: {{m: {{prober: websocket, websocket: {section}}}}}");
    let exporter = start(&config).await;
    for (name, text) in [
        ("user", "user_from_file"),
        ("password", "password_from_file"),
        ("header", "header_value_from_file\n"),
    ] {
        std::fs::write(exporter.folder.path().join(name), text).unwrap();
    }
    exporter.ask("m", &format!("ws://{}", server.target())).await.succeeds(true);
    let asked = asked.lock().unwrap();
    asked.iter().filter(|line| names.iter().any(|name| line.starts_with(name))).cloned().collect()
}

#[tokio::test]
async fn test_construct_headers_from_config_1() {
    let section = "{http_config: {basic_auth: {username: user, password: password}}, headers: {X-Custom-Header: {values: [custom_value]}}}";
    let expected = ["authorization: Basic dXNlcjpwYXNzd29yZA==", "x-custom-header: custom_value"];
    assert_eq!(headers(section, ["authorization", "x-custom"]).await, expected);
}

#[tokio::test]
async fn test_construct_headers_from_config_2() {
    let section = "{http_config: {basic_auth: {username_file: user, password_file: password}}}";
    let expected = format!("authorization: Basic {}", STANDARD.encode("user_from_file:password_from_file"));
    assert_eq!(headers(section, ["authorization", "x-"]).await, [expected]);
}

#[tokio::test]
async fn test_construct_headers_from_config_3() {
    let section = "{headers: {X-Header-From-File: {files: [header]}, X-Plain: my_header}}";
    let expected = ["x-header-from-file: header_value_from_file", "x-plain: my_header"];
    assert_eq!(headers(section, ["authorization", "x-"]).await, expected);
}

#[tokio::test]
async fn a_silent_server_ends_by_the_timeout() {
    let silent = each(async |mut stream| {
        upgrade(&mut stream, &Asked::default()).await;
        std::future::pending::<()>().await;
    })
    .await;
    // one that says a little more all the time, and never a message
    let pings = each(async |mut stream| {
        upgrade(&mut stream, &Asked::default()).await;
        while stream.write_all(&[0x89, 0]).await.is_ok() && hear(&mut stream).await.is_some() {}
    })
    .await;
    let mute = kit::blackhole::Silent::start().await.unwrap();
    let exporter =
        start("modules: {m: {prober: websocket, websocket: {query_response: [{expect: x}]}}}").await;
    for (target, reason) in [
        (silent.target(), "transfer/timeout"),
        (pings.target(), "transfer/timeout"),
        (mute.address().to_string(), "first_byte/timeout"),
    ] {
        let answer = exporter.get(&format!("/probe?module=m&target=ws://{target}"), "1").await;
        let page = Page { text: answer.ok().unwrap().text() };
        page.succeeds(false);
        assert_eq!(page.reason(), reason);
        assert_eq!(page.value("probe_websocket_failed_due_to_regex"), 0.0);
    }
}

#[tokio::test]
async fn bytes_labels_and_binary_messages_are_no_idle_keys() {
    let server = each(async |mut stream| {
        upgrade(&mut stream, &Asked::default()).await;
        say(&mut stream, "ready").await;
        assert_eq!(hear(&mut stream).await.unwrap(), (0x82, b"\x00\xff".to_vec()));
        say(&mut stream, "version 7").await;
        drop(hear(&mut stream).await);
    })
    .await;
    let section = "{query_response: [{expect_bytes: ready, send: !!binary AP8=}, {expect: 'version (.*)', labels: [{name: v, value: $1}]}]}";
    let page = ask(section, &format!("ws://{}", server.target())).await;
    page.succeeds(true);
    assert_eq!(page.value(r#"probe_expect_info{v="7"}"#), 1.0);
    let page = ask("{query_response: [{expect_bytes: read}]}", &format!("ws://{}", server.target())).await;
    page.succeeds(false);
    assert_eq!(gauges(&page), [101.0, 1.0, 1.0]);
}

#[tokio::test]
async fn what_is_no_websocket() {
    let page = Web::start(|_| Reply::text(404, "no").into()).await.unwrap();
    let wrong = each(async |mut stream| {
        while !line(&mut stream).await.is_empty() {}
        let answer =
            b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n";
        drop(stream.write_all(answer).await);
    })
    .await;
    let ends = each(async |mut stream| upgrade(&mut stream, &Asked::default()).await).await;
    for (target, reason, expected) in [
        (format!("ws://{}", page.address()), "check/http_status", [404.0, 0.0, 0.0]),
        (format!("ws://{}", wrong.target()), "first_byte/protocol", [101.0, 0.0, 0.0]),
        (format!("ws://{}", ends.target()), "check/expect", [101.0, 1.0, 1.0]),
        (format!("http://{}", page.address()), "target/target_invalid", [0.0; 3]),
        (format!("ws://user:t0ps3cret@{}", page.address()), "target/target_invalid", [0.0; 3]),
    ] {
        let page = ask("{query_response: [{expect: x}]}", &target).await;
        page.succeeds(false);
        assert_eq!(page.reason(), reason, "{target}");
        assert_eq!(gauges(&page), expected, "{target}");
        assert!(!page.text.contains("t0ps3cret"));
    }
}

#[tokio::test]
async fn credentials_go_to_nobody_who_was_not_named() {
    for section in ["http_config: {bearer_token: t0ps3cret}", "headers: {Authorization: t0ps3cret}"] {
        let exporter =
            start(&format!("modules: {{m: {{prober: websocket, websocket: {{{section}}}}}}}")).await;
        let answer = exporter.get("/probe?module=m&target=ws://192.0.2.1/", "2").await;
        assert_eq!(answer.status, 403);
        assert!(!answer.text().contains("t0ps3cret"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_proxy_and_tokens_are_no_idle_keys() {
    let (server, asked) = upgrading().await;
    let tunnels = Asked::default();
    let seen = Arc::clone(&tunnels);
    let proxy = each(move |mut stream| {
        let seen = Arc::clone(&seen);
        async move {
            let asked = line(&mut stream).await;
            while !line(&mut stream).await.is_empty() {}
            let mut server = TcpStream::connect(asked.split(' ').nth(1).unwrap()).await.unwrap();
            seen.lock().unwrap().push(asked);
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            drop(tokio::io::copy_bidirectional(&mut stream, &mut server).await);
        }
    })
    .await;
    let tokens = Web::start(|_| {
        Reply::new(200, "application/json", r#"{"access_token":"t0k3n","expires_in":600}"#).into()
    });
    let tokens = tokens.await.unwrap();
    let section = format!(
        "{{http_config: {{proxy_url: 'http://{}', oauth2: {{client_id: a, client_secret: b, token_url: 'http://{}/token'}}}}}}",
        proxy.target(),
        tokens.address()
    );
    let exporter = start(&format!("modules: {{m: {{prober: websocket, websocket: {section}}}}}")).await;
    for _ in 0..3 {
        let page = exporter.ask("m", &format!("ws://{}", server.target())).await;
        page.succeeds(true);
        assert!(page.find(r#"probe_phase_duration_seconds{phase="proxy"}"#).is_some(), "{}", page.text);
    }
    assert!(asked.lock().unwrap().iter().any(|line| line == "authorization: Bearer t0k3n"));
    assert_eq!(*tunnels.lock().unwrap(), vec![format!("CONNECT {} HTTP/1.1", server.target()); 3]);
    assert_eq!(tokens.requests().len(), 1, "one token for all");
}
