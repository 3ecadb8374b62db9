//! Netlify, estimated from its plans and usage: it has no API for bills.
//!
//! A plan and its seats are paid on the first day of a period; bandwidth and build minutes that exceed the plan in blocks,
//! on the day on which a block is begun. How much of each is used is shown as a quota, since that is what surprises.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use toolkit::config::{Fields, Secret, SecretSource};

use super::estimate::{Meter, Prices, Rate, Rounding, billing_day, shown, started};
use super::pages::too_many;
use super::{Bill, base_url, required_secret};
use crate::calendar::{Calendar, Day};
use crate::charge::{Quota, Snapshot, Source};
use crate::http::{Answer, BaseUrl, FetchError, Http, Reason, encode};
use crate::money::{Amount, Money};
use crate::window::Window;

const PRICES: &str = include_str!("../../prices/netlify.yml");

/// Rows of a page.
const PAGE: &str = "100";

/// Pages of a list.
const MAX_PAGES: u32 = 100;

/// Quotas of one account that are shown.
const MAX_QUOTAS: usize = 20;

/// Bytes of a block of bandwidth.
const BANDWIDTH_BLOCK: u64 = 100 << 30;

/// Build minutes of a block.
const MINUTES_BLOCK: u64 = 500;

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Netlify {
    base: BaseUrl,
    key: SecretSource,
    prices: Prices,
    calendar: Option<Calendar>,
}

#[derive(Debug, Deserialize)]
struct Account {
    id: String,
    slug: String,
    type_name: String,
    billing_period: Option<String>,
    /// Most of them tell what is included and what is used.
    #[serde(default)]
    capabilities: BTreeMap<String, Value>,
}

/// What the API tells of a plan, in dollars.
#[derive(Debug, Deserialize)]
struct Plan {
    name: String,
    monthly_dollar_price: Option<Amount>,
    yearly_dollar_price: Option<Amount>,
    monthly_seats_addon_dollar_price: Option<Amount>,
}

/// Bytes.
#[derive(Clone, Debug, Deserialize)]
struct Bandwidth {
    used: u64,
    included: u64,
    period_start_date: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Builds {
    minutes: Minutes,
}

#[derive(Debug, Deserialize)]
struct Minutes {
    current: u64,
    /// A text in some answers, a number in others.
    #[serde(rename = "included_minutes")]
    included: Amount,
    period_start_date: Option<String>,
}

/// An account with what was asked about it.
struct Read {
    account: Account,
    bandwidth: Option<Bandwidth>,
    minutes: Option<Minutes>,
}

impl Bill for Netlify {
    const TYPE: &'static str = "netlify";
    const SOURCE: Source = Source::Estimated;
    const INTERVAL: Duration = Duration::from_hours(1);
    const SETTLES_AFTER: Duration = Duration::from_hours(1);
    const NEEDS: &'static str = "a personal access token; it sees the teams of the user who made it";

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let base = base_url(fields, "https://api.netlify.com/api/v1");
        let key = required_secret(fields, "api_key");
        let prices = Prices::decode(fields, "prices/netlify.yml", PRICES);
        let calendar = billing_day(fields);
        Some(Self { base: base?, key: key?, prices: prices?, calendar })
    }

    fn calendar(&self) -> Calendar {
        self.calendar.unwrap_or(Calendar::Utc)
    }

    async fn fetch(&self, http: &Http, window: &Window) -> Result<Snapshot, FetchError> {
        let ask = Ask { netlify: self, http, key: &self.key.read().await? };
        let accounts: Vec<Account> = ask.list("accounts", "/accounts").await?;
        let plans: Vec<Plan> = ask.get("account_types", "/accounts/types").await?.json()?;
        let mut all = Vec::new();
        for account in accounts {
            let bandwidth = format!("/accounts/{}/bandwidth", encode(&account.slug));
            let bandwidth = ask.perhaps::<Bandwidth>("bandwidth", &bandwidth).await?;
            let builds = format!("/{}/builds/status", encode(&account.id));
            let builds = ask.perhaps::<Vec<Builds>>("builds", &builds).await?;
            let minutes = builds.and_then(|builds| Some(builds.into_iter().next()?.minutes));
            all.push(Read { account, bandwidth, minutes });
        }
        let told = || all.iter().find_map(Read::anchor).map(Calendar::Anchor);
        let window = &window.in_calendar(self.calendar.or_else(told).unwrap_or(Calendar::Utc));
        let mut meter = Meter::new(window, &self.prices.currency, Rounding::Seconds);
        let mut quotas = Vec::new();
        for read in &all {
            let plan = plans.iter().find(|plan| plan.name == read.account.type_name);
            self.account(&mut meter, read, plan);
            quotas.extend(read.quotas());
        }
        Ok(Snapshot { quotas, prices_as_of: Some(self.prices.as_of), ..meter.finish() })
    }
}

