//! From what came over the wire to what was meant: gzip, deflate and brotli, a piece at a time.
//!
//! As with blackbox_exporter, `deflate` is the bare format and not the one with zlib's header, and a body is decoded as
//! the module says, whatever the server says.

use std::fmt;

use brotli_decompressor::writer::StandardAlloc;
use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState};
use flate2::{Decompress, FlushDecompress, Status};

/// Bytes that are decoded at once.
const PIECE: usize = 16 << 10;

/// The window of deflate, in bits; all that it can be.
const WINDOW: u8 = 15;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    #[default]
    Identity,
    /// gzip, perhaps several files of it.
    Gzip,
    /// Deflate without a header.
    Deflate,
    /// Brotli.
    Brotli,
}

impl Coding {
    /// Their words in the file and in headers.
    pub const ALL: [(&'static str, Self); 4] = [
        ("identity", Self::Identity),
        ("gzip", Self::Gzip),
        ("deflate", Self::Deflate),
        ("br", Self::Brotli),
    ];
}

/// Why a body cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// It is longer than it may be.
    #[error("the body is longer than body_size_limit")]
    TooLarge,
    /// It is not what it should be compressed as, or breaks off.
    #[error("the body cannot be decompressed")]
    Broken,
    /// A little of it becomes far too much.
    #[error("the body blows up when it is decompressed")]
    Bomb,
}

/// Decodes.
pub(crate) enum Decoder {
    Plain,
    Inflate { state: Decompress, gzip: bool, ended: bool },
    Brotli(Box<Brotli>),
}

type Brotli = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

impl Decoder {
    pub(crate) fn new(coding: Coding) -> Self {
        match coding {
            Coding::Identity => Self::Plain,
            Coding::Gzip => Self::Inflate { state: Decompress::new_gzip(WINDOW), gzip: true, ended: false },
            Coding::Deflate => Self::Inflate { state: Decompress::new(false), gzip: false, ended: false },
            // the variant with windows up to a gigabyte is not the one of HTTP
            Coding::Brotli => {
                let alloc = StandardAlloc::default;
                Self::Brotli(Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())))
            }
        }
    }

    /// Decodes a piece and hands on what becomes of it.
    pub(crate) fn feed(
        &mut self,
        piece: &[u8],
        mut to: impl FnMut(&[u8]) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        match self {
            Self::Plain => to(piece),
            Self::Inflate { state, gzip, ended } => {
                let mut rest = piece;
                while !rest.is_empty() {
                    if *ended {
                        // another file may follow; what follows deflate's end is nothing
                        if !*gzip {
                            return Ok(());
                        }
                        (*state, *ended) = (Decompress::new_gzip(WINDOW), false);
                    }
                    rest = inflate(state, ended, rest, &mut to)?;
                }
                Ok(())
            }
            Self::Brotli(state) => unbrotli(state, piece, &mut to),
        }
    }

    /// The body is over.
    pub(crate) fn end(&mut self) -> Result<(), Problem> {
        match self {
            Self::Plain => Ok(()),
            Self::Inflate { ended, .. } => {
                if *ended {
                    Ok(())
                } else {
                    Err(Problem::Broken)
                }
            }
            Self::Brotli(state) => {
                let mut output = [0; 1];
                let (mut more, mut at, mut room, mut put, mut total) = (0, 0, output.len(), 0, 0);
                let done = BrotliDecompressStream(
                    &mut more,
                    &mut at,
                    &[],
                    &mut room,
                    &mut put,
                    &mut output,
                    &mut total,
                    state,
                );
                if matches!(done, BrotliResult::ResultSuccess) { Ok(()) } else { Err(Problem::Broken) }
            }
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Decoder")
    }
}

/// Decodes until the input or the file is over; gives what is left of the input.
fn inflate<'a>(
    state: &mut Decompress,
    ended: &mut bool,
    mut rest: &'a [u8],
    to: &mut impl FnMut(&[u8]) -> Result<(), Problem>,
) -> Result<&'a [u8], Problem> {
    let mut output = [0; PIECE];
    loop {
        let (taken, put) = (state.total_in(), state.total_out());
        let status = state.decompress(rest, &mut output, FlushDecompress::None);
        let status = status.map_err(|_invalid| Problem::Broken)?;
        let taken = usize::try_from(state.total_in() - taken).unwrap_or(usize::MAX);
        let put = usize::try_from(state.total_out() - put).unwrap_or(usize::MAX);
        to(output.get(..put).unwrap_or_default())?;
        rest = rest.get(taken..).unwrap_or_default();
        *ended = status == Status::StreamEnd;
        // a full output may have more behind it, though the input is over
        let stuck = taken == 0 && put == 0;
        if *ended || (rest.is_empty() && put < output.len()) {
            return Ok(rest);
        }
        if stuck {
            return Err(Problem::Broken);
        }
    }
}

