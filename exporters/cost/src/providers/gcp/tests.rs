//! What is put into a query, and what one costs.

use super::*;

#[test]
fn tables() {
    for (text, good) in [
        ("acme.billing.gcp_billing_export_v1_01-AB", true),
        ("example.com:acme.billing.t", true),
        ("billing.t", false),
        ("a.b.c` WHERE TRUE --", false),
        ("a..c", false),
    ] {
        assert_eq!(table(text).is_ok(), good, "{text}");
    }
}

#[test]
fn prices_of_queries() {
    let gcp = Gcp {
        base: BaseUrl::parse("http://127.0.0.1:1").unwrap(),
        token_url: None,
        key: SecretSource::Inline(Secret::from("{}")),
        project: None,
        table: "a.b.c".to_owned(),
        location: None,
        maximum_bytes: 1,
        price: Money::units(6),
    };
    for (bytes, cached, expected) in [
        (0, false, Money::ZERO),
        (TIB, true, Money::ZERO),
        (TIB, false, Money::units(6)),
        (1, false, Money::units(6).ratio(SMALLEST, TIB)),
        (SMALLEST + 1, false, Money::units(6).ratio(SMALLEST + STEP, TIB)),
    ] {
        assert_eq!(gcp.price_of(bytes, cached), expected, "{bytes} {cached}");
    }
    // a GiB each time, four times a day
    let gcp = Gcp { maximum_bytes: 1 << 30, ..gcp };
    let of_month = gcp.price_of(1 << 30, false).ratio(MONTH, 6 * 3600);
    assert_eq!(gcp.own_cost(Duration::from_hours(6)), of_month);
    assert_eq!(format!("{of_month:.2}"), "0.71");
}
