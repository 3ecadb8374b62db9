//! What Slack refuses in a message: shapes that are no blocks, and texts that are too long.
//!
//! Lengths count UTF-16 units, the strictest of the counts that have been observed.

use serde_json::Value;

/// Blocks in a message.
const BLOCKS: usize = 50;
/// Attachments in a message.
const ATTACHMENTS: usize = 100;
/// Characters of all blocks together; not documented, seen to fail from about here.
const ALL_BLOCKS: usize = 13_200;
/// Characters of all markdown blocks together.
const MARKDOWN: usize = 12_000;

/// Checks blocks and attachments: Slack's error code, and its messages about the places.
pub(super) fn check(blocks: &[Value], attachments: &[Value]) -> Result<(), (&'static str, Vec<String>)> {
    let mut problems = Problems(Vec::new());
    problems.blocks("/blocks", blocks);
    if !problems.0.is_empty() {
        return Err(("invalid_blocks", problems.0));
    }
    if attachments.len() > ATTACHMENTS {
        return Err(("too_many_attachments", Vec::new()));
    }
    for (index, attachment) in attachments.iter().enumerate() {
        let at = format!("/attachments/{index}");
        if !attachment.is_object() {
            return Err(("invalid_attachments", vec![problem("must be an object", &at)]));
        }
        match attachment.get("blocks") {
            Some(Value::Array(inner)) => problems.blocks(&format!("{at}/blocks"), inner),
            Some(Value::Null) | None => {}
            Some(_) => return Err(("invalid_attachments", vec![problem("must be an array", &at)])),
        }
        problems.length(&format!("{at}/footer"), attachment.get("footer"), 300);
        problems.count(&format!("{at}/actions"), attachment.get("actions"), 5);
    }
    if !problems.0.is_empty() {
        return Err(("invalid_attachments", problems.0));
    }
    let inner = attachments.iter().filter_map(|attachment| attachment.get("blocks")?.as_array()).flatten();
    let all: usize = blocks.iter().chain(inner).map(text_length).sum();
    let markdown: usize = blocks.iter().filter(|block| kind(block) == "markdown").map(text_length).sum();
    if all > ALL_BLOCKS || markdown > MARKDOWN {
        return Err(("msg_blocks_too_long", Vec::new()));
    }
    Ok(())
}

/// The length of a text as Slack counts it.
pub(super) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

struct Problems(Vec<String>);

impl Problems {
    fn blocks(&mut self, at: &str, blocks: &[Value]) {
        if blocks.len() > BLOCKS {
            self.add(&format!("no more than {BLOCKS} items allowed"), at);
        }
        for (index, block) in blocks.iter().enumerate() {
            self.block(&format!("{at}/{index}"), block);
        }
    }

    fn block(&mut self, at: &str, block: &Value) {
        self.length(&format!("{at}/block_id"), block.get("block_id"), 255);
        match kind(block) {
            "section" => self.section(at, block),
            "header" => self.text(&format!("{at}/text"), block.get("text"), 150, &["plain_text"]),
            "context" => {
                self.required_list(&format!("{at}/elements"), block.get("elements"), 10);
                for (index, element) in list(block.get("elements")).iter().enumerate() {
                    let at = format!("{at}/elements/{index}");
                    if kind(element) == "image" {
                        self.image(&at, element);
                    } else {
                        self.any_text(&at, Some(element), 3000);
                    }
                }
            }
            "actions" => {
                self.required_list(&format!("{at}/elements"), block.get("elements"), 25);
                for (index, element) in list(block.get("elements")).iter().enumerate() {
                    self.element(&format!("{at}/elements/{index}"), element);
                }
            }
            "image" => self.image(at, block),
            "markdown" => match block.get("text").and_then(Value::as_str) {
                Some(text) if !text.is_empty() => {}
                _ => self.add("missing required field: text", at),
            },
            "table" => {
                self.required_list(&format!("{at}/rows"), block.get("rows"), 100);
                for (index, row) in list(block.get("rows")).iter().enumerate() {
                    self.count(&format!("{at}/rows/{index}"), Some(row), 20);
                }
            }
            "divider" | "rich_text" | "input" | "file" | "video" | "call" => {}
            other => self.add(&format!("unsupported type: {other}"), &format!("{at}/type")),
        }
    }

    fn section(&mut self, at: &str, block: &Value) {
        let fields = block.get("fields").filter(|fields| !fields.is_null());
        match (block.get("text"), fields) {
            (None, None) => self.add("missing required field: text", at),
            (text, _) => {
                if text.is_some() {
                    self.any_text(&format!("{at}/text"), text, 3000);
                }
            }
        }
        if fields.is_some() {
            self.required_list(&format!("{at}/fields"), fields, 10);
        }
        for (index, field) in list(fields).iter().enumerate() {
            self.any_text(&format!("{at}/fields/{index}"), Some(field), 2000);
        }
        if let Some(accessory) = block.get("accessory") {
            self.element(&format!("{at}/accessory"), accessory);
        }
    }

    fn element(&mut self, at: &str, element: &Value) {
        self.length(&format!("{at}/action_id"), element.get("action_id"), 255);
        match kind(element) {
            "button" => {
                self.text(&format!("{at}/text"), element.get("text"), 75, &["plain_text"]);
                self.length(&format!("{at}/value"), element.get("value"), 2000);
                self.length(&format!("{at}/url"), element.get("url"), 3000);
            }
            "image" => self.image(at, element),
            "" => self.add("missing required field: type", at),
            _ => {
                for (index, option) in list(element.get("options")).iter().enumerate() {
                    let at = format!("{at}/options/{index}");
                    self.any_text(&format!("{at}/text"), option.get("text"), 75);
                    self.length(&format!("{at}/value"), option.get("value"), 75);
                }
            }
        }
    }

