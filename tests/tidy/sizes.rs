//! No file over 600 lines, no function over 80; every file says what it is.

use crate::tree::files;

const LONGEST_FILE: usize = 600;
const LONGEST_FUNCTION: usize = 80;

#[test]
fn no_file_is_too_long() {
    for source in files(".rs") {
        let lines = source.text.lines().count();
        assert!(lines <= LONGEST_FILE, "{}: {lines} lines, at most {LONGEST_FILE}", source.path);
    }
}

#[test]
fn no_function_is_too_long() {
    for source in files(".rs") {
        for (name, line, lines) in functions(&source.text) {
            let path = &source.path;
            assert!(
                lines <= LONGEST_FUNCTION,
                "{path}:{line}: `{name}` has {lines} lines, at most {LONGEST_FUNCTION}"
            );
        }
    }
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    for source in files(".rs") {
        assert!(source.text.starts_with("//! "), "{}: begin with `//! ` and its purpose", source.path);
    }
}

#[test]
fn no_leftovers() {
    // put together here, so that this file does not hold them
    let words =
        ["TO".to_owned() + "DO", "FIX".to_owned() + "ME", "XX".to_owned() + "X", "#[ig".to_owned() + "nore"];
    for source in files(".rs") {
        for (number, line) in source.text.lines().enumerate() {
            for word in &words {
                assert!(!line.contains(word.as_str()), "{}:{}: {word}", source.path, number + 1);
            }
        }
    }
}

/// Name, first line and length of each function. rustfmt puts a function's closing brace in the column of its first
/// line, which is all this needs to know.
fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        let Some(name) = function_name(code) else { continue };
        let closes =
            |line: &&str| line.len() > indent && line.trim_end() == format!("{}}}", " ".repeat(indent));
        if code.ends_with('}') || code.ends_with(';') {
            continue;
        }
        if let Some(length) = lines.iter().skip(at).position(closes) {
            found.push((name.to_owned(), at + 1, length + 1));
        }
    }
    found
}

fn function_name(code: &str) -> Option<&str> {
    let mut words = code.split_whitespace();
    loop {
        match words.next()? {
            "fn" => return words.next().map(|rest| rest.split(['(', '<']).next().unwrap_or(rest)),
            "async" | "const" | "pub" | "unsafe" => {}
            word if word.starts_with("pub(") => {}
            _ => return None,
        }
    }
}

#[test]
fn functions_are_measured() {
    let text = "impl X {\n    pub(crate) async fn one(a: u8) {\n        a;\n    }\n}\nfn two<T>() {}\nfn three(\n    a: u8,\n) -> u8 {\n    a\n}\n";
    assert_eq!(functions(text), [("one".to_owned(), 2, 3), ("three".to_owned(), 7, 5)]);
}
