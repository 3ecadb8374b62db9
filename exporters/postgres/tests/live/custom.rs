//! Users' own collectors, in the format of postgres_exporter's queries.yaml: one that is bad costs only itself.

use kit::postgres::Postgres;

use crate::page::Page;
use crate::support::setup;

const QUERIES: &str = "
shop_orders:
  query: SELECT 'a' AS kind, 3 AS count, 2.5 AS age UNION ALL SELECT 'b', 4, NULL
  metrics:
  - kind: {usage: LABEL, description: Kind.}
  - count: {usage: COUNTER, description: Orders.}
  - age: {usage: GAUGE, description: Age.}
twice:
  query: SELECT 'a' AS kind, 1 AS count UNION ALL SELECT 'a', 2
  metrics:
  - kind: {usage: LABEL, description: Kind.}
  - count: {usage: GAUGE, description: The same series twice.}
broken:
  query: SELECT 1/0 AS count
  metrics:
  - count: {usage: GAUGE, description: Never.}
odd:
  query: SELECT 'NaN'::float8 AS nan, 'Infinity'::float8 AS inf, NULL::int AS nothing
  metrics:
  - nan: {usage: GAUGE, description: Nan.}
  - inf: {usage: GAUGE, description: Inf.}
  - nothing: {usage: GAUGE, description: Nothing.}
times:
  query: SELECT 2.5 AS took_sum, 3 AS took_count, ARRAY[1, 2] AS took_bucket, ARRAY[0.1, 1] AS took
  metrics:
  - took: {usage: HISTOGRAM, description: Took.}
";

/// Everything that postgres_exporter's format knows; the values are those that postgres_exporter 0.19.1 shows.
const USAGES: &str = "
kinds:
  query: SELECT 'a b' AS l, true AS yes, '2020-01-02 03:04:05+02'::timestamptz AS since, NULL::text AS none,
    true AS b, '2020-01-02 03:04:05.5+02'::timestamptz AS ts, '2020-01-02'::date AS d, '12' AS t,
    12345678901234 AS big, 'on' AS m, 'zz' AS m2, '1h2m3.5s' AS du, 3 AS dropped, 7 AS unlisted, 'text' AS word
  metrics:
  - l: {usage: LABEL, description: A label.}
  - yes: {usage: LABEL}
  - since: {usage: LABEL}
  - none: {usage: LABEL}
  - b: {usage: GAUGE, description: A bool.}
  - ts: {usage: GAUGE, description: A time.}
  - d: {usage: GAUGE, description: A day.}
  - t: {usage: COUNTER, description: A text.}
  - big: {usage: COUNTER, description: A bigint.}
  - m: {usage: MAPPEDMETRIC, metric_mapping: {'on': 1, 'off': 0}}
  - m2: {usage: MAPPEDMETRIC, metric_mapping: {'on': 1, 'off': 0}}
  - du: {usage: DURATION, description: A duration.}
  - dropped: {usage: DISCARD}
new: {query: SELECT 1 AS one;, runonserver: '>=13.0.0', metrics: [{one: {usage: GAUGE}}]}
old: {query: SELECT 1 AS one, runonserver: <13.0.0, metrics: [{one: {usage: GAUGE}}]}
cached: {query: 'SELECT EXTRACT(EPOCH FROM clock_timestamp()) AS at', cache_seconds: 300, metrics: [{at: {usage: GAUGE}}]}
once: {query: 'SELECT current_database() AS db, 1 AS one', master: true, metrics: [{db: {usage: LABEL}}, {one: {usage: GAUGE}}]}
every: {query: 'SELECT current_database() AS db, 1 AS one', metrics: [{db: {usage: LABEL}}, {one: {usage: GAUGE}}]}
";

