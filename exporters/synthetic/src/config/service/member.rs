//! A member of a service: a check with all its targets, or another service.

use std::sync::Arc;

use toolkit::config::{Fields, Item, Kind, Position};

use super::{Member, Of};
use crate::config::Check;
use crate::health::rollup::Group;

/// Results in a row that a state may wait for.
const ROW: std::ops::RangeInclusive<i64> = 1..=100;

/// A name of the file, and where it stands.
pub(super) type Named = (String, Position);

/// How many results in a row change a state, where it is said.
#[derive(Clone, Copy, Default)]
pub(super) struct Limits {
    down_after: Option<u32>,
    up_after: Option<u32>,
}

impl Limits {
    /// What is not said is as usual.
    pub(super) fn decode(fields: &mut Fields<'_>, usual: Self) -> Self {
        let mut row = |key: &str| fields.integer(key, ROW).and_then(|count| u32::try_from(count).ok());
        let (down_after, up_after) = (row("down_after"), row("up_after"));
        Self { down_after: down_after.or(usual.down_after), up_after: up_after.or(usual.up_after) }
    }
}

/// A list of names.
pub(super) fn named(fields: &mut Fields<'_>, key: &str) -> Vec<Named> {
    fields.list(key, |item| Some((item.string()?, item.position())))
}

/// What names can mean.
pub(super) struct Book<'a> {
    pub(super) checks: &'a [Check],
    pub(super) names: &'a [Arc<str>],
}

impl Book<'_> {
    fn service(&self, (name, position): &Named, fields: &Fields<'_>) -> Option<usize> {
        let place = self.names.iter().position(|known| **known == **name);
        if place.is_none() {
            fields.problem_at(*position, format!("there is no service `{name}`"));
        }
        place
    }

    pub(super) fn services(&self, named: &[Named], fields: &Fields<'_>) -> Vec<usize> {
        named.iter().filter_map(|named| self.service(named, fields)).collect()
    }
}

/// A member whose names are not looked up yet.
pub(super) struct RawMember {
    of: RawOf,
    critical: Option<bool>,
    weight: f64,
    group: Option<Named>,
    depends_on: Vec<Named>,
    limits: Limits,
}

enum RawOf {
    Check(Named),
    Service(Named),
}

impl RawMember {
    /// Reads `NAME`, `{check: NAME, …}` or `{service: NAME, …}`.
    pub(super) fn decode(item: &Item<'_>, usual: Limits) -> Option<Self> {
        if item.kind() == Kind::Text {
            let of = RawOf::Check((item.string()?, item.position()));
            let (weight, depends_on) = (1.0, Vec::new());
            return Some(Self { of, critical: None, weight, group: None, depends_on, limits: usual });
        }
        let mut fields = item.fields()?;
        let mut name = |key: &str| Some((fields.string(key)?, fields.position_of(key)));
        let (check, service, group) = (name("check"), name("service"), name("group"));
        let weight = fields.float("weight").unwrap_or(1.0);
        if weight <= 0.0 {
            fields.problem("weight", "`weight`: expected a number above 0");
        }
        let critical = fields.bool("critical");
        if critical.is_some() && group.is_some() {
            fields.problem(
                "critical",
                "a member of a group is as critical as the group (hint: set `critical` of the group)",
            );
        }
        let depends_on = named(&mut fields, "depends_on");
        for key in ["down_after", "up_after"] {
            if service.is_some() && fields.has(key) {
                fields.problem(
                    key,
                    format!("`{key}` is about results of checks; a service has its state at once"),
                );
            }
        }
        let limits = Limits::decode(&mut fields, usual);
        let of = match (check, service) {
            (Some(check), None) => RawOf::Check(check),
            (None, Some(service)) => RawOf::Service(service),
            _ => {
                item.problem("expected the name of a check, `check: NAME` or `service: NAME`");
                return None;
            }
        };
        Some(Self { of, critical, weight, group, depends_on, limits })
    }

    /// One member for each target of a check.
    pub(super) fn resolve(
        self,
        book: &Book<'_>,
        groups: &[(Arc<str>, Group)],
        fields: &Fields<'_>,
    ) -> Vec<Member> {
        let group = self.group.as_ref().and_then(|(name, position)| {
            let place = groups.iter().position(|(known, _)| **known == **name);
            if place.is_none() {
                fields.problem_at(*position, format!("there is no group `{name}` in this service"));
            }
            place
        });
        let depends_on = book.services(&self.depends_on, fields);
        let member = |of: Of, critical: Option<bool>, down_after: u32| Member {
            of,
            critical: self.critical.or(critical).unwrap_or(true),
            weight: self.weight,
            group,
            depends_on: depends_on.clone(),
            down_after: self.limits.down_after.unwrap_or(down_after),
            up_after: self.limits.up_after.unwrap_or(1),
        };
        match &self.of {
            RawOf::Service(named) => book
                .service(named, fields)
                .map(|place| member(Of::Service(place), None, 1))
                .into_iter()
                .collect(),
            RawOf::Check((name, position)) => {
                let checks = book.checks.iter().filter(|check| check.name() == name);
                let members: Vec<Member> = checks
                    .map(|check| {
                        member(Of::Check(check.clone()), check.settings.critical, check.usual_down_after())
                    })
                    .collect();
                if members.is_empty() {
                    fields.problem_at(*position, format!("there is no check `{name}`"));
                }
                members
            }
        }
    }
}
