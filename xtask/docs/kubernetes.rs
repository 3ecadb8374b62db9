//! What Kubernetes is told, made of the same files: a `PrometheusRule` of each file in `rules/`, a list of dashboards.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Where the rules come.
const RULES: &str = "deploy/kubernetes/rules";

/// A whole file that is written: its path below the root, and its text.
pub(crate) type File = (String, String);

/// All of them.
pub(crate) fn files(root: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut list = format!("{}\nresources:\n", kustomization("rules"));
    for name in names(&root.join("rules"), ".rules.yml")? {
        let rules = root.join(format!("rules/{name}.rules.yml"));
        let text = fs::read_to_string(&rules).with_context(|| format!("cannot read {}", rules.display()))?;
        let rule = rule(&name, &text).with_context(|| format!("{name}.rules.yml"))?;
        files.push((format!("{RULES}/{name}.yml"), rule));
        writeln!(list, "  - {name}.yml")?;
    }
    files.push((format!("{RULES}/kustomization.yml"), list));
    let dashboards = names(&root.join("dashboards"), ".json")?;
    files.push(("dashboards/kustomization.yml".to_owned(), maps(&dashboards)?));
    Ok(files)
}

/// Files that lie where ours do, and that nobody writes any more.
pub(crate) fn leftovers(root: &Path, files: &[File]) -> Result<Vec<String>> {
    let there = names(&root.join(RULES), ".yml")?.into_iter().map(|name| format!("{RULES}/{name}.yml"));
    Ok(there.filter(|path| files.iter().all(|(file, _)| file != path)).collect())
}

/// The same groups as a resource of the Prometheus operator.
fn rule(name: &str, text: &str) -> Result<String> {
    let (_, groups) = text.split_once("\ngroups:\n").context("it has no line `groups:`")?;
    let mut rule = format!(
        "# Written by `cargo xtask docs` from rules/{name}.rules.yml: change that.\n\
         apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: watchfire-{name}\n  \
         labels:\n    app.kubernetes.io/part-of: watchfire\nspec:\n  groups:\n"
    );
    for line in groups.lines() {
        let indent = if line.is_empty() { "" } else { "  " };
        writeln!(rule, "{indent}{line}")?;
    }
    Ok(rule)
}

/// A map of its own for each dashboard: together they would be larger than a map may be.
fn maps(dashboards: &[String]) -> Result<String> {
    let mut text = kustomization("dashboards");
    text.push_str(
        "\ngeneratorOptions:\n  disableNameSuffixHash: true\n  labels:\n    grafana_dashboard: \"1\"\n    \
         app.kubernetes.io/part-of: watchfire\nconfigMapGenerator:\n",
    );
    for name in dashboards {
        writeln!(text, "  - name: watchfire-dashboard-{name}\n    files: [{name}.json]")?;
    }
    Ok(text)
}

fn kustomization(folder: &str) -> String {
    format!(
        "# Written by `cargo xtask docs` from the files in {folder}/.\n\
         apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization"
    )
}

/// The names of a folder's files with this ending, without it, sorted.
fn names(folder: &Path, ending: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            names.extend(name.strip_suffix(ending).filter(|name| !name.is_empty()).map(str::to_owned));
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_the_file_two_columns_further() {
        let text = "# About it.\n\ngroups:\n  - name: a\n    rules:\n      - alert: A\n\n        expr: |\n          up\n";
        let rule = rule("a", text).unwrap();
        let spec = "spec:\n  groups:\n    - name: a\n      rules:\n        - alert: A\n\n          expr: |\n            up\n";
        assert!(rule.ends_with(spec), "{rule}");
        assert!(super::rule("a", "rules: []").is_err());
    }
}
