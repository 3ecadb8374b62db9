//! Executes trees.
//!
//! What waits while a body or another template runs lies in a vector, not on the stack, so that templates may call
//! themselves as deep as Go lets them. Only expressions go down on the stack, as far as parentheses do.

mod call;
mod eval;
mod field;
mod item;
mod range;

use std::io::Write;
use std::mem;

use item::Item;
pub(crate) use item::truth;
use range::Range;

use crate::fmt::Printer;
use crate::limits::{BYTES_PER_STEP, MADE_PER_BYTE, MAX_VALUE_DEPTH};
use crate::quote::quoted;
use crate::templates::{Options, Trees};
use crate::tree::{Branch, NodeId, NodeKind, Tree};
use crate::{Error, Kind, Place, Stage, Str, Value};

/// What a step returns. An error is big and rare, so it lies behind a pointer.
type Run<T> = Result<T, Box<Error>>;

/// Executes a template on some data, and appends to `out` what it writes.
pub(crate) fn execute(
    trees: &Trees,
    name: &Str,
    options: &Options,
    data: &Value,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let Some(tree) = trees.get(name) else {
        let message = format!("template: no template {} associated with template \"\"", quoted(name));
        return Err(Error { stage: Stage::Execute, place: None, message });
    };
    let mut state = State {
        trees,
        options,
        tree,
        at: tree.root,
        dot: data.clone().into(),
        variables: vec![Variable { name: b"$", item: data.clone().into() }],
        base: 0,
        frames: Vec::new(),
        templates: 0,
        steps: 0,
        made: 0,
        out: mem::take(out),
        spare: Vec::new(),
    };
    let end = state.run();
    *out = state.out;
    end.map_err(|error| *error)
}

/// One execution.
struct State<'t> {
    trees: &'t Trees,
    options: &'t Options,
    /// The template that is running.
    tree: &'t Tree,
    /// The node that errors are about.
    at: NodeId,
    dot: Item,
    variables: Vec<Variable<'t>>,
    /// Where the variables of the running template begin.
    base: usize,
    frames: Vec<Frame<'t>>,
    /// Templates within templates.
    templates: u32,
    steps: u64,
    /// Bytes of values that functions made.
    made: u64,
    out: Vec<u8>,
    /// A vector for arguments, used before.
    spare: Vec<Value>,
}

#[derive(Debug)]
struct Variable<'t> {
    name: &'t [u8],
    item: Item,
}

/// A list of nodes that is being executed.
struct Frame<'t> {
    nodes: &'t [NodeId],
    next: usize,
    /// How many variables there were before.
    mark: usize,
    then: Then<'t>,
}

