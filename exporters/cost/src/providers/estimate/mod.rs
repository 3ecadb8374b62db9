//! Amounts that no provider names: what runs, for how long, at which price.
//!
//! Invariant: what was seen to run stays counted. Rows of it are kept by the store and come back with each window, so
//! that neither a deletion nor a restart makes a month cheaper; what has no known price is counted apart and is never
//! taken for free.

mod meter;
mod prices;

use std::sync::Arc;

use toolkit::config::Fields;

use crate::calendar::Calendar;
use crate::charge::Finding;
use crate::money::Money;

pub(crate) use meter::{COMPUTE, Meter, Rounding, Running};
pub(crate) use prices::{Prices, Rate};

/// Advice, if it saves anything.
pub(crate) fn finding(
    kind: &str,
    subject: String,
    (monthly, currency): (Money, &Arc<str>),
    evidence: String,
) -> Option<Finding> {
    let saves = !monthly.is_zero() && !monthly.is_negative();
    saves.then(|| Finding { kind: kind.into(), subject, monthly, currency: Arc::clone(currency), evidence })
}

/// Blocks of this size that are begun.
pub(crate) fn started(quantity: Money, size: u64) -> u64 {
    if quantity.is_negative() {
        return 0;
    }
    let blocks = quantity.ratio(1, size).to_string();
    let (whole, rest) = blocks.split_once('.').unwrap_or((&blocks, ""));
    whole.parse::<u64>().unwrap_or(u64::MAX).saturating_add(u64::from(!rest.is_empty()))
}

/// The key `billing_day`: the day of a month on which periods begin, which no API tells.
pub(crate) fn billing_day(fields: &mut Fields<'_>) -> Option<Calendar> {
    let day = fields.integer("billing_day", 1..=31)?;
    i8::try_from(day).ok().map(Calendar::Anchor)
}

/// A count of bytes, minutes or credits as the page shows it.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(crate) fn shown(count: u64) -> f64 {
    count as f64
}
