//! Goes through templates, finds the context of each of their pieces, and notes what to change.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::context::{Context, Delim, Slash, State, UrlPart};
use super::edit::Edits;
use super::escapers::Escaper;
use super::text;
use crate::quote::quoted;
use crate::templates::Trees;
use crate::tree::{Branch, NodeId, NodeKind, Tree};
use crate::{Error, Place, Stage, Str};

/// A refusal, while it is on its way out.
#[derive(Debug)]
struct Refusal {
    /// The place of its node.
    place: Option<Place>,
    /// The line of the loop around it, where it has no place.
    line: Option<usize>,
    description: String,
    stage: Stage,
}

/// Nodes visited for one template. The inside of a `range` is gone through twice, so what is nested doubles.
const MAX_STEPS: u32 = 200_000;

/// Bytes of text, or names of templates, that are one step more.
const CHEAP: usize = 64;

/// Actions within each other. What waits lies on the stack, some kilobytes for each.
const MAX_DEPTH: u32 = 250;

/// As many of them as a template within a template counts for.
const CALL_DEPTH: u32 = 2;

/// Functions of Go's own that escape, too.
const WRITTEN: &[&[u8]] = &[b"html", b"urlquery"];

/// What is known so far, and what to change.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The context at the end of a template, by the name that it has in the context of its begin.
    ends: HashMap<Str, Context>,
    /// Copies of templates, for a context of their own.
    pub(super) derived: Trees,
    /// The names of the templates that were called.
    called: HashSet<Str>,
    /// What to change, by the names of the templates.
    pub(super) edits: HashMap<Str, Edits>,
}

/// The breaks and continues of a loop.
#[derive(Debug, Default)]
struct Loop {
    breaks: Vec<(Context, NodeId)>,
    continues: Vec<(Context, NodeId)>,
}

/// The way through the templates.
#[derive(Debug)]
pub(super) struct Pass<'t> {
    trees: &'t Trees,
    pub(super) found: Found,
    loops: Vec<Loop>,
    steps: u32,
    depth: u32,
}

type Refused<T> = Result<T, Refusal>;

impl<'t> Pass<'t> {
    /// From the begin of a page.
    pub(super) fn new(trees: &'t Trees) -> Self {
        Self { trees, found: Found::default(), loops: Vec::new(), steps: 0, depth: 0 }
    }

    /// The whole of a template that begins a page, and ends it.
    pub(super) fn page(&mut self, name: &Str) -> Result<(), Error> {
        let Some(tree) = self.template(name) else {
            let message = format!("template: {} is an incomplete or empty template", quoted(name));
            return Err(Error { stage: Stage::Escape, place: None, message });
        };
        let end = self.call(&Context::default(), &tree, tree.root, name).map(|(end, _)| end);
        match end {
            Ok(end) if end.state == State::Text => Ok(()),
            Ok(end) => Err(bare(format!("ends in a non-text context: {end}")).told(name)),
            Err(refusal) => Err(refusal.told(name)),
        }
    }

    fn template(&self, name: &Str) -> Option<Arc<Tree>> {
        self.trees.get(name).or_else(|| self.found.derived.get(name)).cloned()
    }

