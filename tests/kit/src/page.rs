//! A metrics page in the text format, as tests compare it with a peer's.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

/// Every metric as `name type label,label`, the labels in order, without those that its type implies (`le`, `quantile`).
///
/// # Errors
/// A line is no sample, or a sample has no `# TYPE` before it.
pub fn shapes(page: &str) -> Result<BTreeSet<String>> {
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    let mut shapes = BTreeSet::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            types.extend(rest.split_once(' '));
        } else if !line.starts_with('#') {
            shapes.insert(shape(line, &types)?);
        }
    }
    Ok(shapes)
}

fn shape(line: &str, types: &BTreeMap<&str, &str>) -> Result<String> {
    let (series, _) = line.rsplit_once(' ').with_context(|| format!("this is no sample: {line}"))?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let stem = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
    let family =
        stem.filter(|stem| matches!(types.get(stem), Some(&("histogram" | "summary")))).unwrap_or(name);
    let kind = types.get(family).with_context(|| format!("{family} has no type"))?;
    let own = match *kind {
        "histogram" => "le",
        "summary" => "quantile",
        _ => "",
    };
    // a label name follows `{` or `",`, both of which values cannot hold unescaped
    let mut labels: Vec<&str> = labels
        .split("\",")
        .filter_map(|label| label.split_once("=\""))
        .map(|(name, _)| name)
        .filter(|name| *name != own)
        .collect();
    labels.sort_unstable();
    Ok(format!("{family} {kind} {}", labels.join(",")).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_a_page() {
        let page = "# HELP a A.\n# TYPE a gauge\na{y=\"1,\",x=\"{\"} 1\na 2\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\n";
        let found: Vec<String> = shapes(page).unwrap().into_iter().collect();
        assert_eq!(found, ["a gauge", "a gauge x,y", "h histogram"]);
        assert_eq!(shapes("b 1\n").unwrap_err().to_string(), "b has no type");
    }
}
