//! Months, days and counters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Writer;
use super::table::{
    BY_CATEGORY, CONVERTED, CREDITS, LAST_DAY, LAST_DAY_TIME, PERIOD_END, PERIOD_START, PREVIOUS, RESTATED,
    SAME_DAY, SETTLED, TO_DATE, TOKENS, TOKENS_SETTLED,
};
use crate::config::Exchange;
use crate::figures::{Book, month};
use crate::money::Money;
use crate::store::{Counter, CounterKind};

/// The running period, the previous one, the last settled day.
pub(super) fn write_months(book: &Book, exchange: Option<&Exchange>, writer: &mut Writer<'_>) {
    let source = book.entries.told.source.as_str();
    let mut accounts = BTreeSet::new();
    let mut converted: BTreeMap<Arc<str>, Option<Money>> = BTreeMap::new();
    for month in month::by_service(book) {
        let labels = [&*month.account, &*month.currency, source, &*month.service];
        writer.add(&TO_DATE, &labels, month.to_date.to_f64());
        writer.add(&PREVIOUS, &labels, month.previous.to_f64());
        writer.add(&SAME_DAY, &labels, month.previous_to_same_day.to_f64());
        if let Some(last) = month.last_day {
            writer.add(&LAST_DAY, &labels, last.to_f64());
        }
        let worth = exchange.and_then(|exchange| exchange.convert(month.to_date, &month.currency));
        let sum = converted.entry(Arc::clone(&month.account)).or_insert(Some(Money::ZERO));
        // a part that cannot be converted makes the whole unknown
        *sum = sum.zip(worth).map(|(sum, worth)| sum + worth);
        accounts.insert(month.account);
    }
    for month in month::by_category(book) {
        let labels = [&*month.account, &*month.currency, source, month.category.as_str()];
        writer.add(&BY_CATEGORY, &labels, month.to_date.to_f64());
        accounts.insert(month.account);
    }
    if let Some(exchange) = exchange {
        for (account, sum) in converted {
            if let Some(sum) = sum {
                writer.add(&CONVERTED, &[&account, &exchange.to, source], sum.to_f64());
            }
        }
    }
    for tokens in month::by_model(book) {
        #[expect(clippy::cast_precision_loss, reason = "that is what the page can show")]
        let count = tokens.count as f64;
        writer.add(&TOKENS, &[&tokens.model, &tokens.kind], count);
    }
    write_days(book, &accounts, writer);
}

/// Which days the amounts are of.
fn write_days(book: &Book, accounts: &BTreeSet<Arc<str>>, writer: &mut Writer<'_>) {
    let calendar = book.calendar();
    let seconds = |day| calendar.start_of(day).as_duration().as_secs_f64();
    for account in accounts {
        writer.add(&PERIOD_START, &[account], seconds(book.period.start));
        writer.add(&PERIOD_END, &[account], seconds(book.period.end));
        if let Some(day) = book.last_settled() {
            writer.add(&LAST_DAY_TIME, &[account], seconds(day));
        }
    }
}

/// What only grows.
pub(super) fn write_counters(book: &Book, counters: &[Counter], writer: &mut Writer<'_>) {
    let source = book.entries.told.source.as_str();
    for counter in counters {
        let (account, unit, value) = (&*counter.account, &*counter.unit, counter.value.to_f64());
        match counter.kind {
            CounterKind::Settled => writer.add(&SETTLED, &[account, unit, source, &counter.name], value),
            CounterKind::Credits => writer.add(&CREDITS, &[account, unit, source], value),
            CounterKind::RestatedUp => writer.add(&RESTATED, &[account, unit, source, "up"], value),
            CounterKind::RestatedDown => writer.add(&RESTATED, &[account, unit, source, "down"], value),
            CounterKind::Tokens => writer.add(&TOKENS_SETTLED, &[&counter.name, unit], value),
        }
    }
}
