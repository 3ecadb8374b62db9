//! A double of BigQuery with a billing export in it, and of the place that gives tokens for it.
//!
//! It runs no SQL: it looks for what a right query must say, and gives the lines of the export as that query would give
//! them, each by itself. Tests see to it that lines differ in a key.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::base64;
use crate::http::form_pairs;
use crate::web::{Answer, Reply, Request};

/// The table of the export.
pub const TABLE: &str = "acme-billing.export.gcp_billing_export_v1_01ABCD_23EF45_678901";

/// The project that pays for queries.
const PROJECT: &str = "acme-tools";

const EMAIL: &str = "watchfire@acme-tools.iam.gserviceaccount.com";
/// The token that is given.
pub const TOKEN: &str = "canary-token-of-gcp";
const JOB: &str = "job_watchfire_1";
const LOCATION: &str = "EU";

/// What the double reports.
#[derive(Clone, Debug)]
pub struct Gcp {
    key: Arc<KeyPair>,
    lines: Vec<Line>,
    page: usize,
    bytes: u64,
    /// Polls until a query is ready.
    slow: usize,
    state: Arc<Mutex<State>>,
}

/// Queries that ran, by their ids, and how often the newest was asked for.
#[derive(Debug, Default)]
struct State {
    queries: Vec<String>,
    polls: usize,
    since: String,
    month: String,
}

/// A line of the export.
#[derive(Clone, Debug)]
pub struct Line {
    /// When it began to be used.
    pub used: Timestamp,
    /// The month of its invoice, as in 202601.
    pub month: &'static str,
    /// The project.
    pub project: &'static str,
    /// The service.
    pub service: &'static str,
    /// `regular`, `tax`, `adjustment`, `rounding_error`.
    pub cost_type: &'static str,
    /// The currency.
    pub currency: &'static str,
    /// The cost, as `BigQuery` writes decimals.
    pub cost: &'static str,
    /// The sum of its credits, if it has any.
    pub credit: Option<&'static str>,
}

/// Status, reason and sentence.
struct Refused(u16, &'static str, &'static str);

impl Gcp {
    /// An export with these lines.
    pub fn new(lines: Vec<Line>) -> Result<Self> {
        let key = Arc::new(KeyPair::generate(KeySize::Rsa2048)?);
        Ok(Self { key, lines, page: usize::MAX, bytes: 11 << 20, slow: 0, state: Arc::default() })
    }

    /// Gives so many rows a page.
    #[must_use]
    pub fn page(mut self, rows: usize) -> Self {
        self.page = rows.max(1);
        self
    }

    /// A query reads so many bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// A query is ready after so many more questions.
    #[must_use]
    pub fn slow(mut self, polls: usize) -> Self {
        self.slow = polls;
        self
    }

    /// The key's file, as Google gives it out.
    pub fn key(&self, token_uri: &str) -> Result<String> {
        let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&*self.key)?;
        let text = base64::encode(der.as_ref());
        let mut pem = "-----BEGIN PRIVATE KEY-----\n".to_owned();
        for line in text.as_bytes().chunks(64) {
            pem.push_str(std::str::from_utf8(line)?);
            pem.push('\n');
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        let file = json!({
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "0123abcd",
            "private_key": pem,
            "client_email": EMAIL,
            "client_id": "1",
            "token_uri": token_uri,
        });
        Ok(file.to_string())
    }

