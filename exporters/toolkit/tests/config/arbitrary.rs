//! Text that nobody would write must be refused, never panic, never take long.

use std::fmt::Write;

use proptest::prelude::*;
use toolkit::config::{Document, parse_duration, redact_url};

use crate::sample;

proptest! {
    // What fails is shown and becomes a case of its own; there is no file of old failures.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        read(&text);
    }

    /// Pieces of YAML in any order get further than random letters.
    #[test]
    fn any_pieces(pieces in prop::collection::vec(prop::sample::select(PIECES.as_slice()), 0..40)) {
        read(&pieces.concat());
    }

    #[test]
    fn any_duration(text in "[0-9.]{0,25}[a-zµ]{0,3}[0-9.]{0,4}[a-zµ]{0,2}") {
        if let Ok(duration) = parse_duration(&text) {
            prop_assert!(duration.as_nanos() <= i64::MAX.unsigned_abs().into());
        }
    }

    #[test]
    fn any_redaction(text in "([a-z]{0,3}://|[@:/?=&#'\" ]|password|é|[a-z0-9]{0,4}){0,12}") {
        let _shown: String = redact_url(&text);
    }

    #[test]
    fn no_password_survives(password in "[!-~é]{0,20}", host in "[a-z]{3,8}") {
        prop_assume!(!password.contains("://"));
        let text = format!("cannot reach redis://user:{password}@{host}:6379/0 now");
        let expected = format!("cannot reach redis://<secret>@{host}:6379/0 now");
        prop_assert_eq!(redact_url(&text), expected);
    }
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")] {
        let message = refusal(&format!("{}x{}", open.repeat(100_000), close.repeat(100_000)));
        assert!(message.contains("nested deeper than 64 levels"), "{message}");
    }
}

#[test]
fn depth_behind_aliases_is_refused() {
    let mut text = "a0: &a0 [x]\n".to_owned();
    for level in 1..100 {
        writeln!(text, "a{level}: &a{level} [*a{}]", level - 1).expect("a string is writable");
    }
    assert_eq!(refusal(&text), "x.yml:64:12: maps and lists are nested deeper than 64 levels");
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{aliases}]").expect("a string is writable");
    }
    let expected = "x.yml:6:25: more than 500000 values, those behind aliases counted each time";
    assert_eq!(refusal(&text), expected);
}

#[test]
fn a_large_file_is_refused() {
    assert_eq!(refusal(&"#".repeat((4 << 20) + 1)), "x.yml: the file is larger than 4 MiB");
}

#[test]
fn a_file_of_another_program_gives_a_short_answer() {
    let mut text = "listen: a\n".to_owned();
    for number in 0..20_000 {
        writeln!(text, "some_key_of_theirs_{number}: [x, y]").expect("a string is writable");
    }
    let document = Document::parse("x.yml", &text).expect("it is valid YAML");
    let message = sample::decode(&document).expect_err("it is not ours").to_string();
    assert_eq!(message.lines().count(), 101);
    assert!(message.ends_with("\nand 19900 more problems"), "{message}");
}

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let check = |name: &str, expected: &str| {
        let path = folder.path().join(name);
        let error = Document::read(&path).expect_err("the file is refused");
        assert_eq!(error.to_string(), format!("{}: {expected}", path.display()));
    };
    std::fs::write(folder.path().join("binary.yml"), [0xff, 0x00]).expect("a temporary file");
    check("gone.yml", "cannot be read: no such file");
    check("", "cannot be read: it is a folder");
    check("binary.yml", "cannot be read: it is not UTF-8 text");
}

fn read(text: &str) {
    if let Ok(document) = Document::parse("x.yml", text) {
        let _decoded: Result<_, _> = sample::decode(&document);
    }
}

fn refusal(text: &str) -> String {
    Document::parse("x.yml", text).expect_err("the text is refused").to_string()
}

const PIECES: [&str; 34] = [
    "listen",
    "port",
    "route",
    "routes",
    "targets",
    "password",
    "users",
    ": ",
    ":\n",
    "\n",
    "\n  ",
    "\n    ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "&a ",
    "*a",
    "<<: *a",
    "? ",
    "| \n",
    ">-\n",
    "\"",
    "'",
    "#",
    "!!str ",
    "!x ",
    "---\n",
    "~",
    "1",
    "%YAML 1.2\n",
    "\u{feff}",
];
