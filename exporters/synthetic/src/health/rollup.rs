//! From the states of its members to the state of a service. Pure: no clock, no memory, no order.
//!
//! Members and redundancy groups are judged alike, as units that are critical or not. In the order in which they decide:
//!
//! | rule | when | the service is |
//! |---|---|---|
//! | 5 | there is no unit, or nothing is known of any | unknown, never healthy |
//! | 2 | a critical unit fails | unhealthy |
//! | 6 | there are critical units, and nothing is known of any of them | unknown |
//! | 3 | another unit fails, any warns, or a critical one is not known | degraded |
//! | 4 | else | healthy; a coverage below 1 tells that some are not known |
//!
//! A group (rule 1) is ok when all its members are, warns while enough of them work, and fails when too few do. Where
//! nothing is known of any member, nothing is known of the group; and where too few work only because others are not known
//! (a start, a prober in trouble), it warns: that is no outage that anybody saw.
//!
//! Invariants: a member that goes from ok to warn to fail never makes the service better; neither does one that stands for
//! itself and is lost from sight; what order members come in makes no difference.

use crate::checks::Status;

/// How a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// All that matters works.
    Healthy,
    /// It works, but not as it should.
    Degraded,
    /// It does not work.
    Unhealthy,
    /// Nobody can say.
    Unknown,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Healthy, Self::Degraded, Self::Unhealthy, Self::Unknown];

    /// Its word in labels and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
        }
    }

    /// The state of a check by itself.
    pub fn of_check(status: Status) -> Self {
        match status {
            Status::Ok => Self::Healthy,
            Status::Warn => Self::Degraded,
            Status::Fail => Self::Unhealthy,
            Status::Unknown => Self::Unknown,
        }
    }

    /// What a service is to the services that have it as a member.
    pub fn as_member(self) -> Status {
        match self {
            Self::Healthy => Status::Ok,
            Self::Degraded => Status::Warn,
            Self::Unhealthy => Status::Fail,
            Self::Unknown => Status::Unknown,
        }
    }
}

/// A member of a service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member {
    /// How it stands.
    pub status: Status,
    /// Whether the service is unhealthy without it; of a member of a group the group says that.
    pub critical: bool,
    /// How much it counts in score and coverage.
    pub weight: f64,
    /// The redundancy group it belongs to, by its place in the list of groups.
    pub group: Option<usize>,
}

/// Members of which not all are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// How many have to work.
    pub min_healthy: usize,
    /// Whether the service is unhealthy without it.
    pub critical: bool,
}

/// How a service is, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// The state.
    pub state: State,
    /// The share of members of which something is known, by weight.
    pub coverage: f64,
    /// The share of members that work, by weight; a warning counts half, what is not known nothing.
    pub score: f64,
}

impl Verdict {
    /// Of a service of which nothing is known.
    pub const UNKNOWN: Self = Self { state: State::Unknown, coverage: 0.0, score: 0.0 };
}

/// How a service is, from its members and groups.
pub fn roll_up(members: &[Member], groups: &[Group]) -> Verdict {
    let mut units = Units::default();
    for member in members.iter().filter(|member| member.group.is_none()) {
        units.add(member.status, member.critical);
    }
    for (place, group) in groups.iter().enumerate() {
        let of_group = members.iter().filter(|member| member.group == Some(place));
        units.add(group_status(of_group.map(|member| member.status), group.min_healthy), group.critical);
    }
    Verdict {
        state: units.state(),
        coverage: share(members, |status| f64::from(u8::from(status != Status::Unknown))),
        score: share(members, worth),
    }
}

/// The share of all weight, where each member counts what its status is worth.
fn share(members: &[Member], worth: impl Fn(Status) -> f64) -> f64 {
    let sum = |worth: &dyn Fn(Status) -> f64| {
        members.iter().fold(0.0, |sum, member| sum + member.weight * worth(member.status))
    };
    let all = sum(&|_| 1.0);
    if all > 0.0 { sum(&worth) / all } else { 0.0 }
}

/// Members and groups, counted.
#[derive(Default)]
struct Units {
    all: usize,
    unknown: usize,
    critical: usize,
    critical_failing: usize,
    critical_unknown: usize,
    /// Any that warn, and failing ones that are not critical.
    troubled: usize,
}

impl Units {
    fn add(&mut self, status: Status, critical: bool) {
        let count = |yes: bool| usize::from(yes);
        let (failing, unknown) = (status == Status::Fail, status == Status::Unknown);
        self.all += 1;
        self.unknown += count(unknown);
        self.critical += count(critical);
        self.critical_failing += count(critical && failing);
        self.critical_unknown += count(critical && unknown);
        self.troubled += count(status == Status::Warn || (failing && !critical));
    }

    fn state(&self) -> State {
        if self.unknown == self.all {
            State::Unknown
        } else if self.critical_failing > 0 {
            State::Unhealthy
        } else if self.critical > 0 && self.critical_unknown == self.critical {
            State::Unknown
        } else if self.troubled > 0 || self.critical_unknown > 0 {
            State::Degraded
        } else {
            State::Healthy
        }
    }
}

/// How a group stands. A member that warns works.
fn group_status(members: impl Iterator<Item = Status>, min_healthy: usize) -> Status {
    let (mut all, mut ok, mut working, mut failing) = (0, 0, 0, 0);
    let mut unknown = 0;
    for status in members {
        all += 1;
        match status {
            Status::Ok => ok += 1,
            Status::Warn => working += 1,
            Status::Fail => failing += 1,
            Status::Unknown => unknown += 1,
        }
    }
    working += ok;
    if unknown == all {
        Status::Unknown
    } else if ok == all {
        Status::Ok
    } else if failing == 0 || (working >= min_healthy && working > 0) {
        Status::Warn
    } else {
        Status::Fail
    }
}

fn worth(status: Status) -> f64 {
    match status {
        Status::Ok => 1.0,
        Status::Warn => 0.5,
        Status::Fail | Status::Unknown => 0.0,
    }
}
