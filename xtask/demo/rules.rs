//! The rules of rules/ at the pace of a demo, their links leading into the demo.
//!
//! Rules have no variables, so the demo loads a copy in which three things differ: `for:`, the address of the runbooks
//! and that of Grafana. All else must stay as it is: what is shown is what people get.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use kit::process::Folder;

/// The `for:` of every rule here. Not less: Prometheus makes its first scrape five to six seconds after its start, and
/// until then Redis counts as absent.
const PENDING: Duration = Duration::from_secs(7);

/// What the rules link to where a Prometheus says nothing else, and where that is on the demo's page.
const LINKS: [(&str, &str); 2] = [
    ("https://github.com/watchfire/watchfire/blob/main/rules/runbooks", "/runbooks"),
    ("http://localhost:3000", ""),
];

/// Copies of all rule files, in a folder that goes with this value.
pub(crate) struct Rules {
    pub(crate) files: Vec<PathBuf>,
    _folder: Folder,
}

impl Rules {
    /// Copies them for a demo whose page is at this address, without a slash at its end.
    pub(crate) fn copy(page: &str) -> Result<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
        let folder = Folder::new()?;
        let mut files = Vec::new();
        for entry in
            std::fs::read_dir(&source).with_context(|| format!("cannot read {}", source.display()))?
        {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".rules.yml") {
                let text = std::fs::read_to_string(entry.path());
                let text = text.with_context(|| format!("cannot read {name}"))?;
                files.push(folder.write(&name, adapt(&text, page))?);
            }
        }
        Ok(Self { files, _folder: folder })
    }
}

fn adapt(rules: &str, page: &str) -> String {
    let lines = rules.lines().map(|line| match line.split_once(": ") {
        Some((key, _)) if matches!(key.trim_start(), "for" | "keep_firing_for") => {
            format!("{key}: {}s\n", PENDING.as_secs())
        }
        _ => format!("{line}\n"),
    });
    let hurried = lines.collect::<Vec<_>>().concat();
    LINKS.iter().fold(hurried, |text, (link, path)| {
        text.replace(&format!("\"{link}\""), &format!("\"{page}{path}\""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pace_and_links_differ() {
        let rules = "  - alert: A\n    expr: a == 0\n    for: 10m\n    annotations:\n      summary: for: 10m\n      \
                     x: '{{ or $externalLabels.grafana_url \"http://localhost:3000\" }}/d/y'\n";
        let expected = "  - alert: A\n    expr: a == 0\n    for: 7s\n    annotations:\n      summary: for: 10m\n      \
                        x: '{{ or $externalLabels.grafana_url \"http://here\" }}/d/y'\n";
        assert_eq!(adapt(rules, "http://here"), expected);
    }

    #[test]
    fn the_rules_link_where_this_expects_it() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/redis.rules.yml");
        let text = std::fs::read_to_string(source).unwrap();
        for (link, _) in LINKS {
            assert!(text.contains(&format!("\"{link}\"")), "{link}");
        }
    }
}
