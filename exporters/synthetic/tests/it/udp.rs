//! Prober `udp`: one datagram and its answer.

use std::net::SocketAddr;

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use crate::{Page, start};

/// A server that answers a datagram with what `answer` makes of it. It stops with this value.
struct Answering {
    address: SocketAddr,
    _task: JoinSet<()>,
}

async fn answering(answer: fn(&[u8]) -> Option<Vec<u8>>) -> Answering {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            if let Some(answer) = answer(&buffer[..length]) {
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    });
    Answering { address, _task: task }
}

async fn ask(settings: &str, target: &str) -> Page {
    let config = format!("modules: {{x: {{prober: udp, timeout: 1s, udp: {{send: ping, {settings}}}}}}}\n");
    start(&config).await.ask("x", target).await
}

#[tokio::test]
async fn an_answer_and_what_it_must_be_like() {
    let server = answering(|asked| Some([b"pong ", asked].concat())).await;
    for (settings, succeeds) in [
        ("expect: '^pong ping$'", true),
        ("expect: '^ping'", false),
        ("expect_bytes: pong", true),
        ("expect_bytes: !!binary cG9uZw==", true),
        ("expect_bytes: ping", false),
        ("expect: ping, expect_bytes: pong", true),
        ("preferred_ip_protocol: ip4", true),
    ] {
        for target in [server.address.to_string(), format!("udp://{}", server.address)] {
            let page = ask(settings, &target).await;
            page.succeeds(succeeds);
            assert_eq!(page.reason(), if succeeds { "" } else { "check/expect" }, "{settings}");
            assert_eq!(page.value("probe_udp_reply_bytes"), 9.0);
            assert!(page.value("probe_udp_rtt_seconds") > 0.0);
            assert_eq!(page.value("probe_ip_protocol"), 4.0);
        }
    }
}

#[tokio::test]
async fn an_empty_answer_is_one() {
    let server = answering(|_| Some(Vec::new())).await;
    let page = ask("expect: '^$'", &server.address.to_string()).await;
    page.succeeds(true);
    assert_eq!(page.value("probe_udp_reply_bytes"), 0.0);
}

#[tokio::test]
async fn silence_is_a_failure_and_a_refusal_is_known_at_once() {
    let silent = answering(|_| None).await;
    let page = ask("expect: x", &silent.address.to_string()).await;
    page.succeeds(false);
    assert_eq!(page.reason(), "first_byte/timeout");
    assert_eq!(page.find("probe_udp_rtt_seconds"), None);
    let nobody = format!("127.0.0.1:{}", kit::process::free_port().unwrap());
    let page = ask("expect: x", &nobody).await;
    assert_eq!(page.reason(), "first_byte/connect_refused");
    assert!(page.value("probe_duration_seconds") < 0.9, "{}", page.text);
}

#[tokio::test]
async fn a_target_has_a_port() {
    for target in ["127.0.0.1", "127.0.0.1:0", "tcp://127.0.0.1:1"] {
        assert_eq!(ask("expect: x", target).await.reason(), "target/target_invalid", "{target}");
    }
}
