//! The parse tree: nodes in one vector, named by their position in it.
//!
//! So a tree is dropped and copied without going down into it, and a pass may append nodes and put them anywhere.

mod print;

use std::sync::Arc;

use crate::{Function, Str};

/// The position of a node in its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NodeId(u32);

/// One template, read.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    /// Its name.
    pub(crate) name: Str,
    /// The text that it was read from; what positions are about.
    pub(crate) source: Arc<Source>,
    /// Its nodes.
    nodes: Vec<Node>,
    /// What is executed, a list.
    pub(crate) root: NodeId,
}

/// A text that templates are read from.
#[derive(Debug)]
pub(crate) struct Source {
    /// The name that errors show.
    pub(crate) name: Str,
    /// The text itself.
    pub(crate) text: Str,
    /// What begins an action.
    pub(crate) left: Str,
    /// What ends it.
    pub(crate) right: Str,
}

/// One node.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Where it begins, in bytes.
    pub(crate) pos: u32,
    /// What it is.
    pub(crate) kind: NodeKind,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(crate) enum NodeKind {
    /// Nodes, one after the other.
    List(Vec<NodeId>),
    /// Text that is written as it is.
    Text(Str),
    /// `{{pipeline}}`.
    Action(NodeId),
    /// `{{if pipeline}}`.
    If(Branch),
    /// `{{range pipeline}}`.
    Range(Branch),
    /// `{{with pipeline}}`.
    With(Branch),
    /// `{{template "name" pipeline}}`, also of a block.
    Template {
        /// The name of what is executed.
        name: Str,
        /// What its dot is.
        pipe: Option<NodeId>,
    },
    /// `{{break}}`.
    Break,
    /// `{{continue}}`.
    Continue,
    /// Commands, each fed with the result of the one before.
    Pipe(Pipe),
    /// A value or a call: its words.
    Command(Vec<NodeId>),
    /// `.a.b`.
    Field(Vec<Str>),
    /// `(…).a.b`.
    Chain {
        /// What is before the fields.
        node: NodeId,
        /// Their names.
        fields: Vec<Str>,
    },
    /// The name of a function, and the function.
    Identifier(Arc<Function>),
    /// `$`, `$x.a`: the variable's name with its dollar, and fields.
    Variable(Vec<Str>),
    /// `.`.
    Dot,
    /// `nil`.
    Nil,
    /// `true`, `false`.
    Bool(bool),
    /// A number.
    Number(Box<Number>),
    /// A string.
    String {
        /// As it was written.
        quoted: Str,
        /// What it says.
        text: Str,
    },
}

/// An `if`, `range` or `with`.
#[derive(Debug, Clone)]
pub(crate) struct Branch {
    /// What decides.
    pub(crate) pipe: NodeId,
    /// What is executed then.
    pub(crate) list: NodeId,
    /// What is executed otherwise.
    pub(crate) otherwise: Option<NodeId>,
}

/// A pipeline.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pipe {
    /// Whether the variables are assigned to, not declared.
    pub(crate) assign: bool,
    /// The variables.
    pub(crate) variables: Vec<NodeId>,
    /// The commands.
    pub(crate) commands: Vec<NodeId>,
}

/// A number, as each of the types that can hold it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Number {
    /// As it was written.
    pub(crate) text: Str,
    /// As a signed integer.
    pub(crate) int: Option<i64>,
    /// As an unsigned integer.
    pub(crate) uint: Option<u64>,
    /// As a float.
    pub(crate) float: Option<f64>,
    /// As a complex number, if it was written as one.
    pub(crate) complex: Option<(f64, f64)>,
}

impl Tree {
    /// A tree with an empty list as its root.
    pub(crate) fn new(name: Str, source: Arc<Source>, pos: u32) -> Self {
        let root = Node { pos, kind: NodeKind::List(Vec::new()) };
        Self { name, source, nodes: vec![root], root: NodeId(0) }
    }

    /// The node of that name.
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        static NONE: Node = Node { pos: 0, kind: NodeKind::Nil };
        self.nodes.get(id.0 as usize).unwrap_or(&NONE)
    }

    /// What it is.
    pub(crate) fn kind(&self, id: NodeId) -> &NodeKind {
        &self.node(id).kind
    }

    /// The same, to be changed.
    pub(crate) fn kind_mut(&mut self, id: NodeId) -> Option<&mut NodeKind> {
        self.nodes.get_mut(id.0 as usize).map(|node| &mut node.kind)
    }

    /// Adds a node, to be put somewhere by its name.
    pub(crate) fn push(&mut self, pos: u32, kind: NodeKind) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(Node { pos, kind });
        id
    }

    /// The nodes of a list; none for another node.
    pub(crate) fn list(&self, id: NodeId) -> &[NodeId] {
        match self.kind(id) {
            NodeKind::List(nodes) => nodes,
            _ => &[],
        }
    }

    /// The pipeline of that name.
    pub(crate) fn pipe(&self, id: NodeId) -> Option<&Pipe> {
        match self.kind(id) {
            NodeKind::Pipe(pipe) => Some(pipe),
            _ => None,
        }
    }

    /// Whether there is nothing but white space in it. Such a template replaces no other.
    pub(crate) fn is_empty(&self) -> bool {
        self.list(self.root).iter().all(|node| match self.kind(*node) {
            NodeKind::Text(text) => String::from_utf8(text.to_vec()).is_ok_and(|text| text.trim().is_empty()),
            _ => false,
        })
    }

    /// The line of a position, from 1, and the byte in it, from 0.
    pub(crate) fn line_and_column(&self, pos: u32) -> (usize, usize) {
        self.source.line_and_column(pos)
    }
}

impl Source {
    /// The line of a position, from 1, and the byte in it, from 0.
    pub(crate) fn line_and_column(&self, pos: u32) -> (usize, usize) {
        let before = self.text.get(..pos as usize).unwrap_or(&self.text);
        let lines = before.split(|byte| *byte == b'\n');
        let column = lines.clone().next_back().map_or(0, <[u8]>::len);
        (lines.count(), column)
    }
}
