//! Sockets, limits, the stop, and the program's check of itself.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use toolkit::web::{Listener, Peer, RequestId, Transport, healthcheck};

use crate::support::{Client, Folder, Served, ask, fixtures, get_plain, pages};

#[tokio::test]
async fn addresses_are_bound_at_once() {
    let listener = Listener::bind(["127.0.0.1:0", "localhost:0", ":0"]).await.unwrap();
    let addresses = listener.addresses();
    assert_eq!(addresses.len(), 3);
    assert!(addresses.iter().all(|address| address.port() != 0));
    assert!(addresses[0].ip().is_loopback() && addresses[1].ip().is_loopback());
    assert!(addresses[2].ip().is_unspecified());
}

#[tokio::test]
async fn what_cannot_be_bound_is_named() {
    let taken = Listener::bind(["127.0.0.1:0"]).await.unwrap().addresses()[0].to_string();
    let holder = Listener::bind([&taken]).await.unwrap();
    let check = async |address: &str, reason: &str, expected: &str| {
        let error = Listener::bind([address]).await.unwrap_err();
        assert_eq!((error.reason(), error.to_string()), (reason, expected.to_owned()), "{address}");
    };
    let in_use = format!(
        "cannot listen on {taken}: the port is in use (hint: stop the other program, see `ss -ltnp`, or choose \
         another --web.listen-address)"
    );
    check(&taken, "in_use", &in_use).await;
    check(
        "192.0.2.1:0",
        "not_here",
        "cannot listen on 192.0.2.1:0: this machine has no such address (hint: `ip address` lists them)",
    )
    .await;
    check(
        "9121",
        "invalid",
        "invalid listen address `9121`: the port is missing (hint: write `:9121`, `127.0.0.1:9121` or `[::1]:9121`)",
    )
    .await;
    drop(holder);
    let none = Listener::bind(Vec::<String>::new()).await.unwrap_err();
    assert_eq!(none.reason(), "none");
}

#[tokio::test]
async fn both_families_on_a_port_alone() {
    let listener = Listener::bind([":0"]).await.unwrap();
    let port = listener.addresses()[0].port();
    let connect = async |host: &str| TcpStream::connect((host, port)).await.is_ok();
    assert!(connect("127.0.0.1").await);
    assert_eq!(connect("::1").await, listener.addresses()[0].is_ipv6());
}

#[tokio::test]
async fn handlers_know_the_peer_and_the_id() {
    let who = get(
        async |axum::Extension(peer): axum::Extension<Peer>,
               axum::Extension(id): axum::Extension<RequestId>| {
            format!("{} {}", peer.0, id.as_str())
        },
    );
    let served = Served::start(None, Router::new().route("/", who)).await;
    let stream = TcpStream::connect(served.address).await.unwrap();
    let local = stream.local_addr().unwrap();
    let answer = ask(stream, "/", &["X-Request-Id: from-outside"]).await.unwrap();
    assert_eq!(answer.body, format!("{local} from-outside"));
    assert_eq!(answer.header("x-request-id"), Some("from-outside"));
}

#[tokio::test]
async fn unknown_paths_are_told_in_text() {
    let served = Served::start(None, pages()).await;
    let answer = get_plain(served.address, "/nowhere?token=canary-Xq7Lw9", &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (404, "not found (hint: / lists the pages)\n"));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[tokio::test]
async fn heads_are_bounded() {
    let served = Served::start(None, pages()).await;
    let check = async |headers: &[&str], expected: u16| {
        assert_eq!(get_plain(served.address, "/metrics", headers).await.status, expected);
    };
    let long = format!("X-Long: {}", "a".repeat(200_000));
    check(&[&long], 431).await;
    check(&["X-Many: a"; 101], 431).await;
    check(&["X-Many: a"; 90], 200).await;
}

#[tokio::test]
async fn http2_is_not_spoken_without_tls() {
    let served = Served::start(None, pages()).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer:?}");
}

#[tokio::test]
async fn a_stop_lets_the_request_in_flight_end() {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (enter, left) = (Arc::clone(&entered), Arc::clone(&leave));
    let slow = get(async move || {
        enter.notify_one();
        left.notified().await;
        "done\n"
    });
    let served = Served::start(None, Router::new().route("/slow", slow)).await;
    let address = served.address;
    let resting = TcpStream::connect(address).await.unwrap();
    let request = tokio::spawn(async move { get_plain(address, "/slow", &[]).await });
    entered.notified().await;

    let serving = served.begin_stop();
    // The port is closed when a connection is refused.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!serving.is_finished());
    leave.notify_one();
    assert_eq!(request.await.unwrap().body, "done\n");
    serving.await.unwrap();
    drop(resting);
}

#[tokio::test]
async fn the_program_asks_itself() {
    let folder = Folder::new();
    let config = |name: &str| folder.fixture(&fixtures(&format!("/{name}.good.yml"))[0]);
    let check = async |served: &Served, transport: Transport| {
        assert_eq!(healthcheck(&served.address.to_string(), transport).await, Ok(()));
        let any = format!(":{}", served.address.port());
        assert_eq!(healthcheck(&any, transport).await, Ok(()));
    };
    check(&Served::start(None, pages()).await, Transport::Plain).await;
    for name in ["empty", "basic_auth", "tls", "tls_everything", "sans"] {
        check(&Served::pages(&config(name)).await, Transport::PerhapsTls).await;
    }
    let tls12 = "tls_server_config: {cert_file: server.crt, key_file: server.key, client_ca_file: ca.crt, \
                 client_auth_type: RequireAndVerifyClientCert, max_version: TLS12}";
    check(&Served::pages(&folder.write("web.yml", tls12)).await, Transport::PerhapsTls).await;
}

#[tokio::test]
async fn the_program_is_told_when_it_is_ill() {
    let check = async |address: &str, expected: &str| {
        let error = healthcheck(address, Transport::Plain).await.unwrap_err();
        assert_eq!(error.replace(address, "ADDRESS"), expected);
    };
    let served = Served::start(None, Router::new()).await;
    check(&served.address.to_string(), "ADDRESS is not healthy: it answers 404").await;
    let gone = Listener::bind(["127.0.0.1:0"]).await.unwrap().addresses()[0];
    check(&gone.to_string(), "ADDRESS is not healthy: Connection refused (os error 111)").await;
    check(":0", "ADDRESS: port 0 is not known from outside (hint: give a fixed port)").await;
}

#[tokio::test(start_paused = true)]
async fn the_program_is_ill_when_it_does_not_answer() {
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = deaf.local_addr().unwrap().to_string();
    for transport in [Transport::Plain, Transport::PerhapsTls] {
        let error = healthcheck(&address, transport).await.unwrap_err();
        assert_eq!(error, format!("{address} is not healthy: no answer within 3 s"));
    }
}

#[tokio::test]
async fn tls_without_a_client_certificate_says_nothing() {
    let folder = Folder::new();
    let path = folder.fixture(&fixtures("/client_auth_requireandverifyclientcert.good.yml")[0]);
    let served = Served::pages(&path).await;
    assert_eq!(Client::default().status(&folder, served.address).await, None);
    let client = Client { certificate: Some("client"), ..Client::default() };
    assert_eq!(client.status(&folder, served.address).await, Some(200));
}
