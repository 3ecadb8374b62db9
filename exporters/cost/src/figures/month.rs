//! What this period has cost so far, what the one before did, and the last settled day.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Book;
use crate::calendar::Period;
use crate::charge::Category;
use crate::money::Money;
use crate::store::Line;

/// What one service cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceMonth {
    /// The account.
    pub account: Arc<str>,
    /// The service.
    pub service: Arc<str>,
    /// The currency.
    pub currency: Arc<str>,
    /// The running period so far.
    pub to_date: Money,
    /// The whole previous period.
    pub previous: Money,
    /// The previous period up to the same day.
    pub previous_to_same_day: Money,
    /// The last settled day; none while there is none.
    pub last_day: Option<Money>,
}

/// What one kind of charge amounts to in the running period so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CategoryMonth {
    /// The account.
    pub account: Arc<str>,
    /// The kind.
    pub category: Category,
    /// The currency.
    pub currency: Arc<str>,
    /// The running period so far.
    pub to_date: Money,
}

/// Tokens of one model and kind in the running period so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenMonth {
    /// The model.
    pub model: Arc<str>,
    /// The kind.
    pub kind: Arc<str>,
    /// How many.
    pub count: u64,
}

/// Account, service, currency.
type Labels<'a> = (&'a Arc<str>, &'a Arc<str>, &'a Arc<str>);

/// What a line has on some days.
pub fn sum(line: &Line, days: Period) -> Money {
    line.days.iter().filter(|(day, _)| days.contains(*day)).map(|(_, amount)| amount).sum()
}

/// What each service cost that had a charge in this period or the one before.
pub fn by_service(book: &Book) -> Vec<ServiceMonth> {
    let shown = Period { start: book.previous.start, end: book.period.end };
    let same_days = book.previous_to_same_day();
    let last = book.last_settled().map(|day| Period::of_days(day, 1));
    let mut services = BTreeMap::<Labels<'_>, ServiceMonth>::new();
    for line in book.counted().filter(|line| has_day(line, shown)) {
        let entry = services.entry((&line.account, &line.service, &line.currency));
        let month = entry.or_insert_with(|| ServiceMonth {
            account: Arc::clone(&line.account),
            service: Arc::clone(&line.service),
            currency: Arc::clone(&line.currency),
            to_date: Money::ZERO,
            previous: Money::ZERO,
            previous_to_same_day: Money::ZERO,
            last_day: last.map(|_| Money::ZERO),
        });
        month.to_date += sum(line, book.period);
        month.previous += sum(line, book.previous);
        month.previous_to_same_day += sum(line, same_days);
        month.last_day = last.map(|last| month.last_day.unwrap_or_default() + sum(line, last));
    }
    services.into_values().collect()
}

/// What each kind of charge amounts to, taxes too.
pub fn by_category(book: &Book) -> Vec<CategoryMonth> {
    let shown = Period { start: book.previous.start, end: book.period.end };
    let mut categories: BTreeMap<(&Arc<str>, Category, &Arc<str>), Money> = BTreeMap::new();
    for line in book.lines().iter().filter(|line| has_day(line, shown)) {
        let key = (&line.account, line.category, &line.currency);
        *categories.entry(key).or_default() += sum(line, book.period);
    }
    categories
        .into_iter()
        .map(|((account, category, currency), to_date)| CategoryMonth {
            account: Arc::clone(account),
            category,
            currency: Arc::clone(currency),
            to_date,
        })
        .collect()
}

/// The tokens of each model and kind.
pub fn by_model(book: &Book) -> Vec<TokenMonth> {
    let mut models: BTreeMap<(&Arc<str>, &Arc<str>), u64> = BTreeMap::new();
    for line in &book.entries.tokens {
        let shown = line.days.iter().filter(|(day, _)| book.period.contains(*day));
        let count = models.entry((&line.model, &line.kind)).or_default();
        *count = shown.fold(*count, |count, (_, more)| count.saturating_add(*more));
    }
    models
        .into_iter()
        .map(|((model, kind), count)| TokenMonth { model: Arc::clone(model), kind: Arc::clone(kind), count })
        .collect()
}

