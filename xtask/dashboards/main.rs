//! Asks Grafana's own types whether they would take our dashboards, without a Grafana.
//!
//! Each dashboard is a TypeScript literal of the type in `schema.ts`, which is made of npm's `@grafana/schema`; the
//! compiler says what does not fit, with the line of the JSON file. To take a newer Grafana, change `package.json`, run
//! `npm install --package-lock-only` in a copy of this folder, and copy the lock file back.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use kit::npm::{Packages, node};
use kit::process::Folder;

const PACKAGES: Packages = Packages {
    name: "grafana-schema-13.2.3-typescript-5.8.3",
    manifest: include_str!("package.json"),
    lock: include_str!("package-lock.json"),
};

fn main() -> ExitCode {
    let (code, text) = match check() {
        Ok(text) => (ExitCode::SUCCESS, text),
        Err(error) => (ExitCode::FAILURE, format!("error: {error:#}")),
    };
    // nobody reads when standard output is closed
    drop(writeln!(std::io::stdout(), "{text}"));
    code
}

fn check() -> Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in no folder")?;
    let packages = PACKAGES.install()?;
    let folder = Folder::new()?;
    folder.write("schema.ts", include_str!("schema.ts"))?;
    folder.write("tsconfig.json", include_str!("tsconfig.json"))?;
    symlink(packages.join("node_modules"), folder.path().join("node_modules"))?;
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join("dashboards"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let json =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            // on one line with the first of the file, so that lines have their numbers
            let literal =
                format!("export const dashboard: import('./schema').Written = {};\n", json.trim_end());
            folder.write(&format!("{name}.ts"), &literal)?;
            names.push(name);
        }
    }
    ensure!(!names.is_empty(), "dashboards/ has no *.json");
    let mut compiler = node()?;
    compiler.arg(packages.join("node_modules/typescript/bin/tsc")).args([
        "--pretty",
        "false",
        "--project",
        ".",
    ]);
    let output = compiler.current_dir(folder.path()).output().context("cannot run node")?;
    if !output.status.success() {
        bail!("{}", findings(&String::from_utf8_lossy(&output.stdout), &names));
    }
    Ok(format!("{} dashboards fit Grafana's types", names.len()))
}

/// What the compiler said, of the files that people know.
fn findings(said: &str, names: &[String]) -> String {
    let line = |line: &str| {
        let of_dashboard =
            line.split_once(".ts(").filter(|(name, _)| names.iter().any(|known| known == name));
        of_dashboard.map_or_else(|| line.to_owned(), |(name, rest)| format!("dashboards/{name}.json({rest}"))
    };
    let lines: Vec<String> = said.lines().map(line).collect();
    format!("dashboards that do not fit Grafana's types:\n{}", lines.join("\n"))
}

#[test]
fn findings_name_the_json_files() {
    let said = "redis.ts(3,5): error TS2322: no\n  because\nschema.ts(1,1): error TS1: no\n";
    let found = findings(said, &["redis".to_owned()]);
    let lines: Vec<&str> = found.lines().skip(1).collect();
    let expected =
        ["dashboards/redis.json(3,5): error TS2322: no", "  because", "schema.ts(1,1): error TS1: no"];
    assert_eq!(lines, expected);
}
