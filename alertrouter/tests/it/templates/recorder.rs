//! The texts, and what amtool says to each: kept in a file, one a line, and written anew when peers are asked.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use kit::process::Program;

use super::{functions, generate, hard, html, pages};
use crate::trees::Dice;

const AMTOOL: Program = Program { names: &["amtool"], install: "apt-get install prometheus-alertmanager" };

/// Random texts of each mode that are kept.
const TEXTS: usize = 1_100;
const PAGES: usize = 300;

/// A random text or an output that is longer is not kept: it shows no more than a short one does.
const LONGEST_TEXT: usize = 300;
const LONGEST_OUTPUT: usize = 600;

/// Seconds that amtool gets: a text may count to 9223372036854775807.
const PATIENCE_SECONDS: &str = "3";

/// The files that data comes from; most texts are rendered with the first.
pub(super) const DATA: &[&str] = &["full", "full", "full", "one", "empty", "odd"];

/// One text, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) html: bool,
    pub(super) data: String,
    pub(super) text: String,
    /// The output, or the error without `amtool: error: `.
    pub(super) outcome: Result<String, String>,
}

pub(super) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/templates")
}

pub(super) fn globs() -> Vec<String> {
    vec![format!("{}/files/*.tmpl", folder().display())]
}

pub(super) fn data_file(name: &str) -> PathBuf {
    folder().join(format!("data/{name}.json"))
}

fn recording() -> PathBuf {
    folder().join("amtool.jsonl")
}

pub(super) fn read() -> Vec<Case> {
    let text = std::fs::read_to_string(recording()).unwrap();
    text.lines().map(|line| from_line(line).unwrap()).collect()
}

fn from_line(line: &str) -> Option<Case> {
    let (mode, data, text, good, said): (String, String, String, bool, String) =
        serde_json::from_str(line).ok()?;
    Some(Case { html: mode == "html", data, text, outcome: if good { Ok(said) } else { Err(said) } })
}

fn to_line(case: &Case) -> String {
    let (good, said) = match &case.outcome {
        Ok(said) => (true, said),
        Err(said) => (false, said),
    };
    let mode = if case.html { "html" } else { "text" };
    serde_json::to_string(&(mode, &case.data, &case.text, good, said)).unwrap()
}

/// Asks amtool about all, and keeps what it says.
pub(super) fn record() {
    let amtool = AMTOOL.find().unwrap();
    let mut dice = Dice::new(10);
    let mut seen = HashSet::new();
    let mut lines = String::new();
    let mut keep = |html: bool, data: &str, text: String| -> bool {
        if !seen.insert((html, data.to_owned(), text.clone())) {
            return false;
        }
        let Some(outcome) = ask(&amtool, html, &data_file(data), &text) else {
            return false;
        };
        let case = Case { html, data: data.to_owned(), text, outcome };
        lines.push_str(&to_line(&case));
        lines.push('\n');
        true
    };
    for text in by_hand(&[hard::TRIMS, hard::LITERALS, hard::NAMES, hard::BLOCKS]) {
        keep(false, "full", text);
    }
    for text in by_hand(&[functions::BUILT_IN, functions::PRINTF, functions::ALERTMANAGERS, functions::TIME])
    {
        keep(false, "full", text);
    }
    for text in by_hand(&[html::PLACES, html::URLS, html::SCRIPTS, html::STYLES, html::FLOW]) {
        keep(true, "full", text);
    }
    for data in hard::ODD_DATA {
        for text in hard::SHOWN {
            keep(false, data, (*text).to_owned());
        }
    }
    for data in hard::BROKEN_DATA {
        keep(false, data, "{{.}}".to_owned());
    }
    fill(TEXTS, || (dice.pick(DATA), generate::template(&mut dice)), |data, text| keep(false, data, text));
    fill(PAGES, || (dice.pick(DATA), pages::page(&mut dice)), |data, text| keep(true, data, text));
    std::fs::write(recording(), lines).unwrap();
}

/// Makes until so many are kept.
fn fill(
    count: usize,
    mut make: impl FnMut() -> (&'static str, String),
    mut keep: impl FnMut(&str, String) -> bool,
) {
    let mut kept = 0;
    while kept < count {
        let (data, text) = make();
        kept += usize::from(text.len() <= LONGEST_TEXT && keep(data, text));
    }
}

fn by_hand(lists: &[&[&str]]) -> Vec<String> {
    lists.iter().flat_map(|list| list.iter().map(|text| (*text).to_owned())).collect()
}

/// None for what is not worth keeping.
fn ask(amtool: &Path, html: bool, data: &Path, text: &str) -> Option<Result<String, String>> {
    let output = Command::new("timeout")
        .arg(PATIENCE_SECONDS)
        .arg(amtool)
        .args(["template", "render", if html { "--template.type=html" } else { "--template.type=text" }])
        .args(globs().iter().map(|glob| format!("--template.glob={glob}")))
        .arg(format!("--template.data={}", data.display()))
        .arg(format!("--template.text={text}"))
        .env("TZ", "UTC")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let inside = shows_inside_of_time(&said);
    match output.status.code() {
        Some(0) if inside => None,
        Some(0) if said.len() <= LONGEST_OUTPUT => Some(Ok(said)),
        Some(1) => {
            let error = errors.strip_prefix("amtool: error: ")?.strip_suffix("\n\n")?;
            (error.len() <= LONGEST_OUTPUT).then(|| Err(error.to_owned()))
        }
        _ => None,
    }
}

/// Whether a time is shown as what it is made of: the address of its zone is among that. Its seconds are of this century.
fn shows_inside_of_time(said: &str) -> bool {
    let mut words = said.split([' ', '{', '}']);
    let digits = |word: &str, radix: u32| word.chars().all(|character| character.is_digit(radix));
    let decimal = |word: &str| word.len() == 11 && word.starts_with("63") && digits(word, 10);
    let binary = |word: &str| word.len() == 36 && digits(word, 2);
    said.contains("time.Location") || words.any(|word| decimal(word) || binary(word))
}
