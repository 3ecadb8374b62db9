//! A double of DigitalOcean's billing: nightly figures by day, balance, invoices with their summaries. Lists have 20 rows
//! a page unless more are asked for.

use jiff::civil::Date;

use super::question::{Question, Refused, quoted};
use crate::web::{Answer, Reply, Request};

/// The token that may read.
pub const KEY: &str = "dop_v1_watchfire_double_0001";

/// The team that it belongs to.
pub const TEAM: &str = "12345678-1234-1234-1234-123456789012";

/// What the double reports.
#[derive(Clone, Debug, Default)]
pub struct DigitalOcean {
    points: Vec<Point>,
    usage: String,
    balance: String,
    invoices: Vec<Invoice>,
    announced: Option<usize>,
}

#[derive(Clone, Debug)]
struct Point {
    day: Date,
    group: String,
    description: String,
    amount: String,
}

/// An invoice; amounts in dollars.
#[derive(Clone, Debug)]
pub struct Invoice {
    /// `2026-01`
    pub month: &'static str,
    /// All of it.
    pub amount: &'static str,
    /// Of this, taxes.
    pub taxes: &'static str,
    /// Of this, credits, which are negative.
    pub credits: &'static str,
}

impl DigitalOcean {
    /// Adds what a resource cost on a day: its group, its description, the amount.
    #[must_use]
    pub fn point(mut self, day: Date, (group, description): (&str, &str), amount: &str) -> Self {
        let (group, description) = (group.to_owned(), description.to_owned());
        self.points.push(Point { day, group, description, amount: amount.to_owned() });
        self
    }

    /// What was used in the running month, and what is owed from earlier.
    #[must_use]
    pub fn balance(mut self, month_to_date_usage: &str, account_balance: &str) -> Self {
        (self.usage, self.balance) = (month_to_date_usage.to_owned(), account_balance.to_owned());
        self
    }

    /// Adds an invoice.
    #[must_use]
    pub fn invoice(mut self, invoice: Invoice) -> Self {
        self.invoices.push(invoice);
        self
    }

    /// Announces so many rows, whatever it has.
    #[must_use]
    pub fn announce(mut self, rows: usize) -> Self {
        self.announced = Some(rows);
        self
    }

    /// What it answers.
    pub fn answer(&self, request: &Request) -> Answer {
        match self.report(request) {
            Ok(body) => Reply::new(200, "application/json", body)
                .header("ratelimit-limit", "5000")
                .header("ratelimit-remaining", "4999")
                .into(),
            Err(Refused(status, message)) => {
                let (id, message) = (quoted(Some(&format!("error_{status}"))), quoted(Some(&message)));
                let body = format!(r#"{{"id": {id}, "message": {message}}}"#);
                Reply::new(status, "application/json", body).into()
            }
        }
    }

    fn report(&self, request: &Request) -> Result<String, Refused> {
        if request.header("authorization") != format!("Bearer {KEY}") {
            return Err(Refused(401, "Unable to authenticate you".to_owned()));
        }
        let nowhere = || Refused(404, "The resource you were accessing could not be found.".to_owned());
        let path =
            request.path.strip_prefix("/v2/").filter(|_| request.method == "GET").ok_or_else(nowhere)?;
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["account"] => {
                Question::of(request, &[])?;
                Ok(format!(
                    r#"{{"account": {{"uuid": "u", "status": "active", "team": {{"uuid": "{TEAM}", "name": "T"}}}}}}"#
                ))
            }
            ["customers", "my", "balance"] => {
                Question::of(request, &[])?;
                Ok(self.balances())
            }
            ["customers", "my", "invoices"] => self.list_invoices(request),
            ["customers", "my", "invoices", uuid, "summary"] => {
                Question::of(request, &[])?;
                self.invoices
                    .iter()
                    .find(|invoice| invoice.uuid() == *uuid)
                    .map(Invoice::summary)
                    .ok_or_else(nowhere)
            }
            ["billing", urn, "insights", first, last] if *urn == format!("do:team:{TEAM}") => {
                self.insights(request, first, last)
            }
            _ => Err(nowhere()),
        }
    }

    /// The balance with what is owed is the larger one, so that whoever takes it for the usage is found out.
    fn balances(&self) -> String {
        format!(
            r#"{{"month_to_date_balance": "9999.99", "account_balance": "{}", "month_to_date_usage": "{}", "generated_at": "2026-01-01T00:00:00Z"}}"#,
            self.balance, self.usage
        )
    }

