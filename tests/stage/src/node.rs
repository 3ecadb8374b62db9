//! The machine itself, as Debian's node_exporter sees it.

use anyhow::Result;
use kit::process::{self, Folder, Launch};

use crate::program::Program;

/// The exporter's program; Debian has put its suite's name in front.
const NODE_EXPORTER: process::Program = process::Program {
    names: &["prometheus-node-exporter", "node_exporter"],
    install: "apt-get install prometheus-node-exporter",
};

/// The exporter.
pub(crate) async fn exporter(port: u16) -> Result<Program> {
    let folder = Folder::new()?;
    Program::start(Launch::new(&NODE_EXPORTER, &folder)?, folder, port, "/").await
}
