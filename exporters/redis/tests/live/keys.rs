//! Checks of keys, on real servers and on one that gives what no real one can be made to give.

use kit::redis::{Cluster, Redis};
use redis_exporter::keys::{glob, lua::Pattern};

use crate::support::{Act, Page, Scripted, bulk, exporter, get, healthy, page};

/// Keys of all types, in database 11.
const KEYS: &str = "
SET key_ringo_1 1234.56
SET key_paul \"hello, \\\"you\\\"\"
SET \"a b,c\" x
LPUSH key_list a b c
SADD key_set a b
ZADD key_z 1 a
HSET key_h a 1 b 2
PFADD key_hll a b c
SET key_not_hll HYLLo
XADD key_stream 1-1 a b
";

async fn seeded() -> Redis {
    let redis = Redis::builder().config("enable-debug-command yes").start().await.unwrap();
    redis.cli_reading(&["-n", "11"], KEYS).await.unwrap();
    redis
}

fn check(page: &Page, expected: &[(&str, Option<f64>)]) {
    for (series, value) in expected {
        assert_eq!(page.value(series), *value, "{series}\n{}", page.0);
    }
}

#[tokio::test]
async fn keys_of_all_types() {
    let redis = seeded().await;
    let flags =
        ["--redis.addr", &redis.url(), "--check-keys=db11=key_*,11=a+b%2Cc", "--check-single-keys=single"];
    let exporter = exporter(&flags).await;
    let first = page(&exporter, "/metrics").await;
    check(
        &first,
        &[
            ("redis_scrape_collector_success{collector=\"keys\"}", Some(1.0)),
            ("redis_key_size{db=\"db11\",key=\"key_ringo_1\"}", Some(7.0)),
            ("redis_key_value{db=\"db11\",key=\"key_ringo_1\"}", Some(1234.56)),
            ("redis_key_value_as_string{db=\"db11\",key=\"key_paul\",val=\"hello, \\\"you\\\"\"}", Some(1.0)),
            ("redis_key_size{db=\"db11\",key=\"a b,c\"}", Some(1.0)),
            ("redis_key_size{db=\"db11\",key=\"key_list\"}", Some(3.0)),
            ("redis_key_size{db=\"db11\",key=\"key_set\"}", Some(2.0)),
            ("redis_key_size{db=\"db11\",key=\"key_z\"}", Some(1.0)),
            ("redis_key_size{db=\"db11\",key=\"key_h\"}", Some(2.0)),
            ("redis_key_size{db=\"db11\",key=\"key_hll\"}", Some(3.0)),
            ("redis_key_size{db=\"db11\",key=\"key_not_hll\"}", Some(5.0)),
            ("redis_key_size{db=\"db11\",key=\"key_stream\"}", Some(1.0)),
            ("redis_key_size{db=\"db0\",key=\"single\"}", Some(0.0)),
            ("redis_key_memory_usage_bytes{db=\"db0\",key=\"single\"}", None),
            ("redis_keys_scan_keys", Some(10.0)),
            ("redis_keys_scan_dropped{kind=\"keys\"}", Some(0.0)),
        ],
    );
    assert_eq!(first.family("redis_key_memory_usage_bytes").len(), 10, "{}", first.0);

    // what is small is fresh in each scrape
    redis.cli_reading(&["-n", "11"], "SET key_ringo_1 2\nDEL key_z\nSET key_new 1\n").await.unwrap();
    redis.cli(&["SET", "single", "abc"]).await.unwrap();
    check(
        &page(&exporter, "/metrics").await,
        &[
            ("redis_key_value{db=\"db11\",key=\"key_ringo_1\"}", Some(2.0)),
            ("redis_key_size{db=\"db11\",key=\"key_z\"}", None),
            ("redis_key_size{db=\"db11\",key=\"key_new\"}", Some(1.0)),
            ("redis_key_size{db=\"db0\",key=\"single\"}", Some(3.0)),
        ],
    );
    // no command went to a key of another type, and no whole value was read
    assert_eq!(redis.cli(&["INFO", "errorstats"]).await.unwrap(), "# Errorstats");
    let commands = redis.cli(&["INFO", "commandstats"]).await.unwrap();
    assert!(
        !commands.contains("cmdstat_get:") && !commands.contains("cmdstat_pfcount:calls=4"),
        "{commands}"
    );
    exporter.stop().await;
}

