//! What is to come: forecasts, budgets, and days that cost unusually much.

use std::sync::Arc;

use jiff::Timestamp;
use toolkit::expo::Samples;

use super::Writer;
use super::table::{
    ACCOUNT_ACTIVE, ACCOUNT_EXCESS, ACCOUNT_EXPECTED_DAY, ACCOUNT_SCORE, ACTIVE, BUDGET_COMPLETE,
    BUDGET_ELAPSED, BUDGET_EXHAUSTION, BUDGET_FORECAST, BUDGET_LIMIT, BUDGET_SPENT, BUDGET_USED,
    BUDGET_WILL_BE_USED, EXCESS, EXPECTED_DAY, FORECAST, FORECAST_ERROR, FORECAST_LOWER, FORECAST_UPPER,
    SCORE, SUSTAINED,
};
use crate::config::Config;
use crate::figures::Book;
use crate::figures::anomaly::{Floors, anomalies};
use crate::figures::budgets::standings;
use crate::figures::forecast::{forecasts, realised};
use crate::refresh::Lane;
use crate::store::MadeForecast;

/// The period's end, and how good the last one's forecasts were.
pub(super) fn write_forecasts(book: &Book, made: &[MadeForecast], writer: &mut Writer<'_>) {
    let source = book.entries.told.source.as_str();
    for forecast in forecasts(book) {
        let labels = [&*forecast.account, &*forecast.currency, source];
        writer.add(&FORECAST, &labels, forecast.amount.to_f64());
        writer.add(&FORECAST_LOWER, &labels, forecast.lower.to_f64());
        writer.add(&FORECAST_UPPER, &labels, forecast.upper.to_f64());
    }
    for held in realised(book, made) {
        if let Some(error) = held.error_ratio() {
            let horizon = held.horizon.to_string();
            writer.add(&FORECAST_ERROR, &[&held.account, &held.currency, source, &horizon], error);
        }
    }
}

/// Unusual days.
pub(super) fn write_anomalies(book: &Book, floors: &Floors, writer: &mut Writer<'_>) {
    let source = book.entries.told.source.as_str();
    let flag = |yes: bool| f64::from(u8::from(yes));
    for anomaly in anomalies(book, floors) {
        let verdict = anomaly.verdict;
        let account = [&*anomaly.account, &*anomaly.currency, source];
        let Some(service) = &anomaly.service else {
            writer.add(&ACCOUNT_EXPECTED_DAY, &account, verdict.expected);
            writer.add(&ACCOUNT_ACTIVE, &account, flag(verdict.active));
            writer.add(&ACCOUNT_EXCESS, &account, verdict.excess);
            if let Some(score) = verdict.score {
                writer.add(&ACCOUNT_SCORE, &account, score);
            }
            continue;
        };
        let labels = [&*anomaly.account, &*anomaly.currency, source, &**service];
        writer.add(&EXPECTED_DAY, &labels, verdict.expected);
        writer.add(&ACTIVE, &labels, flag(verdict.active));
        writer.add(&EXCESS, &labels, verdict.excess);
        writer.add(&SUSTAINED, &labels, flag(verdict.sustained));
        if let Some(score) = verdict.score {
            writer.add(&SCORE, &labels, score);
        }
    }
}

/// What may be spent.
pub(super) fn write_budgets(
    config: &Config,
    lanes: &[Arc<Lane>],
    books: &[Book],
    now: Timestamp,
    samples: &mut Samples,
) {
    let unknown = |lane: &&Arc<Lane>| !books.iter().any(|book| book.provider.name == lane.provider.name);
    let name = |lane: &Arc<Lane>| (Arc::clone(&lane.provider.name), lane.provider.kind.facts().type_name);
    let unread: Vec<_> = lanes.iter().filter(unknown).map(name).collect();
    let failing: Vec<_> = lanes.iter().filter(|lane| lane.state().failure.is_some()).map(name).collect();
    let standings = standings(books, &config.budgets, config.exchange.as_ref(), &unread, now);
    for (standing, budget) in standings.iter().zip(&config.budgets) {
        let both = [&*standing.name, &*standing.currency];
        let one = [&*standing.name];
        samples.add(&BUDGET_LIMIT, &both, standing.limit.to_f64());
        samples.add(&BUDGET_SPENT, &both, standing.spent.to_f64());
        samples.add(&BUDGET_ELAPSED, &one, standing.elapsed);
        let fails = failing.iter().any(|(name, kind)| budget.matches.has_provider(name, kind));
        samples.add(&BUDGET_COMPLETE, &one, f64::from(u8::from(standing.is_complete && !fails)));
        if let Some((forecast, _, _)) = standing.forecast {
            samples.add(&BUDGET_FORECAST, &both, forecast.to_f64());
        }
        if let Some(used) = standing.used() {
            samples.add(&BUDGET_USED, &one, used);
        }
        if let Some(will) = standing.will_be_used() {
            samples.add(&BUDGET_WILL_BE_USED, &one, will);
        }
        if let Some(moment) = standing.exhausted {
            samples.add(&BUDGET_EXHAUSTION, &one, moment.as_duration().as_secs_f64());
        }
    }
}
