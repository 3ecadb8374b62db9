//! From what the files say to what is told: which days are known, and what was paid for and not used.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tracing::warn;

use super::sums::{Part, Unused};
use crate::calendar::{Day, Period, day_after, days_after, days_between};
use crate::charge::{Finding, Snapshot, Source};
use crate::http::FetchError;
use crate::money::Money;
use crate::window::Window;

/// Days over which what is not used is summed, and the length of a month for the figure.
const MONTH: i32 = 30;

/// Days between the starts of two billing periods that follow each other, at most.
const LONGEST_PERIOD: i32 = 31;

/// Findings that are told: the largest.
const MAX_FINDINGS: usize = 20;

/// What is told of all files together.
pub(super) fn of(part: Part, window: &Window) -> Result<Snapshot, FetchError> {
    if part.count.rows == 0 {
        // a bill of nothing has rows too
        return Err(FetchError::malformed("the files have no rows"));
    }
    if let Some((row, what)) = part.count.first {
        warn!(rows = part.count.rows, bad = part.count.bad, row, what, "rows of FOCUS files cannot be used");
    }
    let covers = covered(&part, window);
    let end = window.calendar.start_of(covers.end);
    let data_until = part.until.unwrap_or(end).min(window.now);
    Ok(Snapshot {
        covers,
        findings: findings(&part.unused, covers),
        data_until: part.newest.map(|_| data_until.as_second()),
        unpriced: part.count.bad,
        charges: part.charges,
        ..Snapshot::of(Source::Reported, window)
    })
}

/// The days of which the files say what they cost: from the first of the billing periods that are there without a gap,
/// to the last day that has a row. A day before or after may have cost something.
fn covered(part: &Part, window: &Window) -> Period {
    let days = window.days();
    let start = first_without_gap(&part.periods).unwrap_or(days.end);
    let end = part.newest.map_or(days.start, day_after).min(days.end);
    let start = start.max(days.start).min(days.end);
    Period { start, end: end.max(start) }
}

fn first_without_gap(periods: &BTreeSet<Day>) -> Option<Day> {
    let mut newest_first = periods.iter().rev();
    let newest = *newest_first.next()?;
    Some(
        newest_first
            .try_fold(
                newest,
                |first, day| {
                    if days_between(*day, first) <= LONGEST_PERIOD { Ok(*day) } else { Err(first) }
                },
            )
            .unwrap_or_else(|first| first),
    )
}

/// Commitments of which a part was not used in the last days.
fn findings(unused: &[Unused], covers: Period) -> Vec<Finding> {
    let days = Period { start: covers.start.max(days_after(covers.end, -MONTH)), end: covers.end };
    let mut sums: BTreeMap<(&Arc<str>, &Arc<str>), Money> = BTreeMap::new();
    for unused in unused.iter().filter(|unused| days.contains(unused.day)) {
        *sums.entry((&unused.commitment, &unused.currency)).or_default() += unused.amount;
    }
    let length = u64::from(days.days().unsigned_abs());
    let mut found: Vec<Finding> = sums
        .into_iter()
        .filter(|(_, sum)| !sum.is_negative() && !sum.is_zero())
        .map(|((commitment, currency), sum)| Finding {
            kind: "unused_commitment".into(),
            subject: commitment.to_string(),
            monthly: sum.ratio(u64::from(MONTH.unsigned_abs()), length),
            currency: Arc::clone(currency),
            evidence: format!(
                "{sum:.2} {currency} of it were paid for and not used from {} to {}",
                days.start,
                days_after(days.end, -1)
            ),
        })
        .collect();
    found.sort_by_key(|finding| std::cmp::Reverse(finding.monthly));
    found.truncate(MAX_FINDINGS);
    found
}
