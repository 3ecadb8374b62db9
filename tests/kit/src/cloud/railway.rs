//! A double of Railway's GraphQL API, as far as bills are read: failures come as `errors` with a status of 200, deleted
//! projects are left out unless asked for, and usage is kept for 90 days.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::question::{Refused, quoted};
use crate::web::{Answer, Reply, Request};

/// The token that may read.
pub const KEY: &str = "railway-token-watchfire-double-0001";

/// The workspace that it reads.
pub const WORKSPACE: &str = "11111111-2222-3333-4444-555555555555";

/// Days for which usage is kept.
const KEPT_DAYS: i64 = 90;

/// What the double reports.
#[derive(Clone, Debug)]
pub struct Railway {
    now: Timestamp,
    start: String,
    anchor: String,
    current_usage: String,
    usages: Vec<Usage>,
    deleted: Vec<&'static str>,
    invoices: Vec<Invoice>,
    failure: Option<&'static str>,
}

#[derive(Clone, Debug)]
struct Usage {
    day: Date,
    project: &'static str,
    measurement: &'static str,
    value: String,
}

/// An invoice: its days, its total in cents, its status.
#[derive(Clone, Debug)]
pub struct Invoice {
    /// When its period begins.
    pub start: &'static str,
    /// When it ends.
    pub end: &'static str,
    /// In cents.
    pub total: i64,
    /// `paid`, `void`, …
    pub status: &'static str,
}

impl Railway {
    /// A workspace whose running cycle began then, that subscribed at the anchor, and has used so many dollars.
    pub fn new(now: Timestamp, start: &str, anchor: &str, current_usage: &str) -> Self {
        Self {
            now,
            start: start.to_owned(),
            anchor: anchor.to_owned(),
            current_usage: current_usage.to_owned(),
            usages: Vec::new(),
            deleted: Vec::new(),
            invoices: Vec::new(),
            failure: None,
        }
    }

