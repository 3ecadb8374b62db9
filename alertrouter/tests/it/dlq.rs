//! Dead letters by the command line, beside the running program.

use std::process::Command;

use kit::slack::{BOT_TOKEN, Slack};

use crate::router::{Router, SOON, firing, payload};

/// Runs `alertrouter dlq …`; gives its exit code, what it printed, and what it complained of.
fn dlq(router: &Router, words: &[&str]) -> (i32, String, String) {
    let storage = format!("--storage.path={}", router.folder.path().join("data").display());
    let output =
        Command::new(env!("CARGO_BIN_EXE_alertrouter")).arg("dlq").args(words).arg(storage).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn listed_tried_again_and_dropped() {
    let slack = Slack::builder().channel("#alerts").unlimited().start().await.unwrap();
    slack.down().await;
    let router = Router::start(&format!(
        "route: {{ receiver: team }}\ndelivery: {{ give_up_after: 100ms }}
receivers: [{{ name: team, slack_configs: [{{ app_token: {BOT_TOKEN}, app_url: '{}', channel: '#alerts' }}] }}]\n",
        slack.api_url()
    ))
    .await;
    for name in ["One", "Two", "Three"] {
        let body = payload(&[("alertname", name), ("evil", "\u{1b}[2J")], &[firing(name)]);
        assert_eq!(router.post(&body).await.status, 200);
    }
    router.wait_for_metric("alertrouter_dead_letters 3").await;
    let (code, list, errors) = dlq(&router, &["list"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(lines[0].contains("team/slack/0") && lines[0].contains("connect"), "{list}");
    assert!(list.contains("alertname=\"One\"") && !list.contains('\u{1b}'), "{list}");
    let id = |name: &str| {
        let line = lines.iter().find(|line| line.contains(name)).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    };
    slack.up().await.unwrap();
    assert_eq!(
        dlq(&router, &["retry", &id("One")]),
        (0, "1 will be tried again\n".to_owned(), String::new())
    );
    slack.wait_for(SOON, |workspace| workspace.find("#alerts", "Redis One is down").cloned()).await.unwrap();
    assert_eq!(dlq(&router, &["drop", &id("Two")]), (0, "1 dropped\n".to_owned(), String::new()));
    let (code, found, errors) = dlq(&router, &["retry", &id("Three"), "999"]);
    assert_eq!((code, found.as_str()), (1, "1 will be tried again\n"));
    assert!(errors.contains("there is no dead letter 999"), "{errors}");
    slack
        .wait_for(SOON, |workspace| workspace.find("#alerts", "Redis Three is down").cloned())
        .await
        .unwrap();
    router.wait_for_metric("alertrouter_dead_letters 0").await;
    assert_eq!(dlq(&router, &["list"]), (0, String::new(), String::new()));
    assert_eq!(slack.read(|workspace| workspace.messages("#alerts").len()), 2);
    router.running.stop().await;
}

#[tokio::test]
async fn without_a_store_it_says_so() {
    let folder = kit::process::Folder::new().unwrap();
    let storage = format!("--storage.path={}", folder.path().display());
    let output =
        Command::new(env!("CARGO_BIN_EXE_alertrouter")).args(["dlq", "list", &storage]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("there is no store in it; hint: choose another with --storage.path"), "{errors}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
}
