//! Panels stand side by side on Grafana's grid, each with its own id.

use std::collections::BTreeMap;

use serde_json::Value;

use super::model::Dashboard;
use super::{Asks, Rule, World};

pub(super) static RULES: [Rule; 2] = [
    Rule { name: "panel-id", asks: Asks::Dashboard(ids) },
    Rule { name: "panel-place", asks: Asks::Dashboard(places) },
];

/// Grafana's grid.
const COLUMNS: u64 = 24;

/// A panel's edges.
struct Edges {
    left: u64,
    top: u64,
    right: u64,
    bottom: u64,
}

impl Edges {
    fn of(panel: &Value) -> Option<Self> {
        let side = |name: &str| panel["gridPos"][name].as_u64();
        let (left, top) = (side("x")?, side("y")?);
        Some(Self { left, top, right: left + side("w")?, bottom: top + side("h")? })
    }

    fn is_apart_from(&self, other: &Self) -> bool {
        self.right <= other.left
            || other.right <= self.left
            || self.bottom <= other.top
            || other.bottom <= self.top
    }
}

fn ids(_: &World, dashboard: &Dashboard) -> Vec<String> {
    let mut seen = BTreeMap::new();
    let mut found = Vec::new();
    for panel in &dashboard.panels {
        match panel.json["id"].as_u64() {
            None => found.push(format!("panel `{}` has no id", panel.title)),
            Some(id) => {
                if let Some(other) = seen.insert(id, &panel.title) {
                    found.push(format!("panels `{other}` and `{}` have the same id {id}", panel.title));
                }
            }
        }
    }
    found
}

fn places(_: &World, dashboard: &Dashboard) -> Vec<String> {
    let top = dashboard.json["panels"].as_array();
    let collapsed = top.into_iter().flatten().filter_map(|row| row["panels"].as_array());
    top.into_iter().chain(collapsed).flat_map(|group| overlaps(group)).collect()
}

fn overlaps(group: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    let mut placed: Vec<(Edges, &Value)> = Vec::new();
    for panel in group {
        let title = &panel["title"];
        let Some(edges) = Edges::of(panel) else {
            found.push(format!("panel {title} has no whole gridPos"));
            continue;
        };
        if edges.right > COLUMNS {
            found.push(format!("panel {title} is wider than the grid's {COLUMNS} columns"));
        }
        for (_, other) in placed.iter().filter(|(other, _)| !edges.is_apart_from(other)) {
            found.push(format!("panels {title} and {other} overlap"));
        }
        placed.push((edges, title));
    }
    found
}
