//! A list of steps with their times, and the counts in the end.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::counts::Counts;
use crate::run::{Ran, run};
use crate::screen::{Screen, Tone};

/// Steps that run one after the other; a failed one does not stop the others.
pub(crate) struct Steps<'a> {
    screen: &'a Screen,
    total: usize,
    begun: usize,
    counts: Counts,
    failed: Vec<String>,
}

/// What a step found.
pub(crate) struct Found {
    pub(crate) counts: Counts,
    /// Shown when something failed.
    pub(crate) output: String,
    /// Shown when nothing failed.
    pub(crate) summary: Option<String>,
}

/// The line of the step that runs.
pub(crate) struct Line<'a> {
    screen: &'a Screen,
    begun: &'a str,
    start: Instant,
}

impl<'a> Steps<'a> {
    pub(crate) fn new(screen: &'a Screen, total: usize) -> Self {
        Self { screen, total, begun: 0, counts: Counts::default(), failed: Vec::new() }
    }

    /// Runs a step; tells whether nothing failed in it.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce(&Line<'_>) -> Result<Found>) -> bool {
        self.begun += 1;
        let begun = format!("[{:>2}/{}] {name} … ", self.begun, self.total);
        self.screen.begin(&begun);
        let line = Line { screen: self.screen, begun: &begun, start: now() };
        let found = work(&line).unwrap_or_else(|error| Found {
            counts: Counts::one(false),
            output: format!("error: {error:#}"),
            summary: None,
        });
        let took = seconds(line.start.elapsed());
        let good = found.counts.failed == 0;
        let word =
            if good { self.screen.paint(Tone::Good, "ok") } else { self.screen.paint(Tone::Bad, "FAILED") };
        self.screen.end(&begun, &format!("{word}  {}", self.screen.paint(Tone::Quiet, &took)));
        if !good {
            self.failed.push(name.to_owned());
            self.screen.line(&format!("\n{}\n", found.output.trim_end()));
        }
        if let Some(summary) = found.summary.filter(|_| good) {
            self.screen.line(&summary);
        }
        self.counts += found.counts;
        good
    }

    /// A step that one command decides by its exit code.
    pub(crate) fn check(&mut self, name: &str, mut command: Command) -> bool {
        command.env("CARGO_TERM_COLOR", self.screen.colours());
        self.step(name, |line| {
            let ran = line.watch(command)?;
            Ok(Found::check(&ran))
        })
    }

    /// A step that cannot run because another failed.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        self.begun += 1;
        self.counts.skipped += 1;
        self.screen.line(&format!("[{:>2}/{}] {name} … skipped: {why}", self.begun, self.total));
    }

    /// Writes the closing lines, the last of them the counts alone; tells whether nothing failed.
    pub(crate) fn close(self) -> bool {
        let good = self.counts.failed == 0;
        self.screen.line("");
        if !good {
            self.screen.line(&self.screen.paint(Tone::Bad, &format!("failed: {}", self.failed.join(", "))));
        }
        self.screen.line(&self.counts.to_string());
        good
    }
}

impl Found {
    /// One check.
    pub(crate) fn check(ran: &Ran) -> Self {
        Self { counts: Counts::one(ran.success), output: ran.essence(), summary: None }
    }
}

impl Line<'_> {
    /// Runs a command and shows its latest line beside the step's name.
    pub(crate) fn watch(&self, command: Command) -> Result<Ran> {
        run(command, |latest| self.note(latest))
    }

    /// Shows a note beside the step's name, on a terminal.
    pub(crate) fn note(&self, note: &str) {
        let took = seconds(self.start.elapsed());
        self.screen.progress(self.begun, &format!("{took}  {}", note.trim()));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the time a person waits; there is no runtime here, and no test of it"
)]
fn now() -> Instant {
    Instant::now()
}

fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        seconds @ 10..120 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_say_them() {
        for (milliseconds, expected) in
            [(40, "0.0 s"), (9_940, "9.9 s"), (12_600, "12 s"), (150_000, "2 min 30 s")]
        {
            assert_eq!(seconds(Duration::from_millis(milliseconds)), expected);
        }
    }
}
