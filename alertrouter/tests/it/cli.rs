//! The subcommands of the binary: what they print, and how they end. Beside them amtool, where it has the same.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use kit::process::Folder;
use serde_json::json;

use crate::router::{Router, firing};

const CONFIG: &str = r#"
global: { slack_api_url: 'https://h/x' }
route:
  receiver: default
  routes:
    - matchers: ['b="x y"', 'a!~"z.*"', 'a="1"']
      continue: true
      receiver: first
      routes:
        - match: { c: "1" }
          match_re: { d: ".*x" }
        - matchers: ['e=f']
          receiver: second
    - receiver: second
      matchers: ['a=~"1|2"']
      mute_time_intervals: [weekend]
time_intervals:
  - { name: weekend, time_intervals: [{ weekdays: [saturday, sunday], location: Europe/Berlin }] }
receivers: [{ name: default }, { name: first }, { name: second }]
"#;

/// Exit code, standard output, standard error.
fn run(folder: &Path, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_alertrouter"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn folder() -> Folder {
    let folder = Folder::new().unwrap();
    folder.write("a.yml", CONFIG).unwrap();
    folder
}

#[tokio::test]
async fn show_and_test_print_what_amtool_prints() {
    let folder = folder();
    let file = format!("--config.file={}", folder.path().join("a.yml").display());
    for arguments in [
        &["routes", "show"][..],
        &["routes", "test"],
        &["routes", "test", "--tree"],
        &["routes", "test", "a=1", "b=\"x y\"", "e=f"],
        &["routes", "test", "--tree", "a=1", "b=\"x y\"", "e=f"],
        &["routes", "test", "--tree", "a=1", "b=\"x y\"", "c=1", "d=xx"],
        &["routes", "test", "--verify.receivers=second", "a=2"],
        &["routes", "test", "a=\"\""],
    ] {
        let mut ours = arguments.to_vec();
        ours.push(&file);
        let found = run(folder.path(), &ours, "");
        let theirs = [&["config"], &ours[..]].concat();
        // older ones indent with spaces that do not break
        let expected = kit::alertmanager::amtool(&theirs).await.unwrap().replace('\u{a0}', " ");
        assert_eq!(found, (Some(0), expected, String::new()), "{arguments:?}");
    }
}

#[test]
fn what_fails_ends_with_1_and_bad_flags_with_2() {
    let folder = folder();
    folder.write("bad.yml", "route: { receiver: nobody }\nreceivers: []\nx: 1\n").unwrap();
    for (arguments, code, expected) in [
        (
            &["routes", "test", "--config.file=a.yml", "--verify.receivers=x", "a=2"][..],
            1,
            "expected receivers x, found second",
        ),
        (&["routes", "test", "--config.file=a.yml", "a=~2"], 1, "\"a=~2\" is no label: write NAME=VALUE"),
        (&["routes", "test", "--config.file=a.yml", "{a=2}"], 1, "unexpected open or close brace: {a=2}"),
        (&["routes", "test", "--config.file=a.yml", "a"], 1, "bad matcher format: a"),
        (&["routes", "test", "--config.file=none.yml"], 1, "none.yml: cannot be read: no such file"),
        (
            &["routes", "show", "--config.file=bad.yml"],
            1,
            "bad.yml:1:20: undefined receiver \"nobody\" used in route",
        ),
        (&["check-config", "a.yml", "bad.yml"], 1, "bad.yml:3:1: unknown key `x`"),
        (&["routes", "test"], 2, "--config.file"),
        (&["routes"], 2, "subcommand"),
        (&["check-config"], 2, "FILE"),
        (&["check-config", "--enable-feature=x", "a.yml"], 2, "unknown option 'x' for --enable-feature"),
        (&["routes", "diff", "a.yml", "a.yml"], 2, "--storage.path"),
        (&["--enable-feature=x"], 2, "unknown option 'x' for --enable-feature"),
    ] {
        let (found, _, problems) = run(folder.path(), arguments, "");
        assert_eq!(found, Some(code), "{arguments:?}\n{problems}");
        assert!(problems.contains(expected), "{arguments:?}\n{problems}");
    }
}

#[test]
fn check_config_finds_every_error_and_remarks() {
    let folder = folder();
    let text =
        CONFIG.replace("name: first }", "name: first }, { name: unused }").replace("c: \"1\"", "a: \"2\"");
    folder.write("b.yml", text).unwrap();
    let (code, found, problems) = run(folder.path(), &["check-config", "a.yml", "b.yml"], "");
    assert_eq!((code, problems.as_str()), (Some(0), ""));
    assert_eq!(
        found,
        "a.yml is valid: 5 routes, 3 receivers, 0 inhibit rules, 0 remarks
b.yml:10:11: this route never matches: a=\"1\" and a=\"2\"
b.yml:19:57: receiver \"unused\" is not used by any route
b.yml is valid: 5 routes, 4 receivers, 0 inhibit rules, 2 remarks
"
    );
    // the grammar is chosen by a flag
    folder.write("c.yml", CONFIG.replace("'a=~\"1|2\"'", "'a=~\"\\d\"'")).unwrap();
    let (code, found, _) = run(folder.path(), &["check-config", "c.yml"], "");
    assert!(code == Some(0) && found.contains("only the classic grammar reads this matcher"), "{found}");
    let (code, _, problems) =
        run(folder.path(), &["check-config", "--enable-feature=utf8-strict-mode", "c.yml"], "");
    assert!(code == Some(1) && problems.contains("invalid input"), "{problems}");
}