#[tokio::test]
async fn values_are_cut_and_can_be_left_out() {
    let redis = Redis::start().await.unwrap();
    redis.cli(&["SET", "long", &"x".repeat(300)]).await.unwrap();
    redis.cli(&["SET", "number", "7"]).await.unwrap();
    let flags = ["--redis.addr", &redis.url(), "--check-single-keys=long,number"];
    let shown = exporter(&flags).await;
    let series = format!("redis_key_value_as_string{{db=\"db0\",key=\"long\",val=\"{}\"}}", "x".repeat(256));
    check(&page(&shown, "/metrics").await, &[(&series, Some(1.0))]);
    shown.stop().await;
    let hidden = exporter(&[&flags[..], &["--disable-exporting-key-values"]].concat()).await;
    let page = page(&hidden, "/metrics").await;
    check(&page, &[("redis_key_size{db=\"db0\",key=\"long\"}", Some(300.0))]);
    assert!(page.family("redis_key_value").is_empty() && page.family("redis_key_value_as_string").is_empty());
    hidden.stop().await;
}

#[tokio::test]
async fn counts_groups_and_the_biggest() {
    let redis = seeded().await;
    redis.cli(&["-n", "3", "SET", "key_only", &"x".repeat(1000)]).await.unwrap();
    let exporter = exporter(&[
        "--redis.addr",
        &redis.url(),
        "--count-keys=db11=key_*,db3=key_only,nothing*,db7=*",
        "--check-key-groups=^(key)_,^(a)",
        "--top-keys=1",
    ])
    .await;
    let found = page(&exporter, "/metrics").await;
    check(
        &found,
        &[
            ("redis_keys_count{db=\"db11\",key=\"key_*\"}", Some(9.0)),
            ("redis_keys_count{db=\"db3\",key=\"key_only\"}", Some(1.0)),
            ("redis_keys_count{db=\"db0\",key=\"nothing*\"}", Some(0.0)),
            ("redis_keys_count{db=\"db7\",key=\"*\"}", Some(0.0)),
            ("redis_key_group_count{db=\"db11\",key_group=\"key\"}", Some(9.0)),
            ("redis_key_group_count{db=\"db11\",key_group=\"a\"}", Some(1.0)),
            ("redis_key_group_count{db=\"db3\",key_group=\"key\"}", Some(1.0)),
            ("redis_number_of_distinct_key_groups{db=\"db11\"}", Some(2.0)),
            ("redis_number_of_distinct_key_groups{db=\"db0\"}", Some(0.0)),
            ("redis_top_key_size{db=\"db3\",key=\"key_only\"}", Some(1000.0)),
        ],
    );
    assert!(
        found.value("redis_key_group_memory_usage_bytes{db=\"db3\",key_group=\"key\"}").unwrap() > 1000.0
    );
    assert!(found.value("redis_last_key_groups_scrape_duration_milliseconds").unwrap() > 0.0);
    assert_eq!(found.family("redis_top_key_memory_usage_bytes").len(), 2);
    exporter.stop().await;
}

#[tokio::test]
async fn groups_and_keys_beyond_the_bounds_are_counted() {
    let redis = seeded().await;
    let exporter = exporter(&[
        "--redis.addr",
        &redis.url(),
        "--check-key-groups=^(.*)$",
        "--max-distinct-key-groups=1",
        "--check-keys=db11=*",
        "--check-keys-limit=4",
    ])
    .await;
    let found = page(&exporter, "/metrics").await;
    check(
        &found,
        &[
            ("redis_key_group_count{db=\"db11\",key_group=\"overflow\"}", Some(9.0)),
            ("redis_number_of_distinct_key_groups{db=\"db11\"}", Some(10.0)),
            ("redis_keys_scan_dropped{kind=\"keys\"}", Some(6.0)),
        ],
    );
    assert_eq!(found.family("redis_key_size").len(), 4);
    exporter.stop().await;
}

