//! Google Cloud: the billing export in BigQuery, summed there by day, project, service and kind.
//!
//! Nothing else of Google's says what was spent. A query is paid by the bytes it reads: it names its partitions, is
//! refused beyond `maximum_bytes_billed`, and carries an id of its own, so that one that is sent again after a broken
//! connection does not run twice.

mod rows;
mod service_account;
#[cfg(test)]
mod tests;

use std::time::Duration;

use aws_lc_rs::rand;
use serde::Serialize;
use tokio::time::sleep;
use toolkit::config::{Fields, Secret, SecretSource};

use self::rows::{Answer, Collected, Job};
use self::service_account::ServiceAccount;
use super::pages::Pages;
use super::{Bill, MONTH, base_url, required_secret};
use crate::calendar::{Calendar, days_after};
use crate::charge::{Snapshot, Source};
use crate::http::{BaseUrl, FetchError, Http, Reason, encode};
use crate::money::Money;
use crate::window::Window;

/// How long BigQuery may think before it says that it is not ready.
const PATIENCE: u64 = 20_000;

/// How often it is asked whether a query is ready; each time it may take [`PATIENCE`], within the refresh's deadline.
const POLLS: u32 = 20;

/// The pause between two such questions, for a server that answers at once.
const PAUSE: Duration = Duration::from_millis(200);

/// Rows of a page.
const PAGE: u64 = 10_000;

/// What a query may read unless the file says otherwise: 0.6 cents.
const MAXIMUM_BYTES: i64 = 1 << 30;

/// Dollars for a TiB that is read, unless the file says otherwise; the first one of a month is free.
const PRICE: &str = "6.25";
const TIB: u64 = 1 << 40;

/// No query costs less than one of ten MiB, and every MiB that is begun counts.
const SMALLEST: u64 = 10 << 20;
const STEP: u64 = 1 << 20;

/// Days before the first one whose partitions are read too: what belongs to a month's invoice may be used, and written,
/// in the days before it.
const EARLIER: i32 = 7;

/// Sums in decimal digits: `cost` is a float, whose text is the amount that was meant.
const QUERY: &str = "SELECT month, CAST(day AS STRING) AS day, account, service, part.kind AS kind, currency, \
CAST(SUM(part.amount) AS STRING) AS amount, CAST(UNIX_SECONDS(MAX(used_until)) AS STRING) AS used_until \
FROM (SELECT invoice.month AS month, DATE(usage_start_time, 'America/Los_Angeles') AS day, \
IFNULL(project.id, '') AS account, IFNULL(service.description, '') AS service, currency, usage_end_time AS used_until, \
[STRUCT(IFNULL(cost_type, 'regular') AS kind, CAST(CAST(cost AS STRING) AS BIGNUMERIC) AS amount), \
STRUCT('credit' AS kind, (SELECT SUM(CAST(CAST(credit.amount AS STRING) AS BIGNUMERIC)) FROM UNNEST(credits) AS credit) AS amount)] AS parts \
FROM `{table}` WHERE _PARTITIONTIME >= @since AND invoice.month >= @month), UNNEST(parts) AS part \
WHERE part.amount IS NOT NULL GROUP BY month, day, account, service, kind, currency";

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gcp {
    base: BaseUrl,
    /// Where tokens come from, where the key does not say so rightly.
    token_url: Option<BaseUrl>,
    key: SecretSource,
    /// Who pays for the query; the key's own project when none is named.
    project: Option<String>,
    table: String,
    location: Option<String>,
    maximum_bytes: i64,
    price: Money,
}

/// The question.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<'a> {
    query: &'a str,
    use_legacy_sql: bool,
    parameter_mode: &'a str,
    query_parameters: [Parameter<'a>; 2],
    maximum_bytes_billed: String,
    timeout_ms: u64,
    max_results: u64,
    /// The same one does not run twice.
    request_id: String,
    dry_run: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Parameter<'a> {
    name: &'a str,
    #[serde(rename = "parameterType")]
    kind: ParameterType<'a>,
    #[serde(rename = "parameterValue")]
    value: ParameterValue,
}

#[derive(Debug, Serialize)]
struct ParameterType<'a> {
    r#type: &'a str,
}

#[derive(Debug, Serialize)]
struct ParameterValue {
    value: String,
}

/// A project, and a token for it.
struct Session {
    project: String,
    token: Secret,
}

