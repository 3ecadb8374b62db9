//! What all formats for people show: sentences about totals, and tables.

use super::{Report, Row, Total};
use crate::calendar::{Day, day_before};
use crate::money::Money;

/// A table.
pub(super) struct Table {
    /// What it is about.
    pub(super) title: &'static str,
    /// The heads, and whether the column holds numbers.
    pub(super) columns: Vec<(&'static str, bool)>,
    /// The cells.
    pub(super) rows: Vec<Vec<String>>,
    /// What the reader should know about it; may be empty.
    pub(super) note: &'static str,
}

/// `March 2026`.
pub(super) fn month_name(day: Day) -> String {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let name =
        usize::try_from(day.month() - 1).ok().and_then(|at| NAMES.get(at)).copied().unwrap_or_default();
    format!("{name} {}", day.year())
}

/// What the report is about.
pub(super) fn title(report: &Report) -> String {
    format!("Costs of {}", month_name(report.days.start))
}

/// When it was made.
pub(super) fn made(report: &Report) -> String {
    let moment = report.as_of.strftime("%Y-%m-%d %H:%M UTC");
    if report.is_over { format!("made {moment}") } else { format!("so far, as of {moment}") }
}

/// An amount for people: `1,234.50 USD`.
pub(super) fn amount(amount: Money, currency: &str) -> String {
    format!("{} {currency}", digits(amount))
}

/// `1,234.50`.
pub(super) fn digits(amount: Money) -> String {
    let text = format!("{:.2}", amount.abs());
    let (whole, rest) = text.split_once('.').unwrap_or((&text, "00"));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if amount.rounded(2).is_negative() { "-" } else { "" };
    format!("{sign}{grouped}.{rest}")
}

/// `+12.3 %`, `new`, or nothing.
pub(super) fn change(now: Money, before: Money) -> String {
    match (now - before).share_of(before) {
        Some(share) => format!("{:+.1} %", share * 100.0),
        None if before.is_zero() && now > Money::ZERO => "new".to_owned(),
        None => String::new(),
    }
}

/// `+12.30`.
pub(super) fn difference(now: Money, before: Money) -> String {
    let difference = (now - before).rounded(2);
    let sign = if difference > Money::ZERO { "+" } else { "" };
    format!("{sign}{}", digits(difference))
}

/// What a currency's total is compared with.
pub(super) fn comparison(report: &Report, total: &Total) -> String {
    let before = month_name(day_before(report.days.start));
    let compared = |base: Money| match change(total.amount, base) {
        change if change.is_empty() || change == "new" => String::new(),
        change => format!("{change} against "),
    };
    let Some((same_day, previous)) = total.same_day.zip(total.previous) else {
        return format!("{before}: not known");
    };
    let whole = amount(previous, &total.currency);
    if report.is_over {
        return format!("{}{before}: {whole}", compared(previous));
    }
    let same = amount(same_day, &total.currency);
    format!("{}{before} by the same day: {same} (the whole month: {whole})", compared(same_day))
}

/// What a currency's total will be.
pub(super) fn forecast(total: &Total) -> Option<String> {
    let band = total.forecast?;
    let (lower, upper) = (digits(band.lower), amount(band.upper, &total.currency));
    Some(format!(
        "forecast {} (four times of five between {lower} and {upper})",
        amount(band.amount, &total.currency)
    ))
}

/// How much of it is estimated.
pub(super) fn estimated(total: &Total) -> Option<String> {
    (!total.estimated.is_zero()).then(|| {
        format!(
            "of it ~{} is estimated from what runs and list prices",
            amount(total.estimated, &total.currency)
        )
    })
}

/// What stands below everything.
pub(super) const ROUNDED: &str = "Amounts are rounded, so that parts may not add up to the last cent; taxes count only where include_tax is set.";

/// All tables that have something in them.
pub(super) fn tables(report: &Report) -> Vec<Table> {
    let all = [
        providers(report),
        movers(report),
        budgets(report),
        anomalies(report),
        credits(report),
        recommendations(report),
        forecasts(report),
    ];
    all.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn comparisons(report: &Report) -> Vec<(&'static str, bool)> {
    let mut columns = vec![("amount", true)];
    if !report.is_over {
        columns.extend([("month before by the same day", true), ("change", true)]);
    }
    columns.extend([
        ("whole month before", true),
        (if report.is_over { "change" } else { "change to it" }, true),
    ]);
    columns
}

fn compared(report: &Report, row: &Row) -> Vec<String> {
    let mark = if row.is_estimated { "~" } else { "" };
    let mut cells = vec![format!("{mark}{}", amount(row.amount, &row.currency))];
    if !report.is_over {
        cells.extend(against(row.amount, row.same_day));
    }
    cells.extend(against(row.amount, row.previous));
    cells
}

/// What was before, and the difference to it.
fn against(now: Money, before: Option<Money>) -> [String; 2] {
    match before {
        Some(before) => [digits(before), both(now, before)],
        None => ["not known".to_owned(), String::new()],
    }
}

/// A difference in money and as a share.
fn both(now: Money, before: Money) -> String {
    match change(now, before) {
        share if share.is_empty() => difference(now, before),
        share => format!("{} ({share})", difference(now, before)),
    }
}

const ESTIMATED: &str = "~ is estimated from what runs and list prices.";

fn estimate_note(rows: &[Row]) -> &'static str {
    if rows.iter().any(|row| row.is_estimated) { ESTIMATED } else { "" }
}

fn providers(report: &Report) -> Table {
    let row = |row: &Row| [vec![row.provider.clone()], compared(report, row)].concat();
    Table {
        title: "Providers",
        columns: [vec![("provider", false)], comparisons(report)].concat(),
        rows: report.providers.iter().map(row).collect(),
        note: estimate_note(&report.providers),
    }
}

/// A service with its provider and account.
pub(super) fn named(provider: &str, account: &str, service: &str) -> String {
    let parts = [provider, account, service].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" / ")
}

