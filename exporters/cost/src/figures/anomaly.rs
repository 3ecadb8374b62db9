//! Days that cost unusually much: each service, and each account as a whole.
//!
//! What is used is judged; fixed charges, taxes, credits and corrections are not. The last settled day is judged, and
//! each day after it as far as it is known: a day that has cost too much before it is over does not wait for its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Book;
use super::course::{history, weekday, within};
use super::judge::{Gates, Verdict, judge};
use crate::calendar::{Day, Period, day_after, day_before, days_after, days_between};
use crate::charge::Category;
use crate::money::Money;
use crate::store::Line;

/// A judged day.
#[derive(Clone, Debug, PartialEq)]
pub struct Anomaly {
    /// The account.
    pub account: Arc<str>,
    /// The service; none of the account as a whole.
    pub service: Option<Arc<str>>,
    /// The currency.
    pub currency: Arc<str>,
    /// The day.
    pub day: Day,
    /// What it has cost.
    pub cost: Money,
    /// What is to be thought of it.
    pub verdict: Verdict,
}

/// From which excess on a day may be unusual, by currency.
pub type Floors = BTreeMap<Arc<str>, Money>;

/// The excess of currencies that have none of their own.
const USUAL_FLOOR: f64 = 10.0;

/// Judges the newest day of each service and each account that has been known for long enough.
pub fn anomalies(book: &Book, floors: &Floors) -> Vec<Anomaly> {
    let Some(settled) = book.last_settled() else { return Vec::new() };
    let judged = subjects(book, floors).into_iter().filter_map(|subject| {
        let (day, cost, verdict) = newest(book, &subject.lines, settled, subject.gates)?;
        Some(subject.anomaly(day, cost, verdict))
    });
    judged.collect()
}

/// The unusual days among some settled days, in order.
pub fn unusual(book: &Book, floors: &Floors, days: Period) -> Vec<Anomaly> {
    let Some(settled) = book.last_settled() else { return Vec::new() };
    let days = days.intersection(Period { start: Day::MIN, end: day_after(settled) });
    let mut found = Vec::new();
    for subject in subjects(book, floors) {
        for day in days.iter() {
            let judged = of_day(book, &subject.lines, day, subject.gates);
            if let Some((cost, verdict)) = judged.filter(|(_, verdict)| verdict.active) {
                found.push(subject.anomaly(day, cost, verdict));
            }
        }
    }
    found.sort_by(|a, b| (a.day, &a.account, &a.service).cmp(&(b.day, &b.account, &b.service)));
    found
}

/// Somebody whose days are judged.
struct Subject<'a> {
    account: &'a Arc<str>,
    service: Option<&'a Arc<str>>,
    currency: &'a Arc<str>,
    lines: Vec<&'a Line>,
    gates: Gates,
}

impl Subject<'_> {
    fn anomaly(&self, day: Day, cost: Money, verdict: Verdict) -> Anomaly {
        let (account, currency) = (Arc::clone(self.account), Arc::clone(self.currency));
        Anomaly { account, service: self.service.map(Arc::clone), currency, day, cost, verdict }
    }
}

/// Whether it is an account as a whole; account, currency, service.
type Key<'a> = (bool, &'a Arc<str>, &'a Arc<str>, Option<&'a Arc<str>>);

/// Each service, and each account as a whole.
fn subjects<'a>(book: &'a Book, floors: &Floors) -> Vec<Subject<'a>> {
    let used = book.lines().iter().filter(|line| line.category == Category::Usage);
    let mut subjects: BTreeMap<Key<'_>, Vec<&Line>> = BTreeMap::new();
    for line in used {
        for service in [Some(&line.service), None] {
            let key = (service.is_none(), &line.account, &line.currency, service);
            subjects.entry(key).or_default().push(line);
        }
    }
    let subject = |((_, account, currency, service), lines): (Key<'a>, Vec<&'a Line>)| {
        let floor = floor(floors, currency);
        let gates = if service.is_some() { Gates::of_service(floor) } else { Gates::of_total(floor) };
        Subject { account, service, currency, lines, gates }
    };
    subjects.into_iter().map(subject).collect()
}

fn floor(floors: &Floors, currency: &str) -> f64 {
    floors.get(currency).map_or(USUAL_FLOOR, |floor| floor.to_f64())
}

/// The newest unusual day that is not settled, or else the last settled day.
fn newest(book: &Book, lines: &[&Line], settled: Day, gates: Gates) -> Option<(Day, Money, Verdict)> {
    let values = history(book, lines.iter().copied(), settled);
    let coming = Period { start: day_after(settled), end: day_after(book.today) };
    let unusual = coming.iter().filter_map(|day| {
        let cost = cost(lines, day);
        if cost.is_zero() {
            return None;
        }
        let verdict = judge(&values, weekday(settled), cost.to_f64(), weekday(day), gates)?;
        (verdict.active && !comes_monthly(book, lines, day, cost)).then_some((day, cost, verdict))
    });
    unusual.last().or_else(|| {
        let (cost, verdict) = of_day(book, lines, settled, gates)?;
        Some((settled, cost, verdict))
    })
}

/// Judges a settled day by the days before it.
fn of_day(book: &Book, lines: &[&Line], day: Day, gates: Gates) -> Option<(Money, Verdict)> {
    let before = history(book, lines.iter().copied(), day_before(day));
    let cost = cost(lines, day);
    let mut verdict = judge(&before, weekday(day_before(day)), cost.to_f64(), weekday(day), gates)?;
    verdict.active &= !comes_monthly(book, lines, day, cost);
    Some((cost, verdict))
}

fn cost(lines: &[&Line], day: Day) -> Money {
    lines.iter().flat_map(|line| within(line, Period::of_days(day, 1))).map(|(_, amount)| amount).sum()
}

/// Whether about as much came on this day of the period before, a day more or less.
fn comes_monthly(book: &Book, lines: &[&Line], day: Day, cost: Money) -> bool {
    let period = book.calendar().period_of(day);
    let before = book.calendar().previous(period);
    let same = days_after(before.start, days_between(period.start, day).min(before.days() - 1));
    [-1, 0, 1].into_iter().any(|shift| {
        let day = days_after(same, shift);
        day < period.start && self::cost(lines, day).to_f64() * 1.5 >= cost.to_f64()
    })
}
