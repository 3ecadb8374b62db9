//! When providers may be asked, and what asking costs: on the disk before a request leaves.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Store, StoreError};
use crate::money::Money;
use crate::store::read::{count, counted, money};

/// Whether a paid request may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paid {
    /// It is counted: it may.
    Counted,
    /// The month's requests are used up: it may not.
    UsedUp {
        /// How many there are in a month.
        most: u64,
    },
}

/// When a provider may be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// At once, after a restart.
    Now,
    /// Not before this moment, also after a restart.
    At(Timestamp),
}

/// What asking a provider has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Paid requests of this calendar month.
    pub requests: u64,
    /// All of them together, of all months.
    pub total: Money,
}

impl Store {
    /// Counts a paid request that is about to leave, unless this calendar month (UTC) has had `most` of them.
    ///
    /// # Errors
    /// The store fails; then it may not leave.
    pub async fn pay(&self, provider: Arc<str>, price: Money, most: Option<u64>) -> Result<Paid, StoreError> {
        let month = month(self.clock.now());
        self.write(move |connection| {
            let (requests, cost) = paid(connection, &provider, &month)?;
            if let Some(most) = most.filter(|most| requests >= *most) {
                return Ok(Paid::UsedUp { most });
            }
            keep(connection, &provider, &month, requests + 1, cost + price)?;
            Ok(Paid::Counted)
        })
        .await
    }

    /// Notes what requests cost, where that is known only afterwards.
    ///
    /// # Errors
    /// The store fails.
    pub async fn add_cost(&self, provider: Arc<str>, price: Money) -> Result<(), StoreError> {
        let month = month(self.clock.now());
        self.write(move |connection| {
            let (requests, cost) = paid(connection, &provider, &month)?;
            keep(connection, &provider, &month, requests, cost + price)
        })
        .await
    }

    /// What asking a provider has cost.
    ///
    /// # Errors
    /// The store fails.
    pub async fn spent(&self, provider: Arc<str>) -> Result<Spent, StoreError> {
        let month = month(self.clock.now());
        self.read(move |connection| {
            let mut all =
                connection.prepare_cached("SELECT month, requests, cost FROM paid WHERE provider = ?1")?;
            let mut rows = all.query([&*provider])?;
            let mut spent = Spent::default();
            while let Some(row) = rows.next()? {
                spent.total += money(row, 2)?;
                if row.get::<_, String>(0)? == month {
                    spent.requests = count(row, 1)?;
                }
            }
            Ok(spent)
        })
        .await
    }

    /// Notes when a provider may be asked again.
    ///
    /// # Errors
    /// The store fails.
    pub async fn set_due(&self, provider: Arc<str>, due: Due) -> Result<(), StoreError> {
        let due = match due {
            Due::Now => None,
            Due::At(moment) => Some(moment.as_millisecond()),
        };
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO providers (name, due_at) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET due_at = excluded.due_at",
                )?
                .execute(params![&*provider, due])?;
            Ok(())
        })
        .await
    }
}

/// Requests and their cost in a month.
fn paid(connection: &Connection, provider: &str, month: &str) -> Result<(u64, Money), StoreError> {
    let mut one =
        connection.prepare_cached("SELECT requests, cost FROM paid WHERE provider = ?1 AND month = ?2")?;
    let found = one.query_row([provider, month], |row| Ok((count(row, 0)?, money(row, 1)?))).optional()?;
    Ok(found.unwrap_or_default())
}

fn keep(
    connection: &Connection,
    provider: &str,
    month: &str,
    requests: u64,
    cost: Money,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO paid (provider, month, requests, cost) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![provider, month, counted(requests), cost.to_bytes()])?;
    Ok(())
}

/// The calendar month, in UTC.
fn month(now: Timestamp) -> String {
    now.to_zoned(TimeZone::UTC).strftime("%Y-%m").to_string()
}
