//! Constant text with its few places filled: `{parameter}` by a literal, `{schema}` by an extension's schema.

use super::spec::ParameterKind;

/// The text of a query with its places filled. `values` are names and SQL literals; what stands in braces and is
/// not among them stays as it is, so that array literals need no escape.
pub fn fill(sql: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let found = after.split_once('}').and_then(|(name, tail)| {
            let value = values.iter().find(|(known, _)| *known == name)?;
            Some((value.1, tail))
        });
        if let Some((value, tail)) = found {
            filled.push_str(value);
            rest = tail;
        } else {
            filled.push('{');
            rest = after;
        }
    }
    filled.push_str(rest);
    filled
}

/// A parameter's value, as it is written on a flag, as an SQL literal.
///
/// # Errors
/// What was expected.
pub fn literal(kind: ParameterKind, text: &str) -> Result<String, String> {
    match kind {
        ParameterKind::Integer(max) => match text.parse::<u32>() {
            Ok(number) if number <= max => Ok(number.to_string()),
            _ => Err(format!("expected a whole number from 0 to {max}")),
        },
        ParameterKind::Bool => match text {
            "true" | "false" => Ok(text.to_owned()),
            _ => Err("expected true or false".to_owned()),
        },
        ParameterKind::List => {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            let words: Vec<String> = words.map(quote_literal).collect();
            Ok(format!("ARRAY[{}]::pg_catalog.text[]", words.join(",")))
        }
    }
}

/// A text as an SQL literal that means the same whatever `standard_conforming_strings` says.
pub fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// A name as an SQL identifier.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let values = [("schema", "\"s\""), ("limit", "5")];
        for (sql, expected) in [
            ("SELECT 1", "SELECT 1"),
            ("FROM {schema}.x LIMIT {limit}", "FROM \"s\".x LIMIT 5"),
            ("'{a,b}' {limit}", "'{a,b}' 5"),
            ("'{' || {limit}", "'{' || 5"),
            ("{{limit}}", "{5}"),
            ("a{", "a{"),
        ] {
            assert_eq!(fill(sql, &values), expected);
        }
    }

    #[test]
    fn literals() {
        for (kind, text, expected) in [
            (ParameterKind::Integer(10), "10", Ok("10")),
            (ParameterKind::Integer(10), "11", Err("expected a whole number from 0 to 10")),
            (ParameterKind::Integer(10), "1; DROP", Err("expected a whole number from 0 to 10")),
            (ParameterKind::Bool, "true", Ok("true")),
            (ParameterKind::Bool, "1", Err("expected true or false")),
            (ParameterKind::List, "", Ok("ARRAY[]::pg_catalog.text[]")),
            (ParameterKind::List, "a, o'b,\\", Ok("ARRAY['a','o''b',E'\\\\']::pg_catalog.text[]")),
        ] {
            assert_eq!(literal(kind, text), expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
        assert_eq!(quote_identifier("a\"b"), "\"a\"\"b\"");
    }
}
