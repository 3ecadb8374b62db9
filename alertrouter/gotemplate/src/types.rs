//! Go's types, as far as values in templates have them.
//!
//! They decide what may be passed where and what messages say (`map[string]interface {}`, `template.KV`). All of them are
//! constants of the program that brings the data.

use std::fmt;

use crate::Value;

/// A type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Type {
    /// `bool`.
    Bool,
    /// One of the integers.
    Integer(Integer),
    /// `float64`.
    Float,
    /// `complex128`.
    Complex,
    /// `string`.
    String,
    /// `interface {}`: any value.
    Interface,
    /// `reflect.Value`: any value, and the absent one too.
    Reflect,
    /// `[]T`.
    Slice(&'static Self),
    /// `[n]T`.
    Array(usize, &'static Self),
    /// `map[K]V`.
    Map(&'static Self, &'static Self),
    /// `struct { … }`, mostly as what a named type is made of.
    Struct(&'static [Field]),
    /// `*T`; only what has a name is pointed to.
    Pointer(&'static Named),
    /// `func(…) …`.
    Func(&'static Signature),
    /// A type with a name of its own.
    Named(&'static Named),
}

/// The kinds of integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Integer {
    /// `int`, of 64 bits.
    Int,
    /// `int8`.
    Int8,
    /// `int16`.
    Int16,
    /// `int32`.
    Int32,
    /// `int64`.
    Int64,
    /// `uint`, of 64 bits.
    Uint,
    /// `uint8`.
    Uint8,
    /// `uint16`.
    Uint16,
    /// `uint32`.
    Uint32,
    /// `uint64`.
    Uint64,
}

/// One field of a struct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name; one that begins with a small letter is not exported, and templates cannot read it.
    pub name: &'static str,
    /// Its type.
    pub of: Type,
}

/// A type with a name: `template.KV`, `time.Duration`.
#[derive(Clone, Copy)]
pub struct Named {
    /// The name with its package, as messages show it.
    pub name: &'static str,
    /// What it is made of; not a named type itself.
    pub underlying: Type,
    /// Its methods, those of its pointer too.
    pub methods: &'static [Method],
    /// The value of a variable of this type that nobody has set.
    pub zero: fn() -> Value,
}

/// One method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// What it takes and returns, without the receiver.
    pub signature: Signature,
}

/// What a function takes and returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// The parameters, without the variadic one.
    pub params: &'static [Type],
    /// What each further argument must be, if there may be further ones.
    pub variadic: Option<Type>,
    /// What it returns.
    pub result: Type,
}

impl Type {
    /// `int`.
    pub const INT: Self = Self::Integer(Integer::Int);
    /// `int64`.
    pub const INT64: Self = Self::Integer(Integer::Int64);
    /// `uint64`.
    pub const UINT64: Self = Self::Integer(Integer::Uint64);
    /// `uint8`, also called byte.
    pub const UINT8: Self = Self::Integer(Integer::Uint8);
    /// `[]string`.
    pub const STRINGS: Self = Self::Slice(&Self::String);
    /// `[]interface {}`.
    pub const LIST: Self = Self::Slice(&Self::Interface);
    /// `map[string]interface {}`.
    pub const DICT: Self = Self::Map(&Self::String, &Self::Interface);

    /// What it is made of, below its name.
    #[must_use]
    pub fn underlying(self) -> Self {
        match self {
            Self::Named(named) => named.underlying,
            other => other,
        }
    }

    /// Whether the untyped `nil` may stand for a value of it.
    #[must_use]
    pub fn can_be_nil(self) -> bool {
        matches!(
            self.underlying(),
            Self::Interface
                | Self::Reflect
                | Self::Slice(_)
                | Self::Map(..)
                | Self::Pointer(_)
                | Self::Func(_)
        )
    }

    /// Whether Go's `==` works on two values of it.
    #[must_use]
    pub fn comparable(self) -> bool {
        match self.underlying() {
            Self::Slice(_) | Self::Map(..) | Self::Func(_) => false,
            Self::Array(_, of) => of.comparable(),
            Self::Struct(fields) => fields.iter().all(|field| field.of.comparable()),
            _ => true,
        }
    }

    /// Whether a value of it may be put where `wanted` is.
    #[must_use]
    pub fn assignable_to(self, wanted: Self) -> bool {
        if matches!(wanted, Self::Interface) || self == wanted {
            return true;
        }
        (!self.has_name() || !wanted.has_name()) && self.underlying() == wanted.underlying()
    }

    /// Whether it has a name, be it one that Go brings.
    fn has_name(self) -> bool {
        !matches!(
            self,
            Self::Slice(_)
                | Self::Array(..)
                | Self::Map(..)
                | Self::Struct(_)
                | Self::Pointer(_)
                | Self::Func(_)
        )
    }

    /// The method of that name, of this type or of what it points to.
    #[must_use]
    pub fn method(self, name: &[u8]) -> Option<&'static Method> {
        let (Self::Named(named) | Self::Pointer(named)) = self else { return None };
        named.methods.iter().find(|method| method.name.as_bytes() == name)
    }
}

