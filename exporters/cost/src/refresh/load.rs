//! What the store has of a provider, under the labels of the page.

use std::sync::Arc;

use jiff::Timestamp;

use crate::calendar::Period;
use crate::config::{Budget, BudgetPeriod};
use crate::figures::{Book, Entries};
use crate::providers::Provider;
use crate::shown::Shown;
use crate::store::{Line, Store, StoreError, Told};

/// What the store has of a provider's days; nothing before its first snapshot.
pub(crate) async fn entries(
    store: &Store,
    provider: &Provider,
    budgets: &[Budget],
    told: Option<Told>,
    now: Timestamp,
    more: Option<Period>,
) -> Result<Option<Entries>, StoreError> {
    let Some(told) = told else { return Ok(None) };
    let name = || Arc::clone(&provider.name);
    let usual = Book::days(&told, now);
    // a report may want older days
    let days = more.map_or(usual, |more| Period { start: usual.start.min(more.start), ..usual });
    let shown = store.shown(name()).await?;
    let label = |lines: Vec<Line>| labelled(lines, provider, &shown, budgets);
    let lines = label(store.lines(name(), days).await?);
    let mut tokens = store.tokens(name(), days).await?;
    for line in &mut tokens {
        line.model = shown.model(&line.model);
    }
    let read = store.read_days(name()).await?;
    let mut before = Book::earlier_days(&told, now);
    before.end = before.end.min(days.start);
    let is_long = budgets.iter().any(|budget| budget.period != BudgetPeriod::Month);
    let earlier = if is_long { label(store.lines(name(), before).await?) } else { Vec::new() };
    Ok(Some(Entries::new(told, read, lines, tokens).with_earlier(earlier)))
}

/// Lines under the labels of the page.
pub(crate) fn labelled(
    mut lines: Vec<Line>,
    provider: &Provider,
    shown: &Shown,
    budgets: &[Budget],
) -> Vec<Line> {
    for line in &mut lines {
        let account = provider.account_label(&line.account);
        let service = provider.service_label(&line.service);
        (line.account, line.service) = labels(shown, budgets, &account, &service);
    }
    lines
}

/// The labels of an account and a service. What a budget names is never put together with others, however small it is.
fn labels(shown: &Shown, budgets: &[Budget], account: &Arc<str>, service: &Arc<str>) -> (Arc<str>, Arc<str>) {
    let is_named = |names: &Vec<String>, name: &str| names.iter().any(|one| one == name);
    let named_service = budgets.iter().any(|budget| is_named(&budget.matches.service, service));
    let named_account = budgets.iter().any(|budget| is_named(&budget.matches.account, account));
    let labels = shown.label(account, service);
    let service = if named_service { Arc::clone(service) } else { labels.1 };
    // of a service of many accounts, the account counts
    let account = if named_account || named_service { Arc::clone(account) } else { labels.0 };
    (account, service)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::shown::OTHER;

    #[test]
    fn what_a_budget_names_is_shown() {
        let text = "budgets: [{name: b, limit: 1, match: {service: [small], account: [mine]}}]";
        let document = toolkit::config::Document::parse("c.yml", text).unwrap();
        let budgets = Config::parse(Some(&document)).unwrap().budgets;
        let shown = Shown::default();
        for (account, service, expected) in [
            ("a", "small", ("a", "small")),
            ("a", "other", (OTHER, OTHER)),
            ("mine", "other", ("mine", OTHER)),
        ] {
            let (account, service) = labels(&shown, &budgets, &account.into(), &service.into());
            assert_eq!((&*account, &*service), expected);
        }
    }
}
