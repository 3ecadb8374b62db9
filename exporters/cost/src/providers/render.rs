//! Render, estimated from what runs: it has no API for bills.
//!
//! Instances are billed by the second of their month's price. A suspended service costs nothing and its disk goes on
//! costing; a highly available database counts twice; the instances of a service that scales itself come from the
//! metrics, since `numInstances` is wrong for it. Previews are shown together, so that they make no series each.

mod reply;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use toolkit::config::{Fields, Secret, SecretSource};

use self::reply::{Disk, KeyValue, Listed, Owner, Postgres, Series, Service};
use super::estimate::{Meter, Prices, Rate, Rounding, Running, finding, started};
use super::pages::Pages;
use super::{Bill, base_url, required_secret};
use crate::charge::{Finding, Quota, Snapshot, Source};
use crate::http::{BaseUrl, FetchError, Http, encode};
use crate::money::Money;
use crate::window::Window;

const PRICES: &str = include_str!("../../prices/render.yml");

/// Rows of a page; 20 unless one asks for more.
const PAGE: usize = 100;

/// Services whose bandwidth is asked for at once.
const RESOURCES: usize = 50;

/// How far back the newest count of instances is looked for.
const RECENT: Duration = Duration::from_mins(15);

/// Gigabytes of a block of bandwidth.
const BLOCK: u64 = 100;

/// Bytes of a gigabyte.
const GIGABYTE: f64 = 1e9;

/// Plans of a workspace, which no API tells.
const WORKSPACES: &[(&str, &str)] =
    &[("hobby", "hobby"), ("professional", "professional"), ("organization", "organization")];

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Render {
    base: BaseUrl,
    key: SecretSource,
    prices: Prices,
    workspace_plan: Option<&'static str>,
}

/// All that is there.
struct Inventory {
    owners: BTreeMap<String, Arc<str>>,
    services: Vec<Service>,
    databases: Vec<Postgres>,
    stores: Vec<KeyValue>,
    disks: Vec<Disk>,
}

impl Bill for Render {
    const TYPE: &'static str = "render";
    const SOURCE: Source = Source::Estimated;
    const INTERVAL: Duration = Duration::from_mins(15);
    const SETTLES_AFTER: Duration = Duration::from_hours(1);
    const NEEDS: &'static str = "an API key; it sees the workspaces of the user who made it";

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let base = base_url(fields, "https://api.render.com/v1");
        let key = required_secret(fields, "api_key");
        let prices = Prices::decode(fields, "prices/render.yml", PRICES);
        let workspace_plan = fields.choice("workspace_plan", WORKSPACES);
        Some(Self { base: base?, key: key?, prices: prices?, workspace_plan })
    }

    async fn fetch(&self, http: &Http, window: &Window) -> Result<Snapshot, FetchError> {
        let ask = Ask { render: self, http, key: &self.key.read().await?, window };
        let owners = ask.list::<Owner>("owners", "/owners", &[]).await?;
        let inventory = Inventory {
            owners: owners.iter().map(|owner| (owner.id.clone(), Arc::from(&*owner.name))).collect(),
            services: ask.list("services", "/services", &[("includePreviews", "true")]).await?,
            databases: ask.list("postgres", "/postgres", &[("includeReplicas", "true")]).await?,
            stores: ask.list("key_value", "/key-value", &[]).await?,
            disks: ask.list("disks", "/disks", &[]).await?,
        };
        let mut meter = Meter::new(window, &self.prices.currency, Rounding::Seconds);
        let mut findings = Vec::new();
        for service in &inventory.services {
            let instances = ask.instances(service).await?;
            findings.extend(self.service(
                &mut meter,
                service,
                inventory.account(&service.owner_id),
                instances,
            ));
        }
        findings.extend(self.disks(&mut meter, &inventory));
        for database in &inventory.databases {
            self.database(&mut meter, database, inventory.account(&database.owner.id));
        }
        for store in &inventory.stores {
            let rate = self.prices.rate(&format!("key_value.{}", store.plan));
            meter.runs(Running {
                item: format!("key_value/{}", store.id),
                account: inventory.account(&store.owner.id),
                service: format!("key_value/{}", store.name),
                rate: if store.is_suspended() { Some(Rate::FREE) } else { rate },
                since: store.created_at,
            });
        }
        let mut quotas = Vec::new();
        for owner in &owners {
            quotas.extend(ask.bandwidth(&mut meter, &inventory, owner).await?);
            ask.seats(&mut meter, &inventory, owner).await?;
        }
        let prices_as_of = Some(self.prices.as_of);
        Ok(Snapshot { quotas, findings, prices_as_of, ..meter.finish() })
    }
}

