//! Tokens to trees.

use std::collections::HashMap;
use std::sync::Arc;

use super::lex::{Keyword, Kind, Lexer, Token};
use crate::limits::MAX_NESTING;
use crate::quote::{quoted, unquoted};
use crate::templates::Functions;
use crate::tree::{Branch, NodeId, NodeKind, Source, Tree};
use crate::{Error, Place, Stage, Str};

/// What reading returns.
pub(super) type Parsed<T> = Result<T, Error>;

/// Reads a text and what it defines.
pub(super) fn parse(source: &Arc<Source>, functions: &Functions) -> Parsed<Vec<Tree>> {
    let mut lexer = Lexer::new(source);
    lexer.break_is_function = functions.contains_key(b"break".as_slice());
    lexer.continue_is_function = functions.contains_key(b"continue".as_slice());
    let mut text = Text { source, functions, lexer, trees: HashMap::new() };
    Parser::new(&mut text, source.name.clone(), 0).whole()
}

/// What the parsers of all templates in a text share.
pub(super) struct Text<'s> {
    source: &'s Arc<Source>,
    pub(super) functions: &'s Functions,
    lexer: Lexer<'s>,
    /// The templates read so far.
    trees: HashMap<Str, Tree>,
}

/// What ends a list of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    End,
    /// With the place of what follows it.
    Else(usize),
}

/// The three actions that have a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Control {
    If,
    Range,
    With,
}

impl Control {
    fn name(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::Range => "range",
            Self::With => "with",
        }
    }
}

/// The parser of one template.
pub(super) struct Parser<'p, 's> {
    pub(super) text: &'p mut Text<'s>,
    pub(super) tree: Tree,
    /// Tokens that were given back; the one at 0 was read last.
    tokens: [Token<'s>; 3],
    given_back: usize,
    /// The variables that can be named here.
    pub(super) variables: Vec<Str>,
    /// The line of the action that is being read, and 0 outside of one.
    action_line: usize,
    ranges: usize,
    pub(super) parens: usize,
    nesting: usize,
}

impl<'p, 's> Parser<'p, 's> {
    fn new(text: &'p mut Text<'s>, name: Str, nesting: usize) -> Self {
        let nothing = Token { kind: Kind::Error, pos: 0, text: b"".into(), line: 0 };
        Self {
            tree: Tree::new(name, Arc::clone(text.source), 0),
            text,
            tokens: [nothing.clone(), nothing.clone(), nothing],
            given_back: 0,
            variables: vec!["$".into()],
            action_line: 0,
            ranges: 0,
            parens: 0,
            nesting,
        }
    }

    // ---- tokens ----

    pub(super) fn next(&mut self) -> Token<'s> {
        if let Some(left) = self.given_back.checked_sub(1) {
            self.given_back = left;
        } else {
            let [last, ..] = &mut self.tokens;
            *last = self.text.lexer.next();
        }
        let [last, second, third] = &self.tokens;
        match self.given_back {
            0 => last,
            1 => second,
            _ => third,
        }
        .clone()
    }

    pub(super) fn give_back(&mut self) {
        self.given_back += 1;
    }

    /// Gives back what was read last, and one before it.
    pub(super) fn give_back_two(&mut self, before: Token<'s>) {
        let [_, second, _] = &mut self.tokens;
        *second = before;
        self.given_back = 2;
    }

    /// Gives back what was read last, and two before it.
    pub(super) fn give_back_three(&mut self, first: Token<'s>, before: Token<'s>) {
        let [_, second, third] = &mut self.tokens;
        (*second, *third) = (before, first);
        self.given_back = 3;
    }

