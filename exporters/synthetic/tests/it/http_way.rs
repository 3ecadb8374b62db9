//! Prober `http`: targets, redirects, credentials, proxies. Cases of blackbox_exporter's `http_test.go` under their names,
//! and what it gets wrong.

use std::net::{Ipv6Addr, SocketAddr};
use std::process::Command;

use kit::blackhole::Silent;
use kit::tls::{Authority, LOOPBACK};
use kit::web::{Answer, Reply, Request, Web};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use crate::http::{answer, module};
use crate::served::{Served, each, line};
use crate::{Exporter, start};

const INSECURE: &str = "tls_config: {insecure_skip_verify: true}";

/// A server that redirects `/` to this place.
async fn redirecting(to: String) -> Web {
    let redirect = move |request: &Request| match request.path.as_str() {
        "/" => answer(302, &[("location", &to)], ""),
        _ => answer(200, &[], ""),
    };
    Web::start(redirect).await.unwrap()
}

async fn plain() -> Web {
    Web::start(|_| answer(200, &[], "")).await.unwrap()
}

#[tokio::test]
async fn test_http_parsing_scheme() {
    let identity = Authority::new().unwrap().server(&LOOPBACK).unwrap();
    let (plain, secure) = (plain().await, Web::start_tls(&identity, |_| answer(200, &[], "")).await.unwrap());
    let exporter = start(&module(INSECURE)).await;
    for (scheme, address, expected) in [
        ("http://", plain.address(), true),
        ("https://", secure.address(), true),
        ("HTTP://", plain.address(), true),
        ("HtTpS://", secure.address(), true),
        ("", plain.address(), true),
        ("invalid://", plain.address(), false),
    ] {
        let page = exporter.ask("m", &format!("{scheme}{address}")).await;
        page.succeeds(expected);
        assert_eq!(page.reason(), if expected { "" } else { "target/target_invalid" }, "{scheme}");
    }
}

#[tokio::test]
async fn targets_of_every_kind() {
    let web = plain().await;
    let port = web.address().port();
    let exporter = start(&module("preferred_ip_protocol: ip4")).await;
    for (target, host, path, query) in [
        (format!("http://127.0.0.1:{port}"), format!("127.0.0.1:{port}"), "/", ""),
        (format!("http://localhost:{port}?q=1"), format!("localhost:{port}"), "/", "q=1"),
        // as with blackbox_exporter, a target is decoded once more than the query was
        (format!("http://LOCALHOST:{port}/A/../%257eb//c"), format!("localhost:{port}"), "/A/../%7eb//c", ""),
        (format!("http://localhost:{port}/ä b?ü#frag"), format!("localhost:{port}"), "/%C3%A4%20b", "%C3%BC"),
        (format!("http://user:p%40ss@localhost:{port}/"), format!("localhost:{port}"), "/", ""),
    ] {
        exporter.ask("m", &target).await.succeeds(true);
        let request = web.requests().pop().unwrap();
        let found = (request.header("host"), request.path.as_str(), request.query.as_str());
        assert_eq!(found, (host.as_str(), path, query), "{target}");
        let user = if target.contains('@') { "Basic dXNlcjpwQHNz" } else { "" };
        assert_eq!(request.header("authorization"), user, "{target}");
    }
    let debug = exporter
        .get(&format!("/probe?module=m&target=http://user:s3cret@127.0.0.1:{port}&debug=true"), "5")
        .await;
    assert!(!debug.text().contains("s3cret"), "{}", debug.text());
}

#[tokio::test]
async fn an_ipv6_literal_and_an_international_name() {
    let six = tokio::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.unwrap();
    let port = six.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = six.accept().await.unwrap();
        let (first, host) = (line(&mut stream).await, line(&mut stream).await);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        (first, host)
    });
    let exporter = start(&module("")).await;
    let page = exporter.ask("m", &format!("http://[::1]:{port}/x")).await;
    page.succeeds(true);
    assert_eq!(page.value("probe_ip_protocol"), 6.0);
    assert_eq!(server.await.unwrap(), ("GET /x HTTP/1.1".to_owned(), format!("Host: [::1]:{port}")));

    // names below `invalid` never exist; what is asked for is written as DNS has it
    let page = exporter.ask("m", "http://bücher.invalid/").await;
    assert!(page.reason().starts_with("resolve/dns_"), "{}", page.text);
    let text =
        exporter.get("/probe?module=m&target=http://b%C3%BCcher.invalid/&debug=true", "5").await.text();
    assert!(!text.contains("cannot be written in ASCII"), "{text}");
}

