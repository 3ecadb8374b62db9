//! Month to date, forecast, anomalies, budgets: pure, from [`Book`]s and the time.

mod book;
pub mod month;

pub(crate) use book::joined;
pub use book::{Book, Entries, HISTORY_DAYS};
