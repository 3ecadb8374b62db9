//! `host=db port=5432 password='it\'s secret'`.

use super::{Dsn, DsnError};

/// Reads pairs; blanks around `=` are allowed, a backslash takes the next character as it is.
pub(super) fn parse(text: &str) -> Result<Dsn, DsnError> {
    let mut dsn = Dsn::default();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some((key, after)) = rest.split_once('=') else { return Err(DsnError::NoValue("a key")) };
        let key = key.trim_end();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(DsnError::NoValue("a key"));
        }
        let (value, after) = value(after.trim_start())?;
        dsn.set(key, &value);
        rest = after.trim_start();
    }
    Ok(dsn)
}

fn value(text: &str) -> Result<(String, &str), DsnError> {
    let (quoted, body) = text.strip_prefix('\'').map_or((false, text), |body| (true, body));
    let mut value = String::new();
    let mut characters = body.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, characters.as_str())),
            blank if !quoted && blank.is_ascii_whitespace() => return Ok((value, body.split_at(at).1)),
            other => value.push(other),
        }
    }
    if quoted { Err(DsnError::Quote) } else { Ok((value, "")) }
}
