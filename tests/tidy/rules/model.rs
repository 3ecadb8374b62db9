//! Rules as they are read from their files.

use toolkit::config::{Document, Fields};

use crate::findings::{Finding, Place};
use crate::tree::{files, root};

const FOLDER: &str = "rules/";

/// An alert or a recording rule.
pub(crate) struct Rule {
    /// Below the workspace's root.
    pub(crate) file: String,
    pub(crate) is_alert: bool,
    pub(crate) name: String,
    pub(crate) expr: String,
    /// How long it must be so.
    pub(crate) holds: Option<String>,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) annotations: Vec<(String, String)>,
}

impl Rule {
    /// An annotation's text, or nothing.
    pub(crate) fn annotation(&self, name: &str) -> &str {
        self.annotations.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn finding(&self, rule: &'static str, cause: impl Into<String>) -> Finding {
        let place = if self.is_alert { Place::alert(&self.name) } else { Place::record(&self.name) };
        Finding { file: self.file.clone(), place, rule, cause: cause.into() }
    }
}

/// All rules of `rules/`. A file that is no YAML is left out: [`unreadable`] tells of it.
pub(crate) fn rules() -> Vec<Rule> {
    let mut found = Vec::new();
    for file in files(".rules.yml").into_iter().filter(|file| file.path.starts_with(FOLDER)) {
        let Ok(document) = Document::read(&root().join(&file.path)) else { continue };
        let rules = document.decode(|mut top| {
            top.list("groups", |group| {
                let mut group = group.fields()?;
                let rules = group.list("rules", |rule| Some(rule_of(&file.path, rule.fields()?)));
                ignore_rest(&mut group);
                Some(rules)
            })
        });
        found.extend(rules.unwrap_or_default().into_iter().flatten());
    }
    assert!(found.len() > 10, "the rules were found");
    found
}

/// Files of rules, and of their tests, that cannot be read.
pub(super) fn unreadable() -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files(".yml").into_iter().filter(|file| file.path.starts_with(FOLDER)) {
        let read = Document::read(&root().join(&file.path))
            .and_then(|document| document.decode(|mut top| ignore_rest(&mut top)));
        if let Err(error) = read {
            found.push(Finding {
                file: file.path,
                place: Place::FILE,
                rule: "yaml",
                cause: error.to_string(),
            });
        }
    }
    found
}

fn rule_of(file: &str, mut fields: Fields<'_>) -> Rule {
    let alert = fields.string("alert");
    let record = fields.string("record");
    let rule = Rule {
        file: file.to_owned(),
        is_alert: alert.is_some(),
        name: alert.or(record).unwrap_or_default(),
        expr: fields.required_string("expr"),
        holds: fields.string("for"),
        labels: fields.string_map("labels"),
        annotations: fields.string_map("annotations"),
    };
    ignore_rest(&mut fields);
    rule
}

/// promtool tells of keys that nobody knows.
pub(super) fn ignore_rest(fields: &mut Fields<'_>) {
    let keys: Vec<&str> = fields.keys().collect();
    for key in keys {
        fields.ignore(key);
    }
}
