//! Amounts as they stand in a provider's JSON: a number or a text, in dollars or in cents.

use serde::Deserialize;
use serde::de::{self, Deserializer};
use serde_json::value::RawValue;

use super::Money;

/// An amount in JSON, number or text, read from the text that stands there and never through a float. The type says the
/// provider's unit: `Amount` is in dollars, [`Cents`] in hundredths. `null` is read by `Option<Amount>`.
///
/// It needs `serde_json`'s own reader: fields of types with `#[serde(flatten)]`, `untagged` or `tag` cannot hold it, nor
/// can it be made from a `serde_json::Value`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount<const PLACES: u32 = 0>(pub Money);

/// An [`Amount`] in hundredths of the unit.
pub type Cents = Amount<2>;

impl<'de, const PLACES: u32> Deserialize<'de> for Amount<PLACES> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
        Money::parse_scaled(text, PLACES).map(Self).map_err(de::Error::custom)
    }
}

impl<const PLACES: u32> From<Amount<PLACES>> for Money {
    fn from(amount: Amount<PLACES>) -> Self {
        amount.0
    }
}
