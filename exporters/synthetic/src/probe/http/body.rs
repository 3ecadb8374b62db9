//! A body while it comes: counted whole, searched as it goes by, and kept no further than somebody asks.

use super::coding::{Coding, Decoder, Problem};
use super::scan::{Repair, Scan, Scanner};

/// Decompressed bytes from which on a body may be a bomb.
const BOMB_FROM: u64 = 10 << 20;

/// How many times its size a body may become from there on. Pages reach ten; deflate's limit is a thousand.
const BOMB_RATIO: u64 = 100;

/// What is wanted of a body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Want<'a> {
    /// How it is compressed.
    pub(crate) coding: Coding,
    /// How long it may be after decompression.
    pub(crate) limit: Option<u64>,
    /// Bytes of it that are kept; what comes after them is only counted and searched.
    pub(crate) keep: usize,
    /// What is looked for in it.
    pub(crate) scanners: Vec<&'a Scanner>,
}

/// A body.
#[derive(Debug)]
pub(crate) struct Body {
    /// Bytes as they came.
    pub(crate) received: u64,
    /// Bytes after decompression.
    pub(crate) length: u64,
    /// The first of them, as many as were wanted.
    pub(crate) kept: Vec<u8>,
    decoder: Decoder,
    search: Search,
    limit: Option<u64>,
    keep: usize,
}

#[derive(Default)]
struct Search {
    scans: Vec<Scan>,
    repair: Repair,
}

impl Body {
    pub(crate) fn new(want: &Want<'_>) -> Self {
        let scans = want.scanners.iter().map(|scanner| scanner.begin()).collect();
        Self {
            received: 0,
            length: 0,
            kept: Vec::new(),
            decoder: Decoder::new(want.coding),
            search: Search { scans, repair: Repair::default() },
            limit: want.limit,
            keep: want.keep,
        }
    }

    /// The next piece, as it came.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<(), Problem> {
        self.received += piece.len() as u64;
        let Self { received, length, kept, decoder, search, limit, keep } = self;
        decoder.feed(piece, |bytes| {
            let room = limit.map_or(u64::MAX, |limit| limit - *length);
            let fits = bytes.get(..usize::try_from(room).unwrap_or(usize::MAX)).unwrap_or(bytes);
            *length += fits.len() as u64;
            let wanted = keep.saturating_sub(kept.len());
            kept.extend_from_slice(fits.get(..wanted).unwrap_or(fits));
            search.feed(fits);
            if fits.len() < bytes.len() {
                return Err(Problem::TooLarge);
            }
            let blown_up = *length > BOMB_FROM && *length / BOMB_RATIO > *received;
            if blown_up { Err(Problem::Bomb) } else { Ok(()) }
        })
    }

    /// The body is over.
    pub(crate) fn end(&mut self) -> Result<(), Problem> {
        self.decoder.end()
    }

    /// Whether all of it was kept.
    pub(crate) fn is_whole(&self) -> bool {
        self.kept.len() as u64 == self.length
    }

    /// Which of the scanners found something, in their order. It is asked once, at the end.
    pub(crate) fn found(&mut self) -> Vec<bool> {
        let Search { scans, mut repair } = std::mem::take(&mut self.search);
        let mut scans = scans;
        repair.end(|bytes| scans.iter_mut().for_each(|scan| scan.feed(bytes)));
        scans.into_iter().map(Scan::end).collect()
    }
}

impl Default for Body {
    /// One of which nothing is wanted.
    fn default() -> Self {
        Self::new(&Want::default())
    }
}

impl Search {
    fn feed(&mut self, piece: &[u8]) {
        if !self.scans.is_empty() {
            let scans = &mut self.scans;
            self.repair.feed(piece, |bytes| scans.iter_mut().for_each(|scan| scan.feed(bytes)));
        }
    }
}

impl std::fmt::Debug for Search {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} scans", self.scans.len())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_body_is_counted_searched_and_kept_as_far_as_wanted() {
        let scanners = ["a$", "^a", "bb"].map(|pattern| Scanner::compile(pattern).unwrap());
        let want = Want { keep: 3, scanners: scanners.iter().collect(), ..Want::default() };
        let mut body = Body::new(&want);
        for piece in ["a", "b", "bca"] {
            body.feed(piece.as_bytes()).unwrap();
        }
        body.end().unwrap();
        assert_eq!((body.received, body.length, body.kept.as_slice()), (5, 5, &b"abb"[..]));
        assert!(!body.is_whole());
        assert_eq!(body.found(), [true, true, true]);
    }

    #[test]
    fn the_limit_is_on_what_becomes_of_it() {
        for (length, coding, expected) in [
            (127, Coding::Identity, (Ok(()), 127)),
            (128, Coding::Identity, (Ok(()), 128)),
            (129, Coding::Identity, (Err(Problem::TooLarge), 128)),
            (127, Coding::Gzip, (Ok(()), 127)),
            (129, Coding::Gzip, (Err(Problem::TooLarge), 128)),
        ] {
            let text = b"A".repeat(length);
            let sent = if coding == Coding::Gzip { gzip(&text) } else { text };
            let mut body = Body::new(&Want { coding, limit: Some(128), ..Want::default() });
            assert_eq!((body.feed(&sent), body.length), expected, "{length} {coding:?}");
        }
    }

    #[test]
    fn a_bomb_is_noticed_early() {
        let mut body = Body::new(&Want { coding: Coding::Gzip, ..Want::default() });
        assert_eq!(body.feed(&gzip(&vec![0; 50 << 20])), Err(Problem::Bomb));
        assert!(body.length < BOMB_FROM + (1 << 20), "{}", body.length);
        assert!(body.kept.is_empty());
    }
}