#[tokio::test]
async fn requests_say_what_to_check() {
    let redis = seeded().await;
    let flags = ["--redis.addr=", "--count-keys=db11=key_z", "--check-keys-limit=2"];
    let open = exporter(&flags).await;
    let path = |query: &str| format!("/scrape?target={}&{query}", redis.url());
    check(
        &page(&open, &path("check-single-keys=db11%3Dkey_list&check-keys=11=key_s*")).await,
        &[
            ("redis_key_size{db=\"db11\",key=\"key_list\"}", Some(3.0)),
            ("redis_key_size{db=\"db11\",key=\"key_set\"}", Some(2.0)),
            ("redis_keys_count{db=\"db11\",key=\"key_z\"}", Some(1.0)),
        ],
    );
    let count = "redis_keys_count{db=\"db11\",key=\"key_p*\"}";
    check(&page(&open, &path("count-keys=11=key_p*")).await, &[(count, Some(1.0))]);
    for (query, status) in [
        ("check-streams=1=2=3=4", 400),
        ("check-keys=wrong=0", 400),
        ("check-single-keys=a,b,c", 400),
        ("check-single-streams=%25zz", 400),
        ("count-keys=", 200),
    ] {
        assert_eq!(get(&open, &path(query), 10.0).await.status, status, "{query}");
    }
    let errors = page(&open, "/metrics").await.value("redis_target_scrape_request_errors_total");
    assert_eq!(errors, Some(4.0));
    open.stop().await;

    let closed = exporter(&[&flags[..], &["--check-keys-by-request=false"]].concat()).await;
    assert_eq!(get(&closed, &path("check-keys=a"), 10.0).await.status, 403);
    assert_eq!(get(&closed, &path(""), 10.0).await.status, 200);
    closed.stop().await;
}

#[tokio::test]
async fn a_database_that_cannot_be_selected_costs_only_itself() {
    let redis = seeded().await;
    let exporter = exporter(&[
        "--redis.addr",
        &redis.url(),
        "--check-single-keys=db999=key_h,db11=key_h,single",
        "--count-keys=db999=*,db11=key_h*",
    ])
    .await;
    for _ in 0..2 {
        let found = page(&exporter, "/metrics").await;
        check(
            &found,
            &[
                ("redis_up", Some(1.0)),
                ("redis_scrape_collector_success{collector=\"keys\"}", Some(0.0)),
                ("redis_key_size{db=\"db11\",key=\"key_h\"}", Some(2.0)),
                ("redis_key_size{db=\"db0\",key=\"single\"}", Some(0.0)),
                ("redis_keys_count{db=\"db11\",key=\"key_h*\"}", Some(2.0)),
            ],
        );
        assert!(!found.0.contains("db999"), "{}", found.0);
    }
    exporter.stop().await;
}

#[tokio::test]
async fn what_an_acl_denies_is_not_asked_again() {
    let rules = "metrics on >pw %R~open* +info +scan +type +strlen +getrange +select";
    let redis = Redis::builder().user(rules).start().await.unwrap();
    redis.cli_reading(&[], "SET open1 abc\nSET closed1 abc\n").await.unwrap();
    let exporter = exporter(&[
        "--redis.addr",
        &redis.url(),
        "--redis.user=metrics",
        "--redis.password=pw",
        "--check-keys=*1",
        "--count-keys=*",
        "--check-single-keys=open1,closed2",
    ])
    .await;
    let mut denied = Vec::new();
    for _ in 0..3 {
        let found = page(&exporter, "/metrics").await;
        check(
            &found,
            &[
                ("redis_key_size{db=\"db0\",key=\"open1\"}", Some(3.0)),
                ("redis_keys_count{db=\"db0\",key=\"*\"}", Some(2.0)),
                ("redis_scrape_collector_success{collector=\"keys\"}", Some(0.0)),
            ],
        );
        assert!(!found.0.contains("closed1\"}"), "{}", found.0);
        let stats = redis.cli(&["INFO", "commandstats"]).await.unwrap();
        let rejected =
            |line: &&str| line.starts_with("cmdstat_memory|usage") || line.starts_with("cmdstat_time");
        denied.push(stats.lines().filter(rejected).map(str::to_owned).collect::<Vec<_>>());
    }
    assert_eq!((denied[0].len(), &denied[1], &denied[2]), (2, &denied[0], &denied[0]));
    exporter.stop().await;
}

