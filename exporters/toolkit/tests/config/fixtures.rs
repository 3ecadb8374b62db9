//! Every `*.good.yml` decodes to its `*.good.txt`, every `*.bad.yml` gives the exact messages of its `*.bad.txt`.
//!
//! `UPDATE_EXPECTED=1 cargo nextest run -p toolkit` writes the `*.txt` files anew; read the difference before you
//! commit it.

use std::fs;
use std::path::{Path, PathBuf};

use toolkit::config::Document;

use crate::sample;

#[test]
fn good_files() {
    check(".good.yml", |name, text| {
        let document = Document::parse(name, text).expect("a good file is valid YAML");
        let sample = sample::decode(&document).unwrap_or_else(|error| panic!("{name} is not good:\n{error}"));
        format!("{sample:#?}\n")
    });
}

#[test]
fn bad_files() {
    check(".bad.yml", |name, text| {
        let decoded = Document::parse(name, text).and_then(|document| sample::decode(&document));
        format!("{}\n", decoded.expect_err(name))
    });
}

/// Runs `run` on every fixture of a kind and compares with the text file beside it.
fn check(kind: &str, run: impl Fn(&str, &str) -> String) {
    let mut wrong = Vec::new();
    for path in fixtures(kind) {
        let name = path.file_name().and_then(|name| name.to_str()).expect("fixtures have plain names");
        let text = fs::read_to_string(&path).expect("a fixture is readable");
        let actual = run(&format!("etc/{name}"), &text);
        let expected = path.with_extension("txt");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&expected, &actual).expect("the expected text is writable");
        }
        if fs::read_to_string(&expected).unwrap_or_default() != actual {
            wrong.push(format!("--- {name}\n{actual}"));
        }
    }
    assert!(wrong.is_empty(), "other than expected:\n{}", wrong.join("\n"));
}

fn fixtures(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config");
    let entries = fs::read_dir(folder).expect("the fixtures' folder is there");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry is readable").path())
        .filter(|path| path.to_string_lossy().ends_with(kind))
        .collect();
    paths.sort();
    assert!(paths.len() > 3, "the fixtures are missing");
    paths
}
