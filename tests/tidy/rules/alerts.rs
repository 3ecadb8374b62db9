//! Names, severities, annotations: the form that all alerts have.

use std::collections::BTreeSet;

use crate::findings::Finding;
use crate::tree::files;

use super::Rule;

/// Where the runbooks are, unless an external label says otherwise.
pub(crate) const RUNBOOKS: &str = "https://github.com/watchfire/watchfire/blob/main/rules/runbooks";

/// How the link to a dashboard begins; its uid follows.
pub(super) const DASHBOARD: &str = r#"{{ or $externalLabels.grafana_url "http://localhost:3000" }}/d/"#;

const ANNOTATIONS: [&str; 4] = ["summary", "description", "runbook_url", "dashboard_url"];
const SEVERITIES: [&str; 4] = ["critical", "warning", "info", "none"];

pub(super) fn findings(rules: &[Rule]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut names = BTreeSet::new();
    for rule in rules {
        if rule.is_alert && !names.insert((&rule.name, rule.label("severity"))) {
            found.push(rule.finding("name", "another alert has this name and this severity"));
        }
        let causes = if rule.is_alert { alert(rule) } else { recording(rule) };
        found.extend(causes.into_iter().map(|(name, cause)| rule.finding(name, cause)));
    }
    found.extend(durations(rules));
    found
}

fn alert(rule: &Rule) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut wants = |good: bool, name, cause: &str| {
        if !good {
            found.push((name, cause.to_owned()));
        }
    };
    wants(is_camel_case(&rule.name), "name", "write it LikeThis");
    wants(SEVERITIES.contains(&rule.label("severity")), "severity", "one of critical, warning, info, none");
    for name in ANNOTATIONS {
        wants(!rule.annotation(name).trim().is_empty(), "annotations", &format!("no {name}"));
    }
    for (name, _) in &rule.annotations {
        wants(ANNOTATIONS.contains(&name.as_str()), "annotations", &format!("{name} is not one of the four"));
    }
    let summary = rule.annotation("summary");
    wants(!summary.contains("{{"), "summary", "it is the same for all series: no {{ }}");
    wants(!summary.ends_with('.'), "summary", "it is a heading: no full stop");
    let description = rule.annotation("description").trim_end();
    wants(description.ends_with(['.', '}']), "description", "it is sentences: end with a full stop");
    wants(!description.contains('\n'), "description", "one paragraph: begin it with `>-`");
    let runbook = format!(r#"{{{{ or $externalLabels.runbooks_url "{RUNBOOKS}" }}}}/{}.md"#, rule.name);
    wants(rule.annotation("runbook_url") == runbook, "runbook_url", &format!("write exactly: '{runbook}'"));
    let begins = rule.annotation("dashboard_url").starts_with(DASHBOARD);
    wants(begins, "dashboard_url", &format!("begin with: {DASHBOARD}"));
    found
}

/// `level:metric:operations`.
fn recording(rule: &Rule) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let parts: Vec<&str> = rule.name.split(':').collect();
    if parts.len() < 2 || parts.iter().any(|part| part.is_empty()) {
        found.push(("name", "write it level:metric:operations".to_owned()));
    }
    found
}

fn is_camel_case(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric())
        && name.chars().any(|letter| letter.is_ascii_lowercase())
}

/// `for:` stands on a line of its own: the tests and the demo shorten that line.
fn durations(rules: &[Rule]) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files(".rules.yml") {
        let lines = file.text.lines().map(str::trim).filter(|line| line.starts_with("for: ")).count();
        let of_file = || rules.iter().filter(|rule| rule.file == file.path);
        let wanted = of_file().filter(|rule| rule.holds.is_some()).count();
        if let (true, Some(first)) = (lines != wanted, of_file().find(|rule| rule.holds.is_some())) {
            let cause =
                format!("{wanted} rules of this file have a `for`, and {lines} lines begin with `for:`");
            found.push(first.finding("for", cause));
        }
    }
    found
}
