//! Text to tree. The only place that names the YAML crate; we use its event parser, which gives positions and
//! leaves duplicate keys, merge keys and limits to us.
//!
//! Must never show text of the file in a message: it may hold a password.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use serde_yaml::granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError, Tag, options};

use super::Position;
use super::error::quoted;
use super::mapping::Mapping;
use super::node::{Node, Text, Value};

/// Bytes of a file that is read as configuration; the largest real ones are about 1 MiB.
pub(super) const MAX_BYTES: usize = 4 << 20;
/// Levels of maps and lists; a deep route tree has about 15. Also bounds the recursion of decoders.
const MAX_DEPTH: usize = 64;
/// Nodes of one file, those behind aliases counted each time: an alias bomb ends here.
const MAX_NODES: usize = 500_000;

/// A parsed file and the problems that did not stop the parsing.
pub(super) struct Tree {
    pub(super) root: Arc<Node>,
    pub(super) problems: Vec<(Position, String)>,
}

/// Why a text is not a tree.
pub(super) struct Refusal {
    pub(super) position: Option<Position>,
    pub(super) message: String,
}

pub(super) fn parse(text: &str) -> Result<Tree, Refusal> {
    if text.len() > MAX_BYTES {
        let message = format!("the file is larger than {} MiB", MAX_BYTES >> 20);
        return Err(Refusal { position: None, message });
    }
    let limits = options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(text, limits) {
        let (event, span) = event.map_err(|error| syntax(&error))?;
        let tag = span.tag_start().map(|tag| position(&tag));
        builder.event(event, position(&span.start), tag)?;
    }
    let start = Position { line: 1, column: 1 };
    let root = builder.root.unwrap_or_else(|| Arc::new(Node::new(start, Value::Null)));
    Ok(Tree { root, problems: builder.problems })
}

#[derive(Default)]
struct Builder {
    root: Option<Arc<Node>>,
    documents: usize,
    open: Vec<Frame>,
    /// Finished anchors; one that is still open is missing, so an alias inside its own anchor is noticed.
    anchors: HashMap<usize, Arc<Node>>,
    nodes: usize,
    problems: Vec<(Position, String)>,
}

struct Frame {
    position: Position,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Arc<Node>>),
    Map(Mapping),
}

