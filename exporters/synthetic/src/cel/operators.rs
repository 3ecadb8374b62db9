//! Operators between two values. Numbers are never converted: `1 + 1.0` has no meaning, `1 < 1.5` has.

use std::cmp::Ordering;

use super::syntax::Operator;
use super::{EvalError, Value};

type Result<T> = std::result::Result<T, EvalError>;

/// `left operator right`
pub(super) fn binary(operator: Operator, left: &Value, right: &Value) -> Result<Value> {
    match operator {
        Operator::Equal => Ok(Value::Bool(left.equals(right))),
        Operator::Unequal => Ok(Value::Bool(!left.equals(right))),
        Operator::Less => compare(left, right, Ordering::is_lt),
        Operator::LessOrEqual => compare(left, right, Ordering::is_le),
        Operator::Greater => compare(left, right, Ordering::is_gt),
        Operator::GreaterOrEqual => compare(left, right, Ordering::is_ge),
        Operator::In => member(left, right),
        Operator::Add => add(left, right),
        Operator::Subtract => subtract(left, right),
        Operator::Multiply => multiply(left, right),
        Operator::Divide => divide(left, right),
        Operator::Remainder => remainder(left, right),
    }
}

/// `-value`
pub(super) fn negate(value: &Value) -> Result<Value> {
    match value {
        Value::Int(value) => value.checked_neg().map(Value::Int).ok_or(EvalError::Overflow),
        Value::Double(value) => Ok(Value::Double(-value)),
        _ => Err(EvalError::NoSuchOverload),
    }
}

fn compare(left: &Value, right: &Value, holds: fn(Ordering) -> bool) -> Result<Value> {
    Ok(Value::Bool(left.order(right)?.is_some_and(holds)))
}

fn member(element: &Value, of: &Value) -> Result<Value> {
    match of {
        Value::List(elements) => Ok(Value::Bool(elements.iter().any(|one| one.equals(element)))),
        Value::Map(map) => Ok(Value::Bool(element.key().is_some_and(|key| map.contains_key(&key)))),
        _ => Err(EvalError::NoSuchOverload),
    }
}

fn add(left: &Value, right: &Value) -> Result<Value> {
    let sum = match (left, right) {
        (Value::Int(one), Value::Int(two)) => one.checked_add(*two).map(Value::Int),
        (Value::Uint(one), Value::Uint(two)) => one.checked_add(*two).map(Value::Uint),
        (Value::Double(one), Value::Double(two)) => Some(Value::Double(one + two)),
        (Value::String(one), Value::String(two)) => Some(Value::String([&**one, &**two].concat().into())),
        (Value::Bytes(one), Value::Bytes(two)) => Some(Value::Bytes([&**one, &**two].concat().into())),
        (Value::List(one), Value::List(two)) => Some(Value::List([&**one, &**two].concat().into())),
        (Value::Duration(one), Value::Duration(two)) => one.checked_add(*two).map(Value::Duration),
        (Value::Timestamp(at), Value::Duration(by)) | (Value::Duration(by), Value::Timestamp(at)) => {
            at.checked_add(*by).ok().map(Value::Timestamp)
        }
        _ => return Err(EvalError::NoSuchOverload),
    };
    sum.ok_or(EvalError::Overflow)
}

fn subtract(left: &Value, right: &Value) -> Result<Value> {
    let difference = match (left, right) {
        (Value::Int(one), Value::Int(two)) => one.checked_sub(*two).map(Value::Int),
        (Value::Uint(one), Value::Uint(two)) => one.checked_sub(*two).map(Value::Uint),
        (Value::Double(one), Value::Double(two)) => Some(Value::Double(one - two)),
        (Value::Duration(one), Value::Duration(two)) => one.checked_sub(*two).map(Value::Duration),
        (Value::Timestamp(one), Value::Timestamp(two)) => Some(Value::Duration(one.duration_since(*two))),
        (Value::Timestamp(at), Value::Duration(by)) => at.checked_sub(*by).ok().map(Value::Timestamp),
        _ => return Err(EvalError::NoSuchOverload),
    };
    difference.ok_or(EvalError::Overflow)
}

fn multiply(left: &Value, right: &Value) -> Result<Value> {
    let product = match (left, right) {
        (Value::Int(one), Value::Int(two)) => one.checked_mul(*two).map(Value::Int),
        (Value::Uint(one), Value::Uint(two)) => one.checked_mul(*two).map(Value::Uint),
        (Value::Double(one), Value::Double(two)) => Some(Value::Double(one * two)),
        _ => return Err(EvalError::NoSuchOverload),
    };
    product.ok_or(EvalError::Overflow)
}

fn divide(left: &Value, right: &Value) -> Result<Value> {
    let quotient = match (left, right) {
        (Value::Int(_), Value::Int(0)) | (Value::Uint(_), Value::Uint(0)) => {
            return Err(EvalError::DivisionByZero);
        }
        (Value::Int(one), Value::Int(two)) => one.checked_div(*two).map(Value::Int),
        (Value::Uint(one), Value::Uint(two)) => one.checked_div(*two).map(Value::Uint),
        (Value::Double(one), Value::Double(two)) => Some(Value::Double(one / two)),
        _ => return Err(EvalError::NoSuchOverload),
    };
    quotient.ok_or(EvalError::Overflow)
}

fn remainder(left: &Value, right: &Value) -> Result<Value> {
    let rest = match (left, right) {
        (Value::Int(_), Value::Int(0)) | (Value::Uint(_), Value::Uint(0)) => {
            return Err(EvalError::DivisionByZero);
        }
        (Value::Int(one), Value::Int(two)) => one.checked_rem(*two).map(Value::Int),
        (Value::Uint(one), Value::Uint(two)) => one.checked_rem(*two).map(Value::Uint),
        _ => return Err(EvalError::NoSuchOverload),
    };
    rest.ok_or(EvalError::Overflow)
}
