//! What the demo writes to its standard output: one line a step, in place on a terminal.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use stage::steps::Audience;
use tokio::time::Instant;

/// Columns of the names of steps.
const NAMES: usize = 22;

/// Columns of the line that names the steps under way: one that wraps cannot be taken back.
const WIDTH: usize = 76;

/// The steps of a start, which run side by side: each has its line when it has ended, and until then a place in the last.
pub(crate) struct Screen {
    under_way: Mutex<Vec<String>>,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self { under_way: Mutex::new(Vec::new()) }
    }
}

impl Audience for Screen {
    fn begins(&self, name: &str) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.push(name.to_owned());
        show(&under_way);
    }

    fn ends(&self, name: &str, took: Duration, found: Option<&str>) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|other| other != name);
        ended(name, took, found);
        show(&under_way);
    }
}

/// Names what is under way in a line that the next one writes over.
fn show(under_way: &[String]) {
    if is_live() && !under_way.is_empty() {
        let names: String = under_way.join(", ").chars().take(WIDTH).collect();
        write(&format!("\r\x1b[K   …  {names}"));
    }
}

fn ended(name: &str, took: Duration, found: Option<&str>) {
    let word = if found.is_some() { paint("32", "ok") } else { paint("31;1", "failed") };
    let took = format!("{:.1} s", took.as_secs_f64());
    let back = if is_live() { "\r\x1b[K" } else { "" };
    let found = found.unwrap_or_default();
    write(&format!("{back}  {word}  {name:NAMES$} {:>7}  {found}\n", paint("2", &took)));
}

/// Does one step alone: the line shows that it works, then that it is done and what came of it.
pub(crate) async fn step<T>(
    name: &str,
    work: impl Future<Output = Result<T>>,
    say: impl FnOnce(&T) -> String,
) -> Result<T> {
    show(&[name.to_owned()]);
    let start = Instant::now();
    let done = work.await;
    ended(name, start.elapsed(), done.as_ref().ok().map(say).as_deref());
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
