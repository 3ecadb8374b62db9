//! A secret must not come out of anything that shows a configuration: values, errors, documents.

use std::fmt::Write;

use toolkit::config::{Document, Secret, SecretSource};

use crate::sample;

const CANARY: &str = "hunter2-canary";

/// The canary at every place where a secret stands, in files that are right and wrong in many ways.
const FILES: [&str; 16] = [
    "listen: a\npassword: CANARY\n",
    "password: CANARY\n",
    "listen: a\npassword: [CANARY]\n",
    "listen: a\npassword: {CANARY: CANARY}\n",
    "listen: a\npassword: CANARY\npassword_env: X\n",
    "listen: a\npassword: CANARY\npassword: CANARY\n",
    "listen: a\npassword: !vault CANARY\n",
    "listen: a\npassword: \"CANARY\n",
    "listen: a\npassword: CANARY: x\n",
    "listen: a\npassword: @CANARY\n",
    "listen: a\npassword: CANARY\n bad: x\n",
    "listen: a\ntoken_limit: CANARY\n",
    "listen: a\ntargets: [{name: x, auth: CANARY, wrong: 1}]\n",
    "listen: a\ntargets: [{name: x, auth_command: [vault, CANARY]}]\n",
    "listen: a\nusers: {alice: CANARY}\n",
    "listen: a\naddress: redis://user:CANARY@host/0\n",
];

#[test]
fn nothing_shows_a_secret() {
    for file in FILES {
        let text = file.replace("CANARY", CANARY);
        let mut shown = String::new();
        match Document::parse("canary.yml", &text) {
            Err(error) => write!(shown, "{error} {error:?}"),
            Ok(document) => match sample::decode(&document) {
                Err(error) => write!(shown, "{document:?} {error} {error:?}"),
                Ok(sample) => write!(shown, "{document:?} {sample:?} {sample:#?}"),
            },
        }
        .expect("a string is writable");
        assert!(!shown.contains("canary-") && !shown.contains("hunter2"), "{file} gives {shown}");
    }
}

#[test]
fn secrets_print_as_a_word() {
    let secret = Secret::from(CANARY);
    assert_eq!(format!("{secret} {secret:?} {secret:#?}"), "<secret> <secret> <secret>");
    let inline = SecretSource::Inline(secret);
    assert_eq!(format!("{inline} {inline:?}"), "<secret> SecretSource(<secret>)");
    let command = SecretSource::Command(vec!["vault".to_owned(), CANARY.to_owned()]);
    assert_eq!(format!("{command} {command:?}"), "command vault SecretSource(command vault)");
}
