//! `routes test --cases`: a team's own tests of its routes.
//!
//! ```yaml
//! cases:
//!   - name: databases page at night            # optional
//!     labels: { service: database, severity: critical }
//!     receivers: [db-pager]                    # in the order of the tree
//!   - labels: { severity: info }
//!     receivers: [mail]
//!     at: 2026-11-21T03:00:00Z                 # optional: and then these say nothing
//!     muted: [mail]
//! ```

use std::fmt::Write;
use std::path::Path;

use jiff::Timestamp;
use toolkit::config::{Document, Item, Position};

use super::Failed;
use crate::labels::Labels;
use crate::moment::Moment;
use crate::route::Route;

struct Case {
    position: Position,
    name: Option<String>,
    labels: Labels,
    receivers: Vec<String>,
    muted: Option<(Moment, Vec<String>)>,
}

pub(super) fn run(route: &Route, file: &str) -> Result<String, Failed> {
    let cases = read(file)?;
    let mut found = String::new();
    let mut failures = 0;
    for case in &cases {
        if let Some(difference) = difference(route, case) {
            failures += 1;
            // what is written to a string arrives
            let Position { line, column } = case.position;
            let name = case.name.as_deref().unwrap_or("a case");
            let _ignored = writeln!(found, "{file}:{line}:{column}: {name}: {}\n{difference}", case.labels);
        }
    }
    if failures == 0 {
        return Ok(format!("{found}{file}: {} cases hold\n", cases.len()));
    }
    Err(Failed { found, problems: vec![format!("{file}: {failures} of {} cases do not hold", cases.len())] })
}

fn read(file: &str) -> Result<Vec<Case>, Failed> {
    let cases = Document::read(Path::new(file)).and_then(|document| {
        document.decode(|mut fields| {
            fields.require("cases");
            fields.list("cases", |item| case(&item))
        })
    });
    cases.map_err(|error| error.to_string().into())
}

fn case(item: &Item<'_>) -> Option<Case> {
    let mut fields = item.fields()?;
    fields.require("receivers");
    let at = fields.parsed("at", str::parse::<Timestamp>);
    let muted = fields.strings("muted");
    if at.is_none() && !muted.is_empty() {
        fields.problem("muted", "`muted` needs `at`: the time at which these say nothing");
    }
    Some(Case {
        position: fields.position(),
        name: fields.string("name"),
        labels: fields.string_map("labels").into_iter().collect(),
        receivers: fields.strings("receivers"),
        muted: at.map(|at| (at.into(), muted)),
    })
}

fn difference(route: &Route, case: &Case) -> Option<String> {
    let routes = route.matches(&case.labels);
    let names = |routes: &[&Route]| routes.iter().map(|route| route.receiver.to_string()).collect();
    let found: Vec<String> = names(&routes);
    let mut text = String::new();
    let mut compare = |what: &str, expected: &[String], found: &[String]| {
        if expected != found {
            let _ignored = writeln!(text, "  {what}expected: {}", shown(expected));
            let _ignored = writeln!(text, "  {what}found:    {}", shown(found));
        }
    };
    compare("", &case.receivers, &found);
    if let Some((at, expected)) = &case.muted {
        let muted: Vec<&Route> = routes.into_iter().filter(|route| route.muted(*at).is_some()).collect();
        compare("muted, ", expected, &names(&muted));
    }
    (!text.is_empty()).then_some(text)
}

fn shown(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(",") }
}
