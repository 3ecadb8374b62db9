//! A child process whose output is kept, line by line.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// How a child ended and what it said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) success: bool,
    pub(crate) output: String,
}

/// Cargo's lines about its own progress.
const PROGRESS: &[&str] = &[
    "Adding ",
    "Blocking ",
    "Checking ",
    "Compiling ",
    "Documenting ",
    "Downloaded ",
    "Downloading ",
    "Finished ",
    "Fresh ",
    "Generated ",
    "Locking ",
    "Running ",
    "Scraping ",
    "Updating ",
];

impl Ran {
    /// What it said, without cargo's progress.
    pub(crate) fn essence(&self) -> String {
        let essential = |line: &&str| {
            let plain = plain(line);
            let text = plain.trim_start();
            !PROGRESS.iter().any(|word| text.starts_with(word))
        };
        self.output.lines().filter(essential).collect::<Vec<_>>().join("\n")
    }
}

/// Runs a program to its end. `each` sees every line at once, without colours.
pub(crate) fn run(mut command: Command, mut each: impl FnMut(&str)) -> Result<Ran> {
    let name = command.get_program().to_string_lossy().into_owned();
    let cannot = || format!("cannot run {name}");
    let (reader, writer) = std::io::pipe().with_context(cannot)?;
    command.stdin(Stdio::null()).stdout(writer.try_clone().with_context(cannot)?).stderr(writer);
    let mut child = command.spawn().with_context(cannot)?;
    // it holds the pipe's writing end, which must be closed for the reading to end
    drop(command);
    let (mut reader, mut line, mut output) = (BufReader::new(reader), Vec::new(), String::new());
    while reader.read_until(b'\n', &mut line).with_context(cannot)? > 0 {
        let text = String::from_utf8_lossy(&line);
        each(plain(&text).trim_end());
        output.push_str(&text);
        line.clear();
    }
    let success = child.wait().with_context(cannot)?.success();
    Ok(Ran { success, output })
}

/// A line without its colours.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            // a sequence ends with its first letter
            '\x1b' => drop(letters.by_ref().find(char::is_ascii_alphabetic)),
            letter => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_both_streams_in_their_order() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo a; echo b >&2; printf c; exit 3"]);
        let mut seen = Vec::new();
        let ran = run(command, |line| seen.push(line.to_owned())).unwrap();
        assert_eq!((ran.success, ran.output.as_str()), (false, "a\nb\nc"));
        assert_eq!(seen, ["a", "b", "c"]);
    }

    #[test]
    fn the_essence_is_what_is_not_progress() {
        let output = "\x1b[1m\x1b[92m   Compiling\x1b[0m tokio v1\nwarning: x\n    Finished `dev` profile\n";
        let ran = Ran { success: true, output: output.to_owned() };
        assert_eq!(ran.essence(), "warning: x");
    }
}
