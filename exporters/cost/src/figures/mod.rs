//! Month to date, forecast, anomalies, budgets, advice: pure, from [`Book`]s and the time.
//!
//! | module | holds |
//! |---|---|
//! | `book` | what is known of a provider, as it is shown |
//! | [`month`] | this period, the one before, the last settled day |
//! | `pattern`, `judge` | level, week and noise of a series of plain numbers; whether a day is unusual |
//! | `course` | how a service goes on: fixed charges, what is used daily, days that are not settled |
//! | [`forecast`], [`anomaly`] | the period's end, with a band and how good it was; unusual days |
//! | [`budgets`], [`advice`] | what may be spent and when it is used up; what could be saved |

pub mod advice;
pub mod anomaly;
mod book;
pub mod budgets;
mod course;
pub mod forecast;
mod judge;
pub mod month;
mod pattern;
#[cfg(test)]
mod synthetic;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use book::joined;
pub use book::{Book, Entries, HISTORY_DAYS};
pub(crate) use course::Outlook;
pub use judge::{Gates, Verdict};
