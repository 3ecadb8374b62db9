//! One scrape: collectors side by side under one deadline, results shared, targets judged.
//!
//! Invariants:
//! - a scrape answers by its deadline with what it has; every await under it is dropped with it;
//! - a collector that fails, panics or is late costs only itself, and says so in its own two metrics;
//! - scrapes of the same thing that overlap share one collection;
//! - a target that matches no rule gets no credentials.

mod deadline;
mod fanout;
mod flights;
mod targets;

pub use deadline::{DEFAULT_TIMEOUT, DEFAULT_TIMEOUT_OFFSET, TIMEOUT_HEADER, budget, without_offset};
pub use fanout::{
    COLLECTOR_METRICS, CollectError, Collecting, Collector, Failures, Scrape, collect_all, none_collected,
};
pub use flights::Flights;
pub use targets::{TargetName, TargetPattern, TargetRules};
