//! AWS Cost Explorer: every day by service and record type, in one request, each page of which costs a cent.
//!
//! Invariants: one question for all days that are wanted, so that a refresh is one paid request for all but the largest
//! accounts; a page is asked for with the very same body beside its token; what is not answered whole is not used.

mod answer;
pub(crate) mod credentials;
mod nearby;
mod sts;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::Serialize;
use toolkit::aws_sign::Credentials;
use toolkit::config::Fields;

use self::answer::{Answer, Collected};
use self::credentials::Keys;
use self::sts::signer;
use super::pages::{Pages, too_many};
use super::{Bill, MONTH, base_url};
use crate::calendar::{Day, Period};
use crate::charge::{Snapshot, Source};
use crate::http::{BaseUrl, FetchError, Http};
use crate::money::Money;
use crate::window::Window;

/// A request, and each page is one, costs a cent; there is no price list to ask.
const REQUESTS_PER_DOLLAR: u64 = 100;

/// Pages of one answer: two months of days of some thousand pairs of service and record type.
const MAX_PAGES: usize = 20;

/// Months before the running one that Cost Explorer keeps by day; it refuses who asks for more.
const KEPT_MONTHS: u16 = 13;

/// What requests are signed for.
const SERVICE: &str = "ce";

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aws {
    base: BaseUrl,
    /// Whether Amazon's own service is asked, beside which STS is found.
    is_amazon: bool,
    keys: Keys,
    basis: Basis,
}

/// Which of AWS' amounts counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Basis {
    /// As on the bill.
    Unblended,
    /// Commitments spread over the time they are for, discounts taken off: for trends.
    NetAmortized,
}

const BASES: [(&str, Basis); 2] = [("unblended", Basis::Unblended), ("net_amortized", Basis::NetAmortized)];

/// Both amounts come with every answer, for the same cent: to change `basis` does not change the question.
const METRICS: [&str; 2] = ["UnblendedCost", "NetAmortizedCost"];

/// The question.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Question<'a> {
    time_period: TimePeriod,
    granularity: &'a str,
    metrics: [&'a str; 2],
    group_by: [Dimension<'a>; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TimePeriod {
    start: Day,
    /// Not included.
    end: Day,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Dimension<'a> {
    r#type: &'a str,
    key: &'a str,
}

impl Basis {
    fn metric(self) -> &'static str {
        match self {
            Self::Unblended => "UnblendedCost",
            Self::NetAmortized => "NetAmortizedCost",
        }
    }
}

impl<'a> Question<'a> {
    fn about(days: Period) -> Self {
        Self {
            time_period: TimePeriod { start: days.start, end: days.end },
            granularity: "DAILY",
            metrics: METRICS,
            group_by: ["SERVICE", "RECORD_TYPE"].map(|key| Dimension { r#type: "DIMENSION", key }),
            next_page_token: None,
        }
    }

    fn page(self, token: Option<&'a str>) -> Self {
        Self { next_page_token: token, ..self }
    }
}

impl Bill for Aws {
    const TYPE: &'static str = "aws_cost_explorer";
    const SOURCE: Source = Source::Reported;
    const INTERVAL: Duration = Duration::from_hours(6);
    const SETTLES_AFTER: Duration = Duration::from_hours(36);
    const PAID_REQUESTS: Option<u64> = Some(130);
    const NEEDS: &'static str = "a key or role that may ce:GetCostAndUsage, of the account that pays; Cost Explorer has to be switched on";

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let is_amazon = !fields.has("base_url");
        let keys = Keys::decode(fields);
        let region = keys.as_ref().map_or("us-east-1", Keys::region);
        let base = base_url(fields, &format!("https://ce.{region}.{}", credentials::domain(region)));
        let basis = fields.choice("basis", &BASES).unwrap_or(Basis::Unblended);
        Some(Self { base: base?, is_amazon, keys: keys?, basis })
    }

    async fn fetch(&self, http: &Http, window: &Window) -> Result<Snapshot, FetchError> {
        let credentials = self.keys.read(http, &credentials::environment).await?;
        let days = askable(window);
        let question = Question::about(days);
        let mut collected = Collected::new(days, self.basis.metric());
        let mut pages = Pages::of("get_cost_and_usage");
        let mut token: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let page = self.ask(http, &credentials, question.page(token.as_deref())).await?;
            token = pages.next(collected.add(page)?)?;
            if token.is_none() {
                return collected.snapshot(window);
            }
        }
        Err(too_many("get_cost_and_usage", MAX_PAGES))
    }

    /// Tells whether there are credentials and whose they are, which is free; not what they may.
    async fn probe(&self, http: &Http, _: &Window) -> Result<Option<Snapshot>, FetchError> {
        let credentials = self.keys.read(http, &credentials::environment).await?;
        if self.is_amazon || self.keys.names_sts() {
            sts::who(http, &self.keys.sts(&credentials::environment)?, self.keys.region(), &credentials)
                .await?;
        }
        Ok(None)
    }

    fn own_cost(&self, interval: Duration) -> Money {
        Money::units(1).ratio(MONTH, interval.as_secs().max(1) * REQUESTS_PER_DOLLAR)
    }
}

impl Aws {
    async fn ask(
        &self,
        http: &Http,
        credentials: &Credentials,
        question: Question<'_>,
    ) -> Result<Answer, FetchError> {
        let request = http
            .post("get_cost_and_usage", &self.base.at("/"))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "AWSInsightsIndexService.GetCostAndUsage")
            .json(&question)
            .paid(Money::units(1).ratio(1, REQUESTS_PER_DOLLAR))
            .sign(signer(credentials.clone(), self.keys.region(), SERVICE));
        request.fetch().await.map_err(sts::classified)
    }
}

/// The days of a window, as far back as they are kept. They are at least one: the window ends tomorrow, so that also on
/// the first day of a month the end, which is not included, comes after the start.
fn askable(window: &Window) -> Period {
    let oldest = Window::new(window.now, window.calendar, KEPT_MONTHS).first;
    Period { start: window.first.max(oldest), end: window.until }
}
