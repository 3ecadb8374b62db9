//! `cargo xtask <command>`: the developer's commands.
//!
//! | command | what it does |
//! |---|---|
//! | `test` | installs what is missing and runs every check; ends with one line of counts |
//! | `demo` | starts the whole suite for a person and shows an alert arrive |
//! | `bench` | runs the benchmarks, and our exporters beside their peers |
//! | `docs` | writes the generated parts of the documentation |
//! | `smoke` | makes the images and runs them in Docker until all are healthy |
//! | `package` | makes a Debian package of each program |
//!
//! This binary must never depend on another crate of the workspace: it has to run seconds after a fresh clone, to
//! say what is missing before anything long is built. What needs the workspace (`demo/`, `docs/`, `compare/`) is
//! an example of this package.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::screen::Screen;
use crate::workspace::{Workspace, become_program};

mod counts;
mod demo;
mod machine;
mod package;
mod programs;
mod promtool;
mod run;
mod screen;
mod smoke;
mod stack;
mod steps;
mod test;
mod tools;
mod workspace;

/// The developer's commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Xtask {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing and run every check: format, lints, tests, rules, documentation, demo
    Test,
    /// Start the whole suite on this machine, with an inbox that shows the Slack messages and mails
    Demo(Demo),
    /// Run the benchmarks, then our exporters beside their peers where those are installed
    Bench,
    /// Write the generated parts of the documentation: tables of flags and metrics
    Docs {
        /// Write nothing; fail with the difference when a file is not up to date
        #[arg(long)]
        check: bool,
    },
    /// Make the images of the Dockerfile without a registry, and run them in Docker until all are healthy
    Smoke,
    /// Make a Debian package of each program, in target/package
    Package,
}

#[derive(clap::Args)]
#[group(multiple = false)]
struct Demo {
    /// Let an alert fire and resolve without anybody watching, and exit with 0 or 1
    #[arg(long)]
    check: bool,
    /// Break something in the running demo, `redis` for example; a wrong name is answered with all there are
    #[arg(long = "break", value_name = "NAME")]
    fault: Option<String>,
    /// Mend it
    #[arg(long, value_name = "NAME")]
    restore: Option<String>,
}

fn main() -> ExitCode {
    let screen = Screen::new();
    match run(&Xtask::parse().command, &screen) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            screen.line(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command, screen: &Screen) -> Result<bool> {
    let workspace = Workspace::find()?;
    match command {
        Command::Test => test::run(&workspace, screen),
        Command::Demo(Demo { check, fault, restore }) => {
            let arguments = match (fault, restore) {
                (Some(name), _) => vec!["break", name],
                (_, Some(name)) => vec!["restore", name],
                _ if *check => vec!["check"],
                _ => vec!["stay"],
            };
            if fault.is_none() && restore.is_none() && !machine::prepare(machine::DEMO, screen)? {
                return Ok(false);
            }
            workspace.build(&["--bins", "--example", "demo"])?;
            become_program(demo::command(&workspace, &arguments)?)
        }
        Command::Bench => {
            if !machine::prepare(machine::DEMO, screen)? {
                return Ok(false);
            }
            workspace.cargo_visibly(&["bench", "--workspace", "--bench", "*"])?;
            // as people build it, not with what else the workspace needs
            for package in ["redis-exporter", "postgres-exporter", "synthetic-exporter"] {
                workspace.cargo_visibly(&["build", "--release", "--package", package])?;
            }
            workspace.build(&["--example", "compare"])?;
            become_program(workspace.example("compare", &[]))
        }
        Command::Docs { check } => {
            workspace.build(&["--example", "docs"])?;
            become_program(workspace.example("docs", if *check { &["check"] } else { &["write"] }))
        }
        Command::Smoke => smoke::run(&workspace, screen),
        Command::Package => package::run(&workspace, screen).map(|()| true),
    }
}
