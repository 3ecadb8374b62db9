//! Tables in files: found by pattern, unpacked, split into records, and read row by row in bounded memory.

pub(crate) mod files;
pub(crate) mod interned;
pub(crate) mod moments;
pub(crate) mod records;
pub(crate) mod source;

use tokio::time::Instant;

use crate::http::{FetchError, Reason};

/// Rows between two looks at the clock.
const ROWS_BETWEEN: u64 = 8_192;

/// Until when a file may be read: the refresh that wanted it gives up then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(pub(crate) Instant);

impl Deadline {
    /// Looks at the clock from time to time.
    pub(crate) fn check(self, rows: u64) -> Result<(), FetchError> {
        if rows.is_multiple_of(ROWS_BETWEEN) && Instant::now() > self.0 {
            return Err(FetchError::new(Reason::Timeout, "reading takes longer than a refresh may"));
        }
        Ok(())
    }
}

/// Rows of a file, and those that say nothing that can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Rows that were read.
    pub(crate) rows: u64,
    /// Rows that were left out.
    pub(crate) bad: u64,
    /// The first of them, and what is wrong with it.
    pub(crate) first: Option<(u64, &'static str)>,
}

impl Count {
    /// Counts a row.
    pub(crate) fn add(&mut self, outcome: Result<(), &'static str>) {
        self.rows += 1;
        if let Err(what) = outcome {
            self.bad += 1;
            self.first.get_or_insert((self.rows, what));
        }
    }

    /// Counts the rows of another file.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.rows += other.rows;
        self.bad += other.bad;
        self.first = self.first.or(other.first);
    }

    /// A file of which nothing can be used is not what it should be.
    pub(crate) fn judge(&self) -> Result<(), FetchError> {
        match self.first {
            Some((row, what)) if self.bad == self.rows => {
                let message = format!("none of its {} rows can be used; row {row}: {what}", self.rows);
                Err(FetchError::malformed(message))
            }
            _ => Ok(()),
        }
    }
}

/// Puts what is being read before what is wrong with it.
pub(crate) fn named(name: &str, mut error: FetchError) -> FetchError {
    error.message = format!("{name}: {}", error.message);
    error
}

/// A column's name as it is compared: letters and digits, small.
pub(crate) fn folded(name: &[u8]) -> String {
    let kept = name.iter().filter(|byte| byte.is_ascii_alphanumeric());
    kept.map(|byte| char::from(byte.to_ascii_lowercase())).collect()
}

/// A value; one that says that there is none is empty.
pub(crate) fn value(field: &[u8]) -> &[u8] {
    let field = field.trim_ascii();
    if field.eq_ignore_ascii_case(b"null") { &[] } else { field }
}
