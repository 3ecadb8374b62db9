//! Charges as they are summed while a provider is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::calendar::{Day, Period};
use crate::charge::{Category, Charge};
use crate::money::Money;
use crate::shown::OTHER;

/// Day, account, service, kind, currency.
type Key = (Day, Arc<str>, Arc<str>, Category, Arc<str>);

/// Sums of charges by key: a provider that sends a row for each resource and hour leaves a few of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    sums: BTreeMap<Key, Money>,
}

impl Tally {
    /// Adds a charge to those of the same key.
    pub(crate) fn add(&mut self, charge: Charge) {
        let Charge { account, service, category, day, currency, amount } = charge;
        *self.sums.entry((day, account, service, category, currency)).or_default() += amount;
    }

    /// What a period has so far in a currency.
    pub(crate) fn total(&self, period: Period, currency: &str) -> Money {
        let counted =
            self.sums.iter().filter(|((day, .., of), _)| period.contains(*day) && **of == *currency);
        counted.map(|(_, amount)| amount).sum()
    }

    /// Makes a period come to what the provider itself names as its total: what its daily figures lack, or have too
    /// much, is an adjustment of this day that belongs to no service.
    pub(crate) fn reconcile(&mut self, period: Period, currency: &Arc<str>, total: Money, day: Day) {
        self.add(Charge {
            account: Arc::default(),
            service: OTHER.into(),
            category: Category::Adjustment,
            day,
            currency: Arc::clone(currency),
            amount: total - self.total(period, currency),
        });
    }

    /// All sums that are not nothing.
    pub(crate) fn into_charges(self) -> Vec<Charge> {
        let sums = self.sums.into_iter().filter(|(_, amount)| !amount.is_zero());
        sums.map(|((day, account, service, category, currency), amount)| Charge {
            account,
            service,
            category,
            day,
            currency,
            amount,
        })
        .collect()
    }
}

impl Extend<Charge> for Tally {
    fn extend<I: IntoIterator<Item = Charge>>(&mut self, charges: I) {
        for charge in charges {
            self.add(charge);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charge(day: &str, service: &str, currency: &str, amount: &str) -> Charge {
        Charge {
            account: Arc::default(),
            service: service.into(),
            category: Category::Usage,
            day: day.parse().unwrap(),
            currency: currency.into(),
            amount: Money::parse(amount).unwrap(),
        }
    }

    #[test]
    fn sums_and_what_the_provider_says_beside_them() {
        let mut tally = Tally::default();
        tally.extend([
            charge("2026-03-01", "a", "USD", "0.1"),
            charge("2026-03-01", "a", "USD", "0.2"),
            charge("2026-03-01", "b", "USD", "1"),
            charge("2026-03-01", "b", "USD", "-1"),
            charge("2026-03-02", "a", "EUR", "7"),
            charge("2026-04-01", "a", "USD", "100"),
        ]);
        let march = Period { start: "2026-03-01".parse().unwrap(), end: "2026-04-01".parse().unwrap() };
        let last = "2026-03-31".parse().unwrap();
        tally.reconcile(march, &"USD".into(), Money::parse("0.25").unwrap(), last);
        tally.reconcile(march, &"EUR".into(), Money::units(7), last);
        assert_eq!(tally.total(march, "USD").to_string(), "0.25");
        let charges = tally.into_charges();
        let shown: Vec<_> = charges
            .iter()
            .map(|charge| format!("{} {} {} {}", charge.day, charge.service, charge.currency, charge.amount))
            .collect();
        assert_eq!(
            shown,
            [
                "2026-03-01 a USD 0.3",
                "2026-03-02 a EUR 7",
                "2026-03-31 __other__ USD -0.05",
                "2026-04-01 a USD 100"
            ]
        );
        assert!(charges.iter().any(|charge| charge.category == Category::Adjustment));
    }
}