    fn list(&mut self, tree: &Arc<Tree>, list: NodeId, begin: Context) -> Refused<Context> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(too_much(tree, "templates are nested too deep to be escaped"));
        }
        let mut context = begin;
        for node in tree.list(list) {
            context = self.node(tree, *node, context)?;
            if context.state == State::Dead {
                break;
            }
        }
        self.depth -= 1;
        Ok(context)
    }

    fn node(&mut self, tree: &Arc<Tree>, id: NodeId, context: Context) -> Refused<Context> {
        self.charge(tree, 0)?;
        match tree.kind(id) {
            NodeKind::Text(text) => {
                self.charge(tree, text.len())?;
                let (context, changed) = text::read(context, text).map_err(bare)?;
                if let Some(changed) = changed {
                    self.edits(tree).texts.insert(id, changed.into());
                }
                Ok(context)
            }
            NodeKind::Action(pipe) => self.action(tree, id, *pipe, context),
            NodeKind::If(branch) => self.branch(tree, id, branch, "if", &context),
            NodeKind::With(branch) => self.branch(tree, id, branch, "with", &context),
            NodeKind::Range(branch) => self.range(tree, id, branch, &context),
            NodeKind::Template { name, .. } => {
                let (end, called) = self.call(&context, tree, id, name)?;
                if called != *name {
                    self.edits(tree).calls.insert(id, called);
                }
                Ok(end)
            }
            NodeKind::Break => {
                self.loops.last_mut().into_iter().for_each(|inner| inner.breaks.push((context.clone(), id)));
                Ok(Context::of(State::Dead))
            }
            NodeKind::Continue => {
                self.loops
                    .last_mut()
                    .into_iter()
                    .for_each(|inner| inner.continues.push((context.clone(), id)));
                Ok(Context::of(State::Dead))
            }
            _ => Ok(context),
        }
    }

    fn edits(&mut self, tree: &Tree) -> &mut Edits {
        self.found.edits.entry(tree.name.clone()).or_default()
    }

    /// Counts what takes long in proportion to that size.
    fn charge(&mut self, tree: &Tree, size: usize) -> Refused<()> {
        self.steps =
            self.steps.saturating_add(1).saturating_add(u32::try_from(size / CHEAP).unwrap_or(u32::MAX));
        if self.steps > MAX_STEPS {
            Err(too_much(tree, "templates take too many steps to be escaped"))
        } else {
            Ok(())
        }
    }

    fn branch(
        &mut self,
        tree: &Arc<Tree>,
        id: NodeId,
        branch: &Branch,
        word: &str,
        begin: &Context,
    ) -> Refused<Context> {
        let then = self.list(tree, branch.list, begin.clone())?;
        let otherwise = self.otherwise(tree, branch, begin)?;
        joined(&then, &otherwise, tree, id, word)
    }

    fn otherwise(&mut self, tree: &Arc<Tree>, branch: &Branch, begin: &Context) -> Refused<Context> {
        match branch.otherwise {
            Some(list) => self.list(tree, list, begin.clone()),
            None => Ok(begin.clone()),
        }
    }

    fn range(&mut self, tree: &Arc<Tree>, id: NodeId, branch: &Branch, begin: &Context) -> Refused<Context> {
        self.loops.push(Loop::default());
        let once = self.list(tree, branch.list, begin.clone())?;
        let once = self.leave_loop(tree, once)?;
        // the second time it begins where the first one ended
        self.loops.push(Loop::default());
        let once = self
            .tentatively(tree, branch.list, once.clone(), |_, _| false)
            .and_then(|(twice, _)| joined(&once, &twice, tree, id, "range"))
            .map_err(|refusal| refusal.about("on range loop re-entry: ", tree, id))?;
        let once = self.leave_loop(tree, once)?;
        let otherwise = self.otherwise(tree, branch, begin)?;
        joined(&once, &otherwise, tree, id, "range")
    }

    /// Its end is also where a break or continue leads to.
    fn leave_loop(&mut self, tree: &Arc<Tree>, end: Context) -> Refused<Context> {
        let inner = self.loops.pop().unwrap_or_default();
        let mut end = end;
        for (context, node) in inner.breaks {
            end = joined(&end, &context, tree, node, "range")
                .map_err(|refusal| refusal.about("at range loop break: ", tree, node))?;
        }
        for (context, node) in inner.continues {
            end = joined(&end, &context, tree, node, "range")
                .map_err(|refusal| refusal.about("at range loop continue: ", tree, node))?;
        }
        Ok(end)
    }

    /// Goes through a list, and keeps what was found only if that is asked for.
    fn tentatively(
        &mut self,
        tree: &Arc<Tree>,
        list: NodeId,
        begin: Context,
        keep: impl FnOnce(&Found, &Context) -> bool,
    ) -> Refused<(Context, bool)> {
        self.charge(tree, self.found.ends.len())?;
        let own = Found { ends: self.found.ends.clone(), ..Found::default() };
        let outer = std::mem::replace(&mut self.found, own);
        let end = self.list(tree, list, begin);
        let inner = std::mem::replace(&mut self.found, outer);
        let end = end?;
        let keep = keep(&inner, &end);
        if keep {
            self.found.ends.extend(inner.ends);
            self.found.derived.extend(inner.derived);
            self.found.called.extend(inner.called);
            for (name, edits) in inner.edits {
                self.found.edits.entry(name).or_default().add(edits);
            }
        }
        Ok((end, keep))
    }

    /// The end of a template that begins in a context, and the name that it has there.
    fn call(
        &mut self,
        begin: &Context,
        tree: &Arc<Tree>,
        node: NodeId,
        name: &Str,
    ) -> Refused<(Context, Str)> {
        let own_name = begin.name_of(name);
        self.found.called.insert(own_name.clone());
        if let Some(end) = self.found.ends.get(&own_name) {
            return Ok((end.clone(), own_name));
        }
        let Some(called) = self.template(name) else {
            return Err(at(tree, node, &format!("no such template {}", quoted(name))));
        };
        let called = if own_name == *name { called } else { self.derived(&own_name, &called) };
        let (end, right) = self.body(begin, &called)?;
        if right {
            return Ok((end, own_name));
        }
        // it calls itself and does not end as it began: it may always end so
        let (end, right) = self.body(&end, &called)?;
        if right {
            return Ok((end, own_name));
        }
        let name = called.name.to_text();
        Err(at(&called, called.root, &format!("cannot compute output context for template {name}")))
    }

    fn derived(&mut self, name: &Str, from: &Arc<Tree>) -> Arc<Tree> {
        if let Some(known) = self.template(name) {
            return known;
        }
        let mut copy = Tree::clone(from);
        copy.name = name.clone();
        let copy = Arc::new(copy);
        self.found.derived.insert(name.clone(), Arc::clone(&copy));
        copy
    }

    /// The end of a template, and whether it is right: a call of itself was taken to end as it begins.
    fn body(&mut self, begin: &Context, tree: &Arc<Tree>) -> Refused<(Context, bool)> {
        self.found.ends.insert(tree.name.clone(), begin.clone());
        self.depth += CALL_DEPTH;
        let end = self.tentatively(tree, tree.root, begin.clone(), |found, end| {
            !found.called.contains(&tree.name) || begin == end
        })?;
        self.depth -= CALL_DEPTH;
        Ok(end)
    }

    fn action(&mut self, tree: &Arc<Tree>, id: NodeId, pipe: NodeId, context: Context) -> Refused<Context> {
        let Some(pipe) = tree.pipe(pipe).filter(|pipe| pipe.variables.is_empty()) else {
            // it writes nothing
            return Ok(context);
        };
        let mut context = context.nudged();
        let unquoted = context.state == State::Attr && context.delim == Delim::Space;
        for (at_command, command) in pipe.commands.iter().enumerate() {
            let Some(name) = function_of(tree, *command).filter(|name| WRITTEN.contains(&name.as_bytes()))
            else {
                continue;
            };
            let last = at_command + 1 == pipe.commands.len();
            if !last || unquoted && name.as_bytes() == b"html" {
                let message = format!("predefined escaper {} disallowed in template", quoted(&name));
                return Err(at(tree, id, &message));
            }
        }
        let mut escapers = escapers_at(&context).ok_or_else(|| {
            at(tree, id, &format!("{} appears in an ambiguous context within a URL", tree.text_of(id)))
        })?;
        match context.delim {
            Delim::None => {}
            Delim::Space => escapers.push(Escaper::NoSpace),
            Delim::Double | Delim::Single => escapers.push(Escaper::Attr),
        }
        match context.state {
            State::Js => context.slash = Slash::Division,
            State::Tag => context.state = State::AttrName,
            _ => {}
        }
        self.edits(tree).actions.insert(id, escapers);
        Ok(context)
    }
}

