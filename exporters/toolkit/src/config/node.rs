//! The tree of one YAML file: every node knows where it stands.
//!
//! Texts are wiped when the tree is dropped, since any of them may be a secret; for the same reason no type here
//! has `Debug`.

use std::sync::Arc;

use secrecy::zeroize::Zeroizing;

use super::Position;

/// One value of the file. An alias shares the node of its anchor, so a problem is reported where the text stands.
pub(super) struct Node {
    pub(super) position: Position,
    pub(super) value: Value,
    /// Nodes of this subtree, those behind aliases counted each time.
    pub(super) size: usize,
    /// Levels of this subtree; a scalar has one.
    pub(super) height: usize,
}

pub(super) enum Value {
    Null,
    Text(Text),
    List(Vec<Arc<Node>>),
    Map(Vec<Entry>),
}

/// A scalar as it was written: `2` and `true` stay text until somebody asks for a number or a bool.
#[expect(clippy::struct_field_names, reason = "what a text is made of is its text")]
pub(super) struct Text {
    pub(super) text: Zeroizing<String>,
    /// Written without quotes, so it may also be read as a number or a bool.
    pub(super) plain: bool,
    /// The bytes that a `!!binary` stands for; its text is empty where they are none.
    pub(super) binary: Option<Zeroizing<Vec<u8>>>,
}

pub(super) struct Entry {
    pub(super) key: String,
    pub(super) position: Position,
    pub(super) value: Arc<Node>,
}

impl Node {
    pub(super) fn new(position: Position, value: Value) -> Self {
        let (size, height) = match &value {
            Value::Null | Value::Text(_) => (0, 0),
            Value::List(items) => measure(items.iter()),
            Value::Map(entries) => measure(entries.iter().map(|entry| &entry.value)),
        };
        Self { position, value, size: size.saturating_add(1), height: height + 1 }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }
}

fn measure<'a>(children: impl Iterator<Item = &'a Arc<Node>>) -> (usize, usize) {
    children.fold((0, 0), |(size, height), child| (child.size.saturating_add(size), child.height.max(height)))
}