#[tokio::test]
async fn test_hostname_of_the_request() {
    let authority = Authority::new().unwrap();
    let identity = authority.server(&["vhost.example"]).unwrap();
    let (plain, secure) = (plain().await, Web::start_tls(&identity, |_| answer(200, &[], "")).await.unwrap());
    let exporter = start(
        &(module("tls_config: {ca_file: ca.pem}")
            + "  named: {prober: http, http: {headers: {host: module.example}}}\n"),
    )
    .await;
    std::fs::write(exporter.folder.path().join("ca.pem"), authority.pem()).unwrap();
    exporter
        .probe(&format!("module=m&hostname=vhost.example&target={}", plain.url("/")))
        .await
        .succeeds(true);
    exporter
        .probe(&format!("module=m&hostname=vhost.example&target={}", secure.url("/")))
        .await
        .succeeds(true);
    for web in [&plain, &secure] {
        assert_eq!(web.requests()[0].header("host"), "vhost.example");
    }
    let page = exporter.ask("m", &secure.url("/")).await;
    assert_eq!(page.reason(), "tls/tls_hostname");
    let query = format!("/probe?module=named&hostname=vhost.example&target={}", plain.url("/"));
    assert_eq!(exporter.get(&query, "5").await.status, 400);
}

#[tokio::test]
async fn methods_and_bodies_after_a_redirect() {
    for (status, method, expected) in [
        (301, "POST", ("GET", "")),
        (302, "POST", ("GET", "")),
        (303, "POST", ("GET", "")),
        (307, "POST", ("POST", "hello")),
        (308, "PUT", ("PUT", "hello")),
        (302, "HEAD", ("HEAD", "")),
    ] {
        let web = Web::start(move |request| match request.path.as_str() {
            "/" => answer(status, &[("location", "next")], ""),
            _ => answer(200, &[], ""),
        });
        let web = web.await.unwrap();
        let section = format!("method: {method}, body_file: body, headers: {{Content-Type: text/plain}}");
        let exporter = start(&module(&section)).await;
        std::fs::write(exporter.folder.path().join("body"), "hello").unwrap();
        exporter.ask("m", &web.url("")).await.succeeds(true);
        let request = web.requests().pop().unwrap();
        assert_eq!(
            (request.method.as_str(), request.text().as_str(), request.path.as_str()),
            (expected.0, expected.1, "/next")
        );
        assert_eq!(request.header("content-type").is_empty(), expected.1.is_empty(), "{status} {method}");
    }
}

#[tokio::test]
async fn redirects_that_lead_nowhere() {
    let silent = Silent::start().await.unwrap();
    for (status, location, reason, code) in [
        (302, "ftp://a/", "check/redirect_blocked", 0.0),
        (302, "http://[::1/", "check/redirect_blocked", 0.0),
        (302, "", "check/http_status", 302.0),
        (304, "/x", "check/http_status", 304.0),
        (302, "http://169.254.169.254/latest/meta-data/", "target/redirect_blocked", 0.0),
        (302, &format!("http://{}/", silent.address()), "first_byte/timeout", 0.0),
    ] {
        let headers = [("location", location)];
        let headers = if location.is_empty() { Vec::new() } else { headers.to_vec() };
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let web = Web::start(move |_| {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            answer(status, &headers, "")
        });
        let web = web.await.unwrap();
        let patience = if reason.ends_with("timeout") { "500ms" } else { "10s" };
        let page = start(&module("").replace("10s", patience)).await.ask("m", &web.url("/")).await;
        page.succeeds(false);
        assert_eq!(
            (page.reason().as_str(), page.value("probe_http_status_code")),
            (reason, code),
            "{location}"
        );
    }
}

/// What a server saw of who we are, request by request.
fn seen(web: &Web) -> Vec<[String; 3]> {
    let requests = web.requests().into_iter();
    requests
        .map(|request| ["authorization", "x-api-key", "cookie"].map(|name| request.header(name).to_owned()))
        .collect()
}

