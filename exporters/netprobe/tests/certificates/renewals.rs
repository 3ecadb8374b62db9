//! Two years of renewals on a clock of our own: who renews in time is never called late, and who stops is called late
//! at the first check after it counts.

use netprobe::cert::lifetime::{POLICIES, grace, remaining_ratio, renewal_due, renewal_overdue};
use proptest::prelude::*;

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;
const START: i64 = 1_800_000_000;

/// Lifetimes in days that are in use, or will be; the last ones are of internal authorities.
const LIFETIMES: [i64; 9] = [6, 10, 45, 47, 90, 200, 398, 500, 730];

/// Two years in which a renewer looks every `every` seconds and renews what is due; a monitor looks every `check`
/// seconds. The renewer stops for good at `stall`. Returns when the monitor said that it is overdue.
fn two_years(lifetime: i64, every: i64, check: i64, stall: Option<i64>) -> Option<i64> {
    let mut not_before = START;
    let mut next_look = START;
    for now in (START..START + 730 * DAY).step_by(usize::try_from(check).unwrap()) {
        while next_look <= now {
            let works = stall.is_none_or(|stall| next_look < stall);
            if works && next_look >= renewal_due(not_before, not_before + lifetime) {
                // authorities set the clock back an hour
                not_before = next_look - HOUR;
            }
            next_look += every;
        }
        if renewal_overdue(not_before, not_before + lifetime, now) {
            return Some(now);
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nobody_who_looks_daily_is_called_late(
        which in 0..LIFETIMES.len(),
        every in HOUR..=DAY - 2 * HOUR,
        check in 5 * 60..=HOUR,
    ) {
        prop_assert_eq!(two_years(LIFETIMES[which] * DAY, every, check, None), None);
    }

    #[test]
    fn a_stall_is_found_within_one_check(
        which in 0..LIFETIMES.len(),
        check in 5 * 60..=HOUR,
        stall in 10..300_i64,
    ) {
        let lifetime = LIFETIMES[which] * DAY;
        let stall = START + stall * DAY;
        let found = two_years(lifetime, 12 * HOUR, check, Some(stall)).unwrap();
        // the last renewal was before the stall, and at most a period before it
        let latest = stall + renewal_due(0, lifetime) + grace(lifetime);
        prop_assert!(found > stall.min(latest) - lifetime && found <= latest + check, "{found} {latest}");
        // and there is time left to act
        let left = lifetime - renewal_due(0, lifetime) - grace(lifetime);
        prop_assert!(left > lifetime.min(398 * DAY) / 100 * 16);
    }
}

/// Hours begun count: a twentieth of 47 days is 56.4 hours.
#[test]
fn the_first_moment_of_being_late() {
    for (days, late_after_hours) in [(6, 96 + 24), (47, 752 + 57), (90, 1440 + 108), (398, 6368 + 478)] {
        let lifetime = days * DAY;
        let late = (0..lifetime / HOUR).find(|hour| renewal_overdue(0, lifetime, hour * HOUR + 1)).unwrap();
        assert_eq!(late, late_after_hours, "{days} days");
    }
    assert!(!renewal_overdue(0, HOUR, 49 * 60));
    assert!(renewal_overdue(0, HOUR, 51 * 60), "lifetimes of an hour have a grace of minutes");
}

/// The last 132 days and 16 hours, and 19 days and 22 hours of grace: long before that nobody thinks of renewing.
#[test]
fn certificates_of_many_years_are_due_in_the_last_third_of_398_days() {
    for years in [2, 5, 10, 100, 7970] {
        let lifetime = years * 365 * DAY;
        let due = renewal_due(0, lifetime);
        assert_eq!((lifetime - due) / HOUR, 132 * 24 + 16, "{years} years");
        assert_eq!(grace(lifetime), 398 * DAY / 20);
        let late = due + grace(lifetime);
        assert_eq!(
            (renewal_overdue(0, lifetime, late), renewal_overdue(0, lifetime, late + 1)),
            (false, true)
        );
    }
    // two years and not renewed at all: silent until then, and told within one check
    let silent = two_years(10 * 365 * DAY, DAY, HOUR, Some(0));
    assert_eq!(silent, None);
    let lifetime = 730 * DAY;
    let told = two_years(lifetime, DAY, HOUR, Some(0)).unwrap();
    let late = START + renewal_due(0, lifetime) + grace(lifetime);
    assert!((late..=late + HOUR).contains(&told), "{told} {late}");
}

#[test]
fn ratios_stay_between_none_and_all() {
    for (now, expected) in [(-5, 1.0), (0, 1.0), (25, 0.75), (100, 0.0), (1_000, 0.0)] {
        assert!((remaining_ratio(0, 100, now) - expected).abs() < f64::EPSILON, "{now}");
    }
    assert!(remaining_ratio(100, 0, 50).abs() < f64::EPSILON, "an end before the beginning");
    assert!(remaining_ratio(i64::MIN, i64::MAX, 0).is_finite());
}

#[test]
fn the_rules_to_come() {
    let [first, second, third] = POLICIES;
    assert_eq!([first.from, second.from, third.from], [1_773_532_800, 1_805_068_800, 1_868_227_200]);
    for (days, met) in
        [(398, [false; 3]), (199, [true, false, false]), (90, [true, true, false]), (45, [true; 3])]
    {
        assert_eq!(POLICIES.map(|policy| policy.is_met(0, days * DAY)), met, "{days}");
    }
    // a lifetime is one second longer than the difference of its ends
    assert!(!third.is_met(0, 47 * DAY) && third.is_met(0, 47 * DAY - 1));
    assert!(first.is_in_force(first.from) && !first.is_in_force(first.from - 1));
}
