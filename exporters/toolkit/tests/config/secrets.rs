//! Reading secrets from files, variables and programs.

use std::error::Error;
use std::path::PathBuf;

use toolkit::config::{Secret, SecretSource};

#[tokio::test]
async fn inline_and_environment() {
    assert_eq!(read(SecretSource::Inline(Secret::from("a b\n"))).await, Ok("a b\n".to_owned()));
    // Cargo sets it for every test; setting one of our own would race with other threads.
    let name = SecretSource::Env("CARGO_MANIFEST_DIR".to_owned());
    assert_eq!(read(name).await, Ok(env!("CARGO_MANIFEST_DIR").to_owned()));
    refused(
        SecretSource::Env("WATCHFIRE_NOT_SET".to_owned()),
        "env",
        "environment variable WATCHFIRE_NOT_SET with the secret is not set",
    )
    .await;
}

#[tokio::test]
async fn files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, content: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a temporary file");
        path
    };
    let check = async |content: &[u8], expected: &str| {
        let path = file("secret", content);
        assert_eq!(read(SecretSource::File(path)).await.as_deref(), Ok(expected));
    };
    check(b"plain", "plain").await;
    check(b"line\n", "line").await;
    check(b"windows\r\n\r\n", "windows").await;
    check(b" spaces are kept \n", " spaces are kept ").await;
    check(b"two\nlines\n", "two\nlines").await;
    check(b"", "").await;
    check("x".repeat(65_536).as_bytes(), &"x".repeat(65_536)).await;

    let refuse = async |path: PathBuf, reason: &str, expected: &str| {
        let expected = expected.replace("PATH", &path.display().to_string());
        refused(SecretSource::File(path), reason, &expected).await;
    };
    let gone = folder.path().join("gone");
    refuse(gone, "file", "secret file PATH cannot be read: No such file or directory (os error 2)").await;
    refuse(file("binary", &[0xff, 0xfe]), "content", "secret from file PATH is not UTF-8 text").await;
    refuse(
        file("long", "x".repeat(65_537).as_bytes()),
        "content",
        "secret from file PATH is longer than 64 KiB",
    )
    .await;
}

#[tokio::test]
async fn rotated_files_are_read_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("secret");
    let source = SecretSource::File(path.clone());
    for content in ["first", "second"] {
        std::fs::write(&path, content).expect("a temporary file");
        assert_eq!(read(source.clone()).await.as_deref(), Ok(content));
    }
}

#[tokio::test]
async fn commands() {
    assert_eq!(read(shell("printf 'from a program\\n'")).await.as_deref(), Ok("from a program"));
    assert_eq!(read(shell("cat")).await.as_deref(), Ok(""), "standard input is empty");
    refused(
        shell("echo hunter2; echo hunter2 >&2; exit 3"),
        "command",
        "secret command sh failed: exit status: 3",
    )
    .await;
    refused(shell("yes hunter2"), "content", "secret from command sh is longer than 64 KiB").await;
    let nothing = SecretSource::Command(vec!["/nowhere/helper".to_owned(), "hunter2".to_owned()]);
    let expected = "secret command /nowhere/helper cannot be run: No such file or directory (os error 2)";
    refused(nothing, "command", expected).await;
}

/// With paused time the limit passes as soon as there is nothing left to do but wait.
#[tokio::test(start_paused = true)]
async fn a_command_that_hangs_is_stopped() {
    refused(shell("exec sleep 600"), "timeout", "secret command sh took longer than 10 s").await;
}

fn shell(script: &str) -> SecretSource {
    SecretSource::Command(["sh", "-c", script].map(str::to_owned).to_vec())
}

async fn read(source: SecretSource) -> Result<String, String> {
    match source.read().await {
        Ok(secret) => Ok(secret.expose().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

async fn refused(source: SecretSource, reason: &str, expected: &str) {
    let error = source.read().await.expect_err("the secret is refused");
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    assert_eq!(format!("{error}{cause}"), expected);
    assert_eq!(error.reason(), reason);
    assert!(!format!("{error:?}").contains("hunter2"));
}
