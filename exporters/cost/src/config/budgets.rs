//! What may be spent, and on what.

use std::sync::Arc;

use toolkit::config::{Fields, Item};

use crate::charge::Category;
use crate::money::Money;
use crate::providers::currency;

/// What may be spent in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Its name: the label `budget`.
    pub name: Arc<str>,
    /// How much.
    pub limit: Money,
    /// In which currency; amounts in others count where the configuration has a rate for them.
    pub currency: Arc<str>,
    /// In which time.
    pub period: BudgetPeriod,
    /// What counts.
    pub matches: Match,
}

/// The time of a budget, in calendar months of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetPeriod {
    /// A month.
    Month,
    /// Three months, from January on.
    Quarter,
    /// A year.
    Year,
}

/// What counts: every list that is not empty must name the label's value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// Names of providers, or their types.
    pub provider: Vec<String>,
    /// Accounts.
    pub account: Vec<String>,
    /// Services.
    pub service: Vec<String>,
    /// Kinds of charges.
    pub category: Vec<Category>,
}

impl BudgetPeriod {
    const WORDS: [(&'static str, Self); 3] =
        [("month", Self::Month), ("quarter", Self::Quarter), ("year", Self::Year)];
}

impl Budget {
    pub(super) fn decode(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let name = fields.required_string("name");
        fields.require("limit");
        let limit = fields.parsed("limit", |text| match Money::parse(text) {
            Ok(limit) if limit > Money::ZERO => Ok(limit),
            Ok(_) => Err("expected more than nothing".to_owned()),
            Err(error) => Err(error.to_string()),
        });
        let period = fields.choice("period", &BudgetPeriod::WORDS).unwrap_or(BudgetPeriod::Month);
        let currency = currency(&mut fields, "currency");
        let matches = fields.fields("match").map(|mut fields| Match::decode(&mut fields)).unwrap_or_default();
        Some(Self { name: name.into(), limit: limit?, currency: currency?, period, matches })
    }
}

impl Match {
    fn decode(fields: &mut Fields<'_>) -> Self {
        Self {
            provider: fields.string_or_list("provider"),
            account: fields.string_or_list("account"),
            service: fields.string_or_list("service"),
            category: fields.list("category", |item| item.choice(&Category::ALL)),
        }
    }
}
