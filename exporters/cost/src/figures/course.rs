//! How a provider's services go on: fixed charges told apart from what is used, and the days that are not settled yet from
//! those that are.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Book;
use super::pattern::{Expected, Usage, WINDOW};
use crate::calendar::{Calendar, Day, Period, day_after, day_before, days_after, days_between};
use crate::charge::Category;
use crate::money::Money;
use crate::store::Line;

/// Settled days without which nothing is foretold.
const LEAST_DAYS: i32 = 3;

/// Days of a period without which it does not tell whether a charge is fixed.
const TELLING_DAYS: i32 = 5;

/// The share of a period's total on one day from which on it is a fixed charge.
const ON_ONE_DAY: f64 = 0.8;

/// How much more than expected a day that is not settled must have cost already before it counts instead.
const CLEARLY_MORE: f64 = 1.5;

/// What kind of thing a line's charges are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// Something on most days: it goes on.
    Daily,
    /// A fixed charge: it comes again on its day of the period, and is never extrapolated.
    Fixed,
    /// A refund, a correction, a single credit: nobody knows whether it comes again.
    Once,
}

/// A service and how it goes on.
#[derive(Clone, Debug)]
pub(super) struct Course {
    /// The account.
    pub account: Arc<str>,
    /// The currency.
    pub currency: Arc<str>,
    /// What is known of each day, settled or not.
    known: BTreeMap<Day, Money>,
    /// What is used every day, and what of it is known of days that are not settled.
    usage: Option<Usage>,
    unsettled: BTreeMap<Day, Money>,
    fixed: Vec<Fixed>,
    settled: Day,
    today: Day,
    calendar: Calendar,
}

/// A charge that comes again.
#[derive(Clone, Debug)]
struct Fixed {
    /// What it was in the period that is the example: days from its start, amount.
    example: Vec<(i32, Money)>,
    /// The days of which a charge is known.
    seen: Vec<Day>,
}

/// What some days cost, as far as is known and expected.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outlook {
    /// What is known, or certain enough to be counted as it is.
    pub known: Money,
    /// What is expected beside.
    pub expected: f64,
    /// The variance of that.
    pub variance: f64,
}

impl Outlook {
    /// Both together.
    pub fn sum(self) -> Money {
        self.known + Money::estimate(self.expected)
    }

    /// With another one, which has nothing to do with it.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            known: self.known + other.known,
            expected: self.expected + other.expected,
            variance: self.variance + other.variance,
        }
    }
}

/// Account, service, currency.
type Key<'a> = (&'a Arc<str>, &'a Arc<str>, &'a Arc<str>);

/// How each service goes on, by the lines that count for somebody. Nothing where too little is known.
pub(super) fn courses(book: &Book, counts: impl Fn(&Line) -> bool) -> Vec<Course> {
    let (Some(settled), Some(first)) = (book.last_settled(), book.entries.read.first) else {
        return Vec::new();
    };
    if days_between(first, settled) + 1 < LEAST_DAYS {
        return Vec::new();
    }
    let mut services: BTreeMap<Key<'_>, Vec<&Line>> = BTreeMap::new();
    for line in book.lines().iter().filter(|line| counts(line)) {
        services.entry((&line.account, &line.service, &line.currency)).or_default().push(line);
    }
    let course = |((account, _, currency), lines): (Key<'_>, Vec<&Line>)| {
        let mut course = Course {
            account: Arc::clone(account),
            currency: Arc::clone(currency),
            known: BTreeMap::new(),
            usage: None,
            unsettled: BTreeMap::new(),
            fixed: Vec::new(),
            settled,
            today: book.today,
            calendar: book.calendar(),
        };
        course.learn(book, &lines);
        course
    };
    services.into_iter().map(course).collect()
}

/// What kind of thing a line is.
pub(super) fn habit(book: &Book, line: &Line) -> Habit {
    match line.category {
        Category::Refund | Category::Adjustment => return Habit::Once,
        _ => {}
    }
    let settled = book.last_settled().unwrap_or(book.today);
    let first = book.entries.read.first.unwrap_or(settled);
    let known = Period { start: first, end: day_after(settled) };
    // the running period tells where the one before has nothing
    for period in [book.previous, book.period] {
        let days = period.intersection(known);
        let amounts: Vec<f64> = within(line, days).map(|(_, amount)| amount.roughly().abs()).collect();
        let total: f64 = amounts.iter().sum();
        if days.days() < TELLING_DAYS || total == 0.0 {
            continue;
        }
        let largest = amounts.iter().copied().fold(0.0, f64::max);
        let is_rare = amounts.len() * 2 < usize::try_from(days.days()).unwrap_or(0);
        let is_one = largest >= total * ON_ONE_DAY;
        return match line.category {
            Category::Credit if is_one => Habit::Once,
            Category::Purchase | Category::Tax if is_rare || is_one => Habit::Fixed,
            Category::Usage if is_one => Habit::Fixed,
            _ => Habit::Daily,
        };
    }
    match line.category {
        Category::Purchase | Category::Tax => Habit::Fixed,
        _ => Habit::Daily,
    }
}

