//! Whether a day is unusual: three gates, on the scale on which the noise of costs is even, which is the logarithm's.

use super::pattern::{WINDOW, Week, last, median, spread, week, with_weekdays};

/// Days that must be known before anything is unusual.
const LEAST_DAYS: usize = 14;

/// Days of which the usual level is made.
const LEVEL_DAYS: usize = 28;

/// Days with costs of which noise can be told; with fewer, the largest of them stands for what is usual.
const LEAST_PAID: usize = 10;

/// The noise of something that has cost something on few days.
const UNKNOWN_NOISE: f64 = 0.25;

/// The least noise: something that costs the same every day is not unusual by a percent more.
const LEAST_NOISE: f64 = 0.06;

/// The least factor of a weekday: of what rests at weekends, a Saturday at work is not ten times too much.
const LEAST_FACTOR: f64 = 0.3;

/// Unusual days in a row after which they are the new level.
const SHIFT_DAYS: usize = 3;

/// What must be true at once of an unusual day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gates {
    /// How many times the usual noise above what is expected.
    pub score: f64,
    /// How many times what is expected.
    pub ratio: f64,
    /// How much more money, in its currency.
    pub excess: f64,
}

/// How unusual a day is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// What it was expected to cost.
    pub expected: f64,
    /// How far it lies above, in units of the usual noise; none where nothing is usual yet.
    pub score: Option<f64>,
    /// How much more it cost than expected; negative for less.
    pub excess: f64,
    /// Whether all gates are passed.
    pub active: bool,
    /// It cost nothing before.
    pub is_new: bool,
    /// It lies above what was usual, for so long that this is the new level.
    pub sustained: bool,
}

impl Gates {
    /// For what several services cost together, which is quieter.
    pub fn of_total(excess: f64) -> Self {
        Self { score: 3.5, ratio: 1.5, excess }
    }

    /// For one service.
    pub fn of_service(excess: f64) -> Self {
        Self { score: 4.5, ..Self::of_total(excess) }
    }
}

/// Judges what a day has cost by settled days, oldest first, the last of which has this weekday (0 to 6). None when they are
/// too few.
pub(super) fn judge(
    history: &[f64],
    last_weekday: usize,
    value: f64,
    weekday: usize,
    gates: Gates,
) -> Option<Verdict> {
    let verdict = at_once(history, last_weekday, value, weekday, gates)?;
    if !verdict.active || verdict.is_new {
        return Some(verdict);
    }
    let moved = rebased(history, last_weekday, gates);
    let again = moved.and_then(|history| at_once(&history, last_weekday, value, weekday, gates));
    Some(again.map_or(verdict, |again| Verdict { sustained: true, ..again }))
}

/// By the days as they were.
fn at_once(
    history: &[f64],
    last_weekday: usize,
    value: f64,
    weekday: usize,
    gates: Gates,
) -> Option<Verdict> {
    if history.len() < LEAST_DAYS {
        return None;
    }
    let days = last(history, WINDOW);
    let paid: Vec<(f64, usize)> =
        with_weekdays(days, last_weekday).filter(|(value, _)| *value > 0.0).collect();
    let (expected, noise) = if paid.is_empty() {
        let active = value > gates.excess;
        return Some(Verdict {
            expected: 0.0,
            score: None,
            excess: value,
            active,
            is_new: active,
            sustained: false,
        });
    } else if paid.len() < LEAST_PAID {
        (paid.iter().map(|(value, _)| *value).fold(0.0, f64::max), UNKNOWN_NOISE)
    } else {
        let week = week(days, last_weekday).map(|factor| factor.max(LEAST_FACTOR));
        usual(&week, &paid, weekday)
    };
    let ratio = value.max(expected / 100.0) / expected;
    let (score, excess) = (ratio.ln() / noise, value - expected);
    let active = score >= gates.score && ratio >= gates.ratio && excess >= gates.excess;
    Some(Verdict { expected, score: Some(score), excess, active, is_new: false, sustained: false })
}

/// What is expected on a weekday, and the noise around it.
fn usual(week: &Week, paid: &[(f64, usize)], weekday: usize) -> (f64, f64) {
    let logs: Vec<f64> = paid.iter().map(|(value, weekday)| (value / week[*weekday]).ln()).collect();
    let level = median(last(&logs, LEVEL_DAYS).to_vec());
    (level.exp() * week[weekday % 7], spread(&logs).max(LEAST_NOISE))
}

/// The history on its newest level, where it has moved to another for at least three days in the last four weeks.
fn rebased(history: &[f64], last_weekday: usize, gates: Gates) -> Option<Vec<f64>> {
    let mut history = history.to_vec();
    let from = history.len().saturating_sub(LEVEL_DAYS).max(LEAST_DAYS);
    let (mut row, mut moved) = (Vec::new(), false);
    for at in from..history.len() {
        let weekday = (last_weekday + 7 - (history.len() - 1 - at) % 7) % 7;
        let (before, value) = (history.get(..at)?, *history.get(at)?);
        match at_once(before, (weekday + 6) % 7, value, weekday, gates)
            .filter(|verdict| verdict.active && !verdict.is_new)
        {
            Some(verdict) => row.push(value / verdict.expected),
            None => row.clear(),
        }
        if row.len() == SHIFT_DAYS {
            let factor = median(std::mem::take(&mut row));
            for old in history.iter_mut().take(at + 1 - SHIFT_DAYS) {
                *old *= factor;
            }
            moved = true;
        }
    }
    moved.then_some(history)
}
