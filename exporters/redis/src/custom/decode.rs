//! The `commands` of the configuration file.
//!
//! ```yaml
//! commands:
//!   - name: jobs                     # the label `command` of what is shown about it
//!     command: [LLEN, jobs]          # or eval_ro: {script: "…", keys: [], args: []}
//!     metrics:
//!       - {name: jobs_waiting, help: Jobs that wait.}
//! ```
//!
//! Everything a command could do wrong is found when the file is read: see [`allowed`].

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use toolkit::config::{Fields, Item};
use toolkit::expo::Kind;
use toolkit::scrape::{TargetPattern, TargetRules};

use super::reading::{Place, Values};
use super::{CustomCommand, Metric, Question, allowed};

/// Commands of a file.
const MAX_COMMANDS: usize = 50;

/// Metrics of a command.
const MAX_METRICS: usize = 50;

/// Labels of a metric.
const MAX_LABELS: usize = 10;

/// Words of a command.
const MAX_WORDS: usize = 100;

/// Characters of a script.
pub(super) const MAX_SCRIPT: usize = 256 << 10;

/// How long a command may take unless the file says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);

/// No command takes longer, whatever the file says; a scrape's own deadline comes first.
const LONGEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Series of a command on one server unless the file says otherwise.
const DEFAULT_LIMIT: i64 = 500;

/// More series than this are no metric but a table.
const MAX_LIMIT: i64 = 10_000;

/// Labels that the page itself puts on samples.
const RESERVED_LABELS: [&str; 4] = ["instance_role", "node", "role", "shard"];

/// Decodes all of them.
pub fn decode(fields: &mut Fields<'_>) -> Vec<Arc<CustomCommand>> {
    let mut known = Known::default();
    let commands = fields.list("commands", |item| decode_command(&item, &mut known));
    if commands.len() > MAX_COMMANDS {
        fields.problem("commands", format!("there are {}, at most {MAX_COMMANDS} are asked", commands.len()));
    }
    commands.into_iter().map(Arc::new).collect()
}

/// What the commands so far have named.
#[derive(Default)]
struct Known {
    commands: Vec<String>,
    /// By name: type and sorted label names, which all commands that write a metric must share.
    metrics: HashMap<String, (Kind, Vec<String>)>,
}

fn decode_command(item: &Item<'_>, known: &mut Known) -> Option<CustomCommand> {
    let mut fields = item.fields()?;
    let name = fields.required_string("name");
    if fields.has("name") && !is_word(&name) {
        fields.problem("name", "expected lower-case letters, digits and underscores");
    } else if known.commands.contains(&name) {
        fields.problem("name", format!("there is another command `{name}`"));
    }
    known.commands.push(name.clone());
    let targets = decode_match(&mut fields);
    let (words, acl_name) = decode_words(&mut fields).unwrap_or_default();
    let db = fields.integer("db", 0..=i64::from(u16::MAX)).unwrap_or(0);
    let timeout = fields.duration("timeout").unwrap_or(DEFAULT_TIMEOUT);
    if timeout.is_zero() || timeout > LONGEST_TIMEOUT {
        fields.problem("timeout", "expected more than nothing and at most a minute");
    }
    let limit = fields.integer("limit", 1..=MAX_LIMIT).unwrap_or(DEFAULT_LIMIT);
    let metrics = fields.list("metrics", |item| decode_metric(&item, known));
    if fields.require("metrics") && !(1..=MAX_METRICS).contains(&metrics.len()) {
        fields.problem("metrics", format!("expected 1 to {MAX_METRICS} metrics"));
    }
    Some(CustomCommand {
        name,
        targets,
        question: Question { words, db: u32::try_from(db).unwrap_or_default() },
        acl_name,
        timeout,
        limit: usize::try_from(limit).unwrap_or_default(),
        metrics,
    })
}

fn decode_match(fields: &mut Fields<'_>) -> Option<TargetRules<()>> {
    let mut patterns = Vec::new();
    for text in fields.string_or_list("match") {
        match TargetPattern::parse(&text) {
            Ok(pattern) => patterns.push((pattern, ())),
            Err(problem) => fields.problem("match", problem),
        }
    }
    fields.has("match").then(|| TargetRules::new(patterns))
}

/// The words that are sent, and the command's name for the ACL.
fn decode_words(fields: &mut Fields<'_>) -> Option<(Vec<String>, String)> {
    let words = fields.strings("command");
    let script = fields.fields("eval_ro").map(decode_script);
    match (fields.has("command"), script) {
        (true, None) => {
            if words.len() > MAX_WORDS {
                fields.problem("command", format!("expected at most {MAX_WORDS} words"));
            }
            match allowed::check(&words) {
                Ok(acl_name) => return Some((words, acl_name)),
                Err(problem) => fields.problem("command", problem),
            }
        }
        (false, Some(words)) => return Some((words, "eval_ro".to_owned())),
        (false, None) if fields.has("eval_ro") => {}
        _ => fields.problem("name", "expected either `command` or `eval_ro`"),
    }
    None
}

