//! Messages in the users' own form: what the real Alertmanager sends, is sent; what fails, is built in.

use std::collections::BTreeMap;
use std::time::Duration;

use kit::alertmanager::Alertmanager;
use kit::slack::{BOT_TOKEN, Slack};
use kit::smtp::{Mail, Smtp};
use kit::web::{Reply, Request, Web};
use serde_json::{Value, json};

use crate::router::{Router, SOON, alert, firing, resolved};

/// Where Debian's package of Alertmanager has its own templates.
const DEFAULTS: &str = "/usr/share/prometheus/alertmanager/*.tmpl";

/// Groups of alerts, each one message.
const GROUPS: usize = 200;

/// How long all of them may take.
const ALL: Duration = Duration::from_mins(1);

/// Texts as people have them, and as they have them by mistake.
const WORDS: [&str; 12] = [
    "Redis is down",
    "a & b <c> \"d\" 'e'",
    "<script>alert(1)</script>",
    "{{ .NotATemplate }}",
    "zeile\nzwei\ttab",
    "über 90 % 🔥 日本",
    "https://example.com/?a=1&b=<2>#c",
    "javascript:alert(1)",
    "back\\slash `tick` *star* _under_",
    "",
    "  spaces  ",
    "+=/?&;,%41",
];

/// The alerts of a group: some numbers, of which all else follows.
fn group(number: usize) -> Vec<Value> {
    let word = |at: usize| WORDS[(number * 7 + at * 5) % WORDS.len()];
    let start = jiff::Timestamp::now() - Duration::from_mins(10);
    let alerts = 0..=number % 4;
    alerts
        .map(|at| {
            let mut labels = json!({ "alertname": format!("Group{number:03}"), "instance": format!("host-{}:9100", 9 - at) });
            if !number.is_multiple_of(3) {
                labels["job"] = json!(format!("job{}", at % 2));
            }
            for extra in 0..number % 5 {
                labels[format!("label_{extra}")] = json!(word(extra * (1 + at * (number % 2))));
            }
            let mut annotations = json!({ "summary": word(1) });
            for extra in 0..number % 3 {
                annotations[format!("note_{extra}")] = json!(word(extra + at * (number % 2)));
            }
            let generator = format!("http://prometheus.example/graph?g0.expr=up%20%3D%3D%20{number}&g0.tab=1");
            json!({ "labels": labels, "annotations": annotations, "startsAt": start.to_string(), "generatorURL": generator })
        })
        .collect()
}

/// The bodies of all posts to one of the two, byte for byte, by the group that they are about.
fn bodies(slack: &[Request], path: &str) -> BTreeMap<String, String> {
    let posts = slack.iter().filter(|request| request.path.starts_with(path));
    posts.map(|request| (name(&request.text()), request.text())).collect()
}

fn name(text: &str) -> String {
    let (_, number) = text.split_once("Group").unwrap_or_else(|| panic!("no group in {text}"));
    number.chars().take(3).collect()
}

/// HTML and subject of all mails to one of the two, by the group that they are about.
fn mails(smtp: &Smtp, to: &str) -> BTreeMap<String, (String, String)> {
    let ours = |mail: &Mail| mail.recipients.iter().any(|recipient| recipient == to);
    let mails = smtp.mails().into_iter().filter(ours);
    mails
        .map(|mail| (name(&mail.html), (mail.subject().to_owned(), mail.html.replace("\r\n", "\n"))))
        .collect()
}

