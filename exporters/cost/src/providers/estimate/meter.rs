//! The meter: what was seen to run, joined to what was seen before, and what it comes to by day.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::Rate;
use crate::calendar::{Day, Period};
use crate::charge::{Category, Charge, Observed, Snapshot, Source};
use crate::money::Money;
use crate::providers::tally::Tally;
use crate::window::Window;

/// Services whose names begin so are what an included credit pays for.
pub(crate) const COMPUTE: &str = "compute/";

/// Items that are paid once in a period, on its first day.
const FEE: &str = "fee/";

/// Items that are counted and not timed.
const USED: &str = "used/";

/// Items that are a credit.
const CREDIT: &str = "credit/";

/// One of what is counted is kept as an hour of its price.
const HOUR: u32 = 3_600;

/// Digits after the point of what is billed by time. Shares of a month are rounded where they are summed, so that all
/// days of a month make its price to the last digit.
const DIGITS: u32 = 12;

/// Things of one provider that are metered; more of them are counted as unpriced. Each is a row a day in the store.
const MAX_ITEMS: usize = 10_000;

/// What is billed of a broken hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// Its seconds.
    Seconds,
    /// All of it.
    StartedHours,
}

/// Something that is there now.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// Its kind and the provider's id: `disk/dsk-1`.
    pub(crate) item: String,
    /// Whose it is.
    pub(crate) account: Arc<str>,
    /// What it is charged under.
    pub(crate) service: String,
    /// What it costs: nothing while it is suspended; none when nobody knows.
    pub(crate) rate: Option<Rate>,
    /// When it was made: it is taken to have run since, in this period, when it was never seen before.
    pub(crate) since: Option<Timestamp>,
}

/// Item, service, price of an hour, currency, day: as the store keeps rows.
type Key = (Arc<str>, Arc<str>, Money, Arc<str>, Day);

/// What makes one bill: item, service, account, price of an hour, limit of a period, currency, and the period's start.
type Bill = (Arc<str>, Arc<str>, Arc<str>, Money, Option<Money>, Arc<str>, Day);

/// Takes what is there now, and what was seen before.
#[derive(Debug)]
pub(crate) struct Meter<'a> {
    window: &'a Window,
    currency: Arc<str>,
    rounding: Rounding,
    rows: BTreeMap<Key, Observed>,
    /// The last moment at which each item was seen.
    last: HashMap<Arc<str>, i64>,
    changed: HashSet<Key>,
    /// A list that moves while it is read shows something twice.
    seen: HashSet<String>,
    unpriced: u64,
}

impl<'a> Meter<'a> {
    /// Begins with what was seen before.
    pub(crate) fn new(window: &'a Window, currency: &Arc<str>, rounding: Rounding) -> Self {
        let mut last: HashMap<Arc<str>, i64> = HashMap::new();
        for row in window.observed.iter() {
            let until = last.entry(Arc::clone(&row.item)).or_insert(row.until);
            *until = row.until.max(*until);
        }
        let rows = window.observed.iter().map(|row| (key(row), row.clone())).collect();
        let (changed, seen, currency) = (HashSet::new(), HashSet::new(), Arc::clone(currency));
        Self { window, currency, rounding, rows, last, changed, seen, unpriced: 0 }
    }

    /// It runs now: the time since it was seen last counts, at the price that it has now.
    pub(crate) fn runs(&mut self, running: Running) {
        if !self.seen.insert(running.item.clone()) {
            return;
        }
        let Some(rate) = running.rate.filter(|_| self.seen.len() <= MAX_ITEMS) else {
            self.unpriced += 1;
            return;
        };
        let calendar = self.window.calendar;
        let item: Arc<str> = running.item.into();
        let service: Arc<str> = running.service.into();
        let (now, began) = (self.window.now.as_second(), calendar.start_of(self.window.period().start));
        let made = running.since.map_or(now, |since| since.max(began).as_second());
        let mut from = self.last.get(&item).copied().unwrap_or(made).min(now);
        loop {
            let day = calendar.day_of(Timestamp::from_second(from).unwrap_or(self.window.now));
            let end = calendar.end_of(day).as_second().min(now);
            let (hourly, at_most) = rate.on(calendar.period_of(day));
            let row = Observed {
                item: Arc::clone(&item),
                account: Arc::clone(&running.account),
                service: Arc::clone(&service),
                currency: Arc::clone(&self.currency),
                hourly,
                at_most,
                day,
                seconds: u32::try_from(end - from).unwrap_or_default(),
                until: end,
            };
            self.add(row);
            if end >= now {
                break;
            }
            from = end;
        }
    }

    /// It is paid in this period, whole and on the period's first day: a plan, seats.
    pub(crate) fn pays(&mut self, item: &str, account: &Arc<str>, service: &str, amount: Option<Money>) {
        self.once(&format!("{FEE}{item}"), account, service, amount);
    }

    /// So much of what computes cost is included in this period.
    pub(crate) fn includes(&mut self, item: &str, account: &Arc<str>, amount: Money) {
        self.once(&format!("{CREDIT}{item}"), account, "compute credit", Some(amount));
    }

