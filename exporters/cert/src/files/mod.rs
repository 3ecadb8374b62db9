//! Certificates in files of this machine: which files there may be, and what is in them, read again only when changed.

mod cache;
mod walk;

pub use cache::{FileCache, FileContent};
pub use walk::{FoundFile, Refusal, find, find_own};
