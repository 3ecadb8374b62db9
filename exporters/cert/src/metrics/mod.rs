//! The page: ssl_exporter's metrics by its names, and ours.

mod table;
mod write;

pub use table::{METRICS, NAMESPACE};
pub(crate) use table::exporter;
pub use write::{Extra, write};
