//! What may be spent, what of it is, and when it will all be.

use std::sync::Arc;

use jiff::Timestamp;

use super::Book;
use super::course::{Course, Outlook, courses};
use super::forecast::{band, counts};
use crate::calendar::{Calendar, Day, Period, days_after};
use crate::config::{Budget, BudgetPeriod, Exchange, Match};
use crate::money::Money;
use crate::store::Line;

/// How a budget stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Its name.
    pub name: Arc<str>,
    /// Its currency.
    pub currency: Arc<str>,
    /// Its days, in UTC.
    pub days: Period,
    /// How much may be spent.
    pub limit: Money,
    /// How much is.
    pub spent: Money,
    /// How much will be, with a band; none where too little is known.
    pub forecast: Option<(Money, Money, Money)>,
    /// How much of its time is over.
    pub elapsed: f64,
    /// When it will be used up, or was; none if never within its days.
    pub exhausted: Option<Timestamp>,
    /// Whether everything that counts is known: no provider that was never read or only later, no currency without a rate.
    pub is_complete: bool,
}

impl Standing {
    /// The share that is spent.
    pub fn used(&self) -> Option<f64> {
        self.spent.share_of(self.limit)
    }

    /// The share that will be spent.
    pub fn will_be_used(&self) -> Option<f64> {
        self.forecast.and_then(|(amount, _, _)| amount.share_of(self.limit))
    }

    /// How fast it is spent: 1 is just right, 2 is used up at half time.
    pub fn pace(&self) -> Option<f64> {
        (self.elapsed > 0.0).then(|| self.used().map(|used| used / self.elapsed)).flatten()
    }
}

impl BudgetPeriod {
    /// The days of the budget that a day is in.
    pub fn days(self, day: Day) -> Period {
        let first = day.first_of_month();
        let months_in = match self {
            Self::Month => 0,
            Self::Quarter => (i64::from(first.month()) - 1) % 3,
            Self::Year => i64::from(first.month()) - 1,
        };
        let start = first.saturating_sub(jiff::Span::new().months(months_in));
        let months = match self {
            Self::Month => 1,
            Self::Quarter => 3,
            Self::Year => 12,
        };
        Period { start, end: start.saturating_add(jiff::Span::new().months(months)) }
    }
}

impl Match {
    /// Whether a provider counts.
    pub fn has_provider(&self, name: &str, type_name: &str) -> bool {
        self.provider.is_empty() || self.provider.iter().any(|wanted| wanted == name || wanted == type_name)
    }

    /// Whether a line of such a provider counts.
    fn has_line(&self, line: &Line, counts: bool) -> bool {
        let is_named =
            |wanted: &[String], value: &str| wanted.is_empty() || wanted.iter().any(|one| one == value);
        // who names categories gets these, taxes too
        let category = if self.category.is_empty() { counts } else { self.category.contains(&line.category) };
        category && is_named(&self.account, &line.account) && is_named(&self.service, &line.service)
    }
}

/// How each budget stands. `unread` are the names and types of providers of which nothing is known.
pub fn standings(
    books: &[Book],
    budgets: &[Budget],
    exchange: Option<&Exchange>,
    unread: &[(Arc<str>, &str)],
    now: Timestamp,
) -> Vec<Standing> {
    budgets.iter().map(|budget| standing(books, budget, exchange, unread, now)).collect()
}

fn standing(
    books: &[Book],
    budget: &Budget,
    exchange: Option<&Exchange>,
    unread: &[(Arc<str>, &str)],
    now: Timestamp,
) -> Standing {
    let today = Calendar::Utc.day_of(now);
    let days = budget.period.days(today);
    let convert = |amount: Money, currency: &str| {
        if *currency == *budget.currency {
            return Some(amount);
        }
        exchange.filter(|exchange| exchange.to == budget.currency)?.convert(amount, currency)
    };
    let mut sum = Sum { since_start: true, counted: true, foretold: true, ..Sum::default() };
    sum.counted &= !unread.iter().any(|(name, type_name)| budget.matches.has_provider(name, type_name));
    for book in books.iter().filter(|book| matches(&budget.matches, book)) {
        sum.add(book, &budget.matches, days, &convert);
    }
    let forecast = (sum.counted && sum.foretold).then(|| {
        let (lower, upper) = band(sum.outlook);
        (sum.outlook.sum(), lower, upper)
    });
    let (start, end) = (Calendar::Utc.start_of(days.start), Calendar::Utc.start_of(days.end));
    let length = end.duration_since(start).as_secs_f64();
    let exhausted = sum.exhausted(budget.limit, days, now, forecast.is_some(), &convert);
    Standing {
        name: Arc::clone(&budget.name),
        currency: Arc::clone(&budget.currency),
        days,
        limit: budget.limit,
        spent: sum.spent,
        forecast,
        elapsed: (now.duration_since(start).as_secs_f64() / length).clamp(0.0, 1.0),
        exhausted,
        is_complete: sum.since_start && sum.counted,
    }
}

