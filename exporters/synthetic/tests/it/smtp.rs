//! Prober `smtp`, against the kit's mail server, which checks what clients get wrong, and a real Postfix.

use kit::blackhole::Silent;
use kit::postfix::Postfix;
use kit::smtp::{Fault, Smtp, Stage, Times};

use crate::{Page, start};

async fn ask(server: &Smtp, section: &str) -> Page {
    let authority = server.authority_file().display();
    let config = format!(
        "modules:\n  m:\n    prober: smtp\n    smtp: {{tls_config: {{ca_file: '{authority}'}}, {section}}}\n"
    );
    start(&config).await.ask("m", &server.address().to_string()).await
}

/// The client's lines of the last session.
fn said(server: &Smtp) -> Vec<String> {
    let sessions = server.sessions();
    let lines = sessions.last().unwrap().lines.iter();
    lines.filter(|line| line.by_client).map(|line| line.text.clone()).collect()
}

#[tokio::test]
async fn plain_and_in_both_kinds_of_tls() {
    let server = Smtp::start().await.unwrap();
    let page = ask(&server, "helo_name: probe.example").await;
    page.succeeds(true);
    assert_eq!((page.value("probe_smtp_status_code"), page.value("probe_smtp_ssl")), (250.0, 0.0));
    assert_eq!(said(&server), ["EHLO probe.example", "NOOP", "QUIT"]);

    let page = ask(&server, "starttls: true").await;
    page.succeeds(true);
    assert_eq!((page.value("probe_smtp_status_code"), page.value("probe_smtp_ssl")), (250.0, 1.0));
    assert!(page.find("probe_ssl_earliest_cert_expiry").is_some());
    assert!(page.find(r#"probe_phase_duration_seconds{phase="starttls"}"#).is_some(), "{}", page.text);
    assert!(server.sessions().last().unwrap().tls);

    let implicit = Smtp::builder().implicit_tls().start().await.unwrap();
    ask(&implicit, "tls: true").await.succeeds(true);
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn logins() {
    for mechanisms in ["PLAIN LOGIN", "LOGIN", "XOAUTH2"] {
        let server =
            Smtp::builder().account("ann", "s3cret-pw").mechanisms(mechanisms).start().await.unwrap();
        let page = ask(&server, "starttls: true, username: ann, password: s3cret-pw").await;
        if mechanisms == "XOAUTH2" {
            assert_eq!(page.reason(), "transfer/protocol");
            continue;
        }
        page.succeeds(true);
        assert_eq!(server.sessions().last().unwrap().user.as_deref(), Some("ann"), "{mechanisms}");
        let page = ask(&server, "starttls: true, username: ann, password: wr0ng").await;
        page.succeeds(false);
        assert_eq!(page.reason(), "transfer/server_error");
        assert_eq!(page.value("probe_smtp_status_code"), 535.0);
        assert!(!page.text.contains("wr0ng"));
    }
}

#[tokio::test]
async fn what_a_mail_server_can_do_wrong() {
    let server = Smtp::start().await.unwrap();
    for (fault, section, reason, code) in [
        (Fault::busy(), "", "transfer/server_error", 421.0),
        (Fault::Answer(Stage::Hello, "550 5.7.1 no".to_owned()), "", "transfer/server_error", 550.0),
        (Fault::Drop(Stage::Hello), "", "transfer/closed", 220.0),
        (Fault::NoStartTls, "starttls: true", "starttls/starttls", 0.0),
        (
            Fault::Answer(Stage::StartTls, "454 4.7.0 no".to_owned()),
            "starttls: true",
            "starttls/starttls",
            0.0,
        ),
    ] {
        server.fault(Times::Next(1), fault.clone());
        let page = ask(&server, section).await;
        page.succeeds(false);
        assert_eq!(page.reason(), reason, "{fault:?}");
        assert_eq!(page.value("probe_smtp_status_code"), code, "{fault:?}");
        server.heal();
    }
    let expired = Smtp::builder().expired_certificate().start().await.unwrap();
    let page = ask(&expired, "starttls: true").await;
    assert_eq!(page.reason(), "tls/tls_expired");
    assert!(page.find("probe_ssl_earliest_cert_expiry").is_some());
}

#[tokio::test]
async fn a_silent_server_ends_by_the_timeout() {
    let silent = Silent::start().await.unwrap();
    let exporter = start("modules: {a: {prober: smtp}, b: {prober: smtp, smtp: {starttls: true}}}").await;
    for (module, reason) in [("a", "first_byte/timeout"), ("b", "starttls/timeout")] {
        let page = exporter.get(&format!("/probe?module={module}&target={}", silent.address()), "1").await;
        assert_eq!(Page { text: page.ok().unwrap().text() }.reason(), reason);
    }
}

#[tokio::test]
async fn a_password_goes_to_nobody_who_was_not_named() {
    let exporter =
        start("modules: {m: {prober: smtp, smtp: {tls: true, username: a, password: t0ps3cret}}}").await;
    let answer = exporter.get("/probe?module=m&target=192.0.2.1:465", "2").await;
    assert_eq!(answer.status, 403);
    assert!(!answer.text().contains("t0ps3cret"), "{}", answer.text());
}

#[tokio::test]
async fn a_real_postfix() {
    let postfix = Postfix::start().await.unwrap();
    let config = format!(
        "modules: {{m: {{prober: smtp, smtp: {{starttls: true, tls_config: {{ca_file: '{}'}}}}}}}}",
        postfix.authority_file().display()
    );
    let page = start(&config).await.ask("m", &format!("localhost:{}", postfix.address().port())).await;
    page.succeeds(true);
    assert_eq!(page.value("probe_smtp_ssl"), 1.0);
}
