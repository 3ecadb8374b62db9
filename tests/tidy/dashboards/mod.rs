//! Dashboards that Grafana takes without a question, whose every query can have data, and whose every link leads somewhere.
//!
//! A rule is a name and a function; it is applied to every dashboard, variable, panel or target. Exceptions stand in
//! `dashboards/.lint.yml`. What Grafana's own types say of the files is asked by `cargo xtask test` (`xtask/dashboards`).

mod columns;
mod house;
mod layout;
mod links;
mod linter;
mod model;
mod queries;
mod thresholds;
mod units;

use std::collections::{BTreeMap, BTreeSet};

use crate::findings::{Exception, Finding, MAY_BE_EMPTY, Place, exceptions, report, unused};
use crate::metrics::Catalogue;
use crate::promql::chosen;
use crate::rules::{Rule as Alert, catalogue_with, rules};
use crate::tree::Source;

use model::{Dashboard, Panel, Target, Variable, dashboards};

/// Of all targets, how many may be without data on the stage.
const EMPTY_PERCENT: usize = 3;

/// A rule: what it is called in `.lint.yml`, and what it asks.
struct Rule {
    name: &'static str,
    asks: Asks,
}

/// What a rule looks at; it says what is wrong there.
enum Asks {
    Dashboard(fn(&World, &Dashboard) -> Vec<String>),
    Variable(fn(&World, &Dashboard, &Variable) -> Vec<String>),
    Panel(fn(&World, &Dashboard, &Panel) -> Vec<String>),
    Target(fn(&World, &Dashboard, &Target) -> Vec<String>),
}

/// Everything that a rule may need to know.
struct World {
    dashboards: Vec<Dashboard>,
    catalogue: Catalogue,
    alerts: Vec<Alert>,
}

impl World {
    fn read() -> Self {
        let alerts = rules();
        Self { dashboards: dashboards(), catalogue: catalogue_with(&alerts), alerts }
    }

    fn findings(&self, rules: &[Rule]) -> Vec<Finding> {
        let mut found = Vec::new();
        for dashboard in &self.dashboards {
            for Rule { name, asks } in rules {
                let mut add = |place: &Place, causes: Vec<String>| {
                    let file = &dashboard.file;
                    found.extend(causes.into_iter().map(|cause| Finding {
                        file: file.clone(),
                        place: place.clone(),
                        rule: name,
                        cause,
                    }));
                };
                match asks {
                    Asks::Dashboard(check) => add(&Place::FILE, check(self, dashboard)),
                    Asks::Variable(check) => {
                        for variable in &dashboard.variables {
                            add(&Place::variable(&variable.name), check(self, dashboard, variable));
                        }
                    }
                    Asks::Panel(check) => {
                        for panel in &dashboard.panels {
                            add(&Place::panel(&panel.title), check(self, dashboard, panel));
                        }
                    }
                    Asks::Target(check) => {
                        for panel in &dashboard.panels {
                            for target in &panel.targets {
                                add(&Place::panel(&panel.title), check(self, dashboard, target));
                            }
                        }
                    }
                }
            }
        }
        found
    }
}

/// All rules.
fn groups() -> [&'static [Rule]; 6] {
    [&linter::RULES, &house::RULES, &layout::RULES, &queries::RULES, &columns::RULES, &links::RULES]
}

/// The names of the variables of each dashboard, by its uid.
pub(crate) fn variables() -> BTreeMap<String, Vec<String>> {
    let names = |one: Dashboard| (one.uid, one.variables.into_iter().map(|variable| variable.name).collect());
    dashboards().into_iter().map(names).collect()
}

#[test]
fn every_file_can_be_read() {
    report(&model::unreadable());
}

#[test]
fn every_rule_finds_its_fault() {
    let source = Source { path: "faulty.json".to_owned(), text: include_str!("faulty.json").to_owned() };
    let world = World { dashboards: Dashboard::read(source).into_iter().collect(), ..World::read() };
    for rule in groups().into_iter().flatten() {
        assert!(
            !world.findings(std::slice::from_ref(rule)).is_empty(),
            "{} finds nothing in faulty.json",
            rule.name
        );
    }
}

#[test]
fn grafanas_linter_finds_nothing() {
    assert_eq!(linter::RULES.len(), 15, "all rules of dashboard-linter that are about Prometheus");
    report(&World::read().findings(&linter::RULES));
}

#[test]
fn the_house_rules_hold() {
    report(&World::read().findings(&house::RULES));
}

#[test]
fn panels_stand_side_by_side() {
    report(&World::read().findings(&layout::RULES));
}

#[test]
fn every_metric_and_label_exists() {
    report(&World::read().findings(&queries::RULES));
}

#[test]
fn what_is_renamed_or_painted_is_there() {
    report(&World::read().findings(&columns::RULES));
}

#[test]
fn links_lead_somewhere_and_thresholds_are_those_of_the_rules() {
    report(&World::read().findings(&links::RULES));
}

#[test]
fn every_exception_is_needed() {
    let world = World::read();
    let all: Vec<Finding> = groups().iter().flat_map(|rules| world.findings(rules)).collect();
    let unused = unused(&all, |exception| exception.file.starts_with("dashboards/"));
    assert!(unused.is_empty(), "{}", unused.join("\n"));
}

#[test]
fn few_targets_may_be_empty() {
    let world = World::read();
    let may_be_empty = |exception: &Exception| exception.rule == MAY_BE_EMPTY;
    let allowed: Vec<Exception> = exceptions().into_iter().filter(may_be_empty).collect();
    for exception in &allowed {
        let of_file = world.dashboards.iter().filter(|dashboard| dashboard.file == exception.file);
        let mut panels = of_file.flat_map(|dashboard| &dashboard.panels);
        let is_there = panels.any(|panel| {
            let targets = panel.targets.iter().map(|target| Some(target.id.clone()));
            Place::panel(&panel.title) == exception.place
                && (exception.target.is_none() || targets.into_iter().any(|id| id == exception.target))
        });
        assert!(
            is_there,
            "{}: {MAY_BE_EMPTY} names {:?}, which is not there",
            exception.file, exception.place.0
        );
    }
    let targets = world
        .dashboards
        .iter()
        .flat_map(|dashboard| &dashboard.panels)
        .flat_map(|panel| &panel.targets)
        .count();
    assert!(
        allowed.len() * 100 <= targets * EMPTY_PERCENT,
        "{} of {targets} targets may be empty",
        allowed.len()
    );
}

/// What of ours nobody sees; `--no-capture` shows the figures, which are no duty.
#[test]
fn every_exporter_is_shown() {
    let world = World::read();
    let targets =
        world.dashboards.iter().flat_map(|dashboard| &dashboard.panels).flat_map(|panel| &panel.targets);
    let exprs = targets.filter_map(|target| target.expr.as_ref().ok());
    let shown: BTreeSet<String> =
        exprs.flat_map(chosen).filter_map(|one| one.metric().map(str::to_owned)).collect();
    let mut sources: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (name, metric) in world.catalogue.all().filter(|(_, metric)| metric.source.ends_with("METRICS.md")) {
        let (of, all) = sources.entry(&metric.source).or_default();
        *of += usize::from(shown.contains(name));
        *all += 1;
    }
    for (source, (of, all)) in sources {
        println!("{source}: {of} of {all} series are on a panel");
        assert!(of > 0, "{source}: no panel shows anything of it");
    }
}
