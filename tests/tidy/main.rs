//! The tree keeps its own rules: sizes, layers, names, documents.
//!
//! clippy and rustfmt judge the lines; here stands what they do not look at.

mod layers;
mod sizes;
mod tree;
