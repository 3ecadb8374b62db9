//! The web side as its users meet it: config files, TLS, passwords, limits, and the stop.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy knows tests by #[test], not their helpers"
)]

mod config_files;
mod landing;
mod passwords;
mod rotation;
mod serving;
mod support;
mod tls;
