//! What every program of the suite promises, asked of every binary.
//!
//! The list of programs is `tests::PROGRAMS`; a new program is covered by adding it there.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod bad_input;
mod endpoints;
mod flags;
mod formats;
mod protection;
