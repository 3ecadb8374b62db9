//! Rules that every Prometheus takes, alerts that say what is wrong and where to read on, and a test for each.

mod alerts;
mod expressions;
mod model;
mod runbooks;
mod unit_tests;

use crate::findings::{report, unused};
use crate::metrics::Catalogue;
use crate::promql::Scope;

pub(crate) use alerts::RUNBOOKS;
pub(crate) use expressions::counters;
pub(crate) use model::{Rule, rules};

/// All metrics, those of recording rules, too.
pub(crate) fn catalogue_with(rules: &[Rule]) -> Catalogue {
    let mut catalogue = Catalogue::read();
    // twice, since a rule may use what stands in a file that is read later
    for _ in 0..2 {
        for rule in rules.iter().filter(|rule| !rule.is_alert) {
            let Ok(expr) = crate::promql::parse(&rule.expr) else { continue };
            let mut labels = Scope::new(&catalogue).labels(&expr);
            labels.names.extend(rule.labels.iter().map(|(name, _)| name.clone()));
            catalogue.add_recorded(&rule.name, labels, &rule.file);
        }
    }
    catalogue
}

#[test]
fn every_file_can_be_read() {
    report(&model::unreadable());
}

#[test]
fn alerts_say_how_bad_it_is_and_where_to_read_on() {
    report(&alerts::findings(&rules()));
}

#[test]
fn expressions_use_what_there_is() {
    let rules = rules();
    report(&expressions::findings(&rules, &catalogue_with(&rules)));
}

#[test]
fn every_alert_has_its_runbook() {
    let rules = rules();
    report(&runbooks::findings(&rules, &catalogue_with(&rules)));
}

#[test]
fn every_alert_is_tested_firing_and_silent() {
    let rules = rules();
    report(&unit_tests::findings(&rules, &catalogue_with(&rules)));
}

#[test]
fn every_exception_is_needed() {
    let rules = rules();
    let catalogue = catalogue_with(&rules);
    let mut all = alerts::findings(&rules);
    all.extend(expressions::findings(&rules, &catalogue));
    all.extend(runbooks::findings(&rules, &catalogue));
    all.extend(unit_tests::findings(&rules, &catalogue));
    let unused = unused(&all, |exception| exception.file.starts_with("rules/"));
    assert!(unused.is_empty(), "{}", unused.join("\n"));
}