fn matches(wanted: &Match, book: &Book) -> bool {
    wanted.has_provider(&book.provider.name, book.provider.kind.facts().type_name)
}

/// What counts for a budget.
#[derive(Default)]
struct Sum {
    spent: Money,
    /// What was spent in months that are known only as a whole.
    earlier: Vec<(Day, Money)>,
    outlook: Outlook,
    courses: Vec<Course>,
    /// Whether all is known since the budget's first day.
    since_start: bool,
    /// Whether all that counts was read, and has a rate.
    counted: bool,
    /// Whether all that counts can be foretold.
    foretold: bool,
}

impl Sum {
    fn add(
        &mut self,
        book: &Book,
        wanted: &Match,
        days: Period,
        convert: &impl Fn(Money, &str) -> Option<Money>,
    ) {
        let counts = counts(book);
        for line in book.entries.earlier.iter().filter(|line| wanted.has_line(line, counts(line))) {
            for (day, amount) in line.days.iter().filter(|(day, _)| days.contains(*day)) {
                match convert(*amount, &line.currency) {
                    Some(amount) => {
                        self.spent += amount;
                        self.outlook.known += amount;
                        self.earlier.push((*day, amount));
                    }
                    None => self.counted = false,
                }
            }
        }
        let until_today = Period { end: days_after(book.today, 1), ..days };
        let mut lines = book.lines().iter().filter(|line| wanted.has_line(line, counts(line))).peekable();
        let courses = courses(book, |line| wanted.has_line(line, counts(line)));
        // what was before it was read is missing, and goes on being missing
        self.since_start &= book.entries.read.first.is_some_and(|first| first <= days.start);
        // a provider of which too little is known to say how it goes on
        self.foretold &= lines.peek().is_none() || !courses.is_empty();
        for line in lines {
            match convert(super::month::sum(line, until_today), &line.currency) {
                Some(amount) => self.spent += amount,
                None => self.counted = false,
            }
        }
        for course in courses {
            let outlook = course.over(days);
            let one = convert(Money::units(1), &course.currency).map(Money::to_f64);
            let Some((known, one)) = convert(outlook.known, &course.currency).zip(one) else { continue };
            let expected = outlook.expected * one;
            let variance = outlook.variance * one * one;
            self.outlook = self.outlook.and(Outlook { known, expected, variance });
            self.courses.push(course);
        }
    }

    /// When the sum reaches the limit: within the day that does, as if it were spent evenly.
    fn exhausted(
        &self,
        limit: Money,
        days: Period,
        now: Timestamp,
        foretold: bool,
        convert: &impl Fn(Money, &str) -> Option<Money>,
    ) -> Option<Timestamp> {
        let today = Calendar::Utc.day_of(now);
        let is_over = self.spent >= limit;
        if !is_over && !foretold {
            return None;
        }
        let mut sum = Money::ZERO;
        for day in days.iter() {
            let earlier = self
                .earlier
                .iter()
                .filter(|(first, _)| *first == day)
                .map(|(_, amount)| amount)
                .sum::<Money>();
            let coming = self.courses.iter().filter_map(|course| {
                let amount =
                    if day < today { course.so_far(Period::of_days(day, 1)) } else { course.on(day) };
                convert(amount, &course.currency)
            });
            let more = earlier + coming.sum::<Money>();
            if sum + more >= limit {
                let start = Calendar::Utc.start_of(day);
                let length = Calendar::Utc.end_of(day).duration_since(start).as_secs_f64();
                let seconds = (limit - sum).share_of(more).unwrap_or(0.0).clamp(0.0, 1.0) * length;
                let moment = start.saturating_add(jiff::SignedDuration::from_secs_f64(seconds)).ok()?;
                // what is spent was spent by now, what is not will be later
                return Some(if is_over { moment.min(now) } else { moment.max(now) });
            }
            sum += more;
        }
        is_over.then_some(now)
    }
}
