//! Supabase, estimated from plans, computes, disks and add-ons: it has no API for bills.
//!
//! Every begun hour of a compute is billed, also an idle one; a paused project costs nothing. What a plan includes for
//! computes is included once for an organization, and the disk once for a project.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toolkit::config::{Fields, Secret, SecretSource};

use super::estimate::{COMPUTE, Meter, Prices, Rate, Rounding, Running, billing_day, finding};
use super::pages::too_many;
use super::{Bill, base_url, required_secret};
use crate::calendar::Calendar;
use crate::charge::{Finding, Quota, Snapshot, Source};
use crate::http::{BaseUrl, FetchError, Http, Reason, encode};
use crate::money::{Amount, Money};
use crate::window::Window;

const PRICES: &str = include_str!("../../prices/supabase.yml");

/// Rows of a page.
const PAGE: u64 = 100;

/// Pages of a list.
const MAX_PAGES: u64 = 100;

/// The plan on which nothing is charged.
const FREE: &str = "free";

/// What the list calls a compute of the API's own name.
const COMPUTE_SIZE: &str = "ci_";

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supabase {
    base: BaseUrl,
    key: SecretSource,
    prices: Prices,
    calendar: Option<Calendar>,
}

#[derive(Debug, Deserialize)]
struct Organization {
    slug: Option<String>,
    id: String,
}

#[derive(Debug, Deserialize)]
struct Details {
    plan: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Projects {
    projects: Vec<Project>,
    pagination: Option<Pagination>,
}

#[derive(Debug, Deserialize)]
struct Pagination {
    count: u64,
}

#[derive(Debug, Deserialize)]
struct Project {
    #[serde(rename = "ref")]
    reference: String,
    name: String,
    status: String,
    inserted_at: Option<Timestamp>,
    #[serde(default)]
    databases: Vec<Database>,
}

#[derive(Debug, Deserialize)]
struct Database {
    identifier: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    infra_compute_size: Option<String>,
    disk_volume_size_gb: Option<u64>,
    disk_type: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Addons {
    #[serde(default)]
    selected_addons: Vec<Selected>,
    #[serde(default)]
    available_addons: Vec<Available>,
}

#[derive(Debug, Deserialize)]
struct Selected {
    #[serde(rename = "type")]
    kind: String,
    variant: Variant,
}

#[derive(Debug, Deserialize)]
struct Available {
    #[serde(default)]
    variants: Vec<Variant>,
}

#[derive(Debug, Deserialize)]
struct Variant {
    id: String,
    price: Option<Price>,
}

#[derive(Debug, Deserialize)]
struct Price {
    interval: String,
    amount: Amount,
}

/// Requests of a week, by hour or day.
#[derive(Debug, Deserialize)]
struct Counts {
    #[serde(default)]
    result: Vec<Count>,
}

#[derive(Debug, Deserialize)]
struct Count {
    #[serde(default, rename = "total_auth_requests")]
    auth: u64,
    #[serde(default, rename = "total_realtime_requests")]
    realtime: u64,
    #[serde(default, rename = "total_rest_requests")]
    rest: u64,
    #[serde(default, rename = "total_storage_requests")]
    storage: u64,
}

impl Bill for Supabase {
    const TYPE: &'static str = "supabase";
    const SOURCE: Source = Source::Estimated;
    const INTERVAL: Duration = Duration::from_hours(1);
    const SETTLES_AFTER: Duration = Duration::from_hours(1);
    const NEEDS: &'static str = "an access token of a user who may see the organizations' projects";

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let base = base_url(fields, "https://api.supabase.com/v1");
        let key = required_secret(fields, "api_key");
        let prices = Prices::decode(fields, "prices/supabase.yml", PRICES);
        let calendar = billing_day(fields);
        Some(Self { base: base?, key: key?, prices: prices?, calendar })
    }

    fn calendar(&self) -> Calendar {
        self.calendar.unwrap_or(Calendar::Utc)
    }

