//! Rows and the lines they become.

use toolkit::config::Document;
use toolkit::expo::{Compression, Format, Page};

use super::*;
use crate::collector::decode;

/// Renders rows of a collector's first query; gives the lines of the page without comments.
fn render(
    spec: &str,
    columns: &[(&str, u32)],
    rows: &[&[Option<&str>]],
    extra: &Extra,
) -> (Vec<String>, u64) {
    let text = format!("name: x\nhelp: X.\nqueries:\n- {}", spec.replace('\n', "\n  "));
    let collector = decode::collector(&Document::parse("x.yml", &text).unwrap()).unwrap();
    let mut samples = Samples::new("");
    let mut renderer = Renderer::new(&collector.queries[0], extra, &mut samples, 100);
    let columns: Vec<Column<'_>> = columns.iter().map(|(name, oid)| Column { name, oid: *oid }).collect();
    renderer.columns(&columns);
    for row in rows {
        let mut body = Vec::new();
        let cells: Vec<_> = row
            .iter()
            .map(|value| {
                let start = body.len();
                value.map(|value| {
                    // `?` stands for a byte that is not UTF-8
                    body.extend(value.bytes().map(|byte| if byte == b'?' { 0xff } else { byte }));
                    (start, body.len())
                })
            })
            .collect();
        renderer.row(&Row { body: &body, cells: &cells });
    }
    let unreadable = renderer.unreadable;
    let mut page = Page::new();
    page.section(samples);
    let text = page.finish().0.encode(Format::Text, Compression::Identity);
    let lines = String::from_utf8(text.to_vec()).unwrap();
    (lines.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect(), unreadable)
}

const TABLE: &str = "labels: [t, ok]
null_label: none
server_label: true
variants: [{sql: SELECT}]
metrics:
- {name: pg_a, column: a, kind: counter, help: A., scale: 0.001}
- {name: pg_b, column: b, kind: gauge, help: B., null: zero}
- {name: pg_absent, kind: gauge, help: C.}";

#[test]
fn wide_rows() {
    let extra = Extra {
        server: "h:1".to_owned(),
        constant: vec![("env".to_owned(), "a\"b".to_owned())],
        prefix: "my".to_owned(),
    };
    let rows: &[&[Option<&str>]] = &[
        &[Some("x?y"), Some("t"), Some("1500"), None],
        &[None, None, None, Some("-2")],
        &[Some("z"), Some("f"), Some("many"), Some("NaN")],
    ];
    let (lines, unreadable) = render(TABLE, &[("t", 25), ("ok", 16), ("a", 20), ("b", 701)], rows, &extra);
    assert_eq!(
        lines,
        [
            "my_a{t=\"x\u{fffd}y\",ok=\"true\",server=\"h:1\",env=\"a\\\"b\"} 1.5",
            "my_b{t=\"x\u{fffd}y\",ok=\"true\",server=\"h:1\",env=\"a\\\"b\"} 0",
            "my_b{t=\"none\",ok=\"none\",server=\"h:1\",env=\"a\\\"b\"} -2",
            "my_b{t=\"z\",ok=\"false\",server=\"h:1\",env=\"a\\\"b\"} NaN",
        ]
    );
    assert_eq!(unreadable, 1);
}

#[test]
fn rows_that_name_their_metric() {
    let spec = "dynamic: {name: n, help: h, value: v}\nvariants: [{sql: SELECT}]";
    let columns = [("n", 25), ("h", 25), ("v", 701)];
    let rows: &[&[Option<&str>]] = &[
        &[Some("pg_x"), Some("X."), Some("1")],
        &[Some("bad-name"), None, Some("1")],
        &[None, None, Some("1")],
    ];
    assert_eq!(render(spec, &columns, rows, &Extra::default()).0, ["pg_x 1"]);
}

#[test]
fn histograms() {
    let spec =
        "labels: [l]\nvariants: [{sql: SELECT}]\nmetrics:\n- {name: h, column: s, kind: histogram, help: H.}";
    let columns = [("l", 25), ("s", 1022), ("s_bucket", 1016), ("s_sum", 701), ("s_count", 20)];
    let rows: &[&[Option<&str>]] = &[&[Some("x"), Some("{1,2.5}"), Some("{3,NULL}"), Some("7.5"), Some("4")]];
    assert_eq!(
        render(spec, &columns, rows, &Extra::default()).0,
        [
            "h_bucket{l=\"x\",le=\"1\"} 3",
            "h_bucket{l=\"x\",le=\"2.5\"} 0",
            "h_bucket{l=\"x\",le=\"+Inf\"} 4",
            "h_sum{l=\"x\"} 7.5",
            "h_count{l=\"x\"} 4",
        ]
    );
    let (lines, unreadable) =
        render(spec, &columns[..3], &[&[Some("x"), Some("{1}"), Some("{3}")]], &Extra::default());
    assert_eq!((lines.len(), unreadable), (0, 1));
}

#[test]
fn rows_beyond_the_limit_are_counted_and_cost_nothing() {
    let spec = "labels: [l]\nvariants: [{sql: SELECT}]\nmetrics: [{name: a, kind: gauge, help: A.}]";
    let text = format!("name: x\nhelp: X.\nqueries:\n- {}", spec.replace('\n', "\n  "));
    let collector = decode::collector(&Document::parse("x.yml", &text).unwrap()).unwrap();
    let (mut samples, extra) = (Samples::new(""), Extra::default());
    let mut renderer = Renderer::new(&collector.queries[0], &extra, &mut samples, 2);
    renderer.columns(&[Column { name: "l", oid: 25 }, Column { name: "a", oid: 20 }]);
    for digit in b"12345" {
        renderer.row(&Row { body: &[*digit, *digit], cells: &[Some((0, 1)), Some((1, 2))] });
    }
    assert_eq!((renderer.rows, renderer.left_out), (5, 3));
    assert_eq!(samples.len(), 2);
}
