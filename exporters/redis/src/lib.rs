//! Prometheus exporter for Redis and Valkey: a drop-in for redis_exporter that keeps its connection.
//!
//! | module | holds |
//! |---|---|
//! | [`flags`], [`rules`], [`config`] | flags and file → what each target gets |
//! | [`target`], [`access`], [`tls`] | where a target is, who we are there, how it is trusted |
//! | [`connect`], [`conn`], [`session`] | a stream, the protocol on it, an introduced connection |
//! | [`server`], [`command`], [`gather`], [`kept`] | what a server can be asked, one visit, what is kept between visits |
//! | [`info`], [`fields`], [`reply`] | what came back |
//! | [`collectors`], [`output`], [`page`] | what is shown |
//!
//! The way a scrape goes: target → link (credentials, TLS) → kept session → all commands in one write → replies →
//! parts rendered side by side → page. Nothing is asked twice, and nothing is shown that was not asked for.

pub mod access;
pub mod collectors;
pub mod command;
pub mod config;
pub mod conn;
pub mod connect;
pub mod error;
pub mod fields;
pub mod flags;
pub mod gather;
pub mod info;
pub mod kept;
pub mod output;
pub mod page;
pub mod reply;
pub mod rules;
pub mod server;
pub mod session;
pub mod target;
pub mod tls;

pub mod program;

pub use program::Redis;
