//! The exporter against real servers, and against servers that do what no real one can be made to do.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod access;
mod clients;
mod cluster;
mod conformance;
mod custom;
mod failure;
mod front;
mod keys;
mod load;
mod more;
mod pages;
mod peer;
mod sentinel;
mod streams;
mod support;
mod versions;
