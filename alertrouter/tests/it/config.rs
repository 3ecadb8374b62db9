//! Configuration files: what is taken, and the exact words for what is not.

use alertrouter::config::{Config, Integration, SlackWay};
use alertrouter::matcher::ParserMode;
use toolkit::config::Document;

fn decode(text: &str) -> Result<Config, String> {
    decode_by(ParserMode::Fallback, text)
}

fn decode_by(mode: ParserMode, text: &str) -> Result<Config, String> {
    let document = Document::parse("a.yml", text).map_err(|error| error.to_string())?;
    Config::decode(&document, "data".into(), mode).map_err(|error| error.to_string())
}

/// A file with one receiver `a` and these lines before it.
fn with_lines(lines: &str) -> String {
    format!("{lines}\nroute: {{ receiver: a }}\nreceivers: [{{ name: a }}]\n")
}

/// A file whose one receiver has these integrations.
fn with_receiver(integrations: &str) -> String {
    format!("route: {{ receiver: a }}\nreceivers: [{{ name: a, {integrations} }}]\n")
}

#[test]
fn the_example_is_valid() {
    let config =
        decode(include_str!("../../examples/alertrouter.yml")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((config.receivers.len(), config.lints), (3, Vec::new()));
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
            "route: { receiver: a, group_by: [''] }\nreceivers: [{ name: a }]\n",
            "invalid label name \"\" in group_by list",
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
            "no Slack API URL nor App token set either inline or in a file",
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
fn alertmanagers_words_about_receivers() {
    for (integrations, expected) in [
        (
            "slack_configs: [{ api_url: 'http://h', api_url_file: f }]",
            "at most one of api_url & api_url_file must be",
        ),
        (
            "slack_configs: [{ app_token: x, app_token_file: f }]",
            "at most one of app_token & app_token_file must be",
        ),
        (
            "slack_configs: [{ app_token: x, api_url: 'http://h', channel: c }]",
            "at most one of api_url/api_url_file & app_token/app_token_file must be configured",
        ),
        (
            "slack_configs: [{ app_token: x, channel: c, http_config: { authorization: { credentials: y } } }]",
            "http authorization can't be set when using Slack App tokens",
        ),
        ("email_configs: [{ smarthost: 'h:25', from: a@b.c }]", "missing to address in email config"),
        (
            "email_configs: [{ to: a@b.c, smarthost: 'h:25', from: a@b.c, headers: { x-a: b, X-A: c } }]",
            "duplicate header \"X-A\" in email config",
        ),
        (
            "email_configs: [{ to: a@b.c, smarthost: 'h:25', from: a@b.c, threading: { enabled: true } }]",
            "threading.thread_by_date must be either 'none' or 'daily'",
        ),
        (
            "email_configs: [{ to: a@b.c, smarthost: 'h:25', from: a@b.c, headers: { references: x },
             threading: { enabled: true, thread_by_date: none } }]",
            "conflicting configuration: threading.enabled conflicts with custom References header",
        ),
        (
            "email_configs: [{ to: a@b.c, smarthost: 'h:', from: a@b.c }]",
            "address \"h:\": port cannot be empty",
        ),
        ("email_configs: [null]", "missing email config"),
        ("webhook_configs: [null]", "missing webhook config"),
        ("webhook_configs: [{}]", "one of url or url_file must be configured"),
        (
            "webhook_configs: [{ url: 'http://h', url_file: f }]",
            "at most one of url & url_file must be configured",
        ),
        ("labels: { name: b }", "receiver label \"name\" must match receiver name \"a\", got \"b\""),
    ] {
        refused(integrations, expected);
    }
}

/// A receiver with these integrations must be an error with these words.
fn refused(integrations: &str, expected: &str) {
    let error = decode(&with_receiver(integrations)).err();
    let error = error.unwrap_or_else(|| panic!("accepted: {integrations}"));
    assert!(error.contains(expected) && error.starts_with("a.yml:"), "{integrations}\n→ {error}");
}