/// The function that a command calls.
pub(super) fn function_of(tree: &Tree, command: NodeId) -> Option<Str> {
    let NodeKind::Command(words) = tree.kind(command) else { return None };
    match tree.kind(*words.first()?) {
        NodeKind::Identifier(function) => Some(function.name.clone()),
        _ => None,
    }
}

/// What a value at that place goes through, without what the quotes around it need. None if the place is not clear.
fn escapers_at(context: &Context) -> Option<Vec<Escaper>> {
    let in_string = matches!(context.state, State::CssDouble | State::CssSingle);
    Some(match context.state {
        State::Url
        | State::CssDouble
        | State::CssSingle
        | State::CssDoubleUrl
        | State::CssSingleUrl
        | State::CssUrl => {
            let path = if in_string { Escaper::Css } else { Escaper::UrlNormalize };
            match context.part {
                UrlPart::None => vec![Escaper::UrlFilter, path],
                UrlPart::PreQuery => vec![path],
                UrlPart::QueryOrFrag => vec![Escaper::Url],
                UrlPart::Unknown => return None,
            }
        }
        State::MetaContentUrl => vec![Escaper::UrlFilter],
        State::Js => vec![Escaper::JsValue],
        State::JsDouble | State::JsSingle => vec![Escaper::JsString],
        State::JsTemplate => vec![Escaper::JsTemplate],
        State::JsRegexp => vec![Escaper::JsRegexp],
        State::Css => vec![Escaper::CssValue],
        State::Text => vec![Escaper::Html],
        State::RcData => vec![Escaper::RcData],
        State::AttrName | State::Tag => vec![Escaper::HtmlName],
        State::Srcset => vec![Escaper::Srcset],
        state if state.is_comment() => vec![Escaper::Comment],
        // the quotes do all
        _ => Vec::new(),
    })
}

