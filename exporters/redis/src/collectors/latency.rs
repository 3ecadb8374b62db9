//! Latency by command, as percentiles and as histograms, and latency spikes.
//!
//! A server sends only the histogram buckets at which the count grows. Here those between its first and its last are
//! there too, so that a bucket that appeared stays until the server forgets all: fewer series than the whole ladder
//! for each command, and none that come and go. The sum of a histogram is the command's time in INFO.

use std::collections::HashMap;

use toolkit::expo::{Desc, Kind};

use super::{Part, Reading, Render, Show};
use crate::command::Command;
use crate::error::Reason;
use crate::info::{item, items, number};
use crate::output::Output;
use crate::reply::Reply;

const PERCENTILES: Desc<'_> = Desc {
    name: "latency_percentiles_usec",
    help: "Latency of the command in microseconds; quantile is in percent (INFO latency_percentiles_usec_CMD).",
    kind: Kind::Summary,
    labels: &["cmd"],
};
const HISTOGRAM: Desc<'_> = Desc {
    name: "commands_latencies_usec",
    help: "Latency of the command in microseconds (LATENCY HISTOGRAM; the sum is INFO cmdstat_CMD usec).",
    kind: Kind::Histogram,
    labels: &["cmd"],
};
const SPIKE: Desc<'_> = Desc {
    name: "latency_spike_last",
    help: "When the event last took longer than latency-monitor-threshold, in Unix time (LATENCY LATEST).",
    kind: Kind::Gauge,
    labels: &["event_name"],
};
const SPIKE_DURATION: Desc<'_> = Desc {
    name: "latency_spike_duration_seconds",
    help: "How long the event then took (LATENCY LATEST).",
    ..SPIKE
};

/// The bounds in microseconds that a server can send: powers of two of 1.024 µs up to 1 s, each rounded up to the
/// end of its bucket in the server's histogram of two significant digits.
const LADDER: [u64; 21] = ladder();

const fn ladder() -> [u64; 21] {
    let mut bounds = [0; 21];
    let mut power = 0;
    while power < bounds.len() {
        bounds[power] = ((1032 << power) - 1) / 1000;
        power += 1;
    }
    bounds
}

const SPIKE_LONGEST: Desc<'_> = Desc {
    name: "latency_spike_max_duration_seconds",
    help: "How long the event took at most since the latency monitor was reset (LATENCY LATEST).",
    ..SPIKE
};

/// LATENCY LATEST tells milliseconds.
const MILLISECONDS: f64 = 1e3;

pub(super) const PART: Part = Part {
    name: "latency",
    commands: &[Command::Info, Command::LatencyLatest, Command::LatencyHistogram],
    metrics: || vec![PERCENTILES, HISTOGRAM, SPIKE, SPIKE_DURATION, SPIKE_LONGEST],
    further: None,
    render: Render::Replies(render),
};

fn render(reading: &Reading<'_>, output: &mut Output<'_>) -> Result<(), Reason> {
    let totals: HashMap<&str, (f64, u64)> = reading
        .info
        .with_prefix("cmdstat_")
        .filter_map(|(command, list)| {
            let calls = item(list, "calls")?.parse().ok()?;
            Some((command, (item(list, "usec").and_then(number)?, calls)))
        })
        .collect();
    percentiles(reading, &totals, output);
    let spikes = reading.answers.reply(Command::LatencyLatest).map(|reply| render_spikes(reply, output));
    let histograms = reading.answers.reply(Command::LatencyHistogram).map(|reply| {
        if let Some(reply) = reply {
            render_histograms(reply, reading.show, &totals, output);
        }
    });
    spikes.and(histograms)
}

fn percentiles(reading: &Reading<'_>, totals: &HashMap<&str, (f64, u64)>, output: &mut Output<'_>) {
    for (command, list) in reading.info.with_prefix("latency_percentiles_usec_") {
        let quantiles: Vec<(f64, f64)> = items(list)
            .filter_map(|(name, text)| Some((number(name.strip_prefix('p')?)?, number(text)?)))
            .collect();
        let (sum, count) = totals.get(command).copied().unwrap_or_default();
        output.summary(&PERCENTILES, &[command], &quantiles, sum, count);
    }
}