#[tokio::test]
async fn rights_that_are_enough_for_redis_exporter_are_enough() {
    let rules = "metrics on >pw ~* +info +scan +type +strlen +get +memory +select";
    let redis = Redis::builder().user(rules).start().await.unwrap();
    redis.cli(&["SET", "short", "7"]).await.unwrap();
    redis.cli(&["SET", "long", &"x".repeat(257)]).await.unwrap();
    let exporter = exporter(&[
        "--redis.addr",
        &redis.url(),
        "--redis.user=metrics",
        "--redis.password=pw",
        "--check-single-keys=short,long",
    ])
    .await;
    for success in [0.0, 1.0] {
        let found = page(&exporter, "/metrics").await;
        check(
            &found,
            &[
                ("redis_key_value{db=\"db0\",key=\"short\"}", Some(7.0)),
                ("redis_key_size{db=\"db0\",key=\"long\"}", Some(257.0)),
                ("redis_scrape_collector_success{collector=\"keys\"}", Some(success)),
            ],
        );
        assert!(found.family("redis_key_value_as_string").is_empty());
    }
    exporter.stop().await;
}

#[tokio::test]
async fn a_primary_is_left_alone_when_replicas_are_to_be_asked() {
    let primary = seeded().await;
    let replica = Redis::builder().replica_of(&primary).start().await.unwrap();
    replica.replicating().await.unwrap();
    for (redis, expected) in [(&primary, None), (&replica, Some(9.0))] {
        let flags =
            ["--redis.addr", &redis.url(), "--count-keys=db11=key_*", "--skip-checkkeys-for-role-master"];
        let exporter = exporter(&flags).await;
        check(
            &page(&exporter, "/metrics").await,
            &[("redis_keys_count{db=\"db11\",key=\"key_*\"}", expected)],
        );
        exporter.stop().await;
    }
}

#[tokio::test]
async fn no_scrape_waits_for_a_large_keyspace() {
    let redis = seeded().await;
    redis.cli(&["DEBUG", "POPULATE", "300000"]).await.unwrap();
    let flags = ["--redis.addr", &redis.url(), "--count-keys=key:1*,key:2*", "--check-keys-share=20"];
    let exporter = exporter(&flags).await;
    let count = "redis_keys_count{db=\"db0\",key=\"key:1*\"}";
    let early = Page(get(&exporter, "/metrics", 1.0).await.text());
    check(&early, &[(count, None), ("redis_scrape_collector_success{collector=\"keys\"}", Some(1.0))]);
    // one that has the time waits, as long as nothing was found yet
    let late = Page(get(&exporter, "/metrics", 120.0).await.text());
    check(&late, &[(count, Some(111_111.0)), ("redis_keys_scan_keys", Some(300_000.0))]);
    let share = late.value("redis_keys_scan_server_seconds").unwrap()
        / late.value("redis_keys_scan_duration_seconds").unwrap();
    assert!(share < 0.5, "{share}");
    // from now on what was found is shown, with its age
    let again = Page(get(&exporter, "/metrics", 120.0).await.text());
    check(&again, &[(count, Some(111_111.0))]);
    assert!(again.value("redis_keys_scan_age_seconds").unwrap() > 0.0);
    exporter.stop().await;
}

