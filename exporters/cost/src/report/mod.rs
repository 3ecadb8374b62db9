//! A month for a person: what it cost and why, what it will cost, what was unusual, and what could be saved.
//!
//! A month is one of the calendar, of each provider's own days. [`Report`] is made once, from books and the time; the
//! formats only write it down. The same data gives the same bytes.

mod csv;
mod html;
mod make;
mod slack;
mod tables;
#[cfg(test)]
mod tests;
mod text;

use jiff::Timestamp;
use serde::Serialize;

pub use make::{Given, Source};

use crate::calendar::{Day, Period};
use crate::money::Money;

/// Services that changed most that are named, of each currency.
const MOVERS: usize = 10;

/// A month.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The month, `2026-03`.
    pub month: String,
    /// Its days.
    pub days: Period,
    /// When the report was made.
    pub as_of: Timestamp,
    /// Whether the month is over.
    pub is_over: bool,
    /// One of each currency; they are never added together.
    pub totals: Vec<Total>,
    /// What each provider cost.
    pub providers: Vec<Row>,
    /// What each service cost.
    pub services: Vec<Row>,
    /// The services that changed most, by the same day of the month before.
    pub movers: Vec<Row>,
    /// How the budgets stand at the end of the month, or now.
    pub budgets: Vec<BudgetRow>,
    /// How good the forecasts were that were made in the month, once it is settled.
    pub forecasts: Vec<HeldForecast>,
    /// Days that cost unusually much.
    pub anomalies: Vec<UnusualDay>,
    /// Credits and refunds.
    pub credits: Vec<CreditRow>,
    /// What could be saved in a month, as of now.
    pub recommendations: Vec<Recommendation>,
    /// What the reader must know about the data.
    pub notes: Vec<String>,
    /// What each day cost.
    pub daily: Vec<DayRow>,
}

/// What a currency's charges amount to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Total {
    /// The currency.
    pub currency: String,
    /// The month, so far or whole; net of credits, without taxes unless `include_tax` is set.
    pub amount: Money,
    /// How much of it is estimated.
    pub estimated: Money,
    /// The month before by the same day; none where nothing is known of it.
    pub same_day: Option<Money>,
    /// The whole month before; none where nothing is known of it.
    pub previous: Option<Money>,
    /// What the month will have cost; none once it is over, or where too little is known.
    pub forecast: Option<Band>,
}

/// A forecast, to cents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Band {
    /// What is expected.
    pub amount: Money,
    /// In four of five cases it is between this
    pub lower: Money,
    /// and this.
    pub upper: Money,
}

/// What a provider or one of its services cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The provider.
    pub provider: String,
    /// The account; empty for a provider as a whole.
    pub account: String,
    /// The service; empty for a provider as a whole.
    pub service: String,
    /// The currency.
    pub currency: String,
    /// Whether it is estimated, not the provider's own amount.
    pub is_estimated: bool,
    /// The month.
    pub amount: Money,
    /// The month before by the same day; none where nothing is known of it.
    pub same_day: Option<Money>,
    /// The whole month before; none where nothing is known of it.
    pub previous: Option<Money>,
}

/// A budget.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BudgetRow {
    /// Its name.
    pub name: String,
    /// The currency.
    pub currency: String,
    /// Its days.
    pub days: Period,
    /// What may be spent.
    pub limit: Money,
    /// What is.
    pub spent: Money,
    /// The share that is spent.
    pub used: f64,
    /// The share of its time that is over.
    pub elapsed: f64,
    /// What will be spent; none where too little is known.
    pub forecast: Option<Band>,
    /// On which day it is used up; none if never in its time.
    pub exhausted: Option<Day>,
    /// Whether all that counts is known.
    pub is_complete: bool,
}

/// A forecast that was kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeldForecast {
    /// The provider.
    pub provider: String,
    /// The account.
    pub account: String,
    /// The currency.
    pub currency: String,
    /// On which day of the month it was made.
    pub day: u8,
    /// What was expected.
    pub expected: Money,
    /// What came.
    pub actual: Money,
}

/// A day that cost unusually much.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnusualDay {
    /// The day.
    pub day: Day,
    /// The provider.
    pub provider: String,
    /// The account.
    pub account: String,
    /// The service; empty for the account as a whole.
    pub service: String,
    /// The currency.
    pub currency: String,
    /// What it cost.
    pub cost: Money,
    /// What it was expected to cost.
    pub expected: Money,
    /// Whether it cost nothing before.
    pub is_new: bool,
    /// Of an account, the services that cost most more than expected.
    pub because_of: Vec<String>,
}

/// Credits of a provider.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CreditRow {
    /// The provider.
    pub provider: String,
    /// The account.
    pub account: String,
    /// The currency.
    pub currency: String,
    /// Credits and discounts of the month; negative.
    pub credits: Money,
    /// Refunds of the month; negative.
    pub refunds: Money,
}

/// Advice with a price on it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recommendation {
    /// The provider.
    pub provider: String,
    /// What kind of advice.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// What would be saved in a month.
    pub monthly: Money,
    /// The currency.
    pub currency: String,
    /// What was seen.
    pub evidence: String,
}

/// What a day cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DayRow {
    /// The day.
    pub day: Day,
    /// The currency.
    pub currency: String,
    /// What it cost.
    pub amount: Money,
    /// Whether it is settled at all providers.
    pub is_settled: bool,
}

/// How a report is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For a terminal or a mail.
    Text,
    /// For a wiki or a pull request.
    Markdown,
    /// For a browser: one file, without scripts.
    Html,
    /// For programs: all digits.
    Json,
    /// For a spreadsheet: one line for each service.
    Csv,
    /// For Slack: blocks, as `chat.postMessage` and incoming webhooks take them.
    Slack,
}

impl Format {
    /// All there are, by name.
    pub const ALL: [(&'static str, Self); 6] = [
        ("text", Self::Text),
        ("markdown", Self::Markdown),
        ("html", Self::Html),
        ("json", Self::Json),
        ("csv", Self::Csv),
        ("slack", Self::Slack),
    ];

    /// By its name.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == word).map(|(_, format)| *format)
    }
}

impl Report {
    /// The report in a format, with a line break at its end.
    pub fn write(&self, format: Format) -> String {
        match format {
            Format::Text => text::plain(self),
            Format::Markdown => text::markdown(self),
            Format::Html => html::page(self),
            // numbers, texts and lists can always be written
            Format::Json => serde_json::to_string_pretty(self).unwrap_or_default() + "\n",
            Format::Csv => csv::lines(self),
            Format::Slack => slack::blocks(self),
        }
    }
}
