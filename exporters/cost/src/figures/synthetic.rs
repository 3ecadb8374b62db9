//! The figures that research section 5 and 7 ask of forecasts and anomalies, on series that are made for it.

use super::course::weekday;
use super::forecast::forecasts;
use super::judge::{Gates, judge};
use super::testing::{Dice, book, line};
use crate::calendar::{Calendar, Day, Period, days_after, days_between};
use crate::charge::Category;
use crate::money::Money;

const FIRST: Day = Day::constant(2024, 1, 1);

/// What it is worth to have a share of its month on the first day as a fixed charge: a quarter of the whole.
const FIXED: f64 = 1.0 / 3.0;

/// Days that are known and not settled.
const LAG: i32 = 2;

/// What services cost that are made: 21 months of growing or shrinking use.
fn series(dice: &mut Dice, noise: f64, weekend: f64) -> Vec<(Day, f64)> {
    let (growth, base) = (0.98 + 0.07 * dice.uniform(), 10.0 + 90.0 * dice.uniform());
    let last = Day::constant(2025, 10, 1);
    let cost = |day: Day| {
        let months = f64::from(days_between(FIRST, day)) / 30.4;
        let rest = if weekday(day) >= 5 { weekend } else { 1.0 };
        (day, base * growth.powf(months) * rest * dice.noise(noise))
    };
    Period { start: FIRST, end: last }.iter().map(cost).collect()
}

fn sum(series: &[(Day, f64)], days: Period) -> f64 {
    series.iter().filter(|(day, _)| days.contains(*day)).map(|(_, cost)| cost).sum()
}

/// How far forecasts were from what came, in percent, sorted; of ours and of a straight line.
#[derive(Default)]
struct Errors {
    ours: Vec<f64>,
    linear: Vec<f64>,
    inside: usize,
}

