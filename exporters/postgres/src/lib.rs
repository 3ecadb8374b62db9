//! Prometheus exporter for PostgreSQL: a drop-in for postgres_exporter whose collectors are data.
//!
//! | module | holds |
//! |---|---|
//! | [`flags`], [`config`], [`auth_modules`] | flags, file and environment → what is asked of whom |
//! | [`dsn`], [`credentials`] | connection strings as libpq reads them, and where passwords come from |
//! | [`collector`], [`legacy`] | what a collector is; postgres_exporter's `queries.yaml` |
//! | [`conn`] | the protocol, TLS, authentication, the few sessions a server has to bear |
//! | [`facts`], [`plan`], [`discover`] | what a server is, what runs there, in which databases |
//! | [`visit`], [`run`], [`kept`], [`target`] | one visit, one collector, what is kept between visits |
//! | [`render`], [`number`], [`state`], [`report`] | rows → samples; what became of each collector |
//! | `commands` | `check`, `explain`, `grants` |
//!
//! The way a scrape goes: target → session → what is it? → plan → queries, two sessions for the server and N for its
//! databases → rows → samples → page. Nothing a server sends becomes part of a query but the quoted name of an
//! extension's schema.

pub mod auth_modules;
pub mod collector;
mod commands;
pub mod config;
pub mod conn;
pub mod credentials;
pub mod discover;
pub mod dsn;
pub mod facts;
pub mod flags;
pub mod kept;
pub mod legacy;
pub mod number;
pub mod plan;
pub mod render;
pub mod report;
pub mod run;
pub mod state;
pub mod target;
pub mod visit;

mod program;

pub use program::Postgres;