    fn list_invoices(&self, request: &Request) -> Result<String, Refused> {
        let (page, pages, part) = numbered(request, &self.invoices)?;
        let rows = part.iter().map(|invoice| {
            format!(
                r#"{{"invoice_uuid": "{}", "invoice_id": "1", "amount": "{}", "invoice_period": "{}", "updated_at": "2026-01-01T00:00:00Z"}}"#,
                invoice.uuid(),
                invoice.amount,
                invoice.month
            )
        });
        let rows = rows.collect::<Vec<_>>().join(",");
        let next = if page < pages { r#""next": "https://api.digitalocean.com/v2/elsewhere""# } else { "" };
        Ok(format!(
            r#"{{"invoices": [{rows}], "invoice_preview": {{"invoice_uuid": "preview", "amount": "{}", "invoice_period": "2026-01"}}, "links": {{"pages": {{{next}}}}}, "meta": {{"total": {}}}}}"#,
            self.usage,
            self.invoices.len()
        ))
    }

    fn insights(&self, request: &Request, first: &str, last: &str) -> Result<String, Refused> {
        let day = |text: &str| text.parse::<Date>().map_err(|_| Refused(400, "invalid date".to_owned()));
        let (first, last) = (day(first)?, day(last)?);
        let days = first.until(last).map_or(-1, |span| span.get_days());
        if !(0..31).contains(&days) {
            return Err(Refused(400, "end_date must be within 31 days of start_date".to_owned()));
        }
        let points: Vec<&Point> =
            self.points.iter().filter(|point| (first..=last).contains(&point.day)).collect();
        let (page, pages, part) = numbered(request, &points)?;
        let rows = part.iter().map(|point| {
            format!(
                r#"{{"usage_team_urn": "do:team:{TEAM}", "start_date": "{}", "total_amount": "{}", "region": "nyc3", "sku": "1-DO-DROP-0109", "description": {}, "group_description": {}}}"#,
                point.day,
                point.amount,
                quoted(Some(&point.description)),
                quoted(Some(&point.group))
            )
        });
        let rows = rows.collect::<Vec<_>>().join(",");
        let announced = self.announced.unwrap_or(points.len());
        Ok(format!(
            r#"{{"data_points": [{rows}], "total_items": {announced}, "total_pages": {pages}, "current_page": {page}}}"#
        ))
    }
}

impl Invoice {
    fn uuid(&self) -> String {
        format!("22737513-0ea7-4206-8ceb-98a575af{}", self.month)
    }

    fn summary(&self) -> String {
        let Self { month, amount, taxes, credits } = self;
        format!(
            r#"{{"invoice_uuid": "{}", "billing_period": "{month}", "amount": "{amount}", "user_name": "N", "product_charges": {{"name": "Product usage charges", "amount": "1.00", "items": []}}, "overages": {{"name": "Overages", "amount": "0.00"}}, "taxes": {{"name": "Taxes", "amount": "{taxes}"}}, "credits_and_adjustments": {{"name": "Credits & adjustments", "amount": "{credits}"}}}}"#,
            self.uuid()
        )
    }
}

/// The page that is asked for by number, how many there are, and what is on it.
fn numbered<'a, T>(request: &Request, all: &'a [T]) -> Result<(usize, usize, &'a [T]), Refused> {
    let question = Question::of(request, &["page", "per_page"])?;
    let size = question.number("per_page", 20, 1..=200)?;
    let page = question.number("page", 1, 1..=usize::MAX)?;
    let pages = all.len().div_ceil(size).max(1);
    let start = (page - 1).saturating_mul(size).min(all.len());
    let end = start.saturating_add(size).min(all.len());
    Ok((page, pages, all.get(start..end).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::super::question::{asked, replied};
    use super::*;

    #[test]
    fn it_is_strict_about_tokens_ranges_and_pages() {
        let point = |double: DigitalOcean, _: u8| double.point(Date::constant(2026, 3, 1), ("", "d"), "0.86");
        let double = (0..25).fold(DigitalOcean::default(), point);
        let ask = |path: &str, key: &str| {
            let header = format!("Bearer {key}");
            replied(double.answer(&asked(path, &[("authorization", &header)])))
        };
        let march = format!("/v2/billing/do:team:{TEAM}/insights/2026-03-01/2026-03-31");
        let (status, page) = ask(&march, KEY);
        assert_eq!((status, page.matches("start_date").count()), (200, 20));
        assert!(page.contains(r#""total_items": 25, "total_pages": 2"#), "{page}");
        assert_eq!(ask(&format!("{march}?per_page=200"), KEY).1.matches("start_date").count(), 25);
        for (path, key, status) in [
            (march.clone(), "other", 401),
            (format!("{march}?per_page=201"), KEY, 400),
            (march.replace("03-31", "04-01"), KEY, 400),
            (march.replace(TEAM, "other"), KEY, 404),
            ("/v2/customers/my/invoices/none/summary".to_owned(), KEY, 404),
        ] {
            assert_eq!(ask(&path, key).0, status, "{path} {key}");
        }
    }
}
