//! What could be saved, each with a figure: what providers and their files showed, and what the bills themselves tell.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Book;
use crate::calendar::{Day, Period, days_after};
use crate::charge::Finding;
use crate::money::Money;

/// Days whose bills are looked at.
const DAYS: i32 = 28;

/// Days with tokens without which no price can be told.
const LEAST_DAYS: usize = 10;

/// Days in a month, on average, in hundredths.
const MONTH: u64 = 3044;

/// The share of input that a program which repeats itself (instructions, tools, documents) can well have from the cache.
const GOOD_SHARE: f64 = 0.5;

/// How far bills may lie from what the prices that were worked out make of the tokens.
const MOST_ERROR: f64 = 0.02;

/// The least that is worth a sentence, in a month.
const WORTH: f64 = 1.0;

/// The share of a kind's tokens that must vary on its own.
const LEAST_LEFT: f64 = 1e-6;

/// Kinds of tokens whose prices can be told apart by four weeks.
const MOST_KINDS: usize = 6;

/// What could be saved at a provider, the largest first.
pub fn advice(book: &Book) -> Vec<Finding> {
    let mut found: Vec<Finding> =
        book.entries.told.findings.iter().filter(|finding| finding.monthly > Money::ZERO).cloned().collect();
    found.extend(uncached(book));
    found.sort_by(|a, b| {
        b.monthly.cmp(&a.monthly).then_with(|| (&a.kind, &a.subject).cmp(&(&b.kind, &b.subject)))
    });
    found
}

/// What input tokens cost that a cache could have had cheaper, of each model whose prices the bills tell.
fn uncached(book: &Book) -> Vec<Finding> {
    let Some(settled) = book.last_settled() else { return Vec::new() };
    let days = Period { start: days_after(settled, 1 - DAYS), end: days_after(settled, 1) };
    let mut models: BTreeMap<&Arc<str>, BTreeMap<&str, BTreeMap<Day, f64>>> = BTreeMap::new();
    for line in &book.entries.tokens {
        let kind = models.entry(&line.model).or_default().entry(&line.kind).or_default();
        for (day, count) in line.days.iter().filter(|(day, count)| days.contains(*day) && *count > 0) {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a count of tokens, of which the price has fewer digits"
            )]
            let count = *count as f64;
            *kind.entry(*day).or_default() += count;
        }
    }
    models.into_iter().filter_map(|(model, kinds)| of_model(book, model, &kinds, days)).collect()
}

fn of_model(
    book: &Book,
    model: &Arc<str>,
    kinds: &BTreeMap<&str, BTreeMap<Day, f64>>,
    days: Period,
) -> Option<Finding> {
    let service = book.provider.service_label(model);
    let lines: Vec<_> = book.counted().filter(|line| line.service == service).collect();
    let currency = lines.first().map(|line| Arc::clone(&line.currency))?;
    if lines.iter().any(|line| line.currency != currency) {
        return None;
    }
    let mut costs: BTreeMap<Day, Money> = BTreeMap::new();
    for (day, amount) in lines.iter().flat_map(|line| &line.days).filter(|(day, _)| days.contains(*day)) {
        *costs.entry(*day).or_default() += *amount;
    }
    let kinds: BTreeMap<&str, &BTreeMap<Day, f64>> =
        kinds.iter().filter(|(_, days)| !days.is_empty()).map(|(kind, days)| (*kind, days)).collect();
    let at = |wanted: &str| kinds.keys().position(|kind| *kind == wanted);
    let (fresh, cached) = (at("input")?, at("cached_input")?);
    let rows: Vec<(Vec<f64>, f64)> = costs
        .iter()
        .map(|(day, cost)| {
            // in millions, so that prices are numbers of an ordinary size
            let counts = kinds.values().map(|days| days.get(day).copied().unwrap_or(0.0) / 1e6);
            (counts.collect(), cost.to_f64())
        })
        .collect();
    let prices = prices(&rows)?;
    let (price, cached_price) = (*prices.get(fresh)?, *prices.get(cached)?);
    let total = |at: usize| rows.iter().filter_map(|(counts, _)| counts.get(at)).sum::<f64>();
    let (fresh, cached) = (total(fresh), total(cached));
    let share = cached / (fresh + cached);
    if !(0.0..price).contains(&cached_price) || share >= GOOD_SHARE {
        return None;
    }
    let saved = (GOOD_SHARE - share) * (fresh + cached) * (price - cached_price);
    let monthly = Money::estimate(saved).ratio(MONTH, 100 * u64::try_from(DAYS).ok()?).rounded(2);
    let evidence = format!(
        "{:.0} % of {:.0} million input tokens in {DAYS} days came from the cache; by the bills, a million costs {price:.2} {currency} fresh and {cached_price:.2} {currency} cached. The figure is for {:.0} %.",
        share * 100.0,
        fresh + cached,
        GOOD_SHARE * 100.0,
    );
    (monthly.to_f64() >= WORTH).then(|| Finding {
        kind: "uncached_input".into(),
        subject: model.to_string(),
        monthly,
        currency,
        evidence,
    })
}

/// The prices that make the costs of the counts, if there are such: least squares, and none where they do not fit.
fn prices(rows: &[(Vec<f64>, f64)]) -> Option<Vec<f64>> {
    let kinds = rows.first()?.0.len();
    if rows.len() < LEAST_DAYS.max(kinds * 2) || kinds > MOST_KINDS {
        return None;
    }
    let mut system = vec![vec![0.0; kinds + 1]; kinds];
    for (counts, cost) in rows {
        for (equation, left) in system.iter_mut().zip(counts) {
            let factors = counts.iter().chain(std::iter::once(cost));
            for (cell, right) in equation.iter_mut().zip(factors) {
                *cell += left * right;
            }
        }
    }
    let prices = solved(system)?;
    let made = |counts: &[f64]| counts.iter().zip(&prices).map(|(count, price)| count * price).sum::<f64>();
    let error: f64 = rows.iter().map(|(counts, cost)| (made(counts) - cost).abs()).sum();
    let total: f64 = rows.iter().map(|(_, cost)| cost.abs()).sum();
    (total > 0.0 && error <= total * MOST_ERROR && prices.iter().all(|price| *price >= 0.0)).then_some(prices)
}

/// Solves the equations of least squares, each with its result as the last number. None where they do not tell one
/// solution.
fn solved(mut system: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let size = system.len();
    let before: Vec<f64> = (0..size).map(|at| system.get(at)?.get(at).copied()).collect::<Option<_>>()?;
    for (at, before) in before.into_iter().enumerate() {
        let pivot = system.get(at)?.clone();
        let head = *pivot.get(at)?;
        // kinds that always come together have no price of their own: nothing is left of one without the other
        if head <= before * LEAST_LEFT || !head.is_normal() {
            return None;
        }
        for (_, equation) in system.iter_mut().enumerate().filter(|(row, _)| *row != at) {
            let factor = equation.get(at)? / head;
            for (cell, value) in equation.iter_mut().zip(&pivot) {
                *cell -= factor * value;
            }
        }
    }
    (0..size).map(|at| Some(system.get(at)?.last()? / system.get(at)?.get(at)?)).collect()
}
