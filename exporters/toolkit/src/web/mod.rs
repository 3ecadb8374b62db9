//! The web side of every program: listeners, TLS and passwords, the landing page, limits.
//!
//! ```text
//! Listener → TLS (Access) → request id and log → rate limit and password (Access) → the program's axum Router
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `listener`, `connection`, `pace` | sockets, HTTP/1 and HTTP/2, every time limit of a connection |
//! | `access`, `settings`, `files` | the web config file: parse, re-read when it changes, swap |
//! | `tls`, `tls_settings`, `tls_names`, `client_cert` | its `tls_server_config` on rustls |
//! | `guard` | the same from a program's own flags, where its peer has such |
//! | `basic_auth`, `rate_limit` | its `basic_auth_users` and `rate_limit` |
//! | `landing`, `request`, `healthcheck` | the `/` page, request ids, the probe of oneself |
//!
//! Invariants:
//! - A connection must never wait for its peer without a deadline, and there are never more of them than the cap.
//! - A request must never reach the router before the rate limit and the password were checked.
//! - A password, a key, or a query string must never reach a log line or an error message.
//! - A web config file that became bad must never weaken or end what is being served.

mod access;
mod address;
mod basic_auth;
mod client_cert;
mod connection;
mod files;
mod guard;
mod healthcheck;
mod landing;
mod listener;
mod pace;
mod rate_limit;
mod request;
mod settings;
mod tls;
mod tls_names;
mod tls_settings;

pub use access::{Access, ReloadState};
pub use address::InvalidAddress;
pub use connection::Peer;
pub use guard::{Given, Guard};
pub use healthcheck::{Transport, healthcheck};
pub use landing::{Escaped, Landing, Link, ProbeForm, ProbeParameter, Section, not_found, page, render};
pub use listener::{BindError, Listener};
pub use request::RequestId;
