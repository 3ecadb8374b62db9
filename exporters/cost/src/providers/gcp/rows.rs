//! BigQuery's answers, and what their rows mean.

use serde::Deserialize;

use super::super::tally::Tally;
use crate::calendar::{Calendar, Day, Period, day_before};
use crate::charge::{Category, Charge, Snapshot, Source};
use crate::http::FetchError;
use crate::money::Money;
use crate::window::Window;

/// The columns of the query.
const COLUMNS: [&str; 8] = ["month", "day", "account", "service", "kind", "currency", "amount", "used_until"];

/// An answer of `jobs.query` or `jobs.getQueryResults`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    pub(super) job_complete: bool,
    job_reference: Option<Job>,
    schema: Option<Schema>,
    #[serde(default)]
    rows: Vec<Row>,
    total_rows: Option<String>,
    page_token: Option<String>,
    total_bytes_processed: Option<String>,
    #[serde(default)]
    pub(super) cache_hit: bool,
}

/// Which job runs a query.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Job {
    pub(super) job_id: String,
    pub(super) location: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Schema {
    fields: Vec<Field>,
}

#[derive(Debug, Deserialize)]
struct Field {
    name: String,
}

/// A row: every value is a text, or nothing.
#[derive(Debug, Deserialize)]
struct Row {
    f: Vec<Cell>,
}

#[derive(Debug, Deserialize)]
struct Cell {
    v: Option<String>,
}

impl Answer {
    pub(super) fn job(&self) -> Result<Job, FetchError> {
        self.job_reference.clone().ok_or_else(|| FetchError::malformed("query: the answer names no job"))
    }

    /// Bytes that the query read.
    pub(super) fn bytes(&self) -> u64 {
        self.total_bytes_processed.as_deref().and_then(|text| text.parse().ok()).unwrap_or_default()
    }
}

/// What the pages said so far.
pub(super) struct Collected {
    days: Period,
    tally: Tally,
    used_until: Option<i64>,
    rows: u64,
    total: Option<u64>,
}

impl Collected {
    pub(super) fn new(window: &Window) -> Self {
        Self { days: window.days(), tally: Tally::default(), used_until: None, rows: 0, total: None }
    }

    /// Adds a page; gives the token of the next one.
    pub(super) fn add(&mut self, page: Answer) -> Result<Option<String>, FetchError> {
        let schema = page.schema.ok_or_else(|| FetchError::malformed("query: the answer has no schema"))?;
        if !schema.fields.iter().map(|field| field.name.as_str()).eq(COLUMNS) {
            return Err(FetchError::malformed("query: the answer has other columns than were asked for"));
        }
        self.total = page.total_rows.and_then(|text| text.parse().ok()).or(self.total);
        for row in page.rows {
            self.rows += 1;
            self.row(row)?;
        }
        Ok(page.page_token)
    }

    fn row(&mut self, row: Row) -> Result<(), FetchError> {
        let wrong = || FetchError::malformed("query: a row lacks a value");
        let values: Option<Vec<String>> = row.f.into_iter().map(|cell| cell.v).collect();
        let values: [String; 8] = values.and_then(|values| values.try_into().ok()).ok_or_else(wrong)?;
        let [month, day, account, service, kind, currency, amount, used_until] = values;
        let day = invoiced(&day, &month).ok_or_else(|| {
            FetchError::malformed(format!("query: {day} of {month} is no day of an invoice's month"))
        })?;
        // what is invoiced for a month before the window was not asked for, and what is invoiced for one that begins
        // tomorrow has no day yet
        if !self.days.contains(day) {
            return Ok(());
        }
        self.used_until = self.used_until.max(used_until.parse().ok());
        self.tally.add(Charge {
            account: account.into(),
            service: service.into(),
            category: category(&kind),
            day,
            currency: currency.to_ascii_uppercase().into(),
            amount: Money::parse(&amount)?,
        });
        Ok(())
    }

    pub(super) fn snapshot(self, window: &Window) -> Result<Snapshot, FetchError> {
        if self.total.is_some_and(|total| total != self.rows) {
            return Err(FetchError::malformed("query: there are fewer rows than it says"));
        }
        Ok(Snapshot {
            charges: self.tally.into_charges(),
            data_until: self.used_until.map(|until| until.min(window.now.as_second())),
            ..Snapshot::of(Source::Reported, window)
        })
    }
}

/// The day that a charge is counted on: the day it was used, or else the nearest one of the month that invoices it, so
/// that months come to what their invoices say.
fn invoiced(used: &str, month: &str) -> Option<Day> {
    let used: Day = used.parse().ok()?;
    let (year, month) = month.split_at_checked(4)?;
    let first = Day::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
    let period = Calendar::Pacific.period_of(first);
    Some(used.clamp(period.start, day_before(period.end)))
}

/// What kind of charge it is, by `cost_type`, and a word of ours for credits.
fn category(kind: &str) -> Category {
    match kind {
        "credit" => Category::Credit,
        "tax" => Category::Tax,
        "adjustment" | "rounding_error" => Category::Adjustment,
        _ => Category::Usage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_invoice_says_which_month_it_is() {
        for (used, month, expected) in [
            ("2026-01-31", "202601", Some("2026-01-31")),
            ("2026-01-31", "202602", Some("2026-02-01")),
            ("2026-02-01", "202601", Some("2026-01-31")),
            ("2025-12-31", "202601", Some("2026-01-01")),
            ("2026-01-31", "202613", None),
            ("2026-01-31", "", None),
            ("soon", "202601", None),
        ] {
            let expected = expected.map(|day| day.parse().unwrap());
            assert_eq!(invoiced(used, month), expected, "{used} {month}");
        }
    }
}