#[tokio::test]
async fn all_that_the_format_knows() {
    let postgres = Postgres::start().await.unwrap();
    postgres.psql("CREATE DATABASE shop").await.unwrap();
    let exporter = setup()
        .dsn(&postgres.dsn())
        .args(&["--auto-discover-databases"])
        .file("--extend.query-path", "queries.yaml", USAGES)
        .start()
        .await;
    let first = exporter.page().await.without_server(postgres.port());
    first.assert_whole();
    for (metric, expected) in [
        ("b", Some(1.0)),
        ("ts", Some(1_577_927_045.5)),
        ("d", Some(1_577_923_200.0)),
        ("t", Some(12.0)),
        ("big", Some(12_345_678_901_234.0)),
        ("m", Some(1.0)),
        ("m2", None),
        ("du_milliseconds", Some(3_723_500.0)),
        ("dropped", None),
        ("unlisted", Some(7.0)),
        ("word", None),
    ] {
        let series = format!("kinds_{metric}{{l=\"a b\",yes=\"true\",since=\"1577927045\",none=\"\"}}");
        assert_eq!(first.value(&series), expected, "{series}\n{}", first.0);
    }
    assert_eq!((first.value("new_one"), first.value("old_one")), (Some(1.0), None));
    let databases = |family: &str| {
        let mut lines = first.family(family);
        lines.sort_unstable();
        lines.join(" ")
    };
    assert_eq!(databases("once_one"), "once_one{db=\"postgres\"} 1");
    assert_eq!(databases("every_one"), "every_one{db=\"postgres\"} 1 every_one{db=\"shop\"} 1");
    let second = exporter.page().await.without_server(postgres.port());
    let at = |page: &Page| page.family("cached_at").first().map(|line| (*line).to_owned());
    assert!(at(&first).is_some() && at(&first) == at(&second));
    exporter.stop().await;
}

#[tokio::test]
async fn each_fails_alone() {
    let postgres = Postgres::start().await.unwrap();
    let exporter =
        setup().dsn(&postgres.dsn()).file("--extend.query-path", "queries.yaml", QUERIES).start().await;
    let page = exporter.page().await.without_server(postgres.port());
    assert!(page.up());
    for (series, expected) in [
        ("shop_orders_count{kind=\"a\"}", Some(3.0)),
        ("shop_orders_count{kind=\"b\"}", Some(4.0)),
        ("shop_orders_age{kind=\"a\"}", Some(2.5)),
        ("twice_count{kind=\"a\"}", Some(1.0)),
        ("broken_count", None),
        ("odd_inf", Some(f64::INFINITY)),
        ("times_took_bucket{le=\"0.1\"}", Some(1.0)),
        ("times_took_bucket{le=\"1\"}", Some(2.0)),
        ("times_took_bucket{le=\"+Inf\"}", Some(3.0)),
        ("times_took_sum", Some(2.5)),
        ("times_took_count", Some(3.0)),
    ] {
        assert_eq!(page.value(series), expected, "{series}\n{}", page.0);
    }
    // as the peer has it, in its format: there NULL is not a number
    assert!(
        ["odd_nothing", "odd_nan", "shop_orders_age{kind=\"b\"}"]
            .iter()
            .all(|series| page.value(series).unwrap().is_nan())
    );
    assert!(page.failed().iter().all(|line| line.contains("broken")), "{:?}", page.failed());
    assert_eq!(page.failed().len(), 1);
    exporter.stop().await;
}

#[tokio::test]
async fn a_file_that_is_wrong_is_told_and_does_not_stop_the_start() {
    let postgres = Postgres::start().await.unwrap();
    let exporter = setup()
        .dsn(&postgres.dsn())
        .file("--extend.query-path", "queries.yaml", "a:\n  query: [\n")
        .start()
        .await;
    exporter.page().await.assert_whole();
    let page = exporter.page().await;
    let line = page.family("pg_exporter_user_queries_load_error");
    assert!(line.len() == 1 && line[0].ends_with(" 1"), "{line:?}");
    exporter.stop().await;
}
