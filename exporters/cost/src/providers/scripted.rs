//! A provider for tests: asks a double for a list of charges, page by page, perhaps for money.

use std::time::Duration;

use serde::Deserialize;
use toolkit::config::{Fields, SecretSource};

use super::{Bill, base_url, required_secret};
use crate::calendar::{Calendar, Day};
use crate::charge::{Category, Charge, Snapshot, Source, Tokens};
use crate::http::{BaseUrl, FetchError, Http, Reason};
use crate::money::{Amount, Money};
use crate::window::Window;

/// Pages of one answer.
const MAX_PAGES: usize = 10;

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scripted {
    base: BaseUrl,
    key: SecretSource,
    calendar: Calendar,
    paid: bool,
}

#[derive(Debug, Deserialize)]
struct Page {
    charges: Vec<Row>,
    #[serde(default)]
    tokens: Vec<(Day, String, u64)>,
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Row {
    day: Day,
    service: String,
    #[serde(default)]
    account: String,
    #[serde(default)]
    category: Option<String>,
    #[serde(default)]
    currency: Option<String>,
    amount: Amount,
}

impl Bill for Scripted {
    const TYPE: &'static str = "scripted";
    const SOURCE: Source = Source::Reported;
    const INTERVAL: Duration = Duration::from_hours(1);
    const SETTLES_AFTER: Duration = Duration::from_hours(6);
    const NEEDS: &'static str = "a key of the test";

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let base = base_url(fields, "http://127.0.0.1:1");
        let key = required_secret(fields, "api_key");
        let pacific = fields.bool("pacific").unwrap_or(false);
        let calendar = if pacific { Calendar::Pacific } else { Calendar::Utc };
        let paid = fields.bool("paid").unwrap_or(false);
        Some(Self { base: base?, key: key?, calendar, paid })
    }

    fn calendar(&self) -> Calendar {
        self.calendar
    }

    async fn fetch(&self, http: &Http, window: &Window) -> Result<Snapshot, FetchError> {
        let key = self.key.read().await?;
        let mut snapshot = Snapshot::of(Source::Reported, window);
        let mut next = Some(String::new());
        for _ in 0..MAX_PAGES {
            let Some(page) = next else { return Ok(snapshot) };
            let request = http.get("charges", &self.base.at("/charges")).bearer(&key).query("page", &page);
            let request = if self.paid { request.paid(Money::units(1).ratio(1, 100)) } else { request };
            let answer: Page = request.fetch().await?;
            snapshot.charges.extend(answer.charges.into_iter().map(Row::charge));
            snapshot.tokens.extend(answer.tokens.into_iter().map(|(day, model, count)| Tokens {
                model: model.into(),
                kind: "input".into(),
                day,
                count,
            }));
            next = answer.next;
        }
        Err(FetchError::new(Reason::Paging, "pages without end"))
    }

    fn sends_paid_requests(&self) -> bool {
        self.paid
    }

    async fn probe(&self, http: &Http, window: &Window) -> Result<Option<Snapshot>, FetchError> {
        if self.paid { Ok(None) } else { self.fetch(http, window).await.map(Some) }
    }
}

impl Row {
    fn charge(self) -> Charge {
        Charge {
            account: self.account.into(),
            service: self.service.into(),
            category: self.category.and_then(|word| Category::from_word(&word)).unwrap_or(Category::Usage),
            day: self.day,
            currency: self.currency.unwrap_or_else(|| "USD".to_owned()).into(),
            amount: self.amount.0,
        }
    }
}
