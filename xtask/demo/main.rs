//! The demo: real Redis, Prometheus and Alertmanager, our programs between them, and an inbox that shows what arrives.
//!
//! ```text
//! Redis ← redis-exporter ← Prometheus (rules/) → Alertmanager → alertrouter → Slack double, SMTP double → inbox
//! ```
//!
//! `cargo xtask demo` builds and starts this with one word: `stay`, `check`, `break redis` or `restore redis`.
//!
//! Invariants: everything listens on loopback; nothing outlives the demo, however it ends.

use std::process::ExitCode;

use anyhow::{Result, bail};
use tokio::task::LocalSet;

use crate::folder::DemoFolder;

mod check;
mod control;
mod folder;
mod news;
mod ports;
mod programs;
mod rules;
mod screen;
mod stage;
mod stay;
mod watched_redis;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            screen::line(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(arguments: &[&str]) -> Result<()> {
    LocalSet::new().run_until(act(arguments)).await
}

async fn act(arguments: &[&str]) -> Result<()> {
    let folder = DemoFolder::find()?;
    match arguments {
        ["stay"] => stay::run(folder).await,
        ["check"] => check::run(folder).await,
        ["break", "redis"] => control::ask(&folder, "stop").await,
        ["restore", "redis"] => control::ask(&folder, "start").await,
        _ => bail!("this is a part of `cargo xtask demo`; hint: start that"),
    }
}
