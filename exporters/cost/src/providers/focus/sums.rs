//! Millions of rows become sums by day, account, service, kind and currency: memory is for what is told apart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use jiff::Timestamp;

use super::columns::{Column, Row};
use crate::calendar::{Calendar, Day, Period};
use crate::charge::{Category, Charge};
use crate::money::Money;
use crate::providers::sheet::Count;
use crate::providers::sheet::interned::{Name, Names};
use crate::providers::sheet::moments::{Days, moment};

/// Sums of one file; rows of more services than that are put together.
const MAX_GROUPS: usize = 200_000;

/// Commitments of one file whose unused part is told apart, times days.
const MAX_UNUSED: usize = 20_000;

/// Which of a row's amounts counts. Never both: they are the same money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// As on the invoice.
    Billed,
    /// What was paid ahead spread over the time that it is for.
    Effective,
}

/// Which of a row's accounts is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccountBy {
    Id,
    Name,
    None,
}

/// What is read of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) basis: Basis,
    pub(super) account_by: AccountBy,
    pub(super) calendar: Calendar,
    /// Folded names of the only providers whose rows count; none for all.
    pub(super) vendors: Vec<String>,
    /// The days that are wanted.
    pub(super) days: Period,
}

/// What is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    day: Day,
    account: Name,
    service: Name,
    category: Category,
    currency: Name,
}

/// A commitment's part of a day that was paid for and not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unused {
    pub(super) commitment: Arc<str>,
    pub(super) currency: Arc<str>,
    pub(super) day: Day,
    pub(super) amount: Money,
}

/// What a file says of the days that are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) charges: Vec<Charge>,
    pub(super) unused: Vec<Unused>,
    /// The first days of its billing periods.
    pub(super) periods: BTreeSet<Day>,
    /// The last of the days that are wanted of which it says something.
    pub(super) newest: Option<Day>,
    /// Until when it knows what was used.
    pub(super) until: Option<Timestamp>,
    pub(super) count: Count,
}

/// Sums while they grow.
#[derive(Debug)]
pub(super) struct Sums<'a> {
    wanted: &'a Wanted,
    days: Days,
    names: Names,
    groups: HashMap<Key, Money>,
    unused: BTreeMap<(Name, Name, Day), Money>,
    periods: BTreeSet<Day>,
    newest: Option<Day>,
    /// The latest end of a row, as it is written: times of one file are written alike, so that they sort as texts.
    end: Vec<u8>,
    until: Option<Timestamp>,
    pub(super) count: Count,
}

impl Basis {
    /// The column of its amounts.
    pub(super) fn column(self) -> Column {
        match self {
            Self::Billed => Column::Billed,
            Self::Effective => Column::Effective,
        }
    }
}

impl<'a> Sums<'a> {
    pub(super) fn new(wanted: &'a Wanted) -> Self {
        Self {
            wanted,
            days: Days::of(wanted.calendar),
            names: Names::new(),
            groups: HashMap::new(),
            unused: BTreeMap::new(),
            periods: BTreeSet::new(),
            newest: None,
            end: Vec::new(),
            until: None,
            count: Count::default(),
        }
    }

    /// Takes a row, or counts it as one that cannot be used.
    pub(super) fn add(&mut self, row: &Row<'_>) {
        let outcome = self.take(row);
        self.count.add(outcome);
    }

