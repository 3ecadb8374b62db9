//! What is known of one provider, as it is shown: under the labels of the page, with who is not shown put together.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::calendar::{Calendar, Day, Period, days_after};
use crate::charge::Category;
use crate::money::Money;
use crate::providers::Provider;
use crate::store::{Line, ReadDays, TokenLine, Told};

/// Days before today that a book holds, besides the previous period: eight weeks and what is not settled yet.
pub const HISTORY_DAYS: i32 = 70;

/// What the store knows of a provider.
#[derive(Clone, Debug)]
pub struct Entries {
    /// What it said beside amounts.
    pub told: Told,
    /// Which days are known.
    pub read: ReadDays,
    /// Amounts, under the labels of the page.
    pub lines: Vec<Line>,
    /// Tokens, under the labels of the page.
    pub tokens: Vec<TokenLine>,
    /// Amounts of this year before all these, each month's on its first day: for budgets of a quarter or a year.
    pub earlier: Vec<Line>,
}

/// A provider's entries at some moment.
#[derive(Clone, Debug)]
pub struct Book {
    /// Its settings: name, labels, whether taxes count.
    pub provider: Arc<Provider>,
    /// What is known.
    pub entries: Arc<Entries>,
    /// The time.
    pub now: Timestamp,
    /// Today, in its calendar.
    pub today: Day,
    /// The billing period that is shown as the running one.
    pub period: Period,
    /// The one before.
    pub previous: Period,
}

impl Entries {
    /// The entries under the labels of the page.
    pub fn new(told: Told, read: ReadDays, lines: Vec<Line>, tokens: Vec<TokenLine>) -> Self {
        Self { told, read, lines: joined(lines), tokens, earlier: Vec::new() }
    }

    /// With what was before, of which the day is of no interest.
    #[must_use]
    pub fn with_earlier(mut self, lines: Vec<Line>) -> Self {
        self.earlier = joined(lines.into_iter().map(monthly).collect());
        self
    }
}

impl Book {
    /// The entries as they are read at some moment.
    pub fn new(provider: Arc<Provider>, entries: Arc<Entries>, now: Timestamp) -> Self {
        let calendar = entries.told.calendar;
        let today = calendar.day_of(now);
        let running = running(&entries.told, today);
        let begins = calendar.start_of(running.start);
        let lag = provider.settles_after;
        let is_new = now.duration_since(begins).unsigned_abs() < lag && now >= begins;
        // a period that has just begun and of which nothing is known is not shown as one that costs nothing
        let known = entries.lines.iter().any(|line| line.days.iter().any(|(day, _)| running.contains(*day)));
        let period = if is_new && !known { calendar.previous(running) } else { running };
        let previous = calendar.previous(period);
        Self { provider, entries, now, today, period, previous }
    }

    /// Its calendar.
    pub fn calendar(&self) -> Calendar {
        self.entries.told.calendar
    }

    /// Its amounts.
    pub fn lines(&self) -> &[Line] {
        &self.entries.lines
    }

    /// The amounts that count in totals: all but taxes, unless the file says otherwise.
    pub fn counted(&self) -> impl Iterator<Item = &Line> {
        let include_tax = self.provider.include_tax;
        self.lines().iter().filter(move |line| include_tax || line.category != Category::Tax)
    }

    /// The last settled day; of a book of the past, not after its own day.
    pub fn last_settled(&self) -> Option<Day> {
        self.entries.read.settled.map(|settled| settled.min(self.today))
    }

    /// The first days of the previous period, as many as the running one has had, today included.
    pub fn previous_to_same_day(&self) -> Period {
        let passed = self.period.elapsed(self.today).saturating_add(1).min(self.period.days());
        self.previous.first_days(passed)
    }

    /// When the page changes next without any news: a day or a period begins, or the new period is shown.
    pub fn next_change(&self) -> Timestamp {
        let calendar = self.calendar();
        let tomorrow = calendar.end_of(self.today);
        let shown = calendar.start_of(self.period.end).checked_add(self.provider.settles_after);
        let shown = shown.unwrap_or(Timestamp::MAX);
        if shown > self.now && self.period.end <= self.today { tomorrow.min(shown) } else { tomorrow }
    }

    /// The days of this year before those that are loaded for a book.
    pub fn earlier_days(told: &Told, now: Timestamp) -> Period {
        let first = told.calendar.day_of(now).first_of_year();
        Period { start: first, end: Self::days(told, now).start.max(first) }
    }

    /// The days that are loaded for a book.
    pub fn days(told: &Told, now: Timestamp) -> Period {
        let today = told.calendar.day_of(now);
        // two periods back: the one before the running one is shown as the running one for a while
        let before = told.calendar.previous(told.calendar.previous(running(told, today)));
        let start = before.start.min(days_after(today, -HISTORY_DAYS));
        Period { start, end: days_after(today, 2) }
    }
}

/// The billing period that runs on a day: as the provider said, or as its calendar goes on from there.
fn running(told: &Told, today: Day) -> Period {
    if told.period.contains(today) { told.period } else { told.calendar.period_of(today) }
}

/// A line with the amounts of each month on its first day.
fn monthly(line: Line) -> Line {
    let mut months: BTreeMap<Day, Money> = BTreeMap::new();
    for (day, amount) in line.days {
        *months.entry(day.first_of_month()).or_default() += amount;
    }
    Line { days: months.into_iter().collect(), ..line }
}

/// Lines of the same labels become one.
pub(crate) fn joined(lines: Vec<Line>) -> Vec<Line> {
    type Key = (Arc<str>, Arc<str>, Category, Arc<str>);
    let mut sums: BTreeMap<Key, Vec<Line>> = BTreeMap::new();
    for line in lines {
        let key = (line.account.clone(), line.service.clone(), line.category, line.currency.clone());
        sums.entry(key).or_default().push(line);
    }
    sums.into_values().filter_map(|same| same.into_iter().reduce(join)).collect()
}

fn join(one: Line, other: Line) -> Line {
    let mut days: BTreeMap<Day, Money> = one.days.into_iter().collect();
    for (day, amount) in other.days {
        *days.entry(day).or_default() += amount;
    }
    Line { days: days.into_iter().collect(), ..one }
}