/// What lines cost together on each of the last weeks' days until this one, oldest first; a day without an amount cost
/// nothing.
pub(super) fn history<'a>(book: &Book, lines: impl Iterator<Item = &'a Line>, last: Day) -> Vec<f64> {
    let Some(first) = book.entries.read.first else { return Vec::new() };
    let window = i32::try_from(WINDOW).unwrap_or(i32::MAX);
    // judging a day needs a few days more than learning, so that a new level is seen where it begins
    let start = first.max(days_after(last, -window - 12));
    let days = Period { start, end: day_after(last) };
    let mut values = vec![Money::ZERO; usize::try_from(days.days()).unwrap_or(0)];
    for (day, amount) in lines.flat_map(|line| within(line, days)) {
        if let Some(value) = usize::try_from(days_between(start, day)).ok().and_then(|at| values.get_mut(at))
        {
            *value += amount;
        }
    }
    values.into_iter().map(Money::roughly).collect()
}

/// A line's amounts of some days.
pub(super) fn within(line: &Line, days: Period) -> impl Iterator<Item = (Day, Money)> {
    let from = line.days.partition_point(|(day, _)| *day < days.start);
    line.days.get(from..).unwrap_or_default().iter().copied().take_while(move |(day, _)| *day < days.end)
}

/// Monday is 0.
pub(super) fn weekday(day: Day) -> usize {
    usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or(0)
}

impl Course {
    fn learn(&mut self, book: &Book, lines: &[&Line]) {
        for (day, amount) in lines.iter().flat_map(|line| &line.days) {
            *self.known.entry(*day).or_default() += *amount;
        }
        let mut daily = Vec::new();
        for line in lines {
            match habit(book, line) {
                Habit::Once => {}
                Habit::Daily => daily.push(*line),
                Habit::Fixed => self.fixed.push(Fixed::of(book, line)),
            }
        }
        let coming = Period { start: day_after(self.settled), end: Day::MAX };
        for (day, amount) in daily.iter().flat_map(|line| within(line, coming)) {
            *self.unsettled.entry(day).or_default() += amount;
        }
        self.usage = Usage::learn(&history(book, daily.into_iter(), self.settled), weekday(self.settled));
    }

    /// What is known of some days, today included.
    pub(super) fn so_far(&self, days: Period) -> Money {
        self.known
            .range(days.start..days.end)
            .filter(|(day, _)| **day <= self.today)
            .map(|(_, amount)| amount)
            .sum()
    }

    /// What a day costs in the end.
    pub(super) fn on(&self, day: Day) -> Money {
        self.over(Period::of_days(day, 1)).sum()
    }

    /// What some days cost in the end.
    pub(super) fn over(&self, days: Period) -> Outlook {
        let known = self.known.range(days.start..days.end).filter(|(day, _)| **day <= self.settled);
        let mut outlook = Outlook { known: known.map(|(_, amount)| amount).sum(), ..Outlook::default() };
        let coming = days.intersection(Period { start: day_after(self.settled), end: Day::MAX });
        let mut open = Vec::new();
        for day in coming.iter() {
            outlook.known += self.due(day);
            let known = self.known.get(&day).copied().unwrap_or_default();
            if self.running(day).is_some() {
                // more than was expected: then it is what it is
                outlook.known += known;
                continue;
            }
            // fixed charges of a day that is not settled are what they are
            let usage = self.unsettled.get(&day).copied().unwrap_or_default();
            outlook.known += known - usage;
            open.push(weekday(day));
        }
        if let Some(usage) = &self.usage {
            let Expected { sum, variance } = usage.over(open.into_iter());
            outlook.expected += sum;
            outlook.variance += variance;
        }
        outlook
    }

    /// What a day that is not settled has cost already, where that is clearly more than was expected of the whole day.
    fn running(&self, day: Day) -> Option<f64> {
        let cost = self.unsettled.get(&day)?.roughly();
        let expected = self.usage.map_or(0.0, |usage| usage.on(weekday(day)));
        (cost > 0.0 && cost > expected * CLEARLY_MORE).then_some(cost)
    }

    /// What fixed charges are due on a day and have not come.
    fn due(&self, day: Day) -> Money {
        if day <= self.settled {
            return Money::ZERO;
        }
        let period = self.calendar.period_of(day);
        self.fixed.iter().map(|fixed| fixed.due(day, period)).sum()
    }
}

impl Fixed {
    fn of(book: &Book, line: &Line) -> Self {
        let before: Vec<_> = within(line, book.previous).collect();
        // a provider that is read since this period has no other example
        let (start, charges) = if before.is_empty() {
            (book.period.start, within(line, book.period).collect())
        } else {
            (book.previous.start, before)
        };
        let example = charges.into_iter().map(|(day, amount)| (days_between(start, day), amount)).collect();
        let seen = within(line, Period { start: day_before(book.period.start), end: Day::MAX });
        Self { example, seen: seen.map(|(day, _)| day).collect() }
    }

    /// What is due on a day of a period.
    fn due(&self, day: Day, period: Period) -> Money {
        let falls_on = |offset: i32| days_after(period.start, offset.min(period.days() - 1));
        let has_come = match self.example.as_slice() {
            // its only charge may have come on another day
            [_] => self.seen.iter().any(|seen| period.contains(*seen)),
            _ => self.seen.contains(&day),
        };
        if has_come {
            return Money::ZERO;
        }
        self.example.iter().filter(|(offset, _)| falls_on(*offset) == day).map(|(_, amount)| amount).sum()
    }
}

/// How many standard deviations the middle 80 % lie around what is expected.
pub(super) const EIGHTY_PERCENT: f64 = 1.2816;