    fn image(&mut self, at: &str, image: &Value) {
        match image.get("alt_text").and_then(Value::as_str) {
            None | Some("") => self.add("missing required field: alt_text", at),
            Some(_) => self.length(&format!("{at}/alt_text"), image.get("alt_text"), 2000),
        }
        if image.get("image_url").is_none() && image.get("slack_file").is_none() {
            self.add("missing required field: image_url", at);
        }
        self.length(&format!("{at}/image_url"), image.get("image_url"), 3000);
    }

    fn any_text(&mut self, at: &str, text: Option<&Value>, longest: usize) {
        self.text(at, text, longest, &["plain_text", "mrkdwn"]);
    }

    fn text(&mut self, at: &str, text: Option<&Value>, longest: usize, kinds: &[&str]) {
        let Some(text) = text.filter(|text| text.is_object()) else {
            return self.add("must provide an object", at);
        };
        if !kinds.contains(&kind(text)) {
            self.add(&format!("must be one of: {}", kinds.join(", ")), &format!("{at}/type"));
        }
        match text.get("text").and_then(Value::as_str) {
            Some(content) if !content.is_empty() => {
                self.length(&format!("{at}/text"), text.get("text"), longest);
            }
            _ => self.add("must be more than 0 characters", &format!("{at}/text")),
        }
    }

    fn length(&mut self, at: &str, text: Option<&Value>, longest: usize) {
        if text.and_then(Value::as_str).is_some_and(|text| length(text) > longest) {
            self.add(&format!("must be less than {} characters", longest + 1), at);
        }
    }

    fn count(&mut self, at: &str, items: Option<&Value>, most: usize) {
        if list(items).len() > most {
            self.add(&format!("no more than {most} items allowed"), at);
        }
    }

    fn required_list(&mut self, at: &str, items: Option<&Value>, most: usize) {
        if list(items).is_empty() {
            self.add("no fewer than 1 items required", at);
        }
        self.count(at, items, most);
    }

    fn add(&mut self, what: &str, at: &str) {
        self.0.push(problem(what, at));
    }
}

fn problem(what: &str, at: &str) -> String {
    format!("[ERROR] {what} [json-pointer:{at}]")
}

fn kind(value: &Value) -> &str {
    value.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Characters under any `text` key of a block.
fn text_length(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(text_length).sum(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| match value {
                Value::String(text) if key == "text" => length(text),
                Value::String(_) => 0,
                value => text_length(value),
            })
            .sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_limit_has_its_place_and_its_error() {
        let text = |kind: &str, length: usize| json!({ "type": kind, "text": "x".repeat(length) });
        let section = |length| json!({ "type": "section", "text": text("mrkdwn", length) });
        let button = |length| json!({ "type": "button", "text": text("plain_text", length) });
        let ok = Ok(());
        let invalid = |what: &str| Err(("invalid_blocks", vec![format!("[ERROR] {what}]")]));
        for (blocks, expected) in [
            (json!([section(3000)]), ok.clone()),
            (
                json!([section(3001)]),
                invalid("must be less than 3001 characters [json-pointer:/blocks/0/text/text"),
            ),
            (
                json!([section(0)]),
                invalid("must be more than 0 characters [json-pointer:/blocks/0/text/text"),
            ),
            (json!([{ "type": "section", "text": text("plain_text", 1500) }, section(1)]), ok.clone()),
            (
                json!([{ "type": "section", "text": { "type": "mrkdwn", "text": "😀".repeat(1501) } }]),
                invalid("must be less than 3001 characters [json-pointer:/blocks/0/text/text"),
            ),
            (json!([{ "type": "section" }]), invalid("missing required field: text [json-pointer:/blocks/0")),
            (
                json!([{ "type": "section", "fields": vec![text("mrkdwn", 1); 11] }]),
                invalid("no more than 10 items allowed [json-pointer:/blocks/0/fields"),
            ),
            (json!([{ "type": "header", "text": text("plain_text", 150) }]), ok.clone()),
            (
                json!([{ "type": "header", "text": text("mrkdwn", 1) }]),
                invalid("must be one of: plain_text [json-pointer:/blocks/0/text/type"),
            ),
            (
                json!([{ "type": "context", "elements": vec![text("mrkdwn", 1); 11] }]),
                invalid("no more than 10 items allowed [json-pointer:/blocks/0/elements"),
            ),
            (
                json!([{ "type": "actions", "elements": [button(76)] }]),
                invalid("must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text"),
            ),
            (
                json!([{ "type": "sektion" }]),
                invalid("unsupported type: sektion [json-pointer:/blocks/0/type"),
            ),
            (json!(vec![json!({ "type": "divider" }); 50]), ok.clone()),
            (
                json!(vec![json!({ "type": "divider" }); 51]),
                invalid("no more than 50 items allowed [json-pointer:/blocks"),
            ),
            (json!(vec![section(2640); 5]), ok),
            (json!(vec![section(2641); 5]), Err(("msg_blocks_too_long", Vec::new()))),
        ] {
            assert_eq!(check(blocks.as_array().unwrap(), &[]), expected, "{blocks}");
        }
        assert_eq!(check(&[], &vec![json!({}); 101]).unwrap_err().0, "too_many_attachments");
        let inner = json!({ "blocks": [section(3001)] });
        assert_eq!(check(&[], &[inner]).unwrap_err().0, "invalid_attachments");
    }
}
