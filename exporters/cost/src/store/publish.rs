//! Taking a snapshot: all of it in one transaction, or nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, params};
use tracing::warn;

use super::read::{BETWEEN, Counter, CounterKind, Told, counted, counters, lines, shown};
use super::settle::Rule;
use super::{KEPT_DAYS, Store, StoreError, number};
use crate::calendar::{Day, Period, days_after};
use crate::charge::{Category, Snapshot};
use crate::money::Money;
use crate::providers::Provider;
use crate::shown::{MAX_MODELS, OTHER, Pair, Shown, members};

/// Series of one snapshot that are told apart; the smallest of more are put together. Far above any page, and far
/// below what a provider with an id for each request could fill a disk with.
const MAX_SERIES: usize = 5_000;

/// Days of what was seen to run that are kept: two periods and some.
const OBSERVED_DAYS: i32 = 100;

/// A snapshot, and what to do with it.
#[derive(Clone, Debug)]
pub struct Publish {
    /// Whose it is.
    pub provider: Provider,
    /// What it said.
    pub snapshot: Snapshot,
    /// When.
    pub now: Timestamp,
    /// Not to be asked before.
    pub due: Timestamp,
    /// Services that have series of their own.
    pub services: usize,
}

/// What amounts are told apart by: account, service, category, currency.
type Key = (Arc<str>, Arc<str>, Category, Arc<str>);

/// Amounts by what they are told apart by, and by day.
type Amounts = BTreeMap<Key, BTreeMap<Day, Money>>;

impl Store {
    /// Takes a snapshot: days, settled and restated ones, counters, tokens and all else, in one transaction.
    ///
    /// # Errors
    /// The store fails; then all is as it was before.
    pub async fn publish(&self, publish: Publish) -> Result<(), StoreError> {
        self.write(move |connection| take(connection, &publish)).await
    }
}

fn take(connection: &Connection, publish: &Publish) -> Result<(), StoreError> {
    let Publish { provider, snapshot, now, .. } = publish;
    let name = &*provider.name;
    let old = stored(connection, name, snapshot.covers)?;
    let new = summed(snapshot);
    write_amounts(connection, name, &old, &new)?;
    let counted_from = counted_from(connection, name, snapshot.covers.start)?;
    let shown = choose(connection, publish)?;

    let rule = Rule {
        calendar: snapshot.calendar,
        lag: provider.settles_after,
        estimated_from: snapshot.estimated_from,
        now: *now,
    };
    let mut growth = Growth { provider, shown: &shown, all: Counters::of(counters(connection, name)?) };
    growth.begin(&new);
    let read = read_days(connection, name, snapshot.covers)?;
    let mut settled_now = BTreeSet::new();
    let mut mark = connection
        .prepare_cached("INSERT OR REPLACE INTO read_days (provider, day, settled) VALUES (?1, ?2, ?3)")?;
    for (day, changes) in by_day(snapshot.covers, &old, &new) {
        let before = read.get(&day);
        if before == Some(&true) {
            growth.restate(&changes);
            continue;
        }
        let same = before.is_some() && changes.iter().all(|(_, old, new)| old == new);
        let settled = rule.settles(day, same);
        if settled && day >= counted_from {
            growth.settle(&changes);
            settled_now.insert(day);
        }
        if before != Some(&settled) {
            mark.execute(params![name, number(day), settled])?;
        }
    }
    write_tokens(connection, name, snapshot, &settled_now, &mut growth)?;
    growth.all.write(connection, name)?;
    write_observed(connection, name, snapshot)?;
    write_provider(connection, publish)?;
    forget(connection, name, snapshot.calendar.day_of(*now))
}

/// The amounts of a snapshot, those of the same key and day together, on the days that it speaks about.
fn summed(snapshot: &Snapshot) -> Amounts {
    let mut amounts = Amounts::new();
    for charge in snapshot.charges.iter().filter(|charge| snapshot.covers.contains(charge.day)) {
        let key = (charge.account.clone(), charge.service.clone(), charge.category, charge.currency.clone());
        *amounts.entry(key).or_default().entry(charge.day).or_default() += charge.amount;
    }
    if amounts.len() <= MAX_SERIES {
        return amounts;
    }
    warn!(
        series = amounts.len(),
        most = MAX_SERIES,
        "a provider has too many services; the smallest are put together"
    );
    let mut ranked: Vec<(Key, BTreeMap<Day, Money>)> = amounts.into_iter().collect();
    ranked.sort_by_cached_key(|(_, days)| {
        std::cmp::Reverse(days.values().map(|amount| amount.abs()).sum::<Money>())
    });
    let rest = ranked.split_off(MAX_SERIES);
    let mut amounts: Amounts = ranked.into_iter().collect();
    for ((_, _, category, currency), days) in rest {
        let all = amounts.entry((OTHER.into(), OTHER.into(), category, currency)).or_default();
        for (day, amount) in days {
            *all.entry(day).or_default() += amount;
        }
    }
    amounts
}

