//! Functions that templates call by name.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::builtin::Builtin;
use crate::{Signature, Str, Value};

/// Why a function or method did not return a value. Templates stop with `error calling NAME: …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// A failure of that cause.
    pub fn new(cause: impl Into<String>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

/// A function that templates may call.
#[derive(Clone)]
pub struct Function {
    pub(crate) name: Str,
    pub(crate) signature: &'static Signature,
    pub(crate) body: Body,
}

/// A function of the program's.
type Own = dyn Fn(Args<'_>) -> Result<Value, Failure> + Send + Sync;

/// What happens when it is called.
#[derive(Clone)]
pub(crate) enum Body {
    /// One of the language's own.
    Builtin(Builtin),
    /// One that the program brought.
    Own(Arc<Own>),
}

impl Function {
    /// A function. It is called with as many arguments as its signature allows, each of the type that it asks for, so
    /// that `args.text(0)` is right where the signature says `string`.
    pub fn new(
        name: &str,
        signature: &'static Signature,
        body: impl Fn(Args<'_>) -> Result<Value, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), signature, body: Body::Own(Arc::new(body)) }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}({}", self.name, self.signature)
    }
}

/// The arguments of a call.
#[derive(Debug, Clone, Copy)]
pub struct Args<'a>(&'a [Value]);

impl<'a> Args<'a> {
    /// These arguments.
    pub fn new(values: &'a [Value]) -> Self {
        Self(values)
    }

    /// All of them.
    pub fn all(self) -> &'a [Value] {
        self.0
    }

    /// Those from a position on: the variadic ones.
    pub fn rest(self, from: usize) -> &'a [Value] {
        self.0.get(from..).unwrap_or_default()
    }

    /// The argument at that position.
    pub fn value(self, position: usize) -> &'a Value {
        self.0.get(position).unwrap_or(&Value::Nil)
    }

    /// The string at that position.
    pub fn str(self, position: usize) -> Str {
        self.value(position).as_str().unwrap_or_default()
    }

    /// The same as text, with U+FFFD where it is not UTF-8.
    pub fn text(self, position: usize) -> Cow<'a, str> {
        match self.value(position) {
            Value::String(text) => text.to_text(),
            _ => Cow::Owned(self.str(position).to_text().into_owned()),
        }
    }

    /// The signed integer at that position.
    pub fn int(self, position: usize) -> i64 {
        self.value(position).as_int().unwrap_or_default()
    }

    /// The float at that position.
    pub fn float(self, position: usize) -> f64 {
        self.value(position).as_float().unwrap_or_default()
    }

    /// The elements of the slice at that position.
    pub fn elements(self, position: usize) -> Vec<Value> {
        let Some(object) = self.value(position).as_object() else { return Vec::new() };
        (0..object.count()).filter_map(|position| object.at(position)).collect()
    }
}
