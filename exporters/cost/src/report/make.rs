//! Makes a report from books.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{
    Band, BudgetRow, CreditRow, DayRow, HeldForecast, MOVERS, Recommendation, Report, Row, Total, UnusualDay,
};
use crate::calendar::{Calendar, Day, Period, day_before};
use crate::charge::{self, Category};
use crate::config::Config;
use crate::figures::advice::advice;
use crate::figures::anomaly::{Anomaly, unusual};
use crate::figures::budgets::{Standing, standings};
use crate::figures::forecast::{band, is_closed, outlooks, realised_in};
use crate::figures::{Book, Outlook, month};
use crate::money::Money;
use crate::store::MadeForecast;

/// Services that are named as the cause of an unusual day.
const CAUSES: usize = 3;

/// What a report is made from.
#[derive(Debug)]
pub struct Given<'a> {
    /// Budgets, rates, floors.
    pub config: &'a Config,
    /// The providers that were read.
    pub sources: &'a [Source],
    /// The month.
    pub days: Period,
    /// The time.
    pub now: Timestamp,
}

/// A provider that was read.
#[derive(Debug)]
pub struct Source {
    /// What is known of it, as of the end of the month, or now.
    pub book: Book,
    /// Forecasts that were made.
    pub made: Vec<MadeForecast>,
    /// When it was last read whole.
    pub read_at: Option<Timestamp>,
}

impl Report {
    /// Makes a report.
    pub fn of(given: &Given<'_>) -> Self {
        let days = given.days;
        let is_over = given.now >= Calendar::Utc.start_of(days.end);
        let books: Vec<Book> = given.sources.iter().map(|source| source.book.clone()).collect();
        let services: Vec<Row> = given.sources.iter().flat_map(|source| rows(&source.book, given)).collect();
        let recommendations = books.iter().flat_map(|book| {
            advice(book).into_iter().map(|finding| Recommendation {
                provider: book.provider.name.to_string(),
                kind: finding.kind.replace('_', " "),
                subject: finding.subject,
                monthly: finding.monthly,
                currency: finding.currency.to_string(),
                evidence: finding.evidence,
            })
        });
        let mut recommendations: Vec<Recommendation> = recommendations.collect();
        let totals = totals(&services, &books, days, is_over);
        let (mut providers, mut movers) = (providers(&services), movers(&services));
        // each currency on its own, in the order of the totals
        let place = |row: &Row| totals.iter().position(|total| total.currency == row.currency);
        providers.sort_by_key(place);
        movers.sort_by_key(place);
        recommendations.sort_by(|a, b| a.currency.cmp(&b.currency).then(b.monthly.cmp(&a.monthly)));
        Self {
            month: format!("{:04}-{:02}", days.start.year(), days.start.month()),
            days,
            as_of: Timestamp::from_second(given.now.as_second()).unwrap_or(given.now),
            is_over,
            totals,
            providers,
            movers,
            budgets: budgets(given, &books),
            forecasts: given.sources.iter().flat_map(|source| held(source, days)).collect(),
            anomalies: books.iter().flat_map(|book| unusual_days(book, given)).collect(),
            credits: books.iter().flat_map(|book| credits(book, days)).collect(),
            recommendations,
            notes: notes(given),
            daily: daily(&books, days),
            services,
        }
    }
}

/// The month before by the same day: as many days as this one has had, today included.
fn same_days(given: &Given<'_>, today: Day) -> Period {
    let passed = given.days.elapsed(today).saturating_add(1).min(given.days.days());
    // of a month that is over, the whole month before, also where that is longer
    let before = Calendar::Utc.previous(given.days);
    if passed == given.days.days() { before } else { before.first_days(passed) }
}

/// Account, service, currency.
type Key<'a> = (&'a Arc<str>, &'a Arc<str>, &'a Arc<str>);

/// What each service of a provider cost, in this month or the one before.
fn rows(book: &Book, given: &Given<'_>) -> Vec<Row> {
    let (before, same_days) = (Calendar::Utc.previous(given.days), same_days(given, book.today));
    let mut services: BTreeMap<_, [Money; 3]> = BTreeMap::new();
    for line in book.counted() {
        let key = (&line.account, &line.service, &line.currency);
        let sums = [given.days, same_days, before].map(|days| month::sum(line, days));
        let entry = services.entry(key).or_default();
        *entry = std::array::from_fn(|at| entry[at] + sums[at]);
    }
    let is_something = |(_, sums): &(_, [Money; 3])| sums.iter().any(|sum| !sum.is_zero());
    // what a month that was never read cost is not nothing
    let is_known = book.entries.read.first.is_some_and(|first| first < given.days.start);
    let row = |((account, service, currency), [amount, same_day, previous]): (Key<'_>, [Money; 3])| Row {
        provider: book.provider.name.to_string(),
        account: account.to_string(),
        service: service.to_string(),
        currency: currency.to_string(),
        is_estimated: book.entries.told.source == charge::Source::Estimated,
        amount,
        same_day: is_known.then_some(same_day),
        previous: is_known.then_some(previous),
    };
    services.into_iter().filter(is_something).map(row).collect()
}

