//! DigitalOcean's bills: nightly figures for each day, and the invoices and the usage to date, which have the last word.
//!
//! The nightly figures are DigitalOcean's own estimates and need not add up to the invoice. So they give the days, and the
//! totals come from the invoice of a closed month and from `month_to_date_usage` of the running one; what lies between
//! is an adjustment. `month_to_date_balance` is never used: it has in it what is still owed from earlier.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toolkit::config::{Fields, Secret, SecretSource};

use super::pages::too_many;
use super::tally::Tally;
use super::{Bill, base_url, required_secret};
use crate::calendar::{Calendar, Day, Period, day_before};
use crate::charge::{Balance, Category, Charge, Snapshot, Source};
use crate::http::{BaseUrl, FetchError, Http, Reason, encode};
use crate::money::{Amount, Money};
use crate::shown::OTHER;
use crate::window::Window;

/// Days that may be asked for at once.
const MAX_DAYS: i32 = 31;

/// Rows of a page; 20 unless one asks for more.
const PAGE: &str = "200";

/// Pages of a list.
const MAX_PAGES: u32 = 1_000;

/// All amounts are in dollars.
const CURRENCY: &str = "USD";

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigitalOcean {
    base: BaseUrl,
    key: SecretSource,
}

#[derive(Debug, Deserialize)]
struct AccountReply {
    account: Account,
}

#[derive(Debug, Deserialize)]
struct Account {
    team: Option<Team>,
}

#[derive(Debug, Deserialize)]
struct Team {
    uuid: String,
}

#[derive(Debug, Deserialize)]
struct Insights {
    data_points: Option<Vec<DataPoint>>,
    total_items: Option<u64>,
    total_pages: u32,
}

/// What a resource cost on a day.
#[derive(Debug, Deserialize)]
struct DataPoint {
    start_date: Day,
    total_amount: Amount,
    sku: Option<String>,
    description: Option<String>,
    group_description: Option<String>,
}

#[derive(Debug, Deserialize)]
struct BalanceReply {
    /// What is owed from invoices and payments; negative when something is left.
    account_balance: Amount,
    month_to_date_usage: Amount,
    generated_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct Invoices {
    invoices: Vec<Invoice>,
    links: Option<Links>,
}

#[derive(Debug, Deserialize)]
struct Links {
    pages: Option<LinkPages>,
}

#[derive(Debug, Deserialize)]
struct LinkPages {
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Invoice {
    invoice_uuid: String,
    /// `2026-01`
    invoice_period: String,
}

#[derive(Debug, Deserialize)]
struct Summary {
    amount: Amount,
    taxes: Option<Part>,
    credits_and_adjustments: Option<Part>,
}

#[derive(Debug, Deserialize)]
struct Part {
    amount: Amount,
}

/// What the invoices of a month come to; most often there is one.
#[derive(Debug, Default)]
struct Invoiced {
    total: Money,
    taxes: Money,
    credits: Money,
}

impl Bill for DigitalOcean {
    const TYPE: &'static str = "digitalocean";
    const SOURCE: Source = Source::Reported;
    const INTERVAL: Duration = Duration::from_hours(6);
    // figures of a day are made in the night after it
    const SETTLES_AFTER: Duration = Duration::from_hours(36);
    const NEEDS: &'static str = "a token with the scopes billing:read and account:read";

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let base = base_url(fields, "https://api.digitalocean.com/v2");
        let key = required_secret(fields, "api_key");
        Some(Self { base: base?, key: key? })
    }

    async fn fetch(&self, http: &Http, window: &Window) -> Result<Snapshot, FetchError> {
        let key = self.key.read().await?;
        let mut tally = Tally::default();
        self.read_days(http, &key, window, &mut tally).await?;
        let balance: BalanceReply = self.get(http, &key, "balance", "/customers/my/balance").await?;
        let currency = Arc::<str>::from(CURRENCY);
        tally.reconcile(window.period(), &currency, balance.month_to_date_usage.0, window.today());
        for (month, invoiced) in self.closed_months(http, &key, window).await? {
            invoiced.settle(&mut tally, month, &currency);
        }
        let left = Balance { account: Arc::default(), currency, amount: -balance.account_balance.0 };
        Ok(Snapshot {
            charges: tally.into_charges(),
            balances: vec![left],
            data_until: balance.generated_at.map(|time| time.min(window.now).as_second()),
            ..Snapshot::of(Source::Reported, window)
        })
    }
}

impl DigitalOcean {
    async fn get<T: DeserializeOwned>(
        &self,
        http: &Http,
        key: &Secret,
        operation: &'static str,
        path: &str,
    ) -> Result<T, FetchError> {
        http.get(operation, &self.base.at(path)).bearer(key).fetch().await
    }

