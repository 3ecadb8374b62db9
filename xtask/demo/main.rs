//! The demo: the whole suite on real servers, an inbox that shows what arrives, and buttons that break things.
//!
//! The servers and programs are the crate `stage`; here is what a person sees of it. `cargo xtask demo` builds and starts
//! this with `stay`, `check`, `break NAME` or `restore NAME`.
//!
//! Invariants: everything listens on loopback; nothing outlives the demo, however it ends.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::folder::DemoFolder;

mod check;
mod control;
mod folder;
mod news;
mod screen;
mod stay;

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

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn run(arguments: &[&str]) -> Result<()> {
    let folder = DemoFolder::find()?;
    match arguments {
        ["stay"] => Box::pin(stay::run(folder)).await,
        ["check"] => Box::pin(check::run(folder)).await,
        [what @ ("break" | "restore"), name] => control::ask(&folder, what, name).await,
        _ => bail!("this is a part of `cargo xtask demo`; hint: start that"),
    }
}
