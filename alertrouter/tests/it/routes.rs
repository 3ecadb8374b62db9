//! Routing as the real Alertmanager does it: random trees and label sets, and its receivers beside ours.
//!
//! Alertmanager answers for hundreds of label sets at once: they are posted as alerts, and its API shows the receivers of
//! each by the tree that was loaded last. On the machine's own Alertmanager a sample runs; with `WATCHFIRE_PEERS` set, the
//! newest one runs with all three modes, 20,000 cases and more:
//! `WATCHFIRE_PEERS=1 cargo nextest run -p alertrouter routes`.

use std::collections::{HashMap, HashSet};

use alertrouter::config::Config;
use alertrouter::labels::Labels;
use alertrouter::matcher::ParserMode;
use kit::alertmanager::Alertmanager;
use serde_json::{Value, json};
use toolkit::config::Document;

use crate::trees::{Dice, label_sets, tree};

/// Label sets that are posted once and asked about with each tree.
const SETS: usize = 200;

/// Trees of the sample, and of the whole comparison for each mode.
const SAMPLE: usize = 16;
const TREES: usize = 60;

/// What one server and our code were asked, and where they differ.
#[derive(Default)]
struct Tally {
    cases: usize,
    refused: usize,
    receivers: HashSet<String>,
    differences: Vec<String>,
}

#[tokio::test]
async fn receivers_are_alertmanagers() {
    let whole = std::env::var_os("WATCHFIRE_PEERS").is_some();
    let modes = [
        // the machine's own may be older than the flag; it has the classic grammar only
        (ParserMode::Classic, if whole { &["--enable-feature=classic-mode"][..] } else { &[] }),
        (ParserMode::Fallback, &[]),
        (ParserMode::Utf8, &["--enable-feature=utf8-strict-mode"]),
    ];
    let (modes, trees) = if whole { (&modes[..], TREES) } else { (&modes[..1], SAMPLE) };
    let mut cases = 0;
    for (mode, flags) in modes {
        let tally = compare(*mode, flags, trees).await;
        assert!(tally.differences.is_empty(), "{mode:?}\n{}", tally.differences.join("\n"));
        assert!(tally.receivers.len() > 5, "{mode:?}: the trees are too simple");
        assert!(tally.refused < trees / 2, "{mode:?}: {} refused", tally.refused);
        cases += tally.cases;
    }
    assert!(cases >= if whole { 20_000 } else { 2_000 }, "{cases} cases only");
}

async fn compare(mode: ParserMode, flags: &[&str], trees: usize) -> Tally {
    let mut dice = Dice::new(7);
    let plain = "route: { receiver: r0, group_wait: 1h }\nreceivers: [{ name: r0 }]\n";
    let alertmanager = Alertmanager::start_with(plain, flags).await.unwrap();
    let sets = label_sets(&mut dice, mode, SETS);
    let alerts: Vec<Value> =
        sets.iter().map(|set| json!({ "labels": set, "endsAt": "2099-01-01T00:00:00Z" })).collect();
    alertmanager.post(&Value::from(alerts)).await.unwrap();
    let mut tally = Tally::default();
    for _ in 0..trees {
        let config = tree(&mut dice, mode).to_string();
        let document = Document::parse("tree.yml", &config).unwrap();
        let ours = Config::decode(&document, "data".into(), mode).map_err(|error| error.to_string());
        match (alertmanager.reload(&config).await, ours) {
            (Ok(()), Ok(ours)) => {
                let theirs = receivers(&alertmanager.alerts().await.unwrap());
                ask(&mut tally, &config, &sets, &ours, &theirs);
            }
            (Err(_), Err(_)) => tally.refused += 1,
            (Ok(()), Err(error)) => tally.differences.push(format!("only we refuse {config}\n{error}")),
            (Err(error), Ok(_)) => tally.differences.push(format!("we take {config}\n{error}")),
        }
    }
    alertmanager.stop().await.unwrap();
    tally
}

fn ask(
    tally: &mut Tally,
    config: &str,
    sets: &[Labels],
    ours: &Config,
    theirs: &HashMap<String, Vec<String>>,
) {
    for set in sets {
        let found: Vec<String> =
            ours.route.matches(set).into_iter().map(|route| route.receiver.to_string()).collect();
        let expected = &theirs[set.value("case")];
        tally.cases += 1;
        tally.receivers.extend(found.iter().cloned());
        if found != *expected {
            tally.differences.push(format!("{set}: {found:?}, Alertmanager says {expected:?}\n{config}"));
        }
    }
}

/// The receivers of each alert, by its label `case`.
fn receivers(alerts: &Value) -> HashMap<String, Vec<String>> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    alerts
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| {
            let names = alert["receivers"].as_array().unwrap().iter();
            (text(&alert["labels"]["case"]), names.map(|receiver| text(&receiver["name"])).collect())
        })
        .collect()
}
