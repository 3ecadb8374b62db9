//! A value as an expression has it: with what Go knows about its static type.

use crate::{Kind, Type, Value};

/// A value, and whether it was taken from a place of the type `interface {}`: Go's messages tell the two apart, and so
/// does it tell a nil that is there from a value that is not.
#[derive(Debug, Clone, Default)]
pub(super) struct Item {
    pub(super) value: Value,
    pub(super) boxed: bool,
}

impl Item {
    /// A value from a place of that type.
    pub(super) fn from_place(value: Value, place: Type) -> Self {
        Self { value, boxed: place == Type::Interface }
    }

    /// Without what is known about the place.
    pub(super) fn unboxed(self) -> Self {
        Self { boxed: false, ..self }
    }

    /// Its type in messages and for assignments.
    pub(super) fn static_type(&self) -> Option<Type> {
        if self.boxed { Some(Type::Interface) } else { self.value.go_type() }
    }
}

impl From<Value> for Item {
    fn from(value: Value) -> Self {
        Self { value, boxed: false }
    }
}

/// Whether `if` takes the value for true.
pub(crate) fn truth(value: &Value) -> bool {
    match value.kind() {
        Kind::Invalid => false,
        Kind::Bool | Kind::Int | Kind::Uint | Kind::Float | Kind::Complex | Kind::String => {
            match value.plain() {
                Value::Bool(value) => value,
                Value::Int(number) => number != 0,
                Value::Sized(_, bits) => bits != 0,
                Value::Float(number) => number != 0.0,
                Value::Complex(real, imaginary) => real != 0.0 || imaginary != 0.0,
                Value::String(text) => !text.is_empty(),
                _ => false,
            }
        }
        Kind::Slice | Kind::Array | Kind::Map => value.as_object().is_some_and(|object| object.count() > 0),
        Kind::Struct | Kind::Func => true,
        Kind::Pointer => !value.is_nil(),
    }
}
