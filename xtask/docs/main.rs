//! Writes the generated parts of the documentation, or with `check` tells which are not up to date.
//!
//! A part stands between `<!-- flags:begin -->` and `<!-- flags:end -->` (or `metrics`); all else in the file is its
//! writer's. A new program is one element of [`DOCUMENTS`]. Whole files are those of [`kubernetes`].

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use alertrouter::Alertrouter;
use anyhow::{Context, Result, bail};
use cert_exporter::Cert;
use cost_exporter::Cost;
use postgres_exporter::Postgres;
use redis_exporter::Redis;
use synthetic_exporter::Synthetic;
use toolkit::cli::command;

use crate::part::{changes, replace};

mod flags;
mod kubernetes;
mod metrics;
mod part;

/// A file with generated parts.
struct Document {
    file: &'static str,
    parts: &'static [Part],
}

/// The word in a part's marks, and what makes its text.
type Part = (&'static str, fn() -> String);

/// All files with generated parts.
const DOCUMENTS: &[Document] = &[
    Document { file: "exporters/redis/README.md", parts: &[("flags", || flags::table(&command::<Redis>()))] },
    Document { file: "exporters/redis/METRICS.md", parts: &[("metrics", metrics::redis)] },
    Document {
        file: "exporters/postgres/README.md",
        parts: &[("flags", || flags::table(&command::<Postgres>()))],
    },
    Document { file: "exporters/postgres/METRICS.md", parts: &[("metrics", metrics::postgres)] },
    Document { file: "exporters/cert/README.md", parts: &[("flags", || flags::table(&command::<Cert>()))] },
    Document { file: "exporters/cert/METRICS.md", parts: &[("metrics", metrics::cert)] },
    Document {
        file: "exporters/synthetic/README.md",
        parts: &[("flags", || flags::table(&command::<Synthetic>()))],
    },
    Document { file: "exporters/synthetic/METRICS.md", parts: &[("metrics", metrics::synthetic)] },
    Document { file: "exporters/cost/README.md", parts: &[("flags", || flags::table(&command::<Cost>()))] },
    Document { file: "exporters/cost/METRICS.md", parts: &[("metrics", metrics::cost)] },
    Document {
        file: "alertrouter/README.md",
        parts: &[("flags", || flags::table(&command::<Alertrouter>()))],
    },
];

fn main() -> ExitCode {
    match run(std::env::args().nth(1).as_deref()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            say("hint: `cargo xtask docs` writes them");
            ExitCode::FAILURE
        }
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(word: Option<&str>) -> Result<bool> {
    let check = match word {
        Some("check") => true,
        Some("write") => false,
        _ => bail!("this is a part of `cargo xtask docs`; hint: start that"),
    };
    let mut good = true;
    for document in DOCUMENTS {
        let fresh = refresh(document, check).unwrap_or_else(|error| {
            say(&format!("error: {error:#}"));
            false
        });
        good &= fresh;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let whole = kubernetes::files(&root)?;
    for (file, text) in &whole {
        let old = fs::read_to_string(root.join(file)).unwrap_or_default();
        good &= put(file, &old, text, check)?;
    }
    for file in kubernetes::leftovers(&root, &whole)? {
        if check {
            say(&format!("{file} is of no use any more"));
            good = false;
        } else {
            fs::remove_file(root.join(&file)).with_context(|| format!("cannot remove {file}"))?;
        }
    }
    Ok(good)
}

/// Brings a file up to date, or tells whether it is.
fn refresh(document: &Document, check: bool) -> Result<bool> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(document.file);
    let old = fs::read_to_string(&path).with_context(|| format!("cannot read {}", document.file))?;
    let mut new = old.clone();
    for (word, make) in document.parts {
        new = replace(&new, word, &make()).with_context(|| document.file)?;
    }
    put(document.file, &old, &new, check)
}

/// Writes a file that has changed, or tells whether it has.
fn put(file: &str, old: &str, new: &str, check: bool) -> Result<bool> {
    if new == old {
        return Ok(true);
    }
    if check {
        say(&format!("{file} is not up to date:\n{}", changes(old, new)));
        return Ok(false);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    fs::create_dir_all(path.parent().context("a file without a folder")?)?;
    fs::write(&path, new).with_context(|| format!("cannot write {file}"))?;
    say(&format!("{file} is written"));
    Ok(true)
}

fn say(line: &str) {
    // nobody reads when standard output is closed
    drop(writeln!(std::io::stdout(), "{line}"));
}
