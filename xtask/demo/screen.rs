//! What the demo writes to its standard output: one line a step, in place on a terminal.

use std::env;
use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use tokio::time::Instant;

/// Columns of the names of steps.
const NAMES: usize = 22;

/// Runs one step of the start: the line shows that it works, then that it is done and what came of it.
pub(crate) async fn step<T>(
    name: &str,
    work: impl Future<Output = Result<T>>,
    say: impl FnOnce(&T) -> String,
) -> Result<T> {
    if is_live() {
        write(&format!("   …  {name}"));
    }
    let start = Instant::now();
    let done = work.await;
    let word = if done.is_ok() { paint("32", "ok") } else { paint("31;1", "failed") };
    let said = done.as_ref().map(say).unwrap_or_default();
    let took = format!("{:.1} s", start.elapsed().as_secs_f64());
    let back = if is_live() { "\r\x1b[K" } else { "" };
    write(&format!("{back}  {word}  {name:NAMES$} {:>7}  {said}\n", paint("2", &took)));
    done
}

/// Writes a line.
pub(crate) fn line(text: &str) {
    write(&format!("{text}\n"));
}

/// Text in one of the terminal's colours, if there is a person to see it.
pub(crate) fn paint(code: &str, text: &str) -> String {
    let colour = is_live() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

fn is_live() -> bool {
    let ci = env::var_os("CI").is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !ci && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

fn write(text: &str) {
    let mut out = io::stdout().lock();
    // a reader that went away does not stop the demo
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}
