//! Exact amounts of money.
//!
//! Invariant: no amount ever goes through a float on its way in. Only the page turns it into one, at the very end.

mod amount;
mod parse;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

pub use amount::{Amount, Cents};
pub use parse::MoneyError;

/// Digits after the point that are kept. Prices of single tokens have ten or so; providers send up to twenty.
pub const SCALE: u32 = 24;

/// One unit, e.g. one dollar.
const ONE: i128 = 10_i128.pow(SCALE);

/// Half of the scale: two numbers below it can be multiplied without overflow.
const HALF: u128 = 10_u128.pow(SCALE / 2);

/// Whole units that a float holds exactly.
const EXACT: u128 = 1 << 53;

/// An amount in major units (dollars, euros), positive or negative, exact to 24 digits after the point; up to
/// 170 trillion. Sums stay at that bound rather than wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i128);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Whole units.
    pub fn units(units: i64) -> Self {
        Self(i128::from(units).saturating_mul(ONE))
    }

    /// The amount that a text says: digits, perhaps with sign, point and exponent. Digits after the 24th are rounded,
    /// half to even.
    ///
    /// # Errors
    /// The text is no number, or too large.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        parse::scaled(text.as_bytes(), 0)
    }

    /// The same of a text in a smaller unit: with 2 places, in cents.
    ///
    /// # Errors
    /// The text is no number, or too large.
    pub fn parse_scaled(text: &str, places: u32) -> Result<Self, MoneyError> {
        parse::scaled(text.as_bytes(), places)
    }

    /// As [`Money::parse`], for readers of files that have bytes.
    ///
    /// # Errors
    /// The bytes are no number, or too large.
    pub fn parse_bytes(text: &[u8]) -> Result<Self, MoneyError> {
        parse::scaled(text, 0)
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether it is less than nothing, as credits are.
    pub fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Without its sign.
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// This times `numerator` over `denominator`, rounded half to even at the last digit: a price of a month for some
    /// of its hours. Nothing for a denominator of 0.
    #[must_use]
    pub fn ratio(self, numerator: u64, denominator: u64) -> Self {
        let Some(whole) = self.0.unsigned_abs().checked_div(u128::from(denominator)) else {
            return Self::ZERO;
        };
        let rest = self.0.unsigned_abs() % u128::from(denominator);
        let whole = whole.saturating_mul(u128::from(numerator));
        // each below 2^64, so that the product fits
        let value = sum_half_even(whole, rest * u128::from(numerator), u128::from(denominator));
        Self::signed(value, self.0 < 0)
    }

    /// This times a plain number (gigabytes, hours), which [`Money::parse`] reads as exactly as an amount; rounded half
    /// to even at the last digit.
    #[must_use]
    pub fn times(self, number: Self) -> Self {
        let one = ONE.unsigned_abs();
        let (left, right) = (self.0.unsigned_abs(), number.0.unsigned_abs());
        let (left_whole, left_rest) = (left / one, left % one);
        let (right_whole, right_rest) = (right / one, right % one);
        // the product of the rests has 48 digits: multiplied in halves of 12
        let (a, b) = (left_rest / HALF, left_rest % HALF);
        let (c, d) = (right_rest / HALF, right_rest % HALF);
        let whole = left_whole
            .saturating_mul(right)
            .saturating_add(left_rest.saturating_mul(right_whole))
            .saturating_add(a * c);
        let value = sum_half_even(whole, (a * d + b * c) * HALF + b * d, one);
        Self::signed(value, (self.0 < 0) != (number.0 < 0))
    }

    /// Rounded half to even to so many digits after the point, for people.
    #[must_use]
    pub fn rounded(self, places: u32) -> Self {
        let unit = 10_u128.pow(SCALE.saturating_sub(places));
        let whole = sum_half_even(0, self.0.unsigned_abs(), unit).saturating_mul(unit);
        Self::signed(whole, self.0 < 0)
    }

    /// This over `base`; none when that is nothing or less, of which no share can be told.
    pub fn share_of(self, base: Self) -> Option<f64> {
        (base.0 > 0).then(|| self.to_f64() / base.to_f64())
    }

    /// The nearest amount to a float: for figures that are worked out and were never anybody's bill (forecasts).
    /// Nothing for what is no number.
    #[expect(clippy::cast_possible_truncation, reason = "the cast stops at the bounds")]
    pub fn estimate(value: f64) -> Self {
        let whole = value.trunc();
        // twelve digits after the point are more than a float has
        let rest = ((value - whole) * 1e12).round() as i128;
        Self((whole as i128).saturating_mul(ONE).saturating_add(rest.saturating_mul(ONE / 1_000_000_000_000)))
    }

    /// As the page shows it: the nearest float.
    #[expect(clippy::cast_precision_loss, reason = "that is what the page can show")]
    pub fn to_f64(self) -> f64 {
        let digits = self.0.unsigned_abs();
        let (whole, rest) = (digits / ONE.unsigned_abs(), digits % ONE.unsigned_abs());
        if rest == 0 && whole < EXACT {
            return if self.0 < 0 { -(whole as f64) } else { whole as f64 };
        }
        // the standard library's reader is right to the last bit, which arithmetic with floats is not
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// A float that is the nearest or one beside it, a hundred times faster than [`Money::to_f64`]: for figures that are
    /// worked out from many days.
    #[expect(clippy::cast_precision_loss, reason = "figures are about right")]
    pub(crate) fn roughly(self) -> f64 {
        self.0 as f64 / ONE as f64
    }

    /// How the store keeps it: 16 bytes.
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// From [`Money::to_bytes`].
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(i128::from_be_bytes(bytes))
    }

    fn signed(digits: u128, negative: bool) -> Self {
        let digits = i128::try_from(digits).unwrap_or(i128::MAX);
        Self(if negative { -digits } else { digits })
    }
}

/// `whole` and a quotient, together rounded half to even. The divisor is not 0.
fn sum_half_even(whole: u128, value: u128, divisor: u128) -> u128 {
    let (sum, rest) = (whole.saturating_add(value / divisor), value % divisor);
    let up = match rest.cmp(&(divisor - rest)) {
        Ordering::Less => false,
        Ordering::Equal => sum % 2 == 1,
        Ordering::Greater => true,
    };
    sum.saturating_add(u128::from(up))
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Neg for Money {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

impl<'a> Sum<&'a Self> for Money {
    fn sum<I: Iterator<Item = &'a Self>>(all: I) -> Self {
        all.copied().sum()
    }
}

impl fmt::Display for Money {
    /// All digits there are and no more, e.g. `-0.0125`; with a precision, rounded half to even and filled: `{:.2}`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = formatter.precision().map(|places| places.min(SCALE as usize));
        let shown = match places {
            Some(places) => self.rounded(u32::try_from(places).unwrap_or(SCALE)),
            None => *self,
        };
        let digits = shown.0.unsigned_abs();
        let (whole, rest) = (digits / ONE.unsigned_abs(), digits % ONE.unsigned_abs());
        let rest = format!("{rest:024}");
        let rest = match places {
            Some(places) => rest.get(..places).unwrap_or_default(),
            None => rest.trim_end_matches('0'),
        };
        let point = if rest.is_empty() { "" } else { "." };
        let sign = if shown.0 < 0 { "-" } else { "" };
        write!(formatter, "{sign}{whole}{point}{rest}")
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    /// From a text, as [`Money`] writes itself; what providers send is an [`Amount`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}
