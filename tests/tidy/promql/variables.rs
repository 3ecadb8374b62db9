//! Grafana's variables, with values that let a query be read.

use std::time::Duration;

/// What stands for `$__rate_interval`: a window that nobody writes.
pub(crate) const RATE_INTERVAL: Duration = Duration::from_secs(4_027);

/// Grafana's own variables.
const GLOBAL: [(&str, &str); 8] = [
    ("__rate_interval", "4027s"),
    ("__interval", "31s"),
    ("__interval_ms", "31000"),
    ("__range", "3h7s"),
    ("__range_s", "10807"),
    ("__range_ms", "10807000"),
    ("__from", "1700000000000"),
    ("__to", "1700010807000"),
];

/// Puts values in the place of variables. What stands in quotes is left alone: there any text will do.
///
/// `value` knows the variables of the dashboard.
pub(crate) fn fill(expr: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::new();
    for (at, part) in expr.split('"').enumerate() {
        if at > 0 {
            filled.push('"');
        }
        if at % 2 == 1 { filled.push_str(part) } else { fill_bare(part, &value, &mut filled) }
    }
    filled
}

fn fill_bare(text: &str, value: &impl Fn(&str) -> Option<String>, filled: &mut String) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        let braced = after.strip_prefix('{').and_then(|braced| braced.split_once('}'));
        let (name, left) = braced.unwrap_or_else(|| {
            let end = after.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            after.split_at(end.unwrap_or(after.len()))
        });
        // `${name:format}`
        let name = name.split(':').next().unwrap_or(name);
        let known = GLOBAL.iter().find(|(global, _)| *global == name).map(|(_, value)| (*value).to_owned());
        filled.push_str(&known.or_else(|| value(name)).unwrap_or_else(|| name.to_owned()));
        rest = left;
    }
    filled.push_str(rest);
}

/// The names of the variables that a text uses, wherever they stand.
pub(crate) fn used(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for after in text.split('$').skip(1) {
        let name = after.strip_prefix('{').unwrap_or(after);
        let end = name.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        found.push(name.split_at(end.unwrap_or(name.len())).0);
    }
    found
}

#[test]
fn variables_are_filled_outside_of_quotes() {
    let value = |name: &str| (name == "top").then(|| "5".to_owned());
    let filled = fill("topk($top, rate(x{job=~\"$job\"}[$__rate_interval])) > ${limit:raw}", value);
    assert_eq!(filled, "topk(5, rate(x{job=~\"$job\"}[4027s])) > limit");
}

#[test]
fn variables_are_found() {
    assert_eq!(used("x{job=~\"$job\", a=\"${b:regex}\"}[$__rate_interval]"), ["job", "b", "__rate_interval"]);
}