/// What happens when all nodes of a list were executed.
enum Then<'t> {
    /// It was the body of an `if`, or the whole: nothing.
    Go,
    /// It was the body of a `with`: dot is again what it was.
    Dot(Item),
    /// It was the body of a `range`: the next element.
    Iterate(Box<Range<'t>>),
    /// It was what a `range` over nothing does. A break ends just that.
    RangeElse,
    /// It was another template.
    Return { tree: &'t Tree, base: usize, dot: Item },
}

impl<'t> State<'t> {
    fn run(&mut self) -> Run<()> {
        let root = self.tree.list(self.tree.root);
        self.enter(root, self.variables.len(), Then::Go);
        while let Some(frame) = self.frames.last_mut() {
            match frame.nodes.get(frame.next) {
                Some(node) => {
                    frame.next += 1;
                    self.node(*node)?;
                }
                None => self.leave()?,
            }
        }
        Ok(())
    }

    fn enter(&mut self, nodes: &'t [NodeId], mark: usize, then: Then<'t>) {
        self.frames.push(Frame { nodes, next: 0, mark, then });
    }

    /// The list on top is done.
    fn leave(&mut self) -> Run<()> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        match frame.then {
            Then::Go | Then::RangeElse => self.variables.truncate(frame.mark),
            Then::Dot(dot) => {
                self.variables.truncate(frame.mark);
                self.dot = dot;
            }
            Then::Return { tree, base, dot } => {
                self.variables.truncate(frame.mark);
                self.templates = self.templates.saturating_sub(1);
                (self.tree, self.base, self.dot) = (tree, base, dot);
            }
            Then::Iterate(range) => {
                if let Some(range) = self.iterate(range, frame.mark, frame.nodes)? {
                    self.variables.truncate(frame.mark);
                    self.dot = range.into_dot();
                }
            }
        }
        Ok(())
    }

    fn node(&mut self, id: NodeId) -> Run<()> {
        self.at = id;
        self.step(1)?;
        match self.tree.kind(id) {
            NodeKind::Text(text) => self.write(text)?,
            NodeKind::Action(pipe) => {
                let item = self.pipeline(*pipe)?;
                if self.tree.pipe(*pipe).is_some_and(|pipe| pipe.variables.is_empty()) {
                    self.print(id, &item.value)?;
                }
            }
            NodeKind::If(branch) => self.branch(branch, false)?,
            NodeKind::With(branch) => self.branch(branch, true)?,
            NodeKind::Range(branch) => self.range(branch)?,
            NodeKind::Template { name, pipe } => self.template(name, *pipe)?,
            NodeKind::Break => self.jump(true)?,
            NodeKind::Continue => self.jump(false)?,
            // the parser puts nothing else into a list
            _ => {}
        }
        Ok(())
    }

    fn branch(&mut self, branch: &'t Branch, is_with: bool) -> Run<()> {
        let mark = self.variables.len();
        let item = self.pipeline(branch.pipe)?;
        if truth(&item.value) {
            let then = if is_with { Then::Dot(mem::replace(&mut self.dot, item)) } else { Then::Go };
            self.enter(self.tree.list(branch.list), mark, then);
        } else if let Some(otherwise) = branch.otherwise {
            self.enter(self.tree.list(otherwise), mark, Then::Go);
        } else {
            self.variables.truncate(mark);
        }
        Ok(())
    }

    fn template(&mut self, name: &Str, pipe: Option<NodeId>) -> Run<()> {
        let Some(tree) = self.trees.get(name) else {
            return Err(self.error(&format!("template {} not defined", quoted(name))));
        };
        if self.templates >= self.options.limits.depth {
            let limit = self.options.limits.depth;
            let mut error = self.error(&format!("exceeded maximum template depth ({limit})"));
            error.stage = Stage::Limit;
            return Err(error);
        }
        // what the pipeline declares, it declares for the caller
        let dot = match pipe {
            Some(pipe) => self.pipeline(pipe)?,
            None => Item::default(),
        };
        let mark = self.variables.len();
        self.variables.push(Variable { name: b"$", item: dot.clone() });
        let then = Then::Return {
            tree: mem::replace(&mut self.tree, tree),
            base: mem::replace(&mut self.base, mark),
            dot: mem::replace(&mut self.dot, dot),
        };
        self.templates += 1;
        self.enter(tree.list(tree.root), mark, then);
        Ok(())
    }

    /// Ends the innermost `range`, or goes on with its next element.
    fn jump(&mut self, is_break: bool) -> Run<()> {
        while let Some(frame) = self.frames.last_mut() {
            match &frame.then {
                Then::Iterate(_) if !is_break => {
                    frame.next = frame.nodes.len();
                    return Ok(());
                }
                Then::Iterate(_) => {
                    let Some(frame) = self.frames.pop() else { return Ok(()) };
                    self.variables.truncate(frame.mark);
                    if let Then::Iterate(range) = frame.then {
                        self.dot = range.into_dot();
                    }
                    return Ok(());
                }
                Then::RangeElse if is_break => {
                    frame.next = frame.nodes.len();
                    return Ok(());
                }
                // the parser allows jumps in ranges only
                Then::Return { .. } => return Ok(()),
                Then::Go | Then::Dot(_) | Then::RangeElse => self.leave()?,
            }
        }
        Ok(())
    }

    // ---- what goes out ----

    fn write(&mut self, bytes: &[u8]) -> Run<()> {
        self.out.extend_from_slice(bytes);
        self.check_output()
    }

    fn check_output(&self) -> Run<()> {
        let limit = self.options.limits.bytes;
        if self.out.len() as u64 > limit {
            return Err(self.over(&format!("wrote more than {limit} bytes")));
        }
        Ok(())
    }

    /// Writes the value of an action.
    fn print(&mut self, node: NodeId, value: &Value) -> Run<()> {
        self.at = node;
        match value {
            Value::Nil => self.out.extend_from_slice(b"<no value>"),
            Value::String(text) => self.out.extend_from_slice(text),
            Value::Int(number) => {
                // a vector takes all that is written
                let _written = write!(self.out, "{number}");
            }
            _ if value.kind() == Kind::Func => {
                let of = value.go_type().map(|of| of.to_string()).unwrap_or_default();
                return Err(self.error(&format!("can't print {} of type {of}", self.tree.text_of(node))));
            }
            _ => {
                let target = match value {
                    Value::Pointer(object) => &Value::Object(object.clone()),
                    other => other,
                };
                let limit = usize::try_from(self.options.limits.bytes).unwrap_or(usize::MAX);
                let mut printer = Printer::onto(mem::take(&mut self.out), limit);
                printer.print(std::slice::from_ref(target));
                self.out = printer.finish();
            }
        }
        self.check_output()
    }

    // ---- limits and errors ----

    fn step(&mut self, count: u64) -> Run<()> {
        self.steps = self.steps.saturating_add(count);
        let limit = self.options.limits.steps;
        if self.steps > limit {
            return Err(self.over(&format!("took more than {limit} steps")));
        }
        Ok(())
    }

    /// Counts what a function is given.
    fn charge_arguments(&mut self, values: &[Value]) -> Run<()> {
        let bytes: u64 = values.iter().map(|value| value.extent().bytes).fold(0, u64::saturating_add);
        self.step(bytes / BYTES_PER_STEP)
    }

    /// Counts what a function made.
    fn charge(&mut self, value: &Value) -> Run<()> {
        let bytes = match value {
            Value::String(text) => text.len() as u64,
            Value::Object(object) => 64 + 24 * object.count() as u64,
            _ => return Ok(()),
        };
        self.made = self.made.saturating_add(bytes);
        let limit = self.options.limits.bytes;
        let extent = value.extent();
        if extent.bytes > limit || self.made > limit.saturating_mul(MADE_PER_BYTE) {
            return Err(self.over(&format!("made values of more than {limit} bytes")));
        }
        if extent.depth > MAX_VALUE_DEPTH {
            return Err(self.over(&format!("made a value of more than {MAX_VALUE_DEPTH} levels")));
        }
        Ok(())
    }

    /// An error at the node that is executed.
    fn error(&self, message: &str) -> Box<Error> {
        let (line, column) = self.tree.line_and_column(self.tree.node(self.at).pos);
        let name = self.tree.source.name.to_text().into_owned();
        let template = quoted(&self.tree.name);
        let context = self.tree.text_of(self.at);
        let message =
            format!("template: {name}:{line}:{column}: executing {template} at <{context}>: {message}");
        Box::new(Error { stage: Stage::Execute, place: Some(Place { name, line, column }), message })
    }

    /// The same for what takes too much.
    fn over(&self, message: &str) -> Box<Error> {
        Box::new(Error { stage: Stage::Limit, ..*self.error(message) })
    }

    /// A value in a message.
    fn shown(&self, value: &Value) -> String {
        let limit = usize::try_from(self.options.limits.bytes).unwrap_or(usize::MAX);
        let mut printer = Printer::new(limit);
        printer.print(std::slice::from_ref(value));
        String::from_utf8_lossy(&printer.finish()).into_owned()
    }
}
