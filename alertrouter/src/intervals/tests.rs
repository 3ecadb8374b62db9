//! Alertmanager's own cases (research 3.8), and what clocks do.

use super::*;

fn interval(parts: &[(&str, &[&str])]) -> TimeInterval {
    let mut interval = TimeInterval::default();
    for (part, texts) in parts {
        let ranges = |parse: fn(&str) -> Result<Range, String>| {
            Some(texts.iter().map(|text| parse(text).unwrap()).collect())
        };
        match *part {
            "times" => {
                let times = texts.iter().map(|text| {
                    let (start, end) = text.split_once('-').unwrap();
                    TimeRange::parse(start, end).unwrap()
                });
                interval.times = Some(times.collect());
            }
            "weekdays" => interval.weekdays = ranges(Range::weekdays),
            "days" => interval.days_of_month = ranges(Range::days_of_month),
            "months" => interval.months = ranges(Range::months),
            "years" => interval.years = ranges(Range::years),
            "zone" => interval.zone = zone(texts[0]).unwrap(),
            other => panic!("no part {other}"),
        }
    }
    interval
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn contains() {
    let office = [("times", &["09:00-17:00"][..]), ("weekdays", &["monday:friday"])];
    let sydney = [&office[..], &[("zone", &["Australia/Sydney"])]].concat();
    let november =
        [("times", &["09:00-17:00"][..]), ("months", &["november"]), ("zone", &["Australia/Sydney"])];
    let last_days = [("days", &["-3:-1"][..])];
    let june = [("months", &["june"][..]), ("days", &["-31:-1"])];
    let april = [("days", &["4:6"][..]), ("months", &["april"]), ("years", &["2020"])];
    let new_york = [("days", &["-1"][..]), ("zone", &["America/New_York"])];
    let all = [
        ("weekdays", &["monday:friday", "sunday"][..]),
        ("months", &["january:march"]),
        ("days", &["-7:-1"]),
        ("years", &["2020:2025", "2030:2035"]),
        ("times", &["09:00-17:00"]),
    ];
    for (parts, moment, expected) in [
        (&office[..], "2020-05-04T15:04:00Z", true),
        (&office, "2020-05-03T15:04:00Z", false),
        (&office, "2020-05-04T08:59:00Z", false),
        (&office, "2020-07-08T09:00:00Z", true),
        (&office, "2020-07-08T16:59:00Z", true),
        (&office, "2020-07-08T17:00:00Z", false),
        (&office, "2020-07-08T05:00:00Z", false),
        (&april, "2020-04-06T23:05:00Z", true),
        (&april, "2020-04-07T00:00:00Z", false),
        (&april, "2019-04-06T00:00:00Z", false),
        (&last_days, "2020-02-29T12:00:00Z", true),
        (&last_days, "2020-01-31T12:00:00Z", true),
        (&last_days, "2020-01-27T12:00:00Z", false),
        (&last_days, "2020-03-01T12:00:00Z", false),
        (&june, "2020-06-01T00:00:00Z", true),
        (&june, "2020-06-30T00:00:00Z", true),
        (&june, "2020-05-31T00:00:00Z", false),
        (&sydney, "2021-04-06T13:00:00+10:00", true),
        (&sydney, "2021-04-06T13:00:00Z", false),
        (&november, "2021-10-31T22:00:00Z", true),
        (&november, "2021-10-31T21:00:00Z", false),
        (&new_york, "2021-03-31T12:00:00-04:00", true),
        (&new_york, "2021-03-30T12:00:00-04:00", false),
        (&all, "2021-01-27T09:00:00Z", true),
        (&all, "2035-01-31T13:00:00Z", true),
        (&all, "2021-01-30T13:00:00Z", false),
        (&all, "2021-04-01T13:00:00Z", false),
        (&all, "2026-01-30T13:00:00Z", false),
        (&all, "2035-01-31T17:01:00Z", false),
        // a begin behind the month's end is not the month's last day
        (&[("days", &["30:31"][..])], "2021-02-28T12:00:00Z", false),
        (&[("days", &["25:31"][..])], "2021-02-28T12:00:00Z", true),
        // said, and empty
        (&[("weekdays", &[][..])], "2021-02-28T12:00:00Z", false),
        (&[], "2021-02-28T12:00:00Z", true),
        (&[("times", &["00:00-24:00"][..])], "2021-02-28T23:59:59.999Z", true),
    ] {
        assert_eq!(interval(parts).contains(at(moment)), expected, "{parts:?} at {moment}");
    }
}

type Parse<'a> = &'a dyn Fn(&str) -> Result<(), String>;

#[test]
fn ranges() {
    let times = |text: &str| {
        let (start, end) = text.split_once('-').unwrap();
        TimeRange::parse(start, end).map(drop)
    };
    let days = |text: &str| Range::days_of_month(text).map(drop);
    let weekdays = |text: &str| Range::weekdays(text).map(drop);
    let months = |text: &str| Range::months(text).map(drop);
    let years = |text: &str| Range::years(text).map(drop);
    for (parse, text, expected) in [
        (&times as Parse<'_>, "00:00-24:00", ""),
        (&times, "01:35-17:39", ""),
        (&times, "09:35-09:39", ""),
        (&times, "09:35-09:35", "start time cannot be equal or greater than end time"),
        (&times, "09:30-07:41", "start time cannot be equal or greater than end time; hint: "),
        (&times, "24:00-17:41", "start time cannot be equal or greater than end time; hint: "),
        (&times, "00:00-24:01", "couldn't parse timestamp 24:01, invalid format"),
        (&times, "00:00-", "both start and end times must be provided"),
        (&times, "01:99-02:00", "couldn't parse timestamp 01:99, invalid format"),
        (&times, "99:99-02:00", "couldn't parse timestamp 99:99, invalid format"),
        (&times, "1:00-02:00", "couldn't parse timestamp 1:00, invalid format"),
        (&weekdays, "friday:monday", "start day cannot be before end day"),
        (&weekdays, "1:3", "1 is not a valid weekday"),
        (&weekdays, "-2:-1", "-2 is not a valid weekday"),
        (&weekdays, "blurgsday", "blurgsday is not a valid weekday"),
        (&weekdays, "Monday:FRIDAY", ""),
        (&days, "0", "0 is not a valid day of the month: out of range"),
        (&days, "-50:-20", "-50 is not a valid day of the month: out of range"),
        (&days, "1:50", "50 is not a valid day of the month: out of range"),
        (&days, "-15:5", "end day must be negative if start day is negative"),
        (&days, "10:-25", "end day -25 is always before start day 10"),
        (&days, "1:-1", ""),
        (&days, "1:2:3", "couldn't parse range 1:2:3, invalid format"),
        (&months, "december:january", "end month january is before start month december"),
        (&months, "martius:june", "martius is not a valid month"),
        (&months, "JUNE:9", ""),
        (&years, "2022:2020", "end year 2020 is before start year 2022"),
        (&years, "soon", "\"soon\" is not a number"),
    ] {
        let problem = parse(text).err().unwrap_or_default();
        assert!(
            problem.starts_with(expected) && problem.is_empty() == expected.is_empty(),
            "{text}: {problem}"
        );
    }
    assert_eq!(zone("Mars/Base").unwrap_err(), "unknown time zone Mars/Base");
}

fn named(name: &str, list: &[TimeInterval]) -> Arc<Intervals> {
    Arc::new(Intervals { name: name.into(), list: list.to_vec() })
}

#[test]
fn by_name() {
    let sydney = ("zone", &["Australia/Sydney"][..]);
    let evenings = named("evenings", &[interval(&[("times", &["00:00-09:00", "17:00-24:00"]), sydney])]);
    let weekends = named("weekends", &[interval(&[("weekdays", &["saturday", "sunday"]), sydney])]);
    for (moment, expected) in [
        ("2024-01-01T00:00:00+11:00", &["evenings"][..]),
        ("2024-01-01T09:00:00+11:00", &[]),
        ("2024-01-06T10:00:00+11:00", &["weekends"]),
        ("2024-01-06T17:00:00+11:00", &["evenings", "weekends"]),
        ("2024-01-01T10:00:00Z", &["evenings"]),
    ] {
        let at = at(moment).into();
        let found: Vec<&str> =
            [&evenings, &weekends].into_iter().filter(|it| it.contain(at)).map(|it| &*it.name).collect();
        assert_eq!(found, expected, "{moment}");
    }
}

#[test]
fn until_when() {
    let berlin = ("zone", &["Europe/Berlin"][..]);
    let known = [
        named("night", &[interval(&[("times", &["22:00-24:00", "00:00-06:00"])])]),
        named("weekend", &[interval(&[("weekdays", &["saturday", "sunday"])])]),
        named("office", &[interval(&[("weekdays", &["monday:friday"]), ("times", &["09:00-17:00"])])]),
        named("gap", &[interval(&[("times", &["02:00-03:00"]), berlin])]),
        named("fold", &[interval(&[("times", &["02:00-02:30"]), berlin])]),
        named("always", &[interval(&[])]),
    ];
    let of = |names: &[&str]| -> Vec<Arc<Intervals>> {
        known.iter().filter(|intervals| names.contains(&&*intervals.name)).cloned().collect()
    };
    for (mute, active, now, expected) in [
        (&["night"][..], &[][..], "2026-11-20T12:00:00Z", None),
        (&["night"], &[], "2026-11-20T23:15:00Z", Some("2026-11-21T06:00:00Z")),
        // Saturday's and Sunday's whole days, and the nights around
        (&["night", "weekend"], &[], "2026-11-20T23:15:00Z", Some("2026-11-23T06:00:00Z")),
        (&[], &["office"], "2026-11-20T16:59:00Z", None),
        (&[], &["office"], "2026-11-20T17:00:00Z", Some("2026-11-23T09:00:00Z")),
        (&["weekend"], &["office"], "2026-11-21T10:00:00Z", Some("2026-11-23T09:00:00Z")),
        // an hour that is not there, and one that is there twice
        (&["gap"], &[], "2026-03-29T01:30:00Z", None),
        (&["gap"], &[], "2026-03-28T01:30:00Z", Some("2026-03-28T02:00:00Z")),
        (&["fold"], &[], "2026-10-25T00:10:00Z", Some("2026-10-25T00:30:00Z")),
        (&["fold"], &[], "2026-10-25T00:40:00Z", None),
        (&["fold"], &[], "2026-10-25T01:10:00Z", Some("2026-10-25T01:30:00Z")),
    ] {
        let found = muted(&of(mute), &of(active), at(now).into()).map(Moment::timestamp);
        assert_eq!(found, expected.map(at), "{mute:?} {active:?} {now}");
    }
    // a search has an end, and whoever asked asks again
    let now = at("2026-11-20T12:00:00Z").into();
    assert!(muted(&of(&["always"]), &[], now).is_some_and(|until| until > now));
}

#[test]
fn nights_that_are_split() {
    for (parts, expected) in [
        (&[("times", &["22:00-24:00", "00:00-06:00"][..])][..], false),
        (&[("times", &["22:00-24:00", "00:00-06:00"]), ("weekdays", &["friday"])], true),
        (&[("times", &["22:00-24:00", "00:00-06:00"]), ("weekdays", &["sunday:saturday"])], false),
        (&[("times", &["00:00-24:00"]), ("weekdays", &["friday"])], false),
        (&[("times", &["22:00-24:00"]), ("weekdays", &["friday"])], false),
    ] {
        assert_eq!(interval(parts).splits_a_night(), expected, "{parts:?}");
    }
}
