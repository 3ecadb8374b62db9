//! A class in brackets, read by Go's rules: neither set operations nor nested classes, and a `[` is a letter.

use std::fmt::Write as _;

use super::translate::{Reader, Result, escape, literal, perl, unicode};

/// The names in `[[:name:]]`.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// Reads a class after its opening bracket and writes it for the engine.
pub(super) fn class(reader: &mut Reader<'_>, out: &mut String) -> Result<()> {
    out.push('[');
    if reader.take("^") {
        out.push('^');
    }
    let mut first = true;
    loop {
        if !first && reader.take("]") {
            out.push(']');
            return Ok(());
        }
        first = false;
        item(reader, out)?;
    }
}

fn item(reader: &mut Reader<'_>, out: &mut String) -> Result<()> {
    if reader.rest().starts_with("[:")
        && let Some((name, _)) = reader.rest().split_at_checked(2).and_then(|(_, rest)| rest.split_once(":]"))
    {
        let negated = name.strip_prefix('^');
        if !POSIX.contains(&negated.unwrap_or(name)) {
            return Err(format!("invalid class `[:{name}:]`"));
        }
        let text = format!("[:{name}:]");
        out.push_str(&text);
        reader.take(&text);
        return Ok(());
    }
    if reader.rest().starts_with('\\') {
        let mut after = reader.clone();
        after.next();
        match after.next() {
            Some(letter @ ('p' | 'P')) => {
                *reader = after;
                out.push_str(&unicode(reader, letter == 'P')?);
                return Ok(());
            }
            Some(letter) if let Some(class) = perl(letter) => {
                *reader = after;
                out.push_str(class);
                return Ok(());
            }
            _ => {}
        }
    }
    let low = character(reader)?;
    let mut after = reader.clone();
    let high = if after.take("-") && !after.rest().starts_with(']') && !after.rest().is_empty() {
        *reader = after;
        character(reader)?
    } else {
        low
    };
    if high < low {
        return Err(format!("invalid range `{low}-{high}` in a class"));
    }
    out.push_str(&literal(low));
    if high != low {
        // writing to a String cannot fail
        let _infallible = write!(out, "-{}", literal(high));
    }
    Ok(())
}

fn character(reader: &mut Reader<'_>) -> Result<char> {
    match reader.next() {
        None => Err("missing closing ]".to_owned()),
        Some('\\') => escape(reader),
        Some(character) => Ok(character),
    }
}