impl Inventory {
    /// The workspace's name, or its id where it is not told.
    fn account(&self, owner: &str) -> Arc<str> {
        self.owners.get(owner).map_or_else(|| owner.into(), Arc::clone)
    }
}

impl Render {
    fn service(
        &self,
        meter: &mut Meter<'_>,
        service: &Service,
        account: Arc<str>,
        instances: Money,
    ) -> Option<Finding> {
        let plan = service.details.plan.as_deref().unwrap_or_default();
        let rate = match service.kind.as_str() {
            "static_site" => Some(Rate::FREE),
            "cron_job" => self.prices.rate("cron_job"),
            "web_service" | "private_service" | "background_worker" => {
                self.prices.rate(&format!("service.{plan}")).map(|rate| rate.scaled(instances))
            }
            _ => None,
        };
        let rate = if service.is_suspended() { Some(Rate::FREE) } else { rate };
        let name = if service.is_preview() { "previews" } else { &service.name };
        meter.runs(Running {
            item: format!("service/{}", service.id),
            account,
            service: format!("{}/{name}", service.kind),
            rate,
            since: Some(service.created_at),
        });
        let rate = rate.filter(|_| service.is_preview())?;
        let evidence =
            format!("a preview on plan {plan} with {instances} instances runs since {}", service.created_at);
        finding("preview", service.name.clone(), (rate.monthly(), &self.prices.currency), evidence)
    }

    /// A disk costs the same whether its service runs or not.
    fn disks(&self, meter: &mut Meter<'_>, inventory: &Inventory) -> Vec<Finding> {
        let mut findings = Vec::new();
        for disk in &inventory.disks {
            let service = inventory.services.iter().find(|service| service.id == disk.service_id);
            let rate = self.prices.rate("disk.gb").map(|rate| rate.times(disk.size_gb));
            meter.runs(Running {
                item: format!("disk/{}", disk.id),
                account: service.map_or_else(Arc::default, |service| inventory.account(&service.owner_id)),
                service: format!("disk/{}", disk.name),
                rate,
                since: disk.created_at,
            });
            let (Some(service), Some(rate)) = (service.filter(|service| service.is_suspended()), rate) else {
                continue;
            };
            let evidence = format!("{} is suspended and keeps a disk of {} GB", service.name, disk.size_gb);
            let monthly = (rate.monthly(), &self.prices.currency);
            findings.extend(finding("suspended_leftover", service.name.clone(), monthly, evidence));
        }
        findings
    }

    fn database(&self, meter: &mut Meter<'_>, database: &Postgres, account: Arc<str>) {
        let copies = if database.high_availability_enabled { 2 } else { 1 };
        let compute = self.prices.rate(&format!("postgres.{}", database.plan)).map(|rate| rate.times(copies));
        meter.runs(Running {
            item: format!("postgres/{}", database.id),
            account: Arc::clone(&account),
            service: format!("postgres/{}", database.name),
            rate: if database.is_suspended() { Some(Rate::FREE) } else { compute },
            since: database.created_at,
        });
        let is_free = compute.is_some_and(|rate| rate.monthly().is_zero());
        let disk = if is_free { Some(Rate::FREE) } else { self.prices.rate("postgres.disk.gb") };
        if let Some(size) = database.disk_size_gb {
            meter.runs(Running {
                item: format!("postgres_disk/{}", database.id),
                account,
                service: format!("postgres_disk/{}", database.name),
                rate: disk.map(|rate| rate.times(size * copies)),
                since: database.created_at,
            });
        }
    }
}

/// Asking, for one refresh.
struct Ask<'a> {
    render: &'a Render,
    http: &'a Http,
    key: &'a Secret,
    window: &'a Window,
}

