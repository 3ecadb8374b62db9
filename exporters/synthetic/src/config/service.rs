//! `services`: what the product consists of, and which checks say how it is; `maintenance` and `status_page` beside it.
//!
//! Invariants: every name that is used is one of the file; services do not need each other in a circle; a group can be
//! as healthy as it is asked to be.

mod graph;
mod maintenance;
mod member;
mod page;

use std::sync::Arc;
use std::time::Duration;

use toolkit::config::{Fields, Item, Position};

use super::Check;
use crate::health::rollup::Group;
use crate::health::windows::Maintenance;

pub use page::StatusPage;

/// Services at most: each has a page, its rules, and rows in the store.
const MAX_SERVICES: usize = 500;

/// Bytes of a name: it is a label, and a part of a path.
const MAX_NAME: usize = 64;

/// Is a page of its own below `/health`.
const RESERVED: &str = "services";

/// Time over which an objective holds, unless the file says another.
const WINDOW: Duration = Duration::from_hours(30 * 24);

/// All that the file says about health.
#[derive(Clone, Debug, Default)]
pub struct Services {
    /// The services, in the file's order.
    pub list: Vec<Service>,
    /// Their places, such that each comes after those it is made of or depends on.
    pub order: Vec<usize>,
    /// When trouble is planned.
    pub maintenance: Vec<Maintenance>,
    /// What the status page says of itself.
    pub page: StatusPage,
    /// What a service of which nothing is known is answered with.
    pub unknown: UnknownStatus,
}

/// The status of an answer about a service of which nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownStatus {
    /// 503, as when it is unhealthy.
    #[default]
    Unavailable,
    /// 424, so that a caller can tell the two apart.
    FailedDependency,
}

/// A part of the product.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name, in labels and paths.
    pub name: Arc<str>,
    /// Its name for people.
    pub title: Arc<str>,
    /// What it does, in a line.
    pub description: Option<Arc<str>>,
    /// Whether the status page shows it.
    pub public: bool,
    /// Whether the product as a whole is unhealthy without it.
    pub critical: bool,
    /// How much of the time it should be up.
    pub objective: Option<Objective>,
    /// Whether downtime in maintenance counts as downtime.
    pub maintenance_counts: bool,
    /// The checks and services it is made of.
    pub members: Vec<Member>,
    /// Members of which not all are needed.
    pub groups: Vec<(Arc<str>, Group)>,
    /// The services whose outage is the cause of its own, by their places.
    pub depends_on: Vec<usize>,
}

/// How much of the time a service should be up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// The share, e.g. 0.999.
    pub ratio: f64,
    /// The time over which it holds.
    pub window: Duration,
}

/// A member of a service.
#[derive(Clone, Debug)]
pub struct Member {
    /// What it is.
    pub of: Of,
    /// Whether the service is unhealthy without it.
    pub critical: bool,
    /// How much it counts in the score.
    pub weight: f64,
    /// Its redundancy group, by its place.
    pub group: Option<usize>,
    /// The services whose outage is the cause of its own, beside those of the whole service.
    pub depends_on: Vec<usize>,
    /// Failures until it is failing.
    pub down_after: u32,
    /// Successes until it is no more.
    pub up_after: u32,
}

/// What a member is.
#[derive(Clone, Debug)]
pub enum Of {
    /// One target of a check.
    Check(Check),
    /// Another service, by its place.
    Service(usize),
}

impl Of {
    /// Whether both are the same check of the same target.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Check(one), Self::Check(other)) => {
                one.settings.name == other.settings.name && one.target == other.target
            }
            _ => false,
        }
    }
}

impl Services {
    /// Reads all keys about health; `checks` are those of the file.
    pub(super) fn decode(fields: &mut Fields<'_>, checks: &[Check]) -> Self {
        let raw = fields.map("services", |name, item| RawService::decode(name, &item));
        if raw.len() > MAX_SERVICES {
            fields.problem("services", format!("at most {MAX_SERVICES} services"));
        }
        let names: Vec<Arc<str>> = raw.iter().map(|service| Arc::clone(&service.service.name)).collect();
        let book = member::Book { checks, names: &names };
        let positions: Vec<Position> = raw.iter().map(|raw| raw.position).collect();
        let list: Vec<Service> = raw.into_iter().map(|raw| raw.resolve(&book, fields)).collect();
        let order = match graph::order(&list) {
            Ok(order) => order,
            Err(circle) => {
                let position = circle.first().and_then(|place| positions.get(*place)).copied();
                let path: Vec<&str> =
                    circle.iter().filter_map(|place| Some(names.get(*place)?.as_ref())).collect();
                let message = format!("services need each other in a circle: {}", path.join(" → "));
                fields.problem_at(position.unwrap_or_else(|| fields.position()), message);
                Vec::new()
            }
        };
        let page = StatusPage::decode(fields.fields("status_page"));
        let maintenance = maintenance::decode(fields, &names, &page.zone);
        let mut unknown = UnknownStatus::default();
        if let Some(mut health) = fields.fields("health") {
            let choices = [("503", UnknownStatus::Unavailable), ("424", UnknownStatus::FailedDependency)];
            unknown = health.choice("unknown_status", &choices).unwrap_or_default();
        }
        Self { list, order, maintenance, page, unknown }
    }
}

