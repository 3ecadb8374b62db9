//! Whether the words of a message are written as Slack wants them: what Slack shows wrongly instead of refusing.

use serde_json::Value;

use super::limits;

/// Longest text of a message that is edited; a posted one may be longer, and is cut.
const TEXT: usize = 4_000;

/// Checks a message (`text`, `blocks`, `attachments`) as strictly as anything here: limits, and broken mrkdwn.
pub fn check_message(message: &Value) -> Result<(), String> {
    let list = |key: &str| message.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let (blocks, attachments) = (list("blocks"), list("attachments"));
    limits::check(&blocks, &attachments).map_err(|(error, places)| format!("{error} {places:?}"))?;
    let text = message.get("text").and_then(Value::as_str).unwrap_or_default();
    if limits::length(text) > TEXT {
        return Err(format!("text has {} characters", limits::length(text)));
    }
    if text.is_empty() && blocks.is_empty() && attachments.is_empty() {
        return Err("no_text".to_owned());
    }
    mrkdwn(text)?;
    blocks.iter().chain(&attachments).try_for_each(texts)
}

fn texts(value: &Value) -> Result<(), String> {
    match value {
        Value::Array(list) => list.iter().try_for_each(texts),
        Value::Object(map) => {
            if map.get("type").and_then(Value::as_str) == Some("mrkdwn") {
                mrkdwn(map.get("text").and_then(Value::as_str).unwrap_or_default())?;
            }
            map.values().try_for_each(texts)
        }
        _ => Ok(()),
    }
}

/// Every `<` opens a link to the web or a date and is closed; every `&` begins one of three entities.
fn mrkdwn(text: &str) -> Result<(), String> {
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>', '&']) {
        let (before, found) = rest.split_at(at);
        let shown: String = found.chars().take(40).collect();
        let length = if found.starts_with('&') {
            let entity = ["&amp;", "&lt;", "&gt;"].into_iter().find(|entity| found.starts_with(entity));
            entity.ok_or_else(|| format!("a broken entity: {shown}"))?.len()
        } else if found.starts_with("<http://")
            || found.starts_with("<https://")
            || found.starts_with("<!date^")
        {
            let inside = found.find('>').ok_or_else(|| format!("a link without an end: {shown}"))?;
            if found.get(1..inside).is_some_and(|inside| inside.contains('<')) {
                return Err(format!("a link in a link: {shown}"));
            }
            inside + 1
        } else {
            return Err(format!("markup that is no link, after {before:?}: {shown}"));
        };
        rest = found.get(length..).unwrap_or_default();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_are_checked() {
        for (text, expected) in [
            ("a &amp; b &lt;c&gt; <https://a/?b&amp;c|d> <!date^1^{date}|x>", None),
            ("a & b", Some("a broken entity: & b")),
            ("a &am…", Some("a broken entity: &am…")),
            ("<!channel>", Some("markup that is no link, after \"\": <!channel>")),
            ("a <@U1>", Some("markup that is no link, after \"a \": <@U1>")),
            ("a > b", Some("markup that is no link, after \"a \": > b")),
            ("<https://a|b", Some("a link without an end: <https://a|b")),
            ("<https://a|<https://b>", Some("a link in a link: <https://a|<https://b>")),
            ("", Some("no_text")),
        ] {
            assert_eq!(check_message(&json!({ "text": text })).err().as_deref(), expected, "{text}");
        }
        let section = json!({ "type": "section", "text": { "type": "mrkdwn", "text": "<!here>" } });
        let inner = json!({ "text": "x", "attachments": [{ "blocks": [section] }] });
        assert!(check_message(&inner).is_err());
        assert!(check_message(&json!({ "text": "x".repeat(4001) })).is_err());
    }
}