const SECRETS: &str = "basic_auth: {username: u, password: p}, headers: {Cookie: a=b}, \
                       http_headers: {X-Api-Key: {secrets: [key]}, X-Plain: {values: [x]}}";

#[tokio::test]
async fn who_we_are_stays_with_the_target() {
    let ours = ["Basic dTpw", "key", "a=b"].map(str::to_owned);
    let none = ["", "", ""].map(str::to_owned);

    // to the same logical host, by its name and not by its address
    let web = redirecting("/next".to_owned()).await;
    let port = web.address().port();
    let exporter = start(&module(&format!("preferred_ip_protocol: ip4, {SECRETS}"))).await;
    exporter.ask("m", &format!("http://localhost:{port}/")).await.succeeds(true);
    assert_eq!(seen(&web), [ours.clone(), ours.clone()]);
    let absolute = redirecting(format!("http://localhost:{port}/next")).await;
    exporter.ask("m", &format!("http://localhost:{}/", absolute.address().port())).await.succeeds(true);
    assert_eq!(seen(&absolute), std::slice::from_ref(&ours));
    let own = redirecting_to_itself().await;
    exporter.ask("m", &format!("http://localhost:{}/", own.address().port())).await.succeeds(true);
    assert_eq!(seen(&own), [ours.clone(), ours.clone()]);

    // to another host, and back again
    let other = plain().await;
    let away = redirecting(other.url("/next")).await;
    exporter.ask("m", &format!("http://localhost:{}/", away.address().port())).await.succeeds(true);
    assert_eq!((seen(&away), seen(&other)), (vec![ours], vec![none.clone()]));
    assert_eq!(other.requests()[0].header("x-plain"), "x");
}

/// A server whose `/` redirects to another page of itself by the name that it was asked for.
async fn redirecting_to_itself() -> Web {
    let handler = |request: &Request| match request.path.as_str() {
        "/" => answer(302, &[("location", &format!("http://{}/next", request.header("host")))], ""),
        _ => answer(200, &[], ""),
    };
    Web::start(handler).await.unwrap()
}

#[tokio::test]
async fn once_left_is_left() {
    let home = Web::start(|request: &Request| match request.path.as_str() {
        "/" => answer(302, &[("location", request.query.strip_prefix("to=").unwrap())], ""),
        _ => answer(200, &[], ""),
    });
    let home = home.await.unwrap();
    let back = redirecting(home.url("/back")).await;
    let exporter = start(&module(SECRETS)).await;
    exporter.ask("m", &format!("{}?to={}", home.url("/"), back.url("/"))).await.succeeds(true);
    let none = ["", "", ""].map(str::to_owned);
    assert_eq!(seen(&home)[1], none);
    assert_eq!(seen(&back), [none]);
}

#[tokio::test]
async fn cookies_go_by_the_host_of_the_url() {
    let other = plain().await;
    let to = format!("http://127.0.0.1:{}/other", other.address().port());
    let web = Web::start(move |request| match request.path.as_str() {
        "/" => answer(302, &[("location", "/a"), ("set-cookie", "s=1"), ("set-cookie", "t=2; Path=/x")], ""),
        "/a" => answer(302, &[("location", &to), ("set-cookie", "s=3")], ""),
        _ => answer(200, &[], ""),
    });
    let web = web.await.unwrap();
    let exporter = start(&module("preferred_ip_protocol: ip4")).await;
    exporter.ask("m", &format!("http://localhost:{}/", web.address().port())).await.succeeds(true);
    let cookies: Vec<_> = web.requests().iter().map(|request| request.header("cookie").to_owned()).collect();
    assert_eq!(cookies, ["", "s=1"]);
    assert_eq!(other.requests()[0].header("cookie"), "", "another host by its URL, if not by its address");
}

