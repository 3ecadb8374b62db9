//! The values that templates work on, and the trait by which a Rust type becomes one.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::function::{Args, Function};
use crate::{Failure, Integer, List, Named, Str, Type};

/// A value. Cheap to clone.
#[derive(Debug, Clone, Default)]
#[repr(u64)] // values are copied by whole words then
pub enum Value {
    /// No value, or a nil of no type.
    #[default]
    Nil,
    /// `bool`.
    Bool(bool),
    /// `int`.
    Int(i64),
    /// An integer of another kind: its bits, widened to 64.
    Sized(Integer, u64),
    /// `float64`.
    Float(f64),
    /// `complex128`: real and imaginary part.
    Complex(f64, f64),
    /// `string`.
    String(Str),
    /// A slice, map, struct, or anything that has a named type.
    Object(Arc<dyn Object>),
    /// The address of such a value; its type has a name.
    Pointer(Arc<dyn Object>),
    /// The nil pointer to a type.
    NilPointer(&'static Named),
    /// A function.
    Func(Arc<Function>),
}

/// What a Rust type tells about itself to be a value of templates.
///
/// [`go_type`](Self::go_type) decides which of the others are asked: a slice has [`count`](Self::count) and
/// [`at`](Self::at), a map has `count`, [`get`](Self::get) and [`entries`](Self::entries), a struct has `at` (its fields
/// in the order of their declaration), a named `bool`, number or `string` has [`scalar`](Self::scalar). Methods are those
/// of the [`Named`] type.
pub trait Object: fmt::Debug + Any + Send + Sync {
    /// The Go type that this is in the eyes of a template.
    fn go_type(&self) -> Type;

    /// Whether it is a nil slice or map. Such a one is empty, too.
    fn is_nil(&self) -> bool {
        false
    }

    /// What its `String` or `Error` method returns, if it has one: it is printed so.
    fn text(&self) -> Option<Str> {
        None
    }

    /// What its `GoString` method returns, if it has one: `%#v` prints it so.
    fn go_text(&self) -> Option<Str> {
        None
    }

    /// What Go's `json.Marshal` writes for it, where that does not follow from its kind: a time, a struct whose fields
    /// have other names there.
    fn json(&self) -> Option<Result<Str, Failure>> {
        None
    }

    /// The plain value of a named `bool`, number or `string`.
    fn scalar(&self) -> Value {
        Value::Nil
    }

    /// How many elements or entries there are.
    fn count(&self) -> usize {
        0
    }

    /// The element or the field at that position.
    fn at(&self, _position: usize) -> Option<Value> {
        None
    }

    /// The entry of a map.
    fn get(&self, _key: &Value) -> Option<Value> {
        None
    }

    /// The entry that `.name` asks a map for. Worth an answer of its own where that needs no [`Value`] to look it up.
    fn named(&self, name: &Str) -> Option<Value> {
        self.get(&Value::String(name.clone()))
    }

    /// All entries of a map, in the order of their keys.
    fn entries(&self) -> Vec<(Value, Value)> {
        Vec::new()
    }

    /// The elements from one position up to another, as a value of the same type.
    fn slice(&self, from: usize, to: usize) -> Value {
        let elements = (from..to).filter_map(|position| self.at(position)).collect();
        List::of(self.go_type(), elements).into()
    }

    /// Calls one of the methods that its type lists. The arguments have the types that the signature asks for.
    fn call(&self, method: &str, _args: Args<'_>) -> Result<Value, Failure> {
        Err(Failure::new(format!("{} has no method {method}", self.go_type())))
    }

    /// How much there is below it. Only containers whose content a template decides about need an exact answer.
    fn extent(&self) -> Extent {
        Extent { depth: 8, bytes: 64 }
    }
}

/// How deep and how big a value is when it is written out. Parts that are shared count as often as they appear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// Containers within containers.
    pub depth: u32,
    /// About how many bytes.
    pub bytes: u64,
}

impl Extent {
    /// What a container of these has.
    pub fn around<'a>(values: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut whole = Self { depth: 0, bytes: 16 };
        for value in values {
            let part = value.extent();
            whole.depth = whole.depth.max(part.depth);
            whole.bytes = whole.bytes.saturating_add(part.bytes);
        }
        Self { depth: whole.depth.saturating_add(1), ..whole }
    }
}

/// The kinds of values, named types looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// There is none.
    Invalid,
    /// True or false.
    Bool,
    /// A signed integer.
    Int,
    /// An unsigned integer.
    Uint,
    /// A float.
    Float,
    /// A complex number.
    Complex,
    /// A string.
    String,
    /// A slice.
    Slice,
    /// An array.
    Array,
    /// A map.
    Map,
    /// A struct.
    Struct,
    /// A pointer.
    Pointer,
    /// A function.
    Func,
}

impl Value {
    /// A string.
    pub fn string(text: impl Into<Str>) -> Self {
        Self::String(text.into())
    }

    /// A slice, map, struct or named value.
    pub fn object(object: impl Object) -> Self {
        Self::Object(Arc::new(object))
    }

