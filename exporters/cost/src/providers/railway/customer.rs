//! What Railway says of a workspace as a customer: its cycle, what it has used, its invoices.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;

use super::CURRENCY;
use crate::calendar::{Calendar, Period, day_before};
use crate::charge::Quota;
use crate::money::{Amount, Cents, Money};
use crate::providers::tally::Tally;
use crate::window::Window;

#[derive(Debug, Deserialize)]
pub(super) struct CustomerData {
    pub(super) workspace: WorkspaceData,
}

#[derive(Debug, Deserialize)]
pub(super) struct WorkspaceData {
    pub(super) customer: Customer,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Customer {
    /// In dollars.
    pub(super) current_usage: Amount,
    pub(super) credit_balance: Amount,
    pub(super) billing_period: Cycle,
    pub(super) usage_limit: Option<UsageLimit>,
    #[serde(default)]
    pub(super) subscriptions: Vec<Subscription>,
    #[serde(default)]
    pub(super) invoices: Vec<Invoice>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Cycle {
    pub(super) start: Timestamp,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageLimit {
    pub(super) soft_limit: Option<f64>,
    pub(super) hard_limit: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subscription {
    pub(super) billing_cycle_anchor: Timestamp,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invoice {
    pub(super) period_start: Timestamp,
    pub(super) period_end: Timestamp,
    /// In cents, unlike the usage.
    pub(super) total: Cents,
    pub(super) status: Option<String>,
}

impl Customer {
    /// A cycle that begins on the 31st begins on the 28th in February: the anchor tells them apart.
    pub(super) fn calendar(&self) -> Calendar {
        let start = Calendar::Utc.day_of(self.billing_period.start);
        let anchors = self.subscriptions.iter().map(|subscription| subscription.billing_cycle_anchor);
        let anchors = anchors.map(|anchor| Calendar::Anchor(Calendar::Utc.day_of(anchor).day()));
        let fitting = |calendar: &Calendar| calendar.period_of(start).start == start;
        anchors.into_iter().find(fitting).unwrap_or_else(|| Calendar::Anchor(start.day()))
    }

    /// Makes the cycles come to what Railway says.
    pub(super) fn settle(&self, tally: &mut Tally, window: &Window, covers: Period) {
        let currency = CURRENCY.into();
        tally.reconcile(window.period(), &currency, self.current_usage.0, window.today());
        let mut cycle = window.calendar.previous(window.period());
        while cycle.start >= covers.start {
            let invoices: Vec<&Invoice> =
                self.invoices.iter().filter(|invoice| invoice.is_of(cycle)).collect();
            if !invoices.is_empty() {
                let total: Money = invoices.iter().map(|invoice| invoice.total.0).sum();
                tally.reconcile(cycle, &currency, total, day_before(cycle.end));
            }
            cycle = window.calendar.previous(cycle);
        }
    }

    pub(super) fn quota(&self) -> Option<Quota> {
        let limit = self.usage_limit.as_ref()?;
        Some(Quota {
            account: Arc::default(),
            resource: "usage_limit".into(),
            unit: "dollars".into(),
            used: self.current_usage.0.to_f64(),
            limit: limit.hard_limit.or(limit.soft_limit),
        })
    }
}

impl Invoice {
    /// Whether it bills this cycle. The first invoice of a subscription covers no time at all.
    fn is_of(&self, cycle: Period) -> bool {
        let (start, end) = (Calendar::Utc.day_of(self.period_start), Calendar::Utc.day_of(self.period_end));
        let counts = !matches!(self.status.as_deref(), Some("void" | "draft"));
        counts && start < end && cycle.start < end && end <= cycle.end
    }
}
