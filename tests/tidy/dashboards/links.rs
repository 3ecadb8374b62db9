//! Links between dashboards resolve, and so do those to runbooks.

use serde_json::Value;

use crate::rules::RUNBOOKS;

use super::model::{Dashboard, Panel, text};
use super::thresholds::thresholds;
use super::{Asks, Rule, World};

pub(super) static RULES: [Rule; 3] = [
    Rule { name: "links", asks: Asks::Panel(of_panel) },
    Rule { name: "dashboard-links", asks: Asks::Dashboard(of_dashboard) },
    Rule { name: "thresholds", asks: Asks::Panel(thresholds) },
];

fn of_dashboard(world: &World, dashboard: &Dashboard) -> Vec<String> {
    let links = dashboard.json["links"].as_array().into_iter().flatten();
    links
        .filter(|link| link["type"] == "link")
        .filter_map(|link| broken(world, &text(&link["url"])))
        .collect()
}

fn of_panel(world: &World, _: &Dashboard, panel: &Panel) -> Vec<String> {
    let mut found = Vec::new();
    let of_overrides = panel.overrides("links").filter_map(Value::as_array);
    let lists = [&panel.json["links"], &panel.defaults()["links"]];
    for link in lists.into_iter().filter_map(Value::as_array).chain(of_overrides).flatten() {
        if text(&link["title"]).is_empty() {
            found.push(format!("the link {} has no title", link["url"]));
        }
        found.extend(broken(world, &text(&link["url"])));
    }
    for alert in runbooks(panel) {
        let title = format!("Runbook: {alert}");
        let links = panel.json["links"].as_array().into_iter().flatten();
        if !links.into_iter().any(|link| link["title"] == title.as_str()) {
            found.push(format!("call the link to {alert}.md `{title}`"));
        }
    }
    if panel.kind == "text" {
        let content = text(&panel.json["options"]["content"]);
        let targets = content.split("](").skip(1).filter_map(|after| after.split(')').next());
        found.extend(targets.filter_map(|url| broken(world, url)));
    }
    found
}

/// The alerts whose runbooks a panel links.
pub(super) fn runbooks(panel: &Panel) -> Vec<String> {
    let links = panel.json["links"].as_array().into_iter().flatten().map(|link| text(&link["url"]));
    let names = links.filter_map(|url| {
        Some(url.strip_prefix(RUNBOOKS)?.trim_matches('/').strip_suffix(".md")?.to_owned())
    });
    names.collect()
}

/// What is wrong with a link.
fn broken(world: &World, url: &str) -> Option<String> {
    if let Some(page) = url.strip_prefix(RUNBOOKS) {
        let alert = page.trim_matches('/').trim_end_matches(".md");
        let known = world.alerts.iter().any(|rule| rule.is_alert && rule.name == alert);
        return (!known).then(|| format!("{url}: there is no alert {alert}"));
    }
    let Some(local) = url.strip_prefix("/d/").or_else(|| url.strip_prefix("d/")) else {
        return (!url.starts_with("https://") && !url.starts_with("${"))
            .then(|| format!("`{url}` leads nowhere"));
    };
    let (path, query) = local.split_once('?').unwrap_or((local, ""));
    let uid = path.split('/').next().unwrap_or_default();
    let Some(target) = world.dashboards.iter().find(|dashboard| dashboard.uid == uid) else {
        return Some(format!("{url}: there is no dashboard with the uid {uid}"));
    };
    let names = query.split('&').filter_map(|part| part.split('=').next()?.strip_prefix("var-"));
    let unknown: Vec<&str> = names.filter(|name| target.variable(name).is_none()).collect();
    (!unknown.is_empty()).then(|| format!("{url}: {uid} has no variable {}", unknown.join(", ")))
}
