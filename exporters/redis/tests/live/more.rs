//! What the page shows beyond its default, and the slow log by command.

use kit::redis::{Redis, Version};

use crate::support::{Act, Scripted, bulk, exporter, healthy, page};

#[tokio::test]
async fn the_slow_log_is_counted_by_command() {
    let mut redis = Redis::builder().config("slowlog-log-slower-than 0").start().await.unwrap();
    let exporter = exporter(&["--redis.addr", &redis.url()]).await;
    let entries = |command: &str| format!("redis_slowlog_entries_total{{cmd=\"{command}\"}}");
    redis.cli(&["SET", "canary", "canary"]).await.unwrap();
    let history = page(&exporter, "/metrics").await;
    assert_eq!(history.value(&entries("set")), None);
    assert_eq!(history.value("redis_slowlog_entries_missed_total"), Some(0.0));

    for _ in 0..3 {
        redis.cli(&["SET", "canary", "canary"]).await.unwrap();
    }
    redis.cli(&["CONFIG", "GET", "canary"]).await.unwrap();
    let counted = page(&exporter, "/metrics").await;
    assert_eq!(counted.value(&entries("set")), Some(3.0));
    // ours ask for settings, too: once in the scrape before
    assert!(counted.value(&entries("config|get")).unwrap() >= 1.0);
    let seconds = counted.value("redis_slowlog_entries_duration_seconds_total{cmd=\"set\"}").unwrap();
    let longest = counted.value("redis_slowlog_entries_duration_seconds_max{cmd=\"set\"}").unwrap();
    assert!(seconds >= longest && longest > 0.0, "{seconds} {longest}");
    assert!(!counted.0.contains("canary"));

    redis.cli(&["SLOWLOG", "RESET"]).await.unwrap();
    redis.cli(&["SET", "a", "1"]).await.unwrap();
    assert_eq!(page(&exporter, "/metrics").await.value(&entries("set")), Some(4.0));

    redis.stop().await.unwrap();
    redis.start_again().await.unwrap();
    redis.cli(&["SET", "a", "1"]).await.unwrap();
    assert_eq!(page(&exporter, "/metrics").await.value(&entries("set")), Some(5.0));

    // more than the log holds
    let flood = "SET a 1\n".repeat(200);
    redis.cli_reading(&[], &flood).await.unwrap();
    let flooded = page(&exporter, "/metrics").await;
    assert!(flooded.value("redis_slowlog_entries_missed_total").unwrap() >= 72.0, "{}", flooded.0);
    assert!(flooded.value(&entries("set")).unwrap() > 100.0);
    exporter.stop().await;
}

#[tokio::test]
async fn a_slow_log_that_stands_still_costs_no_second_write() {
    let redis = Redis::start().await.unwrap();
    let on = exporter(&["--redis.addr", &redis.url()]).await;
    let off = exporter(&["--redis.addr", &redis.url(), "--slowlog-commands=false"]).await;
    let calls = "redis_commands_total{cmd=\"slowlog|get\"}";
    for exporter in [&on, &off, &on] {
        page(exporter, "/metrics").await;
    }
    let last = page(&off, "/metrics").await;
    // one for each scrape before, though INFO of this one comes ahead of its own
    assert_eq!(last.value(calls), Some(3.0));
    assert!(!last.0.contains("slowlog_entries"));
    on.stop().await;
    off.stop().await;
}

#[tokio::test]
async fn all_settings_without_secrets() {
    let redis = Redis::builder().password("canary").config("masteruser canary").start().await.unwrap();
    let login = ["--redis.addr", &redis.url(), "--redis.password=canary", "--include-config-metrics"];
    let exporter = exporter(&[&login[..], &["--include-rdb-file-size-metric"]].concat()).await;
    let without_dump = page(&exporter, "/metrics").await;
    for (series, expected) in [
        ("redis_config_key_value{key=\"appendonly\",value=\"no\"}", Some(1.0)),
        ("redis_config_key_value{key=\"masteruser\",value=\"<redacted>\"}", Some(1.0)),
        ("redis_config_value{key=\"maxclients\"}", without_dump.value("redis_config_maxclients")),
        ("redis_db_keys{db=\"db15\"}", Some(0.0)),
        ("redis_rdb_current_size_bytes", Some(0.0)),
    ] {
        assert_eq!(without_dump.value(series), expected, "{series}");
    }
    assert!(!without_dump.0.contains("canary") && !without_dump.0.contains("requirepass"));
    redis.cli(&["SAVE"]).await.unwrap();
    let with_dump = page(&exporter, "/metrics").await;
    assert!(with_dump.value("redis_rdb_current_size_bytes").unwrap() > 80.0);
    exporter.stop().await;
}

#[tokio::test]
async fn numbers_without_a_metric_and_nothing_of_this_program() {
    let redis = Redis::start().await.unwrap();
    let arguments = ["--include-info-fields", "--redis-only-metrics", "--include-go-runtime-metrics"];
    let exporter = exporter(&[&["--redis.addr", &redis.url()][..], &arguments].concat()).await;
    let page = page(&exporter, "/metrics").await;
    let arch = "redis_info_field{section=\"server\",field=\"arch_bits\"}";
    assert_eq!(page.value(arch), Some(64.0));
    for absent in
        ["process_cpu", "watchfire_", "exporter_build_info", "go_", "field=\"used_memory\"", "_human\""]
    {
        assert!(!page.0.contains(absent), "{absent}\n{}", page.0);
    }
    exporter.stop().await;
}

