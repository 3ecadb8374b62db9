//! All services as they are now: results in, states out. No files, no sockets; the time is given.
//!
//! A result moves the standing of the seats it belongs to. A look ([`Board::look`]) counts the time since the look before
//! to the states of then, drops what is stale, and judges every service anew, those first that others need.
//!
//! Invariants: a check counts in its service whatever its dependencies do (what they cause is told beside it); maintenance
//! changes no state; time in which nobody looked is not counted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::time::Instant;

use super::rollup::State;
use super::store::{Batch, Kept};
use super::tracked::Tracked;
use super::uptime::first_of;
use super::windows::Maintenance;
use crate::checks::CheckResult;
use crate::config::{Check, Of, Service, Services};

/// The longest time between two looks that is counted: in more than this nobody looked.
const LONGEST_LOOK: Duration = Duration::from_mins(1);

/// Days that are held in memory and shown.
pub(crate) const SHOWN_DAYS: u16 = 90;

/// A moment, for measuring and for telling.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// Does not jump.
    pub(crate) instant: Instant,
    /// The time of day.
    pub(crate) wall: Timestamp,
}

/// All services as they are now.
#[derive(Debug, Default)]
pub(crate) struct Board {
    config: Arc<Services>,
    /// In the file's order.
    services: Vec<Tracked>,
    seats: Seats,
    looked: Option<Now>,
    pruned: Option<Date>,
}

/// Where the results of a check belong: by its name, by its target, the places of service and member.
type Seats = HashMap<Arc<str>, HashMap<Arc<str>, Vec<(usize, usize)>>>;

impl Board {
    /// Takes other services; what is the same goes on, and `kept` is what is known of the past of others.
    pub(crate) fn renew(&mut self, config: Arc<Services>, mut kept: HashMap<Arc<str>, Kept>, now: Timestamp) {
        let before = std::mem::replace(&mut self.config, config);
        let old = before.list.iter().zip(std::mem::take(&mut self.services));
        let mut old: HashMap<&str, _> =
            old.map(|(service, tracked)| (&*service.name, (service, tracked))).collect();
        let services = self.config.list.iter().map(|service| match old.remove(&*service.name) {
            Some((before, mut tracked)) => {
                tracked.seat(service, &before.members);
                tracked
            }
            None => Tracked::new(service, kept.remove(&service.name).unwrap_or_default(), now),
        });
        self.services = services.collect();
        self.seats = seats(&self.config);
    }

    /// What the file says.
    pub(crate) fn config(&self) -> &Arc<Services> {
        &self.config
    }

    /// The services as the file has them and as they are, in the file's order.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&Service, &Tracked)> {
        self.config.list.iter().zip(&self.services)
    }

    /// Takes a result. Says whether a state may have changed, so that somebody should look.
    pub(crate) fn take(&mut self, check: &Check, result: &CheckResult) -> bool {
        let places = self.seats.get(check.name()).and_then(|targets| targets.get(&check.target));
        let mut changed = false;
        for (service, member) in places.into_iter().flatten() {
            let config = self.config.list.get(*service).and_then(|service| service.members.get(*member));
            let tracked = self.services.get_mut(*service);
            let seat = tracked.and_then(|tracked| tracked.members.get_mut(*member));
            if let (Some(config), Some(seat)) = (config, seat) {
                changed |= seat.take(config, result);
            }
        }
        changed
    }

    /// Looks at everything. Says whether people would see a difference.
    pub(crate) fn look(&mut self, now: Now) -> bool {
        let config = Arc::clone(&self.config);
        let elapsed = self.looked.map(|before| now.instant.saturating_duration_since(before.instant));
        let elapsed = elapsed.filter(|elapsed| *elapsed <= LONGEST_LOOK).unwrap_or_default();
        self.looked = Some(now);
        let open = |window: &&Maintenance| window.when.contains(now.wall);
        let windows: Vec<&Maintenance> = config.maintenance.iter().filter(open).collect();
        let known = |tracked: &Tracked| (tracked.verdict.state, tracked.troubled);
        let mut others: Vec<(State, bool)> = self.services.iter().map(known).collect();
        let mut told = false;
        for place in &config.order {
            let (Some(service), Some(tracked)) = (config.list.get(*place), self.services.get_mut(*place))
            else {
                continue;
            };
            let down = tracked.count(service, &config.page.zone, now.wall, elapsed);
            let judged = tracked.judge(service, &others, now.instant);
            let maintenance = windows.iter().any(|window| window.concerns(*place));
            told |= tracked.change(judged, maintenance, now.wall);
            told |= tracked.remember(&config, service, down, now.wall);
            if let Some(other) = others.get_mut(*place) {
                *other = known(tracked);
            }
        }
        told
    }

    /// What is to be written since the last time this was asked.
    pub(crate) fn unsaved(&mut self, now: Timestamp) -> Batch {
        let today = self.today(now);
        let mut batch = Batch::default();
        if self.pruned != Some(today) {
            self.pruned = Some(today);
            batch.prune = Some(today);
            let first = first_of(SHOWN_DAYS, today);
            self.services.iter_mut().for_each(|tracked| tracked.days.forget_before(first));
        }
        for (service, tracked) in self.config.list.iter().zip(&mut self.services) {
            tracked.unsaved(service, &mut batch);
        }
        batch
    }

    /// What was to be written was not: it is to be written again.
    pub(crate) fn not_saved(&mut self, batch: &Batch) {
        if batch.prune.is_some() {
            self.pruned = None;
        }
        for (service, tracked) in self.config.list.iter().zip(&mut self.services) {
            tracked.not_saved(service, batch);
        }
    }

    /// The day it is by the clock of the status page.
    pub(crate) fn today(&self, now: Timestamp) -> Date {
        self.config.page.zone.to_datetime(now).date()
    }
}

fn seats(config: &Services) -> Seats {
    let mut seats = Seats::new();
    for (service, config) in config.list.iter().enumerate() {
        for (member, config) in config.members.iter().enumerate() {
            if let Of::Check(check) = &config.of {
                let targets = seats.entry(Arc::clone(&check.settings.name)).or_default();
                targets.entry(Arc::clone(&check.target)).or_default().push((service, member));
            }
        }
    }
    seats
}

#[cfg(test)]
mod tests;
