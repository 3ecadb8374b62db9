//! Reading a mail's encodings: folded headers, encoded words, quoted-printable, base64, multipart.

use crate::base64;

/// Parts inside parts that are followed; a mail that nests deeper is read as text.
const DEPTH: usize = 8;

/// One leaf of a mail.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) kind: String,
    pub(super) text: String,
}

/// The headers (unfolded, not decoded) and the body.
pub(super) fn split(raw: &[u8]) -> (Vec<(String, String)>, &[u8]) {
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n");
    let (head, body) = if raw.starts_with(b"\r\n") {
        (&[][..], raw.get(2..).unwrap_or_default())
    } else {
        let end = end.unwrap_or(raw.len());
        (raw.get(..end).unwrap_or_default(), raw.get(end + 4..).unwrap_or_default())
    };
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in String::from_utf8_lossy(head).split("\r\n") {
        if let (true, Some((_, value))) = (line.starts_with([' ', '\t']), headers.last_mut()) {
            value.push_str(line);
        } else if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    (headers, body)
}

/// All leaves of a mail, in their order.
pub(super) fn leaves(headers: &[(String, String)], body: &[u8]) -> Vec<Leaf> {
    let mut found = Vec::new();
    collect(headers, body, DEPTH, &mut found);
    found
}

fn collect(headers: &[(String, String)], body: &[u8], depth: usize, found: &mut Vec<Leaf>) {
    let content_type = header(headers, "content-type").unwrap_or("text/plain");
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if let (true, true, Some(boundary)) =
        (kind.starts_with("multipart/"), depth > 0, parameter(content_type, "boundary"))
    {
        for part in parts(body, &boundary) {
            let (headers, body) = split(part);
            collect(&headers, body, depth - 1, found);
        }
        return;
    }
    let encoding = header(headers, "content-transfer-encoding").unwrap_or("7bit").to_ascii_lowercase();
    let bytes = match encoding.as_str() {
        "quoted-printable" => quoted_printable(body),
        "base64" => base64::decode(&String::from_utf8_lossy(body)).unwrap_or_else(|| body.to_vec()),
        _ => body.to_vec(),
    };
    let charset = parameter(content_type, "charset").unwrap_or_default();
    found.push(Leaf { kind, text: decode_charset(&charset, &bytes).replace("\r\n", "\n") });
}

/// The parts between boundary lines.
fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let marker = format!("--{boundary}");
    let mut found = Vec::new();
    let (mut start, mut at) = (None, 0);
    for line in body.split_inclusive(|&byte| byte == b'\n') {
        let text = line.trim_ascii_end();
        let last = text.strip_prefix(marker.as_bytes()) == Some(b"--");
        if last || text == marker.as_bytes() {
            // The line end before a boundary belongs to the boundary.
            if let Some(part) = start.and_then(|start| body.get(start..at)) {
                found.push(part.strip_suffix(b"\r\n").unwrap_or(part));
            }
            start = Some(at + line.len());
        }
        if last {
            break;
        }
        at += line.len();
    }
    found
}

/// A header's text with its encoded words (RFC 2047) decoded.
pub(super) fn decode_words(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    let mut after_word = false;
    while let Some((before, found)) = rest.split_once("=?") {
        let Some((word, tail)) = encoded_word(found) else {
            decoded.push_str(before);
            decoded.push_str("=?");
            rest = found;
            after_word = false;
            continue;
        };
        // Blanks between two encoded words are not part of the text.
        if !after_word || !before.trim().is_empty() {
            decoded.push_str(before);
        }
        decoded.push_str(&word);
        rest = tail;
        after_word = true;
    }
    decoded.push_str(rest);
    decoded
}

fn encoded_word(found: &str) -> Option<(String, &str)> {
    let (charset, found) = found.split_once('?')?;
    let (encoding, found) = found.split_once('?')?;
    let (text, tail) = found.split_once("?=")?;
    let bytes = match encoding {
        "B" | "b" => base64::decode(text)?,
        "Q" | "q" => quoted_printable(text.replace('_', " ").as_bytes()),
        _ => return None,
    };
    Some((decode_charset(charset, &bytes), tail))
}

fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'=' {
            bytes.push(byte);
        } else if let Some(tail) = tail.strip_prefix(b"\r\n").or_else(|| tail.strip_prefix(b"\n")) {
            rest = tail;
        } else {
            let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
            match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                Some(decoded) => {
                    bytes.push(decoded);
                    rest = tail.get(2..).unwrap_or_default();
                }
                None => bytes.push(byte),
            }
        }
    }
    bytes
}

fn decode_charset(charset: &str, bytes: &[u8]) -> String {
    if charset.eq_ignore_ascii_case("iso-8859-1") {
        bytes.iter().map(|&byte| char::from(byte)).collect()
    } else {
        String::from_utf8_lossy(bytes).into_owned()
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn parameter(value: &str, name: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words() {
        for (text, expected) in [
            ("plain", "plain"),
            ("=?utf-8?B?w6k=?= and =?UTF-8?q?a_=C3=A9?=", "é and a é"),
            ("=?utf-8?b?w6k=?= =?utf-8?b?w6k=?=", "éé"),
            ("=?utf-8?b?w6k=?=\t =?iso-8859-1?q?=E9?= x", "éé x"),
            ("a =? b =?x?y?z?=", "a =? b =?x?y?z?="),
        ] {
            assert_eq!(decode_words(text), expected, "{text}");
        }
    }

    #[test]
    fn an_alternative_of_text_and_html() {
        let raw = "Subject: a\r\n folded\r\nContent-Type: multipart/alternative; boundary=\"b1\"\r\n\r\npreamble\r\n\
                   --b1\r\nContent-Type: text/plain; charset=utf-8\r\n\
                   Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9 =\r\nsoft\r\nhard=\r\n\r\n--b1\r\n\
                   Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+\r\naGk8L2I+\r\n--b1--\r\nend";
        let (headers, body) = split(raw.as_bytes());
        assert_eq!(headers[0], ("Subject".to_owned(), "a folded".to_owned()));
        let leaf = |kind: &str, text: &str| Leaf { kind: kind.to_owned(), text: text.to_owned() };
        assert_eq!(
            leaves(&headers, body),
            [leaf("text/plain", "café soft\nhard"), leaf("text/html", "<b>hi</b>")]
        );
    }
}
