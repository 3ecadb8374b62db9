//! The standard library's functions.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::eval::Evaluation;
use super::number;
use super::syntax::Function;
use super::{EvalError, Value};

/// Steps that it takes to compile a pattern which is not written in the expression.
const COMPILE: usize = 1_000;

type Result<T> = std::result::Result<T, EvalError>;

/// Calls a function; what it is called on is its first argument.
pub(super) fn call(
    evaluation: &mut Evaluation<'_>,
    function: Function,
    arguments: &[Value],
) -> Result<Value> {
    evaluation.spend_on(&arguments.iter().collect::<Vec<_>>())?;
    match (function, arguments) {
        (Function::Size, [of]) => size(of),
        (Function::Contains, [Value::String(text), Value::String(part)]) => {
            Ok(Value::Bool(text.contains(&**part)))
        }
        (Function::StartsWith, [Value::String(text), Value::String(part)]) => {
            Ok(Value::Bool(text.starts_with(&**part)))
        }
        (Function::EndsWith, [Value::String(text), Value::String(part)]) => {
            Ok(Value::Bool(text.ends_with(&**part)))
        }
        (Function::Matches, [Value::String(text), Value::String(pattern)]) => {
            evaluation.spend(COMPILE)?;
            let pattern = toolkit::regexp::compile(pattern).map_err(|_invalid| EvalError::Regexp)?;
            Ok(Value::Bool(pattern.is_match(text)))
        }
        (Function::TypeOf, [value]) => Ok(Value::Type(value.kind())),
        (Function::ToDyn, [value]) => Ok(value.clone()),
        (Function::ToBool, [value]) => to_bool(value),
        (Function::ToBytes, [value]) => to_bytes(value),
        (Function::ToDouble, [value]) => to_double(value),
        (Function::ToInt, [value]) => to_int(value),
        (Function::ToUint, [value]) => to_uint(value),
        (Function::ToString, [value]) => to_string(value),
        (Function::ToDuration, [value]) => to_duration(value),
        (Function::ToTimestamp, [value]) => to_timestamp(value),
        (_, [Value::Duration(value)]) => of_duration(function, *value),
        (_, [Value::Timestamp(at)]) => of_moment(function, *at, "UTC"),
        (_, [Value::Timestamp(at), Value::String(zone)]) => of_moment(function, *at, zone),
        _ => Err(EvalError::NoSuchOverload),
    }
}