#[tokio::test]
async fn credentials_go_only_where_the_module_says() {
    let config = "modules:
  basic: {prober: http, http: {basic_auth: {username: u, password: s3cret}}}
  header: {prober: http, http: {headers: {Authorization: s3cret}}}
  listed: {prober: http, targets: ['*.invalid:80'], http: {bearer_token: s3cret}}
";
    let exporter = start(config).await;
    for (module, target, status) in [
        ("basic", "http://other.invalid/", 403),
        ("header", "http://other.invalid/", 403),
        ("listed", "http://other.invalid/", 200),
        ("listed", "http://other.invalid:81/", 403),
        ("basic", "http://localhost:1/", 200),
        ("basic", "http://127.0.0.9:1/", 200),
    ] {
        let response = exporter.get(&format!("/probe?module={module}&target={target}"), "5").await;
        assert_eq!(response.status, status, "{module} {target}");
        assert!(!response.text().contains("s3cret"));
        if status == 403 {
            assert!(response.text().contains("targets: [\"other.invalid:8"), "{}", response.text());
        }
    }
}

/// A proxy that connects to wherever it is asked to, and writes down its requests.
async fn proxy() -> (Served<()>, std::sync::Arc<std::sync::Mutex<Vec<String>>>) {
    let heads = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = std::sync::Arc::clone(&heads);
    let served = each(move |mut stream| {
        let kept = std::sync::Arc::clone(&kept);
        async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { return };
                head.push(byte);
            }
            let head = String::from_utf8(head).unwrap();
            kept.lock().unwrap().push(head.clone());
            match head.strip_prefix("CONNECT ") {
                Some(rest) => {
                    let port = rest.split([':', ' ']).nth(1).unwrap().parse().unwrap();
                    let to = SocketAddr::from(([127, 0, 0, 1], port));
                    let mut server = TcpStream::connect(to).await.unwrap();
                    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                    drop(copy_bidirectional(&mut stream, &mut server).await);
                }
                None => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhey").await.unwrap(),
            }
        }
    });
    (served.await, heads)
}

#[tokio::test]
async fn proxies() {
    let identity = Authority::new().unwrap().server(&["secure.invalid"]).unwrap();
    let secure = Web::start_tls(&identity, |_| answer(200, &[], "")).await.unwrap();
    let (proxy, heads) = proxy().await;
    let skip = "skip_resolve_phase_with_proxy: true";
    let section = format!(
        "proxy_url: 'http://me:pw@{}', proxy_connect_header: {{X-Tenant: [t]}}, {skip}, {INSECURE}",
        proxy.target()
    );
    let exporter = start(&module(&section)).await;
    let page = exporter.ask("m", "http://plain.invalid:8080/a?b").await;
    page.succeeds(true);
    assert_eq!(page.value("probe_http_uncompressed_body_length"), 3.0);
    assert_eq!(page.find("probe_http_duration_seconds{phase=\"resolve\"}"), None);
    let head = heads.lock().unwrap().pop().unwrap();
    for part in [
        "GET http://plain.invalid:8080/a?b HTTP/1.1\r\n",
        "\r\nHost: plain.invalid:8080\r\n",
        "\r\nProxy-Authorization: Basic bWU6cHc=\r\n",
    ] {
        assert!(head.contains(part), "{head}");
    }
    let page = exporter.ask("m", &format!("https://secure.invalid:{}/", secure.address().port())).await;
    page.succeeds(true);
    assert!(page.find("probe_phase_duration_seconds{phase=\"proxy\"}").is_some());
    let head = heads.lock().unwrap().pop().unwrap();
    assert!(
        head.starts_with(&format!("CONNECT secure.invalid:{} HTTP/1.1", secure.address().port())),
        "{head}"
    );
    assert!(
        head.contains("X-Tenant: t\r\n") && head.contains("Proxy-Authorization: Basic bWU6cHc="),
        "{head}"
    );
    let request = secure.requests().pop().unwrap();
    assert!(request.header("proxy-authorization").is_empty());

    let refusing = Web::start(|_| answer(407, &[], "")).await.unwrap();
    let exporter = start(&module(&format!("proxy_url: '{}', {skip}", refusing.url("")))).await;
    assert_eq!(exporter.ask("m", "https://a.invalid/").await.reason(), "proxy/proxy_authentication");
    // a name of this machine is the proxy's own, but what the guard never allows stays out
    let denied = exporter.get("/probe?module=m&target=http://169.254.169.254/", "5").await;
    assert_eq!(denied.status, 403);
}

