//! The board from start to end, on a clock of its own: results in, what is told out.

use std::collections::HashMap;

use jiff::SignedDuration;
use toolkit::config::Document;

use super::*;
use crate::checks::Status;
use crate::config::File;
use crate::health::uptime::Counted;

const FILE: &str = "\
modules: {tcp: {prober: tcp}}
checks:
  page: {module: tcp, target: 'page:443', interval: 10s, timeout: 5s}
  node: {module: tcp, targets: ['one:80', 'two:80'], interval: 10s, timeout: 5s}
  disk: {module: tcp, target: 'disk:80', interval: 10s, timeout: 5s}
services:
  shop: {checks: [page, {check: node, critical: false}], depends_on: [database]}
  database: {checks: [disk]}
  product: {checks: [{service: shop}, {service: database}]}
maintenance:
  - {services: [database], from: '2026-11-20T13:00:00Z', to: '2026-11-20T14:00:00Z'}
";

/// A board and its clock.
struct Stage {
    board: Board,
    checks: Vec<Check>,
    now: Now,
}

impl Stage {
    fn new(file: &str) -> Self {
        let wall = "2026-11-20T12:00:00Z".parse().unwrap();
        let mut stage =
            Self { board: Board::default(), checks: Vec::new(), now: Now { instant: Instant::now(), wall } };
        stage.renew(file);
        stage
    }

    fn renew(&mut self, file: &str) {
        let services = Arc::new(File::read(&Document::parse("f.yml", file).unwrap()).unwrap().services);
        let members = services.list.iter().flat_map(|service| &service.members);
        self.checks = members
            .filter_map(|member| match &member.of {
                Of::Check(check) => Some(check.clone()),
                Of::Service(_) => None,
            })
            .collect();
        self.board.renew(services, HashMap::new(), self.now.wall);
        self.board.look(self.now);
    }

    /// Time goes by, in looks of a second.
    fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.skip(1);
        }
    }

    /// Time goes by, with one look at its end.
    fn skip(&mut self, seconds: i64) {
        self.now.instant += Duration::from_secs(seconds.unsigned_abs());
        self.now.wall += SignedDuration::from_secs(seconds);
        self.board.look(self.now);
    }

    /// A result of all targets of a check.
    fn result(&mut self, name: &str, status: Status) {
        for check in self.checks.iter().filter(|check| check.name() == name) {
            let result = CheckResult {
                status,
                failure: None,
                took: Duration::from_millis(12),
                at: self.now.instant,
                at_unix: self.now.wall.as_duration().as_secs_f64(),
                facts: [].into(),
                journey: None,
            };
            if self.board.take(check, &result) {
                self.board.look(self.now);
            }
        }
    }

    fn results(&mut self, status: Status) {
        for name in ["page", "node", "disk"] {
            self.result(name, status);
        }
    }

    fn tracked(&self, name: &str) -> &Tracked {
        self.board.services().find(|(service, _)| &*service.name == name).unwrap().1
    }

    /// The states of shop, database and product, by their first letters.
    fn states(&self) -> String {
        let letter = |name| self.tracked(name).verdict.state.as_str().chars().next().unwrap();
        ["shop", "database", "product"].map(letter).iter().collect()
    }
}

#[tokio::test(start_paused = true)]
async fn from_the_first_result_to_an_outage_and_back() {
    let mut stage = Stage::new(FILE);
    assert_eq!(stage.states(), "uuu", "nothing is known yet");
    stage.result("page", Status::Ok);
    assert_eq!(stage.states(), "hud", "what is critical of the shop is known; of the product, not all");
    assert_eq!(stage.tracked("product").shown_state(), State::Unknown, "and nobody saw trouble");
    stage.results(Status::Ok);
    assert_eq!(stage.states(), "hhh");
    stage.result("node", Status::Warn);
    assert_eq!(stage.states(), "dhd");
    stage.result("node", Status::Ok);
    stage.result("page", Status::Fail);
    assert_eq!(stage.states(), "hhh", "once is no outage");
    stage.wait(10);
    stage.result("page", Status::Fail);
    assert_eq!(stage.states(), "uhu");
    assert_eq!(stage.tracked("shop").verdict.state, State::Unhealthy);
    assert_eq!(stage.tracked("shop").since, stage.now.wall);
    stage.wait(30);
    stage.results(Status::Ok);
    assert_eq!(stage.states(), "hhh");
    let shop = stage.tracked("shop");
    assert_eq!(shop.changes(State::Healthy, State::Unhealthy), 1);
    assert_eq!(shop.changes(State::Unhealthy, State::Healthy), 1);
    let seconds = |state| shop.total.get(Counted::As(state));
    assert!((seconds(State::Unhealthy) - 30.0).abs() < 1e-9 && (seconds(State::Healthy) - 10.0).abs() < 1e-9);
    let incidents: Vec<_> =
        shop.incidents.newest_first().map(|incident| (incident.down, incident.ended)).collect();
    let limited = stage.now.wall - SignedDuration::from_secs(40);
    assert_eq!(incidents, [(Duration::from_secs(30), Some(stage.now.wall)), (Duration::ZERO, Some(limited))]);
    assert_eq!(stage.tracked("product").incidents.newest_first().count(), 2, "none for the start");
}

