//! Users' own collectors, in the format of postgres_exporter's queries.yaml: one that is bad costs only itself.

use kit::postgres::Postgres;

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
