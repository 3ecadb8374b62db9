//! The landing page: how far the exporter is with each provider, and when it asks next.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use toolkit::web::Section;

use crate::calendar::Day;
use crate::figures::{Book, month};
use crate::refresh::{Lane, Phase, State};

/// The table of providers.
pub(crate) fn section(lanes: &[Arc<Lane>], now: Timestamp, max_age: Duration) -> Section {
    let columns = [
        "provider",
        "type",
        "state",
        "last read",
        "next refresh",
        "settled until",
        "this period so far",
        "own cost",
    ];
    let rows = lanes.iter().map(|lane| row(lane, now, max_age)).collect();
    let columns = columns.map(str::to_owned).to_vec();
    Section { title: "Providers".to_owned(), columns, rows, ..Section::default() }
}

fn row(lane: &Lane, now: Timestamp, max_age: Duration) -> Vec<String> {
    let state = lane.state();
    let book = lane.book(now, max_age);
    let settled = book.as_ref().and_then(Book::last_settled).map(|day: Day| day.to_string());
    vec![
        lane.provider.name.to_string(),
        lane.provider.kind.facts().type_name.to_owned(),
        progress(lane, &state),
        state.last_success.map_or_else(|| "never".to_owned(), |moment| second(moment).to_string()),
        next(&state, now),
        settled.unwrap_or_default(),
        book.as_ref().map(so_far).unwrap_or_default(),
        own_cost(lane, &state),
    ]
}

fn progress(lane: &Lane, state: &State) -> String {
    match (state.phase, &state.failure) {
        (Phase::Asking { since, requests }, _) => {
            let seconds = Instant::now().saturating_duration_since(since).as_secs();
            let sent = lane.requests().saturating_sub(requests);
            format!("asking for {seconds} s, {sent} requests answered")
        }
        (Phase::Queued, _) => "waits for its turn".to_owned(),
        (Phase::Waiting, Some(failure)) => format!("failed: {failure}"),
        (Phase::Waiting, None) if state.last_success.is_some() => "good".to_owned(),
        (Phase::Waiting, None) => "not read yet".to_owned(),
    }
}

fn next(state: &State, now: Timestamp) -> String {
    if state.phase != Phase::Waiting {
        return "now".to_owned();
    }
    let Some(due) = state.due else { return String::new() };
    let seconds = due.duration_since(now).as_secs().max(0);
    format!("{} (in {} min {} s)", second(due), seconds / 60, seconds % 60)
}

/// The total of each currency; they are never added together.
fn so_far(book: &Book) -> String {
    let mut totals = std::collections::BTreeMap::new();
    for month in month::by_service(book) {
        *totals.entry(month.currency).or_insert(crate::money::Money::ZERO) += month.to_date;
    }
    let source = book.entries.told.source.as_str();
    let totals: Vec<String> =
        totals.iter().map(|(currency, total)| format!("{total:.2} {currency}")).collect();
    format!("{} ({source}, since {})", totals.join(", "), book.period.start)
}

fn own_cost(lane: &Lane, state: &State) -> String {
    let Some(most) = lane.provider.max_requests_per_month else {
        let cost = lane.provider.kind.own_cost(lane.provider.interval);
        return match (cost.is_zero(), state.spent.total.is_zero()) {
            (true, true) => "nothing".to_owned(),
            _ => format!("at most {cost:.2} USD a month, {:.2} USD in all", state.spent.total),
        };
    };
    let requests = state.spent.requests;
    format!("{requests} of {most} paid requests this month, {:.2} USD in all", state.spent.total)
}

/// Without fractions of a second.
fn second(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}
