//! What the house asks beyond Grafana's linter: fixed identities, panel types of today, nothing left over.

use std::collections::BTreeSet;

use serde_json::Value;

use super::model::{Dashboard, Panel, Variable, text};
use super::{Asks, Rule, World};

pub(super) static RULES: [Rule; 6] = [
    Rule { name: "identity", asks: Asks::Dashboard(identity) },
    Rule { name: "watchfire-link", asks: Asks::Dashboard(watchfire_link) },
    Rule { name: "annotations", asks: Asks::Dashboard(annotations) },
    Rule { name: "panel-type", asks: Asks::Panel(panel_type) },
    Rule { name: "target-id", asks: Asks::Panel(target_ids) },
    Rule { name: "unused-variable", asks: Asks::Variable(unused_variable) },
];

/// Panel types of today; the old Angular ones are gone from Grafana.
const PANELS: [&str; 14] = [
    "alertlist",
    "barchart",
    "bargauge",
    "gauge",
    "heatmap",
    "histogram",
    "piechart",
    "row",
    "stat",
    "state-timeline",
    "status-history",
    "table",
    "text",
    "timeseries",
];

/// The tag that all have, and that links them.
const TAG: &str = "watchfire";

fn identity(world: &World, dashboard: &Dashboard) -> Vec<String> {
    let json = &dashboard.json;
    let uid = &dashboard.uid;
    let same = world.dashboards.iter().filter(|other| other.uid == *uid).count();
    let stem = dashboard.file.trim_start_matches("dashboards/").trim_end_matches(".json");
    let wanted = [
        (json.get("id").is_some_and(Value::is_null), "`id: null`".to_owned()),
        (
            json["__inputs"].is_null() && json["__requires"].is_null(),
            "no `__inputs`: written, not exported".to_owned(),
        ),
        (*uid == format!("{TAG}-{stem}"), format!("the uid `{TAG}-{stem}`")),
        ((8..=40).contains(&uid.len()), "a uid of 8 to 40 characters".to_owned()),
        (same == 1, "a uid of its own".to_owned()),
        (
            json["schemaVersion"].as_u64().is_some_and(|it| (39..=41).contains(&it)),
            "schemaVersion 39 to 41".to_owned(),
        ),
        (!text(&json["title"]).is_empty(), "a title".to_owned()),
        (!text(&json["description"]).is_empty(), "a description".to_owned()),
        (
            json["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == TAG)),
            format!("the tag `{TAG}`"),
        ),
    ];
    wanted.into_iter().filter(|(good, _)| !good).map(|(_, what)| format!("it must have {what}")).collect()
}

fn watchfire_link(_: &World, dashboard: &Dashboard) -> Vec<String> {
    let mut links = dashboard.json["links"].as_array().into_iter().flatten();
    let good = links.any(|link| link["type"] == "dashboards" && link["tags"][0] == TAG);
    if good { Vec::new() } else { vec![format!("no link to all dashboards with the tag `{TAG}`")] }
}

/// Their queries use the data source that was chosen, too.
fn annotations(_: &World, dashboard: &Dashboard) -> Vec<String> {
    let list = dashboard.json["annotations"]["list"].as_array().into_iter().flatten();
    let queries = list.filter(|one| one["target"]["expr"].is_string());
    let bad = queries.filter(|one| one["datasource"]["uid"] != "${datasource}");
    bad.map(|one| format!("{}: its data source is not ${{datasource}}", one["name"])).collect()
}

fn panel_type(_: &World, _: &Dashboard, panel: &Panel) -> Vec<String> {
    let known = PANELS.contains(&panel.kind.as_str());
    if known { Vec::new() } else { vec![format!("`{}` is none of {PANELS:?}", panel.kind)] }
}

fn target_ids(_: &World, _: &Dashboard, panel: &Panel) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let twice = panel.targets.iter().filter(|target| target.id.is_empty() || !seen.insert(&target.id));
    twice.map(|target| format!("the refId `{}` is empty or taken", target.id)).collect()
}

/// Nobody sets a variable that changes nothing.
fn unused_variable(_: &World, dashboard: &Dashboard, variable: &Variable) -> Vec<String> {
    let name = &variable.name;
    let used = crate::promql::used(&dashboard.text).contains(&name.as_str());
    if used { Vec::new() } else { vec!["nothing uses it".to_owned()] }
}
