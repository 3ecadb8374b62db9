//! How each provider is asked. To add one: its file or folder with an implementation of [`Bill`], and a line in
//! [`Kind`]; the compiler names the rest.

pub mod anthropic;
pub mod aws;
pub mod azure;
pub mod csv;
pub mod digitalocean;
pub mod fixed;
pub mod fly;
pub mod focus;
pub mod gcp;
pub mod hetzner;
pub mod netlify;
pub mod openai;
pub mod railway;
pub mod render;
#[cfg(test)]
pub mod scripted;
pub mod supabase;
pub mod vercel;

mod buckets;
mod estimate;
mod frame;
mod oauth;
mod pages;
mod sheet;
mod tally;

use std::time::Duration;

use toolkit::config::Fields;

use crate::calendar::Calendar;
use crate::charge::{Snapshot, Source};
use crate::http::{FetchError, Http};
use crate::money::Money;
use crate::window::Window;

pub use frame::{Provider, base_url, currency, is_free_label, required_secret};

/// Seconds of a month, on average.
const MONTH: u64 = 2_629_800;

/// A provider: how its settings are read, and how it is asked.
pub trait Bill: Sized + Send + Sync + 'static {
    /// Its word in the configuration.
    const TYPE: &'static str;

    /// Whether its amounts are its own, or worked out by us.
    const SOURCE: Source;

    /// How often it is asked, unless the file says otherwise.
    const INTERVAL: Duration;

    /// How long after a day's end its amounts may still move, unless the file says otherwise.
    const SETTLES_AFTER: Duration;

    /// Paid requests in a month, unless the file says otherwise; none for providers that charge nothing for asking.
    const PAID_REQUESTS: Option<u64> = None;

    /// What it needs, in a sentence for the one who makes the key: which kind, which scopes.
    const NEEDS: &'static str;

    /// Reads its own keys; the common ones are read already. Notes every problem; `None` when it cannot be used.
    fn decode(fields: &mut Fields<'_>) -> Option<Self>;

    /// The calendar of its days, as far as that is known without asking it.
    fn calendar(&self) -> Calendar {
        Calendar::Utc
    }

    /// Asks for the days of a window: all of them, or an error.
    fn fetch(
        &self,
        http: &Http,
        window: &Window,
    ) -> impl Future<Output = Result<Snapshot, FetchError>> + Send;

    /// Tries what it has, for `check`, and sends no paid request: by default it asks as a refresh does. `None` where
    /// nothing can be tried for free.
    fn probe(
        &self,
        http: &Http,
        window: &Window,
    ) -> impl Future<Output = Result<Option<Snapshot>, FetchError>> + Send {
        async { self.fetch(http, window).await.map(Some) }
    }

    /// Whether single requests are paid, so that their number can be capped.
    fn sends_paid_requests(&self) -> bool {
        Self::PAID_REQUESTS.is_some()
    }

    /// What our own requests cost in a month, at most, when it is asked so often.
    fn own_cost(&self, interval: Duration) -> Money {
        let _ = interval;
        Money::ZERO
    }
}

/// What is the same for all providers of a type.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// [`Bill::TYPE`].
    pub type_name: &'static str,
    /// [`Bill::SOURCE`].
    pub source: Source,
    /// [`Bill::INTERVAL`].
    pub interval: Duration,
    /// [`Bill::SETTLES_AFTER`].
    pub settles_after: Duration,
    /// [`Bill::PAID_REQUESTS`].
    pub paid_requests: Option<u64>,
    /// [`Bill::NEEDS`].
    pub needs: &'static str,
}

impl Facts {
    const fn of<B: Bill>() -> Self {
        Self {
            type_name: B::TYPE,
            source: B::SOURCE,
            interval: B::INTERVAL,
            settles_after: B::SETTLES_AFTER,
            paid_requests: B::PAID_REQUESTS,
            needs: B::NEEDS,
        }
    }
}

macro_rules! kinds {
    ($($(#[$only:meta])* $variant:ident($bill:ty),)*) => {
        /// A provider's own settings, by its type.
        #[derive(Clone, Debug)]
        pub enum Kind {
            $($(#[$only])* #[doc = concat!("`", stringify!($bill), "`.")] $variant(Box<$bill>),)*
        }

        /// Reads the settings of a type.
        type Decode = fn(&mut Fields<'_>) -> Option<Kind>;

        /// All types: what is the same for all of them, and how their settings are read.
        pub const TYPES: &[(Facts, Decode)] = &[
            $($(#[$only])* (Facts::of::<$bill>(), |fields| {
                <$bill>::decode(fields).map(|bill| Kind::$variant(Box::new(bill)))
            }),)*
        ];

        impl Kind {
            /// What is the same for all of its type.
            pub fn facts(&self) -> Facts {
                match self {
                    $($(#[$only])* Self::$variant(_) => Facts::of::<$bill>(),)*
                }
            }

            /// See [`Bill::calendar`].
            pub fn calendar(&self) -> Calendar {
                match self {
                    $($(#[$only])* Self::$variant(bill) => bill.calendar(),)*
                }
            }

            /// See [`Bill::fetch`].
            ///
            /// # Errors
            /// It could not be asked, or did not say all.
            pub async fn fetch(&self, http: &Http, window: &Window) -> Result<Snapshot, FetchError> {
                match self {
                    $($(#[$only])* Self::$variant(bill) => Box::pin(bill.fetch(http, window)).await,)*
                }
            }

            /// See [`Bill::probe`].
            ///
            /// # Errors
            /// It could not be asked.
            pub async fn probe(&self, http: &Http, window: &Window) -> Result<Option<Snapshot>, FetchError> {
                match self {
                    $($(#[$only])* Self::$variant(bill) => Box::pin(bill.probe(http, window)).await,)*
                }
            }

            /// See [`Bill::sends_paid_requests`].
            pub fn sends_paid_requests(&self) -> bool {
                match self {
                    $($(#[$only])* Self::$variant(bill) => bill.sends_paid_requests(),)*
                }
            }

            /// See [`Bill::own_cost`].
            pub fn own_cost(&self, interval: Duration) -> Money {
                match self {
                    $($(#[$only])* Self::$variant(bill) => bill.own_cost(interval),)*
                }
            }
        }
    };
}

kinds! {
    OpenAi(openai::OpenAi),
    Anthropic(anthropic::Anthropic),
    Aws(aws::Aws),
    Focus(focus::Focus),
    Azure(azure::Azure),
    Gcp(gcp::Gcp),
    Vercel(vercel::Vercel),
    Railway(railway::Railway),
    DigitalOcean(digitalocean::DigitalOcean),
    Render(render::Render),
    Netlify(netlify::Netlify),
    Supabase(supabase::Supabase),
    Fly(fly::Fly),
    Hetzner(hetzner::Hetzner),
    Fixed(fixed::Fixed),
    Csv(csv::Csv),
    #[cfg(test)]
    Scripted(scripted::Scripted),
}