#[test]
fn alertmanagers_words_about_connections() {
    for (integrations, expected) in [
        (
            "webhook_configs: [{ url: 'http://h', http_config: { basic_auth: { username: u }, bearer_token: x } }]",
            "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured",
        ),
        (
            "webhook_configs: [{ url: 'http://h', http_config: { basic_auth: { username: u }, authorization: { credentials: x } } }]",
            "at most one of basic_auth, oauth2 & authorization must be configured",
        ),
        (
            "webhook_configs: [{ url: 'http://h', http_config: { authorization: { type: Basic, credentials: x } } }]",
            "authorization type cannot be set to \"basic\", use \"basic_auth\" instead",
        ),
        (
            "webhook_configs: [{ url: 'http://h', http_config: { no_proxy: x } }]",
            "if no_proxy is configured, proxy_url must also be configured",
        ),
        (
            "webhook_configs: [{ url: 'http://h', http_config: { tls_config: { cert_file: x } } }]",
            "exactly one of key or key_file must be configured when a client certificate is configured",
        ),
        (
            "webhook_configs: [{ url: 'http://h', http_config: { http_headers: { host: { values: [x] } } } }]",
            "setting header \"host\" is not allowed",
        ),
    ] {
        refused(integrations, expected);
    }
}

#[test]
fn alertmanagers_words_about_global() {
    for (global, expected) in [
        (
            "slack_api_url: 'http://h', slack_api_url_file: f",
            "at most one of slack_api_url & slack_api_url_file must be",
        ),
        (
            "slack_api_url: 'http://h', slack_app_token: x",
            "at most one of slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file must be configured",
        ),
        (
            "smtp_auth_password: x, smtp_auth_password_file: f",
            "at most one of smtp_auth_password & smtp_auth_password_file",
        ),
    ] {
        let error = decode(&with_lines(&format!("global: {{ {global} }}"))).unwrap_err();
        assert!(error.contains(expected), "{global}\n→ {error}");
    }
}

#[test]
fn alertmanagers_words_about_the_rest() {
    for (lines, expected) in [
        ("time_intervals: [{ time_intervals: [] }]", "missing name in time interval"),
        ("mute_time_intervals: [{ time_intervals: [] }]", "missing name in mute time interval"),
        ("time_intervals: [{ name: x }, { name: x }]", "time interval \"x\" is not unique"),
        ("mute_time_intervals: [{ name: x }, { name: x }]", "mute time interval \"x\" is not unique"),
        (
            "mute_time_intervals: [{ name: x }]\ntime_intervals: [{ name: x }]",
            "time interval \"x\" is not unique",
        ),
        ("time_intervals: [{ name: x, time_intervals: [{ location: Mars }] }]", "unknown time zone Mars"),
        (
            "time_intervals: [{ name: x, time_intervals: [{ times: [{ start_time: '9:00', end_time: '17:00' }] }] }]",
            "couldn't parse timestamp 9:00, invalid format",
        ),
        ("inhibit_rules: [{ source_match: { 0a: b } }]", "invalid label name \"0a\""),
        ("inhibit_rules: [{ equal: [''] }]", "invalid label name \"\" in equal list"),
        ("inhibit_rules: [{ target_matchers: ['a=~\"[\"'] }]", "not a valid regular expression"),
    ] {
        let error = decode(&with_lines(lines)).err().unwrap_or_else(|| panic!("accepted: {lines}"));
        assert!(error.contains(expected) && error.starts_with("a.yml:"), "{lines}\n→ {error}");
    }
    for (route, expected) in [
        ("mute_time_intervals: [business_hours]", "undefined time interval \"business_hours\" used in route"),
        (
            "active_time_intervals: [business_hours]",
            "undefined time interval \"business_hours\" used in route",
        ),
        ("labels: { '': x }", "invalid label name \"\" in route labels"),
        ("match: { a-b: x }", "invalid label name \"a-b\""),
        ("matchers: ['a']", "bad matcher format: a"),
    ] {
        let text = format!("route: {{ receiver: a, routes: [{{ {route} }}] }}\nreceivers: [{{ name: a }}]\n");
        let error = decode(&text).err().unwrap_or_else(|| panic!("accepted: {route}"));
        assert!(error.contains(expected), "{route}\n→ {error}");
    }
}

