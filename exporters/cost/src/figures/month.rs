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
