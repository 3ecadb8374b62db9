//! A double of Hetzner's cloud API: prices, and what there is, page by page (25 rows unless more are asked for, 50 at
//! most).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::question::{Question, Refused};
use crate::web::{Answer, Reply, Request};

/// The token that may read.
pub const KEY: &str = "watchfiredoublehetzner0001";

/// The location of all that it has.
pub const LOCATION: &str = "fsn1";

/// What there is can be listed.
const LISTS: [&str; 6] = ["servers", "load_balancers", "volumes", "primary_ips", "floating_ips", "images"];

/// What the double has.
#[derive(Clone, Debug, Default)]
pub struct Hetzner {
    lists: BTreeMap<&'static str, Vec<Value>>,
    servers: Vec<Value>,
    balancers: Vec<Value>,
    currency: Option<&'static str>,
}

impl Hetzner {
    /// Adds a row to a list, as the API has it.
    #[must_use]
    pub fn add(mut self, list: &'static str, row: Value) -> Self {
        self.lists.entry(list).or_default().push(row);
        self
    }

    /// Adds a server: its number and name, its type and state, and since when.
    #[must_use]
    pub fn server(self, (id, name): (u64, &str), (size, status): (&str, &str), created: &str) -> Self {
        let row = json!({
            "id": id,
            "name": name,
            "status": status,
            "created": created,
            "server_type": {"id": 1, "name": size},
            "datacenter": {"id": 4, "name": "fsn1-dc14", "location": {"name": LOCATION}},
            "backup_window": null,
            "outgoing_traffic": null,
            "included_traffic": 21_990_232_555_520_u64,
        });
        self.add("servers", row)
    }

    /// Adds the prices of a type of servers, of an hour and of a month; gross prices differ.
    #[must_use]
    pub fn server_price(mut self, name: &str, (hour, month): (&str, &str)) -> Self {
        self.servers.push(json!({"id": 1, "name": name, "prices": [prices(Some(hour), month)]}));
        self
    }

    /// The same of load balancers.
    #[must_use]
    pub fn balancer_price(mut self, name: &str, (hour, month): (&str, &str)) -> Self {
        self.balancers.push(json!({"id": 1, "name": name, "prices": [prices(Some(hour), month)]}));
        self
    }

    /// The currency of all prices; euros otherwise.
    #[must_use]
    pub fn currency(mut self, currency: &'static str) -> Self {
        self.currency = Some(currency);
        self
    }

    /// What it answers.
    pub fn answer(&self, request: &Request) -> Answer {
        match self.report(request) {
            Ok(body) => Reply::json(200, &body).header("ratelimit-limit", "3600").into(),
            Err(Refused(status, message)) => {
                let code = if status == 401 { "unauthorized" } else { "invalid_input" };
                Reply::json(status, &json!({"error": {"code": code, "message": message}})).into()
            }
        }
    }

    fn report(&self, request: &Request) -> Result<Value, Refused> {
        if request.header("authorization") != format!("Bearer {KEY}") {
            return Err(Refused(401, "the token you provided is invalid".to_owned()));
        }
        let nowhere = || Refused(404, "not found".to_owned());
        let path =
            request.path.strip_prefix("/v1/").filter(|_| request.method == "GET").ok_or_else(nowhere)?;
        if path == "pricing" {
            Question::of(request, &[])?;
            return Ok(self.pricing());
        }
        let list = LISTS.into_iter().find(|list| *list == path).ok_or_else(nowhere)?;
        let known: &[&str] =
            if list == "images" { &["page", "per_page", "type"] } else { &["page", "per_page"] };
        let question = Question::of(request, known)?;
        if list == "images" && question.get("type") != Some("snapshot") {
            // the pictures that everybody may use cost nothing
            return Err(Refused(400, "only snapshots are kept here".to_owned()));
        }
        let size = question.number("per_page", 25, 1..=50)?;
        let page = question.number("page", 1, 1..=usize::MAX)?;
        let all = self.lists.get(list).map(Vec::as_slice).unwrap_or_default();
        let part: Vec<&Value> = all.iter().skip((page - 1).saturating_mul(size)).take(size).collect();
        let last = all.len().div_ceil(size).max(1);
        let next = (page < last).then_some(page + 1);
        let pagination = json!({"page": page, "per_page": size, "next_page": next, "last_page": last, "total_entries": all.len()});
        Ok(json!({list: part, "meta": {"pagination": pagination}}))
    }

    fn pricing(&self) -> Value {
        let gigabyte = |net: &str| json!({"price_per_gb_month": price(net)});
        json!({"pricing": {
            "currency": self.currency.unwrap_or("EUR"),
            "vat_rate": "19.000000",
            "image": gigabyte("0.0110000000"),
            "volume": gigabyte("0.0440000000"),
            "server_backup": {"percentage": "20.0000000000"},
            "server_types": self.servers,
            "load_balancer_types": self.balancers,
            "primary_ips": [{"type": "ipv4", "prices": [prices(Some("0.0008000000"), "0.5000000000")]}],
            "floating_ips": [{"type": "ipv4", "prices": [prices(None, "3.0000000000")]}],
        }})
    }
}

fn prices(hour: Option<&str>, month: &str) -> Value {
    json!({
        "location": LOCATION,
        "price_hourly": hour.map(price),
        "price_monthly": price(month),
        "included_traffic": 21_990_232_555_520_u64,
        "price_per_tb_traffic": price("1.0000000000"),
    })
}

/// The gross price is far from the net one, so that whoever takes it is found out.
fn price(net: &str) -> Value {
    json!({"net": net, "gross": format!("9{net}")})
}
