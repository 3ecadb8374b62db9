//! What the page is made of.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::{Store, StoreError, day, number};
use crate::calendar::{Calendar, Day, Period};
use crate::charge::{Balance, Category, Finding, Observed, Quota, Source, VendorForecast};
use crate::money::Money;
use crate::shown::Shown;

/// What is told apart by, in the provider's own words, and its days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The account.
    pub account: Arc<str>,
    /// The service.
    pub service: Arc<str>,
    /// The kind of charge.
    pub category: Category,
    /// The currency.
    pub currency: Arc<str>,
    /// The days that have an amount, in order.
    pub days: Vec<(Day, Money)>,
}

/// Tokens of a model and kind, and their days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenLine {
    /// The model.
    pub model: Arc<str>,
    /// The kind.
    pub kind: Arc<str>,
    /// The days, in order.
    pub days: Vec<(Day, u64)>,
}

/// What a provider said beside amounts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Whether the amounts are its own.
    pub source: Source,
    /// The calendar of its days.
    pub calendar: Calendar,
    /// The billing period that ran then.
    pub period: Period,
    /// Included amounts.
    pub quotas: Vec<Quota>,
    /// What is left of what was paid ahead.
    pub balances: Vec<Balance>,
    /// Its own forecast.
    pub forecast: Vec<VendorForecast>,
    /// What could be saved.
    pub findings: Vec<Finding>,
    /// Things without a known price.
    pub unpriced: u64,
    /// The newest moment that its data speaks of.
    pub data_until: Option<i64>,
    /// The day on which the prices were looked up that estimates are made with.
    #[serde(default)]
    pub prices_as_of: Option<Day>,
}

/// What is known of a provider.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// When its last whole snapshot came.
    pub succeeded_at: Option<Timestamp>,
    /// Not to be asked before.
    pub due_at: Option<Timestamp>,
    /// What it said beside amounts.
    pub told: Option<Told>,
}

/// Which days are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadDays {
    /// The first day that it ever spoke about: before it, nothing is known, which is not nothing spent.
    pub first: Option<Day>,
    /// The last one that is settled.
    pub settled: Option<Day>,
}

/// What only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CounterKind {
    /// Positive amounts of settled days, by service.
    Settled,
    /// The size of negative amounts of settled days.
    Credits,
    /// What settled days rose by afterwards.
    RestatedUp,
    /// What settled days fell by afterwards.
    RestatedDown,
    /// Tokens of settled days, by model and kind.
    Tokens,
}

/// A counter, by the labels under which it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// What it counts.
    pub kind: CounterKind,
    /// The account; empty for tokens.
    pub account: Arc<str>,
    /// Service or model; empty for those that are not told apart by it.
    pub name: Arc<str>,
    /// Currency or kind of token.
    pub unit: Arc<str>,
    /// How much.
    pub value: Money,
}

/// A forecast as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeForecast {
    /// The account.
    pub account: Arc<str>,
    /// The currency.
    pub currency: Arc<str>,
    /// The first day of the period.
    pub period: Day,
    /// On which day of the period it was made.
    pub horizon: u8,
    /// The total that was expected.
    pub amount: Money,
}

impl CounterKind {
    const WORDS: [(&'static str, Self); 5] = [
        ("settled", Self::Settled),
        ("credits", Self::Credits),
        ("restated_up", Self::RestatedUp),
        ("restated_down", Self::RestatedDown),
        ("tokens", Self::Tokens),
    ];

    pub(super) fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind)
    }
}

impl Store {
    /// What is known of a provider.
    ///
    /// # Errors
    /// The store fails.
    pub async fn known(&self, provider: Arc<str>) -> Result<Known, StoreError> {
        self.read(move |connection| known(connection, &provider)).await
    }

    /// The amounts of some days.
    ///
    /// # Errors
    /// The store fails.
    pub async fn lines(&self, provider: Arc<str>, days: Period) -> Result<Vec<Line>, StoreError> {
        self.read(move |connection| lines(connection, &provider, days)).await
    }

    /// The tokens of some days.
    ///
    /// # Errors
    /// The store fails.
    pub async fn tokens(&self, provider: Arc<str>, days: Period) -> Result<Vec<TokenLine>, StoreError> {
        self.read(move |connection| tokens(connection, &provider, days)).await
    }