#[tokio::test]
async fn what_alertmanager_sends() {
    let slack = Web::start(|_| Reply::text(200, "ok").into()).await.unwrap();
    let smtp = Smtp::builder().plain().start().await.unwrap();
    let own = r#"title: '{{ template "slack.default.title" . }}', fields: [{ title: '{{ .Status | toUpper }}', value: '{{ range .Alerts }}{{ .Annotations.summary }} {{ .Labels.SortedPairs.Values | join ", " }}; {{ end }}', short: true }], actions: [{ type: button, text: 'Runbook {{ len .Alerts }}', url: '{{ (index .Alerts 0).GeneratorURL }}' }]"#;
    // each group has a receiver of its own, because what goes to one address is paced
    let receivers = |who: &str, more: &str| {
        let receiver = |number: usize| {
            format!(
                "  - name: team {number:03}{more}
    slack_configs: [{{ api_url: '{}', channel: '#alerts', {own} }}]
    email_configs: [{{ to: '{who}@example.com', from: a@example.com, smarthost: '{}', require_tls: false, html: '{{{{ template \"email.default.html\" . }}}}', headers: {{ Subject: '{{{{ template \"email.default.subject\" . }}}}' }} }}]
",
                slack.url(&format!("/{who}/{number}")),
                smtp.address(),
            )
        };
        let routes = (0..GROUPS).map(|number| {
            format!("    - {{ receiver: team {number:03}, matchers: ['alertname=Group{number:03}'] }}\n")
        });
        format!(
            "  routes:\n{}templates: ['{DEFAULTS}']\nreceivers:\n{}",
            routes.collect::<String>(),
            (0..GROUPS).map(receiver).collect::<String>()
        )
    };
    let router = Router::start(&format!(
        "route:\n  receiver: team 000\n  group_by: [alertname]\n{}",
        receivers("ours", "")
    ))
    .await;
    let hook = format!("\n    webhook_configs: [{{ url: '{}' }}]", router.running.url("/webhook"));
    let alertmanager = Alertmanager::start(&format!(
        "route:\n  receiver: team 000\n  group_wait: 0s\n  group_interval: 5m\n  group_by: [alertname]\n{}",
        receivers("theirs", &hook)
    ))
    .await
    .unwrap();
    for number in 0..GROUPS {
        alertmanager.post(&json!(group(number))).await.unwrap();
    }
    let all = slack.wait_for(ALL, |requests| {
        let (theirs, ours) = (bodies(requests, "/theirs"), bodies(requests, "/ours"));
        (theirs.len() == GROUPS && ours.len() == GROUPS).then_some((theirs, ours))
    });
    let (theirs, ours) = all.await.unwrap();
    for ((group, their), our) in theirs.iter().zip(ours.values()) {
        assert_eq!(our, their, "{group}");
    }
    let deadline = tokio::time::Instant::now() + ALL;
    while mails(&smtp, "theirs@example.com").len() < GROUPS || mails(&smtp, "ours@example.com").len() < GROUPS
    {
        assert!(tokio::time::Instant::now() < deadline, "not all mails have come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (theirs, ours) = (mails(&smtp, "theirs@example.com"), mails(&smtp, "ours@example.com"));
    for ((group, their), our) in theirs.iter().zip(ours.values()) {
        assert_eq!(our.1, their.1, "{group}");
        // a header of ours is one line, whatever a label holds
        let line = their.0.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(our.0, line, "{group}");
    }
    alertmanager.stop().await.unwrap();
    router.running.stop().await;
}

#[tokio::test]
async fn a_bot_edits_a_message_of_the_users_own_form() {
    let slack = Slack::builder().channel("#critical").unlimited().start().await.unwrap();
    let router = Router::start(&format!(
        "route: {{ receiver: team, group_by: [alertname] }}
receivers:
  - name: team
    slack_configs:
      - app_token: {BOT_TOKEN}
        app_url: '{}'
        channel: '#{{{{ .CommonLabels.severity }}}}'
        username: '{{{{ .Status }}}}'
        title: '{{{{ len .Alerts.Firing }}}} of {{{{ len .Alerts }}}} fire'
        text: '{{{{ range .Alerts }}}}{{{{ .Annotations.summary }}}} <!here>{{{{ end }}}}'
        send_resolved: true
",
        slack.api_url()
    ))
    .await;
    router.send(&[firing("a:6379")]).await;
    let first = slack.wait_for(SOON, |w| w.find("#critical", "1 of 1 fire").cloned()).await.unwrap();
    assert_eq!(first.username.as_deref(), Some("firing"));
    assert_eq!(first.now.attachments[0]["text"], "Redis a:6379 is down <!here>");
    assert_eq!(first.now.attachments[0]["color"], "danger");
    router.send(&[resolved("a:6379")]).await;
    let last = slack.wait_for(SOON, |w| w.find("#critical", "0 of 1 fire").cloned()).await.unwrap();
    assert_eq!((last.ts, last.now.attachments[0]["color"].as_str()), (first.ts, Some("good")));
    router.running.stop().await;
}

#[tokio::test]
async fn what_fails_is_built_in_and_says_so() {
    let slack = Slack::builder().channel("#alerts").unlimited().start().await.unwrap();
    let smtp = Smtp::builder().plain().start().await.unwrap();
    let bad = "{{ index .Alerts 7 }}";
    let router = Router::start(&format!(
        "route: {{ receiver: team }}
receivers:
  - name: team
    slack_configs: [{{ api_url: '{}', channel: '#alerts', text: '{bad}' }}]
    email_configs: [{{ to: a@example.com, from: b@example.com, smarthost: '{}', require_tls: false, html: '<b>{bad}</b>', text: 'see the rest' }}]
",
        slack.hook("#alerts"),
        smtp.address(),
    ))
    .await;
    router.send(&[firing("a:6379")]).await;
    let message = slack.wait_for(SOON, |w| w.find("#alerts", "Redis a:6379 is down").cloned()).await.unwrap();
    assert!(message.says("A template of this receiver failed"), "{}", message.words());
    assert!(message.says("index out of range: 7"), "{}", message.words());
    let mail = smtp.wait_for(SOON, |post| post.mails.first().cloned()).await.unwrap();
    assert!(
        mail.html.contains("Redis a:6379 is down") && mail.html.contains("index out of range: 7"),
        "{}",
        mail.html
    );
    assert_eq!(mail.text.trim(), "see the rest");
    router.running.stop().await;
}

#[tokio::test]
async fn webhooks_of_the_users_own_form() {
    let web = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
    let router = Router::start(&format!(
        "route: {{ receiver: team }}
receivers:
  - name: team
    webhook_configs:
      - url: '{}/{{{{ .GroupLabels.alertname | toLower }}}}'
        payload:
          title: '{{{{ .Status }}}}: {{{{ .CommonAnnotations.summary }}}}'
          count: '{{{{ len .Alerts }}}}'
          fixed: 5
          labels: '{{{{ .CommonLabels | toJson }}}}'
          '{{{{ .Receiver }}}}': [a, '{{{{ .Status }}}}']
",
        web.url("")
    ))
    .await;
    router.send(&[alert("a:6379", &json!({ "annotations": { "summary": "is: down" } }))]).await;
    let asked = web.wait_for(SOON, |asked| asked.first().cloned()).await.unwrap();
    assert_eq!(asked.path, "/redisdown");
    let expected = json!({
        // what is YAML when it is rendered is no text any more, as in Alertmanager; this is none
        "title": "firing: is: down",
        "count": 1,
        "fixed": 5,
        "labels": { "alertname": "RedisDown", "instance": "a:6379", "severity": "critical" },
        "team": ["a", "firing"],
    });
    assert_eq!(asked.json().unwrap(), expected);
    router.running.stop().await;
}
