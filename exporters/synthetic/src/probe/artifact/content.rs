//! Whether what an artifact begins with can be read as what it claims to be.

use std::io::Read;

use flate2::read::MultiGzDecoder;

/// Bytes at the start of an artifact that are looked at.
pub(super) const HEAD: usize = 64 << 10;

/// Bytes at its end.
pub(super) const TAIL: usize = 1 << 10;

/// Bytes that are decompressed of its start: what is more may be a bomb.
const MAX_PLAIN: u64 = 1 << 20;

/// What must be readable in an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Anything: it is not opened.
    Any,
    /// gzip.
    Gzip,
    /// What `pg_dump` or `pg_dumpall` write: the custom format, tar, or SQL, also in gzip.
    PgDump,
}

/// Parts of an artifact.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a> {
    /// Its first bytes, up to [`HEAD`].
    pub(super) head: &'a [u8],
    /// Its last bytes, up to [`TAIL`].
    pub(super) tail: &'a [u8],
    /// All of its bytes.
    pub(super) size: u64,
}

/// Whether it can be read.
///
/// # Errors
/// Why not, in a few words.
pub(super) fn judge(format: Format, parts: Parts<'_>) -> Result<(), &'static str> {
    match format {
        Format::Any => Ok(()),
        Format::Gzip => plain(parts).map(|_| ()),
        Format::PgDump if parts.head.starts_with(GZIP) => {
            let (text, whole) = plain(parts)?;
            pg_dump(&text, whole.then_some(text.as_slice()))
        }
        Format::PgDump => pg_dump(parts.head, Some(parts.tail)),
    }
}

/// What gzip begins with.
const GZIP: &[u8] = &[0x1f, 0x8b, 8];

/// Decompresses the start; whether that is all there is.
fn plain(parts: Parts<'_>) -> Result<(Vec<u8>, bool), &'static str> {
    if !parts.head.starts_with(GZIP) {
        return Err("it is no gzip");
    }
    let all_of_it = parts.size == parts.head.len() as u64;
    let mut text = Vec::new();
    let read = MultiGzDecoder::new(parts.head).take(MAX_PLAIN).read_to_end(&mut text);
    match read {
        Ok(length) => Ok((text, all_of_it && (length as u64) < MAX_PLAIN)),
        // the rest of a longer one was not read
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof && !all_of_it && !text.is_empty() => {
            Ok((text, false))
        }
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err("the gzip breaks off"),
        Err(_) => Err("the gzip is damaged"),
    }
}

/// What `pg_dump` writes; `end` is the end of what is text, where it is known.
fn pg_dump(head: &[u8], end: Option<&[u8]>) -> Result<(), &'static str> {
    const TITLE_WITHIN: usize = 256;
    const SQL: [&str; 2] = ["-- PostgreSQL database dump", "-- PostgreSQL database cluster dump"];
    // the custom format: five letters, then the version of the format, which is 1
    if let Some(version) = head.strip_prefix(b"PGDMP") {
        return if version.first() == Some(&1) { Ok(()) } else { Err("it is a dump of an unknown format") };
    }
    // tar: the first file is the table of contents
    if head.starts_with(b"toc.dat\0") {
        return Ok(());
    }
    let start = head.get(..TITLE_WITHIN).unwrap_or(head);
    let Some(title) = SQL.into_iter().find(|title| has(start, title)) else {
        return Err("it is no dump of pg_dump");
    };
    match end {
        Some(end) if !has(end, &format!("{title} complete")) => Err("the dump breaks off"),
        _ => Ok(()),
    }
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const SQL: &str =
        "--\n-- PostgreSQL database dump\n--\nSELECT 1;\n--\n-- PostgreSQL database dump complete\n--\n";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn of(format: Format, bytes: &[u8]) -> Result<(), &'static str> {
        let head = bytes.get(..HEAD).unwrap_or(bytes);
        let tail = &bytes[bytes.len().saturating_sub(TAIL)..];
        judge(format, Parts { head, tail, size: bytes.len() as u64 })
    }

    #[test]
    fn what_can_be_read_and_what_cannot() {
        let noise: Vec<u8> =
            (0..300_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        let long_sql = SQL.replace("SELECT 1;", &"INSERT;\n".repeat(40_000));
        let (long, cut) = (gzip(&noise), SQL.replace(" complete", ""));
        let mut damaged = long.clone();
        damaged[10] = 0xff;
        for (format, bytes, expected) in [
            (Format::Any, b"".to_vec(), Ok(())),
            (Format::Gzip, gzip(b"hello"), Ok(())),
            (Format::Gzip, gzip(b""), Ok(())),
            (Format::Gzip, long, Ok(())),
            (Format::Gzip, gzip(&vec![0; 50 << 20]), Ok(())),
            (Format::Gzip, b"hello".to_vec(), Err("it is no gzip")),
            (Format::Gzip, Vec::new(), Err("it is no gzip")),
            (Format::Gzip, gzip(b"hello")[..15].to_vec(), Err("the gzip breaks off")),
            (Format::Gzip, damaged, Err("the gzip is damaged")),
            (Format::PgDump, b"PGDMP\x01\x0f\0".to_vec(), Ok(())),
            (Format::PgDump, b"PGDMP\x09".to_vec(), Err("it is a dump of an unknown format")),
            (Format::PgDump, b"toc.dat\0\0".to_vec(), Ok(())),
            (Format::PgDump, SQL.into(), Ok(())),
            (Format::PgDump, SQL.replace("database", "database cluster").into(), Ok(())),
            (Format::PgDump, long_sql.clone().into(), Ok(())),
            (Format::PgDump, gzip(SQL.as_bytes()), Ok(())),
            (Format::PgDump, gzip(long_sql.as_bytes()), Ok(())),
            (Format::PgDump, gzip(b"PGDMP\x01"), Ok(())),
            (Format::PgDump, cut.clone().into(), Err("the dump breaks off")),
            (Format::PgDump, gzip(cut.as_bytes()), Err("the dump breaks off")),
            (Format::PgDump, b"<html>".to_vec(), Err("it is no dump of pg_dump")),
            (Format::PgDump, gzip(b"<html>"), Err("it is no dump of pg_dump")),
        ] {
            let shown = bytes.get(..20).unwrap_or(&bytes);
            assert_eq!(of(format, &bytes), expected, "{format:?} {shown:?}");
        }
    }
}