/// The sum of what is known.
fn together(one: Option<Money>, other: Option<Money>) -> Option<Money> {
    one.into_iter().chain(other).reduce(|one, other| one + other)
}

fn providers(services: &[Row]) -> Vec<Row> {
    let mut providers: Vec<Row> = Vec::new();
    for row in services {
        let same =
            providers.iter_mut().find(|one| one.provider == row.provider && one.currency == row.currency);
        match same {
            Some(one) => {
                one.amount += row.amount;
                one.same_day = together(one.same_day, row.same_day);
                one.previous = together(one.previous, row.previous);
            }
            None => providers.push(Row { account: String::new(), service: String::new(), ..row.clone() }),
        }
    }
    providers.sort_by_key(|row| std::cmp::Reverse(row.amount));
    providers
}

/// The services that changed most; of each currency, for a dollar and a yen cannot be compared.
fn movers(services: &[Row]) -> Vec<Row> {
    let change = |row: &Row| row.same_day.map(|before| (row.amount - before).abs()).unwrap_or_default();
    let mut changed: Vec<Row> =
        services.iter().filter(|row| !change(row).rounded(2).is_zero()).cloned().collect();
    changed.sort_by_key(|row| std::cmp::Reverse(change(row)));
    let mut named: BTreeMap<String, usize> = BTreeMap::new();
    changed.retain(|row| {
        let count = named.entry(row.currency.clone()).or_default();
        *count += 1;
        *count <= MOVERS
    });
    changed
}

fn totals(services: &[Row], books: &[Book], days: Period, is_over: bool) -> Vec<Total> {
    let currencies: BTreeSet<&String> = services.iter().map(|row| &row.currency).collect();
    let total = |currency: &String| {
        let rows = || services.iter().filter(|row| row.currency == *currency);
        let forecast = if is_over { None } else { foretold(books, services, currency, days) };
        Total {
            currency: currency.clone(),
            amount: rows().map(|row| row.amount).sum(),
            estimated: rows().filter(|row| row.is_estimated).map(|row| row.amount).sum(),
            same_day: rows().map(|row| row.same_day).fold(None, together),
            previous: rows().map(|row| row.previous).fold(None, together),
            forecast,
        }
    };
    let mut totals: Vec<Total> = currencies.into_iter().map(total).collect();
    // the currency with the largest number first: there is no better order without rates
    totals.sort_by(|a, b| b.amount.cmp(&a.amount).then(a.currency.cmp(&b.currency)));
    totals
}

/// What the month will have cost in a currency; none when a provider that charges in it cannot be foretold.
fn foretold(books: &[Book], services: &[Row], currency: &str, days: Period) -> Option<Band> {
    let mut sum = Outlook::default();
    for book in books {
        let charges = |row: &&Row| row.currency == currency && *row.provider == *book.provider.name;
        let outlooks = outlooks(book, days);
        let mine: Vec<Outlook> = outlooks
            .into_iter()
            .filter(|((_, one), _)| **one == *currency)
            .map(|(_, outlook)| outlook)
            .collect();
        if mine.is_empty() && services.iter().any(|row| charges(&row)) {
            return None;
        }
        sum = mine.into_iter().fold(sum, Outlook::and);
    }
    let (lower, upper) = band(sum);
    Some(cents(sum.sum(), lower, upper))
}

fn cents(amount: Money, lower: Money, upper: Money) -> Band {
    Band { amount: amount.rounded(2), lower: lower.rounded(2), upper: upper.rounded(2) }
}

fn budgets(given: &Given<'_>, books: &[Book]) -> Vec<BudgetRow> {
    let config = given.config;
    let is_read = |name: &str| books.iter().any(|book| *book.provider.name == *name);
    let unread: Vec<_> = config
        .providers
        .iter()
        .filter(|provider| !is_read(&provider.name))
        .map(|provider| (Arc::clone(&provider.name), provider.kind.facts().type_name))
        .collect();
    // a month that is over is seen from its last moment
    let last = Calendar::Utc.start_of(given.days.end) - jiff::SignedDuration::from_nanos(1);
    let row = |standing: Standing| BudgetRow {
        used: thousandths(standing.used().unwrap_or(0.0)),
        elapsed: thousandths(standing.elapsed),
        forecast: standing.forecast.map(|(amount, lower, upper)| cents(amount, lower, upper)),
        exhausted: standing.exhausted.map(|moment| Calendar::Utc.day_of(moment)),
        name: standing.name.to_string(),
        currency: standing.currency.to_string(),
        days: standing.days,
        limit: standing.limit,
        spent: standing.spent,
        is_complete: standing.is_complete,
    };
    let standings = standings(books, &config.budgets, config.exchange.as_ref(), &unread, given.now.min(last));
    standings.into_iter().map(row).collect()
}

/// Few enough digits that no machine's arithmetic shows.
fn thousandths(ratio: f64) -> f64 {
    (ratio * 1e3).round() / 1e3
}

