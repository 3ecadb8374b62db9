//! Books for tests, and a generator of days that is the same every time.

use std::sync::Arc;

use jiff::Timestamp;
use toolkit::config::Document;

use super::{Book, Entries};
use crate::calendar::{Calendar, Day, Period};
use crate::charge::{Category, Source};
use crate::config::Config;
use crate::money::Money;
use crate::store::{Line, ReadDays, TokenLine, Told};

/// Numbers that look random and are not.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        // SplitMix64
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, but without, 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A factor whose logarithm is a bell of this width, with mean 1.
    pub(crate) fn noise(&mut self, width: f64) -> f64 {
        let (one, other) = (1.0 - self.uniform(), self.uniform());
        let bell = (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos();
        (width * bell - width * width / 2.0).exp()
    }
}

pub(crate) fn day(text: &str) -> Day {
    text.parse().unwrap()
}

pub(crate) fn days(start: &str, end: &str) -> Period {
    Period { start: day(start), end: day(end) }
}

pub(crate) fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

pub(crate) fn config(text: &str) -> Config {
    Config::parse(Some(&Document::parse("c.yml", text).unwrap())).unwrap()
}

/// A line of USD without an account.
pub(crate) fn line(service: &str, category: Category, days: impl IntoIterator<Item = (Day, Money)>) -> Line {
    Line {
        account: "".into(),
        service: service.into(),
        category,
        currency: "USD".into(),
        days: days.into_iter().collect(),
    }
}

/// The same amount on each of some days.
pub(crate) fn daily(service: &str, amount: &str, days: Period) -> Line {
    line(service, Category::Usage, days.iter().map(|day| (day, money(amount))))
}

pub(crate) fn told(source: Source, calendar: Calendar, now: Timestamp) -> Told {
    Told {
        source,
        calendar,
        period: calendar.period_of(calendar.day_of(now)),
        quotas: Vec::new(),
        balances: Vec::new(),
        forecast: Vec::new(),
        findings: Vec::new(),
        unpriced: 0,
        prices_as_of: None,
        data_until: None,
    }
}

/// A provider's book: its settings, now, what was read and settled, and its lines.
pub(crate) fn book(provider: &str, now: &str, known: (&str, &str), lines: Vec<Line>) -> Book {
    book_with(provider, now, known, lines, Vec::new())
}

/// The same with tokens.
pub(crate) fn book_with(
    provider: &str,
    now: &str,
    (first, settled): (&str, &str),
    lines: Vec<Line>,
    tokens: Vec<TokenLine>,
) -> Book {
    let provider = config(&format!("providers: [{{{provider}}}]")).providers.remove(0);
    let now: Timestamp = now.parse().unwrap();
    let read = ReadDays { first: Some(day(first)), settled: Some(day(settled)) };
    let entries = Entries::new(told(Source::Reported, Calendar::Utc, now), read, lines, tokens);
    Book::new(Arc::new(provider), Arc::new(entries), now)
}