#[test]
fn names_by_mode() {
    for (group_by, classic, others) in [("foo", true, true), ("foo-bar", false, true), ("foo🙂", false, true)]
    {
        let text =
            format!("route: {{ receiver: a, group_by: ['{group_by}'] }}\nreceivers: [{{ name: a }}]\n");
        for (mode, expected) in
            [(ParserMode::Classic, classic), (ParserMode::Utf8, others), (ParserMode::Fallback, others)]
        {
            assert_eq!(decode_by(mode, &text).is_ok(), expected, "{group_by} {mode:?}");
        }
    }
    for (features, expected) in [
        ("", Ok(ParserMode::Fallback)),
        ("classic-mode", Ok(ParserMode::Classic)),
        ("utf8-strict-mode,utf8-strict-mode", Ok(ParserMode::Utf8)),
        ("classic-mode, utf8-strict-mode", Err("cannot have both classic and UTF-8 modes enabled")),
        ("event-recorder", Err("unknown option 'event-recorder' for --enable-feature")),
    ] {
        assert_eq!(ParserMode::from_features(features), expected.map_err(str::to_owned));
    }
}

#[test]
fn what_cannot_be_done_says_so() {
    for integration in ["pagerduty_configs: [{ routing_key: x }]", "msteamsv2_configs: [{ webhook_url: x }]"]
    {
        let error = decode(&with_receiver(integration)).unwrap_err();
        assert!(error.contains("is not supported"), "{error}");
    }
    for (integrations, expected) in [
        (
            "webhook_configs: [{ url: 'http://h', http_config: { oauth2: { client_id: x } } }]",
            "`oauth2` is not supported",
        ),
        ("webhook_configs: [{ url: 'http://h/{{ .x' }]", "the template in it cannot be read"),
        (
            "email_configs: [{ to: a@b.c, from: a@b.c, smarthost: 'h:25', auth_username: u, auth_secret: s }]",
            "CRAM-MD5",
        ),
    ] {
        let error = decode(&with_receiver(integrations)).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    // what says nothing is fine, and so is Alertmanager's own default
    for text in [
        with_lines("templates: []\ninhibit_rules: []"),
        with_lines("templates: ['/nowhere/*.tmpl']"),
        with_receiver("pagerduty_configs: []"),
        with_receiver(
            "slack_configs: [{ api_url: 'https://h/x', title: '{{ template \"slack.default.title\" . }}', color: '' }]",
        ),
    ] {
        let config = decode(&text).unwrap_or_else(|error| panic!("{text}\n{error}"));
        assert_eq!(config.lints, []);
    }
}

#[test]
fn remarks() {
    for (text, expected) in [
        (
            with_receiver("slack_configs: [{ api_url: 'https://h/x', update_message: true }]"),
            "an incoming webhook cannot edit",
        ),
        (with_lines("tracing: { endpoint: x }"), "1:10: `tracing` has no effect here"),
        (
            with_receiver("slack_configs: [{ api_url: 'https://h/x', color: '{{ index .Alerts 9 }}' }]"),
            "the template of `color` fails for an example",
        ),
        (
            with_receiver("slack_configs: [{ api_url: 'https://h/x', link_names: true }]"),
            "`link_names` is not done",
        ),
        (
            with_receiver("email_configs: [{ to: a@b.c, from: a@b.c, smarthost: 'h:25', headers: { From: x } }]"),
            "header \"From\" is not sent: alertrouter sets it itself",
        ),
        (with_lines("time_intervals: [{ name: x }]"), "1:26: time interval \"x\" is not used by any route"),
        (with_lines("mute_time_intervals: [{ name: x }]"), "is called `time_intervals` now"),
        (
            "route: { receiver: a }\nreceivers: [{ name: a }, { name: b }]\n".to_owned(),
            "2:34: receiver \"b\" is not used by any route",
        ),
        (
            "route: { receiver: a, routes: [{ matchers: ['a=~\"\\d\"'] }] }\nreceivers: [{ name: a }]\n".to_owned(),
            "1:45: only the classic grammar reads this matcher; hint: write a=~\"\\\\d\"",
        ),
        (
            "route:\n  receiver: a\n  routes:\n  - matchers: [a=b]\n  - matchers: [a=b, c=d]\nreceivers: [{ name: a }]\n"
                .to_owned(),
            "5:5: this route is never reached: the one at line 4 takes all of its alerts",
        ),
        (
            "route:\n  receiver: a\n  routes:\n  - matchers: [a=~\"b.*\"]\n  - matchers: [a=bc]\nreceivers: [{ name: a }]\n"
                .to_owned(),
            "5:5: this route is never reached",
        ),
        (
            "route:\n  receiver: a\n  routes:\n  - matchers: [a=b]\n    routes:\n    - match: { a: c }\nreceivers: [{ name: a }]\n"
                .to_owned(),
            "6:7: this route never matches: a=\"b\" and a=\"c\"",
        ),
        (
            "route: { receiver: a, repeat_interval: 1m }\nreceivers: [{ name: a }]\n".to_owned(),
            "repeat_interval is shorter than group_interval",
        ),
        (
            with_lines("time_intervals: [{ name: x, time_intervals: [{ weekdays: [friday], times: [{ start_time: '00:00', end_time: '06:00' }, { start_time: '22:00', end_time: '24:00' }] }] }]"),
            "covers a night on some days only",
        ),
        (with_lines("inhibit_rules: [{ source_matchers: [a=b] }]"), "has no target_matchers"),
    ] {
        let config = decode(&text).unwrap_or_else(|error| panic!("{text}\n{error}"));
        let remarks: Vec<String> = config.lints.iter().map(ToString::to_string).collect();
        assert!(remarks.iter().any(|remark| remark.contains(expected)), "{text}\n{remarks:#?}");
    }
    // no remark where nothing is known
    let quiet = "route:
  receiver: a
  routes:
  - { matchers: [a=b], continue: true }
  - { matchers: [a=b] }
  - { matchers: [a!=b] }
  - { matchers: ['a=~\"b.*\"'] }
receivers: [{ name: a }]
";
    assert_eq!(decode(quiet).unwrap().lints, []);
}

#[test]
fn our_own_keys() {
    let receivers = "receivers:
  - { name: a, failover: b, webhook_configs: [{ url: 'http://h' }] }
  - { name: b, webhook_configs: [{ url: 'http://h' }] }
  - { name: silent }
";
    let text = |delivery: &str| format!("delivery: {{ {delivery} }}\nroute: {{ receiver: a }}\n{receivers}");
    let config =
        decode(&text("late_after: 2m, stale_after: 0s, give_up_after: 3h, fallback_receiver: b")).unwrap();
    assert_eq!(config.delivery.fallback_receiver.as_deref(), Some("b"));
    assert_eq!(config.failover.get("a").map(|name| &**name), Some("b"));
    let minutes = |duration: std::time::Duration| duration.as_secs() / 60;
    assert_eq!((minutes(config.delivery.late_after), minutes(config.delivery.give_up_after)), (2, 180));
    for (delivery, expected) in [
        ("fallback_receiver: c", "undefined receiver \"c\" used in delivery.fallback_receiver"),
        (
            "fallback_receiver: silent",
            "receiver \"silent\" used in delivery.fallback_receiver has no integrations",
        ),
        ("late_after: 0s", "late_after cannot be zero"),
    ] {
        let error = decode(&text(delivery)).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let own = "route: { receiver: a }\nreceivers: [{ name: a, failover: a }, { name: b, failover: c }]\n";
    let error = decode(own).unwrap_err();
    assert!(
        error.contains("cannot be its own failover") && error.contains("undefined receiver \"c\""),
        "{error}"
    );
}

#[test]
fn a_bots_token_as_people_wrote_it_before_app_token() {
    let config = decode(
        "global: { slack_api_url: 'https://slack.com/api/chat.postMessage' }
route: { receiver: a }
receivers:
  - name: a
    slack_configs:
      - { channel: c, update_message: true, http_config: { authorization: { credentials: x } } }
      - { channel: c, http_config: { proxy_url: 'http://proxy' } }
",
    )
    .unwrap_or_else(|error| panic!("{error}"));
    let ways: Vec<&SlackWay> = config.receivers["a"]
        .iter()
        .map(|target| match &target.integration {
            Integration::Slack(slack) => &slack.way,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(matches!(ways[0], SlackWay::Bot { base, .. } if base == "https://slack.com/api"), "{ways:?}");
    assert!(matches!(ways[1], SlackWay::Webhook { .. }), "{ways:?}");
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
      - { to: 'not an address', from: a@b.c, headers: { \"B c\": \"x\" } }
";
    let error = decode(text).unwrap_err();
    assert!(!error.contains("c4n4ry"), "{error}");
    let lines: Vec<&str> = error.lines().collect();
    assert!(lines.len() >= 8, "{error}");
    assert!(lines.iter().all(|line| line.starts_with("a.yml:")), "{error}");
    for expected in
        ["unknown key", "missing port", "not a list of e-mail addresses", "is not the name of a header"]
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
    assert_eq!(
        (email.to.source().split(',').count(), email.port, email.implicit_tls, email.require_tls),
        (2, 465, true, true)
    );
}
