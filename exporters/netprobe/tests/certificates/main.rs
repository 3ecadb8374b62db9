//! Certificates, chains, files of certificates and revocations: made here by rcgen and by hand, and recorded from what
//! OpenSSL and Java write (`data/make.sh`).
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod chains;
mod facts;
mod files;
mod fuzz;
mod hosts;
mod party;
mod renewals;
mod revocation;
