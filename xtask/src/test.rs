//! `cargo xtask test`: everything that must hold before a commit, and what CI calls.
//!
//! Each test and each check counts one; the last line is the counts alone.

use anyhow::Result;

use crate::counts::Counts;
use crate::demo;
use crate::machine;
use crate::promtool;
use crate::run::Ran;
use crate::screen::Screen;
use crate::stack;
use crate::steps::{Found, Line, Steps};
use crate::workspace::Workspace;

/// Steps below; the list shows how far it is.
const STEPS: usize = 12;

/// What is said of a step that needs binaries which could not be built.
const NOT_BUILT: &str = "the build failed";

/// Runs all of it; tells whether nothing failed.
pub(crate) fn run(workspace: &Workspace, screen: &Screen) -> Result<bool> {
    if !machine::prepare(machine::TEST, screen)? {
        return Ok(false);
    }
    let nextest = machine::nextest(workspace, screen)?;
    let mut steps = Steps::new(screen, STEPS);
    steps.check("format", workspace.cargo(&["fmt", "--all", "--check", "--", "--color", screen.colours()]));
    let clippy = ["clippy", "--workspace", "--all-targets", "--keep-going", "--", "--deny", "warnings"];
    steps.check("clippy", workspace.cargo(&clippy));
    // all targets, so that features are those of the tests and nothing is built twice
    let built = steps.check("build", workspace.cargo(&["build", "--workspace", "--all-targets"]));
    if built {
        steps.check("servers of tests", workspace.example("servers", &[]));
        steps.step("tests", |line| tests(workspace, line, nextest));
        steps.step("doc tests", |line| {
            let ran = line.watch(workspace.cargo(&["test", "--workspace", "--doc", "--no-fail-fast"]))?;
            Ok(Found { counts: Counts::of(&ran, Counts::libtest), output: ran.essence(), summary: None })
        });
    } else {
        steps.skip("servers of tests", NOT_BUILT);
        steps.skip("tests", NOT_BUILT);
        steps.skip("doc tests", NOT_BUILT);
    }
    steps.step("rules", |line| promtool::rules(workspace, line));
    // private items, too: who reads it is one of us
    let mut rustdoc = workspace.cargo(&[
        "doc",
        "--workspace",
        "--no-deps",
        "--lib",
        "--document-private-items",
        "--keep-going",
    ]);
    rustdoc.env("RUSTDOCFLAGS", "--deny warnings --allow rustdoc::private-intra-doc-links");
    steps.check("rustdoc", rustdoc);
    if built {
        steps.check("dashboards", workspace.example("dashboards", &[]));
        steps.check("generated docs", workspace.example("docs", &["check"]));
        steps.step("stack", |line| stack::check(workspace, line));
        steps.check("demo", demo::command(workspace, &["check"])?);
    } else {
        steps.skip("dashboards", NOT_BUILT);
        steps.skip("generated docs", NOT_BUILT);
        steps.skip("stack", NOT_BUILT);
        steps.skip("demo", NOT_BUILT);
    }
    Ok(steps.close())
}

fn tests(workspace: &Workspace, line: &Line<'_>, nextest: bool) -> Result<Found> {
    if !nextest {
        return plain_tests(workspace, line);
    }
    let command = workspace.cargo(&["nextest", "run", "--workspace", "--no-fail-fast", "--color=never"]);
    let mut passed = 0_u64;
    let ran = crate::run::run(command, |latest| {
        passed += u64::from(latest.trim_start().starts_with("PASS ["));
        line.note(if passed == 0 { latest.to_owned() } else { format!("{passed} passed") }.as_str());
    })?;
    let summary =
        ran.output.lines().filter(|line| Counts::nextest(line).is_some()).collect::<Vec<_>>().join("\n");
    Ok(Found {
        counts: Counts::of(&ran, Counts::nextest),
        output: failures(&ran),
        summary: Some(summary).filter(|summary| !summary.is_empty()),
    })
}

/// The same tests by cargo alone, without the doc tests, which are a step of their own, and without benchmarks.
fn plain_tests(workspace: &Workspace, line: &Line<'_>) -> Result<Found> {
    let targets = ["--lib", "--bins", "--tests", "--examples"];
    let command = workspace.cargo(&[&["test", "--workspace", "--no-fail-fast"], targets.as_slice()].concat());
    let ran = line.watch(command)?;
    let output = failures(&Ran { success: ran.success, output: ran.essence() });
    Ok(Found { counts: Counts::of(&ran, Counts::libtest), output, summary: None })
}

/// A run's output without the tests that passed.
fn failures(ran: &Ran) -> String {
    let kept = ran.output.lines().filter(|line| !is_pass(line));
    kept.collect::<Vec<_>>().join("\n")
}

/// A line of nextest, or of cargo's own runner, about nothing that failed.
fn is_pass(line: &str) -> bool {
    let line = line.trim();
    let counted = line.starts_with("running ") || line.starts_with("test result: ok. ");
    line.starts_with("PASS [") || counted || (line.starts_with("test ") && line.ends_with(" ... ok"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_not_drowned() {
        let output = "        PASS [   0.1s] (1/2) a b\n        FAIL [   0.1s] (2/2) a c\nrunning 2 tests\n\
                      test b ... ok\ntest c ... FAILED\ntest result: ok. 1 passed; 0 failed; 0 ignored";
        let ran = Ran { success: false, output: output.to_owned() };
        assert_eq!(failures(&ran), "        FAIL [   0.1s] (2/2) a c\ntest c ... FAILED");
    }
}
