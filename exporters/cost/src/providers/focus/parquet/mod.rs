//! Parquet files: rows that are kept by column, and read by their places.
//!
//! ```text
//! stream ── spooled into a file, at most so long ┐
//! file ──────────────────────────────────────────┴─ what is in it ── each group of rows ── the columns that are wanted, as texts ── rows
//! ```
//!
//! Invariants: what a value means is decided by the same code as for CSV, which sees it as a text; no amount goes through
//! a float that was none; whatever the bytes are, reading ends with rows or with an error.

mod bounds;
mod cells;
#[cfg(test)]
mod tests;

use std::array;
use std::fs::File;
use std::io::{BufRead, Seek, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::RowGroupMetaData;
use ::parquet::file::reader::{FileReader, RowGroupReader};
use ::parquet::file::serialized_reader::SerializedFileReader;
use ::parquet::schema::types::SchemaDescriptor;

use self::cells::Cells;
use super::columns::{COUNT, Column, Columns, Row};
use super::sums::{AccountBy, Sums, Wanted};
use crate::http::{FetchError, Reason};
use crate::providers::sheet::Deadline;
use crate::providers::sheet::source::failure;

/// Bytes of a file that comes as a stream: what is longer fills the disk.
const MAX_SPOOLED: u64 = 4 << 30;

/// Rows that are read at once.
const BATCH: usize = 1_024;

/// Reads a file, where it is; a stream is spooled first, into a file without a name that goes when it is closed.
pub(super) fn read(
    text: impl BufRead,
    file: Option<&File>,
    sums: &mut Sums<'_>,
    wanted: &Wanted,
    deadline: Deadline,
) -> Result<(), FetchError> {
    let mut file = match file {
        Some(file) => file.try_clone().map_err(|error| failure(&error))?,
        None => spooled(text, MAX_SPOOLED, deadline)?,
    };
    bounds::check(&mut file)?;
    // broken files are told as errors by the crate that reads them, but for some that it did not think of
    let read = AssertUnwindSafe(|| all(file, sums, wanted, deadline));
    catch_unwind(read).unwrap_or_else(|_panic| Err(FetchError::malformed("it is a broken Parquet file")))
}

fn spooled(mut text: impl BufRead, limit: u64, deadline: Deadline) -> Result<File, FetchError> {
    let told = |error: &std::io::Error| {
        FetchError::new(Reason::File, format!("it cannot be kept in a temporary file: {error}"))
    };
    let mut file = tempfile::tempfile().map_err(|error| told(&error))?;
    let mut length = 0_u64;
    loop {
        // at each piece
        deadline.check(0)?;
        let piece = text.fill_buf().map_err(|error| failure(&error))?;
        let read = piece.len();
        if read == 0 {
            break;
        }
        length = length.saturating_add(read as u64);
        if length > limit {
            let message = format!("it is a Parquet file of more than {limit} bytes");
            return Err(FetchError::new(Reason::TooLarge, message));
        }
        file.write_all(piece).map_err(|error| told(&error))?;
        text.consume(read);
    }
    file.seek(SeekFrom::Start(0)).map_err(|error| told(&error))?;
    Ok(file)
}

fn all(file: File, sums: &mut Sums<'_>, wanted: &Wanted, deadline: Deadline) -> Result<(), FetchError> {
    let reader = SerializedFileReader::new(file).map_err(|error| broken(&error))?;
    let metadata = reader.metadata();
    let schema = metadata.file_metadata().schema_descr();
    let columns = columns(schema, wanted)?;
    for (number, facts) in metadata.row_groups().iter().enumerate() {
        let group = reader.get_row_group(number).map_err(|error| broken(&error))?;
        rows(group.as_ref(), facts, &columns, sums, deadline)?;
    }
    Ok(())
}

/// Where the columns stand that are read: those from which a row's amount, day and names come, as they are wanted, and
/// those of commitments where there are any.
fn columns(schema: &SchemaDescriptor, wanted: &Wanted) -> Result<[Option<usize>; COUNT], FetchError> {
    let names = schema.columns().iter().map(|column| {
        // what stands in a list or in a map is not the row's own
        let is_own = column.path().parts().len() == 1 && column.max_rep_level() == 0;
        if is_own { column.name().as_bytes() } else { &[] }
    });
    let found = Columns::of(names, wanted.basis.column())?;
    let has_status = found.place(Column::Status).is_some();
    let is_wanted = |column| match column {
        Column::Billed | Column::Effective if column == wanted.basis.column() => true,
        Column::Billed => false,
        Column::Effective | Column::Status | Column::CommitmentId | Column::CommitmentName => has_status,
        Column::SubAccountId | Column::AccountId => wanted.account_by != AccountBy::None,
        Column::SubAccountName | Column::AccountName => wanted.account_by == AccountBy::Name,
        Column::Provider | Column::ServiceProvider => !wanted.vendors.is_empty(),
        Column::Currency | Column::Start | Column::End | Column::Period => true,
        Column::Category | Column::Class | Column::Service => true,
    };
    let places = Column::all().map(|column| found.place(column).filter(|_place| is_wanted(column)));
    Ok(places)
}

/// Reads a group of rows.
fn rows(
    group: &dyn RowGroupReader,
    facts: &RowGroupMetaData,
    places: &[Option<usize>; COUNT],
    sums: &mut Sums<'_>,
    deadline: Deadline,
) -> Result<(), FetchError> {
    let mut cells: [Option<Cells>; COUNT] = array::from_fn(|_column| None);
    for (cells, place) in cells.iter_mut().zip(places) {
        let Some(place) = *place else { continue };
        let chunk = facts.columns().get(place).ok_or_else(uneven)?;
        unpackable(chunk.compression())?;
        let pages = group.get_column_page_reader(place).map_err(|error| broken(&error))?;
        *cells = Some(Cells::of(chunk.column_descr_ptr(), pages));
    }
    let mut left = usize::try_from(facts.num_rows()).map_err(|_negative| uneven())?;
    while left > 0 {
        let batch = left.min(BATCH);
        for cells in cells.iter_mut().flatten() {
            if cells.read(batch).map_err(|error| broken(&error))? != batch {
                return Err(uneven());
            }
        }
        for row in 0..batch {
            deadline.check(sums.count.rows)?;
            let cell = |column: Column| {
                let cells = cells.get(column as usize).and_then(Option::as_ref);
                cells.map_or(&[][..], |cells| cells.get(row))
            };
            sums.add(&Row::of(cell));
        }
        left -= batch;
    }
    Ok(())
}

/// Says so where pages are packed with what is not read.
fn unpackable(packed: Compression) -> Result<(), FetchError> {
    if matches!(packed, Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_)) {
        return Ok(());
    }
    let shown = packed.to_string().to_ascii_lowercase();
    let name = shown.split('(').next().unwrap_or_default();
    Err(FetchError::malformed(format!("its columns are packed with {name}; Snappy and gzip are read")))
}

fn uneven() -> FetchError {
    FetchError::malformed("it is a broken Parquet file: a column has not as many values as there are rows")
}

/// What is wrong with a file.
fn broken(error: &ParquetError) -> FetchError {
    match error {
        ParquetError::External(cause) => match cause.downcast_ref::<std::io::Error>() {
            Some(cause) => failure(cause),
            None => FetchError::malformed(format!("it is a broken Parquet file: {cause}")),
        },
        ParquetError::NYI(what) => {
            FetchError::malformed(format!("it is a Parquet file of a kind that is not read: {what}"))
        }
        ParquetError::General(what) | ParquetError::EOF(what) => {
            FetchError::malformed(format!("it is a broken Parquet file: {what}"))
        }
        error => FetchError::malformed(format!("it is a broken Parquet file: {error}")),
    }
}