impl Bill for Gcp {
    const TYPE: &'static str = "gcp";
    const SOURCE: Source = Source::Reported;
    const INTERVAL: Duration = Duration::from_hours(6);
    const SETTLES_AFTER: Duration = Duration::from_hours(72);
    const NEEDS: &'static str = "the key (JSON) of a service account with BigQuery Job User in its project and BigQuery Data Viewer on the table of the billing export";

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let base = base_url(fields, "https://bigquery.googleapis.com/bigquery/v2");
        let token_url = fields.parsed("token_url", BaseUrl::parse);
        let key = required_secret(fields, "service_account_key");
        let project = fields.parsed("project", project);
        fields.require("table");
        let table = fields.parsed("table", table);
        let location = fields.string("location");
        let maximum_bytes = fields.integer("maximum_bytes_billed", 1..=i64::MAX).unwrap_or(MAXIMUM_BYTES);
        let price = fields.parsed("price_per_tib", Money::parse).or_else(|| Money::parse(PRICE).ok());
        Some(Self {
            base: base?,
            token_url,
            key: key?,
            project,
            table: table?,
            location,
            maximum_bytes,
            price: price?,
        })
    }

    fn calendar(&self) -> Calendar {
        Calendar::Pacific
    }

    async fn fetch(&self, http: &Http, window: &Window) -> Result<Snapshot, FetchError> {
        let session = self.session(http).await?;
        let query = QUERY.replace("{table}", &self.table);
        let question = self.question(&query, window, false)?;
        let mut answer: Answer = self.ask(http, &session, &question).await?;
        let job = answer.job()?;
        for _ in 0..POLLS {
            if answer.job_complete {
                break;
            }
            sleep(PAUSE).await;
            answer = self.more(http, &session, &job, None).await?;
        }
        if !answer.job_complete {
            return Err(FetchError::new(Reason::Timeout, "query: it does not come to its end"));
        }
        http.cost(self.price_of(answer.bytes(), answer.cache_hit)).await?;
        let mut collected = Collected::new(window);
        let mut pages = Pages::of("query");
        loop {
            let next = collected.add(answer)?;
            let Some(token) = pages.next(next)? else { return collected.snapshot(window) };
            answer = self.more(http, &session, &job, Some(&token)).await?;
        }
    }

    /// Has the query planned and not run, which is free.
    async fn probe(&self, http: &Http, window: &Window) -> Result<Option<Snapshot>, FetchError> {
        let session = self.session(http).await?;
        let query = QUERY.replace("{table}", &self.table);
        let question = self.question(&query, window, true)?;
        let _planned: Answer = self.ask(http, &session, &question).await?;
        Ok(None)
    }

    fn own_cost(&self, interval: Duration) -> Money {
        let query = self.price_of(self.maximum_bytes.unsigned_abs(), false);
        query.ratio(MONTH, interval.as_secs().max(1))
    }
}

impl Gcp {
    async fn session(&self, http: &Http) -> Result<Session, FetchError> {
        let account = ServiceAccount::parse(&self.key.read().await?)?;
        let project = self.project.clone().or_else(|| account.project_id.clone());
        let project = project
            .ok_or_else(|| FetchError::new(Reason::Secret, "the key names no project: give `project`"))?;
        let token_url = self.token_url.as_ref().map(|url| url.at(""));
        Ok(Session { project, token: account.token(http, token_url.as_deref()).await? })
    }

    fn question<'a>(
        &'a self,
        query: &'a str,
        window: &Window,
        dry_run: bool,
    ) -> Result<Question<'a>, FetchError> {
        let since = days_after(window.first, -EARLIER);
        let parameter = |name, r#type, value| Parameter {
            name,
            kind: ParameterType { r#type },
            value: ParameterValue { value },
        };
        Ok(Question {
            query,
            use_legacy_sql: false,
            parameter_mode: "NAMED",
            query_parameters: [
                parameter("since", "TIMESTAMP", format!("{since} 00:00:00+00:00")),
                parameter("month", "STRING", window.first.strftime("%Y%m").to_string()),
            ],
            maximum_bytes_billed: self.maximum_bytes.to_string(),
            timeout_ms: PATIENCE,
            max_results: PAGE,
            request_id: request_id()?,
            dry_run,
            location: self.location.as_deref(),
        })
    }

    async fn ask(
        &self,
        http: &Http,
        session: &Session,
        question: &Question<'_>,
    ) -> Result<Answer, FetchError> {
        let url = self.base.at(&format!("/projects/{}/queries", encode(&session.project)));
        http.post("query", &url).bearer(&session.token).json(question).fetch().await
    }

    /// The answer of a query that was not ready, or its next page.
    async fn more(
        &self,
        http: &Http,
        session: &Session,
        job: &Job,
        page: Option<&str>,
    ) -> Result<Answer, FetchError> {
        let path = format!("/projects/{}/queries/{}", encode(&session.project), encode(&job.job_id));
        let mut request = http
            .get("query_results", &self.base.at(&path))
            .bearer(&session.token)
            .query("maxResults", &PAGE.to_string())
            .query("timeoutMs", &PATIENCE.to_string());
        if let Some(location) = &job.location {
            request = request.query("location", location);
        }
        if let Some(page) = page {
            request = request.query("pageToken", page);
        }
        request.fetch().await
    }

    /// What a query costs that read so many bytes.
    fn price_of(&self, bytes: u64, cached: bool) -> Money {
        if cached || bytes == 0 {
            return Money::ZERO;
        }
        self.price.ratio(bytes.div_ceil(STEP).saturating_mul(STEP).max(SMALLEST), TIB)
    }
}

fn request_id() -> Result<String, FetchError> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_unspecified| FetchError::new(Reason::Internal, "no random numbers"))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn project(text: &str) -> Result<String, &'static str> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if !text.is_empty() && text.bytes().all(good) {
        Ok(text.to_owned())
    } else {
        Err("expected a project's id")
    }
}

/// A table's name, which is put into the query.
fn table(text: &str) -> Result<String, &'static str> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:".contains(&byte);
    let parts: Vec<&str> = text.split('.').collect();
    let named = |part: &&str| !part.is_empty() && part.bytes().all(good);
    // the project may be `example.com:project`
    if (3..=4).contains(&parts.len()) && parts.iter().all(named) {
        return Ok(text.to_owned());
    }
    Err("expected a table such as project.dataset.gcp_billing_export_v1_012345_ABCDEF_012345")
}
