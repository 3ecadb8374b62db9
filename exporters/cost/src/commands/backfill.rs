//! `backfill`: asks for months that are over, keeps them, and writes them as OpenMetrics for
//! `promtool tsdb create-blocks-from openmetrics`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Arg, ArgMatches, Command, value_parser};
use tokio::time::Instant;

use super::{Failed, clock, config_file, load, provider, storage};
use crate::calendar::{Day, Period, day_after};
use crate::charge::{Category, Source};
use crate::config::Config;
use crate::figures::{Book, Entries, month};
use crate::http::{FetchError, Http, Ledger, Meter, Reason};
use crate::money::Money;
use crate::providers::Provider;
use crate::refresh::labelled;
use crate::store::{Line, Publish, Store};
use crate::window::Window;

/// How long one provider may take.
const LONGEST: std::time::Duration = std::time::Duration::from_mins(30);

pub(super) fn command() -> Command {
    Command::new("backfill")
        .about("Ask providers for past months, keep them, and write them as OpenMetrics for promtool; the server that uses the storage folder must be stopped")
        .arg(config_file())
        .arg(storage())
        .arg(provider())
        .arg(
            Arg::new("months")
                .long("months")
                .value_name("NUMBER")
                .default_value("13")
                .value_parser(value_parser!(u16).range(1..=24))
                .help("How many months before the running one"),
        )
        .arg(
            Arg::new("output")
                .long("output")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("Where the OpenMetrics text is written"),
        )
}

pub(super) async fn run(matches: &ArgMatches) -> Result<String, Failed> {
    let config = load(matches)?;
    let clock = clock()?;
    let folder = matches.get_one::<PathBuf>("storage").cloned().unwrap_or_default();
    let output = matches.get_one::<PathBuf>("output").cloned().unwrap_or_default();
    let months = matches.get_one::<u16>("months").copied().unwrap_or(1);
    let store = Store::open(&folder, clock.clone())?;
    let http = Http::new()?;
    let (mut found, mut problems) = (String::new(), Vec::new());
    let mut page = Page::default();
    for provider in &config.providers {
        if provider.kind.facts().source == Source::Estimated {
            // what ran before nobody looked is not known, and what was seen must not be replaced by nothing
            let _infallible = writeln!(found, "{}: estimates have no past but what was seen", provider.name);
            continue;
        }
        let window = Window::new(clock.now(), provider.kind.calendar(), months);
        match ask(provider, &store, &http, &window, &config).await {
            Ok(book) => {
                page.add(&book);
                let _infallible = writeln!(found, "{}: from {}", provider.name, window.first);
            }
            Err(error) => problems.push(format!("{}: {error}", provider.name)),
        }
    }
    std::fs::write(&output, page.text())?;
    let _infallible = writeln!(found, "{} is written", output.display());
    if problems.is_empty() { Ok(found) } else { Err(Failed { found, problems }) }
}

/// Asks one provider, keeps what it says, and gives it under the labels of the page.
async fn ask(
    provider: &Provider,
    store: &Store,
    http: &Http,
    window: &Window,
    config: &Config,
) -> Result<Book, FetchError> {
    let name = || Arc::clone(&provider.name);
    let ledger = Ledger::of(store.clone(), name(), provider.max_requests_per_month);
    let http = http.for_refresh(ledger, Meter::default(), Instant::now() + LONGEST);
    let snapshot = provider.kind.fetch(&http, window).await?;
    let days = snapshot.covers;
    let due = window.now.saturating_add(provider.interval).unwrap_or(window.now);
    let publish =
        Publish { provider: provider.clone(), snapshot, now: window.now, due, services: config.top_services };
    store.publish(publish).await?;
    let known = store.known(name()).await?;
    let told = known.told.ok_or_else(|| FetchError::new(Reason::Internal, "the store has lost it"))?;
    let shown = store.shown(name()).await?;
    let lines = labelled(store.lines(name(), days).await?, provider, &shown, &config.budgets);
    let read = store.read_days(name()).await?;
    let entries = Entries::new(told, read, lines, Vec::new());
    Ok(Book::new(Arc::new(provider.clone()), Arc::new(entries), window.now))
}

/// Samples with their times, one family after the other.
#[derive(Debug, Default)]
struct Page {
    to_date: String,
    last_day: String,
}

impl Page {
    /// Adds each day of a provider that is over, at its end.
    fn add(&mut self, book: &Book) {
        for line in totals(book) {
            let labels = labels(book, &line);
            let mut sum = Money::ZERO;
            let mut period: Option<Period> = None;
            for day in days(&line, book.today) {
                let running = period.filter(|period| period.contains(day));
                if running.is_none() {
                    period = Some(book.calendar().period_of(day));
                    sum = Money::ZERO;
                }
                let amount = month::sum(&line, Period::of_days(day, 1));
                sum += amount;
                // the last second of the day, so that it counts to its own month
                let at = book.calendar().end_of(day).as_second() - 1;
                let _infallible =
                    writeln!(self.to_date, "cost_month_to_date{{{labels}}} {} {at}", sum.to_f64());
                let _infallible =
                    writeln!(self.last_day, "cost_last_day{{{labels}}} {} {at}", amount.to_f64());
            }
        }
    }

    fn text(&self) -> String {
        format!(
            "# HELP cost_month_to_date What the running billing period has cost so far.\n# TYPE cost_month_to_date gauge\n{}# HELP cost_last_day What the last settled day cost.\n# TYPE cost_last_day gauge\n{}# EOF\n",
            self.to_date, self.last_day
        )
    }
}

/// The lines of all categories that count, together.
fn totals(book: &Book) -> Vec<Line> {
    let of_all = |line: &Line| Line { category: Category::Usage, ..line.clone() };
    crate::figures::joined(book.counted().map(of_all).collect())
}

/// The days from a line's first amount until yesterday.
fn days(line: &Line, today: Day) -> impl Iterator<Item = Day> + use<> {
    let first = line.days.first().map_or(today, |(day, _)| *day);
    std::iter::successors(Some(first), |day| Some(day_after(*day))).take_while(move |day| *day < today)
}

fn labels(book: &Book, line: &Line) -> String {
    let source = book.entries.told.source.as_str();
    let own = book.provider.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let all = [
        ("provider", &*book.provider.name),
        ("account", &*line.account),
        ("currency", &*line.currency),
        ("source", source),
        ("service", &*line.service),
    ];
    let pairs = all.into_iter().chain(own).map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
    pairs.collect::<Vec<_>>().join(",")
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
