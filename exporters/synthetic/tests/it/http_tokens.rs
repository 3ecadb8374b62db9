//! Prober `http`: tokens of OAuth 2, fetched once and used until they are nearly over.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use kit::tls::{Authority, LOOPBACK};
use kit::web::{Answer, Reply, Request, Web};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

use crate::http::{answer, module};
use crate::{Exporter, start};

/// A server that gives tokens at `/token`, and a page behind them at `/`; and how many tokens it gave.
async fn server(
    give: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static,
    accepts: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> (Web, Arc<AtomicUsize>) {
    let given = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&given);
    let web = Web::start(move |request| match request.path.as_str() {
        "/token" => give(request, count.fetch_add(1, Ordering::SeqCst) + 1),
        _ => answer(if accepts(request.header("authorization")) { 200 } else { 401 }, &[], ""),
    });
    (web.await.unwrap(), given)
}

fn token(text: &str, seconds: u64) -> Answer {
    Reply::json(200, &json!({"access_token": text, "token_type": "bearer", "expires_in": seconds})).into()
}

/// A module `m` that gets its tokens there.
async fn exporter(web: &Web, more: &str) -> Exporter {
    let url = web.url("/token");
    start(&module(&format!("oauth2: {{client_id: me, client_secret: s3cret, token_url: '{url}'{more}}}")))
        .await
}

#[tokio::test]
async fn a_thousand_probes_need_one_token() {
    let (web, given) = server(|_, _| token("abc", 3600), |header| header == "Bearer abc").await;
    let exporter = exporter(&web, ", scopes: [read, write], endpoint_params: {audience: 'a b'}").await;
    for _ in 0..20 {
        let probes = (0..50).map(|_| async { exporter.ask("m", &web.url("/")).await });
        for page in join_all(probes).await {
            page.succeeds(true);
        }
    }
    assert_eq!(given.load(Ordering::SeqCst), 1);
    let asked = web.requests().into_iter().find(|request| request.path == "/token").unwrap();
    assert_eq!(asked.text(), "grant_type=client_credentials&scope=read+write&audience=a+b");
    assert_eq!((asked.method.as_str(), asked.header("authorization")), ("POST", "Basic bWU6czNjcmV0"));
    let page = exporter.ask("m", &web.url("/")).await;
    assert_eq!(page.find("probe_failure_reason"), None);
    assert!(page.find("probe_phase_duration_seconds{phase=\"token\"}").is_some());
}