    /// How many queries ran and were paid for.
    pub fn queries(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).queries.len()
    }

    /// What it answers.
    pub fn answer(&self, request: &Request) -> Answer {
        let outcome = match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/token") => self.grant(request),
            (method, path) => self.bigquery(request, method, path),
        };
        outcome
            .unwrap_or_else(|Refused(status, reason, message)| {
                let error = json!({"code": status, "message": message, "errors": [{"reason": reason, "message": message}]});
                Reply::json(status, &json!({"error": error}))
            })
            .into()
    }

    fn grant(&self, request: &Request) -> Result<Reply, Refused> {
        let form = form_pairs(&request.text());
        let get = |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let is_jwt = get("grant_type") == Some("urn:ietf:params:oauth:grant-type:jwt-bearer");
        let audience = format!("http://{}/token", request.header("host"));
        let claim = get("assertion").filter(|_| is_jwt).context("no claim");
        let checked = claim.and_then(|claim| self.check(claim, &audience));
        checked.map_err(|_| Refused(400, "invalid_grant", "Invalid JWT Signature."))?;
        Ok(Reply::json(200, &json!({"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"})))
    }

    /// Whether a claim is signed by the key, for us, now.
    fn check(&self, claim: &str, audience: &str) -> Result<()> {
        let (signed, signature) = claim.rsplit_once('.').context("no signature")?;
        let (header, claims) = signed.split_once('.').context("no header")?;
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.key.public_key().as_ref());
        public.verify(signed.as_bytes(), &url_safe(signature)?)?;
        let header: Value = serde_json::from_slice(&url_safe(header)?)?;
        anyhow::ensure!(header == json!({"alg": "RS256", "typ": "JWT", "kid": "0123abcd"}), "{header}");
        let claims: Value = serde_json::from_slice(&url_safe(claims)?)?;
        let scope = "https://www.googleapis.com/auth/bigquery.readonly";
        let is_ours = claims["iss"] == EMAIL && claims["scope"] == scope && claims["aud"] == audience;
        let time = |name: &str| claims[name].as_i64().context("no time");
        let (from, until, now) = (time("iat")?, time("exp")?, Timestamp::now().as_second());
        let is_now = from <= now + 5 && now < until && until - from <= 3_600;
        anyhow::ensure!(is_ours && is_now, "{claims}");
        Ok(())
    }

    fn bigquery(&self, request: &Request, method: &str, path: &str) -> Result<Reply, Refused> {
        if request.header("authorization") != format!("Bearer {TOKEN}") {
            return Err(Refused(401, "authError", "Request had invalid authentication credentials."));
        }
        let at = format!("/projects/{PROJECT}/queries");
        let job = format!("{at}/{JOB}");
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if method == "POST" && path == at {
            return self.start(request, &mut state);
        }
        if method != "GET" || path != job || state.queries.is_empty() {
            return Err(Refused(404, "notFound", "Not found"));
        }
        let pairs = form_pairs(&request.query);
        let get = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let known = ["maxResults", "timeoutMs", "location", "pageToken"];
        if get("location") != Some(LOCATION) || pairs.iter().any(|(name, _)| !known.contains(&name.as_str()))
        {
            return Err(Refused(404, "notFound", "Not found: Job"));
        }
        let invalid = Refused(400, "invalid", "Invalid page token");
        let at = match get("pageToken") {
            None => 0,
            Some(token) => token.strip_prefix("B+/=").and_then(|at| at.parse().ok()).ok_or(invalid)?,
        };
        state.polls += 1;
        let most = get("maxResults").and_then(|most| most.parse().ok()).unwrap_or(usize::MAX);
        Ok(self.results(&state, at, most))
    }

    fn start(&self, request: &Request, state: &mut State) -> Result<Reply, Refused> {
        let body = request.json().map_err(|_| Refused(400, "parseError", "no JSON"))?;
        let query = body["query"].as_str().unwrap_or_default();
        let must = [
            format!("FROM `{TABLE}` WHERE _PARTITIONTIME >= @since AND invoice.month >= @month"),
            "DATE(usage_start_time, 'America/Los_Angeles') AS day".to_owned(),
            "UNNEST(credits)".to_owned(),
            "GROUP BY month, day, account, service, kind, currency".to_owned(),
        ];
        let is_standard = body["useLegacySql"] == false && body["parameterMode"] == "NAMED";
        if !is_standard || must.iter().any(|part| !query.contains(part.as_str())) {
            return Err(Refused(400, "invalidQuery", "Syntax error"));
        }
        let most = body["maximumBytesBilled"].as_str().and_then(|most| most.parse::<u64>().ok());
        let most = most.ok_or(Refused(400, "invalid", "no maximumBytesBilled: this would be paid for"))?;
        if most < self.bytes {
            let message = "Query exceeded limit for bytes billed";
            return Err(Refused(400, "bytesBilledLimitExceeded", message));
        }
        let parameter = |at: usize, name: &str, kind: &str| {
            let parameter = &body["queryParameters"][at];
            let is_right = parameter["name"] == name && parameter["parameterType"]["type"] == kind;
            let value = parameter["parameterValue"]["value"].as_str().filter(|_| is_right);
            value.map(str::to_owned).ok_or(Refused(400, "invalid", "wrong parameters"))
        };
        let (since, month) = (parameter(0, "since", "TIMESTAMP")?, parameter(1, "month", "STRING")?);
        if body["dryRun"] == true {
            let planned = json!({"jobComplete": true, "jobReference": {"projectId": PROJECT, "location": LOCATION, "jobId": ""}, "totalBytesProcessed": self.bytes.to_string(), "schema": schema()});
            return Ok(Reply::json(200, &planned));
        }
        let id = body["requestId"].as_str().filter(|id| (1..=36).contains(&id.len()));
        let id = id.ok_or(Refused(400, "invalid", "no requestId: this may run twice"))?.to_owned();
        if !state.queries.contains(&id) {
            *state = State { queries: std::mem::take(&mut state.queries), polls: 0, since, month };
            state.queries.push(id);
        }
        let most = body["maxResults"].as_u64().and_then(|most| usize::try_from(most).ok());
        Ok(self.results(state, 0, most.unwrap_or(usize::MAX)))
    }

    fn results(&self, state: &State, at: usize, most: usize) -> Reply {
        let job = json!({"projectId": PROJECT, "jobId": JOB, "location": LOCATION});
        if state.polls < self.slow {
            return Reply::json(200, &json!({"jobComplete": false, "jobReference": job}));
        }
        let lines = self.lines.iter().filter(|line| {
            // partitions are by the day on which a line was written, which is not before it was used
            *line.month >= *state.month
                && line.used.to_string().as_str() >= state.since.get(..10).unwrap_or_default()
        });
        let rows: Vec<Value> = lines.flat_map(Line::rows).collect();
        let end = at.saturating_add(self.page.min(most)).min(rows.len());
        let page = rows.get(at..end).unwrap_or_default();
        let mut answer = json!({
            "kind": "bigquery#queryResponse",
            "schema": schema(),
            "jobReference": job,
            "jobComplete": true,
            "totalRows": rows.len().to_string(),
            "totalBytesProcessed": self.bytes.to_string(),
            "cacheHit": false,
            "rows": page,
        });
        if let Some(answer) = answer.as_object_mut().filter(|_| end < rows.len()) {
            answer.insert("pageToken".to_owned(), format!("B+/={end}").into());
        }
        Reply::json(200, &answer)
    }
}

