//! Numbers of three types, compared and converted without a loss.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "each conversion is between bounds that are checked before it"
)]

use std::cmp::Ordering;

use super::{EvalError, Value};

/// The first number that is too large for an `i64`.
const ABOVE_INT: f64 = 9_223_372_036_854_775_808.0;

/// The first number that is too large for a `u64`.
const ABOVE_UINT: f64 = 18_446_744_073_709_551_616.0;

/// Which of two numbers is less; `None` for "not a number".
pub(super) fn compare(one: &Value, two: &Value) -> Result<Option<Ordering>, EvalError> {
    let whole = |value: &Value| match value {
        Value::Int(value) => Ok(i128::from(*value)),
        Value::Uint(value) => Ok(i128::from(*value)),
        _ => Err(EvalError::NoSuchOverload),
    };
    match (one, two) {
        (Value::Double(one), Value::Double(two)) => Ok(one.partial_cmp(two)),
        (Value::Double(one), two) => whole(two).map(|two| with_whole(*one, two)),
        (one, Value::Double(two)) => whole(one).map(|one| with_whole(*two, one).map(Ordering::reverse)),
        (one, two) => Ok(Some(whole(one)?.cmp(&whole(two)?))),
    }
}

/// Compares exactly: a whole number of 64 bits may have more digits than a `f64`.
fn with_whole(one: f64, two: i128) -> Option<Ordering> {
    if one.is_nan() {
        return None;
    }
    if one >= ABOVE_UINT {
        return Some(Ordering::Greater);
    }
    if one < -ABOVE_INT {
        return Some(Ordering::Less);
    }
    Some((one.trunc() as i128).cmp(&two).then(one.fract().partial_cmp(&0.0)?))
}

/// A number that is a whole one, as such.
pub(super) fn whole(value: f64) -> Option<i128> {
    (value.trunc() == value && (-ABOVE_INT..ABOVE_UINT).contains(&value)).then_some(value as i128)
}

/// A number without its fraction, as `int(…)` makes it; cel-go refuses the two ends.
pub(super) fn to_int(value: f64) -> Option<i64> {
    (value > -ABOVE_INT && value < ABOVE_INT).then_some(value as i64)
}

/// The same as `uint(…)` makes it.
pub(super) fn to_uint(value: f64) -> Option<u64> {
    (0.0..ABOVE_UINT).contains(&value).then_some(value as u64)
}

/// A whole number as `double(…)` makes it.
pub(super) fn int_to_double(value: i64) -> f64 {
    value as f64
}

/// A whole number as `double(…)` makes it.
pub(super) fn uint_to_double(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_as_numbers() {
        use Ordering::{Equal, Greater, Less};
        let exact = 9_007_199_254_740_993;
        for (one, two, expected) in [
            (Value::Int(1), Value::Double(1.0), Some(Equal)),
            (Value::Uint(1), Value::Double(1.5), Some(Less)),
            (Value::Double(-1.5), Value::Int(-1), Some(Less)),
            (Value::Int(exact), Value::Double(9_007_199_254_740_992.0), Some(Greater)),
            (Value::Int(i64::MAX), Value::Double(ABOVE_INT), Some(Less)),
            (Value::Uint(u64::MAX), Value::Double(f64::INFINITY), Some(Less)),
            (Value::Int(i64::MIN), Value::Double(f64::NEG_INFINITY), Some(Greater)),
            (Value::Uint(u64::MAX), Value::Int(-1), Some(Greater)),
            (Value::Double(f64::NAN), Value::Int(1), None),
        ] {
            assert_eq!(compare(&one, &two), Ok(expected), "{one:?} {two:?}");
        }
        assert_eq!(compare(&Value::Null, &Value::Int(1)), Err(EvalError::NoSuchOverload));
    }

    #[test]
    fn conversions_stay_in_their_bounds() {
        assert_eq!((to_int(-1.9), to_int(ABOVE_INT), to_int(f64::NAN)), (Some(-1), None, None));
        assert_eq!((to_uint(1.9), to_uint(-0.5), to_uint(ABOVE_UINT)), (Some(1), None, None));
        assert_eq!((whole(2.0), whole(2.5), whole(f64::INFINITY)), (Some(2), None, None));
    }
}
