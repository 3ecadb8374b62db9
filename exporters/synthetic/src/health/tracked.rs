//! One service as it is now, with its seats: a seat is a member and what is known of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::time::Instant;

use super::incident::{Incidents, Seen};
use super::rollup::{self, State, Verdict, roll_up};
use super::standing::{Limits, Standing};
use super::store::{Batch, Kept};
use super::uptime::{Counted, Days, Seconds};
use crate::checks::{CheckResult, Status};
use crate::config::{Member, Of, Service, Services};
use crate::reason::Reason;

/// A service as it is now.
#[derive(Debug)]
pub(crate) struct Tracked {
    /// In the file's order.
    pub(crate) members: Vec<Seat>,
    /// How it is.
    pub(crate) verdict: Verdict,
    /// Since when.
    pub(crate) since: Timestamp,
    /// Whether it is in maintenance.
    pub(crate) maintenance: bool,
    /// The service whose outage causes its own, by its place.
    pub(crate) caused_by: Option<usize>,
    /// Whether somebody saw trouble: what is only not known is none.
    pub(crate) troubled: bool,
    /// Changes of state since the start, from and to.
    changes: [[u32; State::ALL.len()]; State::ALL.len()],
    /// Time in each state since the start.
    pub(crate) total: Seconds,
    /// The same day by day, as far back as it is shown.
    pub(crate) days: Days,
    /// Its troubles.
    pub(crate) incidents: Incidents,
    /// The first day that is not written yet.
    unsaved_day: Option<Date>,
    /// The beginning of the first incident that is not written yet.
    unsaved_incident: Option<Timestamp>,
}

/// A member as it is now.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    standing: Standing,
    /// What it counted as at the last look.
    counted: Standing,
    /// The same of a service that is a member.
    state: Option<State>,
    /// The last result, of a check.
    pub(crate) last: Option<Last>,
    /// The service whose outage causes its own, by its place.
    pub(crate) suppressed_by: Option<usize>,
}

/// The last result of a check, as far as it is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Last {
    at: Instant,
    /// When it ended, in Unix time.
    pub(crate) at_unix: f64,
    /// How long it took.
    pub(crate) took: Duration,
    /// Where and why it is not ok.
    pub(crate) why: Option<(&'static str, Reason)>,
}

/// What a look found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged {
    verdict: Verdict,
    caused_by: Option<usize>,
    troubled: bool,
}

impl Tracked {
    /// A service of which only the past is known.
    pub(super) fn new(service: &Service, kept: Kept, now: Timestamp) -> Self {
        Self {
            members: service.members.iter().map(|_| Seat::default()).collect(),
            verdict: Verdict::UNKNOWN,
            since: now,
            maintenance: false,
            caused_by: None,
            troubled: false,
            changes: <_>::default(),
            total: Seconds::default(),
            days: kept.days,
            incidents: Incidents::of(kept.incidents),
            unsaved_day: None,
            unsaved_incident: None,
        }
    }

    /// Its state for people: one that is degraded only since nobody can say more is not known.
    pub(crate) fn shown_state(&self) -> State {
        match self.verdict.state {
            State::Degraded if !self.troubled => State::Unknown,
            state => state,
        }
    }

    /// How often it went from one state to another since the start.
    pub(crate) fn changes(&self, from: State, to: State) -> u32 {
        self.changes.get(from as usize).and_then(|row| row.get(to as usize)).copied().unwrap_or(0)
    }

    /// Seats the members anew; those that were there before keep what is known of them.
    pub(super) fn seat(&mut self, service: &Service, before: &[Member]) {
        let mut old: Vec<Option<Seat>> = std::mem::take(&mut self.members).into_iter().map(Some).collect();
        let mut seat_of = |member: &Member| {
            let place = before.iter().position(|old| old.of.is_same(&member.of))?;
            old.get_mut(place)?.take()
        };
        self.members = service.members.iter().map(|member| seat_of(member).unwrap_or_default()).collect();
    }

    /// Counts the time that was, as what it was. Gives how long of it the service did not work.
    pub(super) fn count(
        &mut self,
        service: &Service,
        zone: &TimeZone,
        now: Timestamp,
        elapsed: Duration,
    ) -> Duration {
        let planned = self.maintenance && !service.maintenance_counts;
        let counted = if planned { Counted::Maintenance } else { Counted::As(self.verdict.state) };
        if !elapsed.is_zero() {
            self.total.add(counted, elapsed.as_secs_f64());
            let first = self.days.count(now, elapsed, zone, counted);
            self.unsaved_day = self.unsaved_day.into_iter().chain([first]).min();
        }
        if self.verdict.state == State::Unhealthy { elapsed } else { Duration::ZERO }
    }

