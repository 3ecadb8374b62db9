//! Forecasts, anomalies, budgets and advice of small books whose figures a person can follow.

use std::sync::Arc;

use super::advice::advice;
use super::anomaly::{Floors, anomalies, unusual};
use super::budgets::{Standing, standings};
use super::forecast::{forecasts, realised, to_keep};
use super::testing::{book, book_with, config, daily, day, days, line, money};
use super::{Book, Entries};
use crate::calendar::{Day, Period};
use crate::charge::{Category, Finding};
use crate::config::BudgetPeriod;
use crate::store::{Line, MadeForecast, TokenLine};

const PROVIDER: &str = "name: p, type: fixed, items: []";

/// Known from the first of January on, settled until the day before yesterday: `amount lower upper`.
fn foretold(now: &str, settled: &str, lines: Vec<Line>) -> Vec<String> {
    let book = book(PROVIDER, now, ("2026-01-01", settled), lines);
    let tell = |forecast: super::forecast::Forecast| {
        format!("{:.2} {:.2} {:.2}", forecast.amount, forecast.lower, forecast.upper)
    };
    forecasts(&book).into_iter().map(tell).collect()
}

#[test]
fn what_is_used_goes_on_and_fixed_charges_do_not() {
    let usage = || daily("s", "2", days("2026-01-01", "2026-03-09"));
    let on = |category, charges: &[(&str, &str)]| {
        line("s", category, charges.iter().map(|(text, amount)| (day(text), money(amount))))
    };
    let check = |more: Vec<Line>, expected: &str| {
        let lines = [vec![usage()], more].concat();
        let found = foretold("2026-03-10T12:00:00Z", "2026-03-08", lines);
        let amount = found[0].split(' ').next().unwrap();
        assert_eq!(amount, expected);
    };
    check(vec![], "62.00");
    // it has come; it is due; it was due on a day that is over; it comes on the last day of a shorter month
    check(vec![on(Category::Purchase, &[("2026-02-01", "9"), ("2026-03-01", "10")])], "72.00");
    check(vec![on(Category::Purchase, &[("2026-02-20", "9")])], "71.00");
    check(vec![on(Category::Purchase, &[("2026-02-05", "9")])], "62.00");
    // early this time: not a second one
    check(vec![on(Category::Purchase, &[("2026-02-20", "9"), ("2026-03-07", "9")])], "71.00");
    // usage that stands on one day is a fixed charge too
    check(vec![on(Category::Usage, &[("2026-02-03", "100"), ("2026-03-03", "110")])], "172.00");
    // taxes do not count, refunds come once
    check(
        vec![on(Category::Tax, &[("2026-03-02", "5")]), on(Category::Refund, &[("2026-03-02", "-5")])],
        "57.00",
    );
    // a day that is not settled and has cost more than expected already
    check(vec![on(Category::Usage, &[("2026-03-09", "98")])], "158.00");
}

#[test]
fn the_band_closes_and_the_last_day_is_what_it_was() {
    let lines = || vec![daily("s", "2", days("2026-01-01", "2026-04-01"))];
    assert_eq!(foretold("2026-03-31T23:00:00Z", "2026-03-31", lines()), ["62.00 62.00 62.00"]);
    let narrow = foretold("2026-03-30T12:00:00Z", "2026-03-28", lines());
    assert!(narrow[0].starts_with("62.00 61.") && narrow[0].contains(" 62."), "{narrow:?}");
    // nothing is said of what is not known for three days
    let few = book(PROVIDER, "2026-03-10T12:00:00Z", ("2026-03-07", "2026-03-08"), lines());
    assert_eq!(forecasts(&few), []);
    // what has stopped costs nothing more; daily discounts go on
    let stopped = daily("s", "2", days("2026-01-01", "2026-03-02"));
    let discount = daily("d", "-1", days("2026-01-01", "2026-03-11"));
    assert_eq!(foretold("2026-03-12T12:00:00Z", "2026-03-10", vec![stopped]), ["2.00 2.00 2.00"]);
    let found =
        foretold("2026-03-12T12:00:00Z", "2026-03-10", vec![Line { category: Category::Credit, ..discount }]);
    assert!(found[0].starts_with("-31.00 "), "{found:?}");
}

