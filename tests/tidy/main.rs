//! The tree keeps its own rules: sizes, layers, names, documents, rules and dashboards.
//!
//! clippy and rustfmt judge the lines; here stands what they do not look at.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod dashboards;
mod findings;
mod layers;
mod metrics;
mod peers;
mod promql;
mod rules;
mod sizes;
mod tree;
