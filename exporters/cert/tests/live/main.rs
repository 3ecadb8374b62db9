//! The exporter against real servers that serve every kind of certificate, and files of every kind.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod check;
mod crl;
mod files;
mod kubernetes;
mod oldest;
mod openssl;
mod page;
mod peer;
mod rdap;
mod requests;
mod routes;
mod scheduled;
mod staples;
mod starttls;
mod support;
mod verdicts;
