//! `index`, `slice`, `len`.

use std::sync::Arc;

use crate::function::Failure;
use crate::{Integer, Kind, Object, Str, Type, Value};

/// The value without a pointer around it; a nil pointer itself.
fn target(value: &Value) -> Value {
    match value {
        Value::Pointer(object) => Value::Object(Arc::clone(object)),
        other => other.clone(),
    }
}

fn name_of(value: &Value) -> String {
    value.go_type().map(|of| of.to_string()).unwrap_or_default()
}

/// `index x 1 "a"` is `x[1]["a"]`.
pub(super) fn index(item: &Value, indexes: &[Value]) -> Result<Value, Failure> {
    if matches!(item, Value::Nil) {
        return Err(Failure::new("index of untyped nil"));
    }
    let mut item = item.clone();
    for index in indexes {
        item = target(&item);
        // what was found in an interface may be nothing
        if matches!(item, Value::NilPointer(_) | Value::Nil) {
            return Err(Failure::new("index of nil pointer"));
        }
        item = match (item.kind(), &item) {
            (Kind::String, _) => {
                let text = item.as_str().unwrap_or_default();
                let position = position(index, text.len())?;
                let byte = text.get(position).ok_or_else(|| out_of_range("string", position, text.len()))?;
                Value::Sized(Integer::Uint8, u64::from(*byte))
            }
            (Kind::Array | Kind::Slice, Value::Object(object)) => {
                let position = position(index, object.count())?;
                let kind = if item.kind() == Kind::Array { "array" } else { "slice" };
                object.at(position).ok_or_else(|| out_of_range(kind, position, object.count()))?
            }
            (Kind::Map, Value::Object(object)) => entry(object.as_ref(), index)?,
            _ => return Err(Failure::new(format!("can't index item of type {}", name_of(&item)))),
        };
    }
    Ok(item)
}

fn entry(map: &dyn Object, key: &Value) -> Result<Value, Failure> {
    let Type::Map(wanted, of) = map.go_type().underlying() else { return Ok(Value::Nil) };
    let key = prepared(key, *wanted)?;
    Ok(map.get(&key).unwrap_or_else(|| Value::zero(*of)))
}

/// Go checks an index against the length and lets that one pass; then the element is asked for.
fn out_of_range(kind: &str, _position: usize, _length: usize) -> Failure {
    Failure::new(format!("reflect: {kind} index out of range"))
}

/// A value where a type is wanted, integers converted.
pub(super) fn prepared(value: &Value, wanted: Type) -> Result<Value, Failure> {
    let Some(of) = value.go_type() else {
        if wanted.can_be_nil() {
            return Ok(Value::zero(wanted));
        }
        return Err(Failure::new(format!("value is nil; should be of type {wanted}")));
    };
    if wanted == Type::Reflect || of.assignable_to(wanted) {
        return Ok(value.clone());
    }
    match (value.plain(), wanted.underlying()) {
        (Value::Int(number), Type::Integer(integer)) => Ok(sized(integer, number.cast_unsigned())),
        (Value::Sized(_, bits), Type::Integer(integer)) => Ok(sized(integer, bits)),
        _ => Err(Failure::new(format!("value has type {of}; should be {wanted}"))),
    }
}

fn sized(integer: Integer, bits: u64) -> Value {
    match integer {
        Integer::Int => Value::Int(bits.cast_signed()),
        other => Value::Sized(other, other.wrap(bits)),
    }
}

/// An index of something that has that many elements; the number of them is one too.
fn position(index: &Value, count: usize) -> Result<usize, Failure> {
    let number = match index.kind() {
        Kind::Int => index.as_int().unwrap_or_default(),
        Kind::Uint => index.as_uint().unwrap_or_default().cast_signed(),
        Kind::Invalid => return Err(Failure::new("cannot index slice/array with nil")),
        _ => return Err(Failure::new(format!("cannot index slice/array with type {}", name_of(index)))),
    };
    usize::try_from(number)
        .ok()
        .filter(|position| *position <= count)
        .ok_or_else(|| Failure::new(format!("index out of range: {number}")))
}

/// `slice x 1 2` is `x[1:2]`.
pub(super) fn slice(item: &Value, indexes: &[Value]) -> Result<Value, Failure> {
    if matches!(item, Value::Nil) {
        return Err(Failure::new("slice of untyped nil"));
    }
    let item = target(item);
    if matches!(item, Value::NilPointer(_)) {
        return Err(Failure::new("slice of nil pointer"));
    }
    if indexes.len() > 3 {
        return Err(Failure::new(format!("too many slice indexes: {}", indexes.len())));
    }
    let text = match item.kind() {
        Kind::String if indexes.len() == 3 => return Err(Failure::new("cannot 3-index slice a string")),
        Kind::String => item.as_str(),
        Kind::Array | Kind::Slice => None,
        _ => return Err(Failure::new(format!("can't slice item of type {}", name_of(&item)))),
    };
    let count = text.as_ref().map_or_else(|| item.as_object().map_or(0, Object::count), |text| text.len());
    let mut bounds = [0, count, count];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = position(index, count)?;
    }
    let [from, to, end] = bounds;
    if from > to {
        return Err(Failure::new(format!("invalid slice index: {from} > {to}")));
    }
    if to > end {
        return Err(Failure::new(format!("invalid slice index: {to} > {end}")));
    }
    Ok(match (text, item.as_object()) {
        (Some(text), _) => Str::from(text.get(from..to).unwrap_or_default()).into(),
        (None, Some(object)) => object.slice(from, to),
        (None, None) => Value::Nil,
    })
}

/// `len x`.
pub(super) fn length(item: &Value) -> Result<Value, Failure> {
    let item = target(item);
    let count = match (item.kind(), item.as_object()) {
        (Kind::Invalid, _) => {
            return Err(Failure::new("reflect: call of reflect.Value.Type on zero Value"));
        }
        (Kind::Pointer, _) => return Err(Failure::new("len of nil pointer")),
        (Kind::String, _) => item.as_str().unwrap_or_default().len(),
        (Kind::Array | Kind::Slice | Kind::Map, Some(object)) => object.count(),
        _ => return Err(Failure::new(format!("len of type {}", name_of(&item)))),
    };
    Ok(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)))
}