    /// A pointer to one that has a named type.
    pub fn pointer(object: impl Object) -> Self {
        Self::Pointer(Arc::new(object))
    }

    /// Its type; `None` for the value that is none.
    pub fn go_type(&self) -> Option<Type> {
        Some(match self {
            Self::Nil => return None,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::INT,
            Self::Sized(integer, _) => Type::Integer(*integer),
            Self::Float(_) => Type::Float,
            Self::Complex(..) => Type::Complex,
            Self::String(_) => Type::String,
            Self::Object(object) => object.go_type(),
            Self::Pointer(object) => match object.go_type() {
                Type::Named(named) => Type::Pointer(named),
                other => other,
            },
            Self::NilPointer(named) => Type::Pointer(named),
            Self::Func(function) => Type::Func(function.signature),
        })
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Nil => Kind::Invalid,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Sized(integer, _) => int_kind(*integer),
            Self::Float(_) => Kind::Float,
            Self::Complex(..) => Kind::Complex,
            Self::String(_) => Kind::String,
            Self::Pointer(_) | Self::NilPointer(_) => Kind::Pointer,
            Self::Func(_) => Kind::Func,
            Self::Object(object) => match object.go_type().underlying() {
                Type::Bool => Kind::Bool,
                Type::Integer(integer) => int_kind(integer),
                Type::Float => Kind::Float,
                Type::Complex => Kind::Complex,
                Type::String => Kind::String,
                Type::Slice(_) => Kind::Slice,
                Type::Array(..) => Kind::Array,
                Type::Map(..) => Kind::Map,
                Type::Struct(_) => Kind::Struct,
                Type::Func(_) => Kind::Func,
                Type::Interface | Type::Reflect | Type::Pointer(_) | Type::Named(_) => Kind::Invalid,
            },
        }
    }

    /// The plain value below a named `bool`, number or `string`; any other value itself.
    #[must_use]
    pub fn plain(&self) -> Self {
        match (self, self.kind()) {
            (
                Self::Object(object),
                Kind::Bool | Kind::Int | Kind::Uint | Kind::Float | Kind::Complex | Kind::String,
            ) => object.scalar(),
            _ => self.clone(),
        }
    }

    /// The object in it, also behind a pointer.
    pub fn as_object(&self) -> Option<&dyn Object> {
        match self {
            Self::Object(object) | Self::Pointer(object) => Some(object.as_ref()),
            _ => None,
        }
    }

    /// The Rust value in it, if it is one of that type.
    pub fn downcast<T: Object>(&self) -> Option<&T> {
        let any: &dyn Any = self.as_object()?;
        any.downcast_ref()
    }

    /// The string in it, also in one of a named type.
    pub fn as_str(&self) -> Option<Str> {
        match self.plain() {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The signed integer in it.
    pub fn as_int(&self) -> Option<i64> {
        match self.plain() {
            Self::Int(number) => Some(number),
            Self::Sized(integer, bits) if integer.signed() => Some(bits.cast_signed()),
            _ => None,
        }
    }

    /// The unsigned integer in it.
    pub fn as_uint(&self) -> Option<u64> {
        match self.plain() {
            Self::Sized(integer, bits) if !integer.signed() => Some(bits),
            _ => None,
        }
    }

    /// The float in it.
    pub fn as_float(&self) -> Option<f64> {
        match self.plain() {
            Self::Float(number) => Some(number),
            _ => None,
        }
    }

    /// Whether it is nil: no value, a nil pointer, slice or map.
    pub fn is_nil(&self) -> bool {
        match self {
            Self::Nil | Self::NilPointer(_) => true,
            Self::Object(object) => object.is_nil(),
            _ => false,
        }
    }

    /// How much there is below it.
    pub fn extent(&self) -> Extent {
        match self {
            Self::String(text) => Extent { depth: 0, bytes: 16 + text.len() as u64 },
            Self::Object(object) | Self::Pointer(object) => object.extent(),
            _ => Extent { depth: 0, bytes: 16 },
        }
    }

    /// The value of a variable of that type that nobody has set.
    pub fn zero(of: Type) -> Self {
        match of {
            Type::Bool => Self::Bool(false),
            Type::Integer(Integer::Int) => Self::Int(0),
            Type::Integer(integer) => Self::Sized(integer, 0),
            Type::Float => Self::Float(0.0),
            Type::Complex => Self::Complex(0.0, 0.0),
            Type::String => Self::String(Str::default()),
            Type::Interface | Type::Reflect | Type::Func(_) => Self::Nil,
            Type::Slice(_) | Type::Array(..) | Type::Map(..) | Type::Struct(_) => List::nil(of).into(),
            Type::Pointer(named) => Self::NilPointer(named),
            Type::Named(named) => (named.zero)(),
        }
    }
}

fn int_kind(integer: Integer) -> Kind {
    if integer.signed() { Kind::Int } else { Kind::Uint }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value.into())
    }
}

impl From<Str> for Value {
    fn from(value: Str) -> Self {
        Self::String(value)
    }
}

impl<T: Object> From<T> for Value {
    fn from(value: T) -> Self {
        Self::object(value)
    }
}
