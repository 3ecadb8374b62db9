//! Delivery by e-mail: encrypted, threaded, and one result for each recipient.

use std::time::Duration;

use futures_util::future::join_all;
use kit::process::Folder;
use kit::smtp::{Fault, Mail, Smtp, Stage, Times};
use serde_json::json;

use crate::router::{Router, SOON, alert, firing, resolved};

const PASSWORD: &str = "correct-horse-canary";

fn config(smtp: &Smtp, to: &str) -> String {
    format!(
        "global:
  smtp_smarthost: '{}'
  smtp_from: 'Alerts <alerts@example.org>'
  smtp_auth_username: alerts
  smtp_auth_password: {PASSWORD}
  smtp_tls_config: {{ ca_file: '{}' }}
route: {{ receiver: team }}
receivers:
  - name: team
    email_configs: [{{ to: '{to}', send_resolved: true }}]
",
        smtp.address(),
        smtp.authority_file().display()
    )
}

fn delivery(reason: &str) -> String {
    format!("alertrouter_deliveries_total{{integration=\"email\",reason=\"{reason}\"}} 1")
}

/// What was said in all sessions.
fn said(smtp: &Smtp) -> String {
    smtp.sessions().iter().map(kit::smtp::Session::transcript).collect()
}

async fn wait(smtp: &Smtp, mails: usize) -> Vec<Mail> {
    smtp.wait_for(SOON, |post| (post.mails.len() >= mails).then(|| post.mails.clone())).await.unwrap()
}

#[tokio::test]
async fn a_thread_of_good_mails() {
    let smtp = Smtp::builder().tls_required().account("alerts", PASSWORD).start().await.unwrap();
    let router = Router::start(&config(&smtp, "oncall@example.org")).await;
    router.send(&[firing("a:6379")]).await;
    wait(&smtp, 1).await;
    router.send(&[resolved("a:6379")]).await;
    let mails = wait(&smtp, 2).await;
    let (first, second) = (&mails[0], &mails[1]);
    for mail in &mails {
        assert_eq!(mail.problems, Vec::<String>::new());
        assert_eq!(mail.recipients, ["oncall@example.org"]);
        assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
        assert_eq!(mail.header("List-Id"), "<team.alertrouter>");
        assert!(mail.html.contains("https://runbooks.example/RedisDown"), "{}", mail.html);
        assert!(mail.text.contains("Redis a:6379 is down"), "{}", mail.text);
    }
    assert_eq!(first.subject(), "[FIRING:1] RedisDown");
    assert_eq!(second.subject(), "[RESOLVED] RedisDown");
    assert_eq!(first.header("In-Reply-To"), "");
    assert_eq!(second.header("In-Reply-To"), first.header("Message-ID"));
    let (name, root) = (first.header("References"), first.header("Message-ID"));
    assert_eq!(second.header("References"), format!("{name} {root}"));
    assert_ne!(second.header("Message-ID"), first.header("Message-ID"));
    assert!(smtp.sessions().iter().all(|session| session.tls && session.user.as_deref() == Some("alerts")));
    router.running.stop().await;
}

#[tokio::test]
async fn a_dead_recipient_beside_a_good_one() {
    let smtp = Smtp::builder().account("alerts", PASSWORD).start().await.unwrap();
    smtp.fault(Times::Always, Fault::unknown_user("gone@example.org"));
    let router = Router::start(&config(&smtp, "gone@example.org, oncall@example.org")).await;
    router.send(&[firing("a:6379")]).await;
    let mails = wait(&smtp, 1).await;
    assert_eq!(mails[0].recipients, ["oncall@example.org"]);
    router
        .wait_for_metric(
            "alertrouter_dead_letters_total{integration=\"email\",reason=\"recipient_refused\"} 1",
        )
        .await;
    router.wait_for_metric("alertrouter_outbox_depth 0").await;
    assert_eq!(smtp.mails().len(), 1);
    router.running.stop().await;
}

#[tokio::test]
async fn a_retry_goes_only_to_those_who_lack_it() {
    let smtp = Smtp::builder().account("alerts", PASSWORD).start().await.unwrap();
    smtp.fault(
        Times::Next(1),
        Fault::Refuse("late@example.org".to_owned(), "451 4.7.1 greylisted".to_owned()),
    );
    let router = Router::start(&config(&smtp, "now@example.org, late@example.org")).await;
    router.send(&[firing("a:6379")]).await;
    let mails = wait(&smtp, 2).await;
    assert_eq!(mails[0].recipients, ["now@example.org"]);
    assert_eq!(mails[1].recipients, ["late@example.org"]);
    assert_eq!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    router.running.stop().await;
}

