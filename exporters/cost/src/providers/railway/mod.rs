//! Railway's bills: what has been used on each day, the usage of the running cycle in dollars, and the invoices of those
//! before.
//!
//! Railway tells days in units (gigabyte-minutes, vCPU-minutes) and dollars only for a whole cycle. So the days are
//! worked out with the prices that Railway's own client has, and the cycle comes to what Railway says; what lies between
//! (discounts, a usage that Railway has cached, the fee of the plan on an invoice) is an adjustment. Cycles begin on the
//! day of a month on which the workspace subscribed.

mod customer;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use toolkit::config::{Fields, Secret, SecretSource};

use self::customer::CustomerData;
use super::tally::Tally;
use super::{Bill, base_url, required_secret};
use crate::calendar::{Calendar, Day, Period, days_after};
use crate::charge::{Balance, Category, Charge, Snapshot, Source};
use crate::http::{BaseUrl, FetchError, Http, Reason};
use crate::money::{Amount, Money};
use crate::window::Window;

/// What is billed: Railway's name, ours, dollars a month or a gigabyte, and whether it is counted by the minute.
const MEASUREMENTS: [(&str, &str, &str, bool); 5] = [
    ("MEMORY_USAGE_GB", "memory", "10", true),
    ("CPU_USAGE", "cpu", "20", true),
    ("NETWORK_TX_GB", "egress", "0.05", false),
    ("DISK_USAGE_GB", "volume", "0.15", true),
    ("BACKUP_USAGE_GB", "backup", "0.15", true),
];

/// Minutes of a month, as prices count them.
const MINUTES: u64 = 43_200;

/// How far back usage is kept.
const MAX_DAYS: i32 = 90;

/// Days of one request.
const DAYS_AT_ONCE: i32 = 16;

/// Projects whose names are asked for.
const MAX_PROJECTS: u32 = 5_000;

/// All amounts are in dollars.
const CURRENCY: &str = "USD";

/// Characters of a message of Railway's that are quoted.
const QUOTED: usize = 160;

/// What of a workspace's customer is asked for: see [`customer`].
const CUSTOMER: &str = "query Customer($workspaceId: String!) { workspace(workspaceId: $workspaceId) { customer { \
    currentUsage creditBalance billingPeriod { start end } usageLimit { softLimit hardLimit } \
    subscriptions { billingCycleAnchor status } invoices { periodStart periodEnd total status } } } }";

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Railway {
    base: BaseUrl,
    key: SecretSource,
    workspace: String,
    by_project: bool,
}

/// An answer of GraphQL: a success may be a failure.
#[derive(Debug, Deserialize)]
struct Reply<T> {
    data: Option<T>,
    errors: Option<Vec<Problem>>,
}

#[derive(Debug, Deserialize)]
struct Problem {
    message: String,
}

/// How much of something was used.
#[derive(Debug, Deserialize)]
struct Usage {
    measurement: String,
    value: Amount,
    tags: UsageTags,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UsageTags {
    project_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ProjectsData {
    projects: Edges,
}

#[derive(Debug, Deserialize)]
struct Edges {
    edges: Vec<Edge>,
}

#[derive(Debug, Deserialize)]
struct Edge {
    node: Project,
}

#[derive(Debug, Deserialize)]
struct Project {
    id: String,
    name: String,
}

impl Bill for Railway {
    const TYPE: &'static str = "railway";
    const SOURCE: Source = Source::Reported;
    const INTERVAL: Duration = Duration::from_hours(1);
    const SETTLES_AFTER: Duration = Duration::from_hours(24);
    const NEEDS: &'static str = "a token of the account or the workspace (a project's token cannot see bills), and the workspace's id";

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let base = base_url(fields, "https://backboard.railway.com/graphql/v2");
        let key = required_secret(fields, "api_key");
        fields.require("workspace_id");
        let workspace = fields.string("workspace_id");
        let by_project = fields.bool("by_project").unwrap_or(false);
        Some(Self { base: base?, key: key?, workspace: workspace?, by_project })
    }

    async fn fetch(&self, http: &Http, window: &Window) -> Result<Snapshot, FetchError> {
        let key = self.key.read().await?;
        let workspace = json!({"workspaceId": self.workspace});
        let data: CustomerData = self.ask(http, &key, "customer", CUSTOMER, &workspace).await?;
        let customer = data.workspace.customer;
        let window = window.in_calendar(customer.calendar());
        let covers = Period { start: window.first.max(days_after(window.until, -MAX_DAYS)), ..window.days() };
        let names = self.names(http, &key).await?;
        let mut tally = Tally::default();
        for days in covers.chunks(DAYS_AT_ONCE) {
            for (day, usages) in self.usage(http, &key, days, window.now).await? {
                tally.extend(usages.iter().filter_map(|usage| usage.charge(day, names.as_ref())));
            }
        }
        customer.settle(&mut tally, &window, covers);
        Ok(Snapshot {
            covers,
            charges: tally.into_charges(),
            quotas: customer.quota().into_iter().collect(),
            balances: vec![Balance {
                account: Arc::default(),
                currency: CURRENCY.into(),
                amount: customer.credit_balance.0,
            }],
            data_until: Some(window.now.as_second()),
            ..Snapshot::of(Source::Reported, &window)
        })
    }
}