/// A service whose names are not looked up yet.
struct RawService {
    position: Position,
    service: Service,
    members: Vec<member::RawMember>,
    depends_on: Vec<member::Named>,
}

impl RawService {
    fn decode(name: &str, item: &Item<'_>) -> Option<Self> {
        if let Err(why) = check_name(name) {
            item.problem(format!("`{name}` cannot be the name of a service: {why}"));
        }
        let mut fields = item.fields()?;
        let title = fields.string("title").filter(|title| !title.is_empty());
        let limits = member::Limits::decode(&mut fields, member::Limits::default());
        let groups = fields.map("groups", |name, item| {
            let mut fields = item.fields()?;
            let min_healthy = fields.integer("min_healthy", 1..=1000).map_or(1, i64::cast_unsigned);
            let critical = fields.bool("critical").unwrap_or(true);
            Some((
                Arc::from(name),
                Group { min_healthy: usize::try_from(min_healthy).unwrap_or(1), critical },
            ))
        });
        let service = Service {
            name: name.into(),
            title: title.as_deref().unwrap_or(name).into(),
            description: fields.string("description").map(Arc::from),
            public: fields.bool("public").unwrap_or(true),
            critical: fields.bool("critical").unwrap_or(true),
            objective: objective(&mut fields),
            maintenance_counts: fields.bool("maintenance_counts").unwrap_or(false),
            members: Vec::new(),
            groups,
            depends_on: Vec::new(),
        };
        let mut count = 0;
        let members = fields.list("checks", |item| {
            count += 1;
            member::RawMember::decode(&item, limits)
        });
        let depends_on = member::named(&mut fields, "depends_on");
        if count == 0 {
            fields
                .problem("checks", format!("service `{name}` has no checks, so nobody could say how it is"));
        }
        Some(Self { position: item.position(), service, members, depends_on })
    }

    fn resolve(self, book: &member::Book<'_>, fields: &Fields<'_>) -> Service {
        let Self { position, mut service, members, depends_on } = self;
        service.depends_on = book.services(&depends_on, fields);
        let resolved = members.into_iter().flat_map(|member| member.resolve(book, &service.groups, fields));
        service.members = resolved.collect();
        for (place, (name, group)) in service.groups.iter().enumerate() {
            let count = service.members.iter().filter(|member| member.group == Some(place)).count();
            if count < group.min_healthy {
                let message = format!(
                    "group `{name}` has {count} members, so {} can never be healthy",
                    group.min_healthy
                );
                fields.problem_at(position, message);
            }
        }
        service
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if name == RESERVED {
        Err(format!("/health/{RESERVED} is a page of its own"))
    } else if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(allowed) {
        Err(format!(
            "1 to {MAX_NAME} letters, digits, `_`, `.` or `-` (hint: its name for people is `title`)"
        ))
    } else {
        Ok(())
    }
}

/// Days of an objective: less says nothing, more is not kept long enough to show it.
const WINDOW_DAYS: std::ops::RangeInclusive<u64> = 7..=90;

/// The least objective, in percent: what is written as 0.999 shall not be read as less than one percent.
const LEAST_OBJECTIVE: f64 = 50.0;

fn objective(fields: &mut Fields<'_>) -> Option<Objective> {
    let window = fields.duration("objective_window");
    if let Some(window) = window {
        let days = window.as_secs() / (24 * 3600);
        if !WINDOW_DAYS.contains(&days) || !window.as_secs().is_multiple_of(24 * 3600) {
            fields.problem("objective_window", "`objective_window`: expected whole days, 7d to 90d");
        }
        if !fields.has("objective") {
            fields.problem("objective_window", "`objective_window` needs `objective`");
        }
    }
    let percent = fields.float("objective")?;
    if !(LEAST_OBJECTIVE..100.0).contains(&percent) {
        let message = "`objective`: expected a percentage from 50 to below 100 (hint: 99.9 is three nines)";
        fields.problem("objective", message);
        return None;
    }
    // 99.9 / 100 is 0.9990000000000001
    let ratio = (percent * 1e7).round() / 1e9;
    Some(Objective { ratio, window: window.unwrap_or(WINDOW) })
}

#[cfg(test)]
mod tests;
