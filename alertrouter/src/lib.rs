//! Alertmanager webhooks in, Slack messages and e-mails out, and nothing lost between.
pub mod config;
pub mod labels;
pub mod payload;
pub mod matcher;
pub mod route;
pub mod decide;
pub mod moment;
pub mod notify;
pub mod store;
