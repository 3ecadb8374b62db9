//! The exporter as it is run: its page, its commands, its files, on the day that a test chooses.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod commands;
mod complaints;
mod focus;
mod kills;
mod page;
mod providers;
mod report;
mod support;