impl Netlify {
    fn account(&self, meter: &mut Meter<'_>, read: &Read, live: Option<&Plan>) {
        let Account { id, slug, type_name, .. } = &read.account;
        let account: Arc<str> = slug.as_str().into();
        let is_yearly = read.account.billing_period.as_deref().is_some_and(|period| period.contains("year"));
        let told = live.and_then(|plan| {
            let twelfth = plan.yearly_dollar_price.map(|price| price.0.ratio(1, 12));
            if is_yearly { twelfth } else { plan.monthly_dollar_price.map(Money::from) }
        });
        let plan = self.prices.rate_or(&format!("plan.{type_name}"), told.map(Rate::Month));
        meter.pays(&format!("plan/{id}"), &account, &format!("plan/{type_name}"), plan.map(Rate::monthly));
        if let Some((used, included)) = read.account.capability("collaborators") {
            let seats = (used - included).max(0.0);
            if seats >= 1.0 {
                let told = live
                    .and_then(|plan| plan.monthly_seats_addon_dollar_price)
                    .map(|price| Rate::Each(price.0));
                let seat = self.prices.rate_or(&format!("seat.{type_name}"), told);
                let amount = seat.map(|seat| seat.scaled(Money::estimate(seats)).monthly());
                meter.pays(&format!("seats/{id}"), &account, "seats", amount);
            }
        }
        // whoever has credits pays for these with them
        if read.account.capability("credits").is_some() {
            return;
        }
        let used = [
            (
                "bandwidth",
                "bandwidth.100gb",
                BANDWIDTH_BLOCK,
                read.bandwidth.as_ref().map(|bandwidth| count(bandwidth.used) - count(bandwidth.included)),
            ),
            (
                "build_minutes",
                "build_minutes.500",
                MINUTES_BLOCK,
                read.minutes.as_ref().map(|minutes| count(minutes.current) - minutes.included.0),
            ),
        ];
        for (resource, price, size, over) in used {
            let blocks = over.map_or(0, |over| started(over, size));
            meter.uses(&format!("{resource}/{id}"), &account, resource, (blocks, self.prices.number(price)));
        }
    }
}

impl Account {
    /// What is used of something, and what is included.
    fn capability(&self, name: &str) -> Option<(f64, f64)> {
        let capability = self.capabilities.get(name)?;
        Some((capability.get("used")?.as_f64()?, capability.get("included")?.as_f64()?))
    }
}

impl Read {
    /// The day of a month on which its periods begin.
    fn anchor(&self) -> Option<i8> {
        let of = |date: &Option<String>| date.as_ref()?.get(..10)?.parse::<Day>().ok();
        let bandwidth = self.bandwidth.as_ref().and_then(|bandwidth| of(&bandwidth.period_start_date));
        let minutes = || self.minutes.as_ref().and_then(|minutes| of(&minutes.period_start_date));
        bandwidth.or_else(minutes).map(Day::day)
    }

    fn quotas(&self) -> Vec<Quota> {
        let quota = |resource: &str, unit: &str, used, limit| Quota {
            account: self.account.slug.as_str().into(),
            resource: resource.into(),
            unit: unit.into(),
            used,
            limit: Some(limit),
        };
        let bandwidth = self
            .bandwidth
            .iter()
            .map(|read| quota("bandwidth", "bytes", shown(read.used), shown(read.included)));
        let minutes = self
            .minutes
            .iter()
            .map(|read| quota("build_minutes", "minutes", shown(read.current), read.included.0.to_f64()));
        let others = self.account.capabilities.keys().filter_map(|name| {
            let (used, included) = self.account.capability(name)?;
            Some(quota(name, name, used, included))
        });
        bandwidth.chain(minutes).chain(others).take(MAX_QUOTAS).collect()
    }
}

/// Asking, for one refresh.
struct Ask<'a> {
    netlify: &'a Netlify,
    http: &'a Http,
    key: &'a Secret,
}

impl Ask<'_> {
    async fn get(&self, operation: &'static str, path: &str) -> Result<Answer, FetchError> {
        self.http.get(operation, &self.netlify.base.at(path)).bearer(self.key).send().await
    }

    /// None where this account has no such thing: one of these is not documented.
    async fn perhaps<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &str,
    ) -> Result<Option<T>, FetchError> {
        match self.get(operation, path).await {
            Ok(answer) => answer.json().map(Some),
            Err(error) if matches!(error.reason, Reason::Refused | Reason::Forbidden) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A whole list: each page but the last says in its head that there is another.
    async fn list<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &str,
    ) -> Result<Vec<T>, FetchError> {
        let mut all = Vec::new();
        for page in 1..=MAX_PAGES {
            let request = self.http.get(operation, &self.netlify.base.at(path)).bearer(self.key);
            let answer = request.query("page", &page.to_string()).query("per_page", PAGE).send().await?;
            all.extend(answer.json::<Vec<T>>()?);
            if !answer.header("link").contains("rel=\"next\"") {
                return Ok(all);
            }
        }
        Err(too_many(operation, MAX_PAGES))
    }
}

/// A count as a plain number.
fn count(count: u64) -> Money {
    Money::units(i64::try_from(count).unwrap_or(i64::MAX))
}