/// What both contexts lead to; the node is the one that they come together at.
fn joined(left: &Context, right: &Context, tree: &Tree, node: NodeId, word: &str) -> Refused<Context> {
    left.joined(right).ok_or_else(|| {
        at(tree, node, &format!("{{{{{word}}}}} branches end in different contexts: {left}, {right}"))
    })
}

/// A refusal that is about a node.
fn at(tree: &Tree, node: NodeId, description: &str) -> Refusal {
    let (line, column) = tree.line_and_column(tree.node(node).pos);
    let place = Place { name: tree.source.name.to_text().into_owned(), line, column };
    Refusal { place: Some(place), ..bare(description.to_owned()) }
}

/// A refusal that is about a page.
fn bare(description: String) -> Refusal {
    Refusal { place: None, line: None, description, stage: Stage::Escape }
}

fn too_much(tree: &Tree, description: &str) -> Refusal {
    Refusal { stage: Stage::Limit, ..at(tree, tree.root, description) }
}

impl Refusal {
    /// With words before it that say when it came about, and the line where.
    fn about(mut self, when: &str, tree: &Tree, node: NodeId) -> Self {
        self.description.insert_str(0, when);
        self.line = Some(tree.line_and_column(tree.node(node).pos).0);
        self
    }

    /// As messages show it; `name` is that of the page.
    fn told(self, name: &Str) -> Error {
        let Self { place, line, description, stage } = self;
        let whereabouts = match (&place, line) {
            (Some(Place { name, line, column }), _) => format!("{name}:{line}:{column}: "),
            (None, Some(line)) => format!("{name}:{line}: "),
            (None, None) if name.is_empty() => " ".to_owned(),
            (None, None) => format!("{name}: "),
        };
        Error { stage, place, message: format!("html/template:{whereabouts}{description}") }
    }
}