impl Errors {
    fn median(errors: &[f64]) -> f64 {
        let mut sorted = errors.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    /// Makes the forecast of a day of each third month of many series, and holds it against what came.
    fn of(seeds: std::ops::Range<u64>, day: i32, noise: f64, weekend: f64) -> Self {
        let mut errors = Self::default();
        for seed in seeds {
            let mut dice = Dice(seed * 7919);
            for _ in 0..30 {
                let series = series(&mut dice, noise, weekend);
                for month in (2..20).step_by(3) {
                    let start = FIRST.saturating_add(jiff::Span::new().months(month));
                    errors.add(&series, Calendar::Utc.period_of(start), day);
                }
            }
        }
        errors
    }

    fn add(&mut self, series: &[(Day, f64)], month: Period, day: i32) {
        let today = days_after(month.start, day - 1);
        let settled = days_after(today, -1 - LAG);
        // what is not settled is not all there yet
        let seen = series.iter().filter(|(day, _)| *day <= today && days_between(*day, today) < 70);
        let usage =
            seen.map(|(day, cost)| (*day, Money::estimate(if *day > settled { cost * 0.6 } else { *cost })));
        let before = Calendar::Utc.previous(month);
        let fixed = [before, month].map(|month| (month.start, Money::estimate(sum(series, month) * FIXED)));
        let lines = vec![line("s", Category::Usage, usage), line("s", Category::Purchase, fixed)];
        let now = format!("{today}T12:00:00Z");
        let known = (FIRST.to_string(), settled.to_string());
        let book = book("name: p, type: fixed, items: []", &now, (&known.0, &known.1), lines);
        let found = forecasts(&book);
        let actual = sum(series, month) * (1.0 + FIXED);
        self.ours.push((found[0].amount.to_f64() - actual).abs() / actual * 100.0);
        self.inside += usize::from((found[0].lower.to_f64()..=found[0].upper.to_f64()).contains(&actual));
        let done = Period { start: month.start, end: days_after(settled, 1) };
        let linear = sum(series, done) / f64::from(done.days()) * f64::from(month.days());
        self.linear.push((linear + sum(series, month) * FIXED - actual).abs() / actual * 100.0);
    }
}

/// The forecast's median error in percent by day 5, 10 and 20.
fn check_forecasts(noise: f64, weekend: f64, most: [f64; 3]) {
    for (day, most) in [5, 10, 20].into_iter().zip(most) {
        let errors = Errors::of(1..9, day, noise, weekend);
        let (ours, linear) = (Errors::median(&errors.ours), Errors::median(&errors.linear));
        #[expect(clippy::cast_precision_loss, reason = "a thousand or so")]
        let inside = errors.inside as f64 / errors.ours.len() as f64;
        println!(
            "noise {noise}, weekend {weekend}, day {day}: {ours:.2} % (linear {linear:.2} %), band {inside:.3}"
        );
        assert!(ours <= most, "day {day}: {ours} %");
        assert!(ours <= linear + 0.5, "day {day}: {ours} %, a line {linear} %");
        assert!((0.75..=0.88).contains(&inside), "day {day}: the band has {inside}");
    }
}

#[test]
fn forecasts_of_quiet_services() {
    check_forecasts(0.1, 0.4, [3.0, 2.5, 1.5]);
}

#[test]
fn forecasts_of_quiet_services_without_weekends() {
    check_forecasts(0.1, 1.0, [3.0, 2.5, 1.5]);
}

#[test]
fn forecasts_of_noisy_services() {
    check_forecasts(0.25, 0.4, [6.0, 5.0, 3.0]);
}

#[test]
fn forecasts_of_noisy_services_without_weekends() {
    check_forecasts(0.25, 1.0, [6.0, 5.0, 3.0]);
}

/// What is found in 90 days of 50 services.
#[derive(Debug, Default)]
struct Found {
    days: f64,
    /// Days that are none and were called unusual, by us and by half as much again as the last week's mean.
    ours: f64,
    naive: f64,
    /// Days that cost so much more, at least $10, and how many of them were found.
    spikes: f64,
    hits: f64,
}

fn found(seed: u64, noise: f64, weekend: f64, spike: f64) -> Found {
    let mut dice = Dice(seed * 104_729);
    let mut found = Found::default();
    let gates = Gates::of_service(10.0);
    for service in 0..50_usize {
        let base = 20.0 + 180.0 * dice.uniform();
        let cost = |day: usize| {
            let rest = if (service + day) % 7 >= 5 { weekend } else { 1.0 };
            base * rest * dice.noise(noise)
        };
        let costs: Vec<f64> = (0..160).map(cost).collect();
        for day in 70..160 {
            let (history, weekday) = (&costs[day - 68..day], (service + day) % 7);
            let is_unusual = |cost| judge(history, (weekday + 6) % 7, cost, weekday, gates).unwrap().active;
            found.days += 1.0;
            found.ours += f64::from(u8::from(is_unusual(costs[day])));
            let week = costs[day - 7..day].iter().sum::<f64>() / 7.0;
            found.naive += f64::from(u8::from(costs[day] > 1.5 * week));
            if day % 3 == 0 && costs[day] * (spike - 1.0) >= 10.0 {
                found.spikes += 1.0;
                found.hits += f64::from(u8::from(is_unusual(costs[day] * spike)));
            }
        }
    }
    found
}

/// At most 1.5 false alerts per 1,000 service-days, ten times fewer than by the week's mean, 95 % of spikes found.
fn check_anomalies(noise: f64, spike: f64) {
    let (mut ours, mut naive, mut days) = (0.0, 0.0, 0.0);
    for (seed, weekend) in [(1, 1.0), (2, 0.4), (3, 1.0), (4, 0.4)] {
        let found = found(seed, noise, weekend, spike);
        println!("noise {noise}, weekend {weekend}: {found:?}");
        assert!(found.ours <= found.days * 0.0015, "false alerts: {found:?}");
        assert!(found.hits >= found.spikes * 0.95, "spikes: {found:?}");
        (ours, naive, days) = (ours + found.ours, naive + found.naive, days + found.days);
    }
    assert!(ours * 10.0 <= naive, "{ours} and {naive} of {days}");
}

#[test]
fn spikes_of_quiet_services_are_found() {
    check_anomalies(0.1, 2.0);
}

#[test]
fn spikes_of_noisy_services_are_found() {
    check_anomalies(0.25, 5.0);
}
