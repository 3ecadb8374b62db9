//! A double of OpenAI's reports of costs and usage.
//!
//! Amounts are sent as the test wrote them, number or text. A page has 7 days unless more are asked for; a grouping that
//! was not asked for is `null`.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::question::{Question, Refused, quoted};
use crate::web::{Answer, Reply, Request};

/// The key that may read.
pub const KEY: &str = "sk-admin-watchfire-double-0001";

/// What the double reports.
#[derive(Clone, Debug, Default)]
pub struct OpenAi {
    costs: Vec<Cost>,
    usages: Vec<Usage>,
}

#[derive(Clone, Debug)]
struct Cost {
    day: Date,
    project: String,
    line_item: Option<String>,
    amount: String,
}

#[derive(Clone, Debug)]
struct Usage {
    day: Date,
    endpoint: String,
    row: String,
}

impl OpenAi {
    /// Adds a cost; the amount is JSON: `0.06`, `"0.06"`, `1e-05`.
    #[must_use]
    pub fn cost(mut self, day: Date, project: &str, line_item: Option<&str>, amount: &str) -> Self {
        let (project, line_item) = (project.to_owned(), line_item.map(str::to_owned));
        self.costs.push(Cost { day, project, line_item, amount: amount.to_owned() });
        self
    }

    /// Adds a row of usage: the members of a JSON object, without its braces.
    #[must_use]
    pub fn usage(mut self, day: Date, endpoint: &str, row: &str) -> Self {
        self.usages.push(Usage { day, endpoint: endpoint.to_owned(), row: row.to_owned() });
        self
    }

    /// What it answers.
    pub fn answer(&self, request: &Request) -> Answer {
        match self.report(request) {
            Ok(page) => Reply::new(200, "application/json", page).into(),
            Err(Refused(status, message)) => {
                let message = quoted(Some(&message));
                let body = format!(
                    r#"{{"error": {{"message": {message}, "type": "invalid_request_error", "param": null, "code": null}}}}"#
                );
                Reply::new(status, "application/json", body).into()
            }
        }
    }

    fn report(&self, request: &Request) -> Result<String, Refused> {
        if request.header("authorization") != format!("Bearer {KEY}") {
            return Err(Refused(401, "Incorrect API key provided".to_owned()));
        }
        let Some(path) = request.path.strip_prefix("/v1/organization/").filter(|_| request.method == "GET")
        else {
            return Err(Refused(404, "Invalid URL".to_owned()));
        };
        let known = ["start_time", "end_time", "bucket_width", "limit", "page", "group_by[]"];
        let question = Question::of(request, &known)?;
        if question.get("bucket_width") != Some("1d") {
            return Err(Refused(400, "bucket_width must be 1d".to_owned()));
        }
        let groups = question.all("group_by[]");
        let day = |name| {
            let time = Timestamp::from_second(question.required(name)?);
            let zoned = time.map_err(|_| Refused(400, format!("invalid {name}")))?.to_zoned(TimeZone::UTC);
            Ok(zoned.date())
        };
        let (first, end) = (day("start_time")?, day("end_time")?);
        let days: Vec<Date> = first.series(jiff::ToSpan::days(1)).take_while(|day| *day < end).collect();
        let (most, groupings): (usize, &[&str]) = match path {
            "costs" => (180, &["project_id", "line_item", "api_key_id"]),
            _ => (31, &["project_id", "user_id", "api_key_id", "model", "batch", "service_tier"]),
        };
        if let Some(group) = groups.iter().find(|group| !groupings.contains(group)) {
            return Err(Refused(400, format!("invalid group_by: {group}")));
        }
        let limit = question.number("limit", 7, 1..=most)?;
        let (part, next) = question.part(&days, limit)?;
        let buckets = part.iter().map(|day| bucket(*day, &self.rows(path, *day, &groups)));
        let buckets = buckets.collect::<Vec<_>>().join(",");
        let (has_more, next) = (next.is_some(), quoted(next.as_deref()));
        Ok(format!(
            r#"{{"object": "page", "data": [{buckets}], "has_more": {has_more}, "next_page": {next}}}"#
        ))
    }

    fn rows(&self, path: &str, day: Date, groups: &[&str]) -> Vec<String> {
        let grouped = |name: &str, value: Option<&str>| quoted(value.filter(|_| groups.contains(&name)));
        if path == "costs" {
            let costs = self.costs.iter().filter(|cost| cost.day == day);
            return costs
                .map(|cost| {
                    let line_item = grouped("line_item", cost.line_item.as_deref());
                    let project = grouped("project_id", Some(&cost.project));
                    format!(
                        r#"{{"object": "organization.costs.result", "amount": {{"value": {}, "currency": "usd"}}, "line_item": {line_item}, "project_id": {project}, "api_key_id": null, "quantity": null}}"#,
                        cost.amount
                    )
                })
                .collect();
        }
        let usages = self.usages.iter().filter(|usage| usage.day == day);
        usages
            .filter(|usage| path.strip_prefix("usage/") == Some(&usage.endpoint))
            .map(|usage| format!(r#"{{"object": "organization.usage.result", {}}}"#, usage.row))
            .collect()
    }
}

fn bucket(day: Date, rows: &[String]) -> String {
    let start = day.to_zoned(TimeZone::UTC).map_or(0, |zoned| zoned.timestamp().as_second());
    format!(
        r#"{{"object": "bucket", "start_time": {start}, "end_time": {}, "results": [{}]}}"#,
        start + 86_400,
        rows.join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::super::question::{asked, replied};
    use super::*;

    #[test]
    fn it_is_strict_about_keys_limits_and_groups() {
        let double = OpenAi::default().cost(Date::constant(2026, 3, 1), "p", Some("m, input"), "1e-05");
        let ask = |query: &str, key: &str| {
            // the first to the eighth of March
            let days = "start_time=1772323200&end_time=1772928000&bucket_width=1d";
            let path = format!("/v1/organization/costs?{days}{query}");
            replied(double.answer(&asked(&path, &[("authorization", &format!("Bearer {key}"))])))
        };
        let (status, page) = ask("&group_by[]=line_item", KEY);
        assert_eq!((status, page.matches("\"bucket\"").count()), (200, 7));
        assert!(page.contains(r#""value": 1e-05"#) && page.contains(r#""project_id": null"#), "{page}");
        assert!(ask("&limit=3", KEY).1.contains(r#""has_more": true"#));
        for (query, key, status) in [
            ("", "sk-proj-1", 401),
            ("&limit=181", KEY, 400),
            ("&group_by[]=model", KEY, 400),
            ("&page=page_1", KEY, 400),
        ] {
            assert_eq!(ask(query, key).0, status, "{query} {key}");
        }
    }
}
