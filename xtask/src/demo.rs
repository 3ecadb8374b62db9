//! `cargo xtask demo`: what it needs, its binaries, its folder; the demo itself is the example `demo`.

use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// The demo in its own folder `target/demo` (or `target/demo-check`, so that a check can run beside a person's demo).
///
/// All temporary files are made there: whatever ends a demo, the next one finds and removes them.
pub(crate) fn command(workspace: &Workspace, arguments: &[&str]) -> Result<Command> {
    let name = if arguments == ["check"] { "demo-check" } else { "demo" };
    let folder = workspace.target()?.join(name);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut command = workspace.example("demo", arguments);
    command.env("TMPDIR", &folder).env("WATCHFIRE_DEMO", &folder);
    Ok(command)
}