#[tokio::test]
async fn bad_days_lose_nothing() {
    let answer = |stage, text: &str| Fault::Answer(stage, text.to_owned());
    let days = [
        (Fault::busy(), "busy"),
        (Fault::Drop(Stage::Banner), "connect"),
        (Fault::Slow(Stage::Banner, Duration::from_millis(100)), "delivered"),
        (Fault::Drop(Stage::Handshake), "network"),
        (answer(Stage::StartTls, "454 4.7.0 no TLS now"), "later"),
        (answer(Stage::Auth, "454 4.7.0 no logins now"), "later"),
        (answer(Stage::Mail, "451 4.3.0 try again"), "later"),
        (answer(Stage::Mail, "421 4.7.0 enough for today"), "busy"),
        (Fault::greylist(), "recipient_later"),
        (answer(Stage::Recipient, "452 4.2.2 mailbox full"), "recipient_later"),
        (answer(Stage::Recipient, "421 4.3.2 going down"), "busy"),
        (Fault::Drop(Stage::Recipient), "network"),
        (answer(Stage::Data, "452 4.3.1 disk full"), "later"),
        (Fault::Drop(Stage::Data), "network"),
        (Fault::Drop(Stage::Content), "network"),
        (answer(Stage::FinalDot, "451 4.3.0 try again"), "later"),
        (Fault::Drop(Stage::FinalDot), "network"),
        (Fault::Slow(Stage::FinalDot, Duration::from_millis(100)), "delivered"),
        (Fault::too_big(), "delivered"),
        (answer(Stage::FinalDot, "554 5.7.1 looks like spam"), "delivered"),
    ];
    // each waits for its second attempt: together they wait once
    join_all(days.map(async |(fault, label)| {
        let smtp = Smtp::builder().account("alerts", PASSWORD).start().await.unwrap();
        smtp.fault(Times::Next(1), fault.clone());
        let router = Router::start(&config(&smtp, "oncall@example.org")).await;
        router.send(&[firing("a:6379")]).await;
        wait(&smtp, 1).await;
        router.wait_for_metric(&delivery(label)).await;
        router.running.stop().await;
        assert_eq!(smtp.mails().len(), 1, "{fault:?}");
    }))
    .await;
}

#[tokio::test]
async fn what_somebody_must_repair() {
    let answer = |stage, text: &str| Fault::Answer(stage, text.to_owned());
    for (fault, label) in [
        (answer(Stage::Banner, "554 5.7.1 no service for you"), "refused"),
        (answer(Stage::Hello, "550 5.7.1 bad name"), "refused"),
        (answer(Stage::Auth, "534 5.7.9 use a token"), "auth"),
        (answer(Stage::Mail, "530 5.7.0 authentication required"), "auth"),
        (answer(Stage::Mail, "550 5.7.1 not your address"), "sender_refused"),
        (answer(Stage::Recipient, "554 5.7.1 relay access denied"), "refused"),
    ] {
        let smtp = Smtp::builder().account("alerts", PASSWORD).start().await.unwrap();
        smtp.fault(Times::Always, fault);
        let router = Router::start(&config(&smtp, "oncall@example.org")).await;
        router.send(&[firing("a:6379")]).await;
        router.wait_for_metric(&delivery(label)).await;
        router.wait_for_metric("alertrouter_dead_letters 0").await;
        router.wait_for_metric("alertrouter_targets_down 1").await;
        router.running.stop().await;
    }
}

#[tokio::test]
async fn a_server_that_takes_few_at_once() {
    let smtp = Smtp::builder().account("alerts", PASSWORD).max_recipients(2).start().await.unwrap();
    let router = Router::start(&config(&smtp, "a@example.org, b@example.org, c@example.org")).await;
    router.send(&[firing("a:6379")]).await;
    let mails = wait(&smtp, 2).await;
    assert_eq!(mails[0].recipients, ["a@example.org", "b@example.org"]);
    assert_eq!(mails[1].recipients, ["c@example.org"]);
    assert_eq!(mails[0].raw, mails[1].raw);
    router.wait_for_metric(&delivery("delivered")).await;
    assert_eq!(smtp.sessions().len(), 1);
    router.running.stop().await;

    let smtp =
        Smtp::builder().account("alerts", PASSWORD).max_recipients(1).max_mails(1).start().await.unwrap();
    let router = Router::start(&config(&smtp, "a@example.org, b@example.org")).await;
    router.send(&[firing("a:6379")]).await;
    let mails = wait(&smtp, 2).await;
    assert_eq!(
        (mails[0].recipients[0].as_str(), mails[1].recipients[0].as_str()),
        ("a@example.org", "b@example.org")
    );
    router.wait_for_metric(&delivery("delivered")).await;
    assert_eq!((smtp.mails().len(), smtp.sessions().len()), (2, 2));
    router.running.stop().await;
}