fn stored(connection: &Connection, provider: &str, days: Period) -> Result<Amounts, StoreError> {
    let lines = lines(connection, provider, days)?.into_iter();
    Ok(lines
        .map(|line| {
            ((line.account, line.service, line.category, line.currency), line.days.into_iter().collect())
        })
        .collect())
}

/// Writes what changed, and nothing else.
fn write_amounts(
    connection: &Connection,
    provider: &str,
    old: &Amounts,
    new: &Amounts,
) -> Result<(), StoreError> {
    let mut make = connection.prepare_cached(
        "INSERT INTO series (provider, account, service, category, currency) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET provider = excluded.provider RETURNING id",
    )?;
    let mut put =
        connection.prepare_cached("INSERT OR REPLACE INTO days (series, day, amount) VALUES (?1, ?2, ?3)")?;
    let mut remove = connection.prepare_cached("DELETE FROM days WHERE series = ?1 AND day = ?2")?;
    let none = BTreeMap::new();
    let keys: BTreeSet<&Key> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let (before, after) = (old.get(key).unwrap_or(&none), new.get(key).unwrap_or(&none));
        if before == after {
            continue;
        }
        let (account, service, category, currency) = key;
        let id: i64 = make
            .query_row(params![provider, account, service, category.as_str(), currency], |row| row.get(0))?;
        for (day, amount) in after.iter().filter(|(day, amount)| before.get(day) != Some(amount)) {
            put.execute(params![id, number(*day), amount.to_bytes()])?;
        }
        for day in before.keys().filter(|day| !after.contains_key(day)) {
            remove.execute(params![id, number(*day)])?;
        }
    }
    Ok(())
}

/// The first day whose settling is counted: that of the first snapshot. Older days come from a backfill.
fn counted_from(connection: &Connection, provider: &str, first: Day) -> Result<Day, StoreError> {
    let mut keep = connection.prepare_cached(
        "INSERT INTO providers (name, counted_from) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET counted_from = coalesce(counted_from, excluded.counted_from)
         RETURNING counted_from",
    )?;
    Ok(super::day(keep.query_row(params![provider, number(first)], |row| row.get(0))?))
}

/// Decides who is shown, by what each pair of account and service had in this period and the one before.
fn choose(connection: &Connection, publish: &Publish) -> Result<Shown, StoreError> {
    let Publish { provider, snapshot, .. } = publish;
    let name = &*provider.name;
    let before = snapshot.calendar.previous(snapshot.period).start;
    let days = Period { start: before, end: days_after(snapshot.period.end, 1) };
    let mut totals: BTreeMap<Arc<str>, Money> = BTreeMap::new();
    let mut amounts: Vec<(Pair, Arc<str>, Money)> = Vec::new();
    for line in lines(connection, name, days)? {
        let sum: Money = line.days.iter().map(|(_, amount)| amount.abs()).sum();
        *totals.entry(Arc::clone(&line.currency)).or_default() += sum;
        let pair = (provider.account_label(&line.account), provider.service_label(&line.service));
        amounts.push((pair, line.currency, sum));
    }
    // currencies are never added: what counts is the share of the total in the same one
    let mut sizes: BTreeMap<Pair, f64> = BTreeMap::new();
    for (pair, currency, sum) in amounts {
        let share = totals.get(&currency).and_then(|total| sum.share_of(*total)).unwrap_or_default();
        *sizes.entry(pair).or_default() += share;
    }
    let old = shown(connection, name)?;
    let mut new = old.next(&sizes, publish.services);
    let mut models: BTreeMap<Arc<str>, f64> = BTreeMap::new();
    for tokens in &snapshot.tokens {
        *models.entry(Arc::clone(&tokens.model)).or_default() += Money::units(counted(tokens.count)).to_f64();
    }
    if !models.is_empty() {
        new.models = members(&models, &old.models, MAX_MODELS);
    }
    if new != old {
        write_shown(connection, name, &new)?;
    }
    Ok(new)
}

fn write_shown(connection: &Connection, provider: &str, shown: &Shown) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM shown WHERE provider = ?1")?.execute([provider])?;
    let mut put =
        connection.prepare_cached("INSERT INTO shown (provider, kind, name) VALUES (?1, ?2, ?3)")?;
    for service in &shown.services {
        put.execute(params![provider, "service", service])?;
    }
    for (account, service) in &shown.pairs {
        put.execute(params![provider, "pair", format!("{account}{BETWEEN}{service}")])?;
    }
    for model in &shown.models {
        put.execute(params![provider, "model", model])?;
    }
    Ok(())
}