#[test]
fn a_new_level_is_seen_within_a_week() {
    let before = daily("s", "2", days("2026-01-01", "2026-03-01"));
    let after = daily("s", "3", days("2026-03-01", "2026-03-10"));
    let lines = super::joined(vec![before, after]);
    let found = foretold("2026-03-10T12:00:00Z", "2026-03-09", lines);
    assert!(found[0].starts_with("93.00 "), "{found:?}");
}

#[test]
fn forecasts_are_held_against_what_came() {
    let lines = || vec![daily("s", "2", days("2026-01-01", "2026-04-09"))];
    let made = |horizon, amount| MadeForecast {
        account: "".into(),
        currency: "USD".into(),
        period: day("2026-03-01"),
        horizon,
        amount: money(amount),
    };
    let tenth = book(PROVIDER, "2026-03-10T12:00:00Z", ("2026-01-01", "2026-03-08"), lines());
    assert_eq!(to_keep(&tenth), [made(10, "62")]);
    let eleventh = book(PROVIDER, "2026-03-11T12:00:00Z", ("2026-01-01", "2026-03-09"), lines());
    assert_eq!(to_keep(&eleventh), []);
    let kept = [made(5, "93"), made(10, "31")];
    let open = book(PROVIDER, "2026-04-01T12:00:00Z", ("2026-01-01", "2026-03-30"), lines());
    assert_eq!(realised(&open, &kept), []);
    let closed = book(PROVIDER, "2026-04-10T12:00:00Z", ("2026-01-01", "2026-04-08"), lines());
    let errors: Vec<_> =
        realised(&closed, &kept).iter().map(|held| (held.horizon, held.error_ratio())).collect();
    assert_eq!(errors, [(5, Some(0.5)), (10, Some(-0.5))]);
}

/// `day service cost active new sustained` of what is unusual or moved.
fn judged(now: &str, known: (&str, &str), lines: Vec<Line>, floors: &Floors) -> Vec<String> {
    let tell = |anomaly: super::anomaly::Anomaly| {
        let verdict = anomaly.verdict;
        let words = [(verdict.active, "active"), (verdict.is_new, "new"), (verdict.sustained, "sustained")];
        let words: Vec<&str> = words.iter().filter(|(yes, _)| *yes).map(|(_, word)| *word).collect();
        let service = anomaly.service.as_deref().unwrap_or("*");
        (!words.is_empty()).then(|| format!("{} {service} {} {}", anomaly.day, anomaly.cost, words.join(" ")))
    };
    anomalies(&book(PROVIDER, now, known, lines), floors).into_iter().filter_map(tell).collect()
}

#[test]
fn unusual_days() {
    let usual = || daily("s", "20", days("2026-01-01", "2026-03-09"));
    let on = |category, charges: &[(&str, &str)]| {
        line("s", category, charges.iter().map(|(text, amount)| (day(text), money(amount))))
    };
    let known = ("2026-01-01", "2026-03-08");
    let check = |more: Vec<Line>, expected: &[&str]| {
        let lines = super::joined([vec![usual()], more].concat());
        assert_eq!(judged("2026-03-10T12:00:00Z", known, lines, &Floors::new()), expected);
    };
    check(vec![], &[]);
    check(
        vec![on(Category::Usage, &[("2026-03-08", "20")])],
        &["2026-03-08 s 40 active", "2026-03-08 * 40 active"],
    );
    // below half as much again, or below the floor of ten dollars
    check(vec![on(Category::Usage, &[("2026-03-08", "9.9")])], &[]);
    // today has cost too much long before it is over
    check(
        vec![on(Category::Usage, &[("2026-03-10", "31")])],
        &["2026-03-10 s 31 active", "2026-03-10 * 31 active"],
    );
    // what comes every month, and what is no usage
    check(vec![on(Category::Usage, &[("2026-02-08", "40"), ("2026-03-08", "41")])], &[]);
    check(
        vec![
            on(Category::Purchase, &[("2026-03-08", "500")]),
            on(Category::Credit, &[("2026-03-08", "-500")]),
        ],
        &[],
    );
    // another currency's floor
    let lines = super::joined(vec![usual(), on(Category::Usage, &[("2026-03-08", "20")])]);
    let floors = Floors::from([(Arc::from("USD"), money("25"))]);
    assert_eq!(judged("2026-03-10T12:00:00Z", known, lines, &floors), [""; 0]);
}

