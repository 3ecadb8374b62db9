//! The section `journey` of a module.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use toolkit::config::{Fields, Item, SecretSource};

use super::step::{Names, Step};
use super::template::is_name;
use crate::config::is_secret_header;
use crate::probe::http::Base;

/// Steps of a journey: each is a label's value, and one after the other has to fit into a scrape.
const MAX_STEPS: usize = 50;

/// Steps that clean up.
const MAX_CLEANUP: usize = 10;

/// How much of the time is kept for cleaning up, where the file does not say.
const USUAL_CLEANUP: Duration = Duration::from_secs(2);

/// Ends of keys that say where a secret is.
const SECRET_ENDS: [&str; 3] = ["_file", "_env", "_command"];

/// A way through several pages.
#[derive(Clone, Debug)]
pub struct Journey {
    /// How servers are reached, and who we say we are to the target.
    pub(super) base: Base,
    /// Variables that may be known.
    pub(super) variables: Vec<(Arc<str>, String)>,
    /// Those that may not.
    pub(super) secrets: Vec<(Arc<str>, SecretSource)>,
    /// What is done, until a step fails.
    pub(super) steps: Vec<Step>,
    /// What is done afterwards, whatever came of it.
    pub(super) cleanup: Vec<Step>,
    cleanup_time: Duration,
}

impl Journey {
    /// Reads the section.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Self {
        let base = Base::decode(fields);
        let mut names = Names::default();
        let variables = variables(fields, &mut names);
        let secrets = secrets(fields, &mut names);
        fields.require("steps");
        let mut decode = |item: Item<'_>| Step::decode(&item, &base, &mut names);
        let steps = fields.list("steps", &mut decode);
        let cleanup = fields.list("cleanup", &mut decode);
        for (key, found, most) in [("steps", &steps, MAX_STEPS), ("cleanup", &cleanup, MAX_CLEANUP)] {
            if found.len() > most {
                fields.problem(key, format!("there are more than {most}"));
            }
        }
        let mut known = HashSet::new();
        if let Some(twice) = steps.iter().chain(&cleanup).find(|step| !known.insert(&step.name)) {
            fields.problem("steps", format!("two steps have the name `{}`", twice.name));
        }
        let cleanup_time = fields.duration("cleanup_time").unwrap_or(USUAL_CLEANUP);
        Self { base, variables, secrets, steps, cleanup, cleanup_time }
    }

    /// How much of this time is kept for cleaning up: never more than half.
    pub(super) fn reserve(&self, budget: Duration) -> Duration {
        if self.cleanup.is_empty() { Duration::ZERO } else { self.cleanup_time.min(budget / 2) }
    }

    /// Whether there is anything that must not go to everybody who is asked for as a target.
    pub(super) fn has_credentials(&self) -> bool {
        let client = &self.base.client;
        !self.secrets.is_empty()
            || client.has_credentials()
            || client.tls.identity.is_some()
            || self.steps.iter().chain(&self.cleanup).any(Step::has_credentials)
    }
}

fn variables(fields: &mut Fields<'_>, names: &mut Names) -> Vec<(Arc<str>, String)> {
    fields.map("variables", |name, item| {
        if is_secret_header(&name.to_ascii_lowercase()) {
            item.problem(format!("`{name}` sounds like a secret (hint: it stands below `secrets`)"));
        }
        let value = item.string()?;
        declared(name, names).map_err(|problem| item.problem(problem)).ok().map(|name| (name, value))
    })
}

/// `NAME`, `NAME_file`, `NAME_env` or `NAME_command`, as secrets are written everywhere.
fn secrets(fields: &mut Fields<'_>, names: &mut Names) -> Vec<(Arc<str>, SecretSource)> {
    let Some(mut fields) = fields.fields("secrets") else { return Vec::new() };
    let wanted: BTreeSet<&str> = fields.keys().map(without_end).collect();
    let mut found = BTreeMap::new();
    for name in wanted {
        let Some(source) = fields.secret(name) else { continue };
        match declared(name, names) {
            Ok(name) => drop(found.insert(name, source)),
            Err(problem) => fields.problem_at(fields.position(), problem),
        }
    }
    found.into_iter().collect()
}

fn without_end(key: &str) -> &str {
    SECRET_ENDS.iter().find_map(|end| key.strip_suffix(end)).unwrap_or(key)
}

fn declared(name: &str, names: &mut Names) -> Result<Arc<str>, String> {
    if !is_name(name) {
        return Err(format!("{name:?} is no variable's name: letters, digits and `_`"));
    }
    names.declare(name).ok_or_else(|| format!("`{name}` is declared twice"))
}

#[cfg(test)]
mod tests {
    use toolkit::config::Document;

    use super::*;

