//! Every web config fixture and example, by us and by Prometheus' own `promtool check web-config`.

use std::path::Path;
use std::process::Command;

use toolkit::web::Access;

use crate::support::{Folder, files, fixtures};

#[test]
fn good_files_are_read() {
    let folder = Folder::new();
    for fixture in fixtures(".good.yml") {
        let loaded = Access::load(Some(&folder.fixture(&fixture)));
        assert_eq!(loaded.err().map(|error| error.to_string()), None, "{}", fixture.display());
    }
}

/// What is wrong stands at the end of each file.
#[test]
fn bad_files_are_refused_with_exact_messages() {
    let folder = Folder::new();
    for fixture in fixtures(".bad.yml") {
        let text = std::fs::read_to_string(&fixture).unwrap();
        let expected: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# expect ")).collect();
        let path = folder.fixture(&fixture);
        let error = Access::load(Some(&path)).err().unwrap();
        let folder = format!("{}/", path.parent().unwrap().display());
        let name = format!("{}:", path.file_name().unwrap().to_str().unwrap());
        let shown = error.to_string().replace(&folder, "").replace(&name, "");
        assert_eq!(shown.lines().collect::<Vec<_>>(), expected, "{}", fixture.display());
        assert!(!format!("{error} {error:?}").contains("canary"), "{}", fixture.display());
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Access::load(Some(Path::new("/nowhere/web.yml"))).err().unwrap();
    assert_eq!(error.to_string(), "/nowhere/web.yml: cannot be read: no such file");
}

#[test]
fn promtool_accepts_the_good_files() {
    let folder = Folder::new();
    for fixture in fixtures(".good.yml") {
        promtool_accepts(&folder.fixture(&fixture));
    }
}

#[test]
fn promtool_and_we_accept_the_examples() {
    let folder = Folder::new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/web-config");
    for example in files(&examples, ".yml") {
        let path = folder.fixture(&example);
        promtool_accepts(&path);
        let loaded = Access::load(Some(&path));
        assert_eq!(loaded.err().map(|error| error.to_string()), None, "{}", example.display());
    }
}

/// Debian 12's promtool is older than some keys: it may refuse a file for these, and for nothing else.
fn promtool_accepts(path: &Path) {
    const NEWER: [&str; 5] = ["cert", "client_allowed_sans", "client_ca", "key", "rate_limit"];
    let output = Command::new("promtool").args(["check", "web-config"]).arg(path).output();
    let output = output.expect("promtool is needed (apt-get install prometheus)");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    let unknown =
        said.lines().filter_map(|line| line.split_once("field ")?.1.split_once(" not found in type web."));
    let newer = unknown.clone().count() > 0 && unknown.clone().all(|(key, _)| NEWER.contains(&key));
    let lines_beside = said.lines().count() - unknown.count();
    assert!(output.status.success() || (newer && lines_beside == 1), "{}: {said}", path.display());
}