#[test]
fn new_services_and_new_levels() {
    let old = daily("old", "1", days("2026-01-01", "2026-03-09"));
    let new = line(
        "new",
        Category::Usage,
        [("2026-03-07", "0"), ("2026-03-08", "11")].map(|(d, a)| (day(d), money(a))),
    );
    let found = judged(
        "2026-03-09T12:00:00Z",
        ("2026-01-01", "2026-03-08"),
        vec![old.clone(), new.clone()],
        &Floors::new(),
    );
    assert_eq!(found, ["2026-03-08 new 11 active new", "2026-03-08 * 12 active"]);
    // who was not read before knows nothing of before
    let young = judged("2026-03-09T12:00:00Z", ("2026-03-01", "2026-03-08"), vec![old, new], &Floors::new());
    assert_eq!(young, [""; 0]);
    // after three days a new level is what is usual
    let lines = |until: &str| {
        super::joined(vec![
            daily("s", "20", days("2026-01-01", "2026-03-01")),
            daily("s", "50", days("2026-03-01", until)),
        ])
    };
    for (now, settled, expected) in [
        ("2026-03-04T12:00:00Z", "2026-03-03", "2026-03-03 s 50 active"),
        ("2026-03-05T12:00:00Z", "2026-03-04", "2026-03-04 s 50 sustained"),
    ] {
        let found =
            judged(now, ("2026-01-01", settled), lines(now.split_once('T').unwrap().0), &Floors::new());
        assert_eq!(found[0], expected, "{found:?}");
    }
    let month = book(PROVIDER, "2026-03-20T12:00:00Z", ("2026-01-01", "2026-03-18"), lines("2026-03-19"));
    let all = unusual(&month, &Floors::new(), days("2026-03-01", "2026-04-01"));
    let found: Vec<Day> = all.iter().filter(|one| one.service.is_some()).map(|one| one.day).collect();
    assert_eq!(found, [day("2026-03-01"), day("2026-03-02"), day("2026-03-03")]);
}

fn standing(budget: &str, more: &str, books: &[Book], unread: &[(Arc<str>, &str)], now: &str) -> Standing {
    let config = config(&format!("budgets: [{{name: b, {budget}}}]\n{more}"));
    standings(books, &config.budgets, config.exchange.as_ref(), unread, now.parse().unwrap()).remove(0)
}

#[test]
fn budgets_of_months_quarters_and_years() {
    for (period, text, expected) in [
        (BudgetPeriod::Month, "2026-12-31", ("2026-12-01", "2027-01-01")),
        (BudgetPeriod::Quarter, "2026-06-30", ("2026-04-01", "2026-07-01")),
        (BudgetPeriod::Quarter, "2026-10-01", ("2026-10-01", "2027-01-01")),
        (BudgetPeriod::Year, "2026-02-28", ("2026-01-01", "2027-01-01")),
    ] {
        assert_eq!(period.days(day(text)), days(expected.0, expected.1), "{period:?} {text}");
    }
    let now = "2026-03-11T00:00:00Z";
    let mut book = book(
        PROVIDER,
        now,
        ("2026-01-01", "2026-03-10"),
        vec![daily("s", "10", days("2026-02-01", "2026-03-11"))],
    );
    let earlier = vec![daily("s", "10", days("2026-01-01", "2026-02-01"))];
    book.entries = Arc::new(Entries::clone(&book.entries).with_earlier(earlier));
    let books = [book];
    let month = standing("limit: 200", "", &books, &[], now);
    assert_eq!((month.spent, month.used(), month.is_complete), (money("100"), Some(0.5), true));
    assert!((month.pace().unwrap() - 1.55).abs() < 1e-9, "{month:?}");
    assert_eq!(month.forecast.unwrap().0, money("310"));
    // ten more days of ten dollars
    assert_eq!(month.exhausted.unwrap(), "2026-03-21T00:00:00Z".parse().unwrap());
    let quarter = standing("limit: 600, period: quarter", "", &books, &[], now);
    assert_eq!((quarter.spent, quarter.forecast.unwrap().0), (money("690"), money("900")));
    assert_eq!(quarter.exhausted.unwrap(), "2026-03-02T00:00:00Z".parse().unwrap());
    let year = standing("limit: 4000, period: year", "", &books, &[], now);
    assert_eq!((year.spent, year.forecast.unwrap().0, year.exhausted), (money("690"), money("3650"), None));
}

