//! Files of this machine.

use std::sync::Arc;

use super::kept::{Kept, Read};
use super::rows;
use super::sums::{Part, Sums, Wanted};
use crate::http::{FetchError, Reason};
use crate::providers::sheet::{Deadline, files, named};

/// Reads all files that the patterns mean, on a thread that may wait for the disk.
pub(super) async fn read(
    patterns: Vec<String>,
    wanted: Wanted,
    deadline: Deadline,
    kept: &Kept,
) -> Result<Part, FetchError> {
    let kept = kept.clone();
    let work = move || all(&patterns, &wanted, deadline, &kept);
    let broken = |_panic| FetchError::new(Reason::Internal, "reading the files broke off");
    tokio::task::spawn_blocking(work).await.map_err(broken)?
}

fn all(patterns: &[String], wanted: &Wanted, deadline: Deadline, kept: &Kept) -> Result<Part, FetchError> {
    let mut sums = Sums::new(wanted);
    let mut read = Read::of(wanted);
    for path in files::find(patterns)? {
        let name = path.display().to_string();
        let one = || -> Result<(String, Arc<Part>), FetchError> {
            let (file, stamp) = files::open(&path)?;
            let version = format!("{stamp:?}");
            if let Some(part) = kept.get(wanted, &name, &version) {
                return Ok((version, part));
            }
            let part = rows::read(&file, Some(&file), wanted, deadline)?;
            files::unchanged(&file, stamp)?;
            Ok((version, Arc::new(part)))
        };
        let (version, part) = one().map_err(|error| named(&name, error))?;
        sums.absorb(&part);
        read.add(name, version, part);
    }
    kept.replace(read);
    Ok(sums.finish())
}