    /// Which days are known.
    ///
    /// # Errors
    /// The store fails.
    pub async fn read_days(&self, provider: Arc<str>) -> Result<ReadDays, StoreError> {
        self.read(move |connection| {
            let mut first =
                connection.prepare_cached("SELECT min(day) FROM read_days WHERE provider = ?1")?;
            let mut last = connection
                .prepare_cached("SELECT max(day) FROM read_days WHERE provider = ?1 AND settled = 1")?;
            let first: Option<i32> = first.query_row([&*provider], |row| row.get(0))?;
            let settled: Option<i32> = last.query_row([&*provider], |row| row.get(0))?;
            Ok(ReadDays { first: first.map(day), settled: settled.map(day) })
        })
        .await
    }

    /// All counters of a provider.
    ///
    /// # Errors
    /// The store fails.
    pub async fn counters(&self, provider: Arc<str>) -> Result<Vec<Counter>, StoreError> {
        self.read(move |connection| counters(connection, &provider)).await
    }

    /// Who has series of their own.
    ///
    /// # Errors
    /// The store fails.
    pub async fn shown(&self, provider: Arc<str>) -> Result<Shown, StoreError> {
        self.read(move |connection| shown(connection, &provider)).await
    }

    /// What was seen to run since a day.
    ///
    /// # Errors
    /// The store fails.
    pub async fn observed(&self, provider: Arc<str>, since: Day) -> Result<Vec<Observed>, StoreError> {
        self.read(move |connection| {
            let mut all = connection.prepare_cached(
                "SELECT item, account, service, currency, hourly, day, seconds, until, at_most FROM observed
                 WHERE provider = ?1 AND day >= ?2 ORDER BY day, item, service, currency, hourly",
            )?;
            let read = |row: &Row<'_>| {
                Ok(Observed {
                    item: row.get(0)?,
                    account: row.get(1)?,
                    service: row.get(2)?,
                    currency: row.get(3)?,
                    hourly: money(row, 4)?,
                    day: day(row.get(5)?),
                    seconds: row.get(6)?,
                    until: row.get(7)?,
                    at_most: row.get::<_, Option<[u8; 16]>>(8)?.map(Money::from_bytes),
                })
            };
            let rows = all.query_map(params![&*provider, number(since)], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The forecasts that were made for a provider's periods, those of the last two years.
    ///
    /// # Errors
    /// The store fails.
    pub async fn forecasts(&self, provider: Arc<str>) -> Result<Vec<MadeForecast>, StoreError> {
        self.read(move |connection| {
            let mut all = connection.prepare_cached(
                "SELECT account, currency, period, horizon, amount FROM forecasts
                 WHERE provider = ?1 ORDER BY period, horizon, account, currency",
            )?;
            let read = |row: &Row<'_>| {
                Ok(MadeForecast {
                    account: row.get(0)?,
                    currency: row.get(1)?,
                    period: day(row.get(2)?),
                    horizon: row.get(3)?,
                    amount: money(row, 4)?,
                })
            };
            let rows = all.query_map([&*provider], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Keeps a forecast, to be held against what comes. The first one of a period's day stands.
    ///
    /// # Errors
    /// The store fails.
    pub async fn keep_forecasts(
        &self,
        provider: Arc<str>,
        made: Vec<MadeForecast>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let mut keep = connection.prepare_cached(
                "INSERT OR IGNORE INTO forecasts (provider, account, currency, period, horizon, amount)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for MadeForecast { account, currency, period, horizon, amount } in &made {
                let period = number(*period);
                keep.execute(params![&*provider, account, currency, period, horizon, amount.to_bytes()])?;
            }
            Ok(())
        })
        .await
    }
}

pub(super) fn known(connection: &Connection, provider: &str) -> Result<Known, StoreError> {
    let mut one =
        connection.prepare_cached("SELECT succeeded_at, due_at, told FROM providers WHERE name = ?1")?;
    let found = one
        .query_row([provider], |row| {
            let (succeeded_at, due_at): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
            Ok((succeeded_at, due_at, row.get::<_, Option<String>>(2)?))
        })
        .optional()?;
    let Some((succeeded_at, due_at, told)) = found else { return Ok(Known::default()) };
    Ok(Known {
        succeeded_at: succeeded_at.and_then(|second| Timestamp::from_second(second).ok()),
        due_at: due_at.and_then(|millisecond| Timestamp::from_millisecond(millisecond).ok()),
        // an older program's words may be none of ours: the next snapshot brings new ones
        told: told.and_then(|told| serde_json::from_str(&told).ok()),
    })
}

pub(super) fn lines(connection: &Connection, provider: &str, days: Period) -> Result<Vec<Line>, StoreError> {
    let mut all = connection.prepare_cached(
        "SELECT id, account, service, category, currency, day, amount FROM series JOIN days ON series = id
         WHERE provider = ?1 AND day >= ?2 AND day < ?3
         ORDER BY account, service, category, currency, day",
    )?;
    let mut rows = all.query(params![provider, number(days.start), number(days.end)])?;
    let mut lines: Vec<Line> = Vec::new();
    let mut last = None;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        if last != Some(id) {
            last = Some(id);
            let word: String = row.get(3)?;
            let category = Category::from_word(&word).unwrap_or(Category::Usage);
            lines.push(Line {
                account: row.get(1)?,
                service: row.get(2)?,
                category,
                currency: row.get(4)?,
                days: Vec::new(),
            });
        }
        if let Some(line) = lines.last_mut() {
            line.days.push((day(row.get(5)?), money(row, 6)?));
        }
    }
    Ok(lines)
}

pub(super) fn tokens(
    connection: &Connection,
    provider: &str,
    days: Period,
) -> Result<Vec<TokenLine>, StoreError> {
    let mut all = connection.prepare_cached(
        "SELECT model, kind, day, count FROM tokens WHERE provider = ?1 AND day >= ?2 AND day < ?3
         ORDER BY model, kind, day",
    )?;
    let mut rows = all.query(params![provider, number(days.start), number(days.end)])?;
    let mut lines: Vec<TokenLine> = Vec::new();
    while let Some(row) = rows.next()? {
        let (model, kind): (Arc<str>, Arc<str>) = (row.get(0)?, row.get(1)?);
        let counted = (day(row.get(2)?), count(row, 3)?);
        match lines.last_mut().filter(|line| line.model == model && line.kind == kind) {
            Some(line) => line.days.push(counted),
            None => lines.push(TokenLine { model, kind, days: vec![counted] }),
        }
    }
    Ok(lines)
}

pub(super) fn counters(connection: &Connection, provider: &str) -> Result<Vec<Counter>, StoreError> {
    let mut all = connection
        .prepare_cached("SELECT kind, account, name, unit, value FROM counters WHERE provider = ?1")?;
    let mut rows = all.query([provider])?;
    let mut counters = Vec::new();
    while let Some(row) = rows.next()? {
        let word: String = row.get(0)?;
        let Some(kind) = CounterKind::from_word(&word) else { continue };
        let (account, name, unit) = (row.get(1)?, row.get(2)?, row.get(3)?);
        counters.push(Counter { kind, account, name, unit, value: money(row, 4)? });
    }
    Ok(counters)
}

pub(super) fn shown(connection: &Connection, provider: &str) -> Result<Shown, StoreError> {
    let mut all = connection.prepare_cached("SELECT kind, name FROM shown WHERE provider = ?1")?;
    let mut rows = all.query([provider])?;
    let mut shown = Shown::default();
    while let Some(row) = rows.next()? {
        let (kind, name): (String, String) = (row.get(0)?, row.get(1)?);
        match kind.as_str() {
            "service" => drop(shown.services.insert(name.into())),
            "model" => drop(shown.models.insert(name.into())),
            _ => shown.pairs.extend(name.split_once(BETWEEN).map(|(a, s)| (a.into(), s.into()))),
        }
    }
    Ok(shown)
}

/// Stands between account and service in the name of a pair: a control character that no name has.
pub(super) const BETWEEN: char = '\u{1f}';

/// An amount in a column.
pub(super) fn money(row: &Row<'_>, column: usize) -> rusqlite::Result<Money> {
    row.get(column).map(Money::from_bytes)
}

/// A count in a column.
pub(super) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or_default())
}

/// A count as the store keeps it.
pub(super) fn counted(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