    pub(super) fn peek(&mut self) -> Token<'s> {
        let token = self.next();
        self.give_back();
        token
    }

    pub(super) fn next_word(&mut self) -> Token<'s> {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    pub(super) fn peek_word(&mut self) -> Token<'s> {
        let token = self.next_word();
        self.give_back();
        token
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token<'s>> {
        let token = self.next_word();
        if token.kind == kind { Ok(token) } else { Err(self.unexpected(&token, context)) }
    }

    // ---- errors ----

    pub(super) fn error(&self, message: impl AsRef<str>) -> Error {
        let [last, ..] = &self.tokens;
        let name = self.text.source.name.to_text();
        let message = format!("template: {name}:{}: {}", last.line, message.as_ref());
        let (_, column) = self.text.source.line_and_column(u32::try_from(last.pos).unwrap_or(u32::MAX));
        let place = Place { name: name.into_owned(), line: last.line, column };
        Error { stage: Stage::Parse, place: Some(place), message }
    }

    pub(super) fn unexpected(&self, token: &Token<'_>, context: &str) -> Error {
        if token.kind != Kind::Error {
            return self.error(format!("unexpected {} in {context}", token.shown()));
        }
        let mut extra = String::new();
        if self.action_line != 0 && self.action_line != token.line {
            let action = if token.text.ends_with(b" action") { "" } else { " in action" };
            let name = self.text.source.name.to_text();
            extra = format!("{action} started at {name}:{}", self.action_line);
        }
        self.error(format!("{}{extra}", token.shown()))
    }

    fn shown_ending(&self, ending: Ending) -> String {
        let word = if ending == Ending::End { "end" } else { "else" };
        format!("{}{word}{}", self.text.source.left, self.text.source.right)
    }

    pub(super) fn push(&mut self, pos: usize, kind: NodeKind) -> NodeId {
        self.tree.push(u32::try_from(pos).unwrap_or(u32::MAX), kind)
    }

    // ---- templates ----

    /// The whole text.
    fn whole(mut self) -> Parsed<Vec<Tree>> {
        let pos = self.peek().pos;
        let mut nodes = Vec::new();
        while self.peek().kind != Kind::Eof {
            if self.peek().kind == Kind::Left {
                let left = self.next();
                if self.next_word().kind == Kind::Keyword(Keyword::Define) {
                    Parser::new(self.text, Str::default(), self.nesting).definition()?;
                    continue;
                }
                self.give_back_two(left);
            }
            match self.text_or_action()? {
                Ok(node) => nodes.push(node),
                Err(ending) => {
                    return Err(self.error(format!("unexpected {}", self.shown_ending(ending))));
                }
            }
        }
        self.set_root(pos, nodes);
        self.add()?;
        Ok(std::mem::take(&mut self.text.trees).into_values().collect())
    }

    fn set_root(&mut self, pos: usize, nodes: Vec<NodeId>) {
        self.tree.root = self.push(pos, NodeKind::List(nodes));
    }

    /// Adds the tree to those of the text.
    fn add(&mut self) -> Parsed<()> {
        let tree = &self.tree;
        if self.text.trees.get(&tree.name).is_none_or(Tree::is_empty) {
            self.text.trees.insert(tree.name.clone(), tree.clone());
        } else if !tree.is_empty() {
            let name = quoted(&tree.name);
            return Err(self.error(format!("template: multiple definition of template {name}")));
        }
        Ok(())
    }

    /// `{{define "name"}} … {{end}}`, after its keyword.
    fn definition(mut self) -> Parsed<()> {
        const CONTEXT: &str = "define clause";
        let name = self.next_word();
        self.tree.name = self.template_name(&name, CONTEXT)?;
        self.expect(Kind::Right, CONTEXT)?;
        self.body(CONTEXT)
    }

    /// Everything up to the end, as the root of the tree.
    fn body(mut self, context: &str) -> Parsed<()> {
        let (pos, nodes, ending) = self.list()?;
        if ending != Ending::End {
            return Err(self.error(format!("unexpected {} in {context}", self.shown_ending(ending))));
        }
        self.set_root(pos, nodes);
        self.add()
    }

    fn template_name(&mut self, token: &Token<'_>, context: &str) -> Parsed<Str> {
        match token.kind {
            Kind::String | Kind::RawString => self.unquoted(token),
            _ => Err(self.unexpected(token, context)),
        }
    }

    pub(super) fn unquoted(&self, token: &Token<'_>) -> Parsed<Str> {
        unquoted(&token.text).map(Str::from).ok_or_else(|| self.error("invalid syntax"))
    }

    // ---- actions ----

    /// Nodes up to an end or an else, which is taken.
    fn list(&mut self) -> Parsed<(usize, Vec<NodeId>, Ending)> {
        if self.nesting >= MAX_NESTING {
            return Err(self.error("max nesting depth of actions exceeded"));
        }
        self.nesting += 1;
        let pos = self.peek_word().pos;
        let mut nodes = Vec::new();
        while self.peek_word().kind != Kind::Eof {
            match self.text_or_action()? {
                Ok(node) => nodes.push(node),
                Err(ending) => {
                    self.nesting -= 1;
                    return Ok((pos, nodes, ending));
                }
            }
        }
        Err(self.error("unexpected EOF"))
    }

    fn text_or_action(&mut self) -> Parsed<Result<NodeId, Ending>> {
        let token = self.next_word();
        match token.kind {
            Kind::Text => Ok(Ok(self.push(token.pos, NodeKind::Text(token.text.as_ref().into())))),
            Kind::Left => {
                self.action_line = token.line;
                let action = self.action()?;
                self.action_line = 0;
                Ok(action)
            }
            _ => Err(self.unexpected(&token, "input")),
        }
    }

    fn action(&mut self) -> Parsed<Result<NodeId, Ending>> {
        let token = self.next_word();
        if let Kind::Keyword(keyword) = token.kind {
            let node = match keyword {
                Keyword::Block => self.block()?,
                Keyword::Break => self.jump(&token, "{{break}}", NodeKind::Break)?,
                Keyword::Continue => self.jump(&token, "{{continue}}", NodeKind::Continue)?,
                Keyword::Else => return self.otherwise().map(Err),
                Keyword::End => {
                    self.expect(Kind::Right, "end")?;
                    return Ok(Err(Ending::End));
                }
                Keyword::If => self.control(Control::If)?,
                Keyword::Range => self.control(Control::Range)?,
                Keyword::Template => self.template()?,
                Keyword::With => self.control(Control::With)?,
                Keyword::Dot | Keyword::Define | Keyword::Nil => {
                    self.give_back();
                    self.plain_action()?
                }
            };
            return Ok(Ok(node));
        }
        self.give_back();
        self.plain_action().map(Ok)
    }

    fn plain_action(&mut self) -> Parsed<NodeId> {
        let pos = self.peek().pos;
        let pipe = self.pipeline("command", Kind::Right)?;
        Ok(self.push(pos, NodeKind::Action(pipe)))
    }

    fn jump(&mut self, keyword: &Token<'s>, context: &str, kind: NodeKind) -> Parsed<NodeId> {
        let token = self.next_word();
        if token.kind != Kind::Right {
            return Err(self.unexpected(&token, context));
        }
        if self.ranges == 0 {
            return Err(self.error(format!("{context} outside {{{{range}}}}")));
        }
        Ok(self.push(keyword.pos, kind))
    }

    /// `{{else}}`, `{{else if`, `{{else with`, after the keyword; the second keyword stays.
    fn otherwise(&mut self) -> Parsed<Ending> {
        let next = self.peek_word();
        if matches!(next.kind, Kind::Keyword(Keyword::If | Keyword::With)) {
            return Ok(Ending::Else(next.pos));
        }
        Ok(Ending::Else(self.expect(Kind::Right, "else")?.pos))
    }

    fn control(&mut self, control: Control) -> Parsed<NodeId> {
        let known = self.variables.len();
        let pipe = self.pipeline(control.name(), Kind::Right)?;
        let is_range = usize::from(control == Control::Range);
        self.ranges += is_range;
        let (pos, nodes, ending) = self.list()?;
        self.ranges -= is_range;
        let list = self.push(pos, NodeKind::List(nodes));
        let otherwise = match ending {
            Ending::End => None,
            Ending::Else(pos) => Some(self.else_list(control, pos)?),
        };
        self.variables.truncate(known);
        let branch = Branch { pipe, list, otherwise };
        let kind = match control {
            Control::If => NodeKind::If(branch),
            Control::Range => NodeKind::Range(branch),
            Control::With => NodeKind::With(branch),
        };
        let pos = self.tree.node(pipe).pos;
        Ok(self.tree.push(pos, kind))
    }

    fn else_list(&mut self, control: Control, pos: usize) -> Parsed<NodeId> {
        let chained = matches!(
            (control, self.peek().kind),
            (Control::If, Kind::Keyword(Keyword::If)) | (Control::With, Kind::Keyword(Keyword::With))
        );
        if chained {
            // the chain's own end is the end of all of it
            self.next();
            if self.nesting >= MAX_NESTING {
                return Err(self.error("max nesting depth of actions exceeded"));
            }
            self.nesting += 1;
            let node = self.control(control)?;
            self.nesting -= 1;
            return Ok(self.push(pos, NodeKind::List(vec![node])));
        }
        let (pos, nodes, ending) = self.list()?;
        if ending != Ending::End {
            return Err(self.error(format!("expected end; found {}", self.shown_ending(ending))));
        }
        Ok(self.push(pos, NodeKind::List(nodes)))
    }

    /// `{{block "name" pipeline}} … {{end}}`, after its keyword: a definition, and its call here.
    fn block(&mut self) -> Parsed<NodeId> {
        const CONTEXT: &str = "block clause";
        let token = self.next_word();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::Right)?;
        Parser::new(self.text, name.clone(), self.nesting).body(CONTEXT)?;
        Ok(self.push(token.pos, NodeKind::Template { name, pipe: Some(pipe) }))
    }

    /// `{{template "name" pipeline}}`, after its keyword.
    fn template(&mut self) -> Parsed<NodeId> {
        const CONTEXT: &str = "template clause";
        let token = self.next_word();
        let name = self.template_name(&token, CONTEXT)?;
        let mut pipe = None;
        if self.next_word().kind != Kind::Right {
            self.give_back();
            pipe = Some(self.pipeline(CONTEXT, Kind::Right)?);
        }
        Ok(self.push(token.pos, NodeKind::Template { name, pipe }))
    }
}
