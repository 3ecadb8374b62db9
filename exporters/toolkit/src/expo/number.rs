//! Numbers as text, in the shortest form that reads back the same.

/// Every whole number up to here is exact in an `f64` and is written without a fraction or an exponent.
const LARGEST_PLAIN: f64 = 9_007_199_254_740_992.0;

/// Appends a sample's value: `1`, `0.25`, `1e-9`, `+Inf`, `-Inf`, `NaN`.
pub(super) fn write_value(out: &mut Vec<u8>, value: f64) {
    if value.fract() == 0.0 && value.abs() <= LARGEST_PLAIN {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53, checked above")]
        let whole = value as i64;
        out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    } else if value.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value > 0.0 {
        out.extend_from_slice(b"+Inf");
    } else {
        out.extend_from_slice(b"-Inf");
    }
}

/// Appends a bucket's bound or a quantile as OpenMetrics asks for it: as a value, but a whole number carries `.0`.
pub(super) fn write_canonical_bound(out: &mut Vec<u8>, value: f64) {
    let start = out.len();
    write_value(out, value);
    if out.iter().skip(start).all(|byte| byte.is_ascii_digit() || *byte == b'-') {
        out.extend_from_slice(b".0");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_short_and_read_back() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-17.0, "-17"),
            (0.25, "0.25"),
            (1e15, "1000000000000000"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (1e-9, "1e-9"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            let mut out = Vec::new();
            write_value(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        for value in [1e300, 123_456.789, f64::MIN_POSITIVE, f64::MAX, 1e16, 2f64.powi(60)] {
            let mut out = Vec::new();
            write_value(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap().parse::<f64>().unwrap().to_bits(), value.to_bits());
        }
    }

    #[test]
    fn bounds_are_floats() {
        for (value, expected) in
            [(1.0, "1.0"), (0.5, "0.5"), (f64::INFINITY, "+Inf"), (99.9, "99.9"), (-2.0, "-2.0")]
        {
            let mut out = Vec::new();
            write_canonical_bound(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
