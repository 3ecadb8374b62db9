//! What is on the page, in words; only what customers may see gets in here.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::words;
use crate::config::Service;
use crate::health::board::{Board, SHOWN_DAYS};
use crate::health::incident::Incident;
use crate::health::rollup::State;
use crate::health::tracked::Tracked;
use crate::health::uptime::{Days, Seconds, first_of};
use crate::health::windows::Maintenance;

/// Incidents on the page at most, the newest.
const MAX_INCIDENTS: usize = 25;

/// How long before it begins a maintenance is told.
const AHEAD: Duration = Duration::from_hours(7 * 24);

/// Seconds of trouble that colour a day: less is a blink between two looks.
const BLINK: f64 = 30.0;

/// The page.
#[derive(Debug)]
pub(crate) struct View {
    pub(super) title: Arc<str>,
    pub(super) description: Option<Arc<str>>,
    pub(super) look: Look,
    pub(super) headline: String,
    /// What else is not as it should be.
    pub(super) also: Option<String>,
    /// When the page was made.
    pub(super) made: String,
    pub(super) zone: String,
    /// Whose clock all other times are by.
    pub(super) clock: String,
    pub(super) services: Vec<Card>,
    /// What is planned: what goes on, then what comes.
    pub(super) planned: Vec<Planned>,
    /// Days with incidents, the newest first.
    pub(super) incidents: Vec<(String, Vec<Told>)>,
}

/// How something looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Good,
    Limited,
    Down,
    Unknown,
    Planned,
}

/// A service.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) title: Arc<str>,
    pub(super) description: Option<Arc<str>>,
    pub(super) look: Look,
    pub(super) state: String,
    pub(super) bars: Vec<Bar>,
    /// `99.98 %`, and the days it is of.
    pub(super) uptime: Option<(String, String)>,
}

/// A day of a service.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) look: Look,
    /// How much of it: 1 a little to 3 all.
    pub(super) level: u8,
    pub(super) text: String,
}

/// A maintenance.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) title: Arc<str>,
    pub(super) now: bool,
    pub(super) when: String,
    pub(super) services: String,
}

/// An incident.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) look: Look,
    pub(super) text: String,
    pub(super) when: String,
    pub(super) cause: Option<String>,
}

impl View {
    /// What may be seen of the board.
    pub(crate) fn new(board: &Board, now: Timestamp) -> Self {
        let page = &board.config().page;
        let zone = &page.zone;
        let here = now.to_zoned(zone.clone());
        let services: Vec<_> = board.services().filter(|(service, _)| service.public).collect();
        let (look, headline, also) = headline(&services);
        Self {
            title: Arc::clone(&page.title),
            description: page.description.clone(),
            look,
            headline,
            also,
            made: here.strftime("%-d %b %Y, %H:%M").to_string(),
            zone: here.strftime("%Z").to_string(),
            clock: zone.iana_name().unwrap_or("UTC").to_owned(),
            services: services.iter().map(|(service, tracked)| card(service, tracked, here.date())).collect(),
            planned: planned(board, now),
            incidents: incidents(board, &services, now),
        }
    }
}

impl Look {
    fn of(state: State) -> Self {
        match state {
            State::Healthy => Self::Good,
            State::Degraded => Self::Limited,
            State::Unhealthy => Self::Down,
            State::Unknown => Self::Unknown,
        }
    }
}

type Public<'a> = (&'a Service, &'a Tracked);