    fn read(text: &str) -> Result<Journey, String> {
        let document = Document::parse("x.yml", text).unwrap();
        document.decode(|mut fields| Journey::decode(&mut fields)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_wrong_is_said_when_the_file_is_loaded() {
        for (text, expected) in [
            ("{}", "missing required key `steps`"),
            ("steps: [{url: /}]", "missing required key `name`"),
            ("steps: [{name: 'a b'}]", "the name of a step has letters"),
            ("steps: [{name: a}, {name: a}]", "two steps have the name `a`"),
            ("steps: [{name: a}]\ncleanup: [{name: a}]", "two steps have the name `a`"),
            ("steps: [{name: a, url: '/{{x}}'}]", "no step before this one gives `x`"),
            ("steps: [{name: a, url: '/{{x'}]", "is not closed"),
            (
                "steps: [{name: a, extract: {x: {cookie: b}}, url: '/{{x}}'}]",
                "no step before this one gives `x`",
            ),
            ("steps: [{name: a, headers: {X-A: '{{x}}'}}]", "no step before this one gives `x`"),
            ("steps: [{name: a, headers: {Host: '{{x}}'}}]", "`Host` has no variables"),
            ("steps: [{name: a, form: {b: '{{x}}'}}]", "no step before this one gives `x`"),
            ("steps: [{name: a, json: '{\"b\": \"{{x}}\"}'}]", "no step before this one gives `x`"),
            ("steps: [{name: a, json: '{\"b\": }'}]", "is not JSON"),
            ("steps: [{name: a, json: {b: 1}}]", "expected a string, found a map"),
            ("steps: [{name: a, body: '{{x}}'}]", "no step before this one gives `x`"),
            ("steps: [{name: a, body: x, form: {}}]", "cannot both be set"),
            ("steps: [{name: a, json: '1', form: {}}]", "cannot both be set"),
            ("steps: [{name: a, url: 'ftp://b/'}]", "expected an http or https URL"),
            ("steps: [{name: a, basic_auth: {}}]", "unknown key `basic_auth`"),
            ("steps: [{name: a, timeout: 0s}]", "longer than nothing"),
            ("steps: [{name: a, extract: {'b-c': {cookie: d}}}]", "is no variable's name"),
            ("variables: {x: y}\nsteps: [{name: a, extract: {x: {cookie: d}}}]", "is declared twice"),
            ("variables: {x: y}\nsecrets: {x_file: z}\nsteps: [{name: a}]", "is declared twice"),
            ("variables: {password: y}\nsteps: [{name: a}]", "it stands below `secrets`"),
            ("secrets: {x: y, x_file: z}\nsteps: [{name: a}]", "cannot both be set"),
            (
                "variables: {x: y}\nsteps: [{name: a, headers: {Content-Type: application/json}, body: '{\"a\": \"{{x}}\"}'}]",
                "hint: `json`",
            ),
        ] {
            let problem = read(text).expect_err(text);
            assert!(problem.contains(expected), "{text}: {problem}");
        }
    }

    #[test]
    fn what_must_not_go_to_everybody() {
        for (text, expected) in [
            ("steps: [{name: a}]", false),
            ("variables: {user: x}\nsteps: [{name: a, form: {user: '{{user}}'}}]", false),
            ("secrets: {x_env: Y}\nsteps: [{name: a}]", true),
            ("bearer_token: x\nsteps: [{name: a}]", true),
            ("tls_config: {cert: a, key: b}\nsteps: [{name: a}]", true),
            ("steps: [{name: a, headers: {X-Api-Key: s3cret}}]", true),
            ("steps: [{name: a, form: {password: s3cret}}]", true),
            ("steps: [{name: a, json: '{\"auth\": {\"token\": \"s3cret\"}}'}]", true),
            ("steps: [{name: a, body: 'password=s3cret'}]", true),
            ("steps: [{name: a, extract: {t: {cookie: c}}}, {name: b, form: {csrf_token: '{{t}}'}}]", false),
        ] {
            let found = read(text).unwrap();
            assert_eq!(found.has_credentials(), expected, "{text}");
            assert!(!format!("{found:?}").contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn time_is_kept_for_cleaning_up() {
        let second = Duration::from_secs(1);
        let some = read("steps: [{name: a}]\ncleanup: [{name: b}]").unwrap();
        assert_eq!((some.reserve(second * 10), some.reserve(second)), (second * 2, second / 2));
        assert_eq!(read("steps: [{name: a}]").unwrap().reserve(second * 10), Duration::ZERO);
        let own = read("steps: [{name: a}]\ncleanup: [{name: b}]\ncleanup_time: 5s").unwrap();
        assert_eq!(own.reserve(second * 20), second * 5);
    }
}
