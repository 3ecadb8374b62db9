//! Price lists: dated data in `prices/`, which a file of the operator's may replace line by line.

use std::collections::HashMap;
use std::sync::Arc;

use toolkit::config::{ConfigError, Document, Fields, Item};

use crate::calendar::Day;
use crate::money::Money;
use crate::providers::currency;

/// Hours of a month as people reckon: for what something comes to in "a month".
const HOURS_OF_A_MONTH: i64 = 730;

/// What something costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rate {
    /// In a billing period, whatever its length; a part of it costs its share.
    Month(Money),
    /// In an hour, and at most so much in a billing period.
    Hour(Money, Option<Money>),
    /// One of it: a seat, a block of gigabytes.
    Each(Money),
}

/// A price list: the one that is built in, and before it what a file of the operator's says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prices {
    /// The currency of all prices.
    pub(crate) currency: Arc<str>,
    /// The day on which the newest of them were looked up.
    pub(crate) as_of: Day,
    built_in: HashMap<String, Rate>,
    own: HashMap<String, Rate>,
}

/// A file of prices.
struct Sheet {
    as_of: Day,
    currency: Arc<str>,
    prices: HashMap<String, Rate>,
}

impl Rate {
    /// Nothing.
    pub(crate) const FREE: Self = Self::Hour(Money::ZERO, None);

    /// The price of so many.
    pub(crate) fn times(self, count: u64) -> Self {
        self.scaled(Money::units(i64::try_from(count).unwrap_or(i64::MAX)))
    }

    /// This times a plain number.
    pub(crate) fn scaled(self, number: Money) -> Self {
        match self {
            Self::Month(amount) => Self::Month(amount.times(number)),
            Self::Hour(amount, most) => Self::Hour(amount.times(number), most.map(|most| most.times(number))),
            Self::Each(amount) => Self::Each(amount.times(number)),
        }
    }

    /// What it comes to in a month.
    pub(crate) fn monthly(self) -> Money {
        match self {
            Self::Month(amount) | Self::Each(amount) => amount,
            Self::Hour(amount, most) => {
                let month = amount.times(Money::units(HOURS_OF_A_MONTH));
                most.map_or(month, |most| most.min(month))
            }
        }
    }

    fn decode(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let [month, hour, each, at_most] =
            ["month", "hour", "each", "at_most"].map(|key| fields.parsed(key, amount));
        match (month, hour, each, at_most) {
            (Some(month), None, None, None) => Some(Self::Month(month)),
            (None, Some(hour), None, at_most) => Some(Self::Hour(hour, at_most)),
            (None, None, Some(each), None) => Some(Self::Each(each)),
            _ => {
                let message = "expected one of `month`, `hour` (perhaps with `at_most`) and `each`";
                fields.problem_at(fields.position(), message);
                None
            }
        }
    }
}

impl Prices {
    /// The built-in list of this text, and before it the one of the key `prices_file`.
    pub(crate) fn decode(fields: &mut Fields<'_>, name: &str, built_in: &str) -> Option<Self> {
        let file = fields.path("prices_file");
        let built_in = match Sheet::of(&Document::parse(name, built_in)) {
            Ok(sheet) => Some(sheet),
            Err(error) => {
                fields.problem("type", format!("the built-in prices cannot be read: {error}"));
                None
            }
        };
        let own = match file.map(|path| Sheet::of(&Document::read(&path))).transpose() {
            Ok(own) => own,
            Err(error) => {
                fields.problem("prices_file", error);
                return None;
            }
        };
        let built_in = built_in?;
        if own.as_ref().is_some_and(|own| own.currency != built_in.currency) {
            fields.problem("prices_file", format!("its currency must be {}", built_in.currency));
        }
        let as_of = own.as_ref().map_or(built_in.as_of, |own| own.as_of.max(built_in.as_of));
        let own = own.map(|own| own.prices).unwrap_or_default();
        Some(Self { currency: built_in.currency, as_of, built_in: built_in.prices, own })
    }

    /// Whether the operator has prices of their own.
    pub(crate) fn has_own(&self) -> bool {
        !self.own.is_empty()
    }