    /// The nightly figures of the window's days.
    async fn read_days(
        &self,
        http: &Http,
        key: &Secret,
        window: &Window,
        tally: &mut Tally,
    ) -> Result<(), FetchError> {
        let reply: AccountReply = self.get(http, key, "account", "/account").await?;
        let Some(team) = reply.account.team else {
            let message = "account: the token belongs to no team, and only teams have figures by day";
            return Err(FetchError::new(Reason::Refused, message));
        };
        let urn = format!("do:team:{}", encode(&team.uuid));
        for days in window.days().chunks(MAX_DAYS) {
            // the last day is included, unlike everywhere else
            let path = format!("/billing/{urn}/insights/{}/{}", days.start, day_before(days.end));
            let mut read = 0_u64;
            for page in 1.. {
                let number = page.to_string();
                let request = http.get("insights", &self.base.at(&path)).bearer(key);
                let reply: Insights = request.query("per_page", PAGE).query("page", &number).fetch().await?;
                let points = reply.data_points.unwrap_or_default();
                read = read.saturating_add(points.len() as u64);
                tally.extend(points.into_iter().filter_map(|point| point.charge(days)));
                if page >= reply.total_pages {
                    whole(read, reply.total_items)?;
                    break;
                }
                guard("insights", page)?;
            }
        }
        Ok(())
    }

    /// The invoices of the window's months that are over.
    async fn closed_months(
        &self,
        http: &Http,
        key: &Secret,
        window: &Window,
    ) -> Result<Vec<(Period, Invoiced)>, FetchError> {
        let mut months = BTreeMap::<Day, (Period, Invoiced)>::new();
        for page in 1.. {
            let number = page.to_string();
            let request = http.get("invoices", &self.base.at("/customers/my/invoices")).bearer(key);
            let reply: Invoices = request.query("per_page", PAGE).query("page", &number).fetch().await?;
            for invoice in reply.invoices {
                let Some(month) = month(&invoice.invoice_period) else {
                    let message = format!("invoices: {:?} is no month", invoice.invoice_period);
                    return Err(FetchError::malformed(message));
                };
                if month.start >= window.first && month.end <= window.period().start {
                    let path = format!("/customers/my/invoices/{}/summary", encode(&invoice.invoice_uuid));
                    let summary: Summary = self.get(http, key, "invoice_summary", &path).await?;
                    months.entry(month.start).or_insert_with(|| (month, Invoiced::default())).1.add(&summary);
                }
            }
            if reply.links.and_then(|links| links.pages?.next).is_none() {
                break;
            }
            guard("invoices", page)?;
        }
        Ok(months.into_values().collect())
    }
}

impl DataPoint {
    fn charge(self, days: Period) -> Option<Charge> {
        // a cluster's nodes are told by the cluster: their own description changes with their number
        let names = [self.group_description, self.description, self.sku];
        let service = names.into_iter().flatten().find(|name| !name.trim().is_empty());
        days.contains(self.start_date).then(|| Charge {
            account: Arc::default(),
            service: service.as_deref().unwrap_or(OTHER).into(),
            category: Category::Usage,
            day: self.start_date,
            currency: CURRENCY.into(),
            amount: self.total_amount.0,
        })
    }
}

impl Invoiced {
    fn add(&mut self, summary: &Summary) {
        let amount = |part: &Option<Part>| part.as_ref().map_or(Money::ZERO, |part| part.amount.0);
        self.total += summary.amount.0;
        self.taxes += amount(&summary.taxes);
        self.credits += amount(&summary.credits_and_adjustments);
    }

    /// Makes a closed month come to this.
    fn settle(&self, tally: &mut Tally, month: Period, currency: &Arc<str>) {
        let day = day_before(month.end);
        let credit = if self.credits.is_negative() { Category::Credit } else { Category::Adjustment };
        for (category, amount) in [(Category::Tax, self.taxes), (credit, self.credits)] {
            tally.add(Charge {
                account: Arc::default(),
                service: OTHER.into(),
                category,
                day,
                currency: Arc::clone(currency),
                amount,
            });
        }
        tally.reconcile(month, currency, self.total, day);
    }
}

/// The days of a month such as `2026-01`.
fn month(text: &str) -> Option<Period> {
    let first: Day = format!("{text}-01").parse().ok()?;
    Some(Calendar::Utc.period_of(first))
}

/// Rows move from page to page when some are added meanwhile: one that was missed would be missing in the sum.
fn whole(read: u64, said: Option<u64>) -> Result<(), FetchError> {
    match said {
        Some(said) if said != read => {
            let message = format!("insights: {read} rows came, {said} were announced");
            Err(FetchError::new(Reason::Incomplete, message))
        }
        _ => Ok(()),
    }
}

fn guard(operation: &str, page: u32) -> Result<(), FetchError> {
    if page < MAX_PAGES { Ok(()) } else { Err(too_many(operation, MAX_PAGES)) }
}
