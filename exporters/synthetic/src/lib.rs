//! Prometheus exporter that probes endpoints from outside: a drop-in for blackbox_exporter that says why a probe failed.
//!
//! | module | holds |
//! |---|---|
//! | [`flags`], [`config`] | flags and file → modules, checks, services |
//! | [`probe`] | a module and a target become an outcome; one folder a prober |
//! | [`outcome`], [`reason`] | what a probe found; why it failed, in a word of a closed list |
//! | [`cel`] | conditions on an answer, in the Common Expression Language |
//! | [`checks`] | what is probed on its own cadence, heartbeats, and what each run came to |
//! | [`health`] | services: roll-up of checks, answers, the status page, uptime |
//! | [`slo`] | `slo-rules`: burn-rate rules for Prometheus |
//! | [`metrics`] | from an outcome to the page |
//! | [`request`], [`place`] | what a request asks for; where people find the program |
//! | [`history`], [`explain`] | the last probes, and what they did, for people |
//!
//! The way a probe goes: module → guard → prober → outcome → samples, history, checks. Connections are netprobe's.

pub mod cel;
pub mod checks;
pub mod config;
pub mod explain;
pub mod flags;
pub mod health;
pub mod history;
pub mod metrics;
pub mod outcome;
pub mod place;
pub mod probe;
pub mod reason;
pub mod request;
pub mod slo;

mod pages;
mod program;

pub use metrics::all as all_metrics;
pub use program::Synthetic;
