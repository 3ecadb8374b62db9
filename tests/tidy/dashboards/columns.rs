//! Columns and series that a panel renames, hides or paints are there.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::promql::Scope;

use super::model::{Dashboard, Panel, text};
use super::{Asks, Rule, World};

pub(super) static RULES: [Rule; 1] = [Rule { name: "columns", asks: Asks::Panel(columns) }];

/// Parts of the options of the transformation `organize` whose keys are columns.
const ORGANIZED: [&str; 3] = ["excludeByName", "indexByName", "renameByName"];

fn columns(world: &World, _: &Dashboard, panel: &Panel) -> Vec<String> {
    let (mut known, any) = fields(world, panel);
    let mut found = Vec::new();
    for transformation in panel.json["transformations"].as_array().into_iter().flatten() {
        let options = &transformation["options"];
        if transformation["id"] == "organize" {
            let keys =
                ORGANIZED.iter().filter_map(|part| options[*part].as_object()).flat_map(|part| part.keys());
            let missing: BTreeSet<&String> = keys.filter(|key| !any && !known.contains(*key)).collect();
            found.extend(
                missing
                    .into_iter()
                    .map(|key| format!("organize names the column `{key}`, which is not there")),
            );
        }
        known.extend(made(options));
    }
    for of in panel.json["fieldConfig"]["overrides"].as_array().into_iter().flatten() {
        let name = text(&of["matcher"]["options"]);
        if of["matcher"]["id"] == "byName" && !any && !known.contains(&name) {
            found.push(format!("an override is for `{name}`, which is not there"));
        }
    }
    found
}

/// The columns and series that the queries give, and whether any other may be there.
fn fields(world: &World, panel: &Panel) -> (BTreeSet<String>, bool) {
    let mut known: BTreeSet<String> = ["Time", "Value", "__name__"].map(str::to_owned).into();
    let mut any = false;
    for target in &panel.targets {
        known.insert(format!("Value #{}", target.id));
        known.insert(format!("Trend #{}", target.id));
        let legend = text(&target.json["legendFormat"]);
        // what a label's value makes of a name is not known here
        any |= legend.contains("{{") && target.json["format"] != "table";
        known.insert(legend);
        if let Ok(expr) = &target.expr {
            let labels = Scope::new(&world.catalogue).labels(expr);
            any |= labels.any;
            known.extend(labels.names);
        }
    }
    (known, any)
}

/// Names that a transformation gives.
fn made(options: &Value) -> Vec<String> {
    let renamed = options["renameByName"].as_object().into_iter().flat_map(|names| names.values()).map(text);
    renamed.chain([text(&options["alias"])]).collect()
}
