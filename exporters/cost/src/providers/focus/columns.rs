//! The columns of FOCUS 1.0 to 1.4 that are read, wherever they stand.

use std::array;

use crate::http::FetchError;
use crate::providers::sheet::{folded, value};

/// A column that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Billed,
    Effective,
    Currency,
    Start,
    End,
    /// Where the billing period starts.
    Period,
    Category,
    Class,
    Service,
    SubAccountId,
    SubAccountName,
    AccountId,
    AccountName,
    Status,
    CommitmentId,
    CommitmentName,
    Provider,
    ServiceProvider,
}

/// How many there are.
pub(super) const COUNT: usize = 18;

/// Their names in files, in the order of the columns.
const NAMES: [(Column, &str); COUNT] = [
    (Column::Billed, "BilledCost"),
    (Column::Effective, "EffectiveCost"),
    (Column::Currency, "BillingCurrency"),
    (Column::Start, "ChargePeriodStart"),
    (Column::End, "ChargePeriodEnd"),
    (Column::Period, "BillingPeriodStart"),
    (Column::Category, "ChargeCategory"),
    (Column::Class, "ChargeClass"),
    (Column::Service, "ServiceName"),
    (Column::SubAccountId, "SubAccountId"),
    (Column::SubAccountName, "SubAccountName"),
    (Column::AccountId, "BillingAccountId"),
    (Column::AccountName, "BillingAccountName"),
    (Column::Status, "CommitmentDiscountStatus"),
    (Column::CommitmentId, "CommitmentDiscountId"),
    (Column::CommitmentName, "CommitmentDiscountName"),
    (Column::Provider, "ProviderName"),
    // since 1.3 this stands for the one above, which 1.4 has no more
    (Column::ServiceProvider, "ServiceProviderName"),
];

impl Column {
    /// All of them, in their order.
    #[cfg(feature = "parquet")]
    pub(super) fn all() -> [Self; COUNT] {
        NAMES.map(|(column, _name)| column)
    }

    /// Its name in files.
    pub(super) fn name(self) -> &'static str {
        NAMES.get(self as usize).map_or("", |(_, name)| name)
    }
}

/// A row's values, by column; a value that is none is empty.
pub(super) struct Row<'a>([&'a [u8]; COUNT]);

impl<'a> Row<'a> {
    /// A row of what a file says in each column.
    pub(super) fn of(mut get: impl FnMut(Column) -> &'a [u8]) -> Self {
        Self(array::from_fn(|at| NAMES.get(at).map_or(&[][..], |(column, _)| value(get(*column)))))
    }

    /// A value.
    pub(super) fn get(&self, column: Column) -> &'a [u8] {
        self.0.get(column as usize).copied().unwrap_or_default()
    }

    /// The first of some values that there is.
    pub(super) fn first(&self, columns: &[Column]) -> &'a [u8] {
        let mut values = columns.iter().map(|column| self.get(*column));
        values.find(|value| !value.is_empty()).unwrap_or_default()
    }
}

/// Where columns stand in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns([Option<usize>; COUNT]);

impl Columns {
    /// Finds the columns in a header; of several with one name the first is read. Letters may be large or small.
    pub(super) fn of<'a>(header: impl Iterator<Item = &'a [u8]>, amount: Column) -> Result<Self, FetchError> {
        let header: Vec<String> = header.map(folded).collect();
        let find = |name: &str| header.iter().position(|found| *found == folded(name.as_bytes()));
        let places = NAMES.map(|(_, name)| find(name));
        let columns = Self(places);
        let mut lacking = [amount, Column::Currency, Column::Start].into_iter();
        match lacking.find(|column| columns.place(*column).is_none()) {
            Some(column) => Err(FetchError::malformed(format!("it has no column {}", column.name()))),
            None => Ok(columns),
        }
    }

    /// Where a column stands.
    pub(super) fn place(&self, column: Column) -> Option<usize> {
        self.0.get(column as usize).copied().flatten()
    }

    /// All places.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        self.0.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(header: &str) -> Result<Columns, FetchError> {
        Columns::of(header.split(',').map(str::as_bytes), Column::Billed)
    }

    #[test]
    fn wherever_they_stand() {
        for (at, (column, name)) in NAMES.iter().enumerate() {
            assert_eq!((*column as usize, column.name()), (at, *name));
        }
        let found =
            columns("x_Own,billing_currency,BILLEDCOST,BilledCost,ChargePeriodStart,EffectiveCost").unwrap();
        let places = [Column::Currency, Column::Billed, Column::Start, Column::Effective, Column::Service];
        assert_eq!(places.map(|column| found.place(column)), [Some(1), Some(2), Some(4), Some(5), None]);
        let error = columns("EffectiveCost,ChargePeriodStart,BillingCurrency").unwrap_err();
        assert_eq!(error.message, "it has no column BilledCost");
        assert!(columns("").is_err());
    }
}
