//! Blocks for Slack, as `chat.postMessage` and incoming webhooks take them.
//!
//! Invariants: at most 50 blocks, 3,000 characters in a section, 150 in the header. What does not fit is counted.

use serde_json::{Value, json};

use super::tables::{Table, amount, made, tables, title};
use super::text::{about, notes};
use super::{Report, Total};

/// Characters of a section.
const SECTION: usize = 3_000;

/// Blocks of a message.
const BLOCKS: usize = 50;

/// Rows of a table that are shown: more is for the other formats.
const ROWS: usize = 12;

/// The message.
pub(super) fn blocks(report: &Report) -> String {
    let header = format!("{} ({})", title(report), made(report));
    let mut blocks = vec![json!({"type": "header", "text": {"type": "plain_text", "text": header}})];
    // the header, the tables, the notes; the totals have what is left
    let tables = tables(report);
    let most = BLOCKS - 3 - 2 * tables.len();
    for total in report.totals.iter().take(most) {
        blocks.push(section(&[about_total(report, total)]));
    }
    for table in &tables {
        blocks.push(json!({"type": "divider"}));
        blocks.push(section(&lines(table)));
    }
    let notes: Vec<String> = notes(report).map(escaped).collect();
    blocks.push(json!({"type": "context", "elements": [{"type": "mrkdwn", "text": fitting(&notes)}]}));
    let text = report
        .totals
        .iter()
        .map(|total| amount(total.amount, &total.currency))
        .collect::<Vec<_>>()
        .join(", ");
    let message = json!({"text": format!("{header}: {text}"), "blocks": blocks});
    serde_json::to_string_pretty(&message).unwrap_or_default() + "\n"
}

fn about_total(report: &Report, total: &Total) -> String {
    let total_line = format!("*{}*", escaped(&amount(total.amount, &total.currency)));
    let about = about(report, total);
    std::iter::once(total_line).chain(about.iter().map(|line| escaped(line))).collect::<Vec<_>>().join("\n")
}

fn section(lines: &[String]) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": fitting(lines)}})
}

/// A table as lines: a phone shows no columns.
fn lines(table: &Table) -> Vec<String> {
    let row = |row: &Vec<String>| {
        let mut cells = row.iter().zip(&table.columns);
        let first = cells.next().map(|(cell, _)| escaped(cell)).unwrap_or_default();
        let others = cells.filter(|(cell, _)| !cell.is_empty()).map(|(cell, (name, _))| match *name {
            "amount" | "evidence" | "service" | "cost" | "a month" | "why" => escaped(cell),
            name => format!("{name} {}", escaped(cell)),
        });
        format!("• *{first}*: {}", others.collect::<Vec<_>>().join(" · "))
    };
    let mut lines = vec![format!("*{}*", table.title)];
    lines.extend(table.rows.iter().take(ROWS).map(row));
    if table.rows.len() > ROWS {
        lines.push(format!("… and {} more", table.rows.len() - ROWS));
    }
    if !table.note.is_empty() {
        lines.push(format!("_{}_", escaped(table.note)));
    }
    lines
}

/// As many lines as fit, and how many do not.
fn fitting(lines: &[String]) -> String {
    // room for the words at the end
    let most = SECTION - 30;
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        let line: String = if at == 0 { line.chars().take(most).collect() } else { format!("\n{line}") };
        if text.chars().count() + line.chars().count() > most {
            return format!("{text}\n… and {} more", lines.len() - at);
        }
        text.push_str(&line);
    }
    text
}

/// A text that means nothing to Slack: no mention, no link, no formatting that goes on.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars().filter(|character| !character.is_control()) {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // formatting needs these at the edge of a word; a space of no width keeps them what they are
            '*' | '_' | '~' | '`' => escaped.extend(['\u{200b}', character]),
            other => escaped.push(other),
        }
    }
    escaped
}