    /// So many were used in this period so far: those that are new count today.
    pub(crate) fn uses(
        &mut self,
        item: &str,
        account: &Arc<str>,
        service: &str,
        (count, each): (u64, Option<Money>),
    ) {
        let item = format!("{USED}{item}");
        if count == 0 || !self.seen.insert(item.clone()) {
            return;
        }
        let Some(each) = each else {
            self.unpriced += 1;
            return;
        };
        let period = self.window.period();
        let rows = self.rows.values().filter(|row| *row.item == *item && period.contains(row.day));
        let before: u64 = rows.map(|row| u64::from(row.seconds / HOUR)).sum();
        let new = u32::try_from(count.saturating_sub(before)).unwrap_or(u32::MAX).min(u32::MAX / HOUR);
        if new > 0 {
            self.add(self.whole(&item, account, service, (self.window.today(), each, new)));
        }
    }

    /// What all of it comes to.
    pub(crate) fn finish(self) -> Snapshot {
        let first = self.rows.values().map(|row| row.day).min();
        let began = self.window.period().start;
        // of days before the first row nothing is known; within this period nothing ran on them
        let start = first.map_or(began, |first| first.min(began)).max(self.window.first);
        let covers = Period { start, ..self.window.days() };
        let charges = self.charges(covers);
        let observed = self.changed.iter().filter_map(|key| self.rows.get(key).cloned()).collect();
        Snapshot {
            covers,
            charges,
            observed,
            unpriced: self.unpriced,
            estimated_from: Some(self.window.today()),
            data_until: Some(self.window.now.as_second()),
            ..Snapshot::of(Source::Estimated, self.window)
        }
    }

    fn once(&mut self, item: &str, account: &Arc<str>, service: &str, amount: Option<Money>) {
        if !self.seen.insert(item.to_owned()) {
            return;
        }
        let Some(amount) = amount else {
            self.unpriced += 1;
            return;
        };
        if amount.is_zero() {
            return;
        }
        let row = self.whole(item, account, service, (self.window.period().start, amount, 1));
        if self.rows.get(&key(&row)).is_none_or(|known| known.seconds < HOUR) {
            self.add(row);
        }
    }

    /// A row of so many that cost so much each.
    fn whole(
        &self,
        item: &str,
        account: &Arc<str>,
        service: &str,
        (day, each, count): (Day, Money, u32),
    ) -> Observed {
        Observed {
            item: item.into(),
            account: Arc::clone(account),
            service: service.into(),
            currency: Arc::clone(&self.currency),
            hourly: each,
            at_most: None,
            day,
            seconds: count.saturating_mul(HOUR),
            until: self.window.now.as_second(),
        }
    }

    fn add(&mut self, row: Observed) {
        let key = key(&row);
        self.changed.insert(key.clone());
        let Observed { seconds, until, at_most, .. } = row;
        let known = self.rows.entry(key).or_insert(Observed { seconds: 0, ..row });
        known.seconds = known.seconds.saturating_add(seconds);
        known.until = known.until.max(until);
        known.at_most = at_most;
    }

    fn charges(&self, covers: Period) -> Vec<Charge> {
        let calendar = self.window.calendar;
        let mut bills: BTreeMap<Bill, BTreeMap<Day, u64>> = BTreeMap::new();
        let mut once: BTreeMap<(&Arc<str>, Day), &Observed> = BTreeMap::new();
        for row in self.rows.values().filter(|row| covers.contains(row.day)) {
            if row.item.starts_with(FEE) || row.item.starts_with(CREDIT) {
                // whoever changes plan in a period has paid the larger one
                let kept = once.entry((&row.item, row.day)).or_insert(row);
                if row.hourly > kept.hourly {
                    *kept = row;
                }
                continue;
            }
            let bill: Bill = (
                Arc::clone(&row.item),
                Arc::clone(&row.service),
                Arc::clone(&row.account),
                row.hourly,
                row.at_most,
                Arc::clone(&row.currency),
                calendar.period_of(row.day).start,
            );
            *bills.entry(bill).or_default().entry(row.day).or_default() += u64::from(row.seconds);
        }
        let mut tally = Tally::default();
        for ((_, service, account, hourly, at_most, currency, _), days) in bills {
            let (mut seconds, mut billed) = (0, Money::ZERO);
            for (day, more) in days {
                seconds += more;
                let total = self.rounding.amount(hourly, seconds);
                let total = at_most.map_or(total, |most| total.min(most));
                let amount = total - billed;
                billed = total;
                let (account, service, currency) = (account.clone(), service.clone(), currency.clone());
                tally.add(Charge { account, service, category: Category::Usage, day, currency, amount });
            }
        }
        let (credits, fees): (Vec<_>, Vec<_>) =
            once.into_values().partition(|row| row.item.starts_with(CREDIT));
        let compute = tally.clone().into_charges();
        for credit in credits {
            let period = calendar.period_of(credit.day);
            tally.extend(credited(credit, period, &compute));
        }
        tally.extend(fees.into_iter().map(|fee| charge(fee, fee.day, Category::Purchase, fee.hourly)));
        tally.into_charges()
    }
}

