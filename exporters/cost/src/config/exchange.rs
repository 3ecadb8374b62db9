//! What currencies are worth, as the operator says: nothing is looked up, and no amount is ever replaced.

use std::sync::Arc;

use toolkit::config::Fields;

use crate::calendar::Day;
use crate::money::Money;
use crate::providers::currency;

/// Rates into one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The currency that is converted to.
    pub to: Arc<str>,
    /// What others are worth in it.
    pub rates: Vec<Rate>,
}

/// What one unit of a currency is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The currency.
    pub from: Arc<str>,
    /// What one unit of it is worth.
    pub rate: Money,
    /// The day of the rate.
    pub date: Option<Day>,
}

impl Exchange {
    pub(super) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        fields.require("to");
        let to = currency(fields, "to");
        let rates = fields.list("rates", |item| {
            let mut fields = item.fields()?;
            fields.require("from");
            fields.require("rate");
            let from = currency(&mut fields, "from");
            let rate = fields.parsed("rate", |text| match Money::parse(text) {
                Ok(rate) if rate > Money::ZERO => Ok(rate),
                Ok(_) => Err("expected more than nothing".to_owned()),
                Err(error) => Err(error.to_string()),
            });
            let day =
                |text: &str| text.parse::<Day>().map_err(|_invalid| "expected a day such as 2026-01-31");
            let date = fields.parsed("date", day);
            Some(Rate { from: from?, rate: rate?, date })
        });
        Some(Self { to: to?, rates })
    }

    /// What an amount is worth, if that can be told.
    pub fn convert(&self, amount: Money, currency: &str) -> Option<Money> {
        if *currency == *self.to {
            return Some(amount);
        }
        let rate = self.rates.iter().find(|rate| &*rate.from == currency)?;
        Some(amount.times(rate.rate))
    }
}
