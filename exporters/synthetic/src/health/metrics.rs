//! Services as metrics. A state is one-hot: four series of which one is 1.
//!
//! Names of people's own choosing (services, checks) are labels; so is a check's target, without its credentials.

use jiff::Timestamp;
use toolkit::config::redact_url;
use toolkit::expo::{Desc, Kind, Samples};

use super::board::Board;
use super::rollup::State;
use super::tracked::{Seat, Tracked};
use super::uptime::{Counted, first_of};
use crate::config::{Member, Objective, Of, Service};
use crate::metrics::{flag, float};

/// What the names of all metrics about health begin with.
pub const NAMESPACE: &str = "health";

macro_rules! metrics {
    ($($constant:ident $kind:ident $name:literal $labels:expr, $help:literal;)*) => {
        $(const $constant: Desc<'_> = Desc { name: $name, help: $help, kind: Kind::$kind, labels: $labels };)*

        /// All metrics about health.
        pub const METRICS: &[Desc<'_>] = &[$($constant),*];
    };
}

metrics! {
    CHECK_STATE Gauge "check_state" &["service", "check", "target", "state"],
        "Whether a check of a service is in this state, after hysteresis.";
    CHECK_CRITICAL Gauge "check_critical" &["service", "check", "target"],
        "Whether the service is unhealthy when this check fails.";
    CHECK_FLAPPING Gauge "check_flapping" &["service", "check", "target"],
        "Whether the check goes back and forth; its state stays as it was meanwhile.";
    CHECK_SUPPRESSED Gauge "check_suppressed" &["service", "check", "target", "by"],
        "1 while a check fails and a service that it depends on is unhealthy.";
    SERVICE_STATE Gauge "service_state" &["service", "state"], "Whether a service is in this state.";
    SERVICE_SCORE Gauge "service_score" &["service"],
        "The share of members that work, by weight: 0 to 1; a warning counts half.";
    SERVICE_COVERAGE Gauge "service_coverage" &["service"],
        "The share of members of which something is known, by weight: 0 to 1.";
    SERVICE_MAINTENANCE Gauge "service_maintenance" &["service"],
        "Whether the service is in planned maintenance; its state is not changed by that.";
    SERVICE_SUPPRESSED Gauge "service_suppressed" &["service", "by"],
        "1 while all failing members of a service fail because of another service.";
    SERVICE_SECONDS Counter "service_seconds_total" &["service", "state"],
        "Seconds since the start in each state; those of planned maintenance are counted as that.";
    TRANSITIONS Counter "state_transitions_total" &["service", "from", "to"],
        "Changes of a service's state since the start.";
    LAST_TRANSITION Gauge "last_transition_timestamp_seconds" &["service"],
        "When the service came into its state, in Unix time.";
    SLO_TARGET Gauge "slo_target" &["service"], "The share of the time in which the service should be up.";
    SLO_WINDOW Gauge "slo_window_seconds" &["service"], "The time over which the objective holds.";
    SLO_BUDGET Gauge "slo_error_budget_remaining_ratio" &["service"],
        "What is left of the downtime that the objective allows in its window: 1 is all, below 0 is overdrawn.";
    WRITE_ERRORS Counter "store_write_errors_total" &[], "Writes of uptime and incidents that failed; each is tried again.";
}

/// Writes what is about services.
pub(super) fn write(board: &Board, now: Timestamp, samples: &mut Samples) {
    for (service, tracked) in board.services() {
        for (member, seat) in service.members.iter().zip(&tracked.members) {
            write_check(board, service, member, seat, samples);
        }
        write_service(board, service, tracked, samples);
        if let Some(objective) = &service.objective {
            samples.add(&SLO_TARGET, &[&service.name], objective.ratio);
            samples.add(&SLO_WINDOW, &[&service.name], objective.window.as_secs_f64());
            if let Some(left) = budget_left(board, tracked, objective, now) {
                samples.add(&SLO_BUDGET, &[&service.name], left);
            }
        }
    }
}

/// Writes what is about ourselves.
pub(super) fn write_own(write_errors: u64, samples: &mut Samples) {
    samples.add(&WRITE_ERRORS, &[], float(write_errors));
}

fn write_check(board: &Board, service: &Service, member: &Member, seat: &Seat, samples: &mut Samples) {
    // a service that is a member has metrics of its own
    let Of::Check(check) = &member.of else { return };
    let target = redact_url(&check.target);
    let labels = [&*service.name, check.name(), &*target];
    let [name, check, target] = labels;
    let state = State::of_check(seat.status());
    for one in State::ALL {
        samples.add(&CHECK_STATE, &[name, check, target, one.as_str()], flag(one == state));
    }
    let critical = member.group.and_then(|place| service.groups.get(place)).map(|(_, group)| group.critical);
    samples.add(&CHECK_CRITICAL, &labels, flag(critical.unwrap_or(member.critical)));
    samples.add(&CHECK_FLAPPING, &labels, flag(seat.flapping()));
    if let Some(by) = seat.suppressed_by.and_then(|place| board.config().list.get(place)) {
        samples.add(&CHECK_SUPPRESSED, &[name, check, target, &by.name], 1.0);
    }
}

fn write_service(board: &Board, service: &Service, tracked: &Tracked, samples: &mut Samples) {
    let name = &*service.name;
    let verdict = &tracked.verdict;
    for state in State::ALL {
        samples.add(&SERVICE_STATE, &[name, state.as_str()], flag(state == verdict.state));
    }
    samples.add(&SERVICE_SCORE, &[name], verdict.score);
    samples.add(&SERVICE_COVERAGE, &[name], verdict.coverage);
    samples.add(&SERVICE_MAINTENANCE, &[name], flag(tracked.maintenance));
    if let Some(by) = tracked.caused_by.and_then(|place| board.config().list.get(place)) {
        samples.add(&SERVICE_SUPPRESSED, &[name, &by.name], 1.0);
    }
    for counted in Counted::ALL {
        samples.add(&SERVICE_SECONDS, &[name, counted.as_str()], tracked.total.get(counted));
    }
    for (from, to) in State::ALL.iter().flat_map(|from| State::ALL.map(|to| (*from, to))) {
        if from != to {
            let count = f64::from(tracked.changes(from, to));
            samples.add(&TRANSITIONS, &[name, from.as_str(), to.as_str()], count);
        }
    }
    samples.add(&LAST_TRANSITION, &[name], tracked.since.as_duration().as_secs_f64());
}

/// What is left of the downtime that an objective allows; `None` while nothing is known.
fn budget_left(board: &Board, tracked: &Tracked, objective: &Objective, now: Timestamp) -> Option<f64> {
    let days = u16::try_from(objective.window.as_secs() / SECONDS_OF_DAY).unwrap_or(u16::MAX);
    let seconds = tracked.days.sum_since(first_of(days, board.today(now)));
    // of the whole window, not only of the part in which it was watched: a new service has its budget before it
    let allowed = objective.window.as_secs_f64() * (1.0 - objective.ratio);
    (seconds.known() > 0.0).then(|| 1.0 - seconds.unhealthy / allowed)
}

const SECONDS_OF_DAY: u64 = 24 * 3600;