impl Line {
    /// Its rows: the cost, and the credit where there is one.
    fn rows(&self) -> Vec<Value> {
        let zone = TimeZone::posix("PST8PDT,M3.2.0,M11.1.0").unwrap_or(TimeZone::UTC);
        let day: Date = self.used.to_zoned(zone).date();
        let until = (self.used.as_second() + 3_600).to_string();
        let row = |kind: &str, amount: &str| {
            let values = [
                self.month,
                &day.to_string(),
                self.project,
                self.service,
                kind,
                self.currency,
                amount,
                &until,
            ];
            json!({"f": values.map(|value| json!({"v": value}))})
        };
        let credit = self.credit.map(|credit| row("credit", credit));
        [row(self.cost_type, self.cost)].into_iter().chain(credit).collect()
    }
}

fn schema() -> Value {
    let names = ["month", "day", "account", "service", "kind", "currency", "amount", "used_until"];
    json!({"fields": names.map(|name| json!({"name": name, "type": "STRING", "mode": "NULLABLE"}))})
}

/// Base64 as it stands in claims.
fn url_safe(text: &str) -> Result<Vec<u8>> {
    anyhow::ensure!(!text.contains(['+', '/', '=']), "not safe in an address");
    let padded =
        format!("{}{}", text.replace('-', "+").replace('_', "/"), "=".repeat((4 - text.len() % 4) % 4));
    base64::decode(&padded).context("no base64")
}
