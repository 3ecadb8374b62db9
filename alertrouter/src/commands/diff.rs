//! `routes diff`: which alerts of the past would go elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::path::Path;

use clap::{Arg, ArgGroup, ArgMatches, Command};

use super::{Failed, features, load, mode, routes, text};
use crate::labels::Labels;
use crate::store::history;

pub(super) fn command() -> Command {
    Command::new("diff")
        .about("Print the alerts of the past that go to other receivers with another configuration")
        .arg(Arg::new("old").value_name("OLD").required(true).help("Configuration file"))
        .arg(Arg::new("new").value_name("NEW").required(true).help("Configuration file to compare it with"))
        .arg(
            Arg::new("storage")
                .long("storage.path")
                .value_name("FOLDER")
                .help("Folder of the store; its webhooks are read, and nothing is changed"),
        )
        .arg(
            Arg::new("sets")
                .long("labels.file")
                .value_name("FILE")
                .help("File with one JSON object of labels a line, instead of the store"),
        )
        .group(ArgGroup::new("history").args(["storage", "sets"]).required(true))
        .arg(features())
}

pub(super) fn run(matches: &ArgMatches) -> Result<String, Failed> {
    let mode = mode(matches);
    let (old, new) = match (load(text(matches, "old"), mode), load(text(matches, "new"), mode)) {
        (Ok(old), Ok(new)) => (old.route, new.route),
        (Err(mut old), Err(new)) => {
            old.problems.extend(new.problems);
            return Err(old);
        }
        (Err(failed), _) | (_, Err(failed)) => return Err(failed),
    };
    let sets = match matches.get_one::<String>("storage") {
        Some(folder) => history::label_sets(Path::new(folder))
            .map_err(|error| format!("the history in {folder} cannot be read: {error}"))?,
        None => read(text(matches, "sets"))?,
    };
    let mut changes: BTreeMap<(String, String), Vec<&Labels>> = BTreeMap::new();
    for labels in &sets {
        let change = (routes::receivers(&old, labels), routes::receivers(&new, labels));
        if change.0 != change.1 {
            changes.entry(change).or_default().push(labels);
        }
    }
    let mut found = String::new();
    for ((before, after), labels) in &changes {
        // what is written to a string arrives
        let _ignored = writeln!(found, "{before} → {after}");
        for labels in labels {
            let _ignored = writeln!(found, "  {labels}");
        }
    }
    let changed: usize = changes.values().map(Vec::len).sum();
    let _ignored = writeln!(found, "{changed} of {} alerts change receiver", sets.len());
    Ok(found)
}

fn read(file: &str) -> Result<BTreeSet<Labels>, Failed> {
    let lines = std::fs::File::open(file).map_err(|error| format!("{file} cannot be read: {error}"))?;
    let mut sets = BTreeSet::new();
    for (number, line) in (1..).zip(BufReader::new(lines).lines()) {
        let line = line.map_err(|error| format!("{file}:{number}: {error}"))?;
        let labels = serde_json::from_str(&line)
            .map_err(|error| format!("{file}:{number}: no JSON object of labels: {error}"))?;
        sets.insert(labels);
    }
    Ok(sets)
}
