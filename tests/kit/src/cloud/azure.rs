//! A double of Azure Cost Management, and of the place that gives tokens for it.
//!
//! Numbers are sent as the test wrote them. A page has as many rows as the test says; its link is good for the question
//! it came with, and for no other.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use jiff::civil::{Date, DateTime};
use serde_json::{Value, json};

use crate::http::form_pairs;
use crate::web::{Answer, Reply, Request};

/// Who may ask: tenant, client, secret.
pub const CLIENT: (&str, &str, &str) = (
    "11111111-2222-3333-4444-555555555555",
    "66666666-7777-8888-9999-000000000000",
    "canary~secret.of_azure",
);

/// What may be asked about.
pub const SCOPE: &str = "subscriptions/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

/// The token that is given.
const TOKEN: &str = "canary-token-of-azure";

/// What the double reports.
#[derive(Clone, Debug)]
pub struct Azure {
    rows: Vec<Row>,
    page: usize,
}

#[derive(Clone, Debug)]
struct Row {
    day: Date,
    service: String,
    charge_type: String,
    currency: String,
    amount: String,
}

/// Status, code and sentence.
struct Refused(u16, &'static str, &'static str);

impl Default for Azure {
    fn default() -> Self {
        Self { rows: Vec::new(), page: usize::MAX }
    }
}

impl Azure {
    /// Adds a charge; the amount is a number of JSON: `1.5`, `1.2E-05`.
    #[must_use]
    pub fn row(mut self, day: Date, service: &str, charge_type: &str, currency: &str, amount: &str) -> Self {
        let [service, charge_type, currency, amount] =
            [service, charge_type, currency, amount].map(str::to_owned);
        self.rows.push(Row { day, service, charge_type, currency, amount });
        self
    }

    /// Gives so many rows a page.
    #[must_use]
    pub fn page(mut self, rows: usize) -> Self {
        self.page = rows.max(1);
        self
    }

    /// What it answers.
    pub fn answer(&self, request: &Request) -> Answer {
        self.serve(request)
            .unwrap_or_else(|Refused(status, code, message)| {
                let refusal = Reply::json(status, &json!({"error": {"code": code, "message": message}}));
                if status != 429 {
                    return refusal;
                }
                refusal.header("x-ms-ratelimit-microsoft.costmanagement-clienttype-retry-after", "3600")
            })
            .into()
    }

    fn serve(&self, request: &Request) -> Result<Reply, Refused> {
        if request.method != "POST" {
            return Err(Refused(405, "MethodNotAllowed", "only POST"));
        }
        if request.path == format!("/{}/oauth2/v2.0/token", CLIENT.0) {
            return grant(request);
        }
        if request.path != format!("/{SCOPE}/providers/Microsoft.CostManagement/query") {
            return Err(Refused(404, "NotFound", "there is no such scope"));
        }
        if request.header("authorization") != format!("Bearer {TOKEN}") {
            return Err(Refused(401, "InvalidAuthenticationToken", "The access token is invalid."));
        }
        if request.header("clienttype").is_empty() {
            return Err(Refused(429, "429", "Too many requests. Please retry."));
        }
        let question = Question::of(request)?;
        let rows: Vec<&Row> =
            self.rows.iter().filter(|row| question.from <= row.day && row.day <= question.to).collect();
        if rows.is_empty() {
            return Ok(Reply::new(204, "application/json", ""));
        }
        let end = question.at.saturating_add(self.page).min(rows.len());
        let page = rows.get(question.at..end).unwrap_or_default();
        let page = page.iter().map(|row| row.json()).collect::<Vec<_>>().join(",");
        let link = (end < rows.len()).then(|| {
            let host = request.header("host");
            format!("http://{host}{}?api-version=2025-03-01&$skiptoken={}{end}", request.path, question.mark)
        });
        let link = link.map_or(Value::Null, Value::from);
        let body = format!(
            r#"{{"id": "x", "name": "x", "type": "Microsoft.CostManagement/query", "properties": {{"nextLink": {link}, "columns": [{{"name": "Cost", "type": "Number"}}, {{"name": "UsageDate", "type": "Number"}}, {{"name": "ServiceName", "type": "String"}}, {{"name": "ChargeType", "type": "String"}}, {{"name": "Currency", "type": "String"}}], "rows": [{page}]}}}}"#
        );
        let reply = Reply::new(200, "application/json; charset=utf-8", body);
        Ok(reply.header("x-ms-ratelimit-microsoft.costmanagement-qpu-consumed", "1"))
    }
}

impl Row {
    fn json(&self) -> String {
        let [service, charge_type, currency] =
            [&self.service, &self.charge_type, &self.currency].map(|text| Value::from(text.as_str()));
        format!("[{}, {}, {service}, {charge_type}, {currency}]", self.amount, self.day.strftime("%Y%m%d"))
    }
}

fn grant(request: &Request) -> Result<Reply, Refused> {
    let mut form = form_pairs(&request.text());
    form.sort();
    let (_, client, secret) = CLIENT;
    let expected = [
        ("client_id", client),
        ("client_secret", secret),
        ("grant_type", "client_credentials"),
        ("scope", "https://management.azure.com/.default"),
    ];
    if !form.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected) {
        return Err(Refused(401, "invalid_client", "AADSTS7000215: Invalid client secret provided."));
    }
    let token =
        json!({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": TOKEN});
    Ok(Reply::json(200, &token))
}

/// What is asked, taken apart strictly.
struct Question {
    from: Date,
    /// Included.
    to: Date,
    at: usize,
    mark: String,
}

impl Question {
    fn of(request: &Request) -> Result<Self, Refused> {
        const WRONG: Refused = Refused(400, "BadRequest", "Invalid query definition");
        let mut body = request.json().map_err(|_| WRONG)?;
        let period = body.as_object_mut().and_then(|body| body.remove("timePeriod")).ok_or(WRONG)?;
        let dimension = |name| json!({"type": "Dimension", "name": name});
        let expected = |basis| {
            json!({
                "type": basis,
                "timeframe": "Custom",
                "dataset": {
                    "granularity": "Daily",
                    "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
                    "grouping": [dimension("ServiceName"), dimension("ChargeType")],
                },
            })
        };
        if body != expected("ActualCost") && body != expected("AmortizedCost") {
            return Err(WRONG);
        }
        let day = |name: &str, time: &str| {
            let text = period[name].as_str()?.strip_suffix('Z')?;
            let moment: DateTime = text.parse().ok()?;
            text.ends_with(time).then(|| moment.date())
        };
        let from = day("from", "T00:00:00").ok_or(WRONG)?;
        let to = day("to", "T23:59:59").filter(|to| from <= *to).ok_or(WRONG)?;
        let mut hasher = DefaultHasher::new();
        request.body.hash(&mut hasher);
        let mark = format!("AQ%2B{:016x}%3D", hasher.finish());
        let pairs: Vec<&str> = request.query.split('&').collect();
        let at = match pairs.as_slice() {
            ["api-version=2025-03-01"] => 0,
            ["api-version=2025-03-01", token] => {
                let token = token.strip_prefix("$skiptoken=").and_then(|token| token.strip_prefix(&mark));
                token.and_then(|at| at.parse().ok()).ok_or(WRONG)?
            }
            _ => return Err(WRONG),
        };
        Ok(Self { from, to, at, mark })
    }
}