    fn take(&mut self, row: &Row<'_>) -> Result<(), &'static str> {
        let wanted = self.wanted;
        if !wanted.vendors.is_empty() {
            let vendor = row.first(&[Column::ServiceProvider, Column::Provider]);
            let vendor = crate::providers::sheet::folded(vendor);
            if !wanted.vendors.contains(&vendor) {
                return Ok(());
            }
        }
        let amount =
            Money::parse_bytes(row.get(wanted.basis.column())).map_err(|_no| "its cost is no number")?;
        let currency = row.get(Column::Currency);
        if currency.is_empty() || currency.len() > 16 || !currency.iter().all(u8::is_ascii_alphanumeric) {
            return Err("it has no currency");
        }
        let charged = self.days.day(row.get(Column::Start)).ok_or("its ChargePeriodStart is no time")?;
        let period = self.days.day(row.get(Column::Period));
        let period = period.unwrap_or_else(|| charged.first_of_month());
        let is_correction = row.get(Column::Class).eq_ignore_ascii_case(b"correction");
        let category = category(row.get(Column::Category), is_correction, amount);
        // what corrects an invoice that is out is money of the period in which it is billed
        let day = if is_correction { charged.max(period) } else { charged };
        if self.periods.len() < MAX_UNUSED {
            self.periods.insert(period);
        }
        if !wanted.days.contains(day) {
            return Ok(());
        }
        self.newest = self.newest.max(Some(day));
        if category == Category::Usage {
            self.note_end(row.get(Column::End));
        }
        if row.get(Column::Status).eq_ignore_ascii_case(b"unused") {
            self.add_unused(day, row);
        }
        let account = match wanted.account_by {
            AccountBy::Id => row.first(&[Column::SubAccountId, Column::AccountId]),
            AccountBy::Name => row.first(&[
                Column::SubAccountName,
                Column::SubAccountId,
                Column::AccountName,
                Column::AccountId,
            ]),
            AccountBy::None => &[],
        };
        let service = row.get(Column::Service);
        let key = Key {
            day,
            account: self.names.number(account),
            service: if service.is_empty() { Name::OTHER } else { self.names.number(service) },
            category,
            currency: self.names.number(currency),
        };
        self.put(key, amount);
        Ok(())
    }

    fn put(&mut self, key: Key, amount: Money) {
        if let Some(sum) = self.groups.get_mut(&key) {
            *sum += amount;
            return;
        }
        let key = if self.groups.len() < MAX_GROUPS {
            key
        } else {
            Key { account: Name::OTHER, service: Name::OTHER, ..key }
        };
        *self.groups.entry(key).or_default() += amount;
    }

    fn note_end(&mut self, end: &[u8]) {
        if end > self.end.as_slice() {
            self.end.clear();
            self.end.extend_from_slice(end);
        }
    }

    fn add_unused(&mut self, day: Day, row: &Row<'_>) {
        let Ok(amount) = Money::parse_bytes(row.get(Column::Effective)) else { return };
        let commitment = row.first(&[Column::CommitmentName, Column::CommitmentId]);
        let (commitment, currency) =
            (self.names.number(commitment), self.names.number(row.get(Column::Currency)));
        self.put_unused((commitment, currency, day), amount);
    }

    fn put_unused(&mut self, key: (Name, Name, Day), amount: Money) {
        let key = if self.unused.len() < MAX_UNUSED { key } else { (Name::OTHER, key.1, key.2) };
        *self.unused.entry(key).or_default() += amount;
    }

    /// Adds what another file says.
    pub(super) fn absorb(&mut self, part: &Part) {
        for charge in &part.charges {
            if !self.wanted.days.contains(charge.day) {
                continue;
            }
            let key = Key {
                day: charge.day,
                account: self.names.number(charge.account.as_bytes()),
                service: self.names.number(charge.service.as_bytes()),
                category: charge.category,
                currency: self.names.number(charge.currency.as_bytes()),
            };
            self.put(key, charge.amount);
        }
        for unused in &part.unused {
            let commitment = self.names.number(unused.commitment.as_bytes());
            let currency = self.names.number(unused.currency.as_bytes());
            self.put_unused((commitment, currency, unused.day), unused.amount);
        }
        self.periods.extend(&part.periods);
        self.newest = self.newest.max(part.newest);
        self.until = self.until.max(part.until);
        self.count.absorb(&part.count);
    }

    /// All that was summed.
    pub(super) fn finish(self) -> Part {
        let Self { names, .. } = &self;
        let mut charges: Vec<Charge> = Vec::with_capacity(self.groups.len());
        charges.extend(self.groups.iter().filter(|(_, amount)| !amount.is_zero()).map(|(key, amount)| {
            Charge {
                account: names.text(key.account),
                service: names.text(key.service),
                category: key.category,
                day: key.day,
                currency: Arc::from(names.text(key.currency).to_ascii_uppercase()),
                amount: *amount,
            }
        }));
        let unused = self.unused.iter().map(|((commitment, currency, day), amount)| Unused {
            commitment: names.text(*commitment),
            currency: Arc::from(names.text(*currency).to_ascii_uppercase()),
            day: *day,
            amount: *amount,
        });
        Part {
            unused: unused.collect(),
            until: moment(&self.end).max(self.until),
            charges,
            periods: self.periods,
            newest: self.newest,
            count: self.count,
        }
    }
}

/// The kind of a charge. A correction that gives money back is a refund, one that takes more an adjustment; of credits
/// and taxes it stays one.
fn category(word: &[u8], is_correction: bool, amount: Money) -> Category {
    let all = Category::ALL.iter().find(|(known, _)| word.eq_ignore_ascii_case(known.as_bytes()));
    let category = match all {
        Some((_, category)) => *category,
        None if word.is_empty() => Category::Usage,
        None => Category::Adjustment,
    };
    match category {
        Category::Usage | Category::Purchase | Category::Adjustment if is_correction => {
            if amount.is_negative() { Category::Refund } else { Category::Adjustment }
        }
        category => category,
    }
}
