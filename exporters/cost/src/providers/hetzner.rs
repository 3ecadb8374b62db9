//! Hetzner Cloud, estimated from what there is and from the prices that its own API tells: it has none for bills.
//!
//! Begun hours are billed, up to the price of the month; a server that is switched off costs the same. Prices are net,
//! without VAT.

mod reply;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use toolkit::config::{Fields, Secret, SecretSource};

use self::reply::{
    Address, Image, Listed, LoadBalancer, LocationPrice, Pricing, PricingReply, Server, Volume, find,
};
use super::estimate::{Meter, Prices, Rate, Rounding, Running, finding, shown, started};
use super::{Bill, base_url, required_secret};
use crate::charge::{Finding, Quota, Snapshot, Source};
use crate::http::{BaseUrl, FetchError, Http, Reason};
use crate::money::Money;
use crate::window::Window;

const PRICES: &str = include_str!("../../prices/hetzner.yml");

/// Rows of a page; 25 unless one asks for more.
const PAGE: &str = "50";

/// Pages of a list.
const MAX_PAGES: u32 = 1_000;

/// Traffic is counted by this many bytes, of which 1024 make what its price is for.
const GIGABYTE: u64 = 1 << 30;

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hetzner {
    base: BaseUrl,
    key: SecretSource,
    prices: Prices,
}

impl Bill for Hetzner {
    const TYPE: &'static str = "hetzner";
    const SOURCE: Source = Source::Estimated;
    const INTERVAL: Duration = Duration::from_mins(15);
    const SETTLES_AFTER: Duration = Duration::from_hours(1);
    const NEEDS: &'static str = "a read-only API token of the project";

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let base = base_url(fields, "https://api.hetzner.cloud/v1");
        let key = required_secret(fields, "api_key");
        let prices = Prices::decode(fields, "prices/hetzner.yml", PRICES);
        Some(Self { base: base?, key: key?, prices: prices? })
    }

    async fn fetch(&self, http: &Http, window: &Window) -> Result<Snapshot, FetchError> {
        let ask = Ask { hetzner: self, http, key: &self.key.read().await? };
        let pricing: PricingReply = ask.request("pricing", "/pricing").fetch().await?;
        let pricing = pricing.pricing;
        let currency: Arc<str> = pricing.currency.to_ascii_uppercase().into();
        if self.prices.has_own() && self.prices.currency != currency {
            let message = format!("prices_file is in {}, the account in {currency}", self.prices.currency);
            return Err(FetchError::new(Reason::File, message));
        }
        let meter = Meter::new(window, &currency, Rounding::StartedHours);
        let mut books =
            Books { prices: &self.prices, pricing, currency, meter, findings: Vec::new(), traffic: (0, 0) };
        for server in ask.list::<Server>("servers", "/servers").await? {
            books.server(&server);
        }
        for balancer in ask.list::<LoadBalancer>("load_balancers", "/load_balancers").await? {
            books.load_balancer(&balancer);
        }
        for volume in ask.list::<Volume>("volumes", "/volumes").await? {
            books.volume(&volume);
        }
        for address in ask.list::<Address>("primary_ips", "/primary_ips").await? {
            books.address("primary_ip", &address);
        }
        for address in ask.list::<Address>("floating_ips", "/floating_ips").await? {
            books.address("floating_ip", &address);
        }
        for image in ask.list::<Image>("images", "/images?type=snapshot").await? {
            books.image(&image);
        }
        Ok(books.close())
    }
}

/// What there is, while it is counted.
struct Books<'a> {
    prices: &'a Prices,
    pricing: Pricing,
    currency: Arc<str>,
    meter: Meter<'a>,
    findings: Vec<Finding>,
    /// Bytes that were sent, and that are included.
    traffic: (u64, u64),
}

