//! Files and what is said about them.

use toolkit::config::Document;

use super::*;

const GOOD: &str = "
name: sample
help: A sample.
default: false
scope: database
ttl: 5m
timeout: 3s
session: closed
max_series: 10
needs: {extension: x, rights: [pg_monitor]}
parameters:
- {name: limit, kind: integer, default: 100, max: 1000, help: How many.}
- {name: text, kind: bool, help: Whether.}
queries:
- labels: [datname, relname]
  null_label: unknown
  variants:
  - when: {min_version: 13, max_version: 16, role: primary, extension: x, min_extension: 1.8}
    sql: SELECT 1;
  - when: {parameter: text}
    sql: SELECT 2
  metrics:
  - {name: pg_x, column: x, kind: counter, help: X., scale: 0.001, null: zero}
- dynamic: {name: n, help: h, value: v}
  variants: [{sql: SELECT 3}]
";

#[test]
fn a_good_file() {
    let found = collector(&Document::parse("good.yml", GOOD).unwrap()).unwrap();
    assert_eq!((found.default, found.scope, found.session), (false, Scope::Database, Session::Closed));
    assert_eq!((found.max_series, found.needs.rights.as_slice()), (Some(10), &["pg_monitor".to_owned()][..]));
    let [first, second] = found.queries.as_slice() else { panic!("{found:?}") };
    let expected = When {
        min: Some(130_000),
        below: Some(170_000),
        role: Some(Role::Primary),
        extension: Some("x".to_owned()),
        min_extension: Some((1, 8)),
        ..When::default()
    };
    assert_eq!((&first.variants[0].when, first.variants[0].sql.as_str()), (&expected, "SELECT 1"));
    let Reading::Columns { metrics, .. } = &first.reading else { panic!("{first:?}") };
    assert_eq!((metrics[0].scale, metrics[0].null, metrics[0].column.as_str()), (0.001, Null::Zero, "x"));
    assert!(matches!(&second.reading, Reading::Dynamic(dynamic) if dynamic.kind == Kind::Gauge));
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let document = Document::parse("bad.yml", text).unwrap();
    let error = collector(&document).unwrap_err().to_string();
    assert_eq!(error.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn bad_files() {
    check(
        "help: A.\n",
        &["bad.yml:1:1: missing required key `name`", "bad.yml:1:1: missing required key `queries`"],
    );
    check(
        "name: Bad-Name\nhelp: A.\nscop: database\nqueries: []\n",
        &[
            "bad.yml:1:7: `name`: a collector's name is made of small letters, digits and underscores",
            "bad.yml:3:1: unknown key `scop` (hint: did you mean `scope`?)",
            "bad.yml:4:10: a collector needs at least one query",
        ],
    );
    check(
        "name: a\nhelp: A.\nqueries:\n- labels: [ok, 1x]\n  variants:\n  - {sql: '', when: {min_version: 17, max_version: 16}}\n  \
         - {sql: SELECT 1, when: {min_version: new, parameter: p}}\n  metrics:\n  - {name: a-b, kind: bar, help: H}\n",
        &[
            "bad.yml:4:16: `labels`: a label's name is made of letters, digits and `_`, does not begin with a digit, nor with `__`",
            "bad.yml:6:11: `sql`: expected an SQL query, found nothing",
            "bad.yml:6:52: no version lies between min_version and max_version",
            "bad.yml:7:41: `min_version`: expected a version such as 16 or 9.6",
            "bad.yml:7:57: the collector has no parameter `p`",
            "bad.yml:9:12: `name`: a metric's name is made of letters, digits, `_` and `:`, and does not begin with a digit",
            "bad.yml:9:23: `kind`: expected one of `counter`, `gauge`, `untyped`, `unknown`, `histogram`, found `bar`",
        ],
    );
    check(
        "name: a\nhelp: A.\nparameters: [{name: p, kind: integer, default: many, help: P}]\nqueries:\n- variants: [{sql: SELECT 1}]\n",
        &[
            "bad.yml:3:48: expected a whole number from 0 to 4294967295",
            "bad.yml:5:3: missing required key `metrics`",
        ],
    );
}

#[test]
fn versions() {
    for (text, expected) in [
        ("16", Some((160_000, 170_000))),
        ("9.6", Some((90_600, 90_700))),
        ("16.4", Some((160_004, 160_005))),
        ("160004", Some((160_004, 160_005))),
        ("9", Some((90_000, 100_000))),
        ("x", None),
        ("7.4", None),
        ("", None),
    ] {
        assert_eq!(version(text).ok(), expected, "{text}");
    }
}