fn movers(report: &Report) -> Table {
    let row =
        |row: &Row| [vec![named(&row.provider, &row.account, &row.service)], compared(report, row)].concat();
    Table {
        title: "What changed most",
        columns: [vec![("service", false)], comparisons(report)].concat(),
        rows: report.movers.iter().map(row).collect(),
        note: estimate_note(&report.movers),
    }
}

/// `45 %`.
pub(super) fn percent(ratio: f64) -> String {
    format!("{:.0} %", ratio * 100.0)
}

fn budgets(report: &Report) -> Table {
    let rows = report.budgets.iter().map(|budget| {
        let spent = amount(budget.spent, &budget.currency);
        let forecast = budget.forecast.map(|band| digits(band.amount)).unwrap_or_default();
        let exhausted = budget.exhausted.map(|day| day.to_string()).unwrap_or_default();
        let missing = if budget.is_complete { "" } else { " (incomplete)" };
        vec![
            budget.name.clone(),
            format!("{spent}{missing}"),
            digits(budget.limit),
            percent(budget.used),
            percent(budget.elapsed),
            forecast,
            exhausted,
        ]
    });
    Table {
        title: "Budgets",
        columns: vec![
            ("budget", false),
            ("spent", true),
            ("limit", true),
            ("used", true),
            ("time over", true),
            ("forecast", true),
            ("used up on", false),
        ],
        rows: rows.collect(),
        note: "",
    }
}

fn anomalies(report: &Report) -> Table {
    let rows = report.anomalies.iter().map(|day| {
        let why = match (day.is_new, day.because_of.as_slice()) {
            (true, _) => "new".to_owned(),
            (_, []) => String::new(),
            (_, causes) => format!("by {}", causes.join(", ")),
        };
        let what = if day.service.is_empty() { "all services" } else { &day.service };
        vec![
            day.day.to_string(),
            named(&day.provider, &day.account, what),
            amount(day.cost, &day.currency),
            digits(day.expected),
            why,
        ]
    });
    Table {
        title: "Unusual days",
        columns: vec![("day", false), ("service", false), ("cost", true), ("expected", true), ("why", false)],
        rows: rows.collect(),
        note: "",
    }
}

fn credits(report: &Report) -> Table {
    let rows = report.credits.iter().map(|row| {
        vec![
            named(&row.provider, &row.account, ""),
            amount(row.credits, &row.currency),
            amount(row.refunds, &row.currency),
        ]
    });
    Table {
        title: "Credits",
        columns: vec![("provider", false), ("credits", true), ("refunds", true)],
        rows: rows.collect(),
        note: "",
    }
}

fn recommendations(report: &Report) -> Table {
    let rows = report.recommendations.iter().map(|advice| {
        vec![
            format!("{} / {}", advice.provider, advice.subject),
            amount(advice.monthly, &advice.currency),
            advice.kind.clone(),
            advice.evidence.clone(),
        ]
    });
    Table {
        title: "What could be saved",
        columns: vec![("what", false), ("a month", true), ("why", false), ("evidence", false)],
        rows: rows.collect(),
        note: if report.is_over { "As of now, not of the month." } else { "" },
    }
}

fn forecasts(report: &Report) -> Table {
    let rows = report.forecasts.iter().map(|held| {
        vec![
            named(&held.provider, &held.account, ""),
            held.day.to_string(),
            amount(held.expected, &held.currency),
            amount(held.actual, &held.currency),
            change(held.expected, held.actual),
        ]
    });
    Table {
        title: "How good the forecasts were",
        columns: vec![
            ("provider", false),
            ("made on day", true),
            ("expected", true),
            ("came", true),
            ("too high by", true),
        ],
        rows: rows.collect(),
        note: "",
    }
}