impl Railway {
    async fn ask<T: DeserializeOwned>(
        &self,
        http: &Http,
        key: &Secret,
        operation: &'static str,
        query: &str,
        variables: &serde_json::Value,
    ) -> Result<T, FetchError> {
        let body = json!({"query": query, "variables": variables});
        let reply: Reply<T> = http.post(operation, &self.base.at("")).bearer(key).json(&body).fetch().await?;
        if let Some(problem) = reply.errors.as_ref().and_then(|errors| errors.first()) {
            let words: String =
                problem.message.chars().filter(|letter| !letter.is_control()).take(QUOTED).collect();
            let reason =
                if words.contains("Not Authorized") { Reason::Unauthorized } else { Reason::Refused };
            return Err(FetchError::new(reason, format!("{operation}: {words}")));
        }
        reply.data.ok_or_else(|| FetchError::malformed(format!("{operation}: neither data nor errors")))
    }

    /// The names of projects, also of those that are deleted; none where they are not told apart.
    async fn names(
        &self,
        http: &Http,
        key: &Secret,
    ) -> Result<Option<HashMap<String, Arc<str>>>, FetchError> {
        if !self.by_project {
            return Ok(None);
        }
        let query = format!(
            "query Projects($workspaceId: String!) {{ projects(first: {MAX_PROJECTS}, includeDeleted: true, \
             workspaceId: $workspaceId) {{ edges {{ node {{ id name }} }} }} }}"
        );
        let variables = json!({"workspaceId": self.workspace});
        let data: ProjectsData = self.ask(http, key, "projects", &query, &variables).await?;
        let nodes = data.projects.edges.into_iter().map(|edge| edge.node);
        Ok(Some(nodes.map(|project| (project.id, project.name.into())).collect()))
    }

    /// What was used on each of some days. The API has no days: each is a question of its own, all in one request.
    async fn usage(
        &self,
        http: &Http,
        key: &Secret,
        days: Period,
        now: Timestamp,
    ) -> Result<Vec<(Day, Vec<Usage>)>, FetchError> {
        let mut query =
            "query Days($workspaceId: String!, $measurements: [MetricMeasurement!]!) {".to_owned();
        let mut names = BTreeMap::new();
        for day in days.iter() {
            let (start, end) = (Calendar::Utc.start_of(day), Calendar::Utc.end_of(day).min(now));
            let name = day.strftime("d%Y%m%d").to_string();
            // writing to a String cannot fail
            let _infallible = write!(
                query,
                " {name}: usage(workspaceId: $workspaceId, measurements: $measurements, groupBy: [PROJECT_ID], \
                 startDate: \"{start}\", endDate: \"{end}\", includeDeleted: true) \
                 {{ measurement value tags {{ projectId }} }}"
            );
            names.insert(name, day);
        }
        query.push_str(" }");
        let measurements = MEASUREMENTS.map(|(name, ..)| name);
        let variables = json!({"workspaceId": self.workspace, "measurements": measurements});
        let mut data: HashMap<String, Vec<Usage>> = self.ask(http, key, "usage", &query, &variables).await?;
        let found = names.into_iter().map(|(name, day)| match data.remove(&name) {
            Some(usages) => Ok((day, usages)),
            None => Err(FetchError::new(Reason::Incomplete, format!("usage: {day} is missing"))),
        });
        found.collect()
    }
}

impl Usage {
    fn charge(&self, day: Day, names: Option<&HashMap<String, Arc<str>>>) -> Option<Charge> {
        let known = MEASUREMENTS.iter().find(|(name, ..)| *name == self.measurement);
        let (_, service, price, by_minute) = known?;
        let amount = Money::parse(price).ok()?.times(self.value.0);
        let project = names.and_then(|names| {
            let id = self.tags.project_id.as_deref()?;
            Some(names.get(id).map_or_else(|| id.into(), Arc::clone))
        });
        Some(Charge {
            account: project.unwrap_or_default(),
            service: (*service).into(),
            category: Category::Usage,
            day,
            currency: CURRENCY.into(),
            amount: if *by_minute { amount.ratio(1, MINUTES) } else { amount },
        })
    }
}
