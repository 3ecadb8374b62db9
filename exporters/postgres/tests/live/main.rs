//! The exporter against real servers of every version, alive, broken and restricted.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod budget;
mod changes;
mod conformance;
mod custom;
mod drop_in;
mod faults;
mod gate;
mod page;
mod peer;
mod poolers;
mod reload;
mod rights;
mod secrets;
mod security;
mod stage;
mod support;
