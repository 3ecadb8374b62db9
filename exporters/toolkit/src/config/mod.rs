//! Configuration files: YAML with positions, secrets, durations, and every problem of a file at once.
//!
//! ```text
//! Document::read → decode(|fields| …) → the program's own types, or a ConfigError
//! ```
//!
//! A decoder asks [`Fields`] for the keys it knows. What is missing or wrong is noted beside the place where it
//! stands, and decoding goes on, so that one run names every problem of the file. A key that nobody asked for is a
//! problem too.
//!
//! Invariants:
//! - A message must never contain a secret: no excerpt of the file, no text of a key that looks secret, no
//!   credentials of a URL.
//! - Reading a file must never panic, recurse without bound, or expand aliases without bound.
//! - The YAML crate is named in `yaml.rs` and nowhere else.

mod document;
mod duration;
mod error;
mod fields;
mod item;
mod mapping;
mod node;
mod percent;
mod redact;
mod scalar;
mod secret;
mod show;
mod similar;
mod yaml;

pub use document::Document;
pub use duration::parse_duration;
pub use error::{ConfigError, Place, Position, Problem, Problems, Reason};
pub use fields::Fields;
pub use item::{Item, Kind};
pub use percent::percent_decode;
pub(crate) use redact::is_secret_name;
pub use redact::redact_url;
pub use secret::{Secret, SecretError, SecretSource};
