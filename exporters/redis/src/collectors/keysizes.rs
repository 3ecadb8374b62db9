//! How big keys are: a histogram for each database and type, which Redis 8 keeps without looking through the keys.

use toolkit::expo::{Desc, Kind};

use super::{Part, Reading, Render};
use crate::command::Command;
use crate::info::items;
use crate::output::Output;

const BYTES: Desc<'_> = Desc {
    name: "keysizes_bytes",
    help: "Keys whose value is a string, by its length in bytes; the sum is not known (INFO dbN_distrib_strings_sizes).",
    kind: Kind::Histogram,
    labels: &["db", "type"],
};
const ITEMS: Desc<'_> = Desc {
    name: "keysizes_items",
    help: "Keys of the other types by how many items they hold; the sum is not known (INFO dbN_distrib_TYPE_items).",
    ..BYTES
};

/// Most histograms, each of some 20 series: five types in 16 databases. A server can be set to have billions.
const MAX_LINES: usize = 80;

pub(super) const PART: Part = Part {
    name: "keysizes",
    commands: &[Command::Info],
    metrics: || vec![BYTES, ITEMS],
    further: None,
    render: Render::Info(render),
};

fn render(reading: &Reading<'_>, output: &mut Output<'_>) {
    let lines = reading.info.fields().filter_map(|(name, list)| {
        let (database, distribution) = name.split_once("_distrib_")?;
        let (kind, unit) = distribution.rsplit_once('_')?;
        let desc = match unit {
            "sizes" => &BYTES,
            "items" => &ITEMS,
            _ => return None,
        };
        Some((desc, database, kind, list))
    });
    for (desc, database, kind, list) in lines.take(MAX_LINES) {
        let (buckets, count) = cumulative(list);
        output.histogram(desc, &[database, kind], &buckets, f64::NAN, count);
    }
}

/// The server's bins, each from its name up to the next power of two, as cumulative buckets. All bounds from 1 to the
/// last bin are there, so that none comes and goes while keys grow and shrink between them.
fn cumulative(list: &str) -> (Vec<(f64, u64)>, u64) {
    let mut counts = [0_u64; u64::BITS as usize + 1];
    for (bin, count) in items(list).filter_map(|(bin, count)| Some((bin_index(bin)?, count.parse().ok()?))) {
        if let Some(slot) = counts.get_mut(bin) {
            *slot = count;
        }
    }
    let last = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
    let mut total = 0_u64;
    let buckets = counts.iter().take(last + 1).enumerate().map(|(bin, count)| {
        total = total.saturating_add(*count);
        (upper_bound(bin), total)
    });
    let buckets = buckets.collect();
    (buckets, total)
}

/// The place of a bin: 0 for empty values, else one more than the power of two that it begins with.
fn bin_index(bin: &str) -> Option<usize> {
    let digits = bin.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match bin.strip_prefix(digits)? {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        "P" => 50,
        "E" => 60,
        _ => return None,
    };
    match digits.parse::<u64>().ok()? {
        0 => Some(0),
        size => usize::try_from(size.ilog2() + unit + 1).ok(),
    }
}

/// The biggest size that belongs to a bin.
fn upper_bound(bin: usize) -> f64 {
    let power = i32::try_from(bin).unwrap_or(i32::MAX);
    2_f64.powi(power) - 1.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::render;
    use super::*;

    #[test]
    fn bins_become_cumulative_buckets() {
        let info = "db0_distrib_strings_sizes:0=1,2=3,1K=2\r\ndb0_distrib_lists_items:4=5\r\n\
                    db0:keys=1\r\ndb0_distrib_strings_colours:1=1\r\n";
        let (lines, _) = render(PART, info, vec![]);
        for line in [
            "keysizes_bytes_bucket{db=\"db0\",type=\"strings\",le=\"0\"} 1",
            "keysizes_bytes_bucket{db=\"db0\",type=\"strings\",le=\"1\"} 1",
            "keysizes_bytes_bucket{db=\"db0\",type=\"strings\",le=\"3\"} 4",
            "keysizes_bytes_bucket{db=\"db0\",type=\"strings\",le=\"1023\"} 4",
            "keysizes_bytes_bucket{db=\"db0\",type=\"strings\",le=\"2047\"} 6",
            "keysizes_bytes_bucket{db=\"db0\",type=\"strings\",le=\"+Inf\"} 6",
            "keysizes_bytes_sum{db=\"db0\",type=\"strings\"} NaN",
            "keysizes_bytes_count{db=\"db0\",type=\"strings\"} 6",
            "keysizes_items_bucket{db=\"db0\",type=\"lists\",le=\"7\"} 5",
        ] {
            assert!(lines.iter().any(|found| found == line), "{line}\n{lines:#?}");
        }
        assert!(!lines.iter().any(|line| line.contains("colours")));
    }

    #[test]
    fn bins() {
        for (bin, expected) in [
            ("0", Some(0)),
            ("1", Some(1)),
            ("2", Some(2)),
            ("512", Some(10)),
            ("1K", Some(11)),
            ("512M", Some(30)),
            ("8E", Some(64)),
            ("1X", None),
            ("K", None),
            ("", None),
            ("-1", None),
        ] {
            assert_eq!(bin_index(bin), expected, "{bin}");
        }
        assert_eq!(
            [0, 1, 2, 11].map(upper_bound).map(f64::to_bits),
            [0.0, 1.0, 3.0, 2047.0].map(f64::to_bits)
        );
    }

    proptest! {
        #[test]
        fn no_list_panics(list in "([0-9]{0,20}[KMGTPEX]?=[0-9]{0,22},?){0,10}") {
            let (buckets, count) = cumulative(&list);
            prop_assert!(buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1));
            prop_assert_eq!(buckets.last().map(|bucket| bucket.1), Some(count));
        }
    }
}
