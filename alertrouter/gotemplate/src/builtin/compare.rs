//! `eq` and its relatives.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::fmt::Printer;
use crate::function::Failure;
use crate::{Kind, Type, Value};

/// Whether the first value equals one of the others.
pub(super) fn equal(first: &Value, others: &[Value]) -> Result<bool, Failure> {
    if others.is_empty() {
        return Err(Failure::new("missing argument for comparison"));
    }
    for other in others {
        if equals(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_basic(kind: Kind) -> bool {
    matches!(kind, Kind::Bool | Kind::Int | Kind::Uint | Kind::Float | Kind::Complex | Kind::String)
}

fn equals(one: &Value, other: &Value) -> Result<bool, Failure> {
    let kinds = (one.kind(), other.kind());
    match kinds {
        (Kind::Int, Kind::Uint) => return Ok(sign_free(one) == sign_free(other)),
        (Kind::Uint, Kind::Int) => return Ok(sign_free(one) == sign_free(other)),
        (a, b) if a == b && is_basic(a) => {
            return Ok(match (one, other) {
                (Value::Object(_), _) | (_, Value::Object(_)) => same(&one.plain(), &other.plain()),
                _ => same(one, other),
            });
        }
        (a, b) if is_basic(a) || is_basic(b) => {
            return match (one.go_type(), other.go_type()) {
                (Some(one), Some(other)) => {
                    Err(Failure::new(format!("incompatible types for comparison: {one} and {other}")))
                }
                _ => Ok(false),
            };
        }
        _ => {}
    }
    let (Some(of), Some(other_of)) = (one.go_type(), other.go_type()) else {
        return Ok(one.is_nil() == other.is_nil());
    };
    if kinds.0 != kinds.1 {
        let (one, other) = (shown(one, 's'), shown(other, 'v'));
        return Err(Failure::new(format!("non-comparable types {one}: {of}, {other_of}: {other}")));
    }
    if one.is_nil() || other.is_nil() {
        return Ok(one.is_nil() == other.is_nil());
    }
    if !other_of.comparable() {
        return Err(Failure::new(format!("non-comparable type {}: {other_of}", shown(other, 's'))));
    }
    Ok(of == other_of && identical(one, other))
}

/// An integer as one that holds all of both kinds.
fn sign_free(value: &Value) -> i128 {
    value.as_int().map_or_else(|| i128::from(value.as_uint().unwrap_or_default()), i128::from)
}

/// Whether two plain values of one kind are the same.
#[expect(clippy::float_cmp, reason = "so Go compares floats")]
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Bool(one), Value::Bool(other)) => one == other,
        (Value::Float(one), Value::Float(other)) => one == other,
        (Value::Complex(a, b), Value::Complex(c, d)) => a == c && b == d,
        (Value::String(one), Value::String(other)) => one == other,
        (Value::Int(_) | Value::Sized(..), _) => sign_free(one) == sign_free(other),
        _ => false,
    }
}

/// Go's `==` for two values of one comparable type.
fn identical(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Pointer(one), Value::Pointer(other)) => Arc::ptr_eq(one, other),
        (Value::Object(a), Value::Object(b)) => {
            let count = match a.go_type().underlying() {
                Type::Struct(fields) => fields.len(),
                Type::Array(length, _) => length,
                _ => return same(&one.plain(), &other.plain()),
            };
            (0..count).all(|position| {
                let (one, other) = (a.at(position).unwrap_or_default(), b.at(position).unwrap_or_default());
                one.go_type() == other.go_type() && identical(&one, &other)
            })
        }
        (Value::Nil, Value::Nil) | (Value::NilPointer(_), Value::NilPointer(_)) => true,
        _ => same(one, other),
    }
}

/// Whether the one is before the other.
pub(super) fn less(one: &Value, other: &Value) -> Result<bool, Failure> {
    ordered(one, other).map(|ordering| ordering == Some(Ordering::Less))
}

/// Whether the one is before the other, or equal to it.
pub(super) fn less_or_equal(one: &Value, other: &Value) -> Result<bool, Failure> {
    ordered(one, other).map(|ordering| matches!(ordering, Some(Ordering::Less | Ordering::Equal)))
}

/// The order of two values; none with a float that is no number.
fn ordered(one: &Value, other: &Value) -> Result<Option<Ordering>, Failure> {
    let (kind, other_kind) = (one.kind(), other.kind());
    if !is_basic(kind) || !is_basic(other_kind) {
        return Err(Failure::new("invalid type for comparison"));
    }
    match (kind, other_kind) {
        (Kind::Int | Kind::Uint, Kind::Int | Kind::Uint) => {
            return Ok(Some(sign_free(one).cmp(&sign_free(other))));
        }
        (Kind::Bool, Kind::Bool) | (Kind::Complex, Kind::Complex) => {
            return Err(Failure::new("invalid type for comparison"));
        }
        _ => {}
    }
    match (one.plain(), other.plain()) {
        (Value::Float(one), Value::Float(other)) => Ok(one.partial_cmp(&other)),
        (Value::String(one), Value::String(other)) => Ok(Some(one.cmp(&other))),
        _ => {
            let name = |value: &Value| value.go_type().map(|of| of.to_string()).unwrap_or_default();
            let (one, other) = (name(one), name(other));
            Err(Failure::new(format!("incompatible types for comparison: {one} and {other}")))
        }
    }
}

fn shown(value: &Value, verb: char) -> String {
    // a message needs no more of it
    let mut printer = Printer::new(1 << 16);
    printer.printf(if verb == 's' { b"%s" } else { b"%v" }, std::slice::from_ref(value));
    String::from_utf8_lossy(&printer.finish()).into_owned()
}
