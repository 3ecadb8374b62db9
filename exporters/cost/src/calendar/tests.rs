//! Days and periods, at their edges.

use jiff::civil::date;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

#[test]
fn moments_are_on_days() {
    for (calendar, moment, expected) in [
        (Calendar::Utc, "2026-01-31T23:59:59Z", "2026-01-31"),
        (Calendar::Utc, "2026-02-01T00:00:00Z", "2026-02-01"),
        (Calendar::Pacific, "2026-02-01T07:59:59Z", "2026-01-31"),
        (Calendar::Pacific, "2026-02-01T08:00:00Z", "2026-02-01"),
        (Calendar::Pacific, "2026-07-01T06:59:59Z", "2026-06-30"),
        (Calendar::Pacific, "2026-07-01T07:00:00Z", "2026-07-01"),
        (Calendar::Anchor(31), "2026-02-27T23:59:59Z", "2026-02-27"),
    ] {
        assert_eq!(calendar.day_of(at(moment)), day(expected), "{calendar:?} {moment}");
    }
}

#[test]
fn pacific_days_have_23_and_25_hours() {
    for (text, hours) in
        [("2026-03-07", 24), ("2026-03-08", 23), ("2026-03-09", 24), ("2026-11-01", 25), ("2027-03-14", 23)]
    {
        let (start, end) = (Calendar::Pacific.start_of(day(text)), Calendar::Pacific.end_of(day(text)));
        assert_eq!(end.duration_since(start).as_hours(), hours, "{text}");
        assert_eq!(Calendar::Pacific.day_of(start), day(text));
    }
    assert_eq!(Calendar::Pacific.start_of(day("2026-03-08")), at("2026-03-08T08:00:00Z"));
    assert_eq!(Calendar::Pacific.end_of(day("2026-03-08")), at("2026-03-09T07:00:00Z"));
}

#[test]
fn every_day_of_ten_years_is_between_its_bounds() {
    for calendar in [Calendar::Utc, Calendar::Pacific, Calendar::Anchor(15)] {
        for day in Period::of_days(day("2020-01-01"), 3653).iter() {
            let (start, end) = (calendar.start_of(day), calendar.end_of(day));
            let last = Timestamp::from_second(end.as_second() - 1).unwrap();
            assert_eq!((calendar.day_of(start), calendar.day_of(last)), (day, day));
        }
    }
}

#[test]
fn periods_and_those_before_them() {
    for (calendar, text, start, end, before) in [
        (Calendar::Utc, "2026-01-01", "2026-01-01", "2026-02-01", "2025-12-01"),
        (Calendar::Pacific, "2024-02-29", "2024-02-01", "2024-03-01", "2024-01-01"),
        (Calendar::Anchor(15), "2026-01-14", "2025-12-15", "2026-01-15", "2025-11-15"),
        (Calendar::Anchor(15), "2026-01-15", "2026-01-15", "2026-02-15", "2025-12-15"),
        (Calendar::Anchor(31), "2026-02-27", "2026-01-31", "2026-02-28", "2025-12-31"),
        (Calendar::Anchor(31), "2026-02-28", "2026-02-28", "2026-03-31", "2026-01-31"),
        (Calendar::Anchor(30), "2024-02-29", "2024-02-29", "2024-03-30", "2024-01-30"),
        (Calendar::Anchor(29), "2025-03-01", "2025-02-28", "2025-03-29", "2025-01-29"),
        (Calendar::Anchor(31), "2026-04-30", "2026-04-30", "2026-05-31", "2026-03-31"),
    ] {
        let period = calendar.period_of(day(text));
        assert_eq!(period, Period { start: day(start), end: day(end) }, "{calendar:?} {text}");
        let previous = calendar.previous(period);
        assert_eq!((previous.start, previous.end), (day(before), period.start), "{calendar:?} {text}");
        assert_eq!(calendar.next(previous), period);
    }
}

#[test]
fn periods_follow_each_other_without_a_gap() {
    for anchor in 1..=31 {
        let calendar = Calendar::Anchor(anchor);
        let mut period = calendar.period_of(date(2023, 1, 1));
        for _ in 0..48 {
            let next = calendar.next(period);
            assert_eq!((period.end, calendar.previous(next)), (next.start, period), "{anchor}");
            assert!((28..=31).contains(&period.days()), "{anchor}: {period:?}");
            assert!(period.iter().all(|day| calendar.period_of(day) == period), "{anchor}: {period:?}");
            period = next;
        }
    }
}

#[test]
fn the_same_day_of_a_shorter_period_is_its_last() {
    let (march, february) = (day("2026-03-31"), Calendar::Utc.period_of(day("2026-02-10")));
    let elapsed = Calendar::Utc.period_of(march).elapsed(march);
    assert_eq!(elapsed, 30);
    assert_eq!(february.first_days(elapsed), february);
    assert_eq!(february.first_days(3).end, day("2026-02-04"));
    assert_eq!((february.elapsed(day("2026-01-01")), february.elapsed(day("2027-01-01"))), (0, 28));
}

#[test]
fn days_in_a_row() {
    let days = Period::of_days(day("2026-01-30"), 5);
    let parts: Vec<_> = days.chunks(2).map(|part| (part.start, part.days())).collect();
    assert_eq!(parts, [(day("2026-01-30"), 2), (day("2026-02-01"), 2), (day("2026-02-03"), 1)]);
    assert_eq!(Period::of_days(day("2026-01-30"), 0).chunks(31).count(), 0);
    let other = Period { start: day("2026-02-02"), end: day("2026-03-01") };
    assert_eq!(days.intersection(other), Period { start: day("2026-02-02"), end: day("2026-02-04") });
    assert_eq!(other.intersection(Period::of_days(day("2026-05-01"), 2)).days(), 0);
    assert_eq!(days_between(day("2026-03-01"), day("2026-02-01")), -28);
}
