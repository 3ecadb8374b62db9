//! XMPP: elements of an XML stream. Only a few are of interest, and they are recognised by their tags.

use tokio::io::{AsyncRead, AsyncWrite};

use super::lines::{Dialogue, said, unexpected};
use crate::failure::{Failure, Reason};

/// XMPP, as a client.
pub(super) async fn xmpp<S>(dialogue: &mut Dialogue<'_, S>, host: &str) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let open = format!(
        "<?xml version='1.0'?><stream:stream to='{}' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>",
        escaped(host)
    );
    dialogue.send(open.as_bytes()).await?;
    let features = dialogue
        .until(|text| {
            end_of(text, "stream:features").or_else(|| end_of(text, "stream:error")).or_else(|| not_xml(text))
        })
        .await?;
    if not_xml(&features).is_some() {
        return Err(unexpected(&features));
    }
    if end_of(&features, "stream:features").is_none() {
        return Err(said(Reason::StartTlsRefused, &features));
    }
    if !features.contains("<starttls") {
        return Err(said(Reason::StartTlsNotOffered, "no starttls among the features"));
    }
    dialogue.send(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await?;
    let ends = ["proceed", "failure", "stream:error"];
    let answer = dialogue.until(|text| ends.into_iter().find_map(|name| end_of(text, name))).await?;
    if end_of(&answer, "proceed").is_some() { Ok(()) } else { Err(said(Reason::StartTlsRefused, &answer)) }
}

/// Where the element ends, if all of it is there.
fn end_of(text: &str, name: &str) -> Option<usize> {
    let open = format!("<{name}");
    let (start, _) = text.match_indices(&open).find(|(at, _)| {
        let next = text.as_bytes().get(at + open.len());
        matches!(next, Some(b'>' | b'/' | b' ' | b'\t' | b'\r' | b'\n'))
    })?;
    let tag = start + text.get(start..)?.find('>')? + 1;
    if text.get(..tag)?.ends_with("/>") {
        return Some(tag);
    }
    let close = format!("</{name}>");
    text.get(tag..)?.find(&close).map(|at| tag + at + close.len())
}

/// A stream that does not begin with a tag is no XML: all of it is taken.
fn not_xml(text: &str) -> Option<usize> {
    let first = text.trim_start().chars().next()?;
    (first != '<').then_some(text.len())
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\'' => safe.push_str("&apos;"),
            '"' => safe.push_str("&quot;"),
            character if character.is_control() => {}
            character => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_elements() {
        for (text, name, expected) in [
            ("<proceed xmlns='x'/>", "proceed", Some(20)),
            ("<proceed xmlns='x'></proceed>..", "proceed", Some(29)),
            ("<proceed xmlns='x'>", "proceed", None),
            ("<proceed", "proceed", None),
            ("<proceeding/>", "proceed", None),
            ("<a><stream:features/>", "stream:features", Some(21)),
        ] {
            assert_eq!(end_of(text, name), expected, "{text}");
        }
    }

    #[test]
    fn a_host_stays_within_its_attribute() {
        assert_eq!(escaped("a'/><b to=\"&\n"), "a&apos;/&gt;&lt;b to=&quot;&amp;");
    }
}
