//! What Cost Explorer answers, and what it means.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::calendar::{Day, Period};
use crate::charge::{Category, Charge, Snapshot, Source};
use crate::http::FetchError;
use crate::money::Amount;
use crate::window::Window;

/// A page. A day may be on two of them, with some of its groups on each.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    results_by_time: Vec<Slot>,
    next_page_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Slot {
    time_period: Time,
    #[serde(default)]
    groups: Vec<Group>,
    #[serde(default)]
    estimated: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Time {
    start: Day,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Group {
    keys: Vec<String>,
    metrics: HashMap<String, Metric>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    amount: Amount,
    unit: String,
}

/// What the pages said so far.
pub(super) struct Collected {
    days: Period,
    metric: &'static str,
    charges: Vec<Charge>,
    estimated_from: Option<Day>,
    /// The newest day that anything is said about.
    newest: Option<Day>,
    slots: usize,
}

impl Collected {
    pub(super) fn new(days: Period, metric: &'static str) -> Self {
        Self { days, metric, charges: Vec::new(), estimated_from: None, newest: None, slots: 0 }
    }

    /// Adds a page; gives the token of the next one.
    pub(super) fn add(&mut self, page: Answer) -> Result<Option<String>, FetchError> {
        for slot in page.results_by_time {
            self.slots += 1;
            let day = slot.time_period.start;
            // no day is counted twice, should the service ever give more than was asked for
            if !self.days.contains(day) {
                continue;
            }
            if slot.estimated {
                self.estimated_from = Some(self.estimated_from.map_or(day, |from| from.min(day)));
            }
            if !slot.groups.is_empty() {
                self.newest = self.newest.max(Some(day));
            }
            for group in slot.groups {
                self.charges.push(charge(day, group, self.metric)?);
            }
        }
        Ok(page.next_page_token)
    }

    pub(super) fn snapshot(self, window: &Window) -> Result<Snapshot, FetchError> {
        // every day has its slot, also one that cost nothing
        if self.slots == 0 {
            return Err(FetchError::malformed("get_cost_and_usage: the answer has no days"));
        }
        let until = self.newest.map(|day| window.calendar.end_of(day).min(window.now).as_second());
        Ok(Snapshot {
            covers: self.days,
            charges: self.charges,
            estimated_from: self.estimated_from,
            data_until: until,
            ..Snapshot::of(Source::Reported, window)
        })
    }
}

fn charge(day: Day, mut group: Group, metric: &str) -> Result<Charge, FetchError> {
    let [service, record_type] = group.keys.as_slice() else {
        return Err(FetchError::malformed(
            "get_cost_and_usage: a group is not of a service and a record type",
        ));
    };
    let Some(Metric { amount, unit }) = group.metrics.remove(metric) else {
        return Err(FetchError::malformed(format!("get_cost_and_usage: a group has no {metric}")));
    };
    Ok(Charge {
        account: Arc::from(""),
        service: service.as_str().into(),
        category: category(record_type),
        day,
        currency: unit.to_ascii_uppercase().into(),
        amount: amount.0,
    })
}

/// What kind of charge a record type is. What is bought at a savings plan's price is usage at the list price and a
/// negation of it; both are usage, so that they cancel out, and the plan's fee is the purchase.
fn category(record_type: &str) -> Category {
    const KINDS: [(&str, Category); 20] = [
        ("usage", Category::Usage),
        ("discountedusage", Category::Usage),
        ("savingsplancoveredusage", Category::Usage),
        ("savingsplannegation", Category::Usage),
        ("fee", Category::Purchase),
        ("recurring", Category::Purchase),
        ("upfront", Category::Purchase),
        ("rifee", Category::Purchase),
        ("savingsplanrecurringfee", Category::Purchase),
        ("savingsplanupfrontfee", Category::Purchase),
        ("support", Category::Purchase),
        ("otheroutofcyclecharges", Category::Purchase),
        ("credit", Category::Credit),
        ("bundleddiscount", Category::Credit),
        ("refund", Category::Refund),
        ("exportrefund", Category::Refund),
        ("adjustment", Category::Adjustment),
        ("rounding", Category::Adjustment),
        ("tax", Category::Tax),
        ("taxrefund", Category::Tax),
    ];
    // `SavingsPlanNegation` in the API's words, `Savings Plan Negation` in the console's
    let word: String = record_type.chars().filter(char::is_ascii_alphanumeric).collect();
    let word = word.to_ascii_lowercase();
    match KINDS.iter().find(|(known, _)| *known == word) {
        Some((_, category)) => *category,
        // of enterprises, of private price lists, of volume, of resellers
        None if word.contains("discount") => Category::Credit,
        None => Category::Usage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_types() {
        for (record_type, expected) in [
            ("Usage", Category::Usage),
            ("DiscountedUsage", Category::Usage),
            ("SavingsPlanNegation", Category::Usage),
            ("Savings Plan Recurring Fee", Category::Purchase),
            ("Support", Category::Purchase),
            ("Credit", Category::Credit),
            ("Enterprise Discount Program Discount", Category::Credit),
            ("Private Rate Card Discount", Category::Credit),
            ("Refund", Category::Refund),
            ("Tax", Category::Tax),
            ("NoRecordType", Category::Usage),
        ] {
            assert_eq!(category(record_type), expected, "{record_type}");
        }
    }
}
