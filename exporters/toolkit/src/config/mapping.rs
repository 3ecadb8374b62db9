//! One map while it is built: its keys in order, duplicates, and YAML's merge key `<<`.

use std::collections::HashMap;
use std::sync::Arc;

use super::Position;
use super::error::quoted;
use super::node::{Entry, Node, Value};

/// Duplicate keys, bad keys and bad merges are noted and skipped, so that the rest of the file is still read.
#[derive(Default)]
pub(super) struct Mapping {
    entries: Vec<Entry>,
    seen: HashMap<String, Position>,
    key: Option<Key>,
    merges: Vec<Arc<Node>>,
}

enum Key {
    Name(String, Position),
    Merge,
    /// A key that was refused; its value is skipped.
    Bad,
}

impl Mapping {
    /// A key or its value, whichever comes next; `position` is where it is used.
    pub(super) fn add(
        &mut self,
        node: Arc<Node>,
        position: Position,
        problems: &mut Vec<(Position, String)>,
    ) {
        match self.key.take() {
            None => self.key = Some(self.key_of(&node, position, problems)),
            Some(Key::Name(key, position)) => self.entries.push(Entry { key, position, value: node }),
            Some(Key::Merge) => self.merges.push(node),
            Some(Key::Bad) => {}
        }
    }

    fn key_of(&mut self, node: &Node, position: Position, problems: &mut Vec<(Position, String)>) -> Key {
        let name = match &node.value {
            Value::Text(text) if text.plain && text.text.as_str() == "<<" => return Key::Merge,
            Value::Text(text) => text.text.to_string(),
            Value::Null => "null".to_owned(),
            Value::List(_) | Value::Map(_) => {
                problems.push((position, "a key must be plain text, not a list or a map".to_owned()));
                return Key::Bad;
            }
        };
        if let Some(first) = self.seen.get(&name) {
            let message = format!("duplicate key {} (first used in line {})", quoted(&name), first.line);
            problems.push((position, message));
            return Key::Bad;
        }
        self.seen.insert(name.clone(), position);
        Key::Name(name, position)
    }

    /// Adds the merged maps' keys that the map does not have itself; of several merged maps the first wins.
    pub(super) fn finish(mut self, problems: &mut Vec<(Position, String)>) -> Vec<Entry> {
        for merge in std::mem::take(&mut self.merges) {
            match &merge.value {
                Value::List(maps) => {
                    for map in maps {
                        self.merge(map, problems);
                    }
                }
                _ => self.merge(&merge, problems),
            }
        }
        self.entries
    }

    fn merge(&mut self, node: &Node, problems: &mut Vec<(Position, String)>) {
        let Value::Map(entries) = &node.value else {
            problems.push((node.position, "`<<` expects a map or a list of maps".to_owned()));
            return;
        };
        for Entry { key, position, value } in entries {
            if !self.seen.contains_key(key) {
                self.seen.insert(key.clone(), *position);
                self.entries.push(Entry { key: key.clone(), position: *position, value: Arc::clone(value) });
            }
        }
    }
}
