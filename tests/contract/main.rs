//! What every program of the suite promises, asked of every binary.
//!
//! The list of programs is `tests::PROGRAMS`; a new program is covered by adding it there.

mod bad_input;
mod endpoints;
mod flags;
mod formats;
mod protection;