#[tokio::test]
async fn odd_replies_of_scan() {
    let scan = |cursor: &str, keys: &[&str]| {
        let names: Vec<String> = keys.iter().map(|key| format!("${}\r\n{key}\r\n", key.len())).collect();
        Act::Say(format!("*2\r\n${}\r\n{cursor}\r\n*{}\r\n{}", cursor.len(), names.len(), names.concat()))
    };
    let server =
        Scripted::start(move |words| match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["INFO", ..] => bulk("redis_version:7.0.15\r\nrole:master\r\ndb0:keys=3,expires=0,avg_ttl=0\r\n"),
            ["SCAN", "0", ..] => scan("18446744073709551615", &["a1", "a2"]),
            ["SCAN", "18446744073709551615", ..] => scan("7", &[]),
            ["SCAN", "7", ..] => scan("0", &["a1", "b1", "a2"]),
            ["TYPE", _] => Act::Say("+ReJSON-RL\r\n".to_owned()),
            ["MEMORY", ..] => Act::Say(":9\r\n".to_owned()),
            ["TIME"] => Act::Say("*2\r\n$1\r\n5\r\n$1\r\n0\r\n".to_owned()),
            _ => healthy(words),
        })
        .await;
    let exporter = exporter(&["--redis.addr", &server.url(), "--count-keys=a*,*", "--check-keys=b*"]).await;
    let found = page(&exporter, "/metrics").await;
    check(
        &found,
        &[
            ("redis_keys_count{db=\"db0\",key=\"a*\"}", Some(2.0)),
            ("redis_keys_count{db=\"db0\",key=\"*\"}", Some(3.0)),
            ("redis_key_memory_usage_bytes{db=\"db0\",key=\"b1\"}", Some(9.0)),
            ("redis_key_size{db=\"db0\",key=\"b1\"}", None),
            ("redis_scrape_collector_success{collector=\"keys\"}", Some(1.0)),
        ],
    );
    exporter.stop().await;
}

#[tokio::test]
async fn each_key_of_a_cluster_is_shown_once() {
    let cluster = Cluster::start(3, 1).await.unwrap();
    let set = "SET a1 abc\nSET a2 abc\nSET a3 abc\nSET a4 abc\nSET a5 abc\nSET a6 abc\n";
    for primary in cluster.primaries() {
        // those of another are refused
        primary.cli_reading(&[], set).await.unwrap();
        primary.cli(&["CONFIG", "RESETSTAT"]).await.unwrap();
    }
    for replica in cluster.replicas() {
        replica.replicating().await.unwrap();
    }
    for (pages, replicas_only, series) in [
        ("--is-cluster", "false", 1),
        ("--is-cluster", "true", 1),
        ("--cluster-nodes", "false", 3),
        ("--cluster-nodes", "true", 3),
    ] {
        let exporter = exporter(&[
            "--redis.addr",
            &cluster.urls()[0],
            pages,
            "--check-single-keys=a1,a2,a3,missing",
            "--check-keys=a[45]",
            "--count-keys=a*",
            &format!("--skip-checkkeys-for-role-master={replicas_only}"),
        ])
        .await;
        let found = page(&exporter, "/metrics").await;
        assert_eq!(
            found.value("redis_scrape_collector_success{collector=\"keys\"}"),
            Some(1.0),
            "{}",
            found.0
        );
        let sizes = found.family("redis_key_size");
        assert_eq!((sizes.len(), found.family("redis_key_memory_usage_bytes").len()), (6, 5), "{sizes:?}");
        let counts = found.family("redis_keys_count");
        let total: f64 =
            counts.iter().map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum();
        assert_eq!((counts.len(), total), (series, 6.0), "{counts:?}");
        exporter.stop().await;
    }
    // nobody was asked for another's keys
    for node in cluster.nodes() {
        let errors = node.cli(&["INFO", "errorstats"]).await.unwrap();
        assert!(!errors.contains("errorstat_MOVED"), "{errors}");
    }
}

/// Numbers that look random and are the same in each run.
fn numbers(mut seed: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    }
}

