//! What a probe did and found, as a person reads it: the page of `debug=true` and of the history.

use std::fmt::Write as _;

use toolkit::expo::{Compression, Format, Page};

use crate::history::Past;
use crate::metrics;

/// The page, in blackbox_exporter's three parts.
pub fn text(past: &Past) -> String {
    let mut text = "Logs for the probe:\n".to_owned();
    for line in past.outcome.transcript.lines() {
        writeln!(
            text,
            "after={:.6}s level={} module={} target={} msg={:?}",
            line.after.as_secs_f64(),
            line.level,
            past.module_name,
            past.target,
            line.message
        )
        .ok();
    }
    match past.outcome.transcript.left_out() {
        0 => {}
        more => {
            writeln!(text, "and {more} more lines").ok();
        }
    }
    text.push_str("\n\n\nMetrics that would have been returned:\n");
    let mut page = Page::new();
    metrics::write(&past.outcome, past.timeout, &mut page);
    let metrics = page.finish().0.encode(Format::Text, Compression::Identity);
    text.push_str(&String::from_utf8_lossy(&metrics));
    text.push_str("\n\n\nModule configuration:\n");
    text.push_str(&past.module.shown);
    text
}
