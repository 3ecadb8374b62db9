//! Delivery by e-mail: encrypted, threaded, and one result for each recipient.

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
    assert_eq!(second.header("References"), first.header("Message-ID"));
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
    for (fault, label) in [
        (Fault::busy(), "later"),
        (Fault::greylist(), "recipient_later"),
        (Fault::Answer(Stage::FinalDot, "451 4.3.0 try again".to_owned()), "later"),
        (Fault::Drop(Stage::Data), "network"),
        (Fault::too_big(), "delivered"),
    ] {
        let smtp = Smtp::builder().account("alerts", PASSWORD).start().await.unwrap();
        smtp.fault(Times::Next(1), fault.clone());
        let router = Router::start(&config(&smtp, "oncall@example.org")).await;
        router.send(&[firing("a:6379")]).await;
        wait(&smtp, 1).await;
        let line = format!("alertrouter_deliveries_total{{integration=\"email\",reason=\"{label}\"}} 1");
        router.wait_for_metric(&line).await;
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
    let said: String = smtp.sessions().iter().map(kit::smtp::Session::transcript).collect();
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
async fn implicit_tls_and_odd_prompts() {
    let smtp = Smtp::builder().implicit_tls().account("alerts", PASSWORD).start().await.unwrap();
    let config =
        config(&smtp, "oncall@example.org").replace("route:", "  smtp_force_implicit_tls: true\nroute:");
    let router = Router::start(&config).await;
    router.send(&[firing("a:6379")]).await;
    assert_eq!(wait(&smtp, 1).await[0].problems, Vec::<String>::new());
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