fn has_day(line: &Line, days: Period) -> bool {
    line.days.iter().any(|(day, _)| days.contains(*day))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use toolkit::config::Document;

    use super::*;
    use crate::calendar::{Calendar, Day, Period};
    use crate::charge::Source;
    use crate::config::Config;
    use crate::figures::Entries;
    use crate::store::{ReadDays, TokenLine, Told};

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    /// A provider that has said these charges: day, `category/service`, amount.
    fn book(now: &str, calendar: Calendar, charges: &[(&str, &str, &str)], more: &str) -> Book {
        let text = format!("providers: [{{name: p, type: fixed, items: [], settles_after: 6h{more}}}]");
        let document = Document::parse("c.yml", &text).unwrap();
        let provider = Config::parse(Some(&document)).unwrap().providers.remove(0);
        let line = |(text, service, amount): &(&str, &str, &str)| {
            let (category, service) = service.split_once('/').unwrap();
            Line {
                account: "".into(),
                service: service.into(),
                category: Category::from_word(category).unwrap(),
                currency: "USD".into(),
                days: vec![(day(text), Money::parse(amount).unwrap())],
            }
        };
        let now: Timestamp = now.parse().unwrap();
        let told = Told {
            source: Source::Reported,
            calendar,
            period: calendar.period_of(calendar.day_of(now)),
            quotas: Vec::new(),
            balances: Vec::new(),
            forecast: Vec::new(),
            findings: Vec::new(),
            unpriced: 0,
            data_until: None,
            prices_as_of: None,
        };
        let read = ReadDays { first: None, settled: Some(day("2026-03-09")) };
        let tokens = |kind: &str, days: &[(&str, u64)]| TokenLine {
            model: "m".into(),
            kind: kind.into(),
            days: days.iter().map(|(text, count)| (day(text), *count)).collect(),
        };
        let tokens = vec![tokens("input", &[("2026-02-28", 7), ("2026-03-01", 5), ("2026-03-10", 1)])];
        let lines = charges.iter().map(line).collect();
        let entries = Entries::new(told, read, lines, tokens);
        Book::new(provider.into(), entries.into(), now)
    }

    /// `service to_date previous same_day last_day`
    fn months(book: &Book) -> Vec<String> {
        let line = |month: ServiceMonth| {
            let ServiceMonth { service, to_date, previous, previous_to_same_day: same, last_day, .. } = month;
            format!("{service} {to_date} {previous} {same} {}", last_day.unwrap())
        };
        by_service(book).into_iter().map(line).collect()
    }

    const CHARGES: [(&str, &str, &str); 9] = [
        ("2026-01-31", "usage/old", "9"),
        ("2026-02-10", "usage/a", "1"),
        ("2026-02-11", "usage/a", "2"),
        ("2026-03-01", "usage/a", "0.1"),
        ("2026-03-09", "usage/a", "0.2"),
        ("2026-03-09", "credit/a", "-0.5"),
        ("2026-03-09", "tax/a", "0.05"),
        ("2026-03-10", "usage/a", "4"),
        ("2026-02-28", "purchase/gone", "3"),
    ];

    #[test]
    fn this_month_and_the_one_before() {
        let plain = book("2026-03-10T12:00:00Z", Calendar::Utc, &CHARGES, "");
        assert_eq!(months(&plain), ["a 3.8 3 1 -0.3", "gone 0 3 0 0"]);
        let taxed = book("2026-03-10T12:00:00Z", Calendar::Utc, &CHARGES, ", include_tax: true");
        assert_eq!(months(&taxed), ["a 3.85 3 1 -0.25", "gone 0 3 0 0"]);
        let categories: Vec<String> = by_category(&plain)
            .iter()
            .map(|month| format!("{} {}", month.category.as_str(), month.to_date))
            .collect();
        assert_eq!(categories, ["usage 4.3", "purchase 0", "credit -0.5", "tax 0.05"]);
        assert_eq!(by_model(&plain).iter().map(|month| month.count).collect::<Vec<_>>(), [6]);
    }

    #[test]
    fn periods_of_other_calendars() {
        let anchored = book("2026-03-10T12:00:00Z", Calendar::Anchor(11), &CHARGES, "");
        assert_eq!(anchored.period, Period { start: day("2026-02-11"), end: day("2026-03-11") });
        // the one before has 31 days, this one 28: its 28th day is the tenth of March and of February the seventh
        assert_eq!(months(&anchored), ["a 5.8 1 0 -0.3", "gone 3 0 0 0", "old 0 9 9 0"]);
        // two hours into a Pacific March, the store has nothing of it: February still stands
        let charges = &CHARGES[..3];
        let pacific = book("2026-03-01T10:00:00Z", Calendar::Pacific, charges, "");
        assert_eq!((pacific.period.start, pacific.today), (day("2026-02-01"), day("2026-03-01")));
        assert_eq!(months(&pacific), ["a 3 0 0 0", "old 0 9 0 0"]);
        // six hours later it is March
        let later = book("2026-03-01T14:00:00Z", Calendar::Pacific, charges, "");
        assert_eq!(months(&later), ["a 0 3 0 0"]);
    }

    #[test]
    fn the_page_changes_when_a_day_begins() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let noon = book("2026-03-10T12:00:00Z", Calendar::Utc, &CHARGES, "");
        assert_eq!(noon.next_change(), at("2026-03-11T00:00:00Z"));
        // April has begun and is not shown yet
        let april = book("2026-04-01T01:00:00Z", Calendar::Utc, &CHARGES, "");
        assert_eq!(
            (april.period.start, april.next_change()),
            (day("2026-03-01"), at("2026-04-01T06:00:00Z"))
        );
    }
}
