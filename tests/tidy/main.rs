//! The tree keeps its own rules: sizes, layers, names, documents.
//!
//! clippy and rustfmt judge the lines; here stands what they do not look at.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod dashboards;
mod layers;
mod rules;
mod sizes;
mod tree;
