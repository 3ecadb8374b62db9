//! `check`: tries every key before the exporter is started for good, without a paid request.

use std::collections::BTreeSet;
use std::fmt::Write;

use clap::{ArgMatches, Command};
use jiff::{SignedDuration, Timestamp};

use super::{Failed, clock, config_file, load, provider};
use crate::charge::{Category, Snapshot};
use crate::http::{FetchError, Http};
use crate::money::Money;
use crate::providers::Provider;
use crate::window::Window;

/// Gauges and counters of each pair of account and service.
const SERIES_OF_PAIR: usize = 5;

/// Series of a provider that do not depend on what it says, about.
const OWN_SERIES: usize = 20;

pub(super) fn command() -> Command {
    Command::new("check")
        .about("Try every provider's key without a paid request; tell what is missing, what asking costs, and how many series there will be; exits with 0 or 1")
        .arg(config_file())
        .arg(provider())
}

pub(super) async fn run(matches: &ArgMatches) -> Result<String, Failed> {
    let config = load(matches)?;
    let now = clock()?.now();
    let http = Http::new()?;
    let mut found = String::new();
    let mut problems = Vec::new();
    for provider in &config.providers {
        let window = Window::new(now, provider.kind.calendar(), 1);
        let outcome = provider.kind.probe(&http, &window).await;
        if outcome.is_err() {
            problems.push(format!("{} cannot be read", provider.name));
        }
        // writing to a String cannot fail
        let _infallible = found.write_str(&tell(provider, &outcome, now));
    }
    if config.providers.is_empty() {
        found.push_str("the file names no providers\n");
    }
    if problems.is_empty() { Ok(found) } else { Err(Failed { found, problems }) }
}

/// What is known of a provider after it was tried.
fn tell(provider: &Provider, outcome: &Result<Option<Snapshot>, FetchError>, now: Timestamp) -> String {
    let facts = provider.kind.facts();
    let mut lines =
        vec![format!("{} ({}): {}", provider.name, facts.type_name, verdict(provider, outcome, now))];
    if outcome.is_err() && !facts.needs.is_empty() {
        lines.push(format!("  it needs {}", facts.needs));
    }
    let every = SignedDuration::try_from(provider.interval).unwrap_or_default();
    let cost = provider.kind.own_cost(provider.interval);
    lines.push(match provider.max_requests_per_month {
        None if cost.is_zero() => format!("  it is asked every {every:#}, for nothing"),
        None => format!("  it is asked every {every:#}, for at most {cost:.2} USD a month"),
        Some(most) => {
            format!("  it is asked every {every:#}, for about {cost:.2} USD a month, with at most {most} paid requests")
        }
    });
    // texts from outside must not move a terminal's cursor
    let harmless = |line: &String| line.chars().filter(|c| !c.is_control()).collect::<String>() + "\n";
    lines.iter().map(harmless).collect()
}

fn verdict(provider: &Provider, outcome: &Result<Option<Snapshot>, FetchError>, now: Timestamp) -> String {
    let snapshot = match outcome {
        Err(error) => return format!("failed: {error}"),
        Ok(None) => return "good as far as can be told without a paid request".to_owned(),
        Ok(Some(snapshot)) => snapshot,
    };
    let pairs: BTreeSet<_> =
        snapshot.charges.iter().map(|charge| (&charge.account, &charge.service, &charge.currency)).collect();
    let series = pairs.len() * SERIES_OF_PAIR + snapshot.quotas.len() * 2 + OWN_SERIES;
    let mut said = format!(
        "good: {} charges of {} days, about {series} series",
        snapshot.charges.len(),
        snapshot.covers.days()
    );
    let today = snapshot.calendar.day_of(now);
    let currencies: BTreeSet<_> = snapshot.charges.iter().map(|charge| &charge.currency).collect();
    for currency in currencies {
        let charges = snapshot.charges.iter().filter(|charge| {
            charge.currency == *currency
                && snapshot.period.contains(charge.day)
                && charge.day <= today
                && (provider.include_tax || charge.category != Category::Tax)
        });
        let total: Money = charges.map(|charge| charge.amount).sum();
        let _infallible =
            write!(said, ", {total:.2} {currency} in this period ({})", snapshot.source.as_str());
    }
    if snapshot.unpriced > 0 {
        let _infallible = write!(said, ", {} things without a price", snapshot.unpriced);
    }
    said
}
