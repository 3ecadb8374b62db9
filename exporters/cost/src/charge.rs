//! What a provider says.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::calendar::{Calendar, Day, Period};
use crate::money::Money;
use crate::window::Window;

/// Whether the provider named the amount, or we worked it out from what runs and a price list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Source {
    /// The provider's own amount.
    Reported,
    /// Inventory times price.
    Estimated,
}

/// What kind of charge it is; FOCUS' `ChargeCategory`, refunds and one-off purchases told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// What was used.
    Usage,
    /// Subscriptions, reservations, fees: fixed, not to be extrapolated.
    Purchase,
    /// Credits and discounts: negative.
    Credit,
    /// Money back: negative.
    Refund,
    /// Corrections and rounding.
    Adjustment,
    /// Taxes.
    Tax,
}

/// One amount: of one day, service and category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The provider's own account, project or workspace as the operator may see it; empty where there is but one.
    pub account: Arc<str>,
    /// The provider's service, product or model.
    pub service: Arc<str>,
    /// Its kind.
    pub category: Category,
    /// The day, in the provider's calendar.
    pub day: Day,
    /// ISO 4217, in capitals.
    pub currency: Arc<str>,
    /// The amount.
    pub amount: Money,
}

/// Tokens of one day and model; several of the same key are summed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// The model.
    pub model: Arc<str>,
    /// `input`, `cached_input`, `cache_write`, `output`, …: disjoint kinds.
    pub kind: Arc<str>,
    /// The day.
    pub day: Day,
    /// How many.
    pub count: u64,
}

/// An included amount of something, and how much of it is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quota {
    /// The account.
    pub account: Arc<str>,
    /// What: `bandwidth`, `build_minutes`, `credits`, …
    pub resource: Arc<str>,
    /// Its unit: `bytes`, `minutes`, `credits`, …
    pub unit: Arc<str>,
    /// How much of it is used.
    pub used: f64,
    /// How much there is; `None` when the provider does not say.
    pub limit: Option<f64>,
}

/// Money that was paid ahead and is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// The account.
    pub account: Arc<str>,
    /// Its currency.
    pub currency: Arc<str>,
    /// What is left.
    pub amount: Money,
}

/// The provider's own forecast of the running period's total.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendorForecast {
    /// The account.
    pub account: Arc<str>,
    /// Its currency.
    pub currency: Arc<str>,
    /// The total it expects.
    pub amount: Money,
}

/// Advice with a price on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// A word of a closed list: `unused_commitment`, `suspended_leftover`, `idle_project`, …
    pub kind: Arc<str>,
    /// What it is about.
    pub subject: String,
    /// What it costs in a month, which would be saved.
    pub monthly: Money,
    /// The currency.
    pub currency: Arc<str>,
    /// What was seen, in a sentence.
    pub evidence: String,
}

/// How long something was seen to run on a day, and at which price: what estimates are made of. The store keeps these
/// and hands them back with the next [`Window`]; one that has the same item, service, price and day replaces the older.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The provider's id of it.
    pub item: Arc<str>,
    /// The account.
    pub account: Arc<str>,
    /// The service that it is charged under.
    pub service: Arc<str>,
    /// The currency of its price.
    pub currency: Arc<str>,
    /// What an hour of it costs.
    pub hourly: Money,
    /// What it costs in a billing period at most.
    pub at_most: Option<Money>,
    /// The day.
    pub day: Day,
    /// Seconds of this day.
    pub seconds: u32,
    /// The last moment at which it was seen, in Unix time.
    pub until: i64,
}

/// All that a provider said at one time, whole: it replaces every charge of the days it covers.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Whether the amounts are the provider's own.
    pub source: Source,
    /// The calendar of the days.
    pub calendar: Calendar,
    /// The billing period that runs now.
    pub period: Period,
    /// The days that this snapshot speaks about, the last one not included: a day in it without charges cost nothing.
    pub covers: Period,
    /// The charges; several of the same key are summed.
    pub charges: Vec<Charge>,
    /// Days from this one on may still change; the store's settling rule is applied beside it.
    pub estimated_from: Option<Day>,
    /// Tokens of language models, of the same days.
    pub tokens: Vec<Tokens>,
    /// Included amounts.
    pub quotas: Vec<Quota>,
    /// What is left of what was paid ahead.
    pub balances: Vec<Balance>,
    /// The provider's own forecast of the running period.
    pub forecast: Vec<VendorForecast>,
    /// Things that run and have no known price.
    pub unpriced: u64,
    /// The newest moment that the data speaks of, in Unix time.
    pub data_until: Option<i64>,
    /// What could be saved.
    pub findings: Vec<Finding>,
    /// The day on which the prices were looked up that estimates are made with.
    pub prices_as_of: Option<Day>,
    /// What was seen to run, new or longer than before; of estimates only.
    pub observed: Vec<Observed>,
}

impl Snapshot {
    /// One that speaks about all days of a window and says that they cost nothing; fill in the rest.
    pub fn of(source: Source, window: &Window) -> Self {
        Self {
            source,
            calendar: window.calendar,
            period: window.period(),
            covers: window.days(),
            charges: Vec::new(),
            estimated_from: None,
            tokens: Vec::new(),
            quotas: Vec::new(),
            balances: Vec::new(),
            forecast: Vec::new(),
            unpriced: 0,
            data_until: None,
            findings: Vec::new(),
            prices_as_of: None,
            observed: Vec::new(),
        }
    }
}

impl Source {
    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Estimated => "estimated",
        }
    }
}

impl Category {
    /// All there are, with the words of labels and files.
    pub const ALL: [(&'static str, Self); 6] = [
        ("usage", Self::Usage),
        ("purchase", Self::Purchase),
        ("credit", Self::Credit),
        ("refund", Self::Refund),
        ("adjustment", Self::Adjustment),
        ("tax", Self::Tax),
    ];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, category)| *category == self).map_or("", |(word, _)| word)
    }

    /// By its word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == word).map(|(_, category)| *category)
    }
}