#[test]
fn what_counts_for_a_budget() {
    let now = "2026-03-11T00:00:00Z";
    let one = |service: &str, category, currency: &str, amount: &str| Line {
        currency: currency.into(),
        ..line(service, category, [(day("2026-03-02"), money(amount))])
    };
    let lines = vec![
        one("a", Category::Usage, "USD", "1"),
        one("a", Category::Tax, "USD", "2"),
        one("b", Category::Credit, "USD", "-4"),
        one("b", Category::Usage, "EUR", "8"),
    ];
    let books = [book(PROVIDER, now, ("2026-01-01", "2026-03-10"), lines)];
    let rates = "exchange: {to: USD, rates: [{from: EUR, rate: '1.5'}]}";
    for (matches, more, spent, is_complete) in [
        ("", "", "-3", false),
        ("", rates, "9", true),
        ("", "exchange: {to: EUR, rates: [{from: USD, rate: '0.5'}]}", "-3", false),
        ("match: {provider: fixed, service: a}", "", "1", true),
        ("match: {provider: p, category: [tax, usage]}", rates, "15", true),
        ("match: {provider: openai}", "", "0", false),
        ("match: {account: none}", "", "0", true),
    ] {
        let unread = [(Arc::from("ai"), "openai")];
        let unread = if matches.contains("openai") { &unread[..] } else { &[] };
        let standing = standing(&format!("limit: 100, {matches}"), more, &books, unread, now);
        assert_eq!((standing.spent, standing.is_complete), (money(spent), is_complete), "{matches} {more}");
    }
}

#[test]
fn advice_has_a_figure() {
    let march = Period { start: day("2026-03-01"), end: day("2026-03-29") };
    let count = |at: usize, most: u64| (u64::try_from(at).unwrap() * 7 % 5 + most) * 1_000_000;
    let tokens = |kind: &str, most| TokenLine {
        model: "m".into(),
        kind: kind.into(),
        days: march
            .iter()
            .enumerate()
            .map(|(at, day)| (day, count(at * usize::try_from(most).unwrap(), most)))
            .collect(),
    };
    let lines = vec![tokens("input", 10), tokens("cached_input", 1), tokens("output", 3)];
    let costs = march.iter().enumerate().map(|(at, day)| {
        let of = |line: &TokenLine, price: &str| money(price).ratio(line.days[at].1, 1_000_000);
        (day, of(&lines[0], "2.5") + of(&lines[1], "0.25") + of(&lines[2], "10"))
    });
    let costs = line("m", Category::Usage, costs);
    let mut book =
        book_with(PROVIDER, "2026-03-30T12:00:00Z", ("2026-01-01", "2026-03-28"), vec![costs], lines);
    let mut entries = Entries::clone(&book.entries);
    let finding = |monthly: &str| Finding {
        kind: "suspended_leftover".into(),
        subject: "db".to_owned(),
        monthly: money(monthly),
        currency: "USD".into(),
        evidence: "It is suspended.".to_owned(),
    };
    entries.told.findings = vec![finding("7"), finding("0")];
    book.entries = Arc::new(entries);
    let found = advice(&book);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!((&*found[0].kind, &*found[0].subject), ("uncached_input", "m"));
    assert!(found[0].evidence.contains("2.50 USD fresh and 0.25 USD cached"), "{}", found[0].evidence);
    assert_eq!((&*found[1].kind, found[1].monthly), ("suspended_leftover", money("7")));
}
