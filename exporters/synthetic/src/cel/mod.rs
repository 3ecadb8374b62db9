//! The Common Expression Language, as far as conditions on an answer need it: cel-go's standard library and macros.
//!
//! Own code: the crate `cel` brings twenty others with it (antlr4rust, `lazy_static`, `parking_lot`, nom 7, …), checks
//! no names when an expression is loaded, takes the regular expressions of Rust instead of RE2, and bounds neither the
//! work nor the depth of an evaluation. Facts: the language's definition (cel-spec) and what cel-go does where it is free.
//!
//! An expression is parsed, and its names and types are checked, once. An evaluation cannot fail but by an
//! [`EvalError`], and ends after [`MAX_WORK`] steps.

mod check;
mod eval;
mod functions;
mod json;
mod lex;
mod number;
mod operators;
mod parse;
mod syntax;
mod value;

use std::fmt;
use std::sync::Arc;

pub use eval::MAX_WORK;
pub use json::from_json;
pub use value::{Key, Map, Type, Value};

use syntax::Expr;

/// The longest expression, in bytes.
pub const MAX_EXPRESSION: usize = 8 << 10;

/// What an expression may ask about, each under its own name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// `body`: the answer's body, read as JSON.
    Body,
    /// `status`: the answer's status code.
    Status,
    /// `headers`: the answer's headers, by their names in small letters; several of one name with commas.
    Headers,
    /// `duration`: how long the answer took, from the first step on.
    Duration,
    /// `now`: the time of day.
    Now,
}

impl Variable {
    const ALL: [(&'static str, Self, Type); 5] = [
        ("body", Self::Body, Type::Dyn),
        ("status", Self::Status, Type::Int),
        ("headers", Self::Headers, Type::Map),
        ("duration", Self::Duration, Type::Duration),
        ("now", Self::Now, Type::Timestamp),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, ..)| *known == name).map(|(_, variable, _)| *variable)
    }

    fn kind(self) -> Type {
        Self::ALL.iter().find(|(_, variable, _)| *variable == self).map_or(Type::Dyn, |(.., kind)| *kind)
    }
}

/// Gives the variables' values when an expression asks for them.
pub trait Scope {
    /// The value of a variable.
    fn value(&self, variable: Variable) -> Value;
}

/// An expression that was checked. Clones share it.
#[derive(Clone)]
pub struct Program {
    text: Arc<str>,
    expression: Arc<Expr>,
}

impl Program {
    /// Reads and checks an expression.
    ///
    /// # Errors
    /// It is no expression, or asks for what there is not.
    pub fn compile(text: &str) -> Result<Self, CompileError> {
        if text.len() > MAX_EXPRESSION {
            return Err(CompileError::new(0, format!("it is longer than {MAX_EXPRESSION} bytes")));
        }
        let expression = parse::parse(text)?;
        check::check(&expression)?;
        Ok(Self { text: text.into(), expression: Arc::new(expression) })
    }

    /// What it comes to.
    ///
    /// # Errors
    /// It comes to nothing: a key is missing, types do not fit, a number is too large, …
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        eval::evaluate(&self.expression, scope)
    }

    /// The expression as it is written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Program").field(&self.text).finish()
    }
}

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the CEL expression cannot be used: {problem} (character {column})")]
pub struct CompileError {
    /// Where, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: String,
}

impl CompileError {
    fn new(at: usize, problem: impl Into<String>) -> Self {
        Self { column: at + 1, problem: problem.into() }
    }
}

/// Why an expression comes to nothing. Holds nothing of what it was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// A map has no such key.
    #[error("no such key")]
    NoSuchKey,
    /// A list has no such element.
    #[error("index out of bounds")]
    OutOfBounds,
    /// An operator or function is not for values of these types.
    #[error("no such overload")]
    NoSuchOverload,
    /// A number is too large for its type.
    #[error("out of range")]
    Overflow,
    /// A division by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A text is not what it is to be turned into.
    #[error("cannot be converted")]
    Conversion,
    /// A map is written with the same key twice.
    #[error("duplicate key")]
    DuplicateKey,
    /// A pattern that was put together is no regular expression.
    #[error("not a regular expression")]
    Regexp,
    /// It took more than [`MAX_WORK`] steps.
    #[error("the expression takes too many steps")]
    TooMuchWork,
}

#[cfg(test)]
mod tests;