#[tokio::test(start_paused = true)]
async fn what_is_stale_is_not_known() {
    let mut stage = Stage::new(FILE);
    stage.results(Status::Ok);
    stage.wait(45);
    assert_eq!(stage.states(), "hhh", "10 s, 5 s and the slack of 30 s");
    stage.wait(1);
    assert_eq!(stage.states(), "uuu");
    assert!(stage.tracked("shop").verdict.coverage.abs() < 1e-9);
    // what came before says nothing of what comes now
    stage.result("page", Status::Fail);
    assert_eq!(stage.tracked("shop").verdict.state, State::Unknown);
}

#[tokio::test(start_paused = true)]
async fn what_another_service_causes_is_told_beside_the_state() {
    let mut stage = Stage::new(FILE);
    stage.results(Status::Ok);
    for _ in 0..2 {
        stage.result("disk", Status::Fail);
        stage.result("page", Status::Fail);
    }
    let shop = stage.tracked("shop");
    assert_eq!(shop.verdict.state, State::Unhealthy, "evidence is not hidden");
    assert_eq!(shop.caused_by, Some(1));
    assert_eq!(shop.members.iter().map(|seat| seat.suppressed_by).collect::<Vec<_>>(), [Some(1), None, None]);
    assert_eq!(stage.tracked("database").caused_by, None);
    let cause = shop.incidents.open().unwrap().caused_by.clone();
    assert_eq!(cause.as_deref(), Some("database"));
    // its own trouble outlives its cause
    stage.result("disk", Status::Ok);
    let shop = stage.tracked("shop");
    assert_eq!((shop.verdict.state, shop.caused_by), (State::Unhealthy, None));
}

#[tokio::test(start_paused = true)]
async fn maintenance_changes_no_state_and_costs_no_uptime() {
    let mut stage = Stage::new(FILE);
    stage.results(Status::Ok);
    stage.skip(3600);
    for _ in 0..2 {
        stage.result("disk", Status::Fail);
    }
    let database = stage.tracked("database");
    assert!(database.maintenance && !stage.tracked("shop").maintenance);
    assert_eq!(database.verdict.state, State::Unhealthy);
    assert!(database.incidents.open().is_none(), "it was planned");
    stage.wait(30);
    let database = stage.tracked("database");
    assert!((database.total.get(Counted::Maintenance) - 30.0).abs() < 1e-9);
    assert!(database.total.get(Counted::As(State::Unhealthy)).abs() < 1e-9);
    assert!((stage.tracked("product").total.get(Counted::As(State::Unhealthy)) - 30.0).abs() < 1e-9);
    // the window ends, the trouble does not
    stage.skip(3600);
    stage.result("disk", Status::Fail);
    stage.result("disk", Status::Fail);
    assert!(stage.tracked("database").incidents.open().is_some());
}

#[tokio::test(start_paused = true)]
async fn time_in_which_nobody_looked_is_not_counted() {
    let mut stage = Stage::new(FILE);
    stage.results(Status::Ok);
    stage.skip(60);
    stage.skip(61);
    let total = stage.tracked("shop").total;
    assert!((total.healthy - 60.0).abs() < 1e-9 && total.unknown.abs() < 1e-9, "{total:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_what_is_the_same() {
    let mut stage = Stage::new(FILE);
    stage.results(Status::Ok);
    stage.result("disk", Status::Fail);
    stage.wait(5);
    let changed = FILE
        .replace("[page, {check: node, critical: false}]", "[{check: node, critical: false}, page]")
        .replace("  product:", "  fresh: {checks: [disk]}\n  product:");
    stage.renew(&changed);
    assert_eq!(stage.states(), "hhh");
    assert_eq!(stage.tracked("fresh").verdict.state, State::Unknown);
    assert!((stage.tracked("shop").total.healthy - 5.0).abs() < 1e-9);
    // the failure before the reload counts
    stage.result("disk", Status::Fail);
    assert_eq!(stage.tracked("database").verdict.state, State::Unhealthy);
    stage.renew(&FILE.replace("  database: {checks: [disk]}", "  database: {checks: [page]}"));
    assert_eq!(stage.tracked("database").verdict.state, State::Unknown, "another check");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_written_is_given_again() {
    let mut stage = Stage::new(FILE);
    let first = stage.board.unsaved(stage.now.wall);
    assert!(first.prune.is_some() && first.days.is_empty());
    assert!(stage.board.unsaved(stage.now.wall).is_empty());
    stage.results(Status::Ok);
    stage.results(Status::Fail);
    stage.results(Status::Fail);
    stage.wait(10);
    let batch = stage.board.unsaved(stage.now.wall);
    assert_eq!((batch.days.len(), batch.incidents.len()), (3, 3));
    stage.board.not_saved(&batch);
    stage.results(Status::Ok);
    let again = stage.board.unsaved(stage.now.wall);
    assert_eq!((again.days.len(), again.incidents.len()), (3, 3));
    assert!(again.incidents.iter().all(|incident| incident.ended.is_some()));
    assert!(stage.board.unsaved(stage.now.wall).is_empty(), "nothing is going on");
    // what goes on is written as long as it does
    stage.results(Status::Fail);
    stage.results(Status::Fail);
    assert_eq!(stage.board.unsaved(stage.now.wall).incidents.len(), 3);
    assert_eq!(stage.board.unsaved(stage.now.wall).incidents.len(), 3);
}
