//! `services`, `maintenance`, `status_page`: what is read, and each mistake with its place.

use std::time::Duration;

use toolkit::config::Document;

use super::*;
use crate::config::File;
use crate::health::windows::When;

/// Checks for services to be made of.
const CHECKS: &str = "\
modules: {tcp: {prober: tcp}}
checks:
  page: {module: tcp, target: 'shop.example:443'}
  nodes: {module: tcp, targets: ['one:80', 'two:80', 'three:80']}
  extra: {module: tcp, target: 'extra:80', critical: false}
  backup: {interval: 24h, heartbeat: {}}
";

fn read(text: &str) -> Result<Services, String> {
    let document = Document::parse("f.yml", &format!("{CHECKS}{text}")).map_err(|error| error.to_string())?;
    File::read(&document).map(|file| file.services).map_err(|error| error.to_string())
}

/// Lines are counted from the one after the checks.
fn refused(text: &str, expected: &[&str]) {
    let first = CHECKS.lines().count();
    let error = read(text).unwrap_err();
    let lines = error.lines().map(|line| {
        let (line, rest) = line.trim_start_matches("f.yml:").split_once(':').unwrap();
        format!("{}:{rest}", line.parse::<usize>().unwrap() - first)
    });
    assert_eq!(lines.collect::<Vec<_>>(), expected, "{text}");
}

#[test]
fn what_is_not_said() {
    let services = read("services:\n  shop:\n    checks: [page]\n").unwrap();
    let [service] = services.list.as_slice() else { panic!("one service") };
    assert_eq!((&*service.name, &*service.title), ("shop", "shop"));
    assert!(service.public && service.critical && !service.maintenance_counts);
    assert!(service.objective.is_none() && service.groups.is_empty() && service.depends_on.is_empty());
    let [member] = service.members.as_slice() else { panic!("one member") };
    assert!(member.critical && member.group.is_none());
    assert_eq!((member.down_after, member.up_after), (2, 1));
    assert_eq!(&*services.page.title, "Status");
    assert_eq!(services.unknown, UnknownStatus::Unavailable);
    assert!(read("").unwrap().list.is_empty());
}

#[test]
fn all_that_can_be_said() {
    let text = "\
services:
  product:
    title: The product
    checks: [{service: shop}, {service: database, critical: false, weight: 2}]
  shop:
    title: The shop
    description: Buying things
    objective: 99.9
    objective_window: 28d
    public: false
    critical: false
    maintenance_counts: true
    down_after: 3
    checks:
      - page
      - {check: nodes, group: pool, up_after: 5}
      - {check: extra, weight: 0.5, depends_on: [database]}
    groups:
      pool: {min_healthy: 2, critical: false}
    depends_on: [database]
  database:
    checks: [backup, {check: extra, critical: true, down_after: 1}]
maintenance:
  - {title: Upgrade, services: [database], from: 2026-11-22 02:00, to: '2026-11-22T03:30:00Z', time_zone: Europe/Berlin}
  - {weekdays: [saturday, sunday], from: '23:00', to: '24:00'}
status_page: {title: Example, description: All of it, time_zone: Europe/Berlin}
health: {unknown_status: 424}
";
    let services = read(text).unwrap();
    assert_eq!(services.order, [2, 1, 0], "each after those it needs");
    let [product, shop, database] = services.list.as_slice() else { panic!("three services") };
    assert!(matches!(product.members.first().unwrap().of, Of::Service(1)));
    let objective = Objective { ratio: 0.999, window: Duration::from_hours(28 * 24) };
    assert_eq!(shop.objective, Some(objective));
    assert_eq!(shop.members.len(), 5, "each target of a check is a member");
    let rows = shop.members.iter().map(|member| (member.down_after, member.up_after)).collect::<Vec<_>>();
    assert_eq!(rows, [(3, 1), (3, 5), (3, 5), (3, 5), (3, 1)]);
    let extra = shop.members.last().unwrap();
    assert!(!extra.critical, "as the check says");
    assert_eq!((extra.weight, &*extra.depends_on), (0.5, &[2][..]));
    assert!(database.members.last().unwrap().critical, "as the service says");
    assert_eq!(database.members.first().unwrap().down_after, 1, "a heartbeat has had its grace");
    assert_eq!(shop.groups, [("pool".into(), Group { min_healthy: 2, critical: false })]);
    let [upgrade, weekly] = services.maintenance.as_slice() else { panic!("two windows") };
    assert!(upgrade.concerns(2) && !upgrade.concerns(1) && weekly.concerns(1));
    let When::Once(span) = &upgrade.when else { panic!("once") };
    assert_eq!(span.from.to_string(), "2026-11-22T01:00:00Z", "by the clock in Berlin");
    assert!(matches!(weekly.when, When::Weekly { .. }));
    assert_eq!(&*weekly.title, "Planned maintenance");
    assert_eq!(services.unknown, UnknownStatus::FailedDependency);
}

