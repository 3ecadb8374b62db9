//! For a spreadsheet: one line for each service, all digits.

use std::fmt::Write;

use super::Report;

/// The lines, as RFC 4180 has them.
pub(super) fn lines(report: &Report) -> String {
    let mut text = String::from(
        "month,provider,account,service,currency,source,amount,month_before_to_same_day,month_before\r\n",
    );
    for row in &report.services {
        let source = if row.is_estimated { "estimated" } else { "reported" };
        let cells = [&report.month, &row.provider, &row.account, &row.service, &row.currency]
            .map(|cell| quoted(cell));
        let [same_day, previous] = [row.same_day, row.previous]
            .map(|known| known.map(|amount| amount.to_string()).unwrap_or_default());
        let _infallible =
            write!(text, "{},{source},{},{same_day},{previous}\r\n", cells.join(","), row.amount);
    }
    text
}

/// A cell. One that a spreadsheet would take for a formula begins with an apostrophe.
fn quoted(cell: &str) -> String {
    let guarded =
        if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() };
    if guarded.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}