#[tokio::test]
async fn addresses_beyond_ascii() {
    for (builder, reached, dead) in [
        (Smtp::builder(), vec!["oncall@example.org", "ärger@example.org"], 0),
        (Smtp::builder().ascii_only(), vec!["oncall@example.org"], 1),
    ] {
        let smtp = builder.account("alerts", PASSWORD).start().await.unwrap();
        let router = Router::start(&config(&smtp, "oncall@example.org, ärger@example.org")).await;
        router.send(&[firing("a:6379")]).await;
        let mails = wait(&smtp, 1).await;
        assert_eq!(
            (&mails[0].recipients, mails[0].problems.len()),
            (&reached.iter().map(|&to| to.to_owned()).collect(), 0)
        );
        router.wait_for_metric(&delivery("delivered")).await;
        if dead > 0 {
            let line = "alertrouter_dead_letters_total{integration=\"email\",reason=\"recipient_refused\"} 1";
            router.wait_for_metric(line).await;
        }
        router.running.stop().await;
    }
}

#[tokio::test]
async fn a_mail_in_doubt_keeps_its_id() {
    let smtp = Smtp::builder().account("alerts", PASSWORD).start().await.unwrap();
    smtp.fault(Times::Next(1), Fault::DropStored);
    let router = Router::start(&config(&smtp, "oncall@example.org")).await;
    router.send(&[firing("a:6379")]).await;
    let mails = wait(&smtp, 2).await;
    assert_eq!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    router.running.stop().await;
}

#[tokio::test]
async fn no_password_and_no_mail_in_clear() {
    let smtp = Smtp::builder().account("alerts", PASSWORD).start().await.unwrap();
    smtp.fault(Times::Always, Fault::NoStartTls);
    let router = Router::start(&config(&smtp, "oncall@example.org")).await;
    router.send(&[firing("a:6379")]).await;
    router.wait_for_metric("alertrouter_deliveries_total{integration=\"email\",reason=\"tls\"} 1").await;
    let said = said(&smtp);
    assert!(!said.contains("AUTH PLAIN") && !said.contains("C: MAIL"), "{said}");
    router.running.stop().await;
}

#[tokio::test]
async fn certificates_are_checked() {
    for smtp in [
        Smtp::builder().expired_certificate().start().await.unwrap(),
        Smtp::builder().wrong_name().start().await.unwrap(),
        Smtp::builder().untrusted().start().await.unwrap(),
    ] {
        let router = Router::start(&config(&smtp, "oncall@example.org")).await;
        router.send(&[firing("a:6379")]).await;
        router.wait_for_metric("alertrouter_deliveries_total{integration=\"email\",reason=\"tls\"} 1").await;
        assert_eq!(smtp.mails().len(), 0);
        router.running.stop().await;
    }
}

#[tokio::test]
async fn implicit_tls() {
    let smtp = Smtp::builder().implicit_tls().account("alerts", PASSWORD).start().await.unwrap();
    let config =
        config(&smtp, "oncall@example.org").replace("route:", "  smtp_force_implicit_tls: true\nroute:");
    let router = Router::start(&config).await;
    router.send(&[firing("a:6379")]).await;
    assert_eq!(wait(&smtp, 1).await[0].problems, Vec::<String>::new());
    router.running.stop().await;
}

#[tokio::test]
async fn in_clear_only_when_asked_for_and_never_with_a_password() {
    let smtp = Smtp::builder().plain().start().await.unwrap();
    let clear = config(&smtp, "oncall@example.org").replace("route:", "  smtp_require_tls: false\nroute:");
    let router = Router::start(&clear).await;
    router.send(&[firing("a:6379")]).await;
    router.wait_for_metric(&delivery("auth")).await;
    router.running.stop().await;
    let anonymous = clear.replace("  smtp_auth_username: alerts\n", "");
    let router = Router::start(&anonymous).await;
    router.send(&[firing("a:6379")]).await;
    wait(&smtp, 1).await;
    router.running.stop().await;
    assert!(!said(&smtp).contains("AUTH"), "{}", said(&smtp));
}