    /// Adds what a project used on a day: what, and how much as JSON.
    #[must_use]
    pub fn usage(
        mut self,
        day: Date,
        project: &'static str,
        (measurement, value): (&'static str, &str),
    ) -> Self {
        self.usages.push(Usage { day, project, measurement, value: value.to_owned() });
        self
    }

    /// A project that was deleted since.
    #[must_use]
    pub fn delete(mut self, project: &'static str) -> Self {
        self.deleted.push(project);
        self
    }

    /// Adds an invoice.
    #[must_use]
    pub fn invoice(mut self, invoice: Invoice) -> Self {
        self.invoices.push(invoice);
        self
    }

    /// Answers everything with this error, and a status of 200.
    #[must_use]
    pub fn fail(mut self, message: &'static str) -> Self {
        self.failure = Some(message);
        self
    }

    /// What it answers.
    pub fn answer(&self, request: &Request) -> Answer {
        let body = match self.report(request) {
            Ok(data) => format!(r#"{{"data": {{{data}}}}}"#),
            Err(Refused(_, message)) => {
                let message = quoted(Some(&message));
                format!(r#"{{"errors": [{{"message": {message}, "path": ["workspace"]}}], "data": null}}"#)
            }
        };
        Reply::new(200, "application/json", body).header("x-ratelimit-remaining", "999").into()
    }

    fn report(&self, request: &Request) -> Result<String, Refused> {
        let wrong = |what: &str| Refused(200, what.to_owned());
        if let Some(failure) = self.failure {
            return Err(wrong(failure));
        }
        if request.header("authorization") != format!("Bearer {KEY}") {
            return Err(wrong("Not Authorized"));
        }
        if request.method != "POST" || request.header("content-type") != "application/json" {
            return Err(wrong("Problem processing request"));
        }
        let body = request.json().map_err(|_| wrong("Problem processing request"))?;
        let query = body.get("query").and_then(|query| query.as_str()).unwrap_or_default();
        let variable = |name: &str| body.pointer(&format!("/variables/{name}"));
        if variable("workspaceId").and_then(|id| id.as_str()) != Some(WORKSPACE) {
            return Err(wrong("Not Authorized"));
        }
        if query.contains("customer {") {
            return Ok(self.customer());
        }
        if query.contains("projects(") {
            return Ok(self.projects(query.contains("includeDeleted: true")));
        }
        let measurements = variable("measurements").and_then(|names| names.as_array());
        let measurements: Vec<&str> =
            measurements.into_iter().flatten().filter_map(|name| name.as_str()).collect();
        let questions = query.split('}').filter_map(|part| part.split_once(": usage("));
        let answers: Result<Vec<String>, Refused> = questions
            .map(|(before, question)| {
                let alias = before.rsplit([' ', '{']).next().unwrap_or_default();
                let rows = self.usage_of(question, &measurements).ok_or_else(|| wrong("invalid range"))?;
                Ok(format!(r#""{alias}": [{}]"#, rows.join(",")))
            })
            .collect();
        let answers = answers?;
        if answers.is_empty() { Err(wrong("Cannot query field")) } else { Ok(answers.join(",")) }
    }

    fn customer(&self) -> String {
        let invoices = self.invoices.iter().map(|Invoice { start, end, total, status }| {
            format!(
                r#"{{"periodStart": "{start}", "periodEnd": "{end}", "total": {total}, "status": "{status}"}}"#
            )
        });
        let invoices = invoices.collect::<Vec<_>>().join(",");
        format!(
            r#""workspace": {{"customer": {{"currentUsage": {}, "creditBalance": 12.5, "billingPeriod": {{"start": "{}", "end": "{}"}}, "usageLimit": {{"softLimit": 75, "hardLimit": 125}}, "subscriptions": [{{"billingCycleAnchor": "{}", "status": "active"}}], "invoices": [{invoices}]}}}}"#,
            self.current_usage, self.start, self.start, self.anchor
        )
    }

    fn projects(&self, with_deleted: bool) -> String {
        let mut known: Vec<&str> = self.usages.iter().map(|usage| usage.project).collect();
        known.sort_unstable();
        known.dedup();
        let shown = known.into_iter().filter(|project| with_deleted || !self.deleted.contains(project));
        let edges =
            shown.map(|project| format!(r#"{{"node": {{"id": "id-{project}", "name": "{project}"}}}}"#));
        format!(r#""projects": {{"edges": [{}]}}"#, edges.collect::<Vec<_>>().join(","))
    }

    fn usage_of(&self, question: &str, measurements: &[&str]) -> Option<Vec<String>> {
        let time = |name: &str| -> Option<Timestamp> {
            let (_, rest) = question.split_once(&format!("{name}: \""))?;
            rest.split_once('"')?.0.parse().ok()
        };
        let (start, end) = (time("startDate")?, time("endDate")?);
        if end <= start || end > self.now {
            return None;
        }
        let oldest = self.now.to_zoned(TimeZone::UTC).date().saturating_sub(KEPT_DAYS.days());
        let with_deleted = question.contains("includeDeleted: true");
        let by_project = question.contains("PROJECT_ID");
        let inside = |usage: &&Usage| {
            let midnight = usage.day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
            usage.day >= oldest
                && midnight.is_ok_and(|midnight| start <= midnight && midnight < end)
                && measurements.contains(&usage.measurement)
                && (with_deleted || !self.deleted.contains(&usage.project))
        };
        let rows = self.usages.iter().filter(inside).map(|Usage { project, measurement, value, .. }| {
            let project = if by_project { format!("\"id-{project}\"") } else { "null".to_owned() };
            format!(
                r#"{{"measurement": "{measurement}", "value": {value}, "tags": {{"projectId": {project}}}}}"#
            )
        });
        Some(rows.collect())
    }
}

#[cfg(test)]
mod tests {
    use hyper::body::Bytes;

    use super::super::question::{asked, replied};
    use super::*;

    #[test]
    fn it_is_strict_about_tokens_and_leaves_out_what_is_deleted() {
        let now = "2026-03-10T12:00:00Z".parse().unwrap();
        let day = Date::constant(2026, 3, 1);
        let double = Railway::new(now, "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", "1.5")
            .usage(day, "a", ("CPU_USAGE", "1"))
            .usage(day, "b", ("CPU_USAGE", "2"))
            .delete("b");
        let ask = |query: &str, key: &str| {
            let header = format!("Bearer {key}");
            let json = ("content-type", "application/json");
            let mut request = asked("/graphql/v2", &[("authorization", &header), json]);
            let variables = serde_json::json!({"workspaceId": WORKSPACE, "measurements": ["CPU_USAGE"]});
            let body = serde_json::json!({"query": query, "variables": variables}).to_string();
            (request.method, request.body) = ("POST".to_owned(), Bytes::from(body));
            replied(double.answer(&request))
        };
        let usage = |more: &str, end: &str| {
            format!(
                r#"query D {{ d: usage(startDate: "2026-03-01T00:00:00Z", endDate: "{end}"{more}) {{ value }} }}"#
            )
        };
        let day_after = "2026-03-02T00:00:00Z";
        let (status, all) = ask(&usage(", includeDeleted: true", day_after), KEY);
        assert_eq!((status, all.matches("measurement").count()), (200, 2), "{all}");
        assert_eq!(ask(&usage("", day_after), KEY).1.matches("measurement").count(), 1);
        for (query, key) in [
            (usage("", day_after), "other"),
            (usage("", "2026-03-10T12:00:01Z"), KEY),
            ("query N { nothing }".to_owned(), KEY),
        ] {
            let (status, answer) = ask(&query, key);
            assert!(status == 200 && answer.contains(r#""errors""#), "{query} {key}: {answer}");
        }
    }
}
