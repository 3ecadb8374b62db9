//! What a broken file may make the reader ask for: it believes the numbers that it finds.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use ::parquet::basic::Encoding;
use ::parquet::column::page::{Page, PageMetadata, PageReader};
use ::parquet::errors::{ParquetError, Result};

use crate::http::{FetchError, Reason};
use crate::providers::sheet::source::failure;

/// Bytes of what stands at the end of a file and tells of all the rest, which is read as a whole.
const MAX_FOOTER: u32 = 32 << 20;

/// Bytes of a page, unpacked. Writers make pages of 1 MiB.
const MAX_PAGE: usize = 256 << 20;

/// The length of the footer and the mark behind it.
const TAIL: usize = 8;

/// Looks at the end of a file: whether it is whole, and small enough in what is read of it at once.
pub(super) fn check(file: &mut File) -> std::result::Result<(), FetchError> {
    let length = file.metadata().map_err(|error| failure(&error))?.len();
    let mut tail = [0; TAIL];
    if length < 2 * TAIL as u64 {
        return Err(FetchError::new(Reason::Incomplete, "it breaks off"));
    }
    file.seek(SeekFrom::Start(length - TAIL as u64)).map_err(|error| failure(&error))?;
    file.read_exact(&mut tail).map_err(|error| failure(&error))?;
    let [a, b, c, d, mark @ ..] = tail;
    let footer = u32::from_le_bytes([a, b, c, d]);
    match &mark {
        b"PAR1" if footer <= MAX_FOOTER => Ok(()),
        b"PAR1" => Err(FetchError::malformed("it is a broken Parquet file: its footer is too long")),
        b"PARE" => Err(FetchError::malformed("it is an encrypted Parquet file, which is not read")),
        _ => Err(FetchError::new(Reason::Incomplete, "it breaks off")),
    }
}

/// The pages of a column, of which none says that there is more in it than fits.
pub(super) struct Pages {
    pub(super) pages: Box<dyn PageReader>,
    /// Whether values may be missing, so that pages begin with which are.
    pub(super) has_levels: bool,
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        match &page {
            Some(page) if !is_plausible(page, self.has_levels) => {
                Err(ParquetError::General("a page tells of more than is in it".to_owned()))
            }
            _ => Ok(page),
        }
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

/// Whether a page is no larger than it may be, and what it says of its values can be: room is made for as many as it
/// claims to have of a dictionary's, or of lengths of texts.
fn is_plausible(page: &Page, has_levels: bool) -> bool {
    let data = page.buffer();
    if data.len() > MAX_PAGE {
        return false;
    }
    let length = |bytes: u32| usize::try_from(bytes).unwrap_or(usize::MAX);
    let (encoding, levels) = match page {
        // a value of a dictionary has a byte or more
        Page::DictionaryPage { num_values, .. } => return length(*num_values) <= data.len(),
        Page::DataPage { encoding, .. } if has_levels => {
            // their length stands before them
            let levels = data.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
            (*encoding, length(levels).saturating_add(4))
        }
        Page::DataPage { encoding, .. } => (*encoding, 0),
        Page::DataPageV2 { encoding, def_levels_byte_len, rep_levels_byte_len, .. } => {
            (*encoding, length(def_levels_byte_len.saturating_add(*rep_levels_byte_len)))
        }
    };
    let is_delta = matches!(encoding, Encoding::DELTA_LENGTH_BYTE_ARRAY | Encoding::DELTA_BYTE_ARRAY);
    let claimed = data.get(levels..).and_then(claimed).unwrap_or(0);
    !is_delta || claimed <= u64::from(page.num_values())
}

/// How many lengths follow, which is the third number: numbers come in groups of seven bits, the lowest first.
fn claimed(data: &[u8]) -> Option<u64> {
    let mut numbers = data.iter();
    let mut number = || {
        let (mut value, mut shift) = (0_u64, 0_u32);
        loop {
            let byte = numbers.next()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            shift += 7;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
    };
    let (_block, _parts) = (number()?, number()?);
    number()
}
