//! What asking costs: counted before a paid request leaves, and never more of them in a month than allowed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::http::{FetchError, Reason};
use crate::money::Money;
use crate::store::{Paid, Store};

/// Who counts the paid requests of one provider.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    kept: Option<(Store, Arc<str>, Option<u64>)>,
}

impl Ledger {
    /// Counts in the store, for this provider, up to so many requests in a calendar month.
    pub fn of(store: Store, provider: Arc<str>, most: Option<u64>) -> Self {
        Self { kept: Some((store, provider, most)) }
    }

    /// Counts nothing: for tests, and for commands that send no paid request.
    pub fn none() -> Self {
        Self::default()
    }

    /// Notes a paid request that is about to leave.
    ///
    /// # Errors
    /// The month's requests are used up, or they cannot be counted: then none may leave.
    pub(super) async fn pay(&self, price: Money) -> Result<(), FetchError> {
        let Some((store, provider, most)) = &self.kept else { return Ok(()) };
        match store.pay(Arc::clone(provider), price, *most).await {
            Ok(Paid::Counted) => Ok(()),
            Ok(Paid::UsedUp { most }) => {
                let message = format!("all {most} requests of this month are used (max_requests_per_month)");
                Err(FetchError::new(Reason::Capped, message))
            }
            Err(error) => {
                Err(FetchError::new(Reason::Internal, format!("cannot count a paid request: {error}")))
            }
        }
    }

    /// Notes what a request turned out to cost.
    pub(super) async fn add(&self, price: Money) -> Result<(), FetchError> {
        let Some((store, provider, _)) = &self.kept else { return Ok(()) };
        store.add_cost(Arc::clone(provider), price).await.map_err(|error| {
            FetchError::new(Reason::Internal, format!("cannot note what a request cost: {error}"))
        })
    }
}

/// How often each operation of a provider ended how: by status, or by reason where there was none.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    counts: Arc<Mutex<BTreeMap<(&'static str, String), u64>>>,
}

impl Meter {
    pub(super) fn count(&self, operation: &'static str, code: String) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry((operation, code)).or_default() +=
            1;
    }

    /// Operation, code and how often.
    pub fn counts(&self) -> Vec<(&'static str, String, u64)> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|((operation, code), count)| (*operation, code.clone(), *count)).collect()
    }
}
