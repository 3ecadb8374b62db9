//! What the running period will have cost, with a band, and how good such forecasts were.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Book;
use super::course::{EIGHTY_PERCENT, Outlook, courses};
use crate::calendar::{Day, Period, day_before};
use crate::charge::Category;
use crate::money::Money;
use crate::store::{Line, MadeForecast};

/// The days of a period on which forecasts are kept, to be held against what comes.
pub const HORIZONS: [u8; 4] = [5, 10, 15, 20];

/// What a period will have cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// The account.
    pub account: Arc<str>,
    /// The currency.
    pub currency: Arc<str>,
    /// What is expected.
    pub amount: Money,
    /// Nine of ten times it is more.
    pub lower: Money,
    /// Nine of ten times it is less.
    pub upper: Money,
}

/// How far a kept forecast was from what came.
#[derive(Clone, Debug, PartialEq)]
pub struct Realised {
    /// The account.
    pub account: Arc<str>,
    /// The currency.
    pub currency: Arc<str>,
    /// On which day of the period it was made.
    pub horizon: u8,
    /// What was expected.
    pub expected: Money,
    /// What came.
    pub actual: Money,
}

impl Realised {
    /// How much too high it was, as a share of what came; none where nothing came.
    pub fn error_ratio(&self) -> Option<f64> {
        (self.expected - self.actual).share_of(self.actual)
    }
}

/// Whether a line counts in totals.
pub(super) fn counts(book: &Book) -> impl Fn(&Line) -> bool {
    let include_tax = book.provider.include_tax;
    move |line| include_tax || line.category != Category::Tax
}

/// The forecast of the running period, of each account and currency.
pub fn forecasts(book: &Book) -> Vec<Forecast> {
    over(book, book.period)
}

/// What some days will have cost, of each account and currency. Nothing where too little is known.
pub fn over(book: &Book, days: Period) -> Vec<Forecast> {
    let forecast = |((account, currency), outlook): (_, Outlook)| {
        let (lower, upper) = band(outlook);
        Forecast { account, currency, amount: outlook.sum(), lower, upper }
    };
    outlooks(book, days).into_iter().map(forecast).collect()
}

/// Accounts and currencies, and what they will have cost.
type Outlooks = BTreeMap<(Arc<str>, Arc<str>), Outlook>;

/// What is known and expected of some days, of each account and currency.
pub(crate) fn outlooks(book: &Book, days: Period) -> Outlooks {
    let mut sums = Outlooks::new();
    for course in courses(book, counts(book)) {
        let sum = sums.entry((Arc::clone(&course.account), Arc::clone(&course.currency))).or_default();
        *sum = sum.and(course.over(days));
    }
    sums
}

/// The band in which it is four of five times.
pub fn band(outlook: Outlook) -> (Money, Money) {
    let reach = EIGHTY_PERCENT * outlook.variance.sqrt();
    let lower = outlook.known + Money::estimate(outlook.expected - reach);
    // what is spent is spent
    let lower = if outlook.expected >= 0.0 { lower.max(outlook.known) } else { lower };
    (lower, outlook.known + Money::estimate(outlook.expected + reach))
}

/// The forecasts that are to be kept now: on some days of the period.
pub fn to_keep(book: &Book) -> Vec<MadeForecast> {
    let Some(horizon) = horizon(book) else { return Vec::new() };
    let made = |forecast: Forecast| MadeForecast {
        account: forecast.account,
        currency: forecast.currency,
        period: book.period.start,
        horizon,
        amount: forecast.amount,
    };
    forecasts(book).into_iter().map(made).collect()
}

fn horizon(book: &Book) -> Option<u8> {
    let day = u8::try_from(book.period.elapsed(book.today) + 1).ok()?;
    (book.period.contains(book.today) && HORIZONS.contains(&day)).then_some(day)
}

/// How good the forecasts of the last closed period were.
pub fn realised(book: &Book, made: &[MadeForecast]) -> Vec<Realised> {
    let before = book.calendar().previous(book.previous);
    let closed = [book.previous, before].into_iter().find(|period| is_closed(book, *period));
    closed.map(|period| realised_in(book, made, period)).unwrap_or_default()
}

/// How good the forecasts of a closed period were.
pub fn realised_in(book: &Book, made: &[MadeForecast], period: Period) -> Vec<Realised> {
    let of_period = made.iter().filter(|made| made.period == period.start);
    let held = |made: &MadeForecast| Realised {
        account: Arc::clone(&made.account),
        currency: Arc::clone(&made.currency),
        horizon: made.horizon,
        expected: made.amount,
        actual: total(book, &made.account, &made.currency, period),
    };
    of_period.map(held).collect()
}

/// Whether all days of a period are known and settled.
pub fn is_closed(book: &Book, period: Period) -> bool {
    let last: Day = day_before(period.end);
    let first = book.entries.read.first;
    book.last_settled().is_some_and(|settled| last <= settled)
        && first.is_some_and(|first| first <= period.start)
}

fn total(book: &Book, account: &str, currency: &str, period: Period) -> Money {
    let lines = book.counted().filter(|line| *line.account == *account && *line.currency == *currency);
    lines.map(|line| super::month::sum(line, period)).sum()
}
