//! A double of Anthropic's reports of costs and usage: amounts are texts in cents.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::question::{Question, Refused, quoted};
use crate::web::{Answer, Reply, Request};

/// The key that may read.
pub const KEY: &str = "sk-ant-admin01-watchfire-double-0001";

/// The version of the API that must be named.
const VERSION: &str = "2023-06-01";

/// What the double reports.
#[derive(Clone, Debug, Default)]
pub struct Anthropic {
    costs: Vec<Cost>,
    usages: Vec<(Date, String)>,
    refused: Vec<&'static str>,
}

#[derive(Clone, Debug)]
struct Cost {
    day: Date,
    workspace: Option<String>,
    kind: Kind,
    cents: String,
}

#[derive(Clone, Debug)]
enum Kind {
    Tokens { model: String, token_type: String },
    Other { cost_type: String, description: String },
}

impl Anthropic {
    /// Adds what tokens of a model cost, in cents: `123.45`.
    #[must_use]
    pub fn tokens(
        mut self,
        day: Date,
        workspace: Option<&str>,
        (model, token_type): (&str, &str),
        cents: &str,
    ) -> Self {
        let kind = Kind::Tokens { model: model.to_owned(), token_type: token_type.to_owned() };
        let workspace = workspace.map(str::to_owned);
        self.costs.push(Cost { day, workspace, kind, cents: cents.to_owned() });
        self
    }

    /// Adds another cost: its type, and how it is described.
    #[must_use]
    pub fn other(mut self, day: Date, (cost_type, description): (&str, &str), cents: &str) -> Self {
        let kind = Kind::Other { cost_type: cost_type.to_owned(), description: description.to_owned() };
        self.costs.push(Cost { day, workspace: None, kind, cents: cents.to_owned() });
        self
    }

    /// Adds a row of usage: the members of a JSON object, without its braces.
    #[must_use]
    pub fn usage(mut self, day: Date, row: &str) -> Self {
        self.usages.push((day, row.to_owned()));
        self
    }

    /// Refuses to group by this.
    #[must_use]
    pub fn refuse(mut self, group: &'static str) -> Self {
        self.refused.push(group);
        self
    }

    /// What it answers.
    pub fn answer(&self, request: &Request) -> Answer {
        match self.report(request) {
            Ok(page) => Reply::new(200, "application/json", page).into(),
            Err(Refused(status, message)) => {
                let kind = match status {
                    401 => "authentication_error",
                    404 => "not_found_error",
                    _ => "invalid_request_error",
                };
                let message = quoted(Some(&message));
                let body = format!(
                    r#"{{"type": "error", "error": {{"type": "{kind}", "message": {message}}}, "request_id": "req_1"}}"#
                );
                Reply::new(status, "application/json", body).into()
            }
        }
    }

