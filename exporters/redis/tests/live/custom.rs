//! Scripts, commands of the configuration file, and the rights that all of it needs.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use kit::eventually;
use kit::redis::{Redis, Version};

use crate::support::{Act, Scripted, exporter, get, healthy, page};

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn scripts_fail_alone() {
    let redis = Redis::start().await.unwrap();
    redis.cli(&["RPUSH", "jobs", "a", "b"]).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let scripts = [
        (
            "good.lua",
            "return {'jobs', tostring(redis.call('LLEN', 'jobs')), 'number', 3, 'argument', ARGV[1]}",
            1.0,
        ),
        ("bad.lua", "return redis.error_reply('BAD thing')", 0.0),
        ("empty.lua", "return {}", 2.0),
        ("text.lua", "return 'hello'", 0.0),
        ("write.lua", "return {'set', redis.call('INCR', 'written')}", 1.0),
    ];
    let paths = scripts.map(|(name, text, _)| file(folder.path(), name, text));
    for (flag, read_only) in [("--lua-script-read-only=false", false), ("--lua-script-read-only", true)] {
        let exporter = exporter(&["--redis.addr", &redis.url(), "--script", &paths.join(","), flag]).await;
        let page = page(&exporter, "/metrics").await;
        assert_eq!((page.value("redis_up"), page.error()), (Some(1.0), ""));
        for (path, (name, _, expected)) in paths.iter().zip(scripts) {
            let expected = if read_only && name == "write.lua" { 0.0 } else { expected };
            let series = format!("redis_script_result{{filename=\"{path}\"}}");
            assert_eq!(page.value(&series), Some(expected), "{name}");
        }
        for (key, expected) in [("jobs", 2.0), ("number", 3.0), ("argument", 0.0)] {
            let series = format!("redis_script_values{{key=\"{key}\",filename=\"{}\"}}", paths[0]);
            assert_eq!(page.value(&series), Some(expected), "{key}");
        }
        assert_eq!(page.value("redis_scrape_collector_success{collector=\"scripts\"}"), Some(0.0));
        assert_eq!(page.value("redis_scrape_collector_success{collector=\"info\"}"), Some(1.0));
        exporter.stop().await;
    }
}

const COMMANDS: &str = r#"
commands:
  - name: jobs
    command: [LLEN, jobs]
    db: 2
    metrics:
      - {name: jobs_waiting, help: Jobs that wait., const_labels: {queue: jobs}}
      - {name: half_jobs, help: Half of them., scale: 0.5}
  - name: top
    command: [ZRANGE, top, "0", "-1", WITHSCORES]
    limit: 2
    metrics: [{name: score, help: Scores., type: counter, pairs: player}]
  - name: groups
    command: [XINFO, GROUPS, stream]
    metrics: [{name: group_pending, help: Pending., value: pending, labels: {group: name}}]
  - name: script
    eval_ro:
      script: "return {{KEYS[1], redis.call('LLEN', KEYS[1])}, {ARGV[1], '7'}}"
      keys: [none]
      args: [fixed]
    metrics: [{name: lengths, help: Lengths., value: 1, labels: {key: 0}}]
  - name: wrong_type
    command: [LLEN, top]
    metrics: [{name: never, help: Never.}]
  - name: no_number
    command: [GET, text]
    metrics: [{name: nor_this, help: Never.}]
  - name: no_database
    command: [DBSIZE]
    db: 9999
    metrics: [{name: nor_that, help: Never.}]
  - name: elsewhere
    match: other
    command: [DBSIZE]
    metrics: [{name: elsewhere, help: Never.}]
"#;

