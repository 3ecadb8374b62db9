//! What every Watchfire program shares, and nothing that names one of them.
//!
//! | module | holds |
//! |---|---|
//! | [`app`] | a program's life: flags → configuration → start → serve → stop |
//! | [`aws_sign`] | AWS' signature of requests |
//! | [`chain`] | an error with its causes |
//! | [`cli`] | the common flags and their environment variables |
//! | [`config`] | YAML with positions, every error at once, durations, secrets |
//! | [`expo`] | the metrics page: descriptors, arena, writers, content negotiation |
//! | [`glob`] | patterns of paths |
//! | [`log`] | logfmt and JSON lines |
//! | [`regexp`] | Go's regular expressions |
//! | [`schedule`] | targets on their own cadence |
//! | [`scrape`] | collectors side by side under one deadline, sharing, targets |
//! | [`selfmon`] | the process's own metrics |
//! | [`tls`], [`trouble`] | connections that we open, and what the system says of them |
//! | [`web`] | listener, web config file, access, landing page |
//!
//! The way a scrape goes: listener → access and limits → negotiate → target → shared flight → collectors →
//! arena → writer → gzip → answer. One direction; no step reaches back.

pub mod app;
pub mod aws_sign;
pub mod chain;
pub mod cli;
pub mod clock;
pub mod config;
pub mod expo;
pub mod glob;
pub mod log;
pub mod regexp;
pub mod schedule;
pub mod scrape;
pub mod selfmon;
pub mod tls;
pub mod trouble;
pub mod web;