fn unbrotli(
    state: &mut Brotli,
    piece: &[u8],
    to: &mut impl FnMut(&[u8]) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut output = [0; PIECE];
    let (mut more, mut at, mut total) = (piece.len(), 0, 0);
    loop {
        let (mut room, mut put) = (output.len(), 0);
        let done = BrotliDecompressStream(
            &mut more,
            &mut at,
            piece,
            &mut room,
            &mut put,
            &mut output,
            &mut total,
            state,
        );
        to(output.get(..put).unwrap_or_default())?;
        match done {
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::NeedsMoreInput | BrotliResult::ResultSuccess => return Ok(()),
            BrotliResult::ResultFailure => return Err(Problem::Broken),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    /// `hello world` ten times, by the reference's encoder.
    const BROTLI: [u8; 24] = [
        0x1b, 0x6d, 0x00, 0xf8, 0x8d, 0x94, 0x6e, 0xde, 0x44, 0x55, 0x86, 0x96, 0x6c, 0x20, 0x6f, 0x35, 0x0b,
        0x60, 0x15, 0x40, 0x06, 0xc4, 0xdd, 0x01,
    ];

    fn text() -> Vec<u8> {
        b"hello world".repeat(10)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(text: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn decode(coding: Coding, pieces: &[&[u8]]) -> (Vec<u8>, Result<(), Problem>) {
        let (mut decoder, mut out) = (Decoder::new(coding), Vec::new());
        for piece in pieces {
            let fed = decoder.feed(piece, |bytes| {
                out.extend_from_slice(bytes);
                Ok(())
            });
            if fed.is_err() {
                return (out, fed);
            }
        }
        let end = decoder.end();
        (out, end)
    }

    #[test]
    fn every_coding_in_pieces_of_any_size() {
        let long: Vec<u8> =
            (0_u32..200_000).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0] & 15).collect();
        for (coding, encoded, expected) in [
            (Coding::Identity, text(), text()),
            (Coding::Gzip, gzip(&text()), text()),
            (Coding::Gzip, [gzip(b"one"), gzip(b"two")].concat(), b"onetwo".to_vec()),
            (Coding::Gzip, gzip(&long), long.clone()),
            (Coding::Deflate, deflate(&text()), text()),
            (Coding::Deflate, deflate(&long), long.clone()),
            (Coding::Deflate, [deflate(&text()), b"trailer".to_vec()].concat(), text()),
            (Coding::Brotli, BROTLI.to_vec(), text()),
        ] {
            for size in [1, 7, encoded.len()] {
                let pieces: Vec<&[u8]> = encoded.chunks(size).collect();
                let (out, end) = decode(coding, &pieces);
                assert_eq!(end, Ok(()), "{coding:?} {size}");
                assert!(out == expected, "{coding:?} {size}");
            }
        }
    }

    #[test]
    fn what_is_something_else_is_refused() {
        for (coding, encoded) in [
            (Coding::Gzip, text()),
            (Coding::Gzip, deflate(&text())),
            (Coding::Gzip, gzip(&text())[..20].to_vec()),
            (Coding::Gzip, [gzip(b"one"), b"x".to_vec()].concat()),
            (Coding::Gzip, Vec::new()),
            (Coding::Deflate, gzip(&text())),
            (Coding::Deflate, zlib(&text())),
            (Coding::Deflate, deflate(&text())[..5].to_vec()),
            (Coding::Brotli, gzip(&text())),
            (Coding::Brotli, BROTLI[..20].to_vec()),
            (Coding::Brotli, Vec::new()),
        ] {
            assert_eq!(decode(coding, &[&encoded]).1, Err(Problem::Broken), "{coding:?} {encoded:?}");
        }
        assert_eq!(decode(Coding::Deflate, &[&gzip(&text())]).0, b"");
    }

    #[test]
    fn whoever_takes_it_can_stop_it() {
        let bomb = gzip(&vec![0; 10 << 20]);
        let (mut decoder, mut taken) = (Decoder::new(Coding::Gzip), 0);
        let fed = decoder.feed(&bomb, |bytes| {
            taken += bytes.len();
            if taken > 100_000 { Err(Problem::Bomb) } else { Ok(()) }
        });
        assert_eq!(fed, Err(Problem::Bomb));
        assert!(taken <= 100_000 + PIECE);
    }
}
