//! Prober `journey` against a small shop with a login, a token against forgery, cookies, redirects and a logout.

use std::time::Duration;

use kit::http::percent_encode;
use kit::web::{Answer, Reply, Request, Web};
use tokio::time::Instant;

use crate::checks::until;
use crate::http::answer;
use crate::{Exporter, Page, start};

/// What nobody may see: the password, the session and what the server gives.
const SECRETS: [&str; 4] = ["pass&canary", "pass%26canary", "session-canary", "token/canary"];

/// The whole way. `WEB` is the shop.
const SHOP: &str = "modules:
  shop:
    prober: journey
    timeout: 9s
    journey:
      variables: {user: 'mon itor'}
      secrets: {password_file: password}
      steps:
        - name: form
          extract:
            csrf: {regexp: 'name=\"csrf\" value=\"([^\"]+)\"'}
        - name: login
          url: /login
          form: {user: '{{user}}', password: '{{ password }}', csrf: '{{csrf}}'}
          timeout: 5s
          extract:
            session: {cookie: session}
            ref: {json: /orders/0/ref}
            id: {json: /orders/0/id}
            stamp: {header: X-Stamp, regexp: '^v(.+)$'}
        - name: order
          url: /api/orders
          headers: {Authorization: 'Bearer {{session}}', X-Stamp: 'is {{stamp}}'}
          json: '{\"ref\": \"{{ref}}\", \"text\": \"<{{ref}}>\", \"of\": [\"{{id}}\", 2, true]}'
          valid_status_codes: [200-299]
          fail_if_body_json_not_matches_cel: 'body.ok == true'
          warn: {slower_than: 8s}
          extract:
            order: {json: /location}
        - name: look
          url: '/api/orders/{{ref}}?id={{id}}'
        - name: follow
          url: '{{order}}'
          valid_status_codes: [2xx]
      cleanup:
        - {name: logout, method: POST, url: /logout}
";

/// The shop.
fn shop(request: &Request) -> Answer {
    let session = request.header("cookie").contains("session=session-canary");
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/start") => answer(
            200,
            &[("set-cookie", "visitor=1; Path=/")],
            "<input name=\"csrf\" value=\"token/canary\">",
        ),
        ("POST", "/login") => {
            let form = "user=mon+itor&password=pass%26canary&csrf=token%2Fcanary";
            let good = request.text() == form && request.header("cookie") == "visitor=1";
            let headers = [("location", "/home"), ("set-cookie", "session=session-canary; Path=/; HttpOnly")];
            if good { answer(302, &headers, "") } else { answer(403, &[], "") }
        }
        ("GET", "/home") if session => {
            answer(200, &[("x-stamp", "v7")], r#"{"orders": [{"id": 17, "ref": "a/b\"c d"}]}"#)
        }
        ("POST", "/api/orders") if request.header("authorization") == "Bearer session-canary" => {
            let location = r#"{"ok": true, "location": "/api/orders/1?full=1"}"#;
            answer(201, &[], location)
        }
        ("GET", path) if session && path.starts_with("/api/orders/") => answer(200, &[], ""),
        ("POST", "/logout") if session => answer(204, &[("set-cookie", "session=; Path=/; Max-Age=0")], ""),
        _ => answer(404, &[], ""),
    }
}

/// An exporter with a journey of these keys, written as in a block of the file.
async fn exporter(section: &str) -> Exporter {
    let section = section.lines().map(|line| format!("      {line}")).collect::<Vec<_>>().join("\n");
    let config = format!("modules:\n  m:\n    prober: journey\n    timeout: 9s\n    journey:\n{section}");
    let exporter = start(&config).await;
    std::fs::write(exporter.folder.path().join("password"), "pass&canary\n").unwrap();
    exporter
}

/// The page of one journey, without the secrets' file being needed.
async fn run(section: &str, web: &Web) -> Page {
    exporter(section).await.ask("m", &web.url("/start")).await
}