/// Each spike is a list: event, time, latest, longest.
fn render_spikes(reply: Option<&Reply>, output: &mut Output<'_>) {
    for spike in reply.map(Reply::items).unwrap_or_default() {
        if let [event, time, latest, longest @ ..] = spike.items()
            && let Some(event) = event.text()
        {
            let seconds = |reply: &Reply| reply.number().map(|milliseconds| milliseconds / MILLISECONDS);
            output.add(&SPIKE, &[event], time.number());
            output.add(&SPIKE_DURATION, &[event], seconds(latest));
            output.add(&SPIKE_LONGEST, &[event], longest.first().and_then(seconds));
        }
    }
}

/// Commands in turn with a list: `calls`, a number, `histogram_usec`, a list of bounds and cumulative counts.
fn render_histograms(
    reply: &Reply,
    show: &Show,
    totals: &HashMap<&str, (f64, u64)>,
    output: &mut Output<'_>,
) {
    let ladder = thin(show.histogram_buckets);
    let count_of = |reply: &Reply| match reply {
        Reply::Integer(count) => u64::try_from(*count).ok(),
        _ => None,
    };
    for (command, facts) in reply.pairs() {
        let fact = |wanted| facts.pairs().find(|(name, _)| name.text() == Some(wanted)).map(|(_, fact)| fact);
        let (Some(command), Some(calls), Some(histogram)) =
            (command.text(), fact("calls").and_then(count_of), fact("histogram_usec"))
        else {
            continue;
        };
        if show.histogram_commands.as_ref().is_some_and(|wanted| !wanted.matches(command)) {
            continue;
        }
        let sent: Vec<(u64, u64)> = histogram
            .pairs()
            .filter_map(|(bound, count)| Some((count_of(bound)?, count_of(count)?)))
            .collect();
        let (sum, _) = totals.get(command).copied().unwrap_or_default();
        output.histogram(&HISTOGRAM, &[command], &fill(&sent, &ladder), sum, calls);
    }
}

/// The ladder with at most so many bounds; 0 is no limit. The same for all commands, and it ends where the ladder ends.
fn thin(most: usize) -> Vec<u64> {
    if most == 0 || most >= LADDER.len() {
        return LADDER.to_vec();
    }
    let kept = (1..=most).map(|place| place * LADDER.len() / most - 1);
    kept.filter_map(|index| LADDER.get(index)).copied().collect()
}