#[test]
fn names_must_be_known() {
    refused("services:\n  shop: {checks: [pages]}\n", &["2:19: there is no check `pages`"]);
    refused(
        "services:\n  shop: {checks: [{service: it}, page], depends_on: [that]}\n",
        &["2:29: there is no service `it`", "2:54: there is no service `that`"],
    );
    refused(
        "services:\n  shop: {checks: [{check: page, group: pool}]}\n",
        &["2:40: there is no group `pool` in this service"],
    );
    refused(
        "services:\n  services: {checks: [page]}\n",
        &["2:13: `services` cannot be the name of a service: /health/services is a page of its own"],
    );
    refused(
        "services:\n  the shop: {checks: [page]}\n",
        &[
            "2:13: `the shop` cannot be the name of a service: 1 to 64 letters, digits, `_`, `.` or `-` (hint: its name for people is `title`)",
        ],
    );
    refused(
        "services:\n  shop: {checks: [page], titel: Shop}\n",
        &["2:26: unknown key `titel` (hint: did you mean `title`?)"],
    );
}

#[test]
fn circles_are_refused() {
    let circle = |text: &str, path: &str| {
        refused(text, &[&format!("2:6: services need each other in a circle: {path}")]);
    };
    circle("services:\n  a: {checks: [page], depends_on: [a]}\n", "a → a");
    circle("services:\n  a: {checks: [page, {service: b}]}\n  b: {checks: [{service: a}]}\n", "a → b → a");
    let mixed = "services:\n  a: {checks: [{service: b}]}\n  b: {checks: [{check: page, depends_on: [c]}]}\n  \
                 c: {checks: [{service: d}]}\n  d: {checks: [page], depends_on: [a]}\n";
    circle(mixed, "a → b → c → d → a");
}

#[test]
fn what_cannot_be_is_refused() {
    refused("services:\n  shop: {}\n", &["2:9: service `shop` has no checks, so nobody could say how it is"]);
    refused(
        "services:\n  shop:\n    checks: [{check: page, group: g}]\n    groups: {g: {min_healthy: 2}}\n",
        &["3:5: group `g` has 1 members, so 2 can never be healthy"],
    );
    refused(
        "services:\n  shop:\n    checks: [{check: page, group: g, critical: true}]\n    groups: {g: {}}\n",
        &["3:48: a member of a group is as critical as the group (hint: set `critical` of the group)"],
    );
    let percent = "`objective`: expected a percentage from 50 to below 100 (hint: 99.9 is three nines)";
    refused("services:\n  shop: {checks: [page], objective: 0.999}\n", &[&format!("2:37: {percent}")]);
    refused("services:\n  shop: {checks: [page], objective: 100}\n", &[&format!("2:37: {percent}")]);
    refused(
        "services:\n  shop: {checks: [page], objective: 99, objective_window: 36h}\n",
        &["2:59: `objective_window`: expected whole days, 7d to 90d"],
    );
    refused(
        "services:\n  shop: {checks: [{check: page, weight: 0}]}\n",
        &["2:41: `weight`: expected a number above 0"],
    );
    refused(
        "services:\n  shop: {checks: [{check: page, service: shop}]}\n",
        &["2:19: expected the name of a check, `check: NAME` or `service: NAME`"],
    );
    refused(
        "services:\n  shop: {checks: [page], down_after: 0}\n",
        &["2:38: `down_after`: expected a whole number from 1 to 100, found `0`"],
    );
}

#[test]
fn maintenance_must_make_sense() {
    let services = "services: {shop: {checks: [page]}}\nmaintenance:\n";
    let check = |window: &str, expected: &[&str]| refused(&format!("{services}  - {window}\n"), expected);
    check("{from: 2026-11-22 04:00, to: 2026-11-22 02:00}", &["3:34: `to`: expected a time after `from`"]);
    check(
        "{from: soon, to: 2026-11-22 02:00}",
        &["3:12: `from`: expected a moment such as 2026-11-22 02:00 or 2026-11-22T02:00:00Z, found `soon`"],
    );
    check(
        "{weekdays: [sunday], from: 2 am, to: '04:00'}",
        &["3:32: `from`: expected a time of day such as \"02:00\", found `2 am`"],
    );
    check("{weekdays: [], from: '02:00', to: '04:00'}", &["3:16: `weekdays`: expected at least one day"]);
    check(
        "{services: [shops], from: 2026-11-22 02:00, to: 2026-11-22 04:00}",
        &["3:17: there is no service `shops`"],
    );
    check(
        "{weekdays: [sunday], from: '02:00', to: '04:00', time_zone: Berlin}",
        &["3:65: `time_zone`: there is no time zone `Berlin` (hint: Europe/Berlin, UTC)"],
    );
    check("{to: 2026-11-22 02:00}", &["3:5: missing required key `from`"]);
}