impl Rate {
    /// The price of an hour of a period, and what the period costs at most.
    fn on(self, period: Period) -> (Money, Option<Money>) {
        match self {
            Self::Month(amount) | Self::Each(amount) if amount.is_zero() => (Money::ZERO, None),
            Self::Month(amount) | Self::Each(amount) => {
                let days = u64::try_from(period.days()).unwrap_or(0);
                (amount.ratio(1, days * 24), Some(amount))
            }
            Self::Hour(amount, at_most) => (amount, at_most),
        }
    }
}

impl Rounding {
    fn amount(self, hourly: Money, seconds: u64) -> Money {
        let hour = u64::from(HOUR);
        match self {
            Self::Seconds => hourly.ratio(seconds, hour).rounded(DIGITS),
            Self::StartedHours => hourly.ratio(seconds.div_ceil(hour), 1).rounded(DIGITS),
        }
    }
}

/// What a credit takes off the computes of its account, day by day until it is used up.
fn credited<'a>(
    credit: &'a Observed,
    period: Period,
    charges: &'a [Charge],
) -> impl Iterator<Item = Charge> + 'a {
    let mut left = credit.hourly;
    let of = charges.iter().filter(move |charge| {
        charge.account == credit.account
            && charge.currency == credit.currency
            && charge.service.starts_with(COMPUTE)
            && period.contains(charge.day)
    });
    // charges come by day
    of.map(move |of| {
        let amount = of.amount.min(left);
        left -= amount;
        charge(credit, of.day, Category::Credit, -amount)
    })
}

fn charge(row: &Observed, day: Day, category: Category, amount: Money) -> Charge {
    let (account, service) = (Arc::clone(&row.account), Arc::clone(&row.service));
    Charge { account, service, category, day, currency: Arc::clone(&row.currency), amount }
}

fn key(row: &Observed) -> Key {
    let (item, service, currency) =
        (Arc::clone(&row.item), Arc::clone(&row.service), Arc::clone(&row.currency));
    (item, service, row.hourly, currency, row.day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::calendar::Calendar;

    /// Looks at these seconds after the beginning of February; the sums of its days.
    fn looked_at(moments: &[i64], rounding: Rounding, rate: Rate) -> BTreeMap<Day, Money> {
        let began: Timestamp = "2026-02-01T00:00:00Z".parse().unwrap();
        let mut kept: BTreeMap<Key, Observed> = BTreeMap::new();
        let mut sums = BTreeMap::new();
        for moment in moments {
            let now = began + jiff::SignedDuration::from_secs(*moment);
            let mut window = Window::new(now, Calendar::Utc, 1);
            window.observed = kept.values().cloned().collect();
            let mut meter = Meter::new(&window, &"USD".into(), rounding);
            // a list that moved while it was read has it twice
            for _ in 0..2 {
                meter.runs(Running {
                    item: "it/1".to_owned(),
                    account: Arc::default(),
                    service: "it".to_owned(),
                    rate: Some(rate),
                    since: Some(began),
                });
            }
            let snapshot = meter.finish();
            kept.extend(snapshot.observed.into_iter().map(|row| (key(&row), row)));
            sums = snapshot.charges.into_iter().map(|charge| (charge.day, charge.amount)).collect();
        }
        sums
    }

    proptest! {
        /// However often and whenever one looked, each day costs the same in the end.
        #[test]
        fn what_it_costs_does_not_depend_on_when_one_looks(
            mut moments in prop::collection::vec(0..5_000_000_i64, 1..40),
            cents in 1..100_000_i64,
            hours in any::<bool>(),
        ) {
            let price = Money::units(cents).ratio(1, 100);
            let (rounding, rate) = if hours {
                (Rounding::StartedHours, Rate::Hour(price, Some(price.times(Money::units(500)))))
            } else {
                (Rounding::Seconds, Rate::Month(price))
            };
            moments.sort_unstable();
            // the first look is in the first month, since of a month before nothing is known
            moments.insert(0, 7);
            let last = [7, *moments.last().unwrap()];
            prop_assert_eq!(looked_at(&moments, rounding, rate), looked_at(&last, rounding, rate));
        }
    }

    #[test]
    fn a_month_that_is_over_costs_its_price() {
        let price = Money::units(7);
        let february = 28 * 86_400;
        for moments in
            [vec![0, february], vec![1, 86_399, 86_400, february + 1], vec![february / 3, february]]
        {
            let days = looked_at(&moments, Rounding::Seconds, Rate::Month(price));
            let days = days.into_iter().filter(|(day, _)| day.month() == 2);
            assert_eq!(days.map(|(_, amount)| amount).sum::<Money>(), price, "{moments:?}");
        }
    }

    #[test]
    fn a_clock_that_goes_back_takes_nothing_back() {
        let rate = Rate::Hour(Money::units(1), None);
        let forth = looked_at(&[3_600, 86_400], Rounding::Seconds, rate);
        assert_eq!(looked_at(&[3_600, 86_400, 86_000, 86_400], Rounding::Seconds, rate), forth);
    }
}
