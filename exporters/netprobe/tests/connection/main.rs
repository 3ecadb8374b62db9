//! Connections to servers that a test wrote, and to real ones: PostgreSQL, Postfix, OpenSSL of every age.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod dialling;
mod handshakes;
mod old;
mod real;
mod starttls;
mod support;