/// The sent buckets on the ladder, from the first that was sent up to where all that was sent is counted. A bound that
/// is not on the ladder (of a newer server) counts at the next bound that is.
fn fill(sent: &[(u64, u64)], ladder: &[u64]) -> Vec<(f64, u64)> {
    let (Some((first, _)), Some((last, _))) = (sent.first(), sent.last()) else { return Vec::new() };
    let mut rest = sent.iter().peekable();
    let mut count = 0;
    let mut filled = Vec::new();
    for bound in ladder.iter().copied().filter(|bound| bound >= first) {
        while let Some((_, cumulative)) = rest.next_if(|(sent, _)| *sent <= bound) {
            count = *cumulative;
        }
        #[expect(clippy::cast_precision_loss, reason = "bounds are far below 2^53")]
        filled.push((bound as f64, count));
        if bound >= *last {
            break;
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{render, text};
    use super::*;
    use crate::reply::Refusal;

    fn integers(numbers: &[i64]) -> Reply {
        Reply::List(numbers.iter().map(|number| Reply::Integer(*number)).collect())
    }

    #[test]
    fn the_ladder_is_what_servers_send() {
        assert_eq!(
            LADDER,
            [
                1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113, 4227, 8454, 16908, 33816, 67633, 135_266,
                270_532, 541_065, 1_082_130
            ]
        );
    }

    #[test]
    fn buckets_are_filled() {
        for (sent, most, expected) in [
            (&[(8, 1), (66, 9)][..], 0, vec![(8.0, 1), (16.0, 1), (33.0, 1), (66.0, 9)]),
            (&[(8, 1), (20, 4), (66, 9)], 0, vec![(8.0, 1), (16.0, 1), (33.0, 4), (66.0, 9)]),
            (&[(8, 1)], 0, vec![(8.0, 1)]),
            (&[(8, 1), (66, 9)], 7, vec![(33.0, 1), (264.0, 9)]),
            (&[(8, 1), (66, 9)], 1, vec![(1_082_130.0, 9)]),
            (&[], 0, vec![]),
        ] {
            assert_eq!(fill(sent, &thin(most)), expected, "{sent:?} {most}");
        }
    }

    #[test]
    fn a_thin_ladder_is_part_of_the_ladder() {
        for most in 1..30 {
            let thin = thin(most);
            assert_eq!((thin.len(), thin.last()), (most.min(LADDER.len()), LADDER.last()), "{most}");
            assert!(thin.windows(2).all(|pair| pair[0] < pair[1]), "{most}");
        }
        assert_eq!(thin(7), [4, 33, 264, 2113, 16908, 135_266, 1_082_130]);
    }

    proptest! {
        #[test]
        fn buckets_stay_true(
            mut steps in prop::collection::vec((1..2_000_000_u64, 1..100_u64), 0..12), most in 0..25_usize
        ) {
            steps.sort_unstable();
            steps.dedup_by_key(|step| step.0);
            let mut total = 0;
            let sent: Vec<(u64, u64)> = steps.iter().map(|(bound, more)| { total += more; (*bound, total) }).collect();
            for (bound, count) in fill(&sent, &thin(most)) {
                let below = sent.iter().rev().find(|(sent, _)| f64::from(u32::try_from(*sent).unwrap()) <= bound);
                prop_assert_eq!(count, below.map_or(0, |(_, count)| *count));
            }
        }
    }

    #[test]
    fn histograms_have_the_sum_of_any_command() {
        let histogram = |command, calls, buckets: &[i64]| {
            let facts = vec![text("calls"), Reply::Integer(calls), text("histogram_usec"), integers(buckets)];
            [text(command), Reply::List(facts)]
        };
        let reply = Reply::List(
            [histogram("bitfield_ro", 3, &[16, 1, 33, 3]), histogram("client|no-evict", 1, &[4, 1])].concat(),
        );
        let info = "cmdstat_bitfield_ro:calls=3,usec=60\r\ncmdstat_client|no-evict:calls=1,usec=3\r\n";
        let (lines, result) = render(PART, info, vec![(Command::LatencyHistogram, Ok(reply))]);
        assert_eq!(result, Ok(()));
        assert_eq!(lines.len(), 2 + 3 + 1 + 3);
        for line in [
            "commands_latencies_usec_bucket{cmd=\"bitfield_ro\",le=\"16\"} 1",
            "commands_latencies_usec_bucket{cmd=\"bitfield_ro\",le=\"33\"} 3",
            "commands_latencies_usec_bucket{cmd=\"bitfield_ro\",le=\"+Inf\"} 3",
            "commands_latencies_usec_sum{cmd=\"bitfield_ro\"} 60",
            "commands_latencies_usec_count{cmd=\"bitfield_ro\"} 3",
            "commands_latencies_usec_sum{cmd=\"client|no-evict\"} 3",
        ] {
            assert!(lines.iter().any(|found| found == line), "{line}\n{lines:#?}");
        }
    }

    #[test]
    fn percentiles_and_spikes() {
        let info =
            "cmdstat_get:calls=4,usec=10\r\nlatency_percentiles_usec_get:p50=1.003,p99=4.015,p99.9=5\r\n";
        let [time, latest, longest] = [1_700_000_000, 250, 1500].map(Reply::Integer);
        let spike = Reply::List(vec![text("command"), time, latest, longest]);
        let spikes = Reply::List(vec![spike, Reply::List(vec![text("half")]), Reply::Nil]);
        let (lines, result) = render(PART, info, vec![(Command::LatencyLatest, Ok(spikes))]);
        assert_eq!(result, Ok(()));
        assert_eq!(
            lines,
            [
                "latency_percentiles_usec{cmd=\"get\",quantile=\"50\"} 1.003",
                "latency_percentiles_usec{cmd=\"get\",quantile=\"99\"} 4.015",
                "latency_percentiles_usec{cmd=\"get\",quantile=\"99.9\"} 5",
                "latency_percentiles_usec_sum{cmd=\"get\"} 10",
                "latency_percentiles_usec_count{cmd=\"get\"} 4",
                "latency_spike_duration_seconds{event_name=\"command\"} 0.25",
                "latency_spike_last{event_name=\"command\"} 1700000000",
                "latency_spike_max_duration_seconds{event_name=\"command\"} 1.5",
            ]
        );
    }

    #[test]
    fn one_denied_command_costs_only_its_own_samples() {
        let denied = Err(Refusal::new("NOPERM", ""));
        let spike = Reply::List(vec![text("fork"), Reply::Integer(1), Reply::Integer(1)]);
        let replies =
            vec![(Command::LatencyHistogram, denied), (Command::LatencyLatest, Ok(Reply::List(vec![spike])))];
        let (lines, result) = render(PART, "", replies);
        assert_eq!((lines.len(), result), (2, Err(Reason::NoPerm)));
    }
}
