//! Reading an amount from its text: digit by digit, without a float and without an allocation.

use std::cmp::Ordering;

use super::{Money, SCALE};

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// It is no decimal number.
    #[error("this is no decimal number")]
    NotANumber,
    /// It is beyond 170 trillion.
    #[error("the amount is too large")]
    TooLarge,
}

/// What a text says, in units of which `10^places` make one.
pub(super) fn scaled(text: &[u8], places: u32) -> Result<Money, MoneyError> {
    let text = text.trim_ascii();
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => {
            let (mantissa, exponent) = text.split_at(at);
            (mantissa, read_exponent(exponent.get(1..).unwrap_or_default())?)
        }
        None => (text, 0),
    };
    let (whole, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
        Some(at) => (mantissa.get(..at).unwrap_or_default(), mantissa.get(at + 1..).unwrap_or_default()),
        None => (mantissa, [].as_slice()),
    };
    let digits = || whole.iter().chain(fraction);
    if whole.is_empty() && fraction.is_empty() || !digits().all(u8::is_ascii_digit) {
        return Err(MoneyError::NotANumber);
    }
    // how many of the digits stand before the last one that is kept; the rest is rounded
    let kept = i64::try_from(whole.len())
        .unwrap_or(i64::MAX)
        .saturating_add(exponent)
        .saturating_add(i64::from(SCALE))
        .saturating_sub(i64::from(places));
    let value = rounded(digits().map(|digit| digit - b'0'), kept)?;
    Ok(Money::signed(value, negative))
}

/// The number that the first `kept` digits make (filled with zeros), rounded half to even by those that follow.
fn rounded(digits: impl Iterator<Item = u8>, kept: i64) -> Result<u128, MoneyError> {
    let (mut value, mut place) = (0_u128, 0_i64);
    // the first digit that is dropped, and whether anything comes after it
    let (mut next, mut more) = (0, false);
    for digit in digits {
        match place.cmp(&kept) {
            Ordering::Less => value = shifted(value, u128::from(digit))?,
            Ordering::Equal => next = digit,
            Ordering::Greater => more |= digit != 0,
        }
        place += 1;
    }
    while place < kept && value != 0 {
        value = shifted(value, 0)?;
        place += 1;
    }
    let up = kept >= 0 && (next > 5 || next == 5 && (more || value % 2 == 1));
    let value = value + u128::from(up);
    if value > i128::MAX.unsigned_abs() { Err(MoneyError::TooLarge) } else { Ok(value) }
}

fn shifted(value: u128, digit: u128) -> Result<u128, MoneyError> {
    let shifted = value.checked_mul(10).and_then(|value| value.checked_add(digit));
    shifted.filter(|value| *value <= i128::MAX.unsigned_abs()).ok_or(MoneyError::TooLarge)
}

/// An exponent; one of many digits counts as very large, which it is.
fn read_exponent(text: &[u8]) -> Result<i64, MoneyError> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(MoneyError::NotANumber);
    }
    let value = digits
        .iter()
        .fold(0_i64, |value, digit| value.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    Ok(if negative { -value } else { value })
}
