//! Fly.io, estimated from machines and volumes: it has no API for bills.
//!
//! A machine is billed by the second while it is started, for its CPUs and for memory beyond what comes with them; a
//! volume also while nothing is attached to it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toolkit::config::{Fields, Secret, SecretSource};

use super::estimate::{Meter, Prices, Rate, Rounding, Running, finding};
use super::{Bill, base_url, required_secret};
use crate::charge::{Finding, Snapshot, Source};
use crate::http::{BaseUrl, FetchError, Http, Reason, encode};
use crate::money::Money;
use crate::window::Window;

const PRICES: &str = include_str!("../../prices/fly.yml");

/// Megabytes of memory that come with each CPU, by its kind.
const MEMORY: &[(&str, u64)] = &[("shared", 256), ("performance", 2_048)];

/// Megabytes of a gigabyte.
const GIGABYTE: u64 = 1_024;

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fly {
    base: BaseUrl,
    key: SecretSource,
    organizations: Vec<String>,
    prices: Prices,
}

#[derive(Debug, Deserialize)]
struct Apps {
    apps: Vec<App>,
    total_apps: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct App {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Machine {
    id: String,
    name: Option<String>,
    state: String,
    region: String,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    config: Option<Config>,
}

#[derive(Debug, Deserialize)]
struct Config {
    guest: Option<Guest>,
}

#[derive(Debug, Deserialize)]
struct Guest {
    cpu_kind: String,
    cpus: u64,
    memory_mb: u64,
    gpu_kind: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Volume {
    id: String,
    name: String,
    state: Option<String>,
    size_gb: u64,
    attached_machine_id: Option<String>,
    created_at: Option<Timestamp>,
}

impl Bill for Fly {
    const TYPE: &'static str = "fly";
    const SOURCE: Source = Source::Estimated;
    const INTERVAL: Duration = Duration::from_mins(15);
    const SETTLES_AFTER: Duration = Duration::from_hours(1);
    const NEEDS: &'static str = "a read-only token of each organization (fly tokens create readonly)";

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let base = base_url(fields, "https://api.machines.dev/v1");
        let key = required_secret(fields, "api_key");
        fields.require("organizations");
        let organizations = fields.string_or_list("organizations");
        let prices = Prices::decode(fields, "prices/fly.yml", PRICES);
        Some(Self { base: base?, key: key?, organizations, prices: prices? })
    }

    async fn fetch(&self, http: &Http, window: &Window) -> Result<Snapshot, FetchError> {
        let ask = Ask { fly: self, http, key: &self.key.read().await? };
        let mut meter = Meter::new(window, &self.prices.currency, Rounding::Seconds);
        let mut findings = Vec::new();
        for organization in &self.organizations {
            let account: Arc<str> = organization.as_str().into();
            for app in ask.apps(organization).await? {
                let path = format!("/apps/{}", encode(&app.name));
                let machines: Vec<Machine> = ask.get("machines", &format!("{path}/machines")).await?;
                let volumes: Vec<Volume> = ask.get("volumes", &format!("{path}/volumes")).await?;
                for machine in machines.iter().filter(|machine| machine.state != "destroyed") {
                    meter.runs(Running {
                        item: format!("machine/{}", machine.id),
                        account: Arc::clone(&account),
                        service: format!("machines/{}", app.name),
                        rate: if machine.is_billed() { self.rate(machine) } else { Some(Rate::FREE) },
                        // it may have been stopped before: its last change is when this state began
                        since: machine.updated_at.or(machine.created_at),
                    });
                }
                for volume in volumes.iter().filter(|volume| volume.state.as_deref() != Some("destroyed")) {
                    let rate = self.prices.rate("volume.gb").map(|rate| rate.times(volume.size_gb));
                    meter.runs(Running {
                        item: format!("volume/{}", volume.id),
                        account: Arc::clone(&account),
                        service: format!("volumes/{}", app.name),
                        rate,
                        since: volume.created_at,
                    });
                    findings.extend(self.advice(&app, volume, rate, &machines));
                }
            }
        }
        Ok(Snapshot { findings, prices_as_of: Some(self.prices.as_of), ..meter.finish() })
    }
}

impl Fly {
    /// What a machine costs while it is started.
    fn rate(&self, machine: &Machine) -> Option<Rate> {
        let guest = machine.config.as_ref()?.guest.as_ref().filter(|guest| guest.gpu_kind.is_none())?;
        let (_, memory) = MEMORY.iter().find(|(kind, _)| *kind == guest.cpu_kind)?;
        let cpus = self.prices.rate(&format!("cpu.{}", guest.cpu_kind))?.times(guest.cpus);
        let more = guest.memory_mb.saturating_sub(memory * guest.cpus);
        let rate = match (more, cpus) {
            (0, cpus) => cpus,
            (more, Rate::Hour(cpus, None)) => {
                let Rate::Hour(gigabyte, None) = self.prices.rate("memory.gb")? else { return None };
                Rate::Hour(cpus + gigabyte.ratio(more, GIGABYTE), None)
            }
            // a price of one's own for a month is for the machine as it is
            (_, cpus) => cpus,
        };
        let factor =
            self.prices.number(&format!("region.{}", machine.region)).unwrap_or_else(|| Money::units(1));
        Some(rate.scaled(factor))
    }

    fn advice(
        &self,
        app: &App,
        volume: &Volume,
        rate: Option<Rate>,
        machines: &[Machine],
    ) -> Option<Finding> {
        let monthly = (rate?.monthly(), &self.prices.currency);
        let subject = format!("{}/{}", app.name, volume.name);
        let Some(attached) = &volume.attached_machine_id else {
            let evidence = format!("a volume of {} GB is attached to no machine", volume.size_gb);
            return finding("unattached_volume", subject, monthly, evidence);
        };
        let machine = machines.iter().find(|machine| machine.id == *attached && !machine.is_billed())?;
        let name = machine.name.as_deref().unwrap_or(&machine.id);
        let evidence =
            format!("machine {name} is {} and keeps a volume of {} GB", machine.state, volume.size_gb);
        finding("suspended_leftover", subject, monthly, evidence)
    }
}

impl Machine {
    /// Whether its CPUs and memory cost something now.
    fn is_billed(&self) -> bool {
        matches!(
            &*self.state,
            "started" | "starting" | "stopping" | "restarting" | "replacing" | "suspending"
        )
    }
}

/// Asking, for one refresh.
struct Ask<'a> {
    fly: &'a Fly,
    http: &'a Http,
    key: &'a Secret,
}

impl Ask<'_> {
    async fn get<T: DeserializeOwned>(&self, operation: &'static str, path: &str) -> Result<T, FetchError> {
        self.http.get(operation, &self.fly.base.at(path)).bearer(self.key).fetch().await
    }

    async fn apps(&self, organization: &str) -> Result<Vec<App>, FetchError> {
        let request = self.http.get("apps", &self.fly.base.at("/apps")).query("org_slug", organization);
        let reply: Apps = request.bearer(self.key).fetch().await?;
        let came = reply.apps.len() as u64;
        match reply.total_apps {
            Some(said) if said != came => {
                let message = format!("apps: {came} came, {said} were announced");
                Err(FetchError::new(Reason::Incomplete, message))
            }
            _ => Ok(reply.apps),
        }
    }
}