fn read_days(
    connection: &Connection,
    provider: &str,
    days: Period,
) -> Result<BTreeMap<Day, bool>, StoreError> {
    let mut all = connection.prepare_cached(
        "SELECT day, settled FROM read_days WHERE provider = ?1 AND day >= ?2 AND day < ?3",
    )?;
    let rows = all.query_map(params![provider, number(days.start), number(days.end)], |row| {
        Ok((super::day(row.get(0)?), row.get(1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What a key had on a day and what it has now.
type Change<'a> = (&'a Key, Money, Money);

/// Each day with what it had and has; days without an amount too, since they were read.
fn by_day<'a>(covers: Period, old: &'a Amounts, new: &'a Amounts) -> BTreeMap<Day, Vec<Change<'a>>> {
    let mut days: BTreeMap<Day, Vec<Change<'a>>> = covers.iter().map(|day| (day, Vec::new())).collect();
    let keys: BTreeSet<&Key> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let (before, after) = (old.get(key), new.get(key));
        let touched: BTreeSet<&Day> = before.into_iter().chain(after).flat_map(BTreeMap::keys).collect();
        for day in touched {
            let amount = |of: Option<&BTreeMap<Day, Money>>| of.and_then(|days| days.get(day)).copied();
            let change = (key, amount(before).unwrap_or_default(), amount(after).unwrap_or_default());
            days.entry(*day).or_default().push(change);
        }
    }
    days
}

/// How the counters grow, by the labels under which amounts are shown at this time.
struct Growth<'a> {
    provider: &'a Provider,
    shown: &'a Shown,
    all: Counters,
}

impl Growth<'_> {
    /// Makes counters of what is seen for the first time, so that the page shows them at 0 before they grow.
    fn begin(&mut self, new: &Amounts) {
        for (account, service, category, currency) in new.keys() {
            if *category == Category::Tax && !self.provider.include_tax {
                continue;
            }
            let (account, service) = self.label(account, service);
            let none = Arc::<str>::default();
            self.all.add(CounterKind::Settled, &account, &service, currency, Money::ZERO);
            for kind in [CounterKind::Credits, CounterKind::RestatedUp, CounterKind::RestatedDown] {
                self.all.add(kind, &account, &none, currency, Money::ZERO);
            }
        }
    }

    fn settle(&mut self, changes: &[Change<'_>]) {
        for ((account, service, category, currency), _, amount) in changes {
            if *category == Category::Tax && !self.provider.include_tax {
                continue;
            }
            let (account, service) = self.label(account, service);
            if amount.is_negative() {
                self.all.add(CounterKind::Credits, &account, &Arc::default(), currency, amount.abs());
            } else {
                self.all.add(CounterKind::Settled, &account, &service, currency, *amount);
            }
        }
    }

    fn restate(&mut self, changes: &[Change<'_>]) {
        for ((account, service, category, currency), old, new) in changes {
            if old == new || *category == Category::Tax && !self.provider.include_tax {
                continue;
            }
            let kind = if new > old { CounterKind::RestatedUp } else { CounterKind::RestatedDown };
            let (account, _) = self.label(account, service);
            self.all.add(kind, &account, &Arc::default(), currency, (*new - *old).abs());
        }
    }

    fn label(&self, account: &Arc<str>, service: &Arc<str>) -> (Arc<str>, Arc<str>) {
        let account = self.provider.account_label(account);
        self.shown.label(&account, &self.provider.service_label(service))
    }
}

type CounterKey = (CounterKind, Arc<str>, Arc<str>, Arc<str>);

/// Counters, and which of them changed.
struct Counters {
    values: BTreeMap<CounterKey, Money>,
    changed: BTreeSet<CounterKey>,
}

impl Counters {
    fn of(all: Vec<Counter>) -> Self {
        let values = all
            .into_iter()
            .map(|counter| ((counter.kind, counter.account, counter.name, counter.unit), counter.value));
        Self { values: values.collect(), changed: BTreeSet::new() }
    }

    /// `amount` is never negative.
    fn add(
        &mut self,
        kind: CounterKind,
        account: &Arc<str>,
        name: &Arc<str>,
        unit: &Arc<str>,
        amount: Money,
    ) {
        let key = (kind, Arc::clone(account), Arc::clone(name), Arc::clone(unit));
        let is_new = !self.values.contains_key(&key);
        *self.values.entry(key.clone()).or_default() += amount;
        if is_new || !amount.is_zero() {
            self.changed.insert(key);
        }
    }

    fn write(&self, connection: &Connection, provider: &str) -> Result<(), StoreError> {
        let mut put = connection.prepare_cached(
            "INSERT OR REPLACE INTO counters (provider, kind, account, name, unit, value)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for key in &self.changed {
            let (kind, account, name, unit) = key;
            let value = self.values.get(key).copied().unwrap_or_default().to_bytes();
            put.execute(params![provider, kind.word(), account, name, unit, value])?;
        }
        Ok(())
    }
}

/// Tokens of the days that a snapshot covers replace those that were there, and count when their day settles.
fn write_tokens(
    connection: &Connection,
    provider: &str,
    snapshot: &Snapshot,
    settled: &BTreeSet<Day>,
    growth: &mut Growth<'_>,
) -> Result<(), StoreError> {
    let mut sums: BTreeMap<(Day, &Arc<str>, &Arc<str>), u64> = BTreeMap::new();
    for tokens in snapshot.tokens.iter().filter(|tokens| snapshot.covers.contains(tokens.day)) {
        let sum = sums.entry((tokens.day, &tokens.model, &tokens.kind)).or_default();
        *sum = sum.saturating_add(tokens.count);
    }
    let mut remove =
        connection.prepare_cached("DELETE FROM tokens WHERE provider = ?1 AND day >= ?2 AND day < ?3")?;
    remove.execute(params![provider, number(snapshot.covers.start), number(snapshot.covers.end)])?;
    let mut put = connection.prepare_cached(
        "INSERT INTO tokens (provider, day, model, kind, count) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for ((day, model, kind), sum) in sums {
        put.execute(params![provider, number(day), model, kind, counted(sum)])?;
        let grown = if settled.contains(&day) { counted(sum) } else { 0 };
        let label = growth.shown.model(model);
        growth.all.add(CounterKind::Tokens, &Arc::default(), &label, kind, Money::units(grown));
    }
    Ok(())
}

fn write_observed(connection: &Connection, provider: &str, snapshot: &Snapshot) -> Result<(), StoreError> {
    let mut put = connection.prepare_cached(
        "INSERT OR REPLACE INTO observed (provider, day, item, service, currency, hourly, account, seconds, until, at_most)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for seen in &snapshot.observed {
        put.execute(params![
            provider,
            number(seen.day),
            seen.item,
            seen.service,
            seen.currency,
            seen.hourly.to_bytes(),
            seen.account,
            seen.seconds,
            seen.until,
            seen.at_most.map(Money::to_bytes)
        ])?;
    }
    Ok(())
}

fn write_provider(connection: &Connection, publish: &Publish) -> Result<(), StoreError> {
    let snapshot = &publish.snapshot;
    let told = Told {
        source: snapshot.source,
        calendar: snapshot.calendar,
        period: snapshot.period,
        quotas: snapshot.quotas.clone(),
        balances: snapshot.balances.clone(),
        forecast: snapshot.forecast.clone(),
        findings: snapshot.findings.clone(),
        unpriced: snapshot.unpriced,
        data_until: snapshot.data_until,
        prices_as_of: snapshot.prices_as_of,
    };
    let told = serde_json::to_string(&told).map_err(|error| StoreError::Io(error.to_string()))?;
    let (now, due) = (publish.now.as_second(), publish.due.as_millisecond());
    connection
        .prepare_cached("UPDATE providers SET succeeded_at = ?2, due_at = ?3, told = ?4 WHERE name = ?1")?
        .execute(params![&*publish.provider.name, now, due, told])?;
    Ok(())
}

/// Forgets what is too old.
fn forget(connection: &Connection, provider: &str, today: Day) -> Result<(), StoreError> {
    let oldest = number(today) - KEPT_DAYS;
    for statement in [
        "DELETE FROM days WHERE day < ?2 AND series IN (SELECT id FROM series WHERE provider = ?1)",
        "DELETE FROM read_days WHERE provider = ?1 AND day < ?2",
        "DELETE FROM tokens WHERE provider = ?1 AND day < ?2",
        "DELETE FROM forecasts WHERE provider = ?1 AND period < ?2",
    ] {
        connection.prepare_cached(statement)?.execute(params![provider, oldest])?;
    }
    connection
        .prepare_cached("DELETE FROM observed WHERE provider = ?1 AND day < ?2")?
        .execute(params![provider, number(today) - OBSERVED_DAYS])?;
    connection
        .prepare_cached(
            "DELETE FROM series WHERE provider = ?1 AND NOT EXISTS (SELECT 1 FROM days WHERE series = id)",
        )?
        .execute([provider])?;
    Ok(())
}