fn held(source: &Source, days: Period) -> Vec<HeldForecast> {
    let book = &source.book;
    let period = Calendar::period_of(book.calendar(), day_before(days.end));
    if !is_closed(book, period) {
        return Vec::new();
    }
    let made = realised_in(book, &source.made, period).into_iter();
    made.map(|held| HeldForecast {
        provider: book.provider.name.to_string(),
        account: held.account.to_string(),
        currency: held.currency.to_string(),
        day: held.horizon,
        expected: held.expected.rounded(2),
        actual: held.actual,
    })
    .collect()
}

fn unusual_days(book: &Book, given: &Given<'_>) -> Vec<UnusualDay> {
    let found = unusual(book, &given.config.anomaly_floor, given.days);
    let causes = |whole: &Anomaly| -> Vec<String> {
        let is_part = |one: &&Anomaly| {
            (one.day, &one.account, &one.currency) == (whole.day, &whole.account, &whole.currency)
        };
        let mut parts: Vec<&Anomaly> =
            found.iter().filter(is_part).filter(|one| one.service.is_some()).collect();
        parts.sort_by(|a, b| b.verdict.excess.total_cmp(&a.verdict.excess));
        parts.into_iter().take(CAUSES).filter_map(|part| Some(part.service.as_ref()?.to_string())).collect()
    };
    let row = |anomaly: &Anomaly| UnusualDay {
        day: anomaly.day,
        provider: book.provider.name.to_string(),
        account: anomaly.account.to_string(),
        service: anomaly.service.as_deref().unwrap_or_default().to_owned(),
        currency: anomaly.currency.to_string(),
        cost: anomaly.cost,
        expected: Money::estimate(anomaly.verdict.expected).rounded(2),
        is_new: anomaly.verdict.is_new,
        because_of: if anomaly.service.is_none() { causes(anomaly) } else { Vec::new() },
    };
    found.iter().map(row).collect()
}

fn credits(book: &Book, days: Period) -> Vec<CreditRow> {
    let mut accounts: BTreeMap<_, (Money, Money)> = BTreeMap::new();
    for line in book.lines() {
        let sum = month::sum(line, days);
        let (credits, refunds) = match line.category {
            _ if sum.is_zero() => continue,
            Category::Credit => (sum, Money::ZERO),
            Category::Refund => (Money::ZERO, sum),
            _ => continue,
        };
        let entry = accounts.entry((&line.account, &line.currency)).or_default();
        *entry = (entry.0 + credits, entry.1 + refunds);
    }
    let row = |((account, currency), (credits, refunds)): ((&Arc<str>, &Arc<str>), _)| CreditRow {
        provider: book.provider.name.to_string(),
        account: account.to_string(),
        currency: currency.to_string(),
        credits,
        refunds,
    };
    accounts.into_iter().map(row).collect()
}

fn daily(books: &[Book], days: Period) -> Vec<DayRow> {
    let mut sums: BTreeMap<(&Arc<str>, Day), Money> = BTreeMap::new();
    for line in books.iter().flat_map(Book::counted) {
        for (day, amount) in line.days.iter().filter(|(day, _)| days.contains(*day)) {
            *sums.entry((&line.currency, *day)).or_default() += *amount;
        }
    }
    let settled = books.iter().map(Book::last_settled).min().flatten();
    let row = |((currency, day), amount): ((&Arc<str>, Day), Money)| DayRow {
        day,
        currency: currency.to_string(),
        amount,
        is_settled: settled.is_some_and(|settled| day <= settled),
    };
    sums.into_iter().map(row).collect()
}

fn notes(given: &Given<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    for provider in &given.config.providers {
        let name = &provider.name;
        let Some(source) = given.sources.iter().find(|source| source.book.provider.name == *name) else {
            notes.push(format!("{name} was never read: it is missing in all amounts."));
            continue;
        };
        let book = &source.book;
        let wanted = day_before(given.days.end).min(day_before(book.today));
        match book.last_settled() {
            Some(settled) if settled >= wanted => {}
            Some(settled) => notes.push(format!("Of {name}, days after {settled} may still change.")),
            None => notes.push(format!("Of {name}, all days may still change.")),
        }
        if book.entries.read.first.is_none_or(|first| first > given.days.start) {
            let first = book.entries.read.first.map_or_else(|| "any day".to_owned(), |day| day.to_string());
            notes.push(format!("Of {name}, nothing is known before {first}."));
        }
        let late = provider.interval.saturating_mul(3);
        // a read that lies ahead (a clock that was set back) is not late
        let since = source
            .read_at
            .map(|moment| Duration::try_from(given.now.duration_since(moment)).unwrap_or_default());
        if let Some((moment, since)) = source.read_at.zip(since)
            && since > late
        {
            let hours = since.as_secs() / 3600;
            let day = Calendar::Utc.day_of(moment);
            notes
                .push(format!("{name} was last read {hours} hours ago ({day}): what came since is missing."));
        }
        if book.entries.told.unpriced > 0 {
            let count = book.entries.told.unpriced;
            notes.push(format!(
                "{name} has {count} things without a known price: they are missing in the amounts."
            ));
        }
    }
    notes
}
