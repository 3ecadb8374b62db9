//! Rendering as amtool does it: thousands of texts, hard and random, in text and HTML mode, and what amtool said to each.
//!
//! `amtool.jsonl` holds the texts and the answers. To write it anew with the amtool of this machine's peers, after a change
//! of the texts or for a new release: `WATCHFIRE_PEERS=1 WATCHFIRE_BESIDE_PEER=1 cargo nextest run -p alertrouter templates`.

mod functions;
mod generate;
mod grammar;
mod hard;
mod html;
mod pages;
mod recorder;

use std::collections::HashMap;
use std::thread;

use alertrouter::template::render_once;

use recorder::Case;

/// What we do otherwise: (data, begin of the text, reason). Such a text must differ, or it does not belong here.
const OURS: &[(&str, &str, &str)] = &[
    ("full", "{{ .RouteLabels }}", "the recording is of 0.33; 0.34 has them"),
    ("full", "{{match `(?P<a>x)(?P<a>y)`", "our engine wants names of groups once"),
    ("full", "{{match `x{2}{3}`", "the words about a pattern that is wrong anyway"),
    ("full", "{{(index .Alerts 0).StartsAt.Date}}", "the words about a method that cannot be called anyway"),
    ("full", "{{(index .Alerts 0).StartsAt.Zone}}", "likewise"),
    ("full", "{{(index .Alerts 0).StartsAt.ISOWeek}}", "likewise"),
    ("full", "{{(index .Alerts 0).StartsAt.Clock}}", "likewise"),
    ("full", "{{(index .Alerts 0).StartsAt.AppendFormat}}", "likewise"),
    ("full", "{{(index .Alerts 0).StartsAt.MarshalJSON}}", "gives bytes, which no function takes"),
    ("full", "{{(index .Alerts 0).StartsAt.MarshalText", "likewise"),
    ("full", "{{printf \"%s\" (index .Alerts 0).StartsAt.MarshalText", "likewise"),
    ("open", "{{.}}", "our words about a file that is no JSON"),
    ("trailing", "{{.}}", "likewise"),
    ("comma", "{{.}}", "likewise"),
    ("nothing", "{{.}}", "likewise"),
    ("surrogate", "{{.}}", "half a character is no JSON for us"),
];

/// What the recording must have, so that it cannot shrink unseen.
const TEXTS: usize = 2_000;
const PAGES: usize = 500;

/// Differences that are shown.
const SHOWN: usize = 40;

#[test]
fn every_text_renders_as_with_amtool() {
    if std::env::var_os("WATCHFIRE_BESIDE_PEER").is_some() {
        recorder::record();
    }
    let cases = recorder::read();
    let pages = cases.iter().filter(|case| case.html).count();
    assert!(cases.len() - pages >= TEXTS && pages >= PAGES, "{} texts, {pages} pages", cases.len() - pages);
    let data = data(&cases);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let differences: Vec<String> = thread::scope(|scope| {
        let chunks = cases.chunks(cases.len().div_ceil(workers));
        let compared: Vec<_> = chunks.map(|chunk| scope.spawn(|| differences(chunk, &data))).collect();
        compared.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let shown = differences.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{} of {} differ\n{shown}", differences.len(), cases.len());
}

fn data(cases: &[Case]) -> HashMap<String, Vec<u8>> {
    let names = cases.iter().map(|case| &case.data);
    names.map(|name| (name.clone(), std::fs::read(recorder::data_file(name)).unwrap())).collect()
}

fn differences(cases: &[Case], data: &HashMap<String, Vec<u8>>) -> Vec<String> {
    let globs = recorder::globs();
    let globs: Vec<&str> = globs.iter().map(String::as_str).collect();
    let mut differences = Vec::new();
    for case in cases {
        let ours = |(data, begin, _): &(&str, &str, &str)| *data == case.data && case.text.starts_with(begin);
        let ours = !case.html && OURS.iter().any(ours);
        let rendered = render_once(&globs, Some(&data[&case.data]), &case.text, case.html);
        if (rendered == case.outcome) == ours {
            let Case { html, data, text, outcome } = case;
            differences.push(format!(
                "html {html}, data {data}: {text:?}\n  amtool {outcome:?}\n  ours   {rendered:?}"
            ));
        }
    }
    differences
}
