//! What all providers have in common: a name, a type, how often they are asked, and how their series are labelled.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use toolkit::config::{Fields, Item, SecretSource};

use super::{Kind, TYPES};
use crate::http::BaseUrl;

/// The shortest interval: for tests; providers update their data in hours.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// Names and labels are short enough for a series.
const LONGEST_NAME: usize = 64;

/// Labels that metrics have themselves: a provider's own may not have these names.
const TAKEN: [&str; 20] = [
    "account",
    "budget",
    "category",
    "code",
    "currency",
    "direction",
    "from",
    "horizon",
    "le",
    "model",
    "operation",
    "outcome",
    "provider",
    "quantile",
    "reason",
    "resource",
    "service",
    "source",
    "token_type",
    "unit",
];

/// A provider with all its settings.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name: the label `provider`.
    pub name: Arc<str>,
    /// Its type and own settings.
    pub kind: Kind,
    /// How often it is asked.
    pub interval: Duration,
    /// How long after a day's end its amounts may still move.
    pub settles_after: Duration,
    /// Paid requests in a calendar month.
    pub max_requests_per_month: Option<u64>,
    /// The label `account` of all that it says, instead of the provider's own accounts.
    pub account: Option<Arc<str>>,
    /// Other labels `account` for some of the provider's own accounts.
    pub accounts: HashMap<String, Arc<str>>,
    /// Other labels `service`: for a service that the provider has renamed.
    pub services: HashMap<String, Arc<str>>,
    /// Labels of its own.
    pub labels: Arc<[(String, String)]>,
    /// Whether taxes count in the totals; by category they are always shown.
    pub include_tax: bool,
}

impl Provider {
    /// Reads an element of `providers`.
    pub fn decode(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        fields.require("name");
        fields.require("type");
        let name = fields.parsed("name", name);
        let known: Vec<(&str, usize)> =
            TYPES.iter().enumerate().map(|(at, (facts, _))| (facts.type_name, at)).collect();
        let found = fields.choice("type", &known).and_then(|at| TYPES.get(at));
        let facts = found.map(|(facts, _)| *facts);
        let interval = fields.duration("interval").or_else(|| Some(facts?.interval));
        if interval.is_some_and(|interval| interval < SHORTEST_INTERVAL) {
            fields.problem("interval", "`interval`: expected at least 1s");
        }
        let settles_after = fields.duration("settles_after").or_else(|| Some(facts?.settles_after));
        let max = fields.integer("max_requests_per_month", 0..=i64::MAX);
        let max = max.and_then(|max| u64::try_from(max).ok());
        let account = fields.parsed("account", label);
        let accounts = aliases(&mut fields, "accounts");
        let services = aliases(&mut fields, "services");
        let labels = fields.string_map("labels");
        for (name, _) in labels.iter().filter(|(name, _)| !is_free_label(name)) {
            fields.problem("labels", format!("`{name}` cannot be a label of a provider"));
        }
        let include_tax = fields.bool("include_tax").unwrap_or(false);
        let Some((facts, decode)) = found else {
            // its keys are unknown as long as its type is
            for key in fields.keys() {
                fields.ignore(key);
            }
            return None;
        };
        let kind = decode(&mut fields);
        if max.is_some() && kind.as_ref().is_some_and(|kind| !kind.sends_paid_requests()) {
            let of = facts.type_name;
            let problem = format!("requests of `{of}` are not paid one by one: there is nothing to cap");
            fields.problem("max_requests_per_month", format!("`max_requests_per_month`: {problem}"));
        }
        Some(Self {
            name: Arc::from(name?),
            kind: kind?,
            interval: interval?,
            settles_after: settles_after?,
            max_requests_per_month: max.or(facts.paid_requests),
            account,
            accounts,
            services,
            labels: labels.into(),
            include_tax,
        })
    }

    /// The label `account` for an account of the provider.
    pub fn account_label(&self, account: &Arc<str>) -> Arc<str> {
        let renamed = self.account.as_ref().or_else(|| self.accounts.get(&**account));
        Arc::clone(renamed.unwrap_or(account))
    }

    /// The label `service` for a service of the provider.
    pub fn service_label(&self, service: &Arc<str>) -> Arc<str> {
        Arc::clone(self.services.get(&**service).unwrap_or(service))
    }
}

/// Where the provider's API is: the key `base_url`, or the usual place.
pub fn base_url(fields: &mut Fields<'_>, usual: &str) -> Option<BaseUrl> {
    if fields.has("base_url") {
        return fields.parsed("base_url", BaseUrl::parse);
    }
    BaseUrl::parse(usual).ok()
}

/// A secret that must be there: `KEY`, `KEY_file`, `KEY_env` or `KEY_command`.
pub fn required_secret(fields: &mut Fields<'_>, key: &str) -> Option<SecretSource> {
    let given = ["", "_file", "_env", "_command"].iter().any(|suffix| fields.has(&format!("{key}{suffix}")));
    if !given {
        fields.problem_at(
            fields.position(),
            format!("missing `{key}_file` (or `{key}_env`, `{key}_command`, `{key}`)"),
        );
    }
    fields.secret(key)
}

/// An ISO 4217 code: `USD` unless the key says otherwise.
pub fn currency(fields: &mut Fields<'_>, key: &str) -> Option<Arc<str>> {
    let code = |text: &str| {
        let good = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
        if good { Ok(Arc::from(text.to_ascii_uppercase())) } else { Err("expected a currency such as USD") }
    };
    if fields.has(key) { fields.parsed(key, code) } else { Some(Arc::from("USD")) }
}

/// Whether a provider may have a label of this name.
pub fn is_free_label(name: &str) -> bool {
    let mut characters = name.chars();
    let good = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_');
    good && !name.starts_with("__") && !TAKEN.contains(&name)
}

fn name(text: &str) -> Result<String, &'static str> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if text.is_empty() || text.len() > LONGEST_NAME || !text.bytes().all(good) {
        return Err("a name has letters, digits and `-_.`, at most 64");
    }
    Ok(text.to_owned())
}

fn label(text: &str) -> Result<Arc<str>, &'static str> {
    if text.len() > LONGEST_NAME || text.chars().any(char::is_control) {
        return Err("an account is shown in a label: at most 64 characters");
    }
    Ok(Arc::from(text))
}

fn aliases(fields: &mut Fields<'_>, key: &str) -> HashMap<String, Arc<str>> {
    fields.string_map(key).into_iter().map(|(name, alias)| (name, Arc::from(alias))).collect()
}
