//! `render` and `send-test`: what a person who sets up a receiver sees.

use std::path::Path;

use kit::process::Folder;
use kit::slack::{BOT_TOKEN, Slack};
use kit::smtp::{Smtp, Times};
use kit::web::{Reply, Web};

use crate::router::SOON;

const CANARY: &str = "c4nary-0f-the-commands";

/// Exit code, standard output, standard error.
async fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_alertrouter"));
    let output = command.args(arguments).current_dir(folder).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn config(slack: &Slack, smtp: &Smtp, hook: &str) -> String {
    format!(
        "global:
  smtp_smarthost: '{}'
  smtp_from: 'Alerts <alerts@example.org>'
  smtp_auth_username: alerts
  smtp_auth_password: {CANARY}
  smtp_tls_config: {{ ca_file: '{}' }}
route: {{ receiver: team }}
receivers:
  - name: nobody
  - name: team
    slack_configs: [{{ app_token: {BOT_TOKEN}, app_url: '{}', channel: '#alerts' }}]
    email_configs: [{{ to: 'oncall@example.org' }}]
    webhook_configs: [{{ url: '{hook}' }}]
",
        smtp.address(),
        smtp.authority_file().display(),
        slack.api_url()
    )
}

#[tokio::test]
async fn a_test_to_every_target() {
    let slack = Slack::builder().channel("#alerts").unlimited().start().await.unwrap();
    let smtp = Smtp::builder().account("alerts", CANARY).start().await.unwrap();
    let web = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
    let folder = Folder::new().unwrap();
    folder.write("a.yml", config(&slack, &smtp, &web.url(&format!("/{CANARY}")))).unwrap();
    let (code, out, errors) =
        run(folder.path(), &["send-test", "team", "--resolved", "--config.file=a.yml"]).await;
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{out}");
    let lines: Vec<_> = out.lines().map(|line| line.split(" (").next().unwrap()).collect();
    assert_eq!(
        lines,
        [
            "team/slack/0 firing: delivered",
            "team/slack/0 resolved: delivered",
            "team/email/0 firing: delivered",
            "team/email/0 resolved: delivered",
            "team/webhook/0 firing: delivered",
            "team/webhook/0 resolved: delivered",
        ]
    );
    let mails =
        smtp.wait_for(SOON, |post| (post.mails.len() == 2).then(|| post.mails.clone())).await.unwrap();
    assert!(mails[0].says("This is a test of alertrouter. Nothing is wrong."), "{}", mails[0].text);
    assert_eq!(mails[1].header("In-Reply-To"), mails[0].header("Message-ID"));
    slack.wait_for(SOON, |workspace| workspace.find("#alerts", "This is a test").cloned()).await.unwrap();
    let statuses: Vec<_> =
        web.requests().iter().map(|request| request.json().unwrap()["status"].clone()).collect();
    assert_eq!(statuses, ["firing", "resolved"]);
}

#[tokio::test]
async fn a_test_says_what_is_wrong() {
    let slack = Slack::builder().start().await.unwrap();
    let smtp = Smtp::builder().account("alerts", "another").start().await.unwrap();
    let web = Web::start(|request| Reply::text(500, format!("no {}", request.path)).into()).await.unwrap();
    let folder = Folder::new().unwrap();
    folder.write("a.yml", config(&slack, &smtp, &web.url(&format!("/{CANARY}")))).unwrap();
    let (code, out, errors) =
        run(folder.path(), &["send-test", "team", "--resolved", "--config.file=a.yml"]).await;
    assert_eq!((code, errors.as_str()), (Some(1), "error: 3 of 3 targets did not get it\n"), "{out}");
    for words in [
        "team/slack/0 firing: failed: channel: channel_not_found",
        "team/email/0 firing: failed: auth: the server refused user name and password (535 5.7.8)",
        "team/webhook/0 firing: failed: server: HTTP 500: no /…",
    ] {
        assert!(out.contains(words), "{words}\n{out}");
    }
    assert!(!out.contains(CANARY), "{out}");
    assert_eq!(out.lines().count(), 3, "nothing is resolved that was not told");

    smtp.fault(Times::Always, kit::smtp::Fault::busy());
    let one = ["send-test", "team", "--target=email/0", "--config.file=a.yml"];
    let (code, out, _) = run(folder.path(), &one).await;
    assert_eq!((code, out.lines().count()), (Some(1), 1), "{out}");
    assert!(out.contains("failed: busy: 421 4.3.2 too busy"), "{out}");
    for (arguments, expected) in [
        (["send-test", "x"], "error: there is no receiver \"x\"; there are: nobody, team\n"),
        (
            ["send-test", "nobody"],
            "error: the receiver \"nobody\" has no integrations: what it gets is dropped\n",
        ),
        (["render", "--receiver=x"], "error: there is no receiver \"x\"; there are: nobody, team\n"),
    ] {
        let (code, out, errors) =
            run(folder.path(), &[&arguments[..], &["--config.file=a.yml"]].concat()).await;
        assert_eq!((code, out.as_str(), errors.as_str()), (Some(1), "", expected));
    }
}

#[tokio::test]
async fn render_shows_what_would_be_sent() {
    let slack = Slack::builder().channel("#alerts").start().await.unwrap();
    let smtp = Smtp::builder().start().await.unwrap();
    let folder = Folder::new().unwrap();
    let hook = format!("http://127.0.0.1:1/{CANARY}");
    folder.write("a.yml", config(&slack, &smtp, &hook)).unwrap();
    let (code, out, errors) = run(folder.path(), &["render", "--config.file=a.yml", "--receiver=team"]).await;
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    for words in [
        "# team/slack/0\n\n{",
        "\"channel\": \"#alerts\"",
        "# team/email/0\n\n[FIRING:2] RedisDown (eu-west-1)\n2 firing, 1 resolved\n",
        "\nContent-Type: text/html; charset=utf-8\n",
        "# team/webhook/0\n\n{\"receiver\":\"team\",\"status\":\"firing\"",
    ] {
        assert!(out.contains(words), "{words}\n{out}");
    }
    assert!(!out.contains(CANARY) && !out.contains(BOT_TOKEN), "{out}");
    assert_eq!((smtp.sessions().len(), slack.read(|workspace| workspace.calls.len())), (0, 0));

    let own = crate::router::payload(&[("alertname", "Mine")], &[crate::router::resolved("a:6379")]);
    folder.write("own.json", own).unwrap();
    let one =
        ["render", "--config.file=a.yml", "--receiver=team", "--target=team/email/0", "--payload=own.json"];
    let (code, out, _) = run(folder.path(), &one).await;
    assert!(code == Some(0) && out.starts_with("# team/email/0\n\n[RESOLVED] Mine\n"), "{out}");
    folder.write("own.json", "{}").unwrap();
    let (code, _, errors) = run(folder.path(), &one).await;
    assert_eq!(
        (code, errors.as_str()),
        (Some(1), "error: own.json: not a webhook payload: there is no list of alerts at line 1, column 1\n")
    );
}
