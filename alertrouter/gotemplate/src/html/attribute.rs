//! What the values of attributes are, by the names of the attributes.

/// What an attribute's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Text.
    Plain,
    /// HTML.
    Html,
    /// A style.
    Css,
    /// A script.
    Js,
    /// A URL.
    Url,
    /// A list of images.
    Srcset,
    /// It decides about other things, so that its name cannot come from a value.
    Unsafe,
}

const URLS: &[&str] = &[
    "action",
    "archive",
    "background",
    "cite",
    "classid",
    "codebase",
    "data",
    "formaction",
    "href",
    "icon",
    "longdesc",
    "manifest",
    "poster",
    "profile",
    "src",
    "usemap",
    "xmlns",
];

const UNSAFE: &[&str] = &[
    "accept-charset",
    "async",
    "challenge",
    "charset",
    "content",
    "crossorigin",
    "defer",
    "enctype",
    "form",
    "formenctype",
    "formmethod",
    "formnovalidate",
    "http-equiv",
    "keytype",
    "language",
    "method",
    "novalidate",
    "pattern",
    "rel",
    "sandbox",
    "type",
    "value",
];

/// Known names that would otherwise be taken for another kind by how they look.
const PLAIN: &[&str] = &["srclang"];

/// What the attribute of that name (in small letters) holds.
pub(super) fn content(name: &str) -> Content {
    let name = match name.strip_prefix("data-") {
        Some(own) => own,
        None => match name.split_once(':') {
            Some(("xmlns", _)) => return Content::Url,
            Some((_, local)) => local,
            None => name,
        },
    };
    match name {
        "srcdoc" => Content::Html,
        "style" => Content::Css,
        "srcset" => Content::Srcset,
        _ if URLS.contains(&name) => Content::Url,
        _ if UNSAFE.contains(&name) => Content::Unsafe,
        _ if PLAIN.contains(&name) => Content::Plain,
        _ if name.starts_with("on") => Content::Js,
        // names that people make up
        _ if ["src", "uri", "url"].iter().any(|word| name.contains(word)) => Content::Url,
        _ => Content::Plain,
    }
}