fn decode_script(mut fields: Fields<'_>) -> Vec<String> {
    let text = fields.string("script");
    let file = fields.path("script_file");
    let (keys, args) = (fields.strings("keys"), fields.strings("args"));
    let script = match (text, file) {
        (Some(text), None) => text,
        (None, Some(path)) => read_script(&path).unwrap_or_else(|problem| {
            fields.problem("script_file", problem);
            String::new()
        }),
        _ => {
            let key = if fields.has("script") { "script" } else { "script_file" };
            fields.problem(key, "expected either `script` or `script_file`");
            String::new()
        }
    };
    if script.len() > MAX_SCRIPT || keys.len() + args.len() > MAX_WORDS {
        fields.problem(
            "script",
            format!("expected at most {MAX_SCRIPT} bytes and {MAX_WORDS} keys and arguments"),
        );
    }
    let head = ["EVAL_RO".to_owned(), script, keys.len().to_string()];
    head.into_iter().chain(keys).chain(args).collect()
}

/// The text of a script.
///
/// # Errors
/// One sentence with the path.
pub(super) fn read_script(path: &Path) -> Result<String, String> {
    let unreadable = |error| format!("{} cannot be read: {error}", path.display());
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if usize::try_from(length).is_ok_and(|length| length <= MAX_SCRIPT) {
        std::fs::read_to_string(path).map_err(unreadable)
    } else {
        Err(format!("{} is longer than {MAX_SCRIPT} bytes", path.display()))
    }
}

fn decode_metric(item: &Item<'_>, known: &mut Known) -> Option<Metric> {
    let mut fields = item.fields()?;
    let name = fields.required_string("name");
    if fields.has("name") && !is_name(&name) {
        fields.problem("name", "expected letters, digits and underscores");
    } else if crate::metrics().iter().any(|desc| desc.name == name) {
        fields.problem("name", format!("`{name}` is a metric of the exporter itself"));
    }
    let help = fields.required_string("help");
    let kinds = [("gauge", Kind::Gauge), ("counter", Kind::Counter)];
    let kind = fields.choice("type", &kinds).unwrap_or(Kind::Gauge);
    let (values, pair_label) = decode_values(&mut fields);
    let read = fields.map("labels", |name, item| Some((name.to_owned(), Place::parse(&item.string()?))));
    let labels: Vec<(String, Place)> =
        pair_label.into_iter().map(|label| (label, Place::Index(0))).chain(read).collect();
    let fixed = fields.string_map("const_labels");
    if values == Values::Reply && !labels.is_empty() {
        fields.problem("labels", "labels come from rows (hint: `value` says where in a row the value is)");
    }
    let scale = fields.float("scale").unwrap_or(1.0);
    let metric = Metric { name, help, kind, values, scale, labels, fixed };
    check_labels(&metric, &fields, known);
    Some(metric)
}

/// Where the values are, and the label of `pairs`.
fn decode_values(fields: &mut Fields<'_>) -> (Values, Option<String>) {
    let value = fields.string("value").map(|text| Place::parse(&text));
    let row = fields.integer("row", 1..=100).and_then(|row| usize::try_from(row).ok());
    let pairs = fields.string("pairs");
    if let Some(label) = pairs {
        if value.is_some() || row.is_some() {
            fields.problem("pairs", "`pairs` says it all: `value` and `row` cannot stand beside it");
        }
        return (Values::Rows { row: Some(2), value: Place::Index(1) }, Some(label));
    }
    match value {
        Some(value) => (Values::Rows { row, value }, None),
        None if row.is_some() => {
            fields.problem("row", "it needs `value`: where in a row the value is");
            (Values::Reply, None)
        }
        None => (Values::Reply, None),
    }
}

fn check_labels(metric: &Metric, fields: &Fields<'_>, known: &mut Known) {
    let mut names: Vec<String> = metric.label_names().into_iter().map(str::to_owned).collect();
    names.sort_unstable();
    for name in &names {
        if !is_name(name) || name.starts_with("__") || RESERVED_LABELS.contains(&name.as_str()) {
            fields.problem("labels", format!("`{name}` cannot be a label"));
        }
    }
    if names.windows(2).any(|pair| matches!(pair, [first, second] if first == second)) {
        fields.problem("labels", "a label is there twice");
    }
    if names.len() > MAX_LABELS {
        fields.problem("labels", format!("expected at most {MAX_LABELS}"));
    }
    let shape = (metric.kind, names);
    let first = known.metrics.entry(metric.name.clone()).or_insert_with(|| shape.clone());
    if *first != shape {
        fields.problem("name", format!("`{}` has another type or other labels above", metric.name));
    }
}

