//! How a series of days goes: its level, its week, its noise. Plain numbers; whoever has money turns it into these first.

/// Days that are looked at: eight weeks, in which each weekday is there eight times.
pub(super) const WINDOW: usize = 56;

/// Days of which the level is made: four weeks are quiet enough, and recent enough for a product that grows.
const LEVEL_DAYS: usize = 28;

/// Days that notice a new level.
const RECENT_DAYS: usize = 7;

/// Standard errors by which the recent days differ when there is a new level.
const NEW_LEVEL: f64 = 3.5;

/// Shares of the lowest and of the highest days that the level leaves out: two of 28 at each end.
const TRIM: f64 = 0.1;

/// Factors of weekdays below this are none: nothing is used on that day.
const NEVER: f64 = 0.1;

/// The least noise that is believed in, as a share of the level: bills of the same thing are not the same for ever.
const LEAST_NOISE: f64 = 0.02;

/// By how much of itself a level moves in a month that nobody foresees: products grow.
const DRIFT: f64 = 0.035;

/// Noise is estimated from the days that it is to be added to, which makes it look smaller than it is.
const HIDDEN_NOISE: f64 = 1.5;

/// How each weekday compares with the average day; their mean is 1.
pub(super) type Week = [f64; 7];

/// What is used on a day, as far as the past tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usage {
    /// What an average day costs.
    level: f64,
    /// How weekdays differ.
    week: Week,
    /// The standard deviation of a day around what is expected, as a share of it.
    noise: f64,
    /// Days that the level is made of.
    days: f64,
}

/// What some days are expected to cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Expected {
    /// The sum.
    pub(super) sum: f64,
    /// Its variance.
    pub(super) variance: f64,
}

impl Usage {
    /// Learns from days in a row, oldest first, of which the last one has this weekday (0 to 6). None from fewer than three.
    pub(super) fn learn(values: &[f64], last_weekday: usize) -> Option<Self> {
        let values = last(values, WINDOW);
        if values.len() < 3 {
            return None;
        }
        // a service that began has no days before that
        let begins = values.iter().position(|value| *value != 0.0).unwrap_or(0);
        let values = last(values, (values.len() - begins).max(3));
        if last(values, RECENT_DAYS).iter().all(|value| *value == 0.0) {
            // it has stopped, or never began
            return Some(Self { level: 0.0, week: [1.0; 7], noise: 0.0, days: 1.0 });
        }
        // daily discounts go like what they are taken from
        if values.iter().sum::<f64>() < 0.0 {
            let flipped: Vec<f64> = values.iter().map(|value| -value).collect();
            return Some(Self::of_days(&flipped, last_weekday))
                .map(|usage| Self { level: -usage.level, ..usage });
        }
        Some(Self::of_days(values, last_weekday))
    }

    fn of_days(values: &[f64], last_weekday: usize) -> Self {
        let week = week(values, last_weekday);
        let flat: Vec<f64> = with_weekdays(values, last_weekday)
            .filter(|(_, weekday)| week[*weekday] >= NEVER)
            .map(|(value, weekday)| value / week[weekday])
            .collect();
        let zeros = flat.iter().filter(|value| **value == 0.0).count();
        if zeros * 10 > flat.len() * 3 {
            return Self::of_rare(last(&flat, WINDOW), week);
        }
        let four_weeks = last(&flat, LEVEL_DAYS);
        let (level, recent) = (trimmed_mean(four_weeks), last(&flat, RECENT_DAYS));
        let noise = (spread(&flat) / level.abs().max(f64::MIN_POSITIVE)).max(LEAST_NOISE);
        let error = level.abs() * noise / count(recent.len()).sqrt();
        let now = median(recent.to_vec());
        if flat.len() > LEVEL_DAYS / 2 && (now - level).abs() > NEW_LEVEL * error {
            return Self { level: now, week, noise, days: count(recent.len()) };
        }
        Self { level, week, noise, days: count(four_weeks.len()) }
    }