#[tokio::test]
async fn a_server_that_wants_the_secret_in_the_form() {
    let give = |request: &Request, _| match request.header("authorization") {
        "" if request.text().ends_with("&client_id=me&client_secret=s3cret") => token("abc", 1),
        _ => answer(401, &[], ""),
    };
    let (web, given) = server(give, |header| header == "Bearer abc").await;
    let exporter = exporter(&web, "").await;
    exporter.ask("m", &web.url("/")).await.succeeds(true);
    assert_eq!(given.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_token_that_is_nearly_over_is_fetched_anew() {
    // a life of a nanosecond is over at once
    let give = |_: &Request, number: usize| {
        Reply::json(200, &json!({"access_token": format!("t{number}"), "expires_in": 1e-9})).into()
    };
    let (web, given) = server(give, |header| header.starts_with("Bearer t")).await;
    let exporter = exporter(&web, "").await;
    for number in 1..4 {
        exporter.ask("m", &web.url("/")).await.succeeds(true);
        assert_eq!(given.load(Ordering::SeqCst), number);
    }
}

#[tokio::test]
async fn a_target_that_refuses_every_token_costs_one_request_in_a_while() {
    let (web, given) = server(|_, _| token("abc", 3600), |_| false).await;
    let exporter = exporter(&web, "").await;
    for _ in 0..5 {
        let page = exporter.ask("m", &web.url("/")).await;
        assert_eq!(page.reason(), "check/http_status");
    }
    assert_eq!(given.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_goes_wrong_is_told_without_the_secret() {
    for (answered, expected) in [
        (Reply::text(500, "s3cret"), "status is 500"),
        (Reply::text(200, "no json"), "the answer holds none"),
        (Reply::json(200, &json!({"access_token": ""})), "the answer holds none"),
    ] {
        let (web, _) = server(move |_, _| answered.clone().into(), |_| true).await;
        let exporter = exporter(&web, "").await;
        let page = exporter.ask("m", &web.url("/")).await;
        page.succeeds(false);
        assert_eq!(page.reason(), "token/auth_token");
        assert!(
            web.requests().iter().all(|request| request.path == "/token"),
            "the page is not asked for without one"
        );
        let text =
            exporter.get(&format!("/probe?module=m&target={}&debug=true", web.url("/")), "5").await.text();
        assert!(text.contains(expected) && !text.contains("s3cret"), "{text}");
    }
    let (web, _) = server(|_, _| Answer::Hang, |_| true).await;
    let exporter = exporter(&web, "").await;
    let get = async || exporter.get(&format!("/probe?module=m&target={}", web.url("/")), "1").await.text();
    // the one who waits for the other's token is in time, too
    let (one, other) = tokio::join!(get(), get());
    for text in [one, other] {
        assert!(text.contains("probe_failure_reason{phase=\"token\",reason=\"auth_token\"} 1"), "{text}");
    }
}

#[tokio::test]
async fn a_secret_in_a_file_may_change() {
    let (web, given) = server(|_, number| token(&format!("t{number}"), 3600), |_| true).await;
    let url = web.url("/token");
    let section = format!("oauth2: {{client_id: me, client_secret_file: secret, token_url: '{url}'}}");
    let exporter = start(&module(&section)).await;
    for (secret, number) in [("one", 1), ("one", 1), ("two", 2), ("one", 2)] {
        std::fs::write(exporter.folder.path().join("secret"), secret).unwrap();
        exporter.ask("m", &web.url("/")).await.succeeds(true);
        assert_eq!(given.load(Ordering::SeqCst), number, "{secret}");
    }
    std::fs::remove_file(exporter.folder.path().join("secret")).unwrap();
    assert_eq!(exporter.ask("m", &web.url("/")).await.reason(), "token/auth_token");
}

#[tokio::test]
async fn a_signed_statement_instead_of_a_secret() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let (web, _) = server(|_, _| token("abc", 60), |header| header == "Bearer abc").await;
    let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let url = web.url("/token");
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    let section = format!(
        "oauth2: {{client_id: me, grant_type: '{grant}', client_certificate_key_file: key.pem, \
         client_certificate_key_id: k1, signature_algorithm: RS384, claims: {{team: ops}}, scopes: [x], token_url: '{url}'}}"
    );
    let exporter = start(&module(&section)).await;
    std::fs::write(exporter.folder.path().join("key.pem"), pair.serialize_pem()).unwrap();
    exporter.ask("m", &web.url("/")).await.succeeds(true);
    let form = web.requests()[0].text();
    assert!(
        form.starts_with("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="),
        "{form}"
    );
    assert!(form.ends_with("&scope=x"), "{form}");
    let (_, rest) = form.split_once("assertion=").unwrap();
    let assertion = rest.split('&').next().unwrap();
    let parts: Vec<Vec<u8>> =
        assertion.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    let [head, claims] = [0, 1].map(|at| serde_json::from_slice::<Value>(&parts[at]).unwrap());
    assert_eq!(head, json!({"alg": "RS384", "typ": "JWT", "kid": "k1"}));
    for (name, expected) in
        [("iss", "me"), ("sub", "me"), ("aud", url.as_str()), ("scope", "x"), ("team", "ops")]
    {
        assert_eq!(claims[name], expected, "{name}");
    }
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    let signed = assertion.rsplit_once('.').unwrap().0;
    let public = aws_lc_rs::signature::UnparsedPublicKey::new(
        &aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA384,
        pair.public_key_raw(),
    );
    public.verify(signed.as_bytes(), &parts[2]).unwrap();

    std::fs::write(exporter.folder.path().join("key.pem"), "s3cret").unwrap();
    let debug =
        exporter.get(&format!("/probe?module=m&target={}&debug=true", web.url("/")), "5").await.text();
    assert!(debug.contains("no RSA key in PEM") && !debug.contains("s3cret"), "{debug}");
}

#[tokio::test]
async fn the_token_s_server_has_tls_of_its_own() {
    let authority = Authority::new().unwrap();
    let identity = authority.server(&LOOPBACK).unwrap();
    let tokens = Web::start_tls(&identity, |_| token("abc", 60)).await.unwrap();
    let page = Web::start(|_| answer(200, &[], "")).await.unwrap();
    let url = tokens.url("/token");
    for (tls, good) in [("{ca_file: ca.pem}", true), ("{}", false)] {
        let section =
            format!("oauth2: {{client_id: me, client_secret: x, token_url: '{url}', tls_config: {tls}}}");
        let exporter = start(&module(&section)).await;
        std::fs::write(exporter.folder.path().join("ca.pem"), authority.pem()).unwrap();
        let found = exporter.ask("m", &page.url("/")).await;
        found.succeeds(good);
        assert_eq!(found.reason(), if good { "" } else { "token/auth_token" });
        // what the token's server showed is not the target's
        assert_eq!(found.find("probe_ssl_earliest_cert_expiry"), None);
        assert_eq!(found.value("probe_http_ssl"), 0.0);
    }
    assert_eq!(page.requests()[0].header("authorization"), "Bearer abc");
    drop(tokens.wait_for(Duration::from_secs(5), |requests| (!requests.is_empty()).then_some(())).await);
}