    async fn fetch(&self, http: &Http, window: &Window) -> Result<Snapshot, FetchError> {
        let ask = Ask { supabase: self, http, key: &self.key.read().await? };
        let mut meter = Meter::new(window, &self.prices.currency, Rounding::StartedHours);
        let (mut findings, mut credits) = (Vec::new(), BTreeMap::new());
        let organizations: Vec<Organization> = ask.get("organizations", "/organizations", &[]).await?;
        for organization in organizations {
            let slug = organization.slug.unwrap_or(organization.id);
            let path = format!("/organizations/{}", encode(&slug));
            let details: Details = ask.get("organization", &path, &[]).await?;
            let plan = details.plan.unwrap_or_default();
            let account: Arc<str> = slug.as_str().into();
            let price = self.prices.rate(&format!("plan.{plan}")).map(Rate::monthly);
            meter.pays(&format!("plan/{slug}"), &account, &format!("plan/{plan}"), price);
            if let Some(credit) = self.prices.number(&format!("credit.{plan}")) {
                meter.includes(&format!("compute/{slug}"), &account, credit);
                credits.insert(Arc::clone(&account), credit);
            }
            for project in ask.projects(&path).await? {
                let addons = if plan == FREE { Addons::default() } else { ask.addons(&project).await? };
                let rate = self.project(&mut meter, (&account, &plan), &project, &addons);
                findings.extend(ask.idle(&project, rate, window).await?);
            }
        }
        let snapshot = meter.finish();
        let quotas = credits.into_iter().map(|(account, credit)| quota(&snapshot, account, credit)).collect();
        Ok(Snapshot { quotas, findings, prices_as_of: Some(self.prices.as_of), ..snapshot })
    }
}

impl Supabase {
    /// Meters a project's databases and add-ons; the price of its main compute, if it has one and runs.
    fn project(
        &self,
        meter: &mut Meter<'_>,
        (account, plan): (&Arc<str>, &str),
        project: &Project,
        addons: &Addons,
    ) -> Option<Rate> {
        let mut main = None;
        let off = project.is_paused() || plan == FREE;
        let mut run = |item: String, service: String, rate: Option<Rate>| {
            let rate = if off { Some(Rate::FREE) } else { rate };
            let (account, since) = (Arc::clone(account), project.inserted_at);
            meter.runs(Running { item, account, service, rate, since });
        };
        for database in &project.databases {
            let is_main = database.kind == "PRIMARY";
            let id = database.identifier.as_deref().unwrap_or(&project.reference);
            let id = if is_main { &project.reference } else { id };
            let size = database.infra_compute_size.as_deref().unwrap_or_default();
            let rate = self.prices.rate_or(&format!("compute.{size}"), addons.compute(size));
            if is_main && !off {
                main = rate;
            }
            let kind = if is_main { "primary" } else { "replica" };
            run(format!("{kind}/{id}"), format!("{COMPUTE}{}", project.name), rate);
            let Some(size) = database.disk_volume_size_gb else { continue };
            let included = if is_main { self.prices.number("included.disk_gb") } else { None };
            let over = Money::units(i64::try_from(size).unwrap_or(i64::MAX)) - included.unwrap_or_default();
            let over = if over.is_negative() { Money::ZERO } else { over };
            let disk = database.disk_type.as_deref().unwrap_or("gp3");
            let rate = self.prices.rate(&format!("disk.{disk}.gb")).map(|rate| rate.scaled(over));
            run(format!("disk_{kind}/{id}"), format!("disk/{}", project.name), rate);
        }
        for addon in addons.selected_addons.iter().filter(|addon| addon.kind != "compute_instance") {
            let rate = self.prices.rate_or(&format!("addon.{}", addon.variant.id), addon.variant.rate());
            let item = format!("addon/{}/{}", project.reference, addon.kind);
            run(item, format!("{}/{}", addon.kind, project.name), rate);
        }
        main
    }
}

impl Addons {
    /// What the API says that a size of computes costs.
    fn compute(&self, size: &str) -> Option<Rate> {
        let selected = self.selected_addons.iter().map(|addon| &addon.variant);
        let all = selected.chain(self.available_addons.iter().flat_map(|addon| &addon.variants));
        all.filter(|variant| variant.id.strip_prefix(COMPUTE_SIZE) == Some(size)).find_map(Variant::rate)
    }
}

impl Variant {
    fn rate(&self) -> Option<Rate> {
        let price = self.price.as_ref()?;
        match price.interval.as_str() {
            "hourly" => Some(Rate::Hour(price.amount.0, None)),
            "monthly" => Some(Rate::Month(price.amount.0)),
            _ => None,
        }
    }
}

impl Project {
    /// Whether it costs nothing for now.
    fn is_paused(&self) -> bool {
        matches!(&*self.status, "INACTIVE" | "PAUSED" | "REMOVED" | "INIT_FAILED" | "GOING_DOWN")
    }
}

/// How much of the included computes an organization has used in this period.
fn quota(snapshot: &Snapshot, account: Arc<str>, credit: Money) -> Quota {
    let computes = snapshot.charges.iter().filter(|charge| {
        charge.account == account
            && charge.service.starts_with(COMPUTE)
            && snapshot.period.contains(charge.day)
    });
    let used = computes.map(|charge| charge.amount).sum::<Money>().min(credit);
    Quota {
        account,
        resource: "compute_credit".into(),
        unit: "usd".into(),
        used: used.to_f64(),
        limit: Some(credit.to_f64()),
    }
}

/// Asking, for one refresh.
struct Ask<'a> {
    supabase: &'a Supabase,
    http: &'a Http,
    key: &'a Secret,
}