    /// Something that costs nothing on most days: its mean, without the largest day, which may never come again.
    fn of_rare(flat: &[f64], week: Week) -> Self {
        let largest = flat.iter().copied().fold(0.0, f64::max);
        let level = (flat.iter().sum::<f64>() - largest) / count(flat.len().saturating_sub(1).max(1));
        let squares: f64 = flat.iter().map(|value| (value - level).powi(2)).sum();
        let deviation = (squares / count(flat.len())).sqrt();
        let noise = if level > 0.0 { deviation / level } else { 0.0 };
        Self { level, week, noise, days: count(flat.len()) }
    }

    /// What a day is expected to cost.
    pub(super) fn on(&self, weekday: usize) -> f64 {
        self.level * self.week[weekday % 7]
    }

    /// What days of these weekdays are expected to cost together.
    pub(super) fn over(&self, weekdays: impl Iterator<Item = usize>) -> Expected {
        let (mut sum, mut squares, mut days) = (0.0, 0.0, 0.0);
        for weekday in weekdays {
            let day = self.on(weekday);
            sum += day;
            squares += day * day;
            days += 1.0;
        }
        // each day on its own, and all of them by the level, which is not known exactly and moves
        let noise = self.noise * self.noise * HIDDEN_NOISE;
        let drift = DRIFT * (self.days + days) / 60.0;
        Expected { sum, variance: squares * noise + sum * sum * (noise / self.days + drift * drift) }
    }
}

/// How weekdays differ: the median of each weekday's share of the week around it, as far as that is more than chance.
pub(super) fn week(values: &[f64], last_weekday: usize) -> Week {
    let mut shares: [Vec<f64>; 7] = Default::default();
    let days: Vec<(f64, usize)> = with_weekdays(values, last_weekday).collect();
    for around in days.windows(7) {
        let mean = around.iter().map(|(value, _)| value).sum::<f64>() / 7.0;
        let (value, weekday) = around[3];
        if mean > 0.0 {
            shares[weekday].push(value / mean);
        }
    }
    let least = shares.iter().map(Vec::len).min().unwrap_or(0);
    if least < 2 {
        return [1.0; 7];
    }
    let raw = shares.each_ref().map(|shares| median(shares.clone()));
    let mean = raw.iter().sum::<f64>() / 7.0;
    if mean <= 0.0 {
        return [1.0; 7];
    }
    let left = shares
        .iter()
        .zip(raw)
        .flat_map(|(shares, middle)| shares.iter().map(move |one| (one - middle).abs()));
    // how far medians of so many days lie from the truth by chance
    let samples = count(least);
    let noise = 1.4826 * median(left.collect()) * (samples / (samples - 1.0)).sqrt();
    let chance = 1.4 * noise * noise / samples;
    let seen = raw.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / 6.0;
    let believed = if seen > 0.0 { (1.0 - chance / seen).max(0.0) } else { 0.0 };
    raw.map(|one| 1.0 + believed * (one / mean - 1.0))
}

/// Each value with its weekday.
pub(super) fn with_weekdays(values: &[f64], last_weekday: usize) -> impl Iterator<Item = (f64, usize)> {
    // the first one's, counted back from the last one's
    let first = last_weekday + 7 - values.len().saturating_sub(1) % 7;
    values.iter().enumerate().map(move |(at, value)| (*value, (first + at) % 7))
}

/// The last ones.
pub(super) fn last(values: &[f64], count: usize) -> &[f64] {
    values.get(values.len().saturating_sub(count)..).unwrap_or_default()
}

/// The standard deviation of a bell as wide as these are, whatever a few of them do.
pub(super) fn spread(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    // 7 % at each end are left out: of all pairs of quantiles, these tell most about a bell
    (quantile(&values, 0.93) - quantile(&values, 0.07)) / 2.9516
}

/// The middle one; 0 of none.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.5)
}

/// Of sorted values; 0 of none.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * count(sorted.len().saturating_sub(1));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a short list")]
    let below = place.floor() as usize;
    let Some(low) = sorted.get(below) else { return 0.0 };
    let high = sorted.get(below + 1).unwrap_or(low);
    low + (high - low) * place.fract()
}

fn trimmed_mean(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a short list")]
    let cut = (count(values.len()) * TRIM) as usize;
    let kept = values.get(cut..values.len() - cut).unwrap_or_default();
    kept.iter().sum::<f64>() / count(kept.len().max(1))
}

#[expect(clippy::cast_precision_loss, reason = "short lists")]
pub(super) fn count(length: usize) -> f64 {
    length as f64
}