/// Whether it can be the name of a command: as labels of collectors are written.
fn is_word(name: &str) -> bool {
    is_name(name) && name.bytes().all(|byte| !byte.is_ascii_uppercase())
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use toolkit::config::Document;

    use super::*;

    fn parse(file: &str) -> Result<Vec<Arc<CustomCommand>>, String> {
        let document = Document::parse("c.yml", file).unwrap();
        document.decode(|mut fields| decode(&mut fields)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file() {
        let found = parse(
            "commands:\n\
             - name: jobs\n\
            \x20 match: 'cache-*:6379'\n\
            \x20 command: [LLEN, jobs]\n\
            \x20 db: 3\n\
            \x20 timeout: 200ms\n\
            \x20 limit: 7\n\
            \x20 metrics: [{name: jobs_waiting, help: Jobs., scale: 0.001, const_labels: {queue: jobs}}]\n\
             - name: groups\n\
            \x20 command: [xinfo, GROUPS, s]\n\
            \x20 metrics: [{name: lag, type: counter, help: L., value: lag, labels: {group: name, first: 0}}]\n\
             - name: script\n\
            \x20 eval_ro: {script: 'return {1}', keys: [a, b], args: [c]}\n\
            \x20 metrics: [{name: pairs, help: P., pairs: key}, {name: flat, help: F., row: 3, value: 2}]\n",
        )
        .unwrap();
        let [jobs, groups, script] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(jobs.question, Question { words: vec!["LLEN".to_owned(), "jobs".to_owned()], db: 3 });
        assert_eq!(
            (jobs.timeout, jobs.limit, jobs.acl_name.as_str()),
            (Duration::from_millis(200), 7, "llen")
        );
        let target = crate::target::Target::parse("cache-1").unwrap();
        let other = crate::target::Target::parse("other").unwrap();
        let asked = [(&target, false), (&other, true), (&other, false)];
        assert_eq!(asked.map(|(target, known)| jobs.is_for(target.name(), known)), [true, false, false]);
        assert_eq!(asked.map(|(target, known)| groups.is_for(target.name(), known)), [false, true, false]);
        assert_eq!(groups.acl_name, "xinfo|groups");
        let lag = &groups.metrics[0];
        assert_eq!((lag.kind, lag.label_names()), (Kind::Counter, vec!["group", "first"]));
        assert_eq!(lag.values, Values::Rows { row: None, value: Place::Field("lag".to_owned()) });
        assert_eq!(script.question.words, ["EVAL_RO", "return {1}", "2", "a", "b", "c"]);
        assert_eq!(script.metrics[0].labels, [("key".to_owned(), Place::Index(0))]);
        assert_eq!(script.metrics[1].values, Values::Rows { row: Some(3), value: Place::Index(2) });
    }

    #[test]
    fn every_problem_is_told_with_its_place() {
        let found = parse(
            "commands:\n\
             - {name: A, command: [FLUSHALL], metrics: [{name: up, help: U.}]}\n\
             - {name: a, command: [GET, a], eval_ro: {script: s}, metrics: []}\n\
             - {name: a, metrics: [{name: m, help: M., labels: {node: 0}}], timeout: 2m}\n\
             - {command: [DBSIZE], metrics: [{name: m, help: M., type: gauge, value: 1}, {name: m, row: 2, sort: x}]}\n\
             - {name: s, eval_ro: {script_file: /nowhere}, metrics: [{name: 9x, help: X., pairs: a, value: 1}]}\n",
        )
        .unwrap_err();
        let expected = "\
c.yml:2:10: expected lower-case letters, digits and underscores
c.yml:2:22: FLUSHALL is not among the commands that are known to read only (hint: the README says which are)
c.yml:2:51: `up` is a metric of the exporter itself
c.yml:3:10: expected either `command` or `eval_ro`
c.yml:3:63: expected 1 to 50 metrics
c.yml:4:10: expected either `command` or `eval_ro`
c.yml:4:10: there is another command `a`
c.yml:4:51: `node` cannot be a label
c.yml:4:51: labels come from rows (hint: `value` says where in a row the value is)
c.yml:4:73: expected more than nothing and at most a minute
c.yml:5:3: missing required key `name`
c.yml:5:40: `m` has another type or other labels above
c.yml:5:77: missing required key `help`
c.yml:5:84: `m` has another type or other labels above
c.yml:5:92: it needs `value`: where in a row the value is
c.yml:5:95: unknown key `sort`
c.yml:6:36: /nowhere cannot be read: No such file or directory (os error 2)
c.yml:6:64: expected letters, digits and underscores
c.yml:6:85: `pairs` says it all: `value` and `row` cannot stand beside it";
        assert_eq!(found, expected);
    }
}
