//! PEM: blocks of base64 between lines with dashes, whatever stands between the blocks.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::cert::der::Reader;

use super::{Contents, pkcs7};

const DASHES: &[u8] = b"-----";
const BEGIN: &[u8] = b"BEGIN ";
const END: &[u8] = b"END ";

/// Longest label of a block; a longer one is text that happens to look like it.
const MAX_LABEL: usize = 64;

/// Some tools leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// One block: what it is, and its base64 with line ends.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    pub(crate) label: &'a str,
    body: &'a [u8],
}

impl Block<'_> {
    /// Its bytes, or nothing if they are no base64.
    pub(crate) fn decode(&self) -> Option<Vec<u8>> {
        // headers as old encrypted keys have them end with an empty line
        let body = if self.body.contains(&b':') { after_empty_line(self.body)? } else { self.body };
        let text: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        BASE64.decode(text).ok()
    }
}

fn after_empty_line(body: &[u8]) -> Option<&[u8]> {
    let unix = body.windows(2).position(|pair| pair == b"\n\n").map(|at| at + 2);
    let dos = body.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
    body.get(unix.or(dos)?..)
}

/// The blocks of a file, in order. One without its end is left out.
pub(crate) fn blocks(bytes: &[u8]) -> impl Iterator<Item = Block<'_>> {
    let mut rest = bytes;
    let mut open: Option<Block<'_>> = None;
    std::iter::from_fn(move || {
        loop {
            let at = memchr::memmem::find(rest, DASHES)?;
            let from_here = rest.len() - at;
            let after = rest.get(at + DASHES.len()..)?;
            if let Some((label, after)) = label(after, BEGIN) {
                open = Some(Block { label, body: after });
                rest = after;
            } else if let Some((label, after)) = label(after, END) {
                rest = after;
                if let Some(block) = open.take().filter(|block| block.label == label) {
                    // so far its body was all of the file that follows its beginning
                    let end = block.body.len().checked_sub(from_here)?;
                    return Some(Block { label, body: block.body.get(..end)? });
                }
            } else {
                rest = rest.get(at + 1..)?;
            }
        }
    })
}

/// The label after `keyword`, and what follows the dashes behind it.
fn label<'a>(bytes: &'a [u8], keyword: &[u8]) -> Option<(&'a str, &'a [u8])> {
    let bytes = bytes.strip_prefix(keyword)?;
    let near = bytes.get(..bytes.len().min(MAX_LABEL + DASHES.len()))?;
    let end = memchr::memmem::find(near, DASHES)?;
    let label = std::str::from_utf8(near.get(..end)?).ok()?;
    let fits = !label.contains(['\n', '\r']);
    fits.then_some((label, bytes.get(end + DASHES.len()..)?))
}

/// The certificates of all blocks that have some. A block that is no base64 is a certificate that cannot be read.
pub(super) fn certificates(bytes: &[u8], contents: &mut Contents) {
    for block in blocks(bytes) {
        match block.label {
            "CERTIFICATE" | "X509 CERTIFICATE" => contents.push(&block.decode().unwrap_or_default(), None),
            // OpenSSL puts what it trusts the certificate for behind it
            "TRUSTED CERTIFICATE" => {
                let der = block.decode().unwrap_or_default();
                let first = Reader::new(&der).any().map(|element| element.whole);
                contents.push(first.unwrap_or_default(), None);
            }
            "PKCS7" | "CMS" => {
                let read = block.decode().is_some_and(|der| pkcs7::certificates(&der, contents).is_ok());
                if !read {
                    contents.push(&[], None);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(text: &str) -> Vec<(&str, Option<Vec<u8>>)> {
        blocks(text.as_bytes()).map(|block| (block.label, block.decode())).collect()
    }

    #[test]
    fn blocks_stand_among_anything() {
        let abc = Some(b"abc".to_vec());
        for (text, expected) in [
            ("", vec![]),
            ("-----BEGIN A-----\nYWJj\n-----END A-----\n", vec![("A", abc.clone())]),
            ("x\r\n-----BEGIN A-----\r\nYW\r\nJj\r\n-----END A-----\r\ny", vec![("A", abc.clone())]),
            ("-----BEGIN A-----YWJj-----END A-----", vec![("A", abc.clone())]),
            ("-----BEGIN A-----\nYWJj\n-----END B-----", vec![]),
            ("-----BEGIN A-----\n-----BEGIN B-----\nYWJj\n-----END B-----", vec![("B", abc.clone())]),
            ("------BEGIN A-----\nYWJj\n-----END A------", vec![("A", abc.clone())]),
            ("-----BEGIN A-----\nProc-Type: 4\n\nYWJj\n-----END A-----", vec![("A", abc.clone())]),
            ("-----BEGIN A-----\n!\n-----END A-----", vec![("A", None)]),
            ("-----BEGIN A-----\nYQ\n-----END A-----", vec![("A", Some(b"a".to_vec()))]),
            ("-----BEGIN \n-----\n-----BEGIN A-----\nYWJj\n-----END A-----", vec![("A", abc)]),
        ] {
            assert_eq!(labels(text), expected, "{text:?}");
        }
    }

    #[test]
    fn ten_megabytes_of_beginnings_are_read_once() {
        let text = format!("{}-----END B-----", "-----BEGIN A-----".repeat(600_000));
        assert_eq!(blocks(text.as_bytes()).count(), 0);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(-----|BEGIN |END |A|YWJj|\n|:|é){0,40}") {
            for block in blocks(text.as_bytes()) {
                let _ = block.decode();
            }
        }
    }
}