impl Books<'_> {
    fn server(&mut self, server: &Server) {
        let Server { id, name, size, .. } = server;
        let (size, place) = (&size.name, server.location());
        let live = find(&self.pricing.server_types, size, place);
        let traffic = live.and_then(traffic_price);
        let rate = self.prices.rate_or(&format!("server.{size}.{place}"), live.map(LocationPrice::rate));
        self.runs(("server", *id, name), rate, server.created);
        if server.backup_window.is_some() {
            let share = self.pricing.server_backup.percentage.0.ratio(1, 100);
            self.runs(("backup", *id, name), rate.map(|rate| rate.scaled(share)), server.created);
        }
        self.sent(("server", *id), traffic, (server.outgoing_traffic, server.included_traffic));
        if server.status == "off" {
            let evidence = format!("server {name} ({size}) is off and is charged as if it ran");
            self.advise("suspended_leftover", name, rate, evidence);
        }
    }

    fn load_balancer(&mut self, balancer: &LoadBalancer) {
        let LoadBalancer { id, name, size, location, .. } = balancer;
        let (size, place) = (&size.name, &location.name);
        let live = find(&self.pricing.load_balancer_types, size, place);
        let traffic = live.and_then(traffic_price);
        let rate =
            self.prices.rate_or(&format!("load_balancer.{size}.{place}"), live.map(LocationPrice::rate));
        self.runs(("load_balancer", *id, name), rate, balancer.created);
        self.sent(("load_balancer", *id), traffic, (balancer.outgoing_traffic, balancer.included_traffic));
    }

    fn volume(&mut self, volume: &Volume) {
        let Volume { id, name, size, .. } = volume;
        let live = Rate::Month(self.pricing.volume.price_per_gb_month.net.0);
        let rate = self.prices.rate_or("volume.gb", Some(live)).map(|rate| rate.times(*size));
        self.runs(("volume", *id, name), rate, volume.created);
        if volume.server.is_none() {
            let evidence = format!("volume {name} of {size} GB is attached to no server");
            self.advise("unattached_volume", name, rate, evidence);
        }
    }

    fn address(&mut self, what: &'static str, address: &Address) {
        let Address { id, name, kind, .. } = address;
        let place = address.location();
        let all = if what == "primary_ip" { &self.pricing.primary_ips } else { &self.pricing.floating_ips };
        let live = find(all, kind, place).map(LocationPrice::rate);
        let rate = self.prices.rate_or(&format!("{what}.{kind}.{place}"), live);
        self.runs((what, *id, name), rate, address.created);
        if address.assignee_id.is_none() {
            let evidence = format!("the {kind} address {name} is assigned to nothing");
            self.advise("unassigned_address", name, rate, evidence);
        }
    }

    fn image(&mut self, image: &Image) {
        let size = image.size.map_or(Money::ZERO, |size| size.0);
        let live = Rate::Month(self.pricing.image.price_per_gb_month.net.0);
        let rate = self.prices.rate_or("image.gb", Some(live)).map(|rate| rate.scaled(size));
        let name = image.description.as_deref().unwrap_or("snapshot");
        self.runs(("snapshot", image.id, name), rate, image.created);
    }

    fn runs(&mut self, (kind, id, name): (&str, u64, &str), rate: Option<Rate>, created: Timestamp) {
        self.meter.runs(Running {
            item: format!("{kind}/{id}"),
            account: Arc::default(),
            service: format!("{kind}/{name}"),
            rate,
            since: Some(created),
        });
    }

    /// Traffic of this month, and what its excess costs.
    fn sent(
        &mut self,
        (kind, id): (&str, u64),
        gigabyte: Option<Money>,
        (sent, included): (Option<u64>, Option<u64>),
    ) {
        let (Some(sent), Some(included)) = (sent, included) else { return };
        self.traffic.0 = self.traffic.0.saturating_add(sent);
        self.traffic.1 = self.traffic.1.saturating_add(included);
        let over = Money::units(i64::try_from(sent.saturating_sub(included)).unwrap_or(i64::MAX));
        let blocks = started(over, GIGABYTE);
        self.meter.uses(&format!("traffic/{kind}/{id}"), &Arc::default(), "traffic", (blocks, gigabyte));
    }

    fn advise(&mut self, kind: &str, name: &str, rate: Option<Rate>, evidence: String) {
        let monthly = rate.map_or(Money::ZERO, Rate::monthly);
        self.findings.extend(finding(kind, name.to_owned(), (monthly, &self.currency), evidence));
    }

    fn close(self) -> Snapshot {
        let (sent, included) = self.traffic;
        let quota = Quota {
            account: Arc::default(),
            resource: "bandwidth".into(),
            unit: "bytes".into(),
            used: shown(sent),
            limit: Some(shown(included)),
        };
        let quotas = if included > 0 { vec![quota] } else { Vec::new() };
        // the provider tells its prices itself: only those of the operator grow old
        let prices_as_of = self.prices.has_own().then_some(self.prices.as_of);
        Snapshot { quotas, findings: self.findings, prices_as_of, ..self.meter.finish() }
    }
}

fn traffic_price(price: &LocationPrice) -> Option<Money> {
    price.price_per_tb_traffic.map(|price| price.net.0.ratio(1, 1_024))
}

/// Asking, for one refresh.
struct Ask<'a> {
    hetzner: &'a Hetzner,
    http: &'a Http,
    key: &'a Secret,
}

impl Ask<'_> {
    fn request(&self, operation: &'static str, path: &str) -> crate::http::Request {
        self.http.get(operation, &self.hetzner.base.at(path)).bearer(self.key)
    }

    /// A whole list: each page names the next one, and how many rows there are.
    async fn list<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &str,
    ) -> Result<Vec<T>, FetchError> {
        let (mut all, mut page) = (Vec::new(), 1);
        loop {
            let request = self.request(operation, path).query("page", &page.to_string());
            let listed: Listed<T> = request.query("per_page", PAGE).fetch().await?;
            all.extend(listed.rows);
            let pagination = listed.meta.pagination;
            match pagination.next_page {
                Some(next) if next > page && next <= MAX_PAGES => page = next,
                Some(next) => {
                    let message = format!("{operation}: page {next} comes after page {page}");
                    return Err(FetchError::new(Reason::Paging, message));
                }
                None if pagination.total_entries.is_some_and(|said| said != all.len() as u64) => {
                    let message = format!("{operation}: {} rows came, others were announced", all.len());
                    return Err(FetchError::new(Reason::Incomplete, message));
                }
                None => return Ok(all),
            }
        }
    }
}