#[tokio::test]
async fn test_skip_resolve_phase() {
    let web = Web::start(|_| answer(204, &[], "")).await.unwrap();
    let proxy = "proxy_url: 'http://127.0.0.1:1',";
    for (section, resolves) in [
        ("skip_resolve_phase_with_proxy: true", true),
        ("skip_resolve_phase_with_proxy: false", true),
        (&format!("{proxy} skip_resolve_phase_with_proxy: false"), true),
        (&format!("{proxy} skip_resolve_phase_with_proxy: true"), false),
        ("proxy_from_environment: true, skip_resolve_phase_with_proxy: false", true),
        ("proxy_from_environment: true, skip_resolve_phase_with_proxy: true", false),
    ] {
        let page = start(&module(section)).await.ask("m", &web.url("")).await;
        if !section.contains("proxy_url") {
            page.succeeds(true);
        }
        let mut phases: Vec<_> =
            page.series("probe_http_duration_seconds").into_iter().map(|(name, _)| name).collect();
        phases.sort_unstable();
        let all = ["connect", "processing", "resolve", "tls", "transfer"];
        let expected = all.iter().filter(|phase| resolves || **phase != "resolve");
        let expected: Vec<_> =
            expected.map(|phase| format!("probe_http_duration_seconds{{phase=\"{phase}\"}}")).collect();
        assert_eq!(phases, expected, "{section}");
    }
}

/// The environment is that of a process, so that these two rows run the program itself.
#[tokio::test]
async fn a_proxy_of_the_environment() {
    let (proxy, heads) = proxy().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.yml");
    let config = module("proxy_from_environment: true, skip_resolve_phase_with_proxy: true")
        + "  direct: {prober: http, http: {skip_resolve_phase_with_proxy: true}}\n";
    std::fs::write(&file, config).unwrap();
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_synthetic-exporter"))
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--web.listen-address={free}"))
        .env("HTTP_PROXY", format!("http://{}", proxy.target()))
        .env("NO_PROXY", "direct.invalid")
        .spawn()
        .unwrap();
    let url = |module: &str, host: &str| format!("http://{free}/probe?module={module}&target=http://{host}/");
    let ready = kit::eventually(std::time::Duration::from_secs(20), "the program answers", async || {
        kit::http::http_get(&format!("http://{free}/-/ready"), &[]).await
    });
    let ready = ready.await;
    let proxied = kit::http::http_get(&url("m", "a.invalid"), &[]).await;
    let direct = kit::http::http_get(&url("direct", "a.invalid"), &[]).await;
    program.kill().unwrap();
    program.wait().unwrap();
    ready.unwrap();
    assert!(proxied.unwrap().text().contains("\nprobe_success 1\n"));
    assert!(direct.unwrap().text().contains("\nprobe_success 0\n"));
    let heads = heads.lock().unwrap();
    assert!(heads.len() == 1 && heads[0].starts_with("GET http://a.invalid/ HTTP/1.1"), "{heads:?}");
}

#[tokio::test]
async fn what_is_no_answer() {
    let web = Web::start(|request| match request.path.as_str() {
        "/close" => Answer::Close,
        "/hang" => Answer::Hang,
        _ => Reply::text(200, "").into(),
    });
    let web = web.await.unwrap();
    let ssh = each(async |mut stream| {
        stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await.unwrap();
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest).await);
    });
    let headers = each(async |mut stream| {
        let head = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(1000));
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest).await);
    });
    let (ssh, headers) = (ssh.await, headers.await);
    let exporter: Exporter = start(&(module("") + "  hasty: {prober: http, timeout: 500ms}\n")).await;
    for (module, target, reason) in [
        ("m", web.url("/close"), "first_byte/closed"),
        ("hasty", web.url("/hang"), "first_byte/timeout"),
        ("m", format!("http://{}/", ssh.target()), "transfer/protocol"),
        ("m", format!("http://{}/", headers.target()), "transfer/protocol"),
        ("m", "http://127.0.0.1:1/".to_owned(), "connect/connect_refused"),
        ("m", "https://127.0.0.1:1/".to_owned(), "connect/connect_refused"),
        ("m", web.url("/x").replace("http", "https"), "tls/protocol"),
    ] {
        let page = exporter.ask(module, &target).await;
        page.succeeds(false);
        assert_eq!(page.reason(), reason, "{target}");
        assert_eq!(page.value("probe_http_status_code"), 0.0);
        assert_eq!(page.value("probe_http_content_length"), 0.0);
    }
}