#[test]
fn batch_answers_each_line() {
    let folder = folder();
    let arguments = ["routes", "test", "--config.file=a.yml", "--batch"];
    let lines = "{}\n{\"a\":\"1\",\"b\":\"x y\"}\n{\"a\":2}\n";
    let expected = (Some(0), "default\nfirst,second\nsecond\n".to_owned(), String::new());
    assert_eq!(run(folder.path(), &arguments, lines), expected);
    let (code, found, problems) = run(folder.path(), &arguments, "{}\n[]\n{}\n");
    assert_eq!((code, found.as_str()), (Some(1), "default\n"));
    assert!(problems.starts_with("error: line 2 is no JSON object of labels"), "{problems}");
}

#[test]
fn cases_hold_or_show_the_difference() {
    let folder = folder();
    let good = "cases:
  - { labels: {}, receivers: [default] }
  - { name: both, labels: { a: 1, b: x y }, receivers: [first, second] }
  - { labels: { a: 2 }, receivers: [second], at: '2026-11-20T22:59:00Z' }
  - { labels: { a: 2 }, receivers: [second], at: '2026-11-20T23:00:00Z', muted: [second] }
";
    folder.write("good.yml", good).unwrap();
    let cases = |file: &str| {
        let flag = format!("--cases={file}");
        run(folder.path(), &["routes", "test", "--config.file=a.yml", &flag], "")
    };
    assert_eq!(cases("good.yml"), (Some(0), "good.yml: 4 cases hold\n".to_owned(), String::new()));
    let bad = good.replace("receivers: [first, second]", "receivers: [second]").replace("23:00", "22:00");
    folder.write("bad.yml", bad).unwrap();
    assert_eq!(
        cases("bad.yml"),
        (
            Some(1),
            "bad.yml:3:5: both: {a=\"1\", b=\"x y\"}
  expected: second
  found:    first,second

bad.yml:5:5: a case: {a=\"2\"}
  muted, expected: second
  muted, found:    none

"
            .to_owned(),
            "error: bad.yml: 2 of 4 cases do not hold\n".to_owned()
        )
    );
    folder.write("wrong.yml", "cases: [{ labels: {}, muted: [x] }]\n").unwrap();
    let (code, _, problems) = cases("wrong.yml");
    assert!(code == Some(1) && problems.lines().count() == 2, "{problems}");
    assert!(problems.contains("missing required key `receivers`") && problems.contains("`muted` needs `at`"));
}

#[tokio::test]
async fn diff_of_what_came_in() {
    // nobody listens there: what came in is kept all the same
    let config = "route: { receiver: team }
receivers: [{ name: team, webhook_configs: [{ url: 'http://127.0.0.1:9' }] }]
";
    let router = Router::start(config).await;
    router.send(&[firing("a:6379"), firing("b:6379")]).await;
    let folder = &router.folder;
    folder.write("old.yml", config).unwrap();
    let new = "route: { receiver: team, routes: [{ receiver: other, matchers: [instance=~\"a.*\"] }] }
receivers: [{ name: team }, { name: other }]
";
    folder.write("new.yml", new).unwrap();
    let expected = "team → other
  {alertname=\"RedisDown\", instance=\"a:6379\", severity=\"critical\"}
1 of 2 alerts change receiver
";
    // while the router runs, and after it
    let arguments = ["routes", "diff", "old.yml", "new.yml", "--storage.path=data"];
    assert_eq!(run(folder.path(), &arguments, ""), (Some(0), expected.to_owned(), String::new()));
    let Router { running, folder } = router;
    running.stop().await;
    assert_eq!(run(folder.path(), &arguments, ""), (Some(0), expected.to_owned(), String::new()));
    let lines = format!("{}\n{}\n", json!({ "instance": "a" }), json!({ "instance": "b" }));
    folder.write("sets.jsonl", lines).unwrap();
    let (code, found, _) =
        run(folder.path(), &["routes", "diff", "old.yml", "new.yml", "--labels.file=sets.jsonl"], "");
    assert_eq!(
        (code, found.as_str()),
        (Some(0), "team → other\n  {instance=\"a\"}\n1 of 2 alerts change receiver\n")
    );
    let (code, _, problems) =
        run(folder.path(), &["routes", "diff", "old.yml", "new.yml", "--storage.path=no"], "");
    assert!(code == Some(1) && problems.contains("the history in no cannot be read"), "{problems}");
}
