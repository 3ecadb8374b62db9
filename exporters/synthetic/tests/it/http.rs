//! Prober `http`: the cases of blackbox_exporter's `http_test.go` under their names, over plain HTTP.

use kit::web::{Answer, Reply, Request, Web};

use crate::{Exporter, Page, start};

/// A module `m` with these lines in its section, as upstream's bare structs are: no redirects, no HTTP/2.
fn bare(section: &str) -> String {
    module(&format!("follow_redirects: false, enable_http2: false, {section}"))
}

/// A module `m` with these lines in its section.
pub(crate) fn module(section: &str) -> String {
    format!("modules:\n  m:\n    prober: http\n    timeout: 10s\n    http: {{{section}}}\n")
}

/// An answer with these headers alone.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    let reply = Reply::new(status, "", body.into());
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Reply { headers, ..reply }.into()
}

/// The page of a server that answers like this.
async fn page(section: &str, handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Page {
    let web = Web::start(handler).await.unwrap();
    start(&bare(section)).await.ask("m", &web.url("")).await
}

/// A text as YAML has it in quotes.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

#[tokio::test]
async fn test_http_status_codes() {
    let web = Web::start(|request| answer(request.path.trim_start_matches('/').parse().unwrap(), &[], ""))
        .await
        .unwrap();
    for (status, valid, expected) in [
        (200, "[]", true),
        (201, "[]", true),
        (299, "[]", true),
        (300, "[]", false),
        (404, "[]", false),
        (404, "[200, 404]", true),
        (200, "[200, 404]", true),
        (201, "[200, 404]", false),
        (404, "[404]", true),
        (200, "[404]", false),
        // ours
        (204, "[2xx]", true),
        (301, "['200-299', '301']", true),
        (302, "['200-299', '301']", false),
    ] {
        let exporter = start(&bare(&format!("valid_status_codes: {valid}"))).await;
        let page = exporter.ask("m", &web.url(&format!("/{status}"))).await;
        page.succeeds(expected);
        assert_eq!(page.value("probe_http_status_code"), f64::from(status));
        assert_eq!(page.reason(), if expected { "" } else { "check/http_status" }, "{status} {valid}");
    }
}

#[tokio::test]
async fn test_valid_http_version() {
    for (versions, expected) in [
        ("[]", true),
        ("[HTTP/1.1]", true),
        ("[HTTP/1.1, HTTP/2.0]", true),
        ("[HTTP/2.0]", false),
        ("[HTTP/1.0]", false),
    ] {
        let page = page(&format!("valid_http_versions: {versions}"), |_| answer(200, &[], "")).await;
        page.succeeds(expected);
        assert_eq!(page.value("probe_http_version"), 1.1);
        assert_eq!(page.reason(), if expected { "" } else { "check/http_version" }, "{versions}");
    }
}

#[tokio::test]
async fn test_redirect_followed() {
    let web = Web::start(|request| match request.path.as_str() {
        "/" => answer(302, &[("location", "/noredirect")], ""),
        _ => answer(200, &[], ""),
    });
    let web = web.await.unwrap();
    let page = start(&module("")).await.ask("m", &web.url("")).await;
    page.succeeds(true);
    assert_eq!(page.value("probe_http_redirects"), 1.0);
    assert_eq!(page.value("probe_http_status_code"), 200.0);
}

#[tokio::test]
async fn test_redirect_not_followed() {
    let page =
        page("valid_status_codes: [302]", |_| answer(302, &[("location", "/noredirect")], "moved")).await;
    page.succeeds(true);
    assert_eq!(page.value("probe_http_redirects"), 1.0);
    // the body of an answer that is not followed is read all the same
    assert_eq!(page.value("probe_http_uncompressed_body_length"), 5.0);
}

#[tokio::test]
async fn test_redirection_limit() {
    let web = Web::start(|request| {
        let number: u32 = request.path.strip_prefix("/redirect-").map_or(0, |text| text.parse().unwrap());
        answer(302, &[("location", &format!("/redirect-{}", number + 1))], "")
    });
    let web = web.await.unwrap();
    let page = start(&module("")).await.ask("m", &web.url("")).await;
    page.succeeds(false);
    assert_eq!(page.value("probe_http_redirects"), 11.0);
    assert_eq!(page.value("probe_http_status_code"), 302.0);
    assert_eq!(page.reason(), "check/redirect_limit");
    let paths: Vec<_> = web.requests().into_iter().map(|request| request.path).collect();
    assert_eq!((paths.len(), paths.last().map(String::as_str)), (11, Some("/redirect-10")));
}

#[tokio::test]
async fn test_post() {
    let web = Web::start(|request| answer(if request.method == "POST" { 200 } else { 400 }, &[], ""));
    let web = web.await.unwrap();
    start(&bare("method: POST")).await.ask("m", &web.url("")).await.succeeds(true);
    assert_eq!(web.requests()[0].header("content-length"), "0");
}

#[tokio::test]
async fn test_basic_auth() {
    let web = Web::start(|_| answer(200, &[], "")).await.unwrap();
    let section =
        "basic_auth: {username: username, password: password}, tls_config: {insecure_skip_verify: false}";
    start(&bare(section)).await.ask("m", &web.url("")).await.succeeds(true);
    assert_eq!(web.requests()[0].header("authorization"), "Basic dXNlcm5hbWU6cGFzc3dvcmQ=");
}

#[tokio::test]
async fn test_bearer_token() {
    let web = Web::start(|_| answer(200, &[], "")).await.unwrap();
    let exporter = start(&bare("bearer_token: mysecret")).await;
    let page = exporter.ask("m", &web.url("")).await;
    page.succeeds(true);
    assert_eq!(web.requests()[0].header("authorization"), "Bearer mysecret");
    assert!(!page.text.contains("mysecret"));
    // a token in a file is read anew for each probe
    let exporter = start(&bare("bearer_token_file: token")).await;
    for token in ["one", "two"] {
        std::fs::write(exporter.folder.path().join("token"), format!("{token}\n")).unwrap();
        exporter.ask("m", &web.url("")).await.succeeds(true);
        assert_eq!(web.requests().last().unwrap().header("authorization"), format!("Bearer {token}"));
    }
}

#[tokio::test]
async fn test_fail_if_not_ssl() {
    let page = page("fail_if_not_ssl: true", |_| answer(200, &[], "")).await;
    page.succeeds(false);
    assert_eq!((page.value("probe_http_ssl"), page.reason().as_str()), (0.0, "check/tls_unwanted"));
}

#[tokio::test]
async fn test_fail_if_not_ssl_log_msg() {
    let web = Web::start(|request| match request.path.as_str() {
        "/slam" => Answer::Close,
        _ => answer(200, &[], ""),
    });
    let web = web.await.unwrap();
    for (section, path, reason) in [
        ("fail_if_not_ssl: true", "/", "check/tls_unwanted"),
        ("fail_if_not_ssl: false", "/", ""),
        ("fail_if_not_ssl: true", "/slam", "first_byte/closed"),
    ] {
        let page = start(&bare(section)).await.ask("m", &web.url(path)).await;
        page.succeeds(reason.is_empty());
        assert_eq!(page.reason(), reason, "{section} {path}");
    }
}

/// Runs cases of a body, a CEL expression, and whether the probe succeeds.
async fn cel(key: &str, cases: &[(&'static str, &str, bool); 12]) {
    for &(body, expression, expected) in cases {
        let page = page(&format!("{key}: {}", quoted(expression)), move |_| answer(200, &[], body)).await;
        page.succeeds(expected);
        let length = body.len() as f64;
        assert_eq!(
            page.value("probe_failed_due_to_cel"),
            f64::from(u8::from(!expected)),
            "{body} {expression}"
        );
        assert_eq!(page.value("probe_http_content_length"), length);
        assert_eq!(page.value("probe_http_uncompressed_body_length"), length);
        assert_eq!(page.reason(), if expected { "" } else { "check/body_json" });
    }
}

const BAZ: &str = r#"{"foo": {"bar": "baz"}}"#;

#[tokio::test]
async fn test_fail_if_body_matches_cel() {
    let cases = [
        (BAZ, "body.foo.bar == 'baz'", false),
        (BAZ, "body.foo.bar == 'qux'", true),
        ("{}", "body.foo.bar == 'qux'", false),
        (BAZ, "body.foo.bar", false),
        ("hello world", "body.foo.bar == 'baz'", false),
        ("{}", "body.foo.bar == 'baz'", false),
        (r#""foo""#, "body == 'foo'", false),
        (r#"["foo","bar","baz"]"#, "body[2] == 'baz'", false),
        ("true", "body", false),
        ("", "body.foo.bar == 'baz'", false),
        ("🤠🤠🤠", "body.foo.bar == 'baz'", false),
        (r#"{"foo": {"bar": "🤠🤠🤠"}}"#, "body.foo.bar == '😿😿😿'", true),
    ];
    cel("fail_if_body_json_matches_cel", &cases).await;
}

#[tokio::test]
async fn test_fail_if_body_not_matches_cel() {
    let cases = [
        (BAZ, "body.foo.bar == 'baz'", true),
        (BAZ, "body.foo.bar == 'qux'", false),
        ("{}", "body.foo.bar == 'qux'", false),
        (BAZ, "body.foo.bar", false),
        ("hello world", "body.foo.bar == 'baz'", false),
        ("{}", "!has(body.foo)", true),
        (r#""foo""#, "body == 'foo'", true),
        (r#"["foo","bar","baz"]"#, "body[2] == 'baz'", true),
        ("true", "body", true),
        ("", "body.foo.bar == 'baz'", false),
        ("🤠🤠🤠", "body.foo.bar == 'baz'", false),
        (r#"{"foo": {"bar": "🤠🤠🤠"}}"#, "body.foo.bar == '🤠🤠🤠'", true),
    ];
    cel("fail_if_body_json_not_matches_cel", &cases).await;
}

/// Runs cases of a body, patterns, and whether the probe succeeds.
async fn patterns(key: &str, cases: [(&'static str, &[&str], bool); 4]) {
    for (body, patterns, expected) in cases {
        let list: Vec<String> = patterns.iter().map(|pattern| quoted(pattern)).collect();
        let page = page(&format!("{key}: [{}]", list.join(", ")), move |_| answer(200, &[], body)).await;
        page.succeeds(expected);
        assert_eq!(
            page.value("probe_failed_due_to_regex"),
            f64::from(u8::from(!expected)),
            "{body} {patterns:?}"
        );
        assert_eq!(page.value("probe_http_content_length"), body.len() as f64);
        assert_eq!(page.value("probe_http_uncompressed_body_length"), body.len() as f64);
        assert_eq!(page.reason(), if expected { "" } else { "check/body_regex" });
        assert_eq!(page.find("probe_failed_due_to_cel"), None);
    }
}

#[tokio::test]
async fn test_fail_if_body_matches_regexp() {
    let both = &["could not connect to database", "internal error"][..];
    let cases = [
        ("Bad news: could not connect to database server", &both[..1], false),
        ("Download the latest version here", &both[..1], true),
        ("internal error", both, false),
        ("hello world", both, true),
    ];
    patterns("fail_if_body_matches_regexp", cases).await;
}

#[tokio::test]
async fn test_fail_if_body_not_matches_regexp() {
    let both = &["Download the latest version here", "Copyright 2015"][..];
    let cases = [
        ("Bad news: could not connect to database server", &both[..1], false),
        ("Download the latest version here", &both[..1], true),
        ("Download the latest version here", both, false),
        ("Download the latest version here. Copyright 2015 Test Inc.", both, true),
    ];
    patterns("fail_if_body_not_matches_regexp", cases).await;
}

/// A rule on a header and whether it may be missing, the header's values, and whether the probe succeeds.
type HeaderCase<'a> = (&'a str, &'a str, bool, &'static [&'static str], bool);

async fn headers(key: &str, cases: &[HeaderCase<'_>]) {
    for &(name, pattern, missing, values, expected) in cases {
        let rule = format!("{{header: {name}, regexp: {}, allow_missing: {missing}}}", quoted(pattern));
        let sent = name.to_owned();
        let section = format!("{key}: [{rule}]");
        let handler = move |_: &Request| {
            let headers: Vec<_> = values.iter().map(|value| (sent.as_str(), *value)).collect();
            answer(200, &headers, "")
        };
        let page = page(&section, handler).await;
        page.succeeds(expected);
        assert_eq!(
            page.value("probe_failed_due_to_regex"),
            f64::from(u8::from(!expected)),
            "{rule} {values:?}"
        );
        assert_eq!(page.reason(), if expected { "" } else { "check/header" });
    }
}

const COOKIE: &str = "gid=1; Expires=Tue, 19-Mar-2019 20:08:29 GMT; Domain=.example.com; Path=/";
const OTHER_COOKIE: &str = "zz=4; expires=Mon, 01-Jan-1990 00:00:00 GMT; Domain=www.example.com; Path=/";
const DOMAIN: &str = r".*Domain=\.example\.com.*";

#[tokio::test]
async fn test_fail_if_header_matches_regexp() {
    let cases: [HeaderCase<'_>; 9] = [
        ("Content-Type", "text/javascript", false, &["text/javascript"], false),
        ("Content-Type", "text/javascript", false, &["application/octet-stream"], true),
        ("content-type", "text/javascript", false, &["application/octet-stream"], true),
        ("Content-Type", ".*", false, &[""], false),
        ("Content-Type", ".*", false, &[], false),
        ("Content-Type", ".*", true, &[""], false),
        ("Content-Type", ".*", true, &[], true),
        ("Set-Cookie", DOMAIN, false, &[COOKIE], false),
        ("Set-Cookie", DOMAIN, false, &[OTHER_COOKIE, COOKIE], false),
    ];
    headers("fail_if_header_matches", &cases).await;
}

#[tokio::test]
async fn test_fail_if_header_not_matches_regexp() {
    let cases: [HeaderCase<'_>; 8] = [
        ("Content-Type", "text/javascript", false, &["text/javascript"], true),
        ("content-type", "text/javascript", false, &["text/javascript"], true),
        ("Content-Type", "text/javascript", false, &["application/octet-stream"], false),
        ("Content-Type", ".*", false, &[""], true),
        ("Content-Type", ".*", false, &[], false),
        ("Content-Type", ".*", true, &[], true),
        ("Set-Cookie", DOMAIN, false, &[OTHER_COOKIE], false),
        ("Set-Cookie", DOMAIN, false, &[OTHER_COOKIE, COOKIE], true),
    ];
    headers("fail_if_header_not_matches", &cases).await;
}

#[tokio::test]
async fn test_http_headers() {
    let web = Web::start(|_| answer(200, &[], "")).await.unwrap();
    let section = "headers: {Host: my-secret-vhost.com, User-Agent: unsuspicious-user, Accept-Language: en-US}, \
                   http_headers: {X-Own: {values: [a, b], files: [own]}}";
    let exporter = start(&bare(section)).await;
    std::fs::write(exporter.folder.path().join("own"), "c\n").unwrap();
    exporter.ask("m", &web.url("")).await.succeeds(true);
    let request = web.requests().remove(0);
    for (name, value) in [
        ("host", "my-secret-vhost.com"),
        ("user-agent", "unsuspicious-user"),
        ("accept-language", "en-US"),
        ("connection", "close"),
        ("accept-encoding", ""),
    ] {
        assert_eq!(request.header(name), value, "{name}");
    }
    let own: Vec<_> =
        request.headers.iter().filter(|(name, _)| name == "x-own").map(|(_, value)| value).collect();
    assert_eq!(own, ["a", "b", "c"]);
}

#[tokio::test]
async fn test_tls_config_is_ignored_for_plain_http() {
    let page = page("tls_config: {insecure_skip_verify: false}", |_| answer(200, &[], "")).await;
    page.succeeds(true);
    assert_eq!(page.value("probe_http_ssl"), 0.0);
}

#[tokio::test]
async fn test_cookie_jar() {
    let web = Web::start(|request| match request.path.as_str() {
        "/" => {
            let cookie = "somecookie=cookie; Expires=Wed, 09 Jun 2100 10:18:14 GMT";
            answer(302, &[("location", "/noredirect"), ("set-cookie", cookie)], "")
        }
        _ => answer(200, &[], ""),
    });
    let web = web.await.unwrap();
    start(&module("")).await.ask("m", &web.url("")).await.succeeds(true);
    let cookies: Vec<_> = web.requests().iter().map(|request| request.header("cookie").to_owned()).collect();
    assert_eq!(cookies, ["", "somecookie=cookie"]);
}

#[tokio::test]
async fn test_body() {
    let web = Web::start(|_| answer(200, &[], "")).await.unwrap();
    for section in ["body: Test Body", "body_file: body.txt"] {
        let exporter: Exporter = start(&bare(section)).await;
        std::fs::write(exporter.folder.path().join("body.txt"), "Test Body").unwrap();
        exporter.ask("m", &web.url("")).await.succeeds(true);
        let request = web.requests().pop().unwrap();
        assert_eq!((request.text().as_str(), request.header("content-length")), ("Test Body", "9"));
    }
    let missing = start(&bare("body_file: nowhere")).await.ask("m", &web.url("")).await;
    missing.succeeds(false);
    assert_eq!(missing.reason(), "probe/internal");
}

#[tokio::test]
async fn last_modified() {
    for (header, expected) in [
        ("Mon, 01 Jan 2024 00:00:00 GMT", Some(1_704_067_200.0)),
        ("Monday, 01-Jan-24 00:00:00 GMT", Some(1_704_067_200.0)),
        ("yesterday", None),
    ] {
        let page = page("", move |_| answer(200, &[("last-modified", header)], "")).await;
        assert_eq!(page.find("probe_http_last_modified_timestamp_seconds"), expected, "{header}");
    }
}
