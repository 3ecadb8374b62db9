//! A double of AWS Cost Explorer, and of those who lend keys for it.
//!
//! It recomputes each signature, knows the fields of the one operation it has, and refuses a page whose question is not
//! that of the first.

mod lending;

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Value, json};

use crate::sigv4::{self, Signer};
use crate::web::{Answer, Reply, Request};

pub use lending::{AGENT_TOKEN, Lender, POD_TOKEN, ROLE};

/// A key: its name, itself, and what comes with one that was lent.
pub type Key = (&'static str, &'static str, Option<&'static str>);

/// A key that lasts.
pub const KEY: Key = ("AKIAWATCHFIRECOST001", "canary/secret+key/of/an/account/00000001", None);

/// What pods, containers and machines are lent.
pub const LENT: Key =
    ("ASIAWATCHFIRELENT001", "canary/secret+key/that/was/lent/000000002", Some("canary+token//lent=="));

/// What those get who take on the role.
pub const TAKEN: Key =
    ("ASIAWATCHFIREROLE001", "canary/secret+key/of/a/role/taken/0000003", Some("canary+token//role=="));

/// The region that requests are signed for.
const REGION: &str = "us-east-1";

/// Months of days that are kept, the running one included.
const KEPT_MONTHS: i32 = 14;

/// Amounts that there are; two of them are told apart, and the others are like the first.
const METRICS: [&str; 5] =
    ["UnblendedCost", "NetAmortizedCost", "AmortizedCost", "BlendedCost", "NetUnblendedCost"];

/// What the double reports.
#[derive(Clone, Debug)]
pub struct Explorer {
    today: Date,
    lines: Vec<Line>,
    estimated_from: Option<Date>,
    page: usize,
}

#[derive(Clone, Debug)]
struct Line {
    day: Date,
    service: String,
    record_type: String,
    unblended: String,
    net_amortized: String,
}

/// The code and the sentence of a refusal; all have the status 400.
struct Refused(&'static str, String);

impl Explorer {
    /// An account without charges, on a day.
    pub fn new(today: Date) -> Self {
        Self { today, lines: Vec::new(), estimated_from: None, page: usize::MAX }
    }

    /// Adds a charge, with both of its amounts.
    #[must_use]
    pub fn line(mut self, day: Date, service: &str, record_type: &str, amounts: [&str; 2]) -> Self {
        let [unblended, net_amortized] = amounts.map(str::to_owned);
        let (service, record_type) = (service.to_owned(), record_type.to_owned());
        self.lines.push(Line { day, service, record_type, unblended, net_amortized });
        self
    }

    /// Days from this one on are called estimated.
    #[must_use]
    pub fn estimated_from(mut self, day: Date) -> Self {
        self.estimated_from = Some(day);
        self
    }

    /// Gives so many groups a page, cutting days in two.
    #[must_use]
    pub fn page(mut self, groups: usize) -> Self {
        self.page = groups.max(1);
        self
    }

    /// What it answers.
    pub fn answer(&self, request: &Request) -> Answer {
        let kind = "application/x-amz-json-1.1";
        match self.serve(request) {
            Ok(page) => Reply::new(200, kind, page.to_string()).into(),
            Err(Refused(code, message)) => {
                Reply::new(400, kind, json!({"__type": code, "Message": message}).to_string()).into()
            }
        }
    }

    fn serve(&self, request: &Request) -> Result<Value, Refused> {
        check_signature(request, "ce", &[KEY, LENT, TAKEN])?;
        let is_post = request.method == "POST" && request.path == "/" && request.query.is_empty();
        let target = "AWSInsightsIndexService.GetCostAndUsage";
        if !is_post || request.header("x-amz-target") != target {
            return Err(Refused("UnknownOperationException", String::new()));
        }
        if request.header("content-type") != "application/x-amz-json-1.1" {
            return Err(Refused("SerializationException", "content type".to_owned()));
        }
        let body = request.json().map_err(|_| Refused("SerializationException", "no JSON".to_owned()))?;
        let Value::Object(mut body) = body else {
            return Err(Refused("SerializationException", "no object".to_owned()));
        };
        let token = body.remove("NextPageToken");
        let (start, end) = self.period(&body)?;
        let metrics = metrics(&body)?;
        let at = offset(&body, token.as_ref())?;
        let mut days: Vec<Value> = Vec::new();
        let items = self.items(start, end);
        for (day, line) in items.iter().skip(at).take(self.page) {
            let start = day.to_string();
            if days.last().is_none_or(|last| last["TimePeriod"]["Start"] != start) {
                days.push(self.slot(*day));
            }
            let groups = days.last_mut().and_then(|last| last["Groups"].as_array_mut());
            if let (Some(groups), Some(line)) = (groups, line) {
                groups.push(line.group(&metrics));
            }
        }
        let mut page = json!({
            "GroupDefinitions": body.get("GroupBy"),
            "ResultsByTime": days,
            "DimensionValueAttributes": [],
        });
        let next = at.saturating_add(self.page);
        if let Some(page) = page.as_object_mut().filter(|_| next < items.len()) {
            page.insert("NextPageToken".to_owned(), format!("{}{next}", mark(&body)).into());
        }
        Ok(page)
    }

    /// Each day, once by itself and once for each of its charges.
    fn items(&self, start: Date, end: Date) -> Vec<(Date, Option<&Line>)> {
        let days = start.series(1.day()).take_while(|day| *day < end);
        days.flat_map(|day| {
            let lines = self.lines.iter().filter(move |line| line.day == day);
            [(day, None)].into_iter().chain(lines.map(move |line| (day, Some(line))))
        })
        .collect()
    }

    fn slot(&self, day: Date) -> Value {
        json!({
            "TimePeriod": {"Start": day.to_string(), "End": day.saturating_add(1.day()).to_string()},
            "Total": {},
            "Groups": [],
            "Estimated": self.estimated_from.is_some_and(|from| from <= day),
        })
    }

    /// The days of a question that has all it must have and nothing unknown.
    fn period(&self, body: &Map<String, Value>) -> Result<(Date, Date), Refused> {
        let invalid = |what: &str| Refused("ValidationException", what.to_owned());
        let known = ["TimePeriod", "Granularity", "Metrics", "GroupBy", "Filter"];
        if let Some(name) = body.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(invalid(&format!("unknown member {name}")));
        }
        if body.get("Granularity") != Some(&json!("DAILY")) {
            return Err(invalid("this double has days only"));
        }
        let dimension = |key| json!({"Type": "DIMENSION", "Key": key});
        if body.get("GroupBy") != Some(&json!([dimension("SERVICE"), dimension("RECORD_TYPE")])) {
            return Err(invalid("this double groups by SERVICE and RECORD_TYPE"));
        }
        let day = |name: &str| {
            let text = body.get("TimePeriod").and_then(|period| period[name].as_str());
            text.and_then(|text| text.parse::<Date>().ok()).ok_or_else(|| invalid(name))
        };
        let (start, end) = (day("Start")?, day("End")?);
        if start >= end {
            return Err(invalid("Start date (and hour) should be before end date (and hour)"));
        }
        let oldest = self.today.first_of_month().saturating_sub((KEPT_MONTHS - 1).months());
        if start < oldest {
            return Err(invalid("You haven't enabled historical data beyond 14 months."));
        }
        if end > self.today.last_of_month().saturating_add(1.day()) {
            return Err(invalid("end date past the beginning of next month"));
        }
        Ok((start, end))
    }
}

impl Line {
    fn group(&self, metrics: &[&str]) -> Value {
        let amounts = metrics.iter().map(|metric| {
            let amount = if *metric == "NetAmortizedCost" { &self.net_amortized } else { &self.unblended };
            ((*metric).to_owned(), json!({"Amount": amount, "Unit": "USD"}))
        });
        json!({"Keys": [self.service, self.record_type], "Metrics": amounts.collect::<Map<_, _>>()})
    }
}

/// The amounts that are asked for.
fn metrics(body: &Map<String, Value>) -> Result<Vec<&str>, Refused> {
    let asked = body.get("Metrics").and_then(Value::as_array).into_iter().flatten();
    let asked: Option<Vec<&str>> = asked.map(Value::as_str).collect();
    asked
        .filter(|asked| !asked.is_empty() && asked.iter().all(|metric| METRICS.contains(metric)))
        .ok_or_else(|| Refused("ValidationException", "Metrics".to_owned()))
}

/// Where a page begins.
fn offset(body: &Map<String, Value>, token: Option<&Value>) -> Result<usize, Refused> {
    let Some(token) = token else { return Ok(0) };
    let invalid = || Refused("InvalidNextTokenException", "the token is none of ours".to_owned());
    let (of, at) = token.as_str().and_then(|token| token.rsplit_once('/')).ok_or_else(invalid)?;
    if format!("{of}/") != mark(body) {
        return Err(Refused(
            "RequestChangedException",
            "the question is not that of the first page".to_owned(),
        ));
    }
    at.parse().map_err(|_| invalid())
}

/// What a token begins with that belongs to a question.
fn mark(body: &Map<String, Value>) -> String {
    let mut hasher = DefaultHasher::new();
    Value::from(body.clone()).to_string().hash(&mut hasher);
    format!("page+{:016x}/", hasher.finish())
}

/// Whether a request is signed with one of these keys, in the words of services that speak JSON.
fn check_signature(request: &Request, service: &str, keys: &[Key]) -> Result<(), Refused> {
    let named = sigv4::key_of(request);
    let Some(named) = named else {
        return Err(Refused(
            "MissingAuthenticationTokenException",
            "Missing Authentication Token".to_owned(),
        ));
    };
    let Some((id, secret, token)) = keys.iter().find(|(id, ..)| *id == named) else {
        let message = "The security token included in the request is invalid.";
        return Err(Refused("UnrecognizedClientException", message.to_owned()));
    };
    let signer = Signer { id, secret, token: *token, region: REGION, service };
    sigv4::check(request, &signer, Timestamp::now())
        .map_err(|code| Refused("InvalidSignatureException", code.to_owned()))
}
