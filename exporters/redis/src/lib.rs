//! Prometheus exporter for Redis and Valkey: a drop-in for redis_exporter that keeps its connection.
//!
//! | module | holds |
//! |---|---|
//! | [`flags`], [`rules`], [`config`] | flags and file → what each target gets |
//! | [`target`], [`access`], [`tls`] | where a target is, who we are there, how it is trusted |
//! | [`connect`], [`conn`], [`session`], [`lane`] | a stream, the protocol on it, an introduced connection, a kept one |
//! | [`server`], [`command`], [`gather`], [`kept`] | what a server can be asked, one visit, what is kept between visits |
//! | [`cluster`] | the nodes of a cluster, who has a key |
//! | [`info`], [`fields`], [`reply`] | what came back |
//! | [`collectors`], [`output`], [`page`] | what is shown |
//! | [`custom`], [`acl`] | scripts and commands of the user's own; the rights that all of it needs |
//!
//! The way a scrape goes: target → link (credentials, TLS) → kept session → all commands in one write → replies →
//! parts rendered side by side → page. Nothing is asked twice, and nothing is shown that was not asked for.

pub mod access;
pub mod acl;
pub mod cluster;
pub mod collectors;
pub mod command;
pub mod config;
pub mod conn;
pub mod connect;
pub mod custom;
pub mod error;
pub mod fields;
pub mod flags;
pub mod gather;
pub mod info;
pub mod kept;
pub mod keys;
pub mod lane;
pub mod memory;
pub mod output;
pub mod page;
pub mod pattern;
pub mod reply;
pub mod rules;
pub mod server;
pub mod session;
pub mod streams;
pub mod target;
pub mod tls;
pub mod tls_seen;

pub mod program;

pub use program::Redis;

/// Every metric that the program can write, but for those that a configuration file names.
pub fn metrics() -> Vec<toolkit::expo::Desc<'static>> {
    let parts = collectors::PARTS.iter().flat_map(|part| (part.metrics)());
    let own_questions = [
        collectors::clients::aggregates::metrics(),
        custom::scripts::metrics(),
        custom::commands::metrics(),
        keys::render::metrics(),
    ];
    let around = collectors::rdb_file::METRICS
        .into_iter()
        .chain(page::METRICS)
        .chain(cluster::view::METRICS)
        .chain(program::METRICS)
        .chain(toolkit::scrape::COLLECTOR_METRICS);
    parts.chain(own_questions.into_iter().flatten()).chain(around).collect()
}