    fn report(&self, request: &Request) -> Result<String, Refused> {
        if request.header("x-api-key") != KEY {
            return Err(Refused(401, "invalid x-api-key".to_owned()));
        }
        if request.header("anthropic-version") != VERSION {
            return Err(Refused(400, "anthropic-version: header is required".to_owned()));
        }
        let known = ["starting_at", "ending_at", "bucket_width", "limit", "page", "group_by[]"];
        let question = Question::of(request, &known)?;
        let groupings: &[&str] = match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/v1/organizations/cost_report") => &["workspace_id", "description"],
            ("GET", "/v1/organizations/usage_report/messages") => {
                &["account_id", "api_key_id", "model", "service_tier", "workspace_id"]
            }
            _ => return Err(Refused(404, "Not found".to_owned())),
        };
        let groups = question.all("group_by[]");
        let known = |group: &&str| groupings.contains(group) && !self.refused.contains(group);
        if let Some(group) = groups.iter().find(|group| !known(group)) {
            return Err(Refused(400, format!("group_by: {group} is not supported")));
        }
        if question.get("bucket_width").is_some_and(|width| width != "1d") {
            return Err(Refused(400, "bucket_width: only 1d".to_owned()));
        }
        let day = |time: Timestamp| time.to_zoned(TimeZone::UTC).date();
        let (first, end) = (day(question.required("starting_at")?), day(question.required("ending_at")?));
        let days: Vec<Date> = first.series(1.day()).take_while(|day| *day < end).collect();
        let limit = question.number("limit", 7, 1..=31)?;
        let (part, next) = question.part(&days, limit)?;
        let of_costs = request.path.ends_with("cost_report");
        let buckets = part.iter().map(|day| {
            let rows = if of_costs { self.costs_of(*day, &groups) } else { self.usages_of(*day) };
            let tomorrow = day.tomorrow().unwrap_or(*day);
            format!(
                r#"{{"starting_at": "{day}T00:00:00Z", "ending_at": "{tomorrow}T00:00:00Z", "results": [{}]}}"#,
                rows.join(",")
            )
        });
        let buckets = buckets.collect::<Vec<_>>().join(",");
        let (has_more, next) = (next.is_some(), quoted(next.as_deref()));
        Ok(format!(r#"{{"data": [{buckets}], "has_more": {has_more}, "next_page": {next}}}"#))
    }

    fn costs_of(&self, day: Date, groups: &[&str]) -> Vec<String> {
        let described = groups.contains(&"description");
        let costs = self.costs.iter().filter(|cost| cost.day == day);
        costs
            .map(|cost| {
                let workspace = cost.workspace.as_deref().filter(|_| groups.contains(&"workspace_id"));
                let (cost_type, description, model, token_type) = match &cost.kind {
                    _ if !described => (None, None, None, None),
                    Kind::Tokens { model, token_type } => {
                        let description = format!("{model} Usage - {token_type}");
                        (Some("tokens"), Some(description), Some(model.as_str()), Some(token_type.as_str()))
                    }
                    Kind::Other { cost_type, description } => {
                        (Some(cost_type.as_str()), Some(description.clone()), None, None)
                    }
                };
                format!(
                    r#"{{"amount": "{}", "currency": "USD", "cost_type": {}, "description": {}, "model": {}, "token_type": {}, "context_window": null, "service_tier": null, "inference_geo": null, "workspace_id": {}}}"#,
                    cost.cents,
                    quoted(cost_type),
                    quoted(description.as_deref()),
                    quoted(model),
                    quoted(token_type),
                    quoted(workspace)
                )
            })
            .collect()
    }

    fn usages_of(&self, day: Date) -> Vec<String> {
        self.usages.iter().filter(|(of, _)| *of == day).map(|(_, row)| format!("{{{row}}}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::question::{asked, replied};
    use super::*;

    #[test]
    fn it_is_strict_about_keys_versions_and_limits() {
        let double = Anthropic::default().other(Date::constant(2026, 3, 1), ("web_search", "Web"), "-50.0");
        let ask = |query: &str, key: &str, version: &str| {
            let days = "starting_at=2026-03-01T00:00:00Z&ending_at=2026-04-10T00:00:00Z";
            let path = format!("/v1/organizations/cost_report?{days}{query}");
            replied(double.answer(&asked(&path, &[("x-api-key", key), ("anthropic-version", version)])))
        };
        let (status, page) = ask("", KEY, VERSION);
        assert_eq!((status, page.matches("starting_at").count()), (200, 7));
        assert!(page.contains(r#""amount": "-50.0""#) && page.contains(r#""description": null"#), "{page}");
        for (query, key, version, status) in [
            ("", "sk-ant-api03", VERSION, 401),
            ("", KEY, "", 400),
            ("&limit=32", KEY, VERSION, 400),
            ("&bucket_width=1h", KEY, VERSION, 400),
            ("&group_by[]=model", KEY, VERSION, 400),
        ] {
            assert_eq!(ask(query, key, version).0, status, "{query} {key} {version}");
        }
    }
}
