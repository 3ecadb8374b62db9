//! One HTML file: a style in the page itself, no script, nothing from elsewhere; for light and dark, desk, phone and paper.

use std::fmt::{self, Write};

use toolkit::web::Escaped;

use super::tables::{Table, amount, digits, made, percent, tables, title};
use super::text::{about, notes};
use super::{BudgetRow, DayRow, Report, Total};
use crate::money::Money;

const STYLE: &str = include_str!("report.css");

/// Days with costs of which a picture is worth its place.
const FEWEST_DAYS: usize = 3;

/// Units that the picture of the days is high.
const HEIGHT: f64 = 100.0;

/// The page.
pub(super) fn page(report: &Report) -> String {
    let mut page = String::new();
    // writing to a String cannot fail
    let _infallible = write_page(&mut page, report);
    page
}

fn write_page(page: &mut String, report: &Report) -> fmt::Result {
    let title = title(report);
    writeln!(page, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
    writeln!(page, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
    writeln!(page, "<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>", Escaped(&title))?;
    writeln!(
        page,
        "<header>\n<h1>{}</h1>\n<small>{}</small>\n</header>\n<main>",
        Escaped(&title),
        Escaped(&made(report))
    )?;
    writeln!(page, "<div class=\"totals\">")?;
    for total in &report.totals {
        write_total(page, report, total)?;
    }
    writeln!(page, "</div>")?;
    for total in &report.totals {
        write_days(page, report, &total.currency)?;
    }
    for table in tables(report) {
        writeln!(page, "<section>\n<h2>{}</h2>", Escaped(table.title))?;
        if table.title == "Budgets" {
            for budget in &report.budgets {
                write_budget(page, budget)?;
            }
        } else {
            write_table(page, &table)?;
        }
        if !table.note.is_empty() {
            writeln!(page, "<p class=\"dim\">{}</p>", Escaped(table.note))?;
        }
        writeln!(page, "</section>")?;
    }
    writeln!(page, "</main>\n<footer>\n<ul>")?;
    for note in notes(report) {
        writeln!(page, "<li>{}</li>", Escaped(note))?;
    }
    writeln!(page, "</ul>\n</footer>\n</body>\n</html>")
}

fn write_total(page: &mut String, report: &Report, total: &Total) -> fmt::Result {
    writeln!(page, "<div class=\"total\">\n<b>{}</b>", Escaped(&amount(total.amount, &total.currency)))?;
    for line in about(report, total) {
        writeln!(page, "<p>{}</p>", Escaped(&line))?;
    }
    writeln!(page, "</div>")
}

/// A bar for each day; days that may still change are paler, and those that cost less than nothing have none.
fn write_days(page: &mut String, report: &Report, currency: &str) -> fmt::Result {
    let days: Vec<&DayRow> = report.daily.iter().filter(|day| day.currency == currency).collect();
    if days.len() < FEWEST_DAYS {
        return Ok(());
    }
    let Some(largest) = days.iter().map(|day| day.amount).max().filter(|largest| *largest > Money::ZERO)
    else {
        return Ok(());
    };
    let count = report.days.days();
    writeln!(
        page,
        "<figure>\n<svg viewBox=\"0 0 {} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"each day in {}\">",
        count * 10,
        Escaped(currency)
    )?;
    for day in days {
        let height = day.amount.share_of(largest).unwrap_or(0.0).max(0.0) * HEIGHT;
        let (x, y) = (report.days.elapsed(day.day) * 10 + 1, HEIGHT - height);
        let class = if day.is_settled { "settled" } else { "open" };
        let title = format!("{}: {}", day.day, amount(day.amount, currency));
        writeln!(
            page,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y:.1}\" width=\"8\" height=\"{height:.1}\"><title>{}</title></rect>",
            Escaped(&title)
        )?;
    }
    writeln!(
        page,
        "<line class=\"axis\" x1=\"0\" y1=\"{HEIGHT}\" x2=\"{}\" y2=\"{HEIGHT}\"/>\n</svg>",
        count * 10
    )?;
    let (highest, last) = (digits(largest), crate::calendar::day_before(report.days.end));
    writeln!(
        page,
        "<figcaption>Each day from {} to {last} in {}; the highest is {highest}. Paler days may still change.</figcaption>\n</figure>",
        report.days.start,
        Escaped(currency)
    )
}

/// A bar of what is spent, with a mark where the time stands.
fn write_budget(page: &mut String, budget: &BudgetRow) -> fmt::Result {
    let over =
        if budget.used > budget.elapsed.max(0.01) || budget.used >= 1.0 { " class=\"over\"" } else { "" };
    let spent = amount(budget.spent, &budget.currency);
    writeln!(
        page,
        "<div class=\"budget\">\n<p><b>{}</b> <span>{} of {} ({})</span></p>",
        Escaped(&budget.name),
        Escaped(&spent),
        Escaped(&digits(budget.limit)),
        percent(budget.used)
    )?;
    writeln!(
        page,
        "<div class=\"bar\"><i{over} style=\"width:{:.1}%\"></i><u style=\"left:{:.1}%\"></u></div>",
        budget.used.clamp(0.0, 1.0) * 100.0,
        (budget.elapsed * 100.0).min(99.7)
    )?;
    let mut said = vec![format!("{} of its time is over", percent(budget.elapsed))];
    if let Some(band) = budget.forecast {
        said.push(format!("forecast {}", amount(band.amount, &budget.currency)));
    }
    if let Some(day) = budget.exhausted {
        said.push(format!("used up on {day}"));
    }
    if !budget.is_complete {
        said.push("incomplete: something that counts is not known".to_owned());
    }
    writeln!(page, "<p class=\"dim\">{}</p>\n</div>", Escaped(&said.join("; ")))
}

fn write_table(page: &mut String, table: &Table) -> fmt::Result {
    let class = |is_number: bool| if is_number { " class=\"number\"" } else { "" };
    writeln!(page, "<div class=\"wide\">\n<table>\n<thead>\n<tr>")?;
    for (name, is_number) in &table.columns {
        writeln!(page, "<th{}>{}</th>", class(*is_number), Escaped(name))?;
    }
    writeln!(page, "</tr>\n</thead>\n<tbody>")?;
    for row in &table.rows {
        page.write_str("<tr>")?;
        for (cell, (name, is_number)) in row.iter().zip(&table.columns) {
            let (name, cell) = (Escaped(name), Escaped(cell));
            write!(page, "<td{} data-name=\"{name}\">{cell}</td>", class(*is_number))?;
        }
        writeln!(page, "</tr>")?;
    }
    writeln!(page, "</tbody>\n</table>\n</div>")
}
