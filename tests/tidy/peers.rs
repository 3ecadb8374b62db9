//! The dashboards and alerts that people have of our peers find their metrics at our exporters.

use toolkit::config::Document;

use crate::metrics::Catalogue;
use crate::tree::root;

/// Of the metrics of each dashboard that its own exporter, as it is today, has.
const WANTED_PERCENT: usize = 95;

/// What one of them asks for.
struct Queries {
    name: String,
    metrics: Vec<String>,
    /// What the peer does not have either, and what it calls it today.
    absent: Vec<(String, String)>,
}

#[test]
fn dashboards_of_our_peers_find_their_metrics() {
    let catalogue = Catalogue::read();
    let ours = |name: &str| catalogue.labels(name).is_some();
    for queries in read() {
        let absent: Vec<&String> = queries.metrics.iter().filter(|name| !ours(name)).collect();
        let of_today = queries.metrics.len() - queries.absent.len();
        let dead =
            absent.iter().filter(|name| queries.absent.iter().any(|(known, _)| known == **name)).count();
        let found = queries.metrics.len() - absent.len();
        println!(
            "{}: {found} of {}; {dead} are gone from the peer, too",
            queries.name,
            queries.metrics.len()
        );
        for (name, reason) in &queries.absent {
            assert!(
                !ours(name) && !reason.is_empty(),
                "{}: {name} is there: take it out of `absent`",
                queries.name
            );
            assert!(queries.metrics.contains(name), "{}: {name} is not asked for", queries.name);
        }
        assert!(
            found * 100 >= of_today * WANTED_PERCENT,
            "{}: only {found} of {of_today}; not {absent:?}",
            queries.name
        );
    }
}

fn read() -> Vec<Queries> {
    let document = Document::read(&root().join("tests/tidy/peer_queries.yml")).unwrap();
    let queries = document.decode_list(|item| {
        let mut fields = item.fields()?;
        fields.required_string("source");
        Some(Queries {
            name: fields.required_string("name"),
            metrics: fields.strings("metrics"),
            absent: fields.string_map("absent"),
        })
    });
    queries.unwrap()
}