#[tokio::test]
async fn each_kind_of_login() {
    for (offered, asked, used) in [
        ("PLAIN LOGIN XOAUTH2", "password", "AUTH PLAIN"),
        ("LOGIN XOAUTH2", "password", "AUTH LOGIN"),
        ("PLAIN LOGIN XOAUTH2", "login", "AUTH LOGIN"),
        ("PLAIN LOGIN XOAUTH2", "xoauth2", "AUTH XOAUTH2"),
    ] {
        let smtp = Smtp::builder().account("alerts", PASSWORD).mechanisms(offered);
        let smtp = smtp.login_prompts("User Name\0", "Geheimes Wort").start().await.unwrap();
        let key = format!("  smtp_auth_mechanism: {asked}\nroute:");
        let router = Router::start(&config(&smtp, "oncall@example.org").replace("route:", &key)).await;
        router.send(&[firing("a:6379")]).await;
        wait(&smtp, 1).await;
        assert!(said(&smtp).contains(&format!("C: {used}")), "{}", said(&smtp));
        router.running.stop().await;
    }
    let smtp = Smtp::builder().account("alerts", PASSWORD).mechanisms("XOAUTH2").start().await.unwrap();
    let router = Router::start(&config(&smtp, "oncall@example.org")).await;
    router.send(&[firing("a:6379")]).await;
    router.wait_for_metric(&delivery("auth")).await;
    assert!(!said(&smtp).contains("AUTH XOAUTH2 "), "{}", said(&smtp));
    router.running.stop().await;
}

#[tokio::test]
async fn a_token_that_is_refused_and_renewed() {
    let smtp = Smtp::builder().account("alerts", PASSWORD).start().await.unwrap();
    let folder = Folder::new().unwrap();
    let token = folder.write("token", "an-old-token\n").unwrap();
    let config = config(&smtp, "oncall@example.org").replace(
        &format!("smtp_auth_password: {PASSWORD}"),
        &format!("smtp_auth_password_file: '{}'\n  smtp_auth_mechanism: xoauth2", token.display()),
    );
    let router = Router::start(&config).await;
    router.send(&[firing("a:6379")]).await;
    router.wait_for_metric(&delivery("auth")).await;
    // the error came as a challenge, and was answered with an empty line
    assert!(said(&smtp).contains("C: …\nS: 535"), "{}", said(&smtp));
    router.running.stop().await;
    folder.write("token", format!("{PASSWORD}\n")).unwrap();
    let router = Router::start(&config).await;
    router.send(&[firing("a:6379")]).await;
    wait(&smtp, 1).await;
    router.running.stop().await;
}

#[tokio::test]
async fn no_header_and_no_script_can_be_injected() {
    let smtp = Smtp::builder().account("alerts", PASSWORD).start().await.unwrap();
    let router = Router::start(&config(&smtp, "oncall@example.org")).await;
    let nasty = json!({
        "labels": { "alertname": "x\r\nBcc: evil@example.org", "severity": "a\r\nX-Evil: 1" },
        "annotations": { "summary": "<script>alert(1)</script>\r\n.\r\nMAIL FROM:<x>", "runbook_url": "javascript:1" },
        "fingerprint": "",
    });
    let body = crate::router::payload(&[("alertname", "x\r\nBcc: evil@example.org")], &[alert("a", &nasty)]);
    assert_eq!(router.post(&body).await.status, 200);
    let mail = wait(&smtp, 1).await.remove(0);
    assert_eq!(mail.problems, Vec::<String>::new());
    assert_eq!(mail.recipients, ["oncall@example.org"]);
    assert_eq!((mail.header("Bcc"), mail.header("X-Evil")), ("", ""));
    assert_eq!(mail.subject(), "[FIRING:1] x Bcc: evil@example.org");
    assert!(!mail.html.contains("<script>") && !mail.html.contains("javascript:"), "{}", mail.html);
    router.running.stop().await;
}

#[tokio::test]
async fn a_wrong_password_is_not_shown() {
    let smtp = Smtp::builder().account("alerts", "another").start().await.unwrap();
    let router = Router::start(&config(&smtp, "oncall@example.org")).await;
    router.send(&[firing("a:6379")]).await;
    router.wait_for_metric("alertrouter_deliveries_total{integration=\"email\",reason=\"auth\"} 1").await;
    assert!(!router.metrics().await.contains(PASSWORD));
    router.running.stop().await;
}