impl Ask<'_> {
    async fn get<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, FetchError> {
        let request = self.http.get(operation, &self.supabase.base.at(path)).bearer(self.key);
        request.queries(query.iter().copied()).fetch().await
    }

    async fn projects(&self, organization: &str) -> Result<Vec<Project>, FetchError> {
        let (mut all, path) = (Vec::new(), format!("{organization}/projects"));
        for page in 0..MAX_PAGES {
            let (offset, limit) = ((page * PAGE).to_string(), PAGE.to_string());
            let reply: Projects =
                self.get("projects", &path, &[("offset", &offset), ("limit", &limit)]).await?;
            let came = reply.projects.len() as u64;
            all.extend(reply.projects);
            let count = reply.pagination.map(|pagination| pagination.count);
            let is_last = count.map_or(came < PAGE, |count| all.len() as u64 >= count);
            if is_last {
                return Ok(all);
            }
            if came == 0 {
                let message = format!("projects: {} came and more were announced", all.len());
                return Err(FetchError::new(Reason::Incomplete, message));
            }
        }
        Err(too_many("projects", MAX_PAGES))
    }

    async fn addons(&self, project: &Project) -> Result<Addons, FetchError> {
        if project.is_paused() {
            return Ok(Addons::default());
        }
        self.get("addons", &format!("/projects/{}/billing/addons", encode(&project.reference)), &[]).await
    }

    /// A project that runs, is paid and answered nobody for a week.
    async fn idle(
        &self,
        project: &Project,
        rate: Option<Rate>,
        window: &Window,
    ) -> Result<Option<Finding>, FetchError> {
        let Some(rate) = rate else { return Ok(None) };
        let is_new = project
            .inserted_at
            .is_none_or(|since| window.now.duration_since(since) < jiff::SignedDuration::from_hours(24 * 7));
        if is_new {
            return Ok(None);
        }
        let path = format!("/projects/{}/analytics/endpoints/usage.api-counts", encode(&project.reference));
        let counts: Counts = match self.get("api_counts", &path, &[("interval", "7day")]).await {
            Ok(counts) => counts,
            // advice, and no part of the bill
            Err(error) if matches!(error.reason, Reason::Refused | Reason::Forbidden) => return Ok(None),
            Err(error) => return Err(error),
        };
        let requests: u64 = counts.result.iter().map(Count::requests).sum();
        if requests > 0 || counts.result.is_empty() {
            return Ok(None);
        }
        let evidence = format!("{} answered no request in seven days and its compute runs", project.name);
        let monthly = (rate.monthly(), &self.supabase.prices.currency);
        Ok(finding("idle_project", project.name.clone(), monthly, evidence))
    }
}

impl Count {
    fn requests(&self) -> u64 {
        [self.auth, self.realtime, self.rest, self.storage].into_iter().fold(0, u64::saturating_add)
    }
}
