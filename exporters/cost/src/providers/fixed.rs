//! Prices that are known ahead: domains, seats, a rented server. Nobody is asked.
//!
//! An item without `due` counts with its monthly share on the first day of each month (twelve shares make the year to
//! the last digit); one with `due` counts whole on the days on which it is paid.

use std::sync::Arc;
use std::time::Duration;

use toolkit::config::{Fields, Item};

use super::{Bill, currency};
use crate::calendar::{Calendar, Day, Period, days_between};
use crate::charge::{Category, Charge, Snapshot, Source};
use crate::http::{FetchError, Http};
use crate::money::Money;
use crate::window::Window;

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    items: Vec<Price>,
}

/// A price.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Price {
    account: Arc<str>,
    service: Arc<str>,
    category: Category,
    amount: Money,
    currency: Arc<str>,
    every: Every,
    /// A day on which it is paid.
    due: Option<Day>,
    /// When it began and when it ended, the last day not included.
    from: Option<Day>,
    until: Option<Day>,
}

/// How often it is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Every {
    Days(i32),
    Months(u8),
}

const PERIODS: &[(&str, Every)] = &[
    ("month", Every::Months(1)),
    ("quarter", Every::Months(3)),
    ("year", Every::Months(12)),
    ("week", Every::Days(7)),
    ("day", Every::Days(1)),
];

/// Where weeks begin that name no day.
const A_MONDAY: Day = Day::constant(2024, 1, 1);

impl Bill for Fixed {
    const TYPE: &'static str = "fixed";
    const SOURCE: Source = Source::Reported;
    const INTERVAL: Duration = Duration::from_hours(1);
    const SETTLES_AFTER: Duration = Duration::ZERO;
    const NEEDS: &'static str = "nothing: the prices stand in the configuration";

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        fields.ignore("base_url");
        fields.require("items");
        Some(Self { items: fields.list("items", |item| Price::decode(&item)) })
    }

    async fn fetch(&self, _: &Http, window: &Window) -> Result<Snapshot, FetchError> {
        let days = window.days();
        let charges = self.items.iter().flat_map(|price| price.charges(days)).collect();
        let data_until = Some(window.now.as_second());
        Ok(Snapshot { charges, data_until, ..Snapshot::of(Source::Reported, window) })
    }
}

impl Price {
    fn decode(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let service = fields.required_string("service");
        fields.require("amount");
        let amount = fields.parsed("amount", Money::parse);
        let every = fields.choice("period", PERIODS).unwrap_or(Every::Months(1));
        let day = |text: &str| text.parse::<Day>().map_err(|_invalid| "expected a day such as 2026-01-31");
        let (due, from, until) =
            (fields.parsed("due", day), fields.parsed("from", day), fields.parsed("until", day));
        let currency = currency(&mut fields, "currency");
        let category = fields.choice("category", &Category::ALL).unwrap_or(Category::Purchase);
        let account = fields.string("account").unwrap_or_default().into();
        let (amount, currency) = (amount?, currency?);
        Some(Self { account, service: service.into(), category, amount, currency, every, due, from, until })
    }

    fn charges(&self, days: Period) -> Vec<Charge> {
        let wanted = Period {
            start: self.from.map_or(days.start, |from| from.max(days.start)),
            end: self.until.map_or(days.end, |until| until.min(days.end)),
        };
        let paid = wanted.iter().filter_map(|day| Some((day, self.on(day)?)));
        paid.map(|(day, amount)| Charge {
            account: Arc::clone(&self.account),
            service: Arc::clone(&self.service),
            category: self.category,
            day,
            currency: Arc::clone(&self.currency),
            amount,
        })
        .collect()
    }

    /// What it costs on a day.
    fn on(&self, day: Day) -> Option<Money> {
        match (self.every, self.due) {
            (Every::Days(days), due) => {
                let since = days_between(due.unwrap_or(A_MONDAY), day);
                (since.rem_euclid(days) == 0).then_some(self.amount)
            }
            (Every::Months(months), None) => {
                (day.day() == 1).then(|| share(self.amount, day.month(), months))
            }
            (Every::Months(months), Some(due)) => {
                let starts = Calendar::Anchor(due.day()).period_of(day).start == day;
                (starts && (month_number(day) - month_number(due)).rem_euclid(i32::from(months)) == 0)
                    .then_some(self.amount)
            }
        }
    }
}

/// The share of a calendar month; the shares of a whole turn make the amount exactly.
fn share(amount: Money, month: i8, months: u8) -> Money {
    let place = u64::from(month.unsigned_abs().saturating_sub(1) % months);
    amount.ratio(place + 1, u64::from(months)) - amount.ratio(place, u64::from(months))
}

fn month_number(day: Day) -> i32 {
    i32::from(day.year()) * 12 + i32::from(day.month())
}

#[cfg(test)]
mod tests {
    use toolkit::config::Document;

    use super::*;

    /// Days and amounts of an item from 2025 to 2026.
    fn charges(item: &str) -> Vec<String> {
        let document = Document::parse("c.yml", &format!("items: [{{service: s, {item}}}]")).unwrap();
        let fixed = document.decode(|mut fields| Fixed::decode(&mut fields)).unwrap().unwrap();
        let days = Period { start: Day::constant(2025, 1, 1), end: Day::constant(2027, 1, 1) };
        let charges = fixed.items.iter().flat_map(|price| price.charges(days));
        charges.map(|charge| format!("{} {}", charge.day, charge.amount)).collect()
    }

    #[test]
    fn shares_of_months_make_the_whole_exactly() {
        for (item, months) in [("amount: '10', period: year", 24), ("amount: '0.01', period: quarter", 24)] {
            let found = charges(item);
            assert_eq!(found.len(), months);
            let amounts = found.iter().map(|line| Money::parse(line.split_once(' ').unwrap().1).unwrap());
            let expected =
                if item.contains("year") { Money::units(20) } else { Money::units(8).ratio(1, 100) };
            assert_eq!(amounts.sum::<Money>(), expected);
        }
        assert_eq!(charges("amount: 5, from: 2026-11-02"), ["2026-12-01 5"]);
    }

    #[test]
    fn what_is_due_on_a_day_is_whole_on_it() {
        let check = |item: &str, expected: &[&str]| assert_eq!(charges(item), expected, "{item}");
        check("amount: 12, period: year, due: 2024-02-29", &["2025-02-28 12", "2026-02-28 12"]);
        check(
            "amount: 9, period: quarter, due: 2026-08-31, from: 2026-02-01",
            &["2026-02-28 9", "2026-05-31 9", "2026-08-31 9", "2026-11-30 9"],
        );
        check(
            "amount: 1, period: week, due: 2026-12-31, from: 2026-12-20",
            &["2026-12-24 1", "2026-12-31 1"],
        );
        check("amount: 1, period: day, until: 2025-01-03", &["2025-01-01 1", "2025-01-02 1"]);
    }
}
