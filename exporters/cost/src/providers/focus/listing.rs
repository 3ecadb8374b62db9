//! What S3 says, in XML: a page of a list of objects. Only what is needed of it is read.

use jiff::Timestamp;

use crate::http::FetchError;

/// An object of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) key: String,
    pub(super) etag: String,
    pub(super) size: String,
    pub(super) modified: Timestamp,
}

impl Object {
    /// What tells its content from an earlier one.
    pub(super) fn version(&self) -> String {
        format!("{} {} {}", self.etag, self.size, self.modified)
    }
}

/// The objects of a page, and the token of the next one.
pub(super) fn page(xml: &str) -> Result<(Vec<Object>, Option<String>), FetchError> {
    let wrong = |what: &str| FetchError::malformed(format!("list_objects: {what}"));
    if !xml.contains("<ListBucketResult") || !xml.trim_end().ends_with("</ListBucketResult>") {
        return Err(wrong("the answer is no list of objects"));
    }
    let mut objects = Vec::new();
    for text in xml.split("<Contents>").skip(1) {
        let text = text.split_once("</Contents>").ok_or_else(|| wrong("an object breaks off"))?.0;
        let object = || {
            Some(Object {
                key: element(text, "Key")?,
                etag: element(text, "ETag")?,
                size: element(text, "Size")?,
                modified: element(text, "LastModified")?.parse().ok()?,
            })
        };
        objects.push(object().ok_or_else(|| wrong("an object lacks its key, tag, size or time"))?);
    }
    let is_truncated = element(xml, "IsTruncated").as_deref() == Some("true");
    match element(xml, "NextContinuationToken").filter(|_| is_truncated) {
        None if is_truncated => Err(wrong("there is more, and no word of where")),
        next => Ok((objects, next)),
    }
}

/// The text of the first element of a name.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    decoded(text)
}

/// A text with its entities replaced.
fn decoded(text: &str) -> Option<String> {
    let mut pieces = text.split('&');
    let mut decoded = pieces.next()?.to_owned();
    for piece in pieces {
        let (entity, rest) = piece.split_once(';')?;
        decoded.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            other => {
                let number = other.strip_prefix('#')?;
                let number = match number.strip_prefix(['x', 'X']) {
                    Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(number)?
            }
        });
        decoded.push_str(rest);
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages() {
        let object = "<Contents><Key>a/b&amp;c&#x20;d.csv</Key><LastModified>2026-03-10T12:00:00.000Z</LastModified><ETag>&quot;1f&quot;</ETag><Size>7</Size></Contents>";
        let list = |inside: &str| {
            format!("<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"x\">{inside}</ListBucketResult>\n")
        };
        let (objects, next) = page(&list(&format!("<IsTruncated>false</IsTruncated>{object}"))).unwrap();
        let [found] = objects.as_slice() else { panic!("{objects:?}") };
        assert_eq!((found.key.as_str(), found.etag.as_str()), ("a/b&c d.csv", "\"1f\""));
        assert_eq!((found.version(), next), ("\"1f\" 7 2026-03-10T12:00:00Z".to_owned(), None));
        let more = "<IsTruncated>true</IsTruncated><NextContinuationToken>a&lt;b</NextContinuationToken>";
        assert_eq!(page(&list(more)).unwrap(), (Vec::new(), Some("a<b".to_owned())));
        for wrong in [
            "",
            "<Error><Code>NoSuchBucket</Code></Error>",
            "<ListBucketResult><IsTruncated>false</IsTruncated>",
            &list("<IsTruncated>true</IsTruncated>"),
            &list("<Contents><Key>a</Key></Contents>"),
            &list(&object.replace("&amp;", "&nope;")),
        ] {
            assert!(page(wrong).is_err(), "{wrong}");
        }
    }
}
