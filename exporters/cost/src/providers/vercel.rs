//! Vercel's charges: FOCUS 1.3, a JSON object a line, days of US Pacific time.
//!
//! A team has hundreds of rows a day: they are summed as they come, and never all in memory.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use toolkit::config::{Fields, Secret, SecretSource};

use super::tally::Tally;
use super::{Bill, base_url, required_secret};
use crate::calendar::{Calendar, Period};
use crate::charge::{Category, Charge, Snapshot, Source};
use crate::http::{BaseUrl, FetchError, Http, Reason};
use crate::money::Amount;
use crate::shown::OTHER;
use crate::window::Window;

/// Days that may be asked for at once: a year, as the shortest one has it.
const MAX_DAYS: i32 = 365;

/// Bytes of an answer: a year of a large team.
const MAX_BYTES: u64 = 1 << 30;

/// Bytes of a line: a row has less than one KiB.
const MAX_LINE: usize = 256 << 10;

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vercel {
    base: BaseUrl,
    key: SecretSource,
    team: Option<(&'static str, String)>,
    by_project: bool,
}

/// What is needed of a row's many columns.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    billed_cost: Amount,
    billing_currency: String,
    charge_category: Option<String>,
    charge_period_start: Timestamp,
    charge_period_end: Option<Timestamp>,
    service_name: Option<String>,
    tags: Option<Tags>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Tags {
    project_id: Option<String>,
    project_name: Option<String>,
}

/// What was read so far.
#[derive(Debug, Default)]
struct Reading {
    tally: Tally,
    rows: u64,
    data_until: Option<Timestamp>,
}

impl Bill for Vercel {
    const TYPE: &'static str = "vercel";
    const SOURCE: Source = Source::Reported;
    const INTERVAL: Duration = Duration::from_hours(6);
    const SETTLES_AFTER: Duration = Duration::from_hours(24);
    const NEEDS: &'static str = "a token of a member of the team who may see its bills, and team_id or team_slug unless the token is the team's";

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let base = base_url(fields, "https://api.vercel.com");
        let key = required_secret(fields, "api_key");
        let (id, slug) = (fields.string("team_id"), fields.string("team_slug"));
        if id.is_some() && slug.is_some() {
            fields.problem("team_slug", "`team_id` and `team_slug` cannot both be set");
        }
        let team = id.map(|id| ("teamId", id)).or_else(|| slug.map(|slug| ("slug", slug)));
        let by_project = fields.bool("by_project").unwrap_or(false);
        Some(Self { base: base?, key: key?, team, by_project })
    }

    fn calendar(&self) -> Calendar {
        Calendar::Pacific
    }

    async fn fetch(&self, http: &Http, window: &Window) -> Result<Snapshot, FetchError> {
        let key = self.key.read().await?;
        let mut reading = Reading::default();
        for days in window.days().chunks(MAX_DAYS) {
            self.read(http, &key, days, &mut reading).await?;
        }
        if reading.rows == 0 {
            // even what is included in a plan has rows, so that silence is no sum of 0
            return Err(FetchError::malformed("charges: there are none at all, not even of the plan"));
        }
        let data_until = reading.data_until.map(|time| time.min(window.now).as_second());
        let charges = reading.tally.into_charges();
        Ok(Snapshot { charges, data_until, ..Snapshot::of(Source::Reported, window) })
    }
}

impl Vercel {
    /// Reads the rows of some days.
    async fn read(
        &self,
        http: &Http,
        key: &Secret,
        days: Period,
        reading: &mut Reading,
    ) -> Result<(), FetchError> {
        let calendar = self.calendar();
        let mut request = http
            .get("charges", &self.base.at("/v1/billing/charges"))
            .bearer(key)
            .query("from", &calendar.start_of(days.start).to_string())
            .query("to", &calendar.start_of(days.end).to_string())
            .limit(MAX_BYTES);
        if let Some((name, value)) = &self.team {
            request = request.query(name, value);
        }
        let mut stream = request.open().await?;
        let mut rest = Vec::new();
        while let Some(piece) = stream.next().await? {
            let mut lines = piece.split(|byte| *byte == b'\n');
            // what stands before the first line's end belongs to the line that has begun
            rest.extend_from_slice(lines.next().unwrap_or_default());
            for line in lines {
                self.take(&rest, days, reading)?;
                rest.clear();
                rest.extend_from_slice(line);
            }
            if rest.len() > MAX_LINE {
                return Err(FetchError::new(Reason::TooLarge, "charges: a line is too long"));
            }
        }
        self.take(&rest, days, reading)
    }

    /// Adds the row of a line.
    fn take(&self, line: &[u8], days: Period, reading: &mut Reading) -> Result<(), FetchError> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let row: Row = serde_json::from_slice(line).map_err(|error| {
            FetchError::malformed(format!("charges: row {}: {error}", reading.rows.saturating_add(1)))
        })?;
        reading.rows = reading.rows.saturating_add(1);
        let day = self.calendar().day_of(row.charge_period_start);
        // rows that only end in these days come too, and were counted with the days before
        if days.contains(day) {
            let until = row.charge_period_end.unwrap_or(row.charge_period_start);
            reading.data_until = reading.data_until.max(Some(until));
            let tags = row.tags.filter(|_| self.by_project).unwrap_or_default();
            reading.tally.add(Charge {
                account: tags.project_name.or(tags.project_id).unwrap_or_default().into(),
                service: row.service_name.as_deref().unwrap_or(OTHER).into(),
                category: category(row.charge_category.as_deref()),
                day,
                currency: Arc::from(row.billing_currency.to_ascii_uppercase()),
                amount: row.billed_cost.0,
            });
        }
        Ok(())
    }
}

/// FOCUS' word for a kind of charge; its kinds are fewer than ours, and have the same names.
fn category(word: Option<&str>) -> Category {
    let word = word.unwrap_or("usage").to_ascii_lowercase();
    Category::from_word(&word).unwrap_or(Category::Adjustment)
}