impl Integer {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint => "uint",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
        }
    }

    /// Whether it has a sign.
    #[must_use]
    pub fn signed(self) -> bool {
        matches!(self, Self::Int | Self::Int8 | Self::Int16 | Self::Int32 | Self::Int64)
    }

    /// The bits that are left of a number when it is put into it, widened again to 64.
    #[must_use]
    pub(crate) fn wrap(self, bits: u64) -> u64 {
        let lost: u32 = match self {
            Self::Int | Self::Int64 | Self::Uint | Self::Uint64 => 0,
            Self::Int8 | Self::Uint8 => 56,
            Self::Int16 | Self::Uint16 => 48,
            Self::Int32 | Self::Uint32 => 32,
        };
        let shifted = bits.wrapping_shl(lost);
        if self.signed() {
            shifted.cast_signed().wrapping_shr(lost).cast_unsigned()
        } else {
            shifted.wrapping_shr(lost)
        }
    }
}

impl Signature {
    /// A function of these parameters.
    #[must_use]
    pub const fn new(params: &'static [Type], result: Type) -> Self {
        Self { params, variadic: None, result }
    }

    /// The same, with any number of further arguments of a type.
    #[must_use]
    pub const fn and_more(self, each: Type) -> Self {
        Self { variadic: Some(each), ..self }
    }

    /// The type that the argument at that position must have.
    pub(crate) fn wanted(&self, position: usize) -> Type {
        self.params.get(position).copied().or(self.variadic).unwrap_or(Type::Interface)
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Named {}

impl fmt::Debug for Named {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => formatter.write_str("bool"),
            Self::Integer(integer) => formatter.write_str(integer.name()),
            Self::Float => formatter.write_str("float64"),
            Self::Complex => formatter.write_str("complex128"),
            Self::String => formatter.write_str("string"),
            Self::Interface => formatter.write_str("interface {}"),
            Self::Reflect => formatter.write_str("reflect.Value"),
            Self::Slice(of) => write!(formatter, "[]{of}"),
            Self::Array(length, of) => write!(formatter, "[{length}]{of}"),
            Self::Map(key, of) => write!(formatter, "map[{key}]{of}"),
            Self::Pointer(named) => write!(formatter, "*{}", named.name),
            Self::Named(named) => formatter.write_str(named.name),
            Self::Func(signature) => write!(formatter, "func({signature}"),
            Self::Struct(fields) => {
                formatter.write_str("struct {")?;
                for (position, field) in fields.iter().enumerate() {
                    let before = if position > 0 { "; " } else { " " };
                    write!(formatter, "{before}{} {}", field.name, field.of)?;
                }
                formatter.write_str(if fields.is_empty() { "}" } else { " }" })
            }
        }
    }
}

/// The parameters, the closing parenthesis, the result.
impl fmt::Display for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, param) in self.params.iter().enumerate() {
            let before = if position > 0 { ", " } else { "" };
            write!(formatter, "{before}{param}")?;
        }
        if let Some(each) = self.variadic {
            let before = if self.params.is_empty() { "" } else { ", " };
            write!(formatter, "{before}...{each}")?;
        }
        write!(formatter, ") {}", self.result)
    }
}
