//! A page for each alert: what it means, how bad it is, how to find the cause, what to do.

use std::collections::BTreeSet;

use crate::findings::{Finding, Place};
use crate::metrics::Catalogue;
use crate::promql::{Scope, parse};
use crate::tree::{Source, files};

use super::Rule;

const HEADINGS: [&str; 4] = ["Meaning", "Impact", "Diagnosis", "What to do"];
const FOLDER: &str = "rules/runbooks/";

pub(super) fn findings(rules: &[Rule], catalogue: &Catalogue) -> Vec<Finding> {
    let alerts: BTreeSet<&str> =
        rules.iter().filter(|rule| rule.is_alert).map(|rule| rule.name.as_str()).collect();
    let pages: Vec<Source> = files(".md").into_iter().filter(|page| page.path.starts_with(FOLDER)).collect();
    let mut found = Vec::new();
    let names: BTreeSet<&str> = pages.iter().filter_map(name).collect();
    for rule in rules.iter().filter(|rule| rule.is_alert && !names.contains(rule.name.as_str())) {
        found.push(rule.finding("runbook", format!("{FOLDER}{}.md is missing", rule.name)));
    }
    for page in &pages {
        let causes = page_findings(page, &alerts, catalogue);
        let finding = |cause| Finding { file: page.path.clone(), place: Place::FILE, rule: "runbook", cause };
        found.extend(causes.into_iter().map(finding));
    }
    found
}

fn name(page: &Source) -> Option<&str> {
    page.path.strip_prefix(FOLDER)?.strip_suffix(".md")
}

fn page_findings(page: &Source, alerts: &BTreeSet<&str>, catalogue: &Catalogue) -> Vec<String> {
    let mut found = Vec::new();
    let name = name(page).unwrap_or_default();
    if !alerts.contains(name) {
        found.push("there is no such alert".to_owned());
    }
    if page.text.lines().next() != Some(&format!("# {name}")) {
        found.push(format!("the first line must be `# {name}`"));
    }
    let headings: Vec<&str> = page.text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    if headings != HEADINGS {
        found.push(format!("its headings are {headings:?}, not {HEADINGS:?}"));
    }
    if !page.text.contains("```") {
        found.push("nothing in it can be copied: put commands between ```".to_owned());
    }
    for link in page.text.split("](").skip(1).filter_map(|after| after.split(')').next()) {
        let target = link.split('#').next().unwrap_or_default();
        let resolves = target.is_empty() || target.starts_with("http") || {
            let file = crate::tree::root().join(FOLDER).join(target);
            file.exists()
        };
        if !resolves {
            found.push(format!("the link {link} leads nowhere"));
        }
    }
    for query in queries(&page.text) {
        match parse(&query) {
            Err(error) => found.push(format!("`{query}` is no PromQL: {error}")),
            Ok(expr) => {
                let mut scope = Scope::new(catalogue);
                scope.labels(&expr);
                found.extend(scope.problems.into_iter().map(|cause| format!("`{query}`: {cause}")));
            }
        }
    }
    found
}

/// Queries that are given to promtool to copy: `promtool query instant URL 'QUERY'`.
fn queries(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.contains("promtool query "));
    let quoted = lines.filter_map(|line| line.split_once('\'')?.1.rsplit_once('\''));
    quoted.map(|(query, _)| query.replace("'\\''", "'")).filter(|query| !query.contains('$')).collect()
}
