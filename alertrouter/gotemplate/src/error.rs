//! What can go wrong with a template, in Go's words.

use std::fmt;

/// A template that cannot be read or could not be executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// When it happened.
    pub stage: Stage,
    /// Where, if it has a place.
    pub place: Option<Place>,
    /// The whole message, as Go words it.
    pub message: String,
}

/// When an error happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// While the text was read.
    Parse,
    /// While it was made safe for HTML.
    Escape,
    /// While it was executed.
    Execute,
    /// While it was executed, and it took more than the limits allow.
    Limit,
}

/// A place in a template's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name of the text.
    pub name: String,
    /// The line, from 1.
    pub line: usize,
    /// The byte in the line, from 0 as Go counts it.
    pub column: usize,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
