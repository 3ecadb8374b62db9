//! Bytes of a file as they are meant: unpacked, and without what editors and programs put before and after them.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

use crate::http::{FetchError, Reason};

/// Bytes that are read from a file at once.
const BLOCK: usize = 128 << 10;

/// What UTF-8 may begin with.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// What a gzip file begins with.
const GZIP: &[u8] = b"\x1f\x8b";

/// What files begin with that are none of ours, and what to say about them.
const STRANGERS: [(&[u8], &str); 5] = [
    (b"PK\x03\x04", "it is a zip archive; let the export be packed with gzip"),
    (b"\xff\xfe", "its text is UTF-16; UTF-8 is read"),
    (b"\xfe\xff", "its text is UTF-16; UTF-8 is read"),
    (b"\x28\xb5\x2f\xfd", "it is packed with zstd; gzip is read"),
    (b"PAR1", "it is a Parquet file inside of another"),
];

/// What is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Lines of fields, the first one with their names.
    Table,
    /// A JSON object a line.
    Objects,
    /// Columns, read by their places: not as a stream.
    Parquet,
}

/// A file that is open, unpacked where it is packed.
pub(crate) enum Text<R: Read> {
    Plain(BufReader<R>),
    Packed(Box<BufReader<Members<BufReader<R>>>>),
}

impl<R: Read> Text<R> {
    /// Looks at the first bytes, and says what is in the file.
    pub(crate) fn open(source: R) -> Result<(Self, Content), FetchError> {
        let mut plain = BufReader::with_capacity(BLOCK, source);
        let head = peek(&mut plain)?;
        if head.starts_with(b"PAR1") {
            return Ok((Self::Plain(plain), Content::Parquet));
        }
        let mut text = if head.starts_with(GZIP) {
            Self::Packed(Box::new(BufReader::with_capacity(BLOCK, Members::of(plain))))
        } else {
            Self::Plain(plain)
        };
        let head = match &mut text {
            Self::Plain(plain) => peek(plain)?,
            Self::Packed(packed) => peek(packed)?,
        };
        if let Some((_, what)) = STRANGERS.iter().find(|(start, _)| head.starts_with(start)) {
            return Err(FetchError::new(Reason::Malformed, *what));
        }
        let mark = if head.starts_with(MARK) { MARK.len() } else { 0 };
        let first = head.iter().skip(mark).find(|byte| !byte.is_ascii_whitespace());
        let content = if first == Some(&b'{') { Content::Objects } else { Content::Table };
        text.consume(mark);
        Ok((text, content))
    }
}

/// The first bytes, without taking them: as many as were read at once.
fn peek(source: &mut impl BufRead) -> Result<&[u8], FetchError> {
    source.fill_buf().map_err(|error| failure(&error))
}

/// Why bytes cannot be read.
pub(crate) fn failure(error: &io::Error) -> FetchError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => FetchError::new(Reason::Incomplete, "it breaks off"),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            FetchError::new(Reason::Malformed, format!("it cannot be unpacked: {error}"))
        }
        _ => FetchError::new(Reason::File, error.to_string()),
    }
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(plain) => plain.read(room),
            Self::Packed(packed) => packed.read(room),
        }
    }
}

impl<R: Read> BufRead for Text<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Plain(plain) => plain.fill_buf(),
            Self::Packed(packed) => packed.fill_buf(),
        }
    }

    fn consume(&mut self, bytes: usize) {
        match self {
            Self::Plain(plain) => plain.consume(bytes),
            Self::Packed(packed) => packed.consume(bytes),
        }
    }
}

/// The members of a gzip file, one after the other. Zeros between and after them, and what follows the last one and is
/// none, are passed over, as gzip itself does.
pub(crate) struct Members<R> {
    decoder: Option<GzDecoder<R>>,
    /// Whether a member was read to its end.
    is_later: bool,
}

impl<R: BufRead> Members<R> {
    fn of(source: R) -> Self {
        Self { decoder: Some(GzDecoder::new(source)), is_later: false }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if room.is_empty() {
            return Ok(0);
        }
        while let Some(decoder) = &mut self.decoder {
            match decoder.read(room) {
                Ok(0) => {}
                // no header where a member would begin
                Err(error) if self.is_later && error.kind() == io::ErrorKind::InvalidInput => {
                    self.decoder = None;
                    break;
                }
                outcome => return outcome,
            }
            let Some(mut source) = self.decoder.take().map(GzDecoder::into_inner) else { break };
            self.is_later = true;
            if starts_member(&mut source)? {
                self.decoder = Some(GzDecoder::new(source));
            }
        }
        Ok(0)
    }
}

/// Whether another member begins, zeros aside.
fn starts_member(source: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = source.fill_buf()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        if bytes.is_empty() || zeros < bytes.len() {
            let found = bytes.get(zeros..).unwrap_or_default();
            // where but one byte is at hand, the header's reader finds out
            let begins = found.starts_with(GZIP) || GZIP.starts_with(found) && !found.is_empty();
            source.consume(zeros);
            return Ok(begins);
        }
        source.consume(zeros);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<String, FetchError> {
        let (mut text, _) = Text::open(bytes)?;
        let mut read = String::new();
        text.read_to_string(&mut read).map_err(|error| failure(&error))?;
        Ok(read)
    }

    #[test]
    fn what_is_meant() {
        let two = [packed("\u{feff}a,b\n"), packed("1,2\n")].concat();
        for (bytes, expected) in [
            (b"a,b\n".to_vec(), "a,b\n"),
            ("\u{feff}a,b\n".as_bytes().to_vec(), "a,b\n"),
            (packed("a,b\n"), "a,b\n"),
            (two.clone(), "a,b\n1,2\n"),
            ([two.as_slice(), &[0; 512]].concat(), "a,b\n1,2\n"),
            ([packed("a"), vec![0; 3], packed("b")].concat(), "ab"),
            ([two.as_slice(), b"garbage"].concat(), "a,b\n1,2\n"),
            ([two.as_slice(), b"\x1f\x00garbage"].concat(), "a,b\n1,2\n"),
            (packed(""), ""),
            (Vec::new(), ""),
        ] {
            assert_eq!(read(&bytes).unwrap(), expected);
        }
    }

    #[test]
    fn what_cannot_be_read() {
        let whole = packed(&"a,b\n".repeat(1000));
        let mut changed = whole.clone();
        let length = changed.len();
        changed[length - 6] ^= 1;
        for (bytes, reason) in [
            (&whole[..whole.len() - 9], Reason::Incomplete),
            (&whole[..4], Reason::Incomplete),
            (changed.as_slice(), Reason::Malformed),
            (b"PK\x03\x04...".as_slice(), Reason::Malformed),
            (b"\xff\xfea\0,\0".as_slice(), Reason::Malformed),
        ] {
            assert_eq!(read(bytes).unwrap_err().reason, reason, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_in_it() {
        for (bytes, expected) in [
            (b"a,b".to_vec(), Content::Table),
            ("\u{feff} \n{\"a\": 1}".as_bytes().to_vec(), Content::Objects),
            (packed("{\"a\": 1}\n"), Content::Objects),
            (b"PAR1....PAR1".to_vec(), Content::Parquet),
        ] {
            assert_eq!(Text::open(bytes.as_slice()).unwrap().1, expected);
        }
    }
}