fn size(of: &Value) -> Result<Value> {
    let size = match of {
        Value::String(text) => text.chars().count(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(elements) => elements.len(),
        Value::Map(map) => map.len(),
        _ => return Err(EvalError::NoSuchOverload),
    };
    i64::try_from(size).map(Value::Int).map_err(|_large| EvalError::Overflow)
}

fn to_bool(value: &Value) -> Result<Value> {
    match value {
        Value::Bool(value) => Ok(Value::Bool(*value)),
        // the words that Go's library takes
        Value::String(text) => match &**text {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(Value::Bool(false)),
            _ => Err(EvalError::Conversion),
        },
        _ => Err(EvalError::NoSuchOverload),
    }
}

fn to_bytes(value: &Value) -> Result<Value> {
    match value {
        Value::Bytes(_) => Ok(value.clone()),
        Value::String(text) => Ok(Value::Bytes(text.as_bytes().into())),
        _ => Err(EvalError::NoSuchOverload),
    }
}

fn to_double(value: &Value) -> Result<Value> {
    match value {
        Value::Double(value) => Ok(Value::Double(*value)),
        Value::Int(value) => Ok(Value::Double(number::int_to_double(*value))),
        Value::Uint(value) => Ok(Value::Double(number::uint_to_double(*value))),
        Value::String(text) => text.parse().map(Value::Double).map_err(|_invalid| EvalError::Conversion),
        _ => Err(EvalError::NoSuchOverload),
    }
}

fn to_int(value: &Value) -> Result<Value> {
    match value {
        Value::Int(value) => Ok(Value::Int(*value)),
        Value::Uint(value) => i64::try_from(*value).map(Value::Int).map_err(|_large| EvalError::Overflow),
        Value::Double(value) => number::to_int(*value).map(Value::Int).ok_or(EvalError::Overflow),
        Value::String(text) => text.parse().map(Value::Int).map_err(|_invalid| EvalError::Conversion),
        Value::Timestamp(at) => Ok(Value::Int(at.as_second())),
        _ => Err(EvalError::NoSuchOverload),
    }
}

fn to_uint(value: &Value) -> Result<Value> {
    match value {
        Value::Uint(value) => Ok(Value::Uint(*value)),
        Value::Int(value) => u64::try_from(*value).map(Value::Uint).map_err(|_large| EvalError::Overflow),
        Value::Double(value) => number::to_uint(*value).map(Value::Uint).ok_or(EvalError::Overflow),
        Value::String(text) => text.parse().map(Value::Uint).map_err(|_invalid| EvalError::Conversion),
        _ => Err(EvalError::NoSuchOverload),
    }
}

fn to_string(value: &Value) -> Result<Value> {
    let text = match value {
        Value::String(_) => return Ok(value.clone()),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::Bytes(bytes) => String::from_utf8(bytes.to_vec()).map_err(|_invalid| EvalError::Conversion)?,
        Value::Timestamp(at) => at.to_string(),
        Value::Duration(value) => format!("{}s", value.as_secs_f64()),
        _ => return Err(EvalError::NoSuchOverload),
    };
    Ok(Value::String(text.into()))
}

/// A text as Go writes lengths of time: `1h30m`, `-1.5s`.
fn to_duration(value: &Value) -> Result<Value> {
    match value {
        Value::Duration(_) => Ok(value.clone()),
        Value::String(text) => {
            let (negative, plain) = text.strip_prefix('-').map_or((false, &**text), |rest| (true, rest));
            // days and longer ones are Prometheus'
            if plain.contains(['d', 'w', 'y']) {
                return Err(EvalError::Conversion);
            }
            let found = toolkit::config::parse_duration(plain).map_err(|_invalid| EvalError::Conversion)?;
            let found = SignedDuration::try_from(found).map_err(|_large| EvalError::Overflow)?;
            Ok(Value::Duration(if negative { -found } else { found }))
        }
        _ => Err(EvalError::NoSuchOverload),
    }
}

fn to_timestamp(value: &Value) -> Result<Value> {
    match value {
        Value::Timestamp(_) => Ok(value.clone()),
        Value::String(text) => {
            // RFC 3339 needs its `T`, which the library does not
            let is_moment = text.as_bytes().get(10).is_some_and(|byte| matches!(byte, b'T' | b't'));
            let found = text.parse::<Timestamp>().ok().filter(|_| is_moment);
            found.map(Value::Timestamp).ok_or(EvalError::Conversion)
        }
        Value::Int(seconds) => {
            Timestamp::from_second(*seconds).map(Value::Timestamp).map_err(|_large| EvalError::Overflow)
        }
        _ => Err(EvalError::NoSuchOverload),
    }
}

fn of_duration(function: Function, value: SignedDuration) -> Result<Value> {
    let found = match function {
        Function::Hours => value.as_secs() / 3600,
        Function::Minutes => value.as_secs() / 60,
        Function::Seconds => value.as_secs(),
        // as in cel-go: those beyond the last whole second
        Function::Milliseconds => i64::from(value.subsec_millis()),
        _ => return Err(EvalError::NoSuchOverload),
    };
    Ok(Value::Int(found))
}

/// A part of a moment, in a zone by its name (`Europe/Berlin`) or by its distance to UTC (`+02:00`).
fn of_moment(function: Function, at: Timestamp, zone: &str) -> Result<Value> {
    let zone = if zone == "UTC" {
        TimeZone::UTC
    } else {
        offset(zone).or_else(|| TimeZone::get(zone).ok()).ok_or(EvalError::Conversion)?
    };
    let there: Zoned = at.to_zoned(zone);
    let found = match function {
        Function::FullYear => i64::from(there.year()),
        Function::Month => i64::from(there.month()) - 1,
        Function::DayOfYear => i64::from(there.day_of_year()) - 1,
        Function::DayOfMonth => i64::from(there.day()) - 1,
        Function::Date => i64::from(there.day()),
        Function::DayOfWeek => i64::from(there.weekday().since(Weekday::Sunday)),
        Function::Hours => i64::from(there.hour()),
        Function::Minutes => i64::from(there.minute()),
        Function::Seconds => i64::from(there.second()),
        Function::Milliseconds => i64::from(there.millisecond()),
        _ => return Err(EvalError::NoSuchOverload),
    };
    Ok(Value::Int(found))
}

/// `+02:00`, `-08:00`, `02:00`
fn offset(text: &str) -> Option<TimeZone> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
    let offset = jiff::tz::Offset::from_seconds(sign * seconds).ok()?;
    Some(TimeZone::fixed(offset))
}
