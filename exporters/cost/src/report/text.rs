//! Plain text and Markdown.

use std::fmt::Write;

use super::tables::{ROUNDED, Table, amount, comparison, estimated, forecast, made, tables, title};
use super::{Report, Total};

/// For a terminal or a mail.
pub(super) fn plain(report: &Report) -> String {
    let mut text = format!("{} ({})\n", title(report), made(report));
    for total in &report.totals {
        let _infallible = writeln!(text, "\n{}", amount(total.amount, &total.currency));
        for line in about(report, total) {
            let _infallible = writeln!(text, "  {line}");
        }
    }
    if report.totals.is_empty() {
        text.push_str("\nNothing is known of this month.\n");
    }
    for table in tables(report) {
        let _infallible = writeln!(text, "\n{}\n{}", table.title, "-".repeat(table.title.len()));
        text.push_str(&aligned(&table));
        if !table.note.is_empty() {
            let _infallible = writeln!(text, "{}", table.note);
        }
    }
    text.push('\n');
    for note in notes(report) {
        let _infallible = writeln!(text, "* {note}");
    }
    // texts from outside must not move a terminal's cursor
    text.chars().filter(|character| *character == '\n' || !character.is_control()).collect()
}

/// What there is to say about a total.
pub(super) fn about(report: &Report, total: &Total) -> Vec<String> {
    [Some(comparison(report, total)), forecast(total), estimated(total)].into_iter().flatten().collect()
}

/// What the reader must know.
pub(super) fn notes(report: &Report) -> impl Iterator<Item = &str> {
    report.notes.iter().map(String::as_str).chain([ROUNDED])
}

/// Columns as wide as their widest cell, numbers to the right.
fn aligned(table: &Table) -> String {
    let heads: Vec<String> = table.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    let lines = || std::iter::once(&heads).chain(&table.rows);
    let widths: Vec<usize> = (0..table.columns.len())
        .map(|at| lines().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in lines() {
        let mut line = String::new();
        for ((cell, width), (_, is_number)) in row.iter().zip(&widths).zip(&table.columns) {
            let _infallible = match is_number {
                true => write!(line, "{cell:>width$}  "),
                false => write!(line, "{cell:<width$}  "),
            };
        }
        let _infallible = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// For a wiki or a pull request.
pub(super) fn markdown(report: &Report) -> String {
    let mut text = format!("# {}\n\n_{}_\n", title(report), made(report));
    for total in &report.totals {
        let _infallible = writeln!(text, "\n**{}**\n", escaped(&amount(total.amount, &total.currency)));
        for line in about(report, total) {
            let _infallible = writeln!(text, "- {}", escaped(&line));
        }
    }
    for table in tables(report) {
        let _infallible = writeln!(text, "\n## {}\n", table.title);
        let heads: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
        let rules: Vec<&str> =
            table.columns.iter().map(|(_, is_number)| if *is_number { "---:" } else { "---" }).collect();
        let _infallible = writeln!(text, "| {} |\n| {} |", heads.join(" | "), rules.join(" | "));
        for row in &table.rows {
            let cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
            let _infallible = writeln!(text, "| {} |", cells.join(" | "));
        }
        if !table.note.is_empty() {
            let _infallible = writeln!(text, "\n{}", escaped(table.note));
        }
    }
    text.push('\n');
    for note in notes(report) {
        let _infallible = writeln!(text, "- {}", escaped(note));
    }
    text
}

/// A text that means nothing to Markdown.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars().filter(|character| !character.is_control()) {
        if "\\`*_{}[]<>#|~&".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
