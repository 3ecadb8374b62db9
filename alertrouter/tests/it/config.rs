//! Configuration files: what is taken, and the exact words for what is not.

use alertrouter::config::{Config, Integration, SlackWay};
use toolkit::config::Document;

fn decode(text: &str) -> Result<Config, String> {
    let document = Document::parse("a.yml", text).map_err(|error| error.to_string())?;
    Config::decode(&document, "data".into()).map_err(|error| error.to_string())
}

#[test]
fn the_example_is_valid() {
    let config =
        decode(include_str!("../../examples/alertrouter.yml")).unwrap_or_else(|error| panic!("{error}"));
    assert!(config.receivers.len() >= 2);
}

#[test]
fn alertmanagers_words() {
    let tail = "receivers: [{ name: a }]\n";
    for (text, expected) in [
        ("{}", "no route provided in config"),
        ("route: {}\nreceivers: []\n", "root route must specify a default receiver"),
        (tail, "no routes provided"),
        ("route: { receiver: team-X }\n", "undefined receiver \"team-X\" used in route"),
        (
            "route: { receiver: a, routes: [{ routes: [{ receiver: team-X }] }] }\nreceivers: [{ name: a }]\n",
            "undefined receiver \"team-X\" used in route",
        ),
        ("route: { receiver: a }\nreceivers: [{ name: a }, {}]\n", "missing name in receiver"),
        (
            "route: { receiver: a }\nreceivers: [{ name: a }, { name: a }]\n",
            "notification config name \"a\" is not unique",
        ),
        (
            "route: { receiver: a, matchers: ['x=y'] }\nreceivers: [{ name: a }]\n",
            "root route must not have any matchers",
        ),
        (
            "route: { receiver: a, match: { x: y } }\nreceivers: [{ name: a }]\n",
            "root route must not have any matchers",
        ),
        (
            "route: { receiver: a, mute_time_intervals: [x] }\nreceivers: [{ name: a }]\n",
            "root route must not have any mute time intervals",
        ),
        (
            "route: { receiver: a, active_time_intervals: [x] }\nreceivers: [{ name: a }]\n",
            "root route must not have any active time intervals",
        ),
        (
            "route: { receiver: a, continue: true }\nreceivers: [{ name: a }]\n",
            "cannot have continue in root route",
        ),
        (
            "route: { receiver: a, group_by: [cluster, cluster] }\nreceivers: [{ name: a }]\n",
            "duplicated label \"cluster\" in group_by",
        ),
        (
            "route: { receiver: a, group_by: ['...', x] }\nreceivers: [{ name: a }]\n",
            "cannot have wildcard group_by (`...`) and other labels at the same time",
        ),
        (
            "route: { receiver: a, group_by: ['-invalid-'] }\nreceivers: [{ name: a }]\n",
            "invalid label name \"-invalid-\" in group_by list",
        ),
        (
            "route: { receiver: a, group_interval: 0s }\nreceivers: [{ name: a }]\n",
            "group_interval cannot be zero",
        ),
        (
            "route: { receiver: a, repeat_interval: 0s }\nreceivers: [{ name: a }]\n",
            "repeat_interval cannot be zero",
        ),
        (
            "route: { receiver: a }\nreceivers: [{ name: a, slack_configs: [{ channel: c }] }]\n",
            "no global Slack API URL set either inline or in a file",
        ),
        (
            "route: { receiver: a }\nreceivers: [{ name: a, email_configs: [{ to: a@b.c, from: d@e.f }] }]\n",
            "no global SMTP smarthost set",
        ),
        (
            "route: { receiver: a }\nreceivers: [{ name: a, email_configs: [{ to: a@b.c, smarthost: 'h:25' }] }]\n",
            "no global SMTP from set",
        ),
    ] {
        let error = decode(text).err().unwrap_or_else(|| panic!("accepted: {text}"));
        assert!(error.contains(expected) && error.starts_with("a.yml:"), "{text}\n→ {error}");
    }
}