    /// What a thing costs; none when nobody knows.
    pub(crate) fn rate(&self, name: &str) -> Option<Rate> {
        self.own.get(name).or_else(|| self.built_in.get(name)).copied()
    }

    /// The same where the provider tells a price itself, which only the operator's file knows better.
    pub(crate) fn rate_or(&self, name: &str, live: Option<Rate>) -> Option<Rate> {
        self.own.get(name).copied().or(live).or_else(|| self.rate(name))
    }

    /// The plain number of this name.
    pub(crate) fn number(&self, name: &str) -> Option<Money> {
        match self.rate(name)? {
            Rate::Each(number) => Some(number),
            Rate::Month(_) | Rate::Hour(..) => None,
        }
    }
}

impl Sheet {
    fn of(document: &Result<Document, ConfigError>) -> Result<Self, String> {
        let document = document.as_ref().map_err(ToString::to_string)?;
        let sheet =
            document.decode(|mut fields| Self::decode(&mut fields)).map_err(|error| error.to_string())?;
        sheet.ok_or_else(|| "it holds no prices".to_owned())
    }

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        fields.require("as_of");
        fields.require("prices");
        let as_of = fields.parsed("as_of", |text| {
            text.parse::<Day>().map_err(|_invalid| "expected a day such as 2026-01-31")
        });
        // for people
        fields.ignore("notes");
        let _sources = fields.string_or_list("sources");
        let currency = currency(fields, "currency");
        let prices = fields.map("prices", |name, item| Some((name.to_owned(), Rate::decode(&item)?)));
        Some(Self { as_of: as_of?, currency: currency?, prices: prices.into_iter().collect() })
    }
}

fn amount(text: &str) -> Result<Money, String> {
    let amount = Money::parse(text).map_err(|error| error.to_string())?;
    if amount.is_negative() { Err("a price is not negative".to_owned()) } else { Ok(amount) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT_IN: &str = "{as_of: 2026-01-01, notes: n, sources: s, prices: {a: {month: 7}, b: {hour: 0.006, at_most: 3.79}, c: {each: 55}}}";

    fn decode(settings: &str) -> Result<Prices, String> {
        let document = Document::parse("c.yml", settings).unwrap();
        let prices = document.decode(|mut fields| Prices::decode(&mut fields, "built-in", BUILT_IN));
        prices.map(Option::unwrap).map_err(|error| error.to_string())
    }

    #[test]
    fn the_file_of_the_operator_goes_before_the_provider_and_the_provider_before_the_list() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("prices.yml");
        let settings = format!("prices_file: {}", file.display());
        std::fs::write(&file, "{as_of: 2026-05-01, prices: {a: {month: '5.5'}, d: {each: 1}}}").unwrap();
        let prices = decode(&settings).unwrap();
        let month = |text: &str| Some(Rate::Month(Money::parse(text).unwrap()));
        assert_eq!((prices.rate("a"), prices.rate("e")), (month("5.5"), None));
        assert_eq!(prices.rate_or("a", month("6")), month("5.5"));
        assert_eq!(prices.rate_or("b", month("6")), month("6"));
        assert_eq!(prices.rate("b").unwrap().monthly().to_string(), "3.79");
        assert_eq!(prices.rate("b").unwrap().times(2).monthly().to_string(), "7.58");
        assert_eq!((prices.number("d"), prices.number("a")), (Some(Money::units(1)), None));
        assert_eq!(prices.as_of.to_string(), "2026-05-01");
        for (text, expected) in [
            ("{as_of: 2026-05-01, currency: EUR, prices: {}}", "its currency must be USD"),
            ("{prices: {a: {month: 1}}}", "as_of"),
            ("{as_of: 2026-05-01, prices: {a: {month: 1, hour: 1}}}", "expected one of"),
            ("{as_of: 2026-05-01, prices: {a: {month: -1}}}", "not negative"),
            ("{as_of: 2026-05-01, prices: {}, what: 1}", "what"),
        ] {
            std::fs::write(&file, text).unwrap();
            let error = decode(&settings).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(decode("prices_file: /nowhere/prices.yml").unwrap_err().contains("cannot be read"));
    }
}