fn text(alphabet: &[&str], number: &mut impl FnMut(usize) -> usize) -> String {
    (0..=number(7)).map(|_| alphabet[number(alphabet.len())]).collect()
}

#[tokio::test]
async fn patterns_of_lua_match_what_they_match_in_redis() {
    const FIND: &str = "
        local out = {}
        for i = 1, #ARGV, 2 do
          local ok, found = pcall(function() return {string.find(ARGV[i + 1], ARGV[i])} end)
          if not ok then out[#out + 1] = 'error'
          elseif found[1] == nil then out[#out + 1] = 'none'
          else out[#out + 1] = 'found ' .. table.concat({unpack(found, 3, #found)}, '') end
        end
        return table.concat(out, '\\n')";
    let redis = Redis::start().await.unwrap();
    let pieces =
        ["a", "b", ":", "%d", "%a", "%W", ".", "[ab]", "[^:]", "*", "+", "-", "?", "(", ")", "()", "^", "$"];
    let pieces = [&pieces[..], &["%b::", "%f[%a]", "%1", "%%", "[%d-a]", "1"]].concat();
    let mut number = numbers(4);
    let pairs: Vec<(String, String)> = (0..3_000)
        .map(|_| (text(&pieces, &mut number), text(&["a", "b", ":", "1", "%"], &mut number)))
        .collect();
    let mut words = vec!["EVAL", FIND, "0"];
    words.extend(pairs.iter().flat_map(|(pattern, key)| [pattern.as_str(), key.as_str()]));
    let said = redis.cli(&words).await.unwrap() + "\n";
    let mut wrong = Vec::new();
    let mut found = 0;
    for ((pattern, key), expected) in pairs.iter().zip(said.split('\n')) {
        let ours = match Pattern::parse(pattern.as_bytes()) {
            Err(_) => "error".to_owned(),
            Ok(ours) => match ours.captures(key.as_bytes()) {
                None => "none".to_owned(),
                Some(captured) => format!("found {}", String::from_utf8(captured).unwrap()),
            },
        };
        found += usize::from(ours.starts_with("found"));
        // Lua finds what is wrong with a pattern only where it gets so far in matching
        if ours.trim_end() != expected.trim_end() && ours != "error" {
            wrong.push((pattern, key, ours, expected));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(found > 300, "{found}");
}

#[tokio::test]
async fn patterns_of_keys_match_what_they_match_in_redis() {
    let redis = Redis::start().await.unwrap();
    let mut number = numbers(9);
    let keys: Vec<String> =
        (0..200).map(|_| text(&["a", "b", "c", "-", "]", "^", "\\\\"], &mut number)).collect();
    let set: Vec<String> = keys.iter().map(|key| format!("SET \"{key}\" 1\n")).collect();
    redis.cli_reading(&[], &set.concat()).await.unwrap();
    let stored = redis.cli(&["--no-raw", "DBSIZE"]).await.unwrap();
    let patterns: Vec<String> = (0..400)
        .map(|_| text(&["a", "b", "c", "*", "?", "[", "]", "[^a]", "[a-b]", "-", "^", "\\\\"], &mut number))
        .collect();
    let asked: Vec<String> =
        patterns.iter().map(|pattern| format!("SCAN 0 MATCH \"{pattern}\" COUNT 1000\nECHO end\n")).collect();
    let said = redis.cli_reading(&[], &asked.concat()).await.unwrap();
    let mut keys: Vec<String> = keys.iter().map(|key| key.replace("\\\\", "\\")).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(stored, format!("(integer) {}", keys.len()));
    for (pattern, block) in patterns.iter().zip(said.split("end")) {
        let pattern = pattern.replace("\\\\", "\\");
        let mut expected: Vec<&str> = block.lines().filter(|line| !line.is_empty() && *line != "0").collect();
        expected.sort_unstable();
        let found: Vec<&str> = keys
            .iter()
            .map(String::as_str)
            .filter(|key| glob::matches(pattern.as_bytes(), key.as_bytes()))
            .collect();
        assert_eq!(found, expected, "{pattern}");
    }
}
