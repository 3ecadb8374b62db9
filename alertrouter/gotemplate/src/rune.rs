//! Go's view of bytes as characters: what is not UTF-8 is U+FFFD, byte by byte.

/// The first character and how many bytes it takes: U+FFFD and 1 for a byte that begins none.
pub(crate) fn first(bytes: &[u8]) -> Option<(char, usize)> {
    let lead = *bytes.first()?;
    if lead < 0x80 {
        return Some((char::from(lead), 1));
    }
    let width = match lead {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Some((char::REPLACEMENT_CHARACTER, 1)),
    };
    let text = bytes.get(..width).and_then(|bytes| std::str::from_utf8(bytes).ok());
    Some(
        text.and_then(|text| text.chars().next())
            .map_or((char::REPLACEMENT_CHARACTER, 1), |found| (found, width)),
    )
}

/// The characters of a string with their bytes.
pub(crate) fn all(bytes: &[u8]) -> impl Iterator<Item = (char, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (character, width) = first(rest)?;
        let (head, tail) = rest.split_at_checked(width)?;
        rest = tail;
        Some((character, head))
    })
}

/// Whether the bytes were no character, though one stands for them.
pub(crate) fn is_broken(character: char, bytes: &[u8]) -> bool {
    character == char::REPLACEMENT_CHARACTER && bytes.len() == 1
}

/// How many characters Go counts.
pub(crate) fn count(bytes: &[u8]) -> usize {
    if bytes.is_ascii() { bytes.len() } else { all(bytes).count() }
}

/// Appends a character.
pub(crate) fn push(out: &mut Vec<u8>, character: char) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}
