//! Amounts against arithmetic without bounds, and by hand.

use num_bigint::BigInt;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

/// `digits × 10^power` at our scale, rounded half to even, without bounds.
fn expected(digits: &BigInt, power: i64) -> BigInt {
    let shift = power + i64::from(SCALE);
    let ten = |exponent: i64| BigInt::from(10).pow(u32::try_from(exponent).unwrap());
    if shift >= 0 { digits * ten(shift) } else { big_half_even(digits, &ten(-shift)) }
}

fn big_half_even(value: &BigInt, divisor: &BigInt) -> BigInt {
    let zero = BigInt::from(0);
    let magnitude = if *value < zero { -value } else { value.clone() };
    let (quotient, rest) = (&magnitude / divisor, &magnitude % divisor);
    let odd = &quotient % BigInt::from(2) == BigInt::from(1);
    let twice = rest * 2;
    let up = twice > *divisor || (twice == *divisor && odd);
    let rounded = quotient + BigInt::from(u8::from(up));
    if *value < zero { -rounded } else { rounded }
}

fn same(found: Result<Money, MoneyError>, expected: &BigInt) -> bool {
    match i128::try_from(expected) {
        Ok(value) if value != i128::MIN => found == Ok(Money(value)),
        _ => found == Err(MoneyError::TooLarge),
    }
}

fn check<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(strategy, test).unwrap();
}

#[test]
fn texts_are_read_as_arithmetic_without_bounds_reads_them() {
    let text =
        (any::<bool>(), any::<u128>(), 0_u32..39, 0_usize..45, proptest::option::of(-45_i64..20), 0_u32..4);
    check(100_000, &text, |(negative, digits, short, at, exponent, places)| {
        // of every length, with the point anywhere in it or before it
        let digits = (digits / 10_u128.pow(short)).to_string();
        let padded = format!("{digits:0>width$}", width = at + 1);
        let (whole, fraction) = padded.split_at(padded.len() - at);
        let (sign, point) = (if negative { "-" } else { "" }, if fraction.is_empty() { "" } else { "." });
        let tail = exponent.map(|exponent| format!("e{exponent}")).unwrap_or_default();
        let text = format!("{sign}{whole}{point}{fraction}{tail}");
        let digits: BigInt = digits.parse().unwrap();
        let digits = if negative { -digits } else { digits };
        let power = exponent.unwrap_or(0) - i64::try_from(fraction.len()).unwrap() - i64::from(places);
        let found = Money::parse_scaled(&text, places);
        prop_assert!(same(found, &expected(&digits, power)), "{} / 10^{}: {:?}", text, places, found);
        Ok(())
    });
}

#[test]
fn amounts_go_to_text_and_back() {
    check(100_000, &any::<i128>(), |value| {
        let money = Money(value.max(-i128::MAX));
        prop_assert_eq!(Money::parse(&money.to_string()), Ok(money));
        prop_assert_eq!(Money::from_bytes(money.to_bytes()), money);
        Ok(())
    });
}

#[test]
fn products_are_exact_but_for_the_last_digit() {
    let number = -(10_i128.pow(31))..10_i128.pow(31);
    check(100_000, &(number.clone(), number, any::<u64>(), 1_u64..), |(left, right, numerator, divisor)| {
        let scale = BigInt::from(ONE);
        let product = big_half_even(&(BigInt::from(left) * right), &scale);
        prop_assert_eq!(BigInt::from(Money(left).times(Money(right)).0), product);
        let ratio = big_half_even(&(BigInt::from(left) * numerator), &BigInt::from(divisor));
        let most = BigInt::from(i128::MAX);
        let ratio = ratio.clamp(-&most, most);
        prop_assert_eq!(BigInt::from(Money(left).ratio(numerator, divisor).0), ratio);
        Ok(())
    });
}

#[test]
fn rounding_is_to_the_even_neighbour() {
    for (text, places, expected) in [
        ("0.125", 2, "0.12"),
        ("0.135", 2, "0.14"),
        ("-0.125", 2, "-0.12"),
        ("0.1250000000000001", 2, "0.13"),
        ("2.5", 0, "2"),
        ("3.5", 0, "4"),
        ("1234.5", 2, "1234.50"),
        ("-0.001", 2, "0.00"),
        ("1", 24, "1.000000000000000000000000"),
    ] {
        assert_eq!(format!("{:.places$}", money(text)), expected, "{text}");
    }
}

#[test]
fn the_text_of_a_provider() {
    for (text, expected) in [
        ("12.30", "12.3"),
        ("1e-05", "0.00001"),
        ("35.2E-7", "0.00000352"),
        ("-50.0", "-50"),
        ("0", "0"),
        ("-0.0", "0"),
        (".5", "0.5"),
        ("5.", "5"),
        (" 7 ", "7"),
        ("0e99999999999999999999", "0"),
        ("1e-99999999999999999999", "0"),
        ("0.0000000000000000000000005", "0"),
        ("0.0000000000000000000000015", "0.000000000000000000000002"),
        ("0.00000000000000000000000050000001", "0.000000000000000000000001"),
    ] {
        assert_eq!(money(text).to_string(), expected, "{text}");
    }
    for text in
        ["", "-", ".", "e5", "1e", "1e+", "NaN", "inf", "1,5", "1_0", "0x1", "--1", "1.2.3", "$1", "１"]
    {
        assert_eq!(Money::parse(text), Err(MoneyError::NotANumber), "{text}");
    }
    assert_eq!(Money::parse("1e15"), Err(MoneyError::TooLarge));
    assert_eq!(Money::parse_scaled("123.45", 2).unwrap().to_string(), "1.2345");
}

#[test]
fn json_numbers_are_read_from_their_text() {
    #[derive(serde::Deserialize)]
    struct Line {
        dollars: Amount,
        cents: Cents,
        none: Option<Amount>,
    }
    let text = r#"{"dollars": 0.1234567890123456789012, "cents": "-123.45", "none": null}"#;
    let line: Line = serde_json::from_str(text).unwrap();
    assert_eq!(line.dollars.0.to_string(), "0.1234567890123456789012");
    assert_eq!((line.cents.0, line.none), (money("-1.2345"), None));
    let wrong = serde_json::from_str::<Amount>("true").unwrap_err().to_string();
    assert!(wrong.starts_with("this is no decimal number"), "{wrong}");
}

#[test]
fn floats_on_the_page_are_the_nearest_ones() {
    for (text, expected) in
        [("0.1", 0.1), ("-2", -2.0), ("20.52022672899", 20.520_226_728_99), ("1e-24", 1e-24)]
    {
        assert_eq!(money(text).to_f64().to_bits(), f64::to_bits(expected), "{text}");
    }
    assert_eq!(Money::estimate(-12.25), money("-12.25"));
    assert_eq!((Money::estimate(f64::NAN), Money::units(3).share_of(Money::ZERO)), (Money::ZERO, None));
}

#[test]
fn sums_stop_at_their_bounds() {
    let most = Money(i128::MAX);
    assert_eq!(most + most, most);
    assert_eq!(most.times(most), most);
    assert_eq!((-most).ratio(3, 1), -most);
    assert_eq!(Money::units(5).ratio(1, 0), Money::ZERO);
}
