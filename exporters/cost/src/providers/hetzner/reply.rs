//! What Hetzner answers, as far as it is read.

use jiff::Timestamp;
use serde::Deserialize;

use crate::money::Amount;
use crate::providers::estimate::Rate;

/// A list's page: the rows under their own name, and where it goes on.
#[derive(Debug, Deserialize)]
pub(super) struct Listed<T> {
    #[serde(
        alias = "servers",
        alias = "volumes",
        alias = "load_balancers",
        alias = "primary_ips",
        alias = "floating_ips",
        alias = "images"
    )]
    pub(super) rows: Vec<T>,
    pub(super) meta: Meta,
}

#[derive(Debug, Deserialize)]
pub(super) struct Meta {
    pub(super) pagination: Pagination,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pagination {
    pub(super) next_page: Option<u32>,
    pub(super) total_entries: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PricingReply {
    pub(super) pricing: Pricing,
}

/// All prices of an account.
#[derive(Debug, Deserialize)]
pub(super) struct Pricing {
    pub(super) currency: String,
    pub(super) image: GigabytePrice,
    pub(super) volume: GigabytePrice,
    pub(super) server_backup: Share,
    pub(super) server_types: Vec<TypePrices>,
    pub(super) load_balancer_types: Vec<TypePrices>,
    pub(super) primary_ips: Vec<TypePrices>,
    pub(super) floating_ips: Vec<TypePrices>,
}

#[derive(Debug, Deserialize)]
pub(super) struct GigabytePrice {
    pub(super) price_per_gb_month: Net,
}

#[derive(Debug, Deserialize)]
pub(super) struct Share {
    pub(super) percentage: Amount,
}

/// The prices of a type, by location. Servers are told by their name, addresses by their type.
#[derive(Debug, Deserialize)]
pub(super) struct TypePrices {
    #[serde(alias = "type")]
    pub(super) name: String,
    pub(super) prices: Vec<LocationPrice>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LocationPrice {
    pub(super) location: String,
    price_hourly: Option<Net>,
    price_monthly: Net,
    pub(super) price_per_tb_traffic: Option<Net>,
}

/// A price without VAT.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Net {
    pub(super) net: Amount,
}

#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Datacenter {
    location: Named,
}

/// Where something is: newer answers name the location itself.
#[derive(Debug, Deserialize)]
pub(super) struct Server {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) status: String,
    pub(super) created: Timestamp,
    #[serde(rename = "server_type")]
    pub(super) size: Named,
    location: Option<Named>,
    datacenter: Option<Datacenter>,
    pub(super) backup_window: Option<String>,
    pub(super) outgoing_traffic: Option<u64>,
    pub(super) included_traffic: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LoadBalancer {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) created: Timestamp,
    #[serde(rename = "load_balancer_type")]
    pub(super) size: Named,
    pub(super) location: Named,
    pub(super) outgoing_traffic: Option<u64>,
    pub(super) included_traffic: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Volume {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) server: Option<u64>,
    pub(super) created: Timestamp,
}

/// A primary address; a floating one has `server` and `home_location` for `assignee_id` and `location`.
#[derive(Debug, Deserialize)]
pub(super) struct Address {
    pub(super) id: u64,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(alias = "server")]
    pub(super) assignee_id: Option<u64>,
    #[serde(alias = "home_location")]
    location: Option<Named>,
    datacenter: Option<Datacenter>,
    pub(super) created: Timestamp,
}

#[derive(Debug, Deserialize)]
pub(super) struct Image {
    pub(super) id: u64,
    pub(super) description: Option<String>,
    /// Gigabytes.
    #[serde(rename = "image_size")]
    pub(super) size: Option<Amount>,
    pub(super) created: Timestamp,
}

impl Server {
    pub(super) fn location(&self) -> &str {
        place(self.location.as_ref(), self.datacenter.as_ref())
    }
}

impl Address {
    pub(super) fn location(&self) -> &str {
        place(self.location.as_ref(), self.datacenter.as_ref())
    }
}

impl LocationPrice {
    /// By the hour up to the price of the month, or a share of the month where no hour is told.
    pub(super) fn rate(&self) -> Rate {
        let month = self.price_monthly.net.0;
        self.price_hourly.map_or(Rate::Month(month), |hour| Rate::Hour(hour.net.0, Some(month)))
    }
}

/// The price of a type in a location.
pub(super) fn find<'a>(all: &'a [TypePrices], name: &str, location: &str) -> Option<&'a LocationPrice> {
    let of = all.iter().find(|of| of.name == name)?;
    of.prices.iter().find(|price| price.location == location)
}

fn place<'a>(location: Option<&'a Named>, datacenter: Option<&'a Datacenter>) -> &'a str {
    let location = location.or_else(|| datacenter.map(|datacenter| &datacenter.location));
    location.map_or("", |location| &location.name)
}
