//! A double of Netlify's API: teams page by page with `Link` heads, plans, bandwidth, build minutes.

use serde_json::{Value, json};

use super::question::{Question, Refused};
use crate::web::{Answer, Reply, Request};

/// The token that may read.
pub const KEY: &str = "nfp_watchfiredouble0001";

/// What the double has.
#[derive(Clone, Debug, Default)]
pub struct Netlify {
    accounts: Vec<Account>,
    plans: Vec<Value>,
}

/// A team.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Its name in addresses.
    pub slug: &'static str,
    /// Its plan.
    pub plan: &'static str,
    /// `monthly` or `yearly`.
    pub billing_period: &'static str,
    /// Members: used and included.
    pub members: (u64, u64),
    /// Credits: used and included; none on older plans.
    pub credits: Option<(u64, u64)>,
    /// Bytes: used and included; none where the undocumented address is not there.
    pub bandwidth: Option<(u64, u64)>,
    /// Build minutes: used and included.
    pub minutes: (u64, u64),
    /// The first day of its period.
    pub period_start: &'static str,
}

impl Netlify {
    /// Adds a team.
    #[must_use]
    pub fn account(mut self, account: Account) -> Self {
        self.accounts.push(account);
        self
    }

    /// Adds a plan with its prices in dollars: of a month, of a year, of a seat.
    #[must_use]
    pub fn plan(mut self, name: &str, (month, year, seat): (u64, u64, u64)) -> Self {
        self.plans.push(json!({
            "id": format!("id-{name}"),
            "name": name,
            "monthly_dollar_price": month,
            "yearly_dollar_price": year,
            "monthly_seats_addon_dollar_price": seat,
        }));
        self
    }

    /// What it answers.
    pub fn answer(&self, request: &Request) -> Answer {
        match self.report(request) {
            Ok(reply) => reply.header("x-ratelimit-limit", "500").into(),
            Err(Refused(status, message)) => {
                Reply::json(status, &json!({"code": status, "message": message})).into()
            }
        }
    }

    fn report(&self, request: &Request) -> Result<Reply, Refused> {
        if request.header("authorization") != format!("Bearer {KEY}") {
            return Err(Refused(401, "Access Denied".to_owned()));
        }
        let nowhere = || Refused(404, "Not Found".to_owned());
        let path =
            request.path.strip_prefix("/api/v1/").filter(|_| request.method == "GET").ok_or_else(nowhere)?;
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["accounts"] => self.list(request),
            ["accounts", "types"] => Ok(Reply::json(200, &Value::from(self.plans.clone()))),
            ["accounts", slug, "bandwidth"] => {
                let account =
                    self.accounts.iter().find(|account| account.slug == *slug).ok_or_else(nowhere)?;
                let (used, included) = account.bandwidth.ok_or_else(nowhere)?;
                let start = format!("{}T00:00:00.000-07:00", account.period_start);
                let body = json!({"used": used, "included": included, "period_start_date": start, "last_updated_at": start});
                Ok(Reply::json(200, &body))
            }
            [id, "builds", "status"] => {
                let account = self.accounts.iter().find(|account| account.id() == *id).ok_or_else(nowhere)?;
                let (current, included) = account.minutes;
                let minutes = json!({
                    "current": current,
                    "included_minutes": included.to_string(),
                    "period_start_date": account.period_start,
                });
                Ok(Reply::json(200, &json!([{"active": 0, "minutes": minutes}])))
            }
            _ => Err(nowhere()),
        }
    }

    fn list(&self, request: &Request) -> Result<Reply, Refused> {
        let question = Question::of(request, &["page", "per_page"])?;
        let size = question.number("per_page", 20, 1..=100)?;
        let page = question.number("page", 1, 1..=usize::MAX)?;
        let start = (page - 1).saturating_mul(size);
        let part: Vec<Value> = self.accounts.iter().skip(start).take(size).map(Account::row).collect();
        let reply = Reply::json(200, &Value::from(part));
        let last = self.accounts.len().div_ceil(size).max(1);
        let link = |page: usize, rel: &str| {
            format!("<https://api.netlify.com/api/v1/accounts?page={page}&per_page={size}>; rel=\"{rel}\"")
        };
        if page < last {
            let links = format!("{}, {}", link(page + 1, "next"), link(last, "last"));
            return Ok(reply.header("link", &links));
        }
        Ok(reply.header("link", &link(last, "last")))
    }
}

impl Account {
    fn id(&self) -> String {
        format!("id-{}", self.slug)
    }

    fn row(&self) -> Value {
        let of = |(used, included): (u64, u64)| json!({"used": used, "included": included});
        let mut capabilities =
            json!({"collaborators": of(self.members), "sites": of((3, 500)), "large_media": true});
        if let (Some(credits), Some(all)) = (self.credits, capabilities.as_object_mut()) {
            all.insert("credits".to_owned(), of(credits));
        }
        json!({
            "id": self.id(),
            "slug": self.slug,
            "name": self.slug,
            "type_name": self.plan,
            "billing_period": self.billing_period,
            "capabilities": capabilities,
        })
    }
}
