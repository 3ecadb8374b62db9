//! Prometheus exporter for certificates: a drop-in for ssl_exporter that reports a certificate also when it is wrong.
//!
//! | module | holds |
//! |---|---|
//! | [`flags`], [`config`] | flags and file → modules, targets that are checked on their own, lists of them |
//! | [`probe`] | a target and a module become a report; one file a prober |
//! | [`report`], [`facts`] | what was found; what is kept of a certificate |
//! | [`metrics`] | from a report to the page |
//! | [`checks`], [`lists`] | targets on their own cadence, and the files that list them |
//! | [`files`], [`kubeconfig`] | certificates on this machine |
//! | [`revoked`], [`rdap`], [`http`], [`address`] | what probes read and fetch beside their target |
//! | `check` | the command for a person or a cron job |
//!
//! The way a probe goes: module → connection, or files → certificates → judgement → report → samples. The connection
//! and the judgement are netprobe's; here is what is asked, and how it is told.

pub mod address;
mod check;
pub mod checks;
pub mod config;
pub mod facts;
pub mod files;
pub mod flags;
pub mod http;
pub mod kubeconfig;
pub mod lists;
pub mod metrics;
pub mod probe;
pub mod rdap;
pub mod report;
pub mod revoked;

mod program;

pub use metrics::{METRICS, NAMESPACE, OWN_METRICS};
pub use program::Cert;