#[tokio::test]
async fn latency_histograms_of_some_commands_in_few_buckets() {
    let redis = Redis::start().await.unwrap();
    for _ in 0..20 {
        redis.cli(&["SET", "a", "1"]).await.unwrap();
        redis.cli(&["GET", "a"]).await.unwrap();
    }
    for wanted in ["set,config|get", "s?t,config*"] {
        let few = ["--redis.addr", &redis.url(), "--latency-histogram-buckets=3"];
        let exporter = exporter(&[&few[..], &["--latency-histogram-commands", wanted]].concat()).await;
        page(&exporter, "/metrics").await;
        let page = page(&exporter, "/metrics").await;
        let buckets = page.family("redis_commands_latencies_usec_bucket");
        let of = |command: &str| {
            buckets.iter().filter(|line| line.contains(&format!("cmd=\"{command}\""))).count()
        };
        assert!((2..=4).contains(&of("set")) && of("config|get") >= 2 && of("get") == 0, "{buckets:#?}");
        assert_eq!(page.value("redis_commands_latencies_usec_count{cmd=\"set\"}"), Some(20.0));
        exporter.stop().await;
    }
}

#[tokio::test]
async fn key_sizes_and_threads_of_redis_8() {
    let redis = Redis::builder().version(Version::V8_0).config("io-threads 2").start().await.unwrap();
    redis.cli(&["SET", "a", "12345"]).await.unwrap();
    redis.cli(&["SET", "b", &"x".repeat(2000)]).await.unwrap();
    redis.cli(&["RPUSH", "c", "1", "2", "3"]).await.unwrap();
    let exporter = exporter(&["--redis.addr", &redis.url()]).await;
    let page = page(&exporter, "/metrics").await;
    for (series, expected) in [
        ("redis_keysizes_bytes_bucket{db=\"db0\",type=\"strings\",le=\"3\"}", Some(0.0)),
        ("redis_keysizes_bytes_bucket{db=\"db0\",type=\"strings\",le=\"7\"}", Some(1.0)),
        ("redis_keysizes_bytes_bucket{db=\"db0\",type=\"strings\",le=\"1023\"}", Some(1.0)),
        ("redis_keysizes_bytes_bucket{db=\"db0\",type=\"strings\",le=\"2047\"}", Some(2.0)),
        ("redis_keysizes_bytes_count{db=\"db0\",type=\"strings\"}", Some(2.0)),
        ("redis_keysizes_items_bucket{db=\"db0\",type=\"lists\",le=\"3\"}", Some(1.0)),
        ("redis_io_thread_clients{thread=\"1\"}", Some(1.0)),
    ] {
        assert_eq!(page.value(series), expected, "{series}\n{}", page.0);
    }
    exporter.stop().await;
}

/// A server with two search indexes, a module and Tile38's command, and what it was asked.
fn with_modules(words: &[String]) -> Act {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["INFO", "MODULES"] => bulk(
            "# Modules\r\nmodule:name=search,ver=80001,api=1,filters=0,usedby=[],using=[ReJSON],options=[]\r\n\
             # search_gc\r\nsearch_gc_total_cycles:4\r\nsearch_used_memory_indexes:2048\r\n",
        ),
        ["FT._LIST"] => Act::Say("*3\r\n$1\r\nb\r\n$4\r\na:de\r\n$4\r\na:en\r\n".to_owned()),
        ["FT.INFO", "a:de"] => Act::Say("-ERR a:de: no such index\r\n".to_owned()),
        ["FT.INFO", name] => Act::Say(format!(
            "*6\r\n$10\r\nindex_name\r\n$4\r\n{name}\r\n$8\r\nnum_docs\r\n$1\r\n7\r\n$8\r\ncleaning\r\n:1\r\n"
        )),
        ["SERVER", "EXT"] => Act::Say("*2\r\n$15\r\ntile38_aof_size\r\n$2\r\n12\r\n".to_owned()),
        _ => {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            healthy(&words)
        }
    }
}

#[tokio::test]
async fn modules_search_indexes_and_tile38() {
    let server = Scripted::start(with_modules).await;
    let plain = exporter(&["--redis.addr", &server.url()]).await;
    let collectors = page(&plain, "/metrics").await;
    for off in ["modules", "search", "tile38"] {
        let series = format!("redis_scrape_collector_success{{collector=\"{off}\"}}");
        assert_eq!(collectors.value(&series), None, "{off}");
    }
    plain.stop().await;
    assert!(!["MODULES", "FT._LIST", "EXT"].iter().any(|word| server.received().contains(word)));

    let flags = [
        "--include-modules-metrics",
        "--include-search-indexes-metrics",
        "--check-search-indexes=^a:",
        "--is-tile38",
    ];
    let exporter = exporter(&[&["--redis.addr", &server.url()][..], &flags].concat()).await;
    let page = page(&exporter, "/metrics").await;
    let module = "redis_module_info{name=\"search\",ver=\"80001\",api=\"1\",filters=\"0\",usedby=\"[]\",using=\"[ReJSON]\"}";
    for (series, expected) in [
        (module, Some(1.0)),
        ("redis_search_gc_cycles_total", Some(4.0)),
        ("redis_search_used_memory_indexes_bytes", Some(2048.0)),
        ("redis_search_index_num_docs{index_name=\"a:en\"}", Some(7.0)),
        ("redis_search_index_cleaning{index_name=\"a:en\"}", Some(1.0)),
        ("redis_search_index_num_docs{index_name=\"b\"}", None),
        ("redis_tile38_aof_size_bytes", Some(12.0)),
        // one index that is gone meanwhile
        ("redis_scrape_collector_success{collector=\"search\"}", Some(0.0)),
        ("redis_scrape_collector_success{collector=\"modules\"}", Some(1.0)),
    ] {
        assert_eq!(page.value(series), expected, "{series}");
    }
    exporter.stop().await;
}
