//! Real servers on free loopback ports, and faithful doubles of what cannot be had, for tests and the demo.
//!
//! | what | where |
//! |---|---|
//! | a real server process, its log and its end | [`process`] |
//! | Redis 5.0 to 8.0 and Valkey, clusters and Sentinels of them | [`redis`] |
//! | Prometheus, Alertmanager | [`prometheus`], [`alertmanager`] |
//! | PostgreSQL 13 to 18, PgBouncer | [`postgres`], [`pgbouncer`] |
//! | Postfix | [`postfix`] |
//! | doubles of Slack and of a mail server, with transcripts and scripted faults | [`slack`], [`smtp`] |
//! | a double of S3: lists and ranges, strict about signatures | [`s3`] |
//! | a double of the Kubernetes API, as far as secrets are listed | [`kubernetes`] |
//! | doubles of the providers whose bills are read | [`cloud`] |
//! | an HTTP server whose answers a test writes (pages to scrape, webhooks to receive) | [`web`] |
//! | servers whose every word a test writes, and what those say that go on in TLS | [`dialogue`], [`starttls`] |
//! | strict proxies: SOCKS, HTTP tunnels | [`socks`], [`tunnel`] |
//! | a real browser: screenshots, and what a script finds on a page | [`browser`] |
//! | servers that hurt: accept and never answer | [`blackhole`] |
//! | a small HTTP client, certificates | [`http`], [`tls`] |
//! | what is on a metrics page, for comparing it with a peer's | [`page`] |
//! | authorities with intermediates and every fault, servers that serve what they make | [`pki`], [`tls_server`] |
//! | the page on which a person sees Slack messages and mails arrive | [`inbox`] |
//!
//! Everything listens on loopback only and ends with the value that started it: dropping a server kills its
//! process, removes its folder and closes its port, and so does the death of the test process itself.
//! The kit must never depend on the toolkit or on a program: it tests them from the outside.

pub mod alertmanager;
mod base64;
pub mod blackhole;
pub mod browser;
mod cache;
pub mod cloud;
pub mod dialogue;
pub mod http;
pub mod inbox;
pub mod kubernetes;
mod listener;
pub mod npm;
pub mod page;
pub mod pgbouncer;
pub mod pki;
pub mod postfix;
pub mod postgres;
pub mod process;
pub mod prometheus;
pub mod redis;
pub mod s3;
mod script;
mod sigv4;
pub mod slack;
pub mod smtp;
pub mod socks;
pub mod starttls;
pub mod tls;
pub mod tls_server;
pub mod tunnel;
mod wait;
mod watched;
pub mod web;

pub use wait::eventually;
