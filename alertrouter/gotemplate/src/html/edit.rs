//! What to change in a template, and the change.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::escapers::Escaper;
use super::pass::function_of;
use crate::tree::{NodeId, NodeKind, Pipe, Tree};
use crate::{Function, Str};

/// What to change in one template.
#[derive(Debug, Default)]
pub(super) struct Edits {
    /// What the values of actions go through.
    pub(super) actions: HashMap<NodeId, Vec<Escaper>>,
    /// What calls of templates call instead.
    pub(super) calls: HashMap<NodeId, Str>,
    /// What is written instead of texts.
    pub(super) texts: HashMap<NodeId, Str>,
}

impl Edits {
    /// These, too.
    pub(super) fn add(&mut self, more: Self) {
        self.actions.extend(more.actions);
        self.calls.extend(more.calls);
        self.texts.extend(more.texts);
    }

    /// Changes the template.
    pub(super) fn apply(self, tree: &mut Tree) {
        for (id, changed) in self.texts {
            if let Some(NodeKind::Text(text)) = tree.kind_mut(id) {
                *text = changed;
            }
        }
        for (id, changed) in self.calls {
            if let Some(NodeKind::Template { name, .. }) = tree.kind_mut(id) {
                *name = changed;
            }
        }
        for (id, escapers) in self.actions {
            if let NodeKind::Action(pipe) = *tree.kind(id) {
                escape(tree, pipe, &escapers);
            }
        }
    }
}

/// Puts escapers at the end of a pipeline. One that its author has put there stays in the place of ours.
fn escape(tree: &mut Tree, id: NodeId, escapers: &[Escaper]) {
    let Some(Pipe { mut commands, .. }) = tree.pipe(id).cloned() else { return };
    if escapers.is_empty() {
        return;
    }
    let pos = tree.node(id).pos;
    let written = written_escaper(tree, &commands);
    let mut takes_place = false;
    if let Some((name, function)) = &written {
        let own_place = |escaper: &Escaper| escaper.written_as().map(str::as_bytes) == Some(name.as_bytes());
        takes_place = escapers.iter().any(own_place);
        if commands.len() == 1 && separate_arguments(tree, &commands) {
            commands.push(command(tree, pos, Arc::clone(function)));
        }
        if takes_place {
            commands.pop();
        }
    }
    let present: HashSet<Str> =
        commands.iter().filter_map(|id| function_of(tree, *id)).map(|name| normal(&name)).collect();
    for escaper in escapers {
        let own = escaper.name().into();
        if present.contains(&normal(&own)) {
            continue;
        }
        let function = match &written {
            Some((name, function)) if takes_place && normal(&own) == *name => Arc::clone(function),
            _ => Arc::new(escaper.function()),
        };
        let before = commands.last().and_then(|id| function_of(tree, *id));
        let idle = *function.name == *own && before.is_some_and(|before| escaper.is_idle_after(&before));
        if !idle {
            commands.push(command(tree, pos, function));
        }
    }
    if let Some(NodeKind::Pipe(pipe)) = tree.kind_mut(id) {
        pipe.commands = commands;
    }
}

/// The name under which an escaper and the one that authors write are the same.
fn normal(name: &Str) -> Str {
    const ALL: &[Escaper] =
        &[Escaper::Attr, Escaper::Html, Escaper::RcData, Escaper::Url, Escaper::UrlNormalize];
    let known = ALL.iter().find(|escaper| escaper.name().as_bytes() == name.as_bytes());
    known.and_then(|escaper| escaper.written_as()).map_or_else(|| name.clone(), Str::from)
}

/// `html` or `urlquery` at the end.
fn written_escaper(tree: &Tree, commands: &[NodeId]) -> Option<(Str, Arc<Function>)> {
    let NodeKind::Command(words) = tree.kind(*commands.last()?) else { return None };
    match tree.kind(*words.first()?) {
        NodeKind::Identifier(function) if matches!(function.name.as_bytes(), b"html" | b"urlquery") => {
            Some((function.name.clone(), Arc::clone(function)))
        }
        _ => None,
    }
}

/// Makes `html a b` to the values of a and b, to be escaped by a command after it; says whether it did.
fn separate_arguments(tree: &mut Tree, commands: &[NodeId]) -> bool {
    let Some(last) = commands.last() else { return false };
    let NodeKind::Command(words) = tree.kind(*last).clone() else { return false };
    if words.len() < 2 {
        return false;
    }
    let pos = words.first().map_or(0, |word| tree.node(*word).pos);
    let values = tree.push(pos, NodeKind::Identifier(Arc::new(Escaper::Values.function())));
    if let Some(NodeKind::Command(words)) = tree.kind_mut(*last)
        && let Some(first) = words.first_mut()
    {
        *first = values;
    }
    true
}

fn command(tree: &mut Tree, pos: u32, function: Arc<Function>) -> NodeId {
    let word = tree.push(pos, NodeKind::Identifier(function));
    tree.push(pos, NodeKind::Command(vec![word]))
}
