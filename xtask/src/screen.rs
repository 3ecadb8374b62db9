//! What is written to standard output, and how: a line that changes for people, plain lines for logs.

use std::env;
use std::io::{self, IsTerminal, Stdout, Write};

/// Columns of a line that changes; a longer one would wrap and could not be taken back.
const COLUMNS: usize = 78;

/// Standard output.
pub(crate) struct Screen {
    out: Stdout,
    live: bool,
    colour: bool,
}

/// What a word means, and so its colour.
#[derive(Clone, Copy)]
pub(crate) enum Tone {
    Good,
    Bad,
    Quiet,
}

impl Screen {
    /// Lines that change and colours are for terminals with a person before them.
    pub(crate) fn new() -> Self {
        let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let out = io::stdout();
        let live = out.is_terminal() && !set("CI") && env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self { out, live, colour: live && !set("NO_COLOR") }
    }

    /// Writes a line.
    pub(crate) fn line(&self, text: &str) {
        self.write(&format!("{text}\n"));
    }

    /// Begins a line that [`Screen::end`] finishes.
    pub(crate) fn begin(&self, text: &str) {
        self.write(text);
    }

    /// Shows how far it is, on a terminal only.
    pub(crate) fn progress(&self, begun: &str, note: &str) {
        if self.live {
            let room = COLUMNS.saturating_sub(begun.chars().count());
            let note: String = note.trim().chars().take(room).collect();
            self.write(&format!("\r\x1b[K{begun}{}", self.paint(Tone::Quiet, &note)));
        }
    }

    /// Finishes the line that was begun.
    pub(crate) fn end(&self, begun: &str, result: &str) {
        if self.live {
            self.write(&format!("\r\x1b[K{begun}{result}\n"));
        } else {
            self.write(&format!("{result}\n"));
        }
    }

    /// Text in its colour.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31;1",
            Tone::Quiet => "2",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Whether output that is captured may be coloured, as it will be shown here; in cargo's words.
    pub(crate) fn colours(&self) -> &'static str {
        if self.colour { "always" } else { "never" }
    }

    fn write(&self, text: &str) {
        let mut out = self.out.lock();
        // a reader that went away does not stop the work
        drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    }
}