impl Ask<'_> {
    async fn get<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, FetchError> {
        let request = self.http.get(operation, &self.render.base.at(path)).bearer(self.key);
        request.queries(query.iter().copied()).fetch().await
    }

    /// A whole list: its last page is shorter than the others.
    async fn list<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, FetchError> {
        let (mut all, mut pages, limit) = (Vec::new(), Pages::of(operation), PAGE.to_string());
        let mut cursor: Option<String> = None;
        loop {
            let mut asked = query.to_vec();
            asked.push(("limit", &limit));
            asked.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page: Vec<Listed<T>> = self.get(operation, path, &asked).await?;
            let is_last = page.len() < PAGE;
            let last = page.last().map(|row| row.cursor.clone());
            all.extend(page.into_iter().map(|row| row.item));
            cursor = pages.next_if(!is_last, last)?;
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }

    /// How many instances a service has now.
    async fn instances(&self, service: &Service) -> Result<Money, FetchError> {
        let set = i64::try_from(service.details.num_instances.unwrap_or(1)).unwrap_or(i64::MAX);
        let scales = service.details.autoscaling.as_ref().is_some_and(|scaling| scaling.enabled);
        if !scales || service.is_suspended() {
            return Ok(Money::units(set));
        }
        let from = (self.window.now - RECENT).to_string();
        let query =
            [("resource", &*service.id), ("startTime", &from), ("endTime", &self.window.now.to_string())];
        let series: Vec<Series> = self.get("instance_count", "/metrics/instance-count", &query).await?;
        let newest = series.iter().flat_map(|series| &series.values).max_by_key(|value| value.timestamp);
        Ok(newest.map_or_else(|| Money::units(set), |value| value.value.0))
    }

    /// What a workspace sent so far in this month, and what it pays for what exceeds its plan.
    async fn bandwidth(
        &self,
        meter: &mut Meter<'_>,
        inventory: &Inventory,
        owner: &Owner,
    ) -> Result<Option<Quota>, FetchError> {
        let sends = |service: &&Service| {
            service.owner_id == owner.id && matches!(&*service.kind, "web_service" | "static_site")
        };
        let services: Vec<&Service> = inventory.services.iter().filter(sends).collect();
        if services.is_empty() {
            return Ok(None);
        }
        let began = self.window.calendar.start_of(self.window.period().start).to_string();
        let now = self.window.now.to_string();
        let mut gigabytes = Money::ZERO;
        for some in services.chunks(RESOURCES) {
            let mut query = vec![("startTime", &*began), ("endTime", &*now)];
            query.extend(some.iter().map(|service| ("resource", &*service.id)));
            let series: Vec<Series> = self.get("bandwidth", "/metrics/bandwidth", &query).await?;
            for series in &series {
                let sum = series.values.iter().map(|value| value.value.0).sum::<Money>();
                gigabytes += sum.times(series.gigabytes()?);
            }
        }
        let account = inventory.account(&owner.id);
        let included = self
            .render
            .workspace_plan
            .and_then(|plan| self.render.prices.number(&format!("included.bandwidth_gb.{plan}")));
        if let Some(included) = included {
            let blocks = started(gigabytes - included, BLOCK);
            let each = self.render.prices.number("bandwidth.100gb");
            meter.uses(&format!("bandwidth/{}", owner.id), &account, "bandwidth", (blocks, each));
        }
        Ok(Some(Quota {
            account,
            resource: "bandwidth".into(),
            unit: "bytes".into(),
            used: gigabytes.to_f64() * GIGABYTE,
            limit: included.map(|included| included.to_f64() * GIGABYTE),
        }))
    }

    /// Members are paid for where the settings say on which plan the workspace is.
    async fn seats(
        &self,
        meter: &mut Meter<'_>,
        inventory: &Inventory,
        owner: &Owner,
    ) -> Result<(), FetchError> {
        let Some(plan) = self.render.workspace_plan else { return Ok(()) };
        let seat = self.render.prices.number(&format!("seat.{plan}"));
        if owner.kind.as_deref() == Some("user") || seat.is_some_and(Money::is_zero) {
            return Ok(());
        }
        let path = format!("/owners/{}/members", encode(&owner.id));
        let members: Vec<serde::de::IgnoredAny> = self.get("members", &path, &[]).await?;
        let count = i64::try_from(members.len()).unwrap_or(i64::MAX);
        let amount = seat.map(|seat| seat.times(Money::units(count)));
        meter.pays(&format!("seats/{}", owner.id), &inventory.account(&owner.id), "seats", amount);
        Ok(())
    }
}