#[tokio::test]
async fn commands_of_the_file_become_metrics_and_fail_alone() {
    let redis = Redis::start().await.unwrap();
    for words in [
        &["-n", "2", "RPUSH", "jobs", "a", "b", "c"][..],
        &["ZADD", "top", "5", "ann", "7", "bob", "9", "cid"],
        &["XADD", "stream", "*", "k", "v"],
        &["XGROUP", "CREATE", "stream", "g1", "0"],
        &["XREADGROUP", "GROUP", "g1", "c1", "STREAMS", "stream", ">"],
        &["SET", "text", "words"],
    ] {
        redis.cli(words).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let config = file(folder.path(), "redis.yml", COMMANDS);
    let exporter = exporter(&["--redis.addr", &redis.url(), "--config.file", &config]).await;
    for round in 1..=2 {
        let page = page(&exporter, "/metrics").await;
        for (series, expected) in [
            ("redis_up", Some(1.0)),
            ("redis_jobs_waiting{queue=\"jobs\"}", Some(3.0)),
            ("redis_half_jobs", Some(1.5)),
            ("redis_score{player=\"ann\"}", Some(5.0)),
            ("redis_score{player=\"bob\"}", Some(7.0)),
            ("redis_score{player=\"cid\"}", None),
            ("redis_custom_command_dropped_series_total{command=\"top\"}", Some(f64::from(round))),
            ("redis_group_pending{group=\"g1\"}", Some(1.0)),
            ("redis_lengths{key=\"none\"}", Some(0.0)),
            ("redis_lengths{key=\"fixed\"}", Some(7.0)),
            ("redis_never", None),
            ("redis_elsewhere", None),
            ("redis_custom_command_success{command=\"jobs\"}", Some(1.0)),
            ("redis_custom_command_success{command=\"wrong_type\"}", Some(0.0)),
            ("redis_custom_command_success{command=\"no_number\"}", Some(0.0)),
            ("redis_custom_command_success{command=\"no_database\"}", Some(0.0)),
            ("redis_custom_command_success{command=\"elsewhere\"}", None),
            ("redis_scrape_collector_success{collector=\"custom\"}", Some(0.0)),
            ("redis_scrape_collector_success{collector=\"slowlog\"}", Some(1.0)),
        ] {
            assert_eq!(page.value(series), expected, "{series}");
        }
        assert!(page.0.contains("# TYPE redis_score counter\n"), "{}", page.0);
    }
    exporter.stop().await;
}

#[tokio::test]
async fn strangers_are_asked_nothing_of_the_file() {
    let redis = Redis::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let of = |rules: &str| {
        format!("{rules}commands:\n- {{name: c, command: [DBSIZE], metrics: [{{name: size, help: S.}}]}}\n")
    };
    for (number, (rules, asked)) in
        [("", false), ("targets: [{match: 127.0.0.0/8}]\n", true)].into_iter().enumerate()
    {
        let config = file(folder.path(), &format!("{number}.yml"), &of(rules));
        let exporter = exporter(&["--redis.addr=", "--config.file", &config]).await;
        let page = page(&exporter, &format!("/scrape?target=127.0.0.1:{}", redis.port())).await;
        assert_eq!(page.value("redis_size").is_some(), asked, "{rules}");
        exporter.stop().await;
    }
}

#[tokio::test]
async fn a_command_that_hangs_ends_with_its_own_timeout() {
    let server = Scripted::start(|words| match words {
        [first, ..] if first == "LLEN" => Act::Hang,
        [first, ..] if first == "DBSIZE" => Act::Say(":4\r\n".to_owned()),
        [first, ..] if first == "EVAL" => Act::Hang,
        words => healthy(words),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let config = file(
        folder.path(),
        "redis.yml",
        "commands:\n\
         - {name: hangs, command: [LLEN, a], timeout: 100ms, metrics: [{name: a, help: A.}]}\n\
         - {name: answers, command: [DBSIZE], metrics: [{name: size, help: S.}]}\n",
    );
    let script = file(folder.path(), "hangs.lua", "while true do end");
    let exporter =
        exporter(&["--redis.addr", &server.url(), "--config.file", &config, "--script", &script]).await;
    // a script's own limit is longer than this scrape
    let response = get(&exporter, "/metrics", 1.5).await;
    let page = crate::support::Page(response.text());
    for (series, expected) in [
        ("redis_up", 1.0),
        ("redis_custom_command_success{command=\"hangs\"}", 0.0),
        (&format!("redis_script_result{{filename=\"{script}\"}}"), 0.0),
        ("redis_scrape_collector_success{collector=\"info\"}", 1.0),
    ] {
        assert_eq!(page.value(series), Some(expected), "{series}\n{}", page.0);
    }
    exporter.stop().await;
}

/// What `redis-exporter --print-acl` prints for the releases that `heading` names.
fn printed(arguments: &[&str], heading: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_redis-exporter")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().skip_while(|line| !line.contains(heading)).nth(1).unwrap().to_owned();
    line.replace("YOUR-PASSWORD", "s3cret").split(' ').map(str::to_owned).collect()
}

/// A pass over a handful of keys takes milliseconds.
const PASS_BOUND: Duration = Duration::from_secs(20);

/// Everything that a flag switches on, but for what only other servers have.
const EVERYTHING: [&str; 14] = [
    "--ping-on-connect",
    "--include-config-metrics",
    "--include-modules-metrics",
    "--include-rdb-file-size-metric",
    "--export-client-list",
    "--client-aggregates",
    "--check-keys=db0=jo*",
    "--check-single-keys=db0=jobs",
    "--count-keys=db0=*",
    "--check-key-groups=^(.*)$",
    "--check-streams=db0=str*",
    "--check-single-streams=db0=stream",
    "--top-keys=3",
    "--check-keys-share=100",
];

/// The exporter as the user of the printed line: all is there, and nothing was denied.
async fn check_rights(version: Version, heading: &str) {
    let redis = Redis::builder().version(version).start().await.unwrap();
    for words in [
        &["RPUSH", "jobs", "a", "b"][..],
        &["PFADD", "jolog", "a"],
        &["XADD", "stream", "*", "k", "v"],
        &["XGROUP", "CREATE", "stream", "g", "0"],
    ] {
        redis.cli(words).await.unwrap();
    }
    let has_eval_ro = version != Version::V6_2;
    let folder = tempfile::tempdir().unwrap();
    let script = file(folder.path(), "jobs.lua", "return {'jobs', tostring(redis.call('LLEN', 'jobs'))}");
    let eval_ro = "- {name: b, eval_ro: {script: \"return redis.call('LLEN', KEYS[1])\", keys: [jobs]}, \
                   metrics: [{name: b, help: B.}]}\n";
    let config = format!(
        "commands:\n- {{name: a, command: [LLEN, jobs], db: 1, metrics: [{{name: a, help: A.}}]}}\n{}",
        if has_eval_ro { eval_ro } else { "" }
    );
    let config = file(folder.path(), "redis.yml", &config);
    let everything = [&EVERYTHING[..], &["--script", &script, "--config.file", &config]].concat();
    for more in [&[][..], &everything] {
        let url = redis.url();
        let arguments =
            [&["--redis.addr", &url, "--redis.user=watch", "--redis.password=s3cret"], more].concat();
        let words = printed(&[&arguments[..], &["--print-acl"]].concat(), heading);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(redis.cli(&words).await.unwrap(), "OK", "{words:?}");
        let exporter = exporter(&arguments).await;
        let checked = eventually(PASS_BOUND, "the pass over the keys", async || {
            let page = page(&exporter, "/metrics").await;
            let shown =
                ["redis_keys_count", "redis_key_size", "redis_stream_length", "redis_key_group_count"]
                    .map(|family| page.family(family).len());
            anyhow::ensure!(more.is_empty() || shown.iter().all(|series| *series > 0), "{shown:?}");
            Ok(page)
        });
        let page = checked.await.unwrap();
        assert_eq!((page.value("redis_up"), page.error()), (Some(1.0), ""));
        for family in ["redis_exporter_capability", "redis_scrape_collector_success", "redis_script_result"] {
            let lines = page.family(family);
            assert!(lines.iter().all(|line| line.ends_with(" 1")), "{version:?} {words:?} {lines:?}");
        }
        assert!(page.family("redis_exporter_capability").len() > 4);
        assert_eq!(redis.cli(&["ACL", "LOG"]).await.unwrap(), "", "{version:?} {words:?}");
        exporter.stop().await;
    }
}

#[tokio::test]
async fn the_printed_rights_are_enough() {
    check_rights(Version::V7_0, "Redis 7.0").await;
}

#[tokio::test]
async fn the_printed_rights_are_enough_elsewhere() {
    for (version, heading) in [
        (Version::V6_2, "Redis 6"),
        (Version::V8_0, "Redis 7.2"),
        (Version::Valkey8_1, "Valkey 8.1"),
        (Version::Valkey9_1, "Valkey 8.1"),
    ] {
        check_rights(version, heading).await;
    }
}
