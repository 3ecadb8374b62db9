//! What Cost Management answers, and what it means.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::calendar::{Day, Period};
use crate::charge::{Category, Charge};
use crate::http::{FetchError, Reason};
use crate::money::Amount;

#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) properties: Properties,
}

/// A page: rows by position, in the order of the columns.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Properties {
    columns: Vec<Column>,
    rows: Vec<Vec<Box<RawValue>>>,
    pub(super) next_link: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Column {
    name: String,
}

impl Properties {
    pub(super) fn read(&self, days: Period, charges: &mut Vec<Charge>) -> Result<(), FetchError> {
        let at = |names: &[&str]| {
            let found = names.iter().find_map(|name| {
                self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
            });
            found.ok_or_else(|| {
                FetchError::malformed(format!("query: there is no column {}", names.first().unwrap_or(&"")))
            })
        };
        let cost = at(&["Cost", "PreTaxCost", "totalCost"])?;
        let (date, currency) = (at(&["UsageDate"])?, at(&["Currency"])?);
        let (service, kind) = (at(&["ServiceName"])?, at(&["ChargeType"])?);
        for row in &self.rows {
            let cell = |at: usize| {
                row.get(at).ok_or_else(|| FetchError::malformed("query: a row is shorter than the columns"))
            };
            let day = day(cell(date)?.get())?;
            if !days.contains(day) {
                return Err(FetchError::malformed(format!("query: {day} was not asked for")));
            }
            let service = text(cell(service)?)?;
            charges.push(Charge {
                account: Arc::from(""),
                // credits and roundings of some agreements name none
                service: if service.is_empty() { "unassigned".into() } else { service.into() },
                category: category(&text(cell(kind)?)?),
                day,
                currency: text(cell(currency)?)?.to_ascii_uppercase().into(),
                amount: parsed::<Amount>(cell(cost)?)?.0,
            });
        }
        Ok(())
    }
}

/// A text; null is "".
fn text(raw: &RawValue) -> Result<String, FetchError> {
    Ok(parsed::<Option<String>>(raw)?.unwrap_or_default())
}

fn parsed<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, FetchError> {
    serde_json::from_str(raw.get()).map_err(|error| FetchError::malformed(format!("query: {error}")))
}

/// A day: the number 20260131, or a text that begins with its date.
fn day(raw: &str) -> Result<Day, FetchError> {
    let digits: String = raw.chars().filter(char::is_ascii_digit).take(8).collect();
    Day::strptime("%Y%m%d", &digits).map_err(|_invalid| FetchError::malformed("query: a date is no date"))
}

/// The mark of the next page in its link, still encoded.
pub(super) fn skip_token(link: &str) -> Result<&str, FetchError> {
    let query = link.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let found =
        pairs.filter(|(name, _)| name.trim_start_matches("%24").trim_start_matches('$') == "skiptoken");
    found
        .map(|(_, value)| value)
        .next()
        .ok_or_else(|| FetchError::new(Reason::Paging, "query: the next page's link has no $skiptoken"))
}

fn category(charge_type: &str) -> Category {
    const KINDS: [(&str, Category); 8] = [
        ("Purchase", Category::Purchase),
        ("Refund", Category::Refund),
        ("Credit", Category::Credit),
        ("Tax", Category::Tax),
        ("Adjustment", Category::Adjustment),
        ("Rounding", Category::Adjustment),
        ("RoundingAdjustment", Category::Adjustment),
        ("Usage", Category::Usage),
    ];
    let found = KINDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(charge_type));
    // also what commitments lie unused for
    found.map_or(Category::Usage, |(_, category)| *category)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_days() {
        for (link, expected) in [
            ("https://a/query?api-version=1&$skiptoken=AQ%3D", Some("AQ%3D")),
            ("https://elsewhere/q?%24skiptoken=x&b=c", Some("x")),
            ("https://a/query?api-version=1", None),
            ("", None),
        ] {
            assert_eq!(skip_token(link).ok(), expected, "{link}");
        }
        for (raw, expected) in [
            ("20260131", Some("2026-01-31")),
            ("\"2026-01-31T00:00:00\"", Some("2026-01-31")),
            ("20260231", None),
            ("null", None),
        ] {
            assert_eq!(day(raw).ok(), expected.map(|day| day.parse().unwrap()), "{raw}");
        }
    }
}
