//! Azure Cost Management: the days of a scope by service and kind of charge.

mod answer;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::Serialize;
use toolkit::config::{Fields, Secret, SecretSource};

use self::answer::{Answer, skip_token};
use super::pages::Pages;
use super::{Bill, base_url, oauth, required_secret};
use crate::calendar::{Period, day_before};
use crate::charge::{Charge, Snapshot, Source};
use crate::http::{BaseUrl, FetchError, Http, encode};
use crate::window::Window;

/// Where Microsoft's own services are.
const MANAGEMENT: &str = "https://management.azure.com";
const LOGIN: &str = "https://login.microsoftonline.com";

const API_VERSION: &str = "2025-03-01";

/// Who asks: without a name of our own we would share a quota with every program that has none.
const CLIENT_TYPE: &str = "watchfire-cost-exporter";

/// Days of one question. A month of data costs one unit of the quota, however it is cut.
const DAYS: i32 = 31;

/// Headers that say, in seconds, which of the quotas is used up for how long.
const PATIENCE: &[&str] = &[
    "x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after",
    "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after",
    "x-ms-ratelimit-microsoft.costmanagement-tenant-retry-after",
    "x-ms-ratelimit-microsoft.costmanagement-client-retry-after",
    "x-ms-ratelimit-microsoft.costmanagement-clienttype-retry-after",
];

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Azure {
    base: BaseUrl,
    login: BaseUrl,
    tenant: String,
    client: String,
    secret: SecretSource,
    /// What a token is for.
    audience: String,
    /// What is asked about, without slashes around: `subscriptions/…`.
    scope: String,
    basis: &'static str,
}

/// The question.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<'a> {
    r#type: &'a str,
    timeframe: &'a str,
    time_period: TimePeriod,
    dataset: Dataset<'a>,
}

/// Both ends are included.
#[derive(Debug, Serialize)]
struct TimePeriod {
    from: String,
    to: String,
}

#[derive(Debug, Serialize)]
struct Dataset<'a> {
    granularity: &'a str,
    aggregation: Aggregation<'a>,
    grouping: [Dimension<'a>; 2],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Aggregation<'a> {
    total_cost: Function<'a>,
}

#[derive(Debug, Serialize)]
struct Function<'a> {
    name: &'a str,
    function: &'a str,
}

#[derive(Debug, Serialize)]
struct Dimension<'a> {
    r#type: &'a str,
    name: &'a str,
}

impl<'a> Question<'a> {
    fn about(days: Period, basis: &'a str) -> Self {
        let dimension = |name| Dimension { r#type: "Dimension", name };
        Self {
            r#type: basis,
            timeframe: "Custom",
            time_period: TimePeriod {
                from: format!("{}T00:00:00Z", days.start),
                to: format!("{}T23:59:59Z", day_before(days.end)),
            },
            dataset: Dataset {
                granularity: "Daily",
                aggregation: Aggregation { total_cost: Function { name: "Cost", function: "Sum" } },
                grouping: [dimension("ServiceName"), dimension("ChargeType")],
            },
        }
    }
}

impl Bill for Azure {
    const TYPE: &'static str = "azure";
    const SOURCE: Source = Source::Reported;
    const INTERVAL: Duration = Duration::from_hours(6);
    const SETTLES_AFTER: Duration = Duration::from_hours(48);
    const NEEDS: &'static str =
        "a secret of an app registration with the role Cost Management Reader on the scope";

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        // a double or a proxy gives the tokens too; clouds of states name both
        let usual_login = fields.string("base_url").unwrap_or_else(|| LOGIN.to_owned());
        let base = base_url(fields, MANAGEMENT);
        let login = if fields.has("login_url") {
            fields.parsed("login_url", BaseUrl::parse)
        } else {
            BaseUrl::parse(&usual_login).ok()
        };
        for key in ["tenant_id", "client_id", "scope"] {
            fields.require(key);
        }
        let tenant = fields.parsed("tenant_id", id);
        let client = fields.parsed("client_id", id);
        let secret = required_secret(fields, "client_secret");
        let scope = fields.parsed("scope", scope);
        let audience = fields.string("token_scope").unwrap_or_else(|| format!("{MANAGEMENT}/.default"));
        let bases = [("actual", "ActualCost"), ("amortized", "AmortizedCost")];
        let basis = fields.choice("basis", &bases).unwrap_or("ActualCost");
        Some(Self {
            base: base?,
            login: login?,
            tenant: tenant?,
            client: client?,
            secret: secret?,
            audience,
            scope: scope?,
            basis,
        })
    }

    async fn fetch(&self, http: &Http, window: &Window) -> Result<Snapshot, FetchError> {
        let token = self.token(http).await?;
        let mut charges = Vec::new();
        for days in window.days().chunks(DAYS) {
            self.read(http, &token, days, &mut charges).await?;
        }
        let newest = charges.iter().map(|charge| charge.day).max();
        let until = newest.map(|day| window.calendar.end_of(day).min(window.now).as_second());
        Ok(Snapshot { charges, data_until: until, ..Snapshot::of(Source::Reported, window) })
    }
}

impl Azure {
    async fn token(&self, http: &Http) -> Result<Secret, FetchError> {
        let secret = self.secret.read().await?;
        let url = self.login.at(&format!("/{}/oauth2/v2.0/token", encode(&self.tenant)));
        let request = http.post("token", &url).form(&[
            ("grant_type", "client_credentials"),
            ("client_id", &self.client),
            ("client_secret", secret.expose().trim()),
            ("scope", &self.audience),
        ]);
        oauth::token(request).await
    }

    /// All pages of some days.
    async fn read(
        &self,
        http: &Http,
        token: &Secret,
        days: Period,
        charges: &mut Vec<Charge>,
    ) -> Result<(), FetchError> {
        let question = Question::about(days, self.basis);
        let path =
            format!("/{}/providers/Microsoft.CostManagement/query?api-version={API_VERSION}", self.scope);
        let url = self.base.at(&path);
        let mut pages = Pages::of("query");
        let mut next = url.clone();
        loop {
            let request = http
                .post("query", &next)
                .bearer(token)
                .header("clienttype", CLIENT_TYPE)
                .patience(PATIENCE)
                .json(&question);
            let answer = request.send().await?;
            if answer.status == 204 {
                return Ok(());
            }
            let page = answer.json::<Answer>()?.properties;
            page.read(days, charges)?;
            match pages.next(page.next_link)? {
                None => return Ok(()),
                // the token goes where it went before, and nowhere else: only the page's mark is taken from the link
                Some(link) => next = format!("{url}&$skiptoken={}", skip_token(&link)?),
            }
        }
    }
}

fn id(text: &str) -> Result<String, &'static str> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    if !text.is_empty() && text.bytes().all(good) { Ok(text.to_owned()) } else { Err("expected an id") }
}

/// A scope, which becomes a part of the address.
fn scope(text: &str) -> Result<String, &'static str> {
    let text = text.trim_matches('/');
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/()".contains(&byte);
    if text.contains('/') && text.bytes().all(good) && !text.contains("..") {
        return Ok(text.to_owned());
    }
    Err("expected a scope such as subscriptions/00000000-0000-0000-0000-000000000000")
}
