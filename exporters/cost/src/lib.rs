//! Prometheus exporter for the bills of a small product: every provider in one place, exact to the last digit.
//!
//! | module | holds |
//! |---|---|
//! | [`money`], [`calendar`] | exact amounts; a provider's days and billing periods |
//! | [`charge`] | what a provider says: amounts by day, service and category, and what else it tells |
//! | [`flags`], [`config`] | flags and file → providers, budgets, rates |
//! | [`http`], [`window`] | how they are asked, and about which days |
//! | [`providers`] | how each provider is asked; one file or folder each |
//! | [`store`] | days as they are known, settled or not, and what survives a restart |
//! | [`shown`] | who has series of its own, and who is shown together |
//! | [`figures`] | month to date, forecast, anomalies, budgets: pure, from rows and the time |
//! | [`report`] | a month for a person |
//! | `refresh` | each provider on its own cadence, never twice at once |
//! | `metrics`, `landing`, `commands` | the page, the page about itself, the command line |
//!
//! The way money goes: provider → snapshot, whole or not at all → store → figures → page, rendered once per refresh.
//! A scrape reads the page that is there; it asks nobody.

pub mod calendar;
pub mod charge;
pub mod config;
pub mod figures;
pub mod flags;
pub mod http;
pub mod money;
pub mod providers;
pub mod report;
pub mod shown;
pub mod store;
pub mod window;

mod commands;
mod landing;
mod metrics;
mod program;
mod refresh;

pub use metrics::{METRICS, NAMESPACE};
pub use program::Cost;
