//! Values, and when two of them are the same.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{EvalError, number};

/// A value. Clones are cheap: what is large is shared.
#[derive(Clone, Debug)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number that is not negative, written `1u`.
    Uint(u64),
    /// A number; all of JSON's are such ones.
    Double(f64),
    /// A text.
    String(Arc<str>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A list.
    List(Arc<[Self]>),
    /// A map.
    Map(Map),
    /// A length of time.
    Duration(SignedDuration),
    /// A moment.
    Timestamp(Timestamp),
    /// A type itself, as in `type(x) == int`.
    Type(Type),
}

/// A map's entries. Clones share them.
pub type Map = Arc<BTreeMap<Key, Value>>;

/// What can be a key. Numbers are the same key when they are the same number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// `true` or `false`
    Bool(bool),
    /// A whole number, signed or not.
    Int(i128),
    /// A text.
    String(Arc<str>),
}

/// The types; [`Type::Dyn`] is any of them, known only when it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Not known before.
    Dyn,
    /// `null_type`
    Null,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `uint`
    Uint,
    /// `double`
    Double,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// `list`
    List,
    /// `map`
    Map,
    /// `google.protobuf.Duration`
    Duration,
    /// `google.protobuf.Timestamp`
    Timestamp,
    /// `type`
    Type,
}

impl Type {
    /// The types that an expression can name.
    pub(super) const NAMED: [(&'static str, Self); 10] = [
        ("null_type", Self::Null),
        ("bool", Self::Bool),
        ("int", Self::Int),
        ("uint", Self::Uint),
        ("double", Self::Double),
        ("string", Self::String),
        ("bytes", Self::Bytes),
        ("list", Self::List),
        ("map", Self::Map),
        ("type", Self::Type),
    ];
}

impl Value {
    /// A text.
    pub fn text(text: &str) -> Self {
        Self::String(text.into())
    }

    /// Its type.
    pub fn kind(&self) -> Type {
        match self {
            Self::Null => Type::Null,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Uint(_) => Type::Uint,
            Self::Double(_) => Type::Double,
            Self::String(_) => Type::String,
            Self::Bytes(_) => Type::Bytes,
            Self::List(_) => Type::List,
            Self::Map(_) => Type::Map,
            Self::Duration(_) => Type::Duration,
            Self::Timestamp(_) => Type::Timestamp,
            Self::Type(_) => Type::Type,
        }
    }

    /// It as a key; a number with a fraction is none, and neither is a list or a map.
    pub(super) fn key(&self) -> Option<Key> {
        match self {
            Self::Bool(value) => Some(Key::Bool(*value)),
            Self::Int(value) => Some(Key::Int((*value).into())),
            Self::Uint(value) => Some(Key::Int((*value).into())),
            Self::Double(value) => number::whole(*value).map(Key::Int),
            Self::String(value) => Some(Key::String(Arc::clone(value))),
            _ => None,
        }
    }

    /// Whether two values are the same. Numbers of different types are compared as numbers, and values of different
    /// types otherwise are different.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(two)) => one == two,
            (Self::String(one), Self::String(two)) => one == two,
            (Self::Bytes(one), Self::Bytes(two)) => one == two,
            (Self::Duration(one), Self::Duration(two)) => one == two,
            (Self::Timestamp(one), Self::Timestamp(two)) => one == two,
            (Self::Type(one), Self::Type(two)) => one == two,
            (Self::List(one), Self::List(two)) => {
                one.len() == two.len() && one.iter().zip(two.iter()).all(|(one, two)| one.equals(two))
            }
            (Self::Map(one), Self::Map(two)) => {
                let same =
                    |(key, value): (&Key, &Self)| two.get(key).is_some_and(|other| value.equals(other));
                one.len() == two.len() && one.iter().all(same)
            }
            _ => number::compare(self, other) == Ok(Some(Ordering::Equal)),
        }
    }

    /// Which of two values comes first; `None` for a number that is not one.
    pub(super) fn order(&self, other: &Self) -> Result<Option<Ordering>, EvalError> {
        match (self, other) {
            (Self::Bool(one), Self::Bool(two)) => Ok(Some(one.cmp(two))),
            (Self::String(one), Self::String(two)) => Ok(Some(one.cmp(two))),
            (Self::Bytes(one), Self::Bytes(two)) => Ok(Some(one.cmp(two))),
            (Self::Duration(one), Self::Duration(two)) => Ok(Some(one.cmp(two))),
            (Self::Timestamp(one), Self::Timestamp(two)) => Ok(Some(one.cmp(two))),
            _ => number::compare(self, other),
        }
    }
}

impl Key {
    /// It as a value, as a macro hands it to its variable.
    pub(super) fn value(&self) -> Value {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => i64::try_from(*value)
                .map(Value::Int)
                .or_else(|_| u64::try_from(*value).map(Value::Uint))
                .unwrap_or(Value::Null),
            Self::String(value) => Value::String(Arc::clone(value)),
        }
    }
}
