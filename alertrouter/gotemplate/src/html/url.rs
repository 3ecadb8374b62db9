//! Values in URLs.

use super::escapers::FILTERED;
use super::scan::is_space;

/// Schemes that do nothing by themselves.
const SCHEMES: &[&[u8]] = &[b"http", b"https", b"mailto"];

/// Whether it is relative, or of a scheme that does nothing by itself.
pub(super) fn is_safe(url: &[u8]) -> bool {
    let Some(colon) = url.iter().position(|byte| *byte == b':') else {
        return true;
    };
    let scheme = &url[..colon];
    scheme.contains(&b'/') || SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme))
}

/// With what is special percent-encoded; when `normal`, what is special in a URL and encoded already stays.
pub(super) fn processed(text: &[u8], normal: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 16);
    for (at, byte) in text.iter().enumerate() {
        let stays = match byte {
            b'!' | b'#' | b'$' | b'&' | b'*' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@'
            | b'[' | b']' => normal,
            b'-' | b'.' | b'_' | b'~' => true,
            b'%' => {
                normal && text.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
            }
            _ => byte.is_ascii_alphanumeric(),
        };
        if stays {
            out.push(*byte);
        } else {
            out.extend_from_slice(format!("%{byte:02x}").as_bytes());
        }
    }
    out
}

/// A safe URL in a list of images.
pub(super) fn one_of_srcset(text: &[u8]) -> Vec<u8> {
    let url = processed(text, true);
    // a comma would begin the next one
    url.split(|byte| *byte == b',').collect::<Vec<_>>().join(&b"%2c"[..])
}

/// A list of images.
pub(super) fn srcset(text: &[u8]) -> Vec<u8> {
    let images: Vec<Vec<u8>> = text.split(|byte| *byte == b',').map(image).collect();
    images.join(&b","[..])
}

/// One of them: a URL, then its width or density.
fn image(text: &[u8]) -> Vec<u8> {
    let begin = text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len());
    let end = text[begin..].iter().position(|byte| is_space(*byte)).map_or(text.len(), |at| begin + at);
    let (url, about) = (&text[begin..end], &text[end..]);
    if !is_safe(url) || !about.iter().all(|byte| is_space(*byte) || byte.is_ascii_alphanumeric()) {
        return format!("#{FILTERED}").into_bytes();
    }
    [&text[..begin], &processed(url, true), about].concat()
}