    /// How it is now, from its members; `others` are all services, as far as they are known by now: their states, and
    /// whether they are in trouble.
    pub(super) fn judge(&mut self, service: &Service, others: &[(State, bool)], now: Instant) -> Judged {
        let other = |place: usize| others.get(place).copied().unwrap_or((State::Unknown, false));
        let state_of = |place: usize| other(place).0;
        let mut troubled = false;
        let mut members = Vec::with_capacity(service.members.len());
        for (member, seat) in service.members.iter().zip(&mut self.members) {
            seat.look(member, state_of, now);
            let status = seat.status();
            troubled |= match member.of {
                Of::Service(place) => other(place).1,
                Of::Check(_) => matches!(status, Status::Warn | Status::Fail),
            };
            let mut causes = member.depends_on.iter().chain(&service.depends_on).copied();
            let is_cause = |place: &usize| status == Status::Fail && state_of(*place) == State::Unhealthy;
            seat.suppressed_by = causes.find(is_cause);
            let Member { critical, weight, group, .. } = *member;
            members.push(rollup::Member { status, critical, weight, group });
        }
        let groups: Vec<rollup::Group> = service.groups.iter().map(|(_, group)| *group).collect();
        let failing = self.members.iter().filter(|seat| seat.status() == Status::Fail);
        let causes: Option<Vec<usize>> = failing.map(|seat| seat.suppressed_by).collect();
        let caused_by = causes.and_then(|causes| causes.first().copied());
        Judged { verdict: roll_up(&members, &groups), caused_by, troubled }
    }

    /// Becomes what was found. Says whether people would see a difference.
    pub(super) fn change(&mut self, judged: Judged, maintenance: bool, now: Timestamp) -> bool {
        let (from, to) = (self.verdict.state, judged.verdict.state);
        let told = (from, self.maintenance, self.caused_by, self.troubled)
            != (to, maintenance, judged.caused_by, judged.troubled);
        if from != to {
            self.since = now;
            if let Some(count) = self.changes.get_mut(from as usize).and_then(|row| row.get_mut(to as usize))
            {
                *count += 1;
            }
        }
        self.verdict = judged.verdict;
        self.caused_by = judged.caused_by;
        self.troubled = judged.troubled;
        self.maintenance = maintenance;
        told
    }

    /// Begins or ends an incident, where that is so; says whether it is.
    pub(super) fn remember(
        &mut self,
        config: &Services,
        service: &Service,
        down: Duration,
        now: Timestamp,
    ) -> bool {
        let caused_by = self.caused_by.and_then(|place| Some(&config.list.get(place)?.name));
        let maintenance = self.maintenance && !service.maintenance_counts;
        let state = self.shown_state();
        let seen = Seen { state, maintenance, caused_by, down };
        let changed = self.incidents.see(&service.name, &seen, now).map(|incident| incident.began);
        self.unsaved_incident = self.unsaved_incident.into_iter().chain(changed).min();
        changed.is_some()
    }

    /// Adds what is not written yet; that of an incident that goes on is never written for good.
    pub(super) fn unsaved(&mut self, service: &Service, batch: &mut Batch) {
        if let Some(first) = self.unsaved_day.take() {
            let days = self.days.since(first);
            batch.days.extend(days.map(|(day, seconds)| (Arc::clone(&service.name), day, *seconds)));
        }
        let open = self.incidents.open().map(|open| open.began);
        if let Some(first) = self.unsaved_incident.take().into_iter().chain(open).min() {
            let unsaved = self.incidents.newest_first().filter(|incident| incident.began >= first);
            batch.incidents.extend(unsaved.cloned());
        }
    }

    /// What was to be written was not.
    pub(super) fn not_saved(&mut self, service: &Service, batch: &Batch) {
        let days = batch.days.iter().filter(|(name, ..)| *name == service.name).map(|(_, day, _)| *day);
        self.unsaved_day = self.unsaved_day.into_iter().chain(days).min();
        let incidents = batch.incidents.iter().filter(|incident| incident.service == service.name);
        let began = incidents.map(|incident| incident.began);
        self.unsaved_incident = self.unsaved_incident.into_iter().chain(began).min();
    }
}

impl Seat {
    /// How it stood at the last look.
    pub(crate) fn status(&self) -> Status {
        self.state.map_or_else(|| self.counted.status(), State::as_member)
    }

    /// Whether it went back and forth then.
    pub(crate) fn flapping(&self) -> bool {
        self.counted.flapping()
    }

    /// Takes a result of its check. Says whether it stands otherwise than at the last look.
    pub(super) fn take(&mut self, member: &Member, result: &CheckResult) -> bool {
        let limits = Limits { down_after: member.down_after, up_after: member.up_after };
        self.standing.take(result.status, limits);
        let why = result.failure.as_ref().map(|failed| (failed.phase, failed.reason));
        self.last = Some(Last { at: result.at, at_unix: result.at_unix, took: result.took, why });
        self.standing.status() != self.counted.status()
    }

    /// Looks how it stands; a check whose last result is too old is not known.
    fn look(&mut self, member: &Member, state_of: impl Fn(usize) -> State, now: Instant) {
        match &member.of {
            Of::Service(place) => self.state = Some(state_of(*place)),
            Of::Check(check) => {
                let age = self.last.map(|last| now.saturating_duration_since(last.at));
                if age.is_some_and(|age| check.stale_after().is_some_and(|limit| age > limit)) {
                    self.standing.forget();
                }
                self.counted = self.standing;
            }
        }
    }
}
