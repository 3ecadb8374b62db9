//! A large page, encoded piece by piece while it is sent.
//!
//! A page of 300,000 series is 25 MB of text: more than the arena that it is written from. Such a page is not held as
//! bytes; each piece is made when the connection can take it, and other requests are answered in between.

use std::io::Write;
use std::sync::Arc;

use flate2::write::GzEncoder;
use hyper::body::Bytes;

use super::negotiate::{Compression, Format};
use super::page::{Finished, GZIP_LEVEL};
use super::text;

/// Pages of at least this many bytes are sent in pieces. Smaller ones are encoded once for all who ask.
const LARGE: usize = 2 << 20;

/// Bytes of text in a piece; a family that is larger makes a larger one.
const PIECE: usize = 256 << 10;

/// The pieces of a page, in order.
struct Pieces {
    page: Arc<Finished>,
    format: Format,
    /// The family that comes next; `None` when the page is complete.
    next: Option<usize>,
    gzip: Option<GzEncoder<Vec<u8>>>,
}

impl Finished {
    /// Whether the page is better sent by [`Finished::pieces`] than encoded as a whole.
    pub fn is_large(&self) -> bool {
        self.size_estimate() >= LARGE
    }

    /// The page's bytes in this format and compression, piece by piece.
    pub fn pieces(
        self: &Arc<Self>,
        format: Format,
        compression: Compression,
    ) -> impl Iterator<Item = Bytes> + Send + use<> {
        let gzip = match compression {
            Compression::Identity => None,
            Compression::Gzip => Some(GzEncoder::new(Vec::new(), GZIP_LEVEL)),
        };
        Pieces { page: Arc::clone(self), format, next: Some(0), gzip }
    }
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        loop {
            let piece = self.compress(self.next?);
            if !piece.is_empty() || self.next.is_none() {
                return Some(Bytes::from(piece));
            }
        }
    }
}

impl Pieces {
    /// The next piece as it is sent; empty while the compressor keeps it back.
    fn compress(&mut self, first: usize) -> Vec<u8> {
        let mut plain = Vec::with_capacity(PIECE + PIECE / 4);
        if let (0, Some(head)) = (first, self.page.head()) {
            plain.extend_from_slice(&head.body(self.format));
        }
        let mut families = self.page.families().iter().enumerate().skip(first);
        self.next = None;
        for (number, family) in families.by_ref() {
            text::write_family(&self.page, family, self.format, &mut plain);
            if plain.len() >= PIECE {
                self.next = Some(number + 1);
                break;
            }
        }
        if self.next.is_none() {
            text::write_end(self.format, &mut plain);
        }
        match (self.gzip.take(), self.next) {
            (None, _) => plain,
            (Some(mut gzip), Some(_)) => {
                // a Vec takes every write
                let _ignored = gzip.write_all(&plain);
                let ready = std::mem::take(gzip.get_mut());
                self.gzip = Some(gzip);
                ready
            }
            (Some(mut gzip), None) => gzip.write_all(&plain).and_then(|()| gzip.finish()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::{Desc, Escaping, Kind, Page, Samples};
    use super::*;

    fn page(families: usize, series: usize) -> Arc<Finished> {
        let mut samples = Samples::new("");
        for family in 0..families {
            let name = format!("metric_{family:04}");
            let desc = Desc { name: &name, help: "A metric.", kind: Kind::Gauge, labels: &["table"] };
            for series in 0..series {
                samples.add(&desc, &[&format!("table_{series}")], 1.5);
            }
        }
        let mut page = Page::new();
        page.section(samples);
        Arc::new(page.finish().0)
    }

    #[test]
    fn the_pieces_are_the_page() {
        for (families, series, large) in [(0, 0, false), (1, 3, false), (300, 500, true), (2, 50_000, true)] {
            let page = page(families, series);
            assert_eq!(page.is_large(), large);
            for format in [Format::Text, Format::OpenMetrics(Escaping::Unsaid)] {
                let whole = page.encode(format, Compression::Identity);
                let pieces: Vec<Bytes> = page.pieces(format, Compression::Identity).collect();
                assert_eq!(pieces.concat(), whole);
                assert!(!large || pieces.len() > 1);
                let zipped: Vec<Bytes> = page.pieces(format, Compression::Gzip).collect();
                let mut plain = Vec::new();
                flate2::read::GzDecoder::new(zipped.concat().as_slice()).read_to_end(&mut plain).unwrap();
                assert_eq!(plain, whole);
            }
        }
    }
}
