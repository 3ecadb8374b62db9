//! The page: ssl_exporter's metrics by its names, and ours.

mod table;
mod write;

pub(crate) use table::exporter;
pub use table::exporter::METRICS as OWN_METRICS;
pub use table::{METRICS, NAMESPACE};
pub use write::{Extra, write, write_last_check};
