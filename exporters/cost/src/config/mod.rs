//! The configuration file.
//!
//! ```yaml
//! providers:
//!   - {name: ai, type: openai, api_key_file: key, interval: 1h}
//!   - {name: domains, type: fixed, items: [{service: domain, amount: "12.00", currency: USD, period: year}]}
//! budgets:
//!   - {name: llm, limit: "100", currency: USD, period: month, match: {provider: [ai]}}
//! exchange: {to: EUR, rates: [{from: USD, rate: "0.92", date: 2026-01-02}]}
//! top_services: 50      # services of a provider with series of their own
//! max_age: 7d           # what was said longer ago is not shown any more
//! anomaly_floor: {USD: 10, JPY: 1500}   # what an unusual day costs too much, at least
//! ```

mod budgets;
mod exchange;

use std::collections::HashSet;
use std::time::Duration;

use toolkit::config::{ConfigError, Document, Fields};

pub use budgets::{Budget, BudgetPeriod, Match};
pub use exchange::{Exchange, Rate};

use crate::figures::anomaly::Floors;
use crate::money::Money;
use crate::providers::Provider;
use crate::shown::{MAX_PAIRS, USUAL_SERVICES};

/// How long what a provider said is shown when it says nothing new.
const USUAL_MAX_AGE: Duration = Duration::from_hours(7 * 24);

/// Providers in one file: each has a task and some MiB while it is asked.
const MAX_PROVIDERS: usize = 500;

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who is asked.
    pub providers: Vec<Provider>,
    /// What may be spent.
    pub budgets: Vec<Budget>,
    /// What currencies are worth.
    pub exchange: Option<Exchange>,
    /// Services of one provider that have series of their own.
    pub top_services: usize,
    /// How long what a provider said is shown when it says nothing new.
    pub max_age: Duration,
    /// What an unusual day costs too much, at least, by currency.
    pub anomaly_floor: Floors,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            providers: Vec::new(),
            budgets: Vec::new(),
            exchange: None,
            top_services: USUAL_SERVICES,
            max_age: USUAL_MAX_AGE,
            anomaly_floor: Floors::new(),
        }
    }
}

impl Config {
    /// Parses the file; without one, nobody is asked.
    ///
    /// # Errors
    /// Every problem there is.
    pub fn parse(document: Option<&Document>) -> Result<Self, ConfigError> {
        document
            .map_or_else(|| Ok(Self::default()), |document| document.decode(|mut fields| decode(&mut fields)))
    }
}

fn decode(fields: &mut Fields<'_>) -> Config {
    let usual = Config::default();
    let mut names = HashSet::new();
    let providers: Vec<Provider> = fields.list("providers", |item| {
        let provider = Provider::decode(&item)?;
        if !names.insert(provider.name.clone()) {
            item.problem(format!("there is another provider `{}`", provider.name));
        }
        Some(provider)
    });
    if providers.len() > MAX_PROVIDERS {
        fields.problem("providers", format!("expected at most {MAX_PROVIDERS} providers"));
    }
    let mut names = HashSet::new();
    let budgets = fields.list("budgets", |item| {
        let budget = Budget::decode(&item)?;
        if !names.insert(budget.name.clone()) {
            item.problem(format!("there is another budget `{}`", budget.name));
        }
        Some(budget)
    });
    let exchange = fields.fields("exchange").and_then(|mut fields| Exchange::decode(&mut fields));
    let mut anomaly_floor = Floors::new();
    for (currency, floor) in fields.string_map("anomaly_floor") {
        match Money::parse(&floor).ok().filter(|floor| *floor >= Money::ZERO) {
            Some(floor) => {
                anomaly_floor.insert(currency.to_ascii_uppercase().into(), floor);
            }
            None => fields.problem("anomaly_floor", format!("`{currency}`: expected an amount such as 10")),
        }
    }
    let most = i64::try_from(MAX_PAIRS).unwrap_or(i64::MAX);
    let top_services = fields.integer("top_services", 1..=most).and_then(|top| usize::try_from(top).ok());
    Config {
        providers,
        budgets,
        exchange,
        top_services: top_services.unwrap_or(usual.top_services),
        max_age: fields.duration("max_age").unwrap_or(usual.max_age),
        anomaly_floor,
    }
}
