//! Configuration from the outside: fixtures with their exact messages, secrets, and text that nobody would write.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod arbitrary;
mod canary;
mod fixtures;
mod sample;
mod secrets;