#[test]
fn what_is_not_built_yet_says_so() {
    for (text, key) in [
        ("inhibit_rules: [{ equal: [a] }]\n", "inhibit_rules"),
        ("templates: ['*.tmpl']\n", "templates"),
        ("time_intervals: [{ name: a }]\n", "time_intervals"),
        ("global: { http_config: { proxy_url: x } }\n", "http_config"),
    ] {
        let text = format!("{text}route: {{ receiver: a }}\nreceivers: [{{ name: a }}]\n");
        let error = decode(&text).unwrap_err();
        assert!(error.contains(&format!("`{key}` is not supported yet")), "{error}");
    }
    for integration in ["webhook_configs: [{ url: 'http://a' }]", "pagerduty_configs: [{ routing_key: x }]"] {
        let text = format!("route: {{ receiver: a }}\nreceivers: [{{ name: a, {integration} }}]\n");
        assert!(decode(&text).unwrap_err().contains("is not supported yet"));
    }
    for field in ["title: x", "text: '{{ .x }}'", "channel: '{{ .x }}'", "actions: [{ type: button }]"] {
        let text = format!(
            "route: {{ receiver: a }}
receivers: [{{ name: a, slack_configs: [{{ api_url: 'https://h/x', {field} }}] }}]
"
        );
        assert!(decode(&text).unwrap_err().contains("not supported yet"), "{field}");
    }
    // what says nothing is fine
    decode("templates: []\ninhibit_rules: []\nroute: { receiver: a }\nreceivers: [{ name: a }]\n").unwrap();
}

#[test]
fn every_error_at_once_and_no_secret() {
    let text = "global:
  slack_api_url: hooks.slack.com/services/c4n4ry
  smtp_smarthost: nowhere
route:
  receiver: team
  colour: red
  group_interval: 0s
  routes:
    - matchers: ['a=~\"[\"']
      receiver: missing
receivers:
  - name: team
    slack_configs:
      - { channel: '#x', api_url: 'ftp://c4n4ry' }
    email_configs:
      - { to: 'not an address', from: a@b.c, headers: { Bcc2: \"x\", to: y } }
";
    let error = decode(text).unwrap_err();
    assert!(!error.contains("c4n4ry"), "{error}");
    let lines: Vec<&str> = error.lines().collect();
    assert!(lines.len() >= 8, "{error}");
    assert!(lines.iter().all(|line| line.starts_with("a.yml:")), "{error}");
    for expected in
        ["unknown key", "missing port", "not a list of e-mail addresses", "is set by alertrouter itself"]
    {
        assert!(error.contains(expected), "no {expected:?} in {error}");
    }
}

#[test]
fn defaults_and_inheritance_of_targets() {
    let config = decode(
        "global: { slack_app_token_file: t, smtp_from: a@b.c, smtp_smarthost: 'mail:465' }
route: { receiver: a }
receivers:
  - name: a
    slack_configs:
      - { channel: c }
      - { api_url: 'https://h/x', send_resolved: true, update_message: false }
    email_configs: [{ to: 'A <a@b.c>, d@e.f' }]
",
    )
    .unwrap_or_else(|error| panic!("{error}"));
    let targets = &config.receivers["a"];
    let ids: Vec<&str> = targets.iter().map(|target| &*target.id).collect();
    assert_eq!(ids, ["a/slack/0", "a/slack/1", "a/email/0"]);
    assert_eq!(targets.iter().map(|target| target.send_resolved).collect::<Vec<_>>(), [false, true, false]);
    let Integration::Slack(slack) = &targets[0].integration else { panic!() };
    let SlackWay::Bot { base, .. } = &slack.way else { panic!() };
    assert_eq!(base, "https://slack.com/api");
    let Integration::Slack(slack) = &targets[1].integration else { panic!() };
    assert!(matches!(slack.way, SlackWay::Webhook { .. }));
    let Integration::Email(email) = &targets[2].integration else { panic!() };
    assert_eq!((email.to.len(), email.port, email.implicit_tls, email.require_tls), (2, 465, true, true));
}