/// The one sentence for who has no time, and the next one. What is planned is not told as trouble.
fn headline(services: &[Public<'_>]) -> (Look, String, Option<String>) {
    let those = |state: State| {
        let found =
            services.iter().filter(|(_, tracked)| tracked.shown_state() == state && !tracked.maintenance);
        found.map(|(service, _)| &*service.title).collect::<Vec<&str>>()
    };
    let [down, limited, unknown] = [State::Unhealthy, State::Degraded, State::Unknown].map(those);
    if unknown.len() == services.len() {
        return (Look::Unknown, "Nothing has been measured yet".to_owned(), None);
    }
    let mut said = Vec::new();
    if down.len() == services.len() && down.len() > 1 {
        said.push((Look::Down, "Nothing is working".to_owned()));
    } else if !down.is_empty() {
        said.push((Look::Down, words::are(&down, "not working")));
    }
    if !limited.is_empty() {
        said.push((Look::Limited, words::are(&limited, "limited")));
    }
    if !unknown.is_empty() {
        said.push((Look::Unknown, words::are(&unknown, "not measured at the moment")));
    }
    let mut said = said.into_iter();
    match said.next() {
        Some((look, headline)) => {
            let also: Vec<String> = said.map(|(_, sentence)| format!("{sentence}.")).collect();
            (look, headline, (!also.is_empty()).then(|| also.join(" ")))
        }
        None if services.iter().any(|(_, tracked)| tracked.maintenance) => {
            (Look::Planned, "Maintenance is under way".to_owned(), None)
        }
        None => (Look::Good, "Everything is working".to_owned(), None),
    }
}

fn card(service: &Service, tracked: &Tracked, today: Date) -> Card {
    let state = tracked.shown_state();
    let (look, state) = if tracked.maintenance {
        (Look::Planned, "Maintenance".to_owned())
    } else {
        (Look::of(state), words::state(state).to_owned())
    };
    let days = &tracked.days;
    let before = (1..SHOWN_DAYS).rev().map(|ago| today.saturating_sub(i64::from(ago).days()));
    let mut bars: Vec<Bar> = before.map(|date| bar(date, &days.get(date))).collect();
    let mut last = bar(today, &days.get(today));
    // what is wrong now is seen at once
    if matches!(look, Look::Down | Look::Limited) && last.look != Look::Down {
        (last.look, last.level) = (look, 1);
    }
    bars.push(last);
    Card {
        title: Arc::clone(&service.title),
        description: service.description.clone(),
        look,
        state,
        bars,
        uptime: uptime(days, today),
    }
}

fn uptime(days: &Days, today: Date) -> Option<(String, String)> {
    let first = first_of(SHOWN_DAYS, today);
    let share = days.sum_since(first).uptime()?;
    let (oldest, _) = days.since(first).find(|(_, seconds)| seconds.known() > 0.0)?;
    let count = u64::from(today.since(oldest).map_or(0, |span| span.get_days()).unsigned_abs()) + 1;
    Some((words::percent(share), format!("uptime in {}", words::counted(count, "day"))))
}

fn bar(date: Date, seconds: &Seconds) -> Bar {
    let level = |seconds: f64| match seconds {
        ..900.0 => 1,
        ..7200.0 => 2,
        _ => 3,
    };
    let (look, level) = if seconds.unhealthy >= BLINK {
        (Look::Down, level(seconds.unhealthy))
    } else if seconds.degraded >= BLINK {
        (Look::Limited, level(seconds.degraded))
    } else if seconds.known() > 0.0 {
        (Look::Good, 3)
    } else if seconds.maintenance > 0.0 {
        (Look::Planned, 3)
    } else {
        (Look::Unknown, 3)
    };
    Bar { look, level, text: format!("{}: {}", date.strftime("%-d %b"), words::day(seconds)) }
}

fn planned(board: &Board, now: Timestamp) -> Vec<Planned> {
    let zone = &board.config().page.zone;
    let spans = board.config().maintenance.iter().filter_map(|window| {
        let span = window.when.current_or_next(now)?;
        let near = span.from.duration_since(now).unsigned_abs() <= AHEAD || span.contains(now);
        near.then_some((span, window))
    });
    let mut spans: Vec<_> = spans.collect();
    spans.sort_by_key(|(span, _)| *span);
    let tell = |(span, window): (_, &Maintenance)| {
        let span: crate::health::windows::Span = span;
        let (from, to) = (span.from.to_zoned(zone.clone()), span.to.to_zoned(zone.clone()));
        let titles = board.services().enumerate().filter(|(place, _)| window.concerns(*place));
        let titles: Vec<&str> = titles
            .filter(|(_, (service, _))| service.public)
            .map(|(_, (service, _))| &*service.title)
            .collect();
        let is_now = span.contains(now);
        let when = match is_now {
            true if to.date() == board.today(now) => format!("Until {}", words::clock(&to)),
            true => format!("Until {}", words::day_and_clock(&to)),
            false => words::span(&from, &to),
        };
        (!titles.is_empty()).then(|| Planned {
            title: Arc::clone(&window.title),
            now: is_now,
            when,
            services: words::list(&titles),
        })
    };
    spans.into_iter().filter_map(tell).collect()
}

fn incidents(board: &Board, services: &[Public<'_>], now: Timestamp) -> Vec<(String, Vec<Told>)> {
    let zone = &board.config().page.zone;
    let first = first_of(SHOWN_DAYS, board.today(now));
    let mut all: Vec<(&Service, &Incident)> = services
        .iter()
        .flat_map(|(service, tracked)| {
            tracked.incidents.newest_first().map(move |incident| (*service, incident))
        })
        .filter(|(_, incident)| day_of(incident, zone) >= first)
        .collect();
    all.sort_by_key(|(_, incident)| std::cmp::Reverse(incident.began));
    all.truncate(MAX_INCIDENTS);
    let mut days: Vec<(Date, String, Vec<Told>)> = Vec::new();
    for (service, incident) in all {
        let date = day_of(incident, zone);
        let told = tell(service, incident, services, now, zone);
        match days.last_mut().filter(|(day, ..)| *day == date) {
            Some((_, _, of_day)) => of_day.push(told),
            None => days.push((date, words::long_date(&incident.began.to_zoned(zone.clone())), vec![told])),
        }
    }
    days.into_iter().map(|(_, title, told)| (title, told)).collect()
}

fn day_of(incident: &Incident, zone: &TimeZone) -> Date {
    zone.to_datetime(incident.began).date()
}

fn tell(
    service: &Service,
    incident: &Incident,
    services: &[Public<'_>],
    now: Timestamp,
    zone: &TimeZone,
) -> Told {
    let public = |name: &Arc<str>| services.iter().find(|(service, _)| service.name == *name);
    let cause = incident.caused_by.as_ref().and_then(public).map(|(service, _)| &*service.title);
    Told {
        look: if incident.failed { Look::Down } else { Look::Limited },
        text: words::happened(&service.title, incident, now),
        when: words::when(incident, now, zone),
        cause: cause.map(|title| format!("Caused by {title}")),
    }
}
