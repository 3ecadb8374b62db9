//! `cert-exporter check`, as a person and a cron job use it.

use std::time::Duration;

use kit::pki::{Recipe, Signer};
use kit::process::Folder;
use kit::tls_server::Serve;
use serde_json::Value;

use crate::support::write;

/// The exit code and what it prints.
async fn check(arguments: &[&str]) -> (i32, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_cert-exporter"));
    let output = command.arg("check").args(arguments).output().await.unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[tokio::test]
async fn exit_codes_and_words() {
    let folder = Folder::new().unwrap();
    let root = Signer::root(Recipe::new("root", &[])).unwrap();
    let roots = write(&folder, "roots.pem", &root.pem);
    let other = write(&folder, "other.pem", Signer::root(Recipe::new("other", &[])).unwrap().pem);
    let leaf = Recipe::new("leaf", &["localhost"]);
    let start = async |recipe: Recipe| {
        let leaf = root.leaf(&recipe).unwrap();
        Serve::chain(&[&leaf.certificate_pem], &leaf.key_pem).start().await.unwrap()
    };
    let soon = Recipe { ends_in: Some(Duration::from_hours(50 * 24)), ..leaf.clone() };
    let (good, late) = (start(leaf.clone()).await, start(soon).await);
    let expired = start(leaf.years(2020, 2021)).await;
    let (good, late, expired) = (good.target(), late.target(), expired.target());
    for (arguments, code, words) in [
        (
            &[good.as_str(), "--ca-file", &roots][..],
            0,
            &["OK: localhost:", "leaf until 2100-01-01T00:00:00Z", "by root", "TLS 1.3"][..],
        ),
        (&[&late, "--ca-file", &roots], 1, &["WARNING: ", "it should have been renewed since"]),
        (&[&good, "--ca-file", &roots, "--warning", "100000"], 1, &["WARNING: ", "days are left"]),
        (&[&good, "--ca-file", &roots, "--critical", "100000"], 2, &["CRITICAL: ", "days are left"]),
        (&[&expired, "--ca-file", &roots], 2, &["CRITICAL: ", "expired"]),
        (&[&good, "--ca-file", &other], 2, &["CRITICAL: ", "unknown authority"]),
        (&[&good, "--ca-file", &roots, "--servername", "other.example"], 2, &["hostname mismatch"]),
        (&["127.0.0.1:1"], 2, &["CRITICAL: 127.0.0.1:1", "refused"]),
        (&["a b"], 3, &["UNKNOWN: ", "expected HOST:PORT"]),
        (&[&good, "--ca-file", "/no/such/file"], 3, &["UNKNOWN: ", "/no/such/file"]),
    ] {
        let (found, text) = check(arguments).await;
        assert_eq!(found, code, "{arguments:?}\n{text}");
        for word in words {
            assert!(text.contains(word), "{arguments:?}: `{word}` is missing in\n{text}");
        }
    }
    let (code, text) = check(&[&good, "--ca-file", &roots, "--json"]).await;
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &json["state"], &json["success"]), (0, &Value::from("OK"), &Value::from(true)));
    assert_eq!(json["certificates"][0]["dnsnames"][0], "localhost");
    assert_eq!(json["certificates"][0]["not_after"], "2100-01-01T00:00:00Z");
    assert_eq!(json["version"], "TLS 1.3");
}
