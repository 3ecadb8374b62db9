//! What S3 says, in XML: a page of a list of objects, or an error. Only what is needed of it is read.

use jiff::Timestamp;

/// Elements within each other; S3's lists have four.
const MAX_DEPTH: usize = 16;

/// A page of a list of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// The objects.
    pub(super) objects: Vec<Object>,
    /// What asks for the next page.
    pub(super) next: Option<String>,
}

/// An object of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) key: String,
    pub(super) size: u64,
    pub(super) modified: Timestamp,
}

/// Reads a page.
///
/// # Errors
/// It is none.
pub(super) fn page(text: &str) -> Result<Page, &'static str> {
    let (mut page, mut whole, mut truncated) = (Page::default(), false, false);
    let (mut key, mut size, mut modified) = (None, None, None);
    walk(text, |path, text| {
        match path {
            ["ListBucketResult"] => whole = true,
            ["ListBucketResult", "IsTruncated"] => truncated = text == "true",
            ["ListBucketResult", "NextContinuationToken"] => page.next = Some(text.to_owned()),
            ["ListBucketResult", "Contents", "Key"] => key = Some(text.to_owned()),
            ["ListBucketResult", "Contents", "Size"] => size = text.parse().ok(),
            ["ListBucketResult", "Contents", "LastModified"] => modified = text.parse().ok(),
            ["ListBucketResult", "Contents"] => {
                let (Some(key), Some(size), Some(modified)) = (key.take(), size.take(), modified.take())
                else {
                    return Err("an object of the list lacks its key, size or time");
                };
                page.objects.push(Object { key, size, modified });
            }
            _ => {}
        }
        Ok(())
    })?;
    match (whole, truncated, &page.next) {
        (false, ..) => Err("the answer is no list of objects"),
        (_, true, None) => Err("the list breaks off without saying how it goes on"),
        (_, true, Some(_)) => Ok(page),
        (_, false, _) => Ok(Page { next: None, ..page }),
    }
}

/// The code of an error, e.g. `AccessDenied`: a word, or nothing.
pub(super) fn error_code(text: &str) -> Option<String> {
    let mut code = None;
    let read = walk(text, |path, text| {
        if path == ["Error", "Code"] {
            code = Some(text.to_owned());
        }
        Ok(())
    });
    let is_word = |code: &String| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    read.ok().and(code).filter(is_word)
}

/// Hands each element to `ended` when it ends: the names from the root to it, and the text since its last child.
fn walk(
    text: &str,
    mut ended: impl FnMut(&[&str], &str) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    const BROKEN: &str = "the answer is no XML";
    let mut path: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        let (tag, after) = after.split_once('>').ok_or(BROKEN)?;
        rest = after;
        match tag.as_bytes().first() {
            // the declaration
            Some(b'?') => {}
            // what may define entities, or hide what is meant
            Some(b'!') | None => return Err(BROKEN),
            Some(b'/') => {
                if path.last().copied() != tag.get(1..).map(str::trim_end) {
                    return Err(BROKEN);
                }
                ended(&path, &decoded(before)?)?;
                path.pop();
            }
            Some(_) if path.len() == MAX_DEPTH => return Err(BROKEN),
            Some(_) => {
                path.push(tag.split([' ', '\t', '\r', '\n', '/']).next().unwrap_or_default());
                if tag.ends_with('/') {
                    ended(&path, "")?;
                    path.pop();
                }
            }
        }
    }
    if path.is_empty() { Ok(()) } else { Err("the answer breaks off") }
}

/// A text with its entities replaced.
fn decoded(text: &str) -> Result<String, &'static str> {
    const UNKNOWN: &str = "the answer has an unknown entity";
    let mut pieces = text.split('&');
    let mut decoded = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (entity, rest) = piece.split_once(';').ok_or(UNKNOWN)?;
        decoded.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            number => {
                let code = match (number.strip_prefix("#x"), number.strip_prefix('#')) {
                    (Some(hex), _) => u32::from_str_radix(hex, 16),
                    (None, Some(decimal)) => decimal.parse(),
                    (None, None) => return Err(UNKNOWN),
                };
                code.ok().and_then(char::from_u32).ok_or(UNKNOWN)?
            }
        });
        decoded.push_str(rest);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TWO: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>backups</Name><Prefix>db/</Prefix>
<KeyCount>2</KeyCount><MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated><NextContinuationToken>a+/b=</NextContinuationToken>
<Contents><Key>db/a &amp; b&#x41;.gz</Key><LastModified>2026-11-20T02:00:01.000Z</LastModified>
<ETag>&quot;x&quot;</ETag><Size>7</Size><Owner><ID>1</ID><DisplayName/></Owner><StorageClass>STANDARD</StorageClass></Contents>
<Contents><Key>db/c</Key><LastModified>2026-11-19T02:00:01Z</LastModified><Size>0</Size></Contents>
</ListBucketResult>"#;

    fn object(key: &str, size: u64, modified: &str) -> Object {
        Object { key: key.to_owned(), size, modified: modified.parse().unwrap() }
    }

    #[test]
    fn a_page_of_a_list() {
        let read = page(TWO).unwrap();
        let first = object("db/a & bA.gz", 7, "2026-11-20T02:00:01Z");
        assert_eq!(read.objects, [first, object("db/c", 0, "2026-11-19T02:00:01Z")]);
        assert_eq!(read.next.as_deref(), Some("a+/b="));
        let last = page(&TWO.replace(">true<", ">false<")).unwrap();
        assert_eq!(last.next, None);
        let empty = page("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>").unwrap();
        assert_eq!(empty, Page::default());
    }

    #[test]
    fn what_is_no_page_is_refused() {
        for (text, expected) in [
            ("", "the answer is no list of objects"),
            ("<html><body>hi</body></html>", "the answer is no list of objects"),
            ("<ListBucketResult><Name>x</Name>", "the answer breaks off"),
            ("<ListBucketResult><Name>x</ListBucketResult>", "the answer is no XML"),
            ("<!DOCTYPE x [<!ENTITY a 'b'>]><ListBucketResult/>", "the answer is no XML"),
            (
                "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
                "an object of the list lacks its key, size or time",
            ),
            (
                "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
                "the list breaks off without saying how it goes on",
            ),
            (
                "<ListBucketResult><Name>&secret;</Name></ListBucketResult>",
                "the answer has an unknown entity",
            ),
        ] {
            assert_eq!(page(text).unwrap_err(), expected, "{text}");
        }
        assert!(page(&"<a>".repeat(1000)).is_err());
    }

    #[test]
    fn errors_have_a_code() {
        let text = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>no</Message></Error>";
        assert_eq!(error_code(text).as_deref(), Some("AccessDenied"));
        assert_eq!(error_code("<Error><Code>no word</Code></Error>"), None);
        assert_eq!(error_code("Not found"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[<>/&;a-z #?!]{0,80}") {
            let _read = page(&text);
            let _code = error_code(&text);
        }
    }
}
