//! Brings the servers that tests start and Debian does not have, so that no test waits for a download.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match kit::postgres::prepare().and_then(|()| kit::redis::prepare()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // nobody reads when standard error is closed
            drop(writeln!(std::io::stderr(), "error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
