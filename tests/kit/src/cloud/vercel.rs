//! A double of Vercel's charges: FOCUS 1.3 as JSON lines, days of Pacific time, and a row of the day before whatever is
//! asked for.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

use super::question::{Question, Refused, quoted};
use crate::web::{Answer, Reply, Request};

/// The token that may read.
pub const KEY: &str = "vercel-token-watchfire-double-0001";

/// The team that it reads.
pub const TEAM: &str = "team_watchfire";

/// The clocks of California.
const PACIFIC: &str = "PST8PDT,M3.2.0,M11.1.0";

/// What the double reports.
#[derive(Clone, Debug, Default)]
pub struct Vercel {
    charges: Vec<Charge>,
}

#[derive(Clone, Debug)]
struct Charge {
    day: Date,
    project: Option<String>,
    service: String,
    category: String,
    amount: String,
}

impl Vercel {
    /// Adds a charge of a Pacific day; the amount is JSON.
    #[must_use]
    pub fn charge(
        mut self,
        day: Date,
        project: Option<&str>,
        (service, category): (&str, &str),
        amount: &str,
    ) -> Self {
        self.charges.push(Charge {
            day,
            project: project.map(str::to_owned),
            service: service.to_owned(),
            category: category.to_owned(),
            amount: amount.to_owned(),
        });
        self
    }

    /// What it answers.
    pub fn answer(&self, request: &Request) -> Answer {
        match self.report(request) {
            Ok(lines) => Reply::new(200, "application/jsonl", lines).into(),
            Err(Refused(status, message)) => {
                let (code, message) = (quoted(Some(&format!("error_{status}"))), quoted(Some(&message)));
                let body = format!(r#"{{"error": {{"code": {code}, "message": {message}}}}}"#);
                Reply::new(status, "application/json", body).into()
            }
        }
    }

    fn report(&self, request: &Request) -> Result<String, Refused> {
        if request.header("authorization") != format!("Bearer {KEY}") {
            return Err(Refused(403, "The request is missing an authentication token".to_owned()));
        }
        if (request.method.as_str(), request.path.as_str()) != ("GET", "/v1/billing/charges") {
            return Err(Refused(404, "The page could not be found".to_owned()));
        }
        let question = Question::of(request, &["from", "to", "teamId", "slug"])?;
        if question.get("teamId") != Some(TEAM) {
            return Err(Refused(403, "Not authorized: you have no access to this team".to_owned()));
        }
        let from: Timestamp = question.required("from")?;
        let to: Timestamp = question.required("to")?;
        let year = Span::new().hours(366 * 24);
        if to <= from || from.checked_add(year).is_ok_and(|most| to > most) {
            return Err(Refused(400, "The range must be positive and at most one year".to_owned()));
        }
        // the row that ends as the range begins comes too
        let inside = |charge: &&Charge| {
            let (start, end) = (midnight(charge.day), midnight(next(charge.day)));
            start < to && end >= from
        };
        Ok(self.charges.iter().filter(inside).map(Charge::row).collect())
    }
}

impl Charge {
    fn row(&self) -> String {
        let tags = match &self.project {
            None => "{}".to_owned(),
            Some(project) => {
                let (id, name) = (quoted(Some(&format!("prj_{project}"))), quoted(Some(project)));
                format!(r#"{{"ProjectId": {id}, "ProjectName": {name}}}"#)
            }
        };
        // the other column of money, which is no bill, is ten times as much: whoever adds it up is found out
        format!(
            r#"{{"BilledCost": {amount}, "EffectiveCost": 10.5, "BillingCurrency": "USD", "ChargeCategory": "{category}", "ChargePeriodStart": "{start}", "ChargePeriodEnd": "{end}", "ConsumedQuantity": 1.5, "ConsumedUnit": "GB", "PricingCurrency": "USD", "RegionId": null, "ServiceName": {service}, "ServiceProviderName": "Vercel", "Tags": {tags}}}{newline}"#,
            amount = self.amount,
            category = self.category,
            start = midnight(self.day).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            end = midnight(next(self.day)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            service = quoted(Some(&self.service)),
            newline = "\n",
        )
    }
}

fn next(day: Date) -> Date {
    day.saturating_add(1.day())
}

/// When a day begins in California.
fn midnight(day: Date) -> Timestamp {
    let zone = TimeZone::posix(PACIFIC).unwrap_or(TimeZone::UTC);
    day.to_zoned(zone).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::super::question::{asked, replied};
    use super::*;

    #[test]
    fn it_is_strict_about_teams_and_ranges() {
        let charge = |double: Vercel, day| double.charge(day, None, ("Pro", "Purchase"), "1");
        let days = [Date::constant(2026, 3, 7), Date::constant(2026, 3, 8), Date::constant(2026, 3, 9)];
        let double = days.into_iter().fold(Vercel::default(), charge);
        let ask = |query: &str, key: &str| {
            let header = format!("Bearer {key}");
            let path = format!("/v1/billing/charges?{query}");
            replied(double.answer(&asked(&path, &[("authorization", &header)])))
        };
        // the day of 23 hours, and the row of the day before
        let (status, lines) =
            ask(&format!("from=2026-03-08T08:00:00Z&to=2026-03-09T07:00:00Z&teamId={TEAM}"), KEY);
        assert_eq!((status, lines.lines().count()), (200, 2));
        assert!(
            lines.contains("2026-03-08T08:00:00.000Z\", \"ChargePeriodEnd\": \"2026-03-09T07"),
            "{lines}"
        );
        let year = "from=2025-01-01T08:00:00Z&to=2026-03-09T07:00:00Z";
        for (query, key, status) in [
            (format!("{year}&teamId={TEAM}"), KEY, 400),
            (year.to_owned(), KEY, 403),
            (format!("{year}&teamId={TEAM}"), "other", 403),
            (format!("{year}&teamId={TEAM}&team=1"), KEY, 400),
        ] {
            assert_eq!(ask(&query, key).0, status, "{query} {key}");
        }
    }
}