impl Builder {
    /// `written` is where a tag before the event's value stands.
    fn event(
        &mut self,
        event: Event<'_>,
        position: Position,
        written: Option<Position>,
    ) -> Result<(), Refusal> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return refuse(position, "only one YAML document is allowed in a file");
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.tag(tag.as_deref(), written.unwrap_or(position));
                let plain = style == ScalarStyle::Plain && !is_string(tag.as_deref());
                let value = if is_binary(tag.as_deref()) {
                    Value::Text(self.binary(&text, position))
                } else if plain && is_null(&text) {
                    Value::Null
                } else {
                    Value::Text(Text { text: Zeroizing::new(text.into_owned()), plain, binary: None })
                };
                self.finish(position, anchor, value)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), written.unwrap_or(position));
                self.enter(position, anchor, Content::List(Vec::new()))?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), written.unwrap_or(position));
                self.enter(position, anchor, Content::Map(Mapping::default()))?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(frame) = self.open.pop() {
                    let value = match frame.content {
                        Content::List(items) => Value::List(items),
                        Content::Map(map) => Value::Map(map.finish(&mut self.problems)),
                    };
                    self.finish(frame.position, frame.anchor, value)?;
                }
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return refuse(position, "an alias must not stand inside its own anchor");
                };
                self.count(node.size, position)?;
                self.add(node, position)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn enter(&mut self, position: Position, anchor: usize, content: Content) -> Result<(), Refusal> {
        self.check_depth(1, position)?;
        self.open.push(Frame { position, anchor, content });
        Ok(())
    }

    fn finish(&mut self, position: Position, anchor: usize, value: Value) -> Result<(), Refusal> {
        self.count(1, position)?;
        let node = Arc::new(Node::new(position, value));
        if anchor != 0 {
            self.anchors.insert(anchor, Arc::clone(&node));
        }
        self.add(node, position)
    }

    /// Puts a finished node into the list or map that is open; `position` is where it is used.
    fn add(&mut self, node: Arc<Node>, position: Position) -> Result<(), Refusal> {
        self.check_depth(node.height, position)?;
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Frame { content: Content::List(items), .. }) => items.push(node),
            Some(Frame { content: Content::Map(map), .. }) => map.add(node, position, &mut self.problems),
        }
        Ok(())
    }

    fn count(&mut self, more: usize, position: Position) -> Result<(), Refusal> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        refuse(position, &format!("more than {MAX_NODES} values, those behind aliases counted each time"))
    }

    fn check_depth(&self, more: usize, position: Position) -> Result<(), Refusal> {
        if self.open.len() + more > MAX_DEPTH + 1 { refuse(position, &too_deep()) } else { Ok(()) }
    }

    /// Tags other than YAML's own promise something (`!vault`, `!env`) that we would not do: say so.
    fn tag(&mut self, tag: Option<&Tag>, position: Position) {
        if let Some(tag) = tag.filter(|tag| tag.is_custom() && !is_binary(Some(tag))) {
            self.problems.push((position, format!("the tag {} is not supported", quoted(&tag.original()))));
        }
    }

    /// What a `!!binary` stands for. As text it is read where its bytes are UTF-8.
    fn binary(&mut self, text: &str, position: Position) -> Text {
        let digits: Zeroizing<String> = Zeroizing::new(text.split_ascii_whitespace().collect());
        let bytes = Zeroizing::new(STANDARD.decode(digits.as_bytes()).unwrap_or_else(|_| {
            self.problems.push((position, "the text after `!!binary` is not base64".to_owned()));
            Vec::new()
        }));
        let text = Zeroizing::new(std::str::from_utf8(&bytes).unwrap_or_default().to_owned());
        Text { text, plain: false, binary: Some(bytes) }
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn is_binary(tag: Option<&Tag>) -> bool {
    tag.is_some_and(|tag| tag.parts() == ("tag:yaml.org,2002:", "binary"))
}

fn is_string(tag: Option<&Tag>) -> bool {
    tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"))
}

fn refuse<T>(position: Position, message: &str) -> Result<T, Refusal> {
    Err(Refusal { position: Some(position), message: message.to_owned() })
}

fn too_deep() -> String {
    format!("maps and lists are nested deeper than {MAX_DEPTH} levels")
}

fn position(marker: &Marker) -> Position {
    let from_one = |number: usize| u32::try_from(number.max(1)).unwrap_or(u32::MAX);
    Position { line: from_one(marker.line()), column: from_one(marker.col() + 1) }
}

/// The parser's own words, except where ours say more, and where its words would show a character of the file.
fn syntax(error: &ScanError) -> Refusal {
    let message = match error.kind() {
        ErrorKind::RecursionLimitExceeded => too_deep(),
        kind => format!("not valid YAML: {}", explain(kind)),
    };
    Refusal { position: Some(position(error.marker())), message }
}

fn explain(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::UnexpectedCharacter { .. } => {
            "a value cannot start with this character (hint: put the value in quotes)".to_owned()
        }
        ErrorKind::MappingValueNotAllowed => {
            "`:` is not allowed here (hint: check the indentation, and quote a value that contains `: `)"
                .to_owned()
        }
        ErrorKind::TabInIndentation | ErrorKind::TabInBlockIndentation | ErrorKind::TabNotAllowed => {
            "a tab is not allowed here (hint: indent with spaces)".to_owned()
        }
        ErrorKind::UnknownAnchor => "this alias has no anchor before it".to_owned(),
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => {
            "a quote is not closed before here (or its text is not indented)".to_owned()
        }
        ErrorKind::Custom(_) | ErrorKind::InputIo { .. } | ErrorKind::InputDecoding { .. } => {
            "the text cannot be read".to_owned()
        }
        kind => kind.to_string(),
    }
}
