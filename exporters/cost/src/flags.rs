//! The program's own flags.

use std::path::PathBuf;

/// The flags beside those that all programs have.
#[derive(clap::Args, Clone, Debug)]
pub struct Flags {
    /// Folder in which days, counters and paid calls are kept; what is there survives restarts
    #[arg(long = "storage.path", value_name = "FOLDER", default_value = "data")]
    pub storage_path: PathBuf,
}
