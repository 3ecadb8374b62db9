//! How many passed and how many failed: read from what test runners print.

use std::fmt;
use std::ops::AddAssign;

use crate::run::Ran;

/// Tests and checks, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// One check.
    pub(crate) fn one(passed: bool) -> Self {
        Self { passed: passed.into(), failed: (!passed).into(), skipped: 0 }
    }

    /// What a runner counted. One that failed without counting a failure, or did not count at all, is a failure.
    pub(crate) fn of(ran: &Ran, count: impl Fn(&str) -> Option<Self>) -> Self {
        let mut counts = Self::default();
        let mut counted = false;
        for found in ran.output.lines().filter_map(count) {
            counts += found;
            counted = true;
        }
        if counts.failed == 0 && !(ran.success && counted) {
            counts.failed = 1;
        }
        counts
    }

    /// cargo-nextest's closing line.
    pub(crate) fn nextest(line: &str) -> Option<Self> {
        let (_, counted) = line.trim_start().strip_prefix("Summary [")?.split_once("run: ")?;
        Some(Self::parts(&without_brackets(counted), ", "))
    }

    /// The closing line of each of cargo's own test binaries.
    pub(crate) fn libtest(line: &str) -> Option<Self> {
        let (_, counted) = line.strip_prefix("test result: ")?.split_once(". ")?;
        Some(Self::parts(counted, "; "))
    }

    fn parts(text: &str, separator: &str) -> Self {
        let mut counts = Self::default();
        for (number, word) in text.split(separator).filter_map(|part| part.trim().split_once(' ')) {
            let number = number.parse().unwrap_or(0);
            match word.trim() {
                "passed" => counts.passed += number,
                "skipped" | "ignored" => counts.skipped += number,
                "failed" | "timed out" | "exec failed" => counts.failed += number,
                _ => {}
            }
        }
        counts
    }
}

/// `6 passed (1 slow, 1 leaky), 1 failed` without what stands in brackets.
fn without_brackets(text: &str) -> String {
    let mut depth = 0_u32;
    let outside = text.chars().filter(|letter| {
        match letter {
            '(' => depth += 1,
            ')' => {
                depth = depth.saturating_sub(1);
                return false;
            }
            _ => {}
        }
        depth == 0
    });
    outside.collect()
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 { write!(formatter, ", {} skipped", self.skipped) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(success: bool, output: &str, count: fn(&str) -> Option<Counts>, expected: &str) {
        let ran = Ran { success, output: output.to_owned() };
        assert_eq!(Counts::of(&ran, count).to_string(), expected);
    }

    #[test]
    fn nextest() {
        let check = |success, output, expected| check(success, output, Counts::nextest, expected);
        check(
            true,
            "PASS a\n     Summary [   0.022s] 7 tests run: 7 passed (1 slow, 2 leaky), 0 skipped\n",
            "7 passed, 0 failed",
        );
        check(
            false,
            "     Summary [   3.4s] 9/12 tests run: 6 passed, 1 failed, 1 timed out, 1 exec failed, 3 skipped",
            "6 passed, 3 failed, 3 skipped",
        );
        check(false, "     Summary [   3.4s] 1 test run: 1 passed, 0 skipped", "1 passed, 1 failed");
        check(false, "error: could not compile `toolkit`", "0 passed, 1 failed");
        check(true, "Summary: all is well", "0 passed, 1 failed");
    }

    #[test]
    fn libtest() {
        check(
            false,
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
             test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            Counts::libtest,
            "4 passed, 2 failed, 1 skipped",
        );
    }
}
