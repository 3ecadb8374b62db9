//! Mail through a real Postfix into real mailboxes, read there again.

use kit::postfix::Postfix;

use crate::router::{Router, SOON, firing, resolved};

fn config(postfix: &Postfix, to: &str) -> String {
    format!(
        "global:
  smtp_smarthost: '{}'
  smtp_from: 'Alerts <alerts@watchfire.test>'
  smtp_tls_config: {{ ca_file: '{}' }}
route: {{ receiver: team }}
receivers:
  - name: team
    email_configs: [{{ to: '{to}', send_resolved: true }}]
",
        postfix.address(),
        postfix.authority_file().display()
    )
}

#[tokio::test]
async fn postfix_takes_and_delivers() {
    let postfix = Postfix::start().await.unwrap();
    let to = "oncall@example.org, nobody-here@example.org, elsewhere@other.example, second@example.org";
    let router = Router::start(&config(&postfix, to)).await;
    router.send(&[firing("a:6379"), firing("b:6379")]).await;
    // before that, both would be one mail
    postfix.wait_for(SOON, "oncall", 1).await.unwrap();
    router.send(&[resolved("a:6379"), resolved("b:6379")]).await;
    let mails = postfix.wait_for(SOON, "oncall", 2).await.unwrap();
    for mail in &mails {
        assert_eq!(mail.problems, Vec::<String>::new());
        assert_eq!(
            (mail.from.as_str(), mail.recipients[0].as_str()),
            ("alerts@watchfire.test", "oncall@example.org")
        );
        assert!(mail.text.contains("Redis a:6379 is down"), "{}", mail.text);
        assert!(mail.html.starts_with("<!doctype html>") && mail.html.trim_end().ends_with("</html>"));
    }
    let find = |subject: &str| mails.iter().find(|mail| mail.subject() == subject).unwrap();
    let (first, last) = (find("[FIRING:2] RedisDown"), find("[RESOLVED] RedisDown"));
    assert_eq!(last.header("In-Reply-To"), first.header("Message-ID"));
    let second = postfix.wait_for(SOON, "second", 2).await.unwrap();
    assert!(second.iter().any(|mail| mail.header("Message-ID") == first.header("Message-ID")));
    // an unknown mailbox and a relay that is not allowed, in each of two mails
    let line = "alertrouter_dead_letters_total{integration=\"email\",reason=\"recipient_refused\"} 4";
    router.wait_for_metric(line).await;
    router.running.stop().await;
}

#[tokio::test]
async fn postfix_greylists_one() {
    let postfix = Postfix::start().await.unwrap();
    let router = Router::start(&config(&postfix, "late@example.org, oncall@example.org")).await;
    router.send(&[firing("a:6379")]).await;
    postfix.wait_for(SOON, "oncall", 1).await.unwrap();
    let line = "alertrouter_deliveries_total{integration=\"email\",reason=\"recipient_later\"} 2";
    router.wait_for_metric(line).await;
    assert_eq!(postfix.mails("oncall").unwrap().len(), 1, "who has it does not get it again");
    router.running.stop().await;
}

#[tokio::test]
async fn postfix_gets_a_smaller_one() {
    let postfix = Postfix::start().await.unwrap();
    let router = Router::start(&config(&postfix, "oncall@example.org")).await;
    let alerts = (0..120).map(|n| {
        let mut alert = firing(&format!("host-{n}:6379"));
        alert["annotations"]["description"] = "x".repeat(3000).into();
        alert
    });
    router.send(&alerts.collect::<Vec<_>>()).await;
    let mail = postfix.wait_for(SOON, "oncall", 1).await.unwrap().remove(0);
    assert_eq!((mail.subject(), mail.problems.len()), ("[FIRING:120] RedisDown", 0));
    assert!(mail.text.contains("...and 110 more"), "{}", mail.text);
    assert!(postfix.log().contains("size limit"), "{}", postfix.log());
    router.running.stop().await;
}
