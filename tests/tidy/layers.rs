//! Arrows go one way, and each fixed choice is made in one place.

use std::collections::BTreeSet;

use crate::tree::{files, root};

/// Who may depend on whom, within the workspace. `kit` and `tests` are for tests only.
const ALLOWED: [(&str, &[&str]); 13] = [
    ("exporters/toolkit/Cargo.toml", &[]),
    ("exporters/redis/Cargo.toml", &["toolkit"]),
    ("exporters/netprobe/Cargo.toml", &["toolkit"]),
    ("exporters/postgres/Cargo.toml", &["toolkit"]),
    ("exporters/cert/Cargo.toml", &["netprobe", "toolkit"]),
    ("exporters/synthetic/Cargo.toml", &["netprobe", "toolkit"]),
    ("exporters/cost/Cargo.toml", &["toolkit"]),
    ("alertrouter/Cargo.toml", &["gotemplate", "toolkit"]),
    ("alertrouter/gotemplate/Cargo.toml", &[]),
    ("tests/kit/Cargo.toml", &[]),
    ("tests/stage/Cargo.toml", &["kit"]),
    ("tests/Cargo.toml", &["kit", "stage", "toolkit"]),
    (
        "xtask/Cargo.toml",
        &[
            "kit",
            "toolkit",
            "redis-exporter",
            "postgres-exporter",
            "cert-exporter",
            "synthetic-exporter",
            "cost-exporter",
            "alertrouter",
        ],
    ),
];

/// A crate that only one file of a folder may name, so that it can be replaced there.
const NAMED_ONCE: [(&str, &str, &str); 3] = [
    ("serde_yaml::", "exporters/toolkit/src", "exporters/toolkit/src/config/yaml.rs"),
    ("redis::", "exporters/redis/src", "exporters/redis/src/conn.rs"),
    ("postgres_protocol::", "exporters/postgres/src", "exporters/postgres/src/conn/auth.rs"),
];

/// What may lie in the root where everybody sees it.
const VISIBLE: [&str; 14] = [
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile",
    "LICENSE",
    "README.md",
    "alertrouter",
    "dashboards",
    "deploy",
    "docker-compose.yml",
    "exporters",
    "rules",
    "rust-toolchain.toml",
    "tests",
    "xtask",
];

#[test]
fn dependencies_point_one_way() {
    let members: BTreeSet<&str> = [
        "toolkit",
        "netprobe",
        "redis-exporter",
        "postgres-exporter",
        "cert-exporter",
        "synthetic-exporter",
        "cost-exporter",
        "alertrouter",
        "kit",
        "stage",
        "tests",
        "xtask",
    ]
    .into();
    let manifests = files("Cargo.toml");
    for manifest in manifests.iter().filter(|manifest| manifest.path != "Cargo.toml") {
        let (_, allowed) = ALLOWED
            .iter()
            .find(|(path, _)| *path == manifest.path)
            .unwrap_or_else(|| panic!("{}: add it to ALLOWED in this test", manifest.path));
        let mut section = "";
        for line in manifest.text.lines() {
            if line.starts_with('[') {
                section = line;
            }
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if section == "[dependencies]" && members.contains(name) {
                assert!(allowed.contains(&name), "{}: may not depend on {name}", manifest.path);
            }
        }
    }
}

#[test]
fn the_toolkit_names_no_program() {
    for source in files(".rs").iter().filter(|source| source.path.starts_with("exporters/toolkit/src/")) {
        let code = source.text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            // comments may
            let code = line.split("//").next().unwrap_or_default();
            for name in ["redis_exporter::", "redis-exporter", "postgres-exporter", "alertrouter"] {
                assert!(!code.contains(name), "{}:{}: names {name}", source.path, number + 1);
            }
        }
    }
}

#[test]
fn crates_that_may_be_replaced_are_named_in_one_file() {
    for (name, folder, only) in NAMED_ONCE {
        for source in
            files(".rs").iter().filter(|source| source.path.starts_with(folder) && source.path != only)
        {
            for (number, line) in source.text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                let named = code.match_indices(name).any(|(at, _)| {
                    let before = code.get(..at).and_then(|text| text.chars().next_back());
                    !before.is_some_and(|character| character.is_alphanumeric() || "_:".contains(character))
                });
                assert!(!named, "{}:{}: only {only} may name `{name}`", source.path, number + 1);
            }
        }
    }
}

#[test]
fn every_dependency_is_used() {
    let sources = files(".rs");
    for manifest in files("Cargo.toml").iter().filter(|manifest| manifest.path != "Cargo.toml") {
        let folder = manifest.path.trim_end_matches("Cargo.toml");
        let mut section = "";
        for line in manifest.text.lines() {
            if line.starts_with('[') {
                section = line;
            } else if matches!(section, "[dependencies]" | "[dev-dependencies]") && !line.starts_with('#') {
                let name = line.split(['.', ' ', '=']).next().unwrap_or_default().replace('-', "_");
                let is_used = |source: &&crate::tree::Source| {
                    let code =
                        section == "[dev-dependencies]" || source.path.starts_with(&format!("{folder}src/"));
                    source.path.starts_with(folder)
                        && (code || folder == "tests/")
                        && source.text.contains(&name)
                };
                assert!(
                    name.is_empty() || sources.iter().any(|source| is_used(&source)),
                    "{}: {name}",
                    manifest.path
                );
            }
        }
    }
}

#[test]
fn the_root_shows_only_what_it_should() {
    for entry in std::fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && name != "target" {
            assert!(VISIBLE.contains(&name.as_str()), "{name} does not belong in the root");
        }
    }
}

#[test]
fn every_dependency_has_its_reason_and_every_crate_the_lints() {
    for manifest in files("Cargo.toml") {
        if manifest.path != "Cargo.toml" {
            assert!(
                manifest.text.contains("[lints]\nworkspace = true"),
                "{}: inherit the lints",
                manifest.path
            );
            continue;
        }
        let dependencies = manifest.text.split("[workspace.dependencies]").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        let mut reason_above = false;
        for line in dependencies.lines().filter(|line| !line.is_empty()) {
            let own = line.contains("path = ");
            assert!(
                line.starts_with('#') || own || line.contains(" # ") || reason_above,
                "Cargo.toml: `{line}` has no reason"
            );
            reason_above = line.starts_with('#');
        }
    }
}
