//! The suite on real servers: an alert goes all the way, a healthy stage shows data everywhere and stays silent, and each
//! fault raises its own alert and no other.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod dashboards;
mod drill;
mod healthy;
mod pipeline;