fn paths(web: &Web) -> Vec<String> {
    web.requests().iter().map(|request| format!("{} {}", request.method, request.path)).collect()
}

/// The reason of a step's failure: `phase/reason`, or nothing.
fn reason(page: &Page, step: &str) -> String {
    let all = page.series("journey_step_failure_reason");
    let Some((series, _)) = all.iter().find(|(series, _)| series.contains(&format!("step=\"{step}\"")))
    else {
        return String::new();
    };
    let label = |name: &str| {
        let (_, rest) = series.split_once(&format!("{name}=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    format!("{}/{}", label("phase"), label("reason"))
}

#[track_caller]
fn succeeds(page: &Page, step: &str, expected: Option<bool>) {
    let found = page.find(&format!("journey_step_success{{journey=\"m\",step=\"{step}\"}}"));
    assert_eq!(found, expected.map(|good| f64::from(u8::from(good))), "{step}: {}", page.text);
}

#[tokio::test]
async fn a_user_goes_all_the_way_and_nobody_sees_the_secrets() {
    let web = Web::start(shop).await.unwrap();
    let exporter = start(SHOP).await;
    std::fs::write(exporter.folder.path().join("password"), "pass&canary\n").unwrap();
    let target = web.url("/start");
    let page = exporter.ask("shop", &target).await;
    page.succeeds(true);
    assert_eq!(page.value("journey_success{journey=\"shop\"}"), 1.0);
    assert_eq!(page.value("probe_degraded"), 0.0, "{}", page.text);
    for (step, status) in [
        ("form", 200.0),
        ("login", 200.0),
        ("order", 201.0),
        ("look", 200.0),
        ("follow", 200.0),
        ("logout", 204.0),
    ] {
        let labels = format!("{{journey=\"shop\",step=\"{step}\"}}");
        assert_eq!(page.value(&format!("journey_step_success{labels}")), 1.0);
        assert_eq!(page.value(&format!("journey_step_http_status_code{labels}")), status);
        assert!(page.value(&format!("journey_step_duration_seconds{labels}")) > 0.0);
    }
    assert!(page.series("journey_step_failure_reason").is_empty());
    assert_eq!(page.value("probe_ip_protocol"), 4.0);

    let requests = web.requests();
    let order = requests.iter().find(|request| request.path == "/api/orders").unwrap();
    let sent = serde_json::json!({"ref": "a/b\"c d", "text": "<a/b\"c d>", "of": [17, 2, true]});
    assert_eq!(order.json().unwrap(), sent, "of the variable's own type, and escaped");
    assert_eq!((order.header("content-type"), order.header("x-stamp")), ("application/json", "is 7"));
    let look = requests.iter().find(|request| request.path == "/api/orders/a%2Fb%22c%20d").unwrap();
    assert_eq!(look.query, "id=17");
    assert_eq!(requests.last().unwrap().path, "/logout");

    let query = format!("/probe?module=shop&target={}&debug=true", percent_encode(&target));
    let debug = exporter.get(&query, "10").await.text();
    for line in ["step form: GET ", "step login: POST /login", "step logout succeeded", "`csrf` is found"] {
        assert!(debug.contains(line), "{line}: {debug}");
    }
    let mut pages = vec![debug];
    for path in ["/", "/logs?id=0", "/config", "/metrics"] {
        pages.push(exporter.get(path, "10").await.text());
    }
    for secret in SECRETS {
        assert!(!pages.iter().any(|page| page.contains(secret)), "{secret}: {pages:?}");
    }
}

#[tokio::test]
async fn the_phases_of_all_steps_add_up_to_the_whole() {
    let web = Web::start(shop).await.unwrap();
    let exporter = start(SHOP).await;
    std::fs::write(exporter.folder.path().join("password"), "pass&canary\n").unwrap();
    let mut gaps = Vec::new();
    for _ in 0..5 {
        let page = exporter.ask("shop", &web.url("/start")).await;
        let phases: f64 = page.series("probe_phase_duration_seconds").iter().map(|(_, took)| took).sum();
        let whole = page.value("probe_duration_seconds");
        gaps.push((whole - phases).abs() - whole / 100.0);
    }
    // a busy machine may stop us between two phases, but not each time
    assert!(gaps.iter().any(|gap| *gap <= 0.001), "{gaps:?}");
}

#[tokio::test]
async fn each_kind_of_failure_has_its_step_and_its_reason() {
    let web = Web::start(|request: &Request| match request.path.as_str() {
        "/start" => answer(200, &[("x-a", "1")], r#"{"ok": true, "to": "ftp://a/", "line": "a\r\nb"}"#),
        "/500" => answer(500, &[], "canary"),
        "/hang" => Answer::Hang,
        "/close" => Answer::Close,
        "/slow" => Reply::text(200, "").after(Duration::from_millis(60)).into(),
        "/metadata" => answer(302, &[("location", "http://169.254.169.254/")], ""),
        "/loop" => answer(302, &[("location", "/loop")], ""),
        "/large" => answer(200, &[("x-large", &"a".repeat(9000))], format!("\"{}\"", "a".repeat(2 << 20))),
        _ => answer(404, &[], ""),
    });
    let web = web.await.unwrap();
    for (step, expected) in [
        ("url: /500", "check/http_status"),
        ("url: /none", "check/http_status"),
        ("valid_status_codes: [201, 4xx]", "check/http_status"),
        ("fail_if_header_not_matches: [{header: X-A, regexp: '2'}]", "check/header"),
        ("fail_if_body_not_matches_regexp: [other]", "check/body_regex"),
        ("fail_if_body_json_matches_cel: body.ok", "check/body_json"),
        ("url: /hang, timeout: 200ms", "first_byte/timeout"),
        ("url: /close", "first_byte/closed"),
        ("url: /slow, fail_if_slower_than: 20ms", "check/slow"),
        ("url: 'http://127.0.0.1:1/'", "connect/connect_refused"),
        ("url: 'http://169.254.169.254/'", "target/target_denied"),
        ("url: /metadata", "target/redirect_blocked"),
        ("url: /loop", "check/redirect_limit"),
        ("url: /large, body_size_limit: 1MB", "transfer/body_too_large"),
        ("url: /large, extract: {x: {json: ''}}", "check/body_too_large"),
        ("url: /large, extract: {x: {header: X-Large}}", "check/step_extract"),
        ("extract: {x: {json: /none}}", "check/step_extract"),
        ("extract: {x: {regexp: none}}", "check/step_extract"),
        ("extract: {x: {header: X-None}}", "check/step_extract"),
        ("extract: {x: {cookie: none}}", "check/step_extract"),
        ("url: '{{to}}'", "target/target_invalid"),
        ("url: 'http://{{line}}/'", "target/target_invalid"),
        ("headers: {X-B: '{{line}}'}", "send/step_extract"),
    ] {
        let section = format!(
            "steps:\n- {{name: first, extract: {{to: {{json: /to}}, line: {{json: /line}}}}}}\n- {{name: bad, {step}}}\n- {{name: never}}"
        );
        let page = run(&section, &web).await;
        page.succeeds(false);
        assert_eq!(
            (page.reason(), reason(&page, "bad")),
            (expected.to_owned(), expected.to_owned()),
            "{step}"
        );
        succeeds(&page, "first", Some(true));
        succeeds(&page, "bad", Some(false));
        succeeds(&page, "never", None);
        assert_eq!(page.value("journey_success{journey=\"m\"}"), 0.0);
    }
}

#[tokio::test]
async fn a_warning_is_of_its_step() {
    let web = Web::start(|_| Reply::text(200, "").after(Duration::from_millis(5)).into()).await.unwrap();
    let page = run("steps: [{name: fast}, {name: slow, warn: {slower_than: 1ms}}]", &web).await;
    page.succeeds(true);
    assert_eq!(page.value("probe_degraded"), 1.0);
    let warned = page.series("journey_step_warning_reason");
    assert!(warned.len() == 1 && warned[0].0.contains("step=\"slow\""), "{warned:?}");
}

/// A shop that gives a session and has a page that hangs.
fn sessions(request: &Request) -> Answer {
    match request.path.as_str() {
        "/start" => answer(200, &[("set-cookie", "session=1")], r#"{"id": "7"}"#),
        "/hang" => Answer::Hang,
        "/fail" => answer(500, &[], ""),
        _ => answer(200, &[], ""),
    }
}

#[tokio::test]
async fn what_was_begun_is_cleaned_up_whatever_came_of_it() {
    let take = "extract: {id: {json: /id}}";
    for (steps, cleanup, expected, left_out) in [
        ("{name: a}", "{name: out, url: /out}", "GET /start GET /out", false),
        (
            "{name: a}, {name: b, url: /fail}, {name: c}",
            "{name: out, url: /out}",
            "GET /start GET /fail GET /out",
            false,
        ),
        // one that fails does not keep the next from its turn
        (
            "{name: a}",
            "{name: x, url: /fail}, {name: out, url: /out}",
            "GET /start GET /fail GET /out",
            false,
        ),
        // what was never found cannot be cleaned up
        (
            &format!("{{name: a, url: /fail}}, {{name: b, {take}}}"),
            "{name: out, url: '/out/{{id}}'}",
            "GET /fail",
            true,
        ),
        (
            &format!("{{name: b, {take}}}"),
            "{name: out, method: DELETE, url: '/out/{{id}}'}",
            "GET /start DELETE /out/7",
            false,
        ),
        // nothing was asked, so that there is nothing to clean up
        ("{name: a, url: 'http://127.0.0.1:1/'}", "{name: out, url: /out}", "", true),
    ] {
        let web = Web::start(sessions).await.unwrap();
        let page = run(&format!("steps: [{steps}]\ncleanup: [{cleanup}]"), &web).await;
        assert_eq!(paths(&web).join(" "), expected, "{steps}");
        succeeds(&page, "out", (!left_out).then_some(true));
    }
}

#[tokio::test]
async fn time_is_kept_for_cleaning_up() {
    let web = Web::start(sessions).await.unwrap();
    let exporter = exporter(
        "steps: [{name: a}, {name: b, url: /hang}]\ncleanup: [{name: stuck, url: /hang}, {name: out, url: /out}]\ncleanup_time: 1s",
    )
    .await;
    let begun = Instant::now();
    let query = format!("/probe?module=m&target={}", percent_encode(&web.url("/start")));
    // two seconds and the offset: a second for the steps, half of one for each that cleans up
    let text = exporter.get(&query, "2.5").await.ok().unwrap().text();
    let page = Page { text };
    assert!(begun.elapsed() < Duration::from_millis(2500), "answered before the scrape gives up");
    assert_eq!(page.reason(), "first_byte/timeout");
    assert_eq!((reason(&page, "b"), reason(&page, "stuck")), (page.reason(), page.reason()));
    succeeds(&page, "out", Some(true));
    assert_eq!(web.requests().last().unwrap().header("cookie"), "session=1");
}

#[tokio::test]
async fn a_clean_up_that_fails_is_a_warning() {
    let web = Web::start(sessions).await.unwrap();
    let page = run("steps: [{name: a}]\ncleanup: [{name: out, url: /fail}]", &web).await;
    page.succeeds(true);
    assert_eq!(page.value("probe_degraded"), 1.0);
    assert_eq!(page.value("journey_success{journey=\"m\"}"), 1.0);
    assert_eq!(reason(&page, "out"), "check/http_status");
    succeeds(&page, "out", Some(false));
}

/// What a server saw of who we are, request by request.
fn seen(web: &Web) -> Vec<[String; 3]> {
    let requests = web.requests().into_iter();
    requests
        .map(|request| ["authorization", "x-api-key", "cookie"].map(|name| request.header(name).to_owned()))
        .collect()
}

#[tokio::test]
async fn who_we_are_is_told_to_the_target_alone() {
    let other = Web::start(|_| answer(200, &[("set-cookie", "theirs=1")], "")).await.unwrap();
    let away = other.url("/landed");
    let web = Web::start(move |request| match request.path.as_str() {
        "/start" => answer(200, &[("set-cookie", "ours=1")], ""),
        "/away" => answer(302, &[("location", &away)], ""),
        _ => answer(200, &[], ""),
    });
    let web = web.await.unwrap();
    let section = format!(
        "basic_auth: {{username: u, password: p}}
http_headers: {{X-Api-Key: {{secrets: [key]}}, X-Plain: {{values: [x]}}}}
preferred_ip_protocol: ip4
steps:
- {{name: start}}
- {{name: other, url: '{}'}}
- {{name: away, url: /away}}
- {{name: back, url: /back}}",
        other.url("/own")
    );
    // by another name than the other server has, though at the same address
    let target = format!("http://localhost:{}/start", web.address().port());
    exporter(&section).await.ask("m", &target).await.succeeds(true);
    let ours = |cookie: &str| ["Basic dTpw", "key", cookie].map(str::to_owned);
    assert_eq!(seen(&web), [ours(""), ours("ours=1"), ours("ours=1")]);
    let theirs = |cookie: &str| ["", "", cookie].map(str::to_owned);
    assert_eq!(seen(&other), [theirs(""), theirs("theirs=1")]);
    assert_eq!(other.requests()[0].header("x-plain"), "x");
}

#[tokio::test]
async fn what_is_secret_goes_to_no_host_that_a_server_chose() {
    let web = Web::start(|request: &Request| match request.path.as_str() {
        "/start" => answer(200, &[], r#"{"to": "http://evil.invalid/x", "csrf": "canary"}"#),
        "/twice" => answer(307, &[("location", "http://127.0.0.1:1/")], ""),
        _ => answer(200, &[], ""),
    });
    let web = web.await.unwrap();
    let first = "{name: a, extract: {to: {json: /to}, csrf: {json: /csrf}}}";
    for (step, expected) in [
        ("url: '{{to}}', form: {a: '{{password}}'}", "target/target_denied"),
        ("url: '{{to}}', json: '{\"a\": \"{{csrf}}\"}'", "target/target_denied"),
        ("url: '{{to}}', headers: {X-A: '{{password}}'}", "target/target_denied"),
        ("url: '{{to}}?a={{password}}'", "target/target_denied"),
        ("url: '{{to}}', headers: {X-Api-Key: literal}", "target/target_denied"),
        ("url: '{{to}}', form: {password: literal}", "target/target_denied"),
        ("url: /twice, form: {a: '{{password}}'}", "check/redirect_blocked"),
        ("url: /ok, form: {a: '{{password}}'}", ""),
    ] {
        let section = format!("secrets: {{password_file: password}}\nsteps: [{first}, {{name: b, {step}}}]");
        let page = run(&section, &web).await;
        assert_eq!(page.reason(), expected, "{step}: {}", page.text);
        succeeds(&page, "a", Some(true));
    }
    // with nothing to lose it goes there, as far as the guard lets it
    let page = run(&format!("steps: [{first}, {{name: b, url: '{{{{to}}}}'}}]"), &web).await;
    assert!(page.reason().starts_with("resolve/dns_"), "{}", page.text);
    // as a check, too, whose target the file itself names
    let config = format!(
        "checks: {{c: {{interval: 1s, target: '{}', module: {{prober: journey, journey: {{secrets: {{key: canary}}, steps: [{first}, {{name: b, url: '{{{{to}}}}', form: {{a: '{{{{key}}}}'}}}}]}}}}}}}}",
        web.url("/start")
    );
    let checked = start(&config).await;
    until(&checked, "the check", |page| {
        let found = page.series("journey_step_failure_reason");
        found.iter().any(|(series, _)| series.contains("reason=\"target_denied\"")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_journey_with_secrets_goes_only_where_the_module_says() {
    let exporter = exporter("secrets: {key: canary}\nsteps: [{name: a, url: '/{{key}}'}]").await;
    for (target, status) in
        [("http://other.invalid/", 403), ("http://127.0.0.1:1/", 200), ("http://169.254.169.254/", 403)]
    {
        let response = exporter.get(&format!("/probe?module=m&target={target}"), "5").await;
        assert_eq!(response.status, status, "{target}");
        assert!(!response.text().contains("canary"));
    }
    let missing = exporter_without_file().await;
    let page = missing.ask("m", "http://127.0.0.1:1/").await;
    assert_eq!(page.reason(), "token/internal");
    assert_eq!(missing.ask("m", "http://[::1/").await.reason(), "target/target_invalid");
}

async fn exporter_without_file() -> Exporter {
    let found = exporter("secrets: {key_file: none}\nsteps: [{name: a, url: '/{{key}}'}]").await;
    assert!(!found.folder.path().join("none").exists());
    found
}

#[tokio::test]
async fn cookies_go_by_the_host_of_the_url() {
    let web = Web::start(|_| answer(200, &[("set-cookie", "s=1; Path=/")], "")).await.unwrap();
    let port = web.address().port();
    let section = format!(
        "preferred_ip_protocol: ip4\nsteps: [{{name: a}}, {{name: b, url: /b}}, {{name: c, url: 'http://localhost:{port}/c'}}, {{name: d, url: /d, method: POST}}]"
    );
    run(&section, &web).await.succeeds(true);
    let cookies: Vec<_> = web.requests().iter().map(|request| request.header("cookie").to_owned()).collect();
    assert_eq!(cookies, ["", "s=1", "", "s=1"]);
}

#[tokio::test]
async fn a_check_shows_each_step_on_its_cadence() {
    let web = Web::start(sessions).await.unwrap();
    let config = format!(
        "modules:\n  buy: {{prober: journey, journey: {{steps: [{{name: start}}, {{name: pay, url: /fail}}], cleanup: [{{name: out, url: /out}}]}}}}
checks:\n  shop: {{module: buy, target: '{url}', interval: 1s, labels: {{team: web}}}}\n",
        url = web.url("/start")
    );
    let exporter = start(&config).await;
    let labels = format!("check=\"shop\",target=\"{}\",team=\"web\",journey=\"buy\"", web.url("/start"));
    let page = until(&exporter, "the check", |page| {
        page.find(&format!("journey_success{{{labels}}}")).map(|_| Page { text: page.text.clone() })
    })
    .await;
    assert_eq!(page.value(&format!("journey_success{{{labels}}}")), 0.0);
    for (step, good) in [("start", 1.0), ("pay", 0.0), ("out", 1.0)] {
        assert_eq!(page.value(&format!("journey_step_success{{{labels},step=\"{step}\"}}")), good);
        page.value(&format!("journey_step_duration_seconds{{{labels},step=\"{step}\"}}"));
    }
    let failed = format!(
        "journey_step_failure_reason{{{labels},step=\"pay\",phase=\"check\",reason=\"http_status\"}}"
    );
    assert_eq!(page.value(&failed), 1.0);
    // and for who asks, on /probe
    let asked = exporter.ask("buy", &web.url("/start")).await;
    assert_eq!(asked.value("journey_step_success{journey=\"buy\",step=\"pay\"}"), 0.0);
}
