//! Parquet files where the program was built without its feature `parquet`: they are named and not read.

use std::fs::File;
use std::io::BufRead;

use super::sums::{Sums, Wanted};
use crate::http::{FetchError, Reason};
use crate::providers::sheet::Deadline;

/// Says that they cannot be read.
pub(super) fn read(
    _text: impl BufRead,
    _file: Option<&File>,
    _sums: &mut Sums<'_>,
    _wanted: &Wanted,
    _deadline: Deadline,
) -> Result<(), FetchError> {
    let message = "it is a Parquet file, which this program cannot read; let the export be CSV with GZIP, or build the program with `--features parquet`";
    Err(FetchError::new(Reason::File, message))
}
