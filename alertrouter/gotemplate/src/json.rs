//! Values as JSON, as Go's encoding/json writes them.

use crate::rune;
use crate::{Failure, Kind, Object, Str, Type, Value};

/// Containers within containers; what is deeper is refused.
const MAX_DEPTH: u32 = 200;

/// What `json.Marshal` makes of a value: keys sorted, `<`, `>` and `&` escaped.
pub fn json(value: &Value) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    write(value, &mut out, 0)?;
    Ok(out)
}

/// The JSON of a struct by the names of its fields, for `Object::json`.
pub fn json_object(fields: &[(&str, Value)]) -> Result<Str, Failure> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(if out.is_empty() { b'{' } else { b',' });
        string(name.as_bytes(), &mut out);
        out.push(b':');
        write(value, &mut out, 1)?;
    }
    out.extend_from_slice(if out.is_empty() { b"{}" } else { b"}" });
    Ok(out.into())
}

fn write(value: &Value, out: &mut Vec<u8>, depth: u32) -> Result<(), Failure> {
    if depth > MAX_DEPTH {
        return Err(Failure::new("json: unsupported value: nested too deep"));
    }
    if value.is_nil() {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    if let Some(json) = value.as_object().and_then(Object::json) {
        out.extend_from_slice(&json?);
        return Ok(());
    }
    match (value.kind(), value.plain()) {
        (_, Value::Bool(bool)) => out.extend_from_slice(bool.to_string().as_bytes()),
        (_, Value::String(text)) => string(&text, out),
        (_, Value::Int(number)) => out.extend_from_slice(number.to_string().as_bytes()),
        (_, Value::Sized(integer, bits)) if integer.signed() => {
            out.extend_from_slice(bits.cast_signed().to_string().as_bytes());
        }
        (_, Value::Sized(_, bits)) => out.extend_from_slice(bits.to_string().as_bytes()),
        (_, Value::Float(number)) => out.extend_from_slice(float(number)?.as_bytes()),
        (Kind::Slice | Kind::Array, _) => list(value, out, depth)?,
        (Kind::Map, _) => map(value, out, depth)?,
        (Kind::Struct | Kind::Pointer, _) => fields(value, out, depth)?,
        _ => {
            let shown = value.go_type().map(|of| of.to_string()).unwrap_or_default();
            return Err(Failure::new(format!("json: unsupported type: {shown}")));
        }
    }
    Ok(())
}

fn list(value: &Value, out: &mut Vec<u8>, depth: u32) -> Result<(), Failure> {
    let Some(object) = value.as_object() else { return Ok(()) };
    let elements = (0..object.count()).filter_map(|at| object.at(at));
    if object.go_type().underlying() == Type::Slice(&Type::UINT8) {
        let bytes: Vec<u8> = elements.filter_map(|byte| u8::try_from(byte.as_uint()?).ok()).collect();
        base64(&bytes, out);
        return Ok(());
    }
    out.push(b'[');
    for (at, element) in elements.enumerate() {
        out.extend_from_slice(if at > 0 { b"," } else { b"" });
        write(&element, out, depth + 1)?;
    }
    out.push(b']');
    Ok(())
}

fn map(value: &Value, out: &mut Vec<u8>, depth: u32) -> Result<(), Failure> {
    let Some(object) = value.as_object() else { return Ok(()) };
    let mut entries = Vec::new();
    for (key, element) in object.entries() {
        let key = match key.plain() {
            Value::String(text) => text,
            Value::Int(number) => number.to_string().into(),
            _ => {
                return Err(Failure::new(format!("json: unsupported type: {}", object.go_type())));
            }
        };
        entries.push((key, element));
    }
    entries.sort_by(|(left, _), (right, _)| left.cmp(right));
    out.push(b'{');
    for (at, (key, element)) in entries.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b"," } else { b"" });
        string(key, out);
        out.push(b':');
        write(element, out, depth + 1)?;
    }
    out.push(b'}');
    Ok(())
}

fn fields(value: &Value, out: &mut Vec<u8>, depth: u32) -> Result<(), Failure> {
    let Some(object) = value.as_object() else { return Ok(()) };
    let Type::Struct(fields) = object.go_type().underlying() else {
        // a pointer to something else
        return write(&object.scalar(), out, depth + 1);
    };
    out.push(b'{');
    let mut first = true;
    for (at, field) in fields.iter().enumerate() {
        let Some(element) = object.at(at).filter(|_| field.name.starts_with(char::is_uppercase)) else {
            continue;
        };
        out.extend_from_slice(if first { b"" } else { b"," });
        first = false;
        string(field.name.as_bytes(), out);
        out.push(b':');
        write(&element, out, depth + 1)?;
    }
    out.push(b'}');
    Ok(())
}

fn string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for (character, bytes) in rune::all(text) {
        match character {
            '"' | '\\' => out.extend_from_slice(&[b'\\', bytes[0]]),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\x08' => out.extend_from_slice(b"\\b"),
            '\x0c' => out.extend_from_slice(b"\\f"),
            '\0'..='\x1f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(character)).as_bytes());
            }
            // U+FFFD instead of what is no character
            _ => rune::push(out, character),
        }
    }
    out.push(b'"');
}

fn float(number: f64) -> Result<String, Failure> {
    if !number.is_finite() {
        let shown = if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        };
        return Err(Failure::new(format!("json: unsupported value: {shown}")));
    }
    let size = number.abs();
    if number != 0.0 && !(1e-6..1e21).contains(&size) {
        let shown = format!("{number:e}");
        return Ok(if size >= 1e21 { shown.replace('e', "e+") } else { shown });
    }
    Ok(format!("{number}"))
}

/// As JSON holds bytes.
fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.push(b'"');
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| usize::from(chunk.get(at).copied().unwrap_or_default());
        let sextets = [
            byte(0) >> 2,
            (byte(0) & 3) << 4 | byte(1) >> 4,
            (byte(1) & 15) << 2 | byte(2) >> 6,
            byte(2) & 63,
        ];
        for (at, sextet) in sextets.into_iter().enumerate() {
            out.push(if at <= chunk.len() { LETTERS[sextet & 63] } else { b'=' });
        }
    }
    out.push(b'"');
}
