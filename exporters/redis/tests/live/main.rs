//! The exporter against real servers, and against servers that do what no real one can be made to do.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod access;
mod failure;
mod pages;
mod support;
