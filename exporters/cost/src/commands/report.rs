//! `report`: a month for a person, from what the store has; nobody is asked.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Arg, ArgMatches, Command};

use super::{Failed, clock, config_file, load, month, provider, storage};
use crate::calendar::{Calendar, Period, days_after};
use crate::figures::{Book, HISTORY_DAYS};
use crate::refresh::entries;
use crate::report::{Format, Given, Report, Source};
use crate::store::Store;

pub(super) fn command() -> Command {
    Command::new("report")
        .about("Tell what a month cost, what changed, what was unusual and what could be saved, from the store; works beside the running server")
        .arg(config_file())
        .arg(storage())
        .arg(provider())
        .arg(month().help("The month; the running one where it is not given"))
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORMAT")
                .default_value("text")
                .value_parser(Format::ALL.map(|(name, _)| name))
                .help("How it is written"),
        )
}

pub(super) async fn run(matches: &ArgMatches) -> Result<String, Failed> {
    let config = load(matches)?;
    let clock = clock()?;
    let now = clock.now();
    let folder = matches.get_one::<PathBuf>("storage").cloned().unwrap_or_default();
    let this_month = || Calendar::Utc.period_of(Calendar::Utc.day_of(now));
    let days = matches.get_one::<Period>("month").copied().unwrap_or_else(this_month);
    let format =
        matches.get_one::<String>("format").and_then(|word| Format::from_word(word)).unwrap_or(Format::Text);
    if Calendar::Utc.start_of(days.start) > now {
        return Err(Failed {
            problems: vec![format!("{}: this month has not begun", days.start)],
            ..Failed::default()
        });
    }
    let store = Store::open_beside(&folder, clock)?;
    let mut sources = Vec::new();
    for provider in &config.providers {
        let name = || Arc::clone(&provider.name);
        let known = store.known(name()).await?;
        // a month that is over is seen from its last moment
        let calendar = known.told.as_ref().map_or(Calendar::Utc, |told| told.calendar);
        let last = calendar.start_of(days.end) - jiff::SignedDuration::from_nanos(1);
        // unusual days of the month are told by the weeks before it
        let more = Period { start: days_after(days.start, -HISTORY_DAYS), end: days.end };
        let entries =
            entries(&store, provider, &config.budgets, known.told, now.min(last), Some(more)).await?;
        if let Some(entries) = entries {
            let book = Book::new(Arc::new(provider.clone()), Arc::new(entries), now.min(last));
            let made = store.forecasts(name()).await?;
            sources.push(Source { book, made, read_at: known.succeeded_at });
        }
    }
    Ok(Report::of(&Given { config: &config, sources: &sources, days, now }).write(format))
}
