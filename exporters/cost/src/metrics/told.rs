//! What providers say beside amounts, how good their data is, and what asking them costs.

use toolkit::expo::Samples;

use super::Writer;
use super::table::{
    BALANCE, CHARGES, COMPLETE, DATA_TIME, DURATION, FAILURE, LAST_SUCCESS, NEXT, PRICES_TIME, QUOTA_LIMIT,
    QUOTA_USED, RATE, RATE_TIME, REFRESHES, REMAINING, REQUESTS, UNPRICED, UP, VENDOR_FORECAST,
};
use crate::calendar::Calendar;
use crate::config::Exchange;
use crate::figures::Book;
use crate::money::Money;
use crate::refresh::Lane;

/// Whether the provider could be read, and what asking it costs. Before the first refresh nothing is said about it.
pub(super) fn write_state(lane: &Lane, writer: &mut Writer<'_>) {
    let state = lane.state();
    let was_read = state.last_success.is_some();
    if was_read || state.failure.is_some() {
        let good = f64::from(u8::from(state.failure.is_none()));
        writer.add(&UP, &[], good);
        writer.add(&COMPLETE, &[], good);
    }
    if let Some(failure) = &state.failure {
        writer.add(&FAILURE, &[failure.reason.as_str()], 1.0);
    }
    if let Some(success) = state.last_success {
        writer.add(&LAST_SUCCESS, &[], success.as_duration().as_secs_f64());
    }
    if let Some(due) = state.due {
        writer.add(&NEXT, &[], due.as_duration().as_secs_f64());
    }
    if let Some(took) = state.took {
        writer.add(&DURATION, &[], took.as_secs_f64());
    }
    for (outcome, count) in [("success", state.done.0), ("failure", state.done.1)] {
        writer.add(&REFRESHES, &[outcome], float(count));
    }
    for (operation, code, count) in lane.meter.counts() {
        writer.add(&REQUESTS, &[operation, &code], float(count));
    }
    let most = lane.provider.max_requests_per_month;
    if most.is_some() || state.spent.total != Money::ZERO {
        writer.add(&CHARGES, &[], state.spent.total.to_f64());
    }
    if let Some(most) = most {
        writer.add(&REMAINING, &[], float(most.saturating_sub(state.spent.requests)));
    }
}

/// What it said beside amounts.
pub(super) fn write_told(book: &Book, writer: &mut Writer<'_>) {
    let told = &book.entries.told;
    let source = told.source.as_str();
    for quota in &told.quotas {
        let account = book.provider.account_label(&quota.account);
        let labels = [&*account, &*quota.resource, &*quota.unit];
        writer.add(&QUOTA_USED, &labels, quota.used);
        if let Some(limit) = quota.limit {
            writer.add(&QUOTA_LIMIT, &labels, limit);
        }
    }
    for balance in &told.balances {
        let account = book.provider.account_label(&balance.account);
        writer.add(&BALANCE, &[&account, &balance.currency], balance.amount.to_f64());
    }
    for forecast in &told.forecast {
        let account = book.provider.account_label(&forecast.account);
        writer.add(&VENDOR_FORECAST, &[&account, &forecast.currency, source], forecast.amount.to_f64());
    }
    let account = book.provider.account.clone().unwrap_or_default();
    writer.add(&UNPRICED, &[&account], float(told.unpriced));
    if let Some(day) = told.prices_as_of {
        writer.add(&PRICES_TIME, &[], Calendar::Utc.start_of(day).as_duration().as_secs_f64());
    }
    let newest = book.lines().iter().filter_map(|line| Some(line.days.last()?.0)).max();
    let newest = newest.map(|day| book.calendar().end_of(day).min(book.now).as_duration().as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "seconds of Unix time are far below 2^53")]
    let said = told.data_until.map(|second| second as f64);
    if let Some(newest) = said.or(newest) {
        writer.add(&DATA_TIME, &[], newest);
    }
}

/// The rates of the configuration.
pub(super) fn write_rates(exchange: Option<&Exchange>, samples: &mut Samples) {
    let Some(exchange) = exchange else { return };
    for rate in &exchange.rates {
        let labels = [&*rate.from, &*exchange.to];
        samples.add(&RATE, &labels, rate.rate.to_f64());
        if let Some(date) = rate.date {
            let seconds = Calendar::Utc.start_of(date).as_duration().as_secs_f64();
            samples.add(&RATE_TIME, &labels, seconds);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}
