//! Pipelines, commands, operands.

use std::sync::Arc;

use super::lex::{Keyword, Kind, Token};
use super::number;
use super::parser::{Parsed, Parser};
use crate::Str;
use crate::limits::MAX_PARENS;
use crate::quote::quoted;
use crate::tree::{NodeId, NodeKind, Number, Pipe};

impl<'s> Parser<'_, 's> {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<NodeId> {
        let pos = self.peek_word().pos;
        let mut pipe = Pipe::default();
        while self.declaration(&mut pipe, context)? {}
        loop {
            let token = self.next_word();
            match token.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Keyword(Keyword::Dot | Keyword::Nil)
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.give_back();
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return Err(self.unexpected(&token, context)),
            }
        }
        self.check(&pipe, context)?;
        Ok(self.push(pos, NodeKind::Pipe(pipe)))
    }

    /// Reads a variable that is declared or assigned to. True if another may follow.
    fn declaration(&mut self, pipe: &mut Pipe, context: &str) -> Parsed<bool> {
        let variable = self.peek_word();
        if variable.kind != Kind::Variable {
            return Ok(false);
        }
        self.next();
        // what comes after it must be read to know what it is, and given back with the space between
        let after = self.peek();
        let next = self.peek_word();
        match next.kind {
            Kind::Assign | Kind::Declare => {
                pipe.assign = next.kind == Kind::Assign;
                self.next_word();
                self.declare(pipe, &variable);
            }
            Kind::Char if next.text.as_ref() == b"," => {
                self.next_word();
                self.declare(pipe, &variable);
                if context == "range" && pipe.variables.len() < 2 {
                    return match self.peek_word().kind {
                        Kind::Variable | Kind::Right | Kind::RightParen => Ok(true),
                        _ => Err(self.error("range can only initialize variables")),
                    };
                }
                return Err(self.error(format!("too many declarations in {context}")));
            }
            _ if after.kind == Kind::Space => self.give_back_three(variable, after),
            _ => self.give_back_two(variable),
        }
        Ok(false)
    }

    fn declare(&mut self, pipe: &mut Pipe, variable: &Token<'s>) {
        let name = Str::from(variable.text.as_ref());
        let node = self.push(variable.pos, NodeKind::Variable(vec![name.clone()]));
        pipe.variables.push(node);
        self.variables.push(name);
    }

    fn check(&self, pipe: &Pipe, context: &str) -> Parsed<()> {
        if pipe.commands.is_empty() {
            return Err(self.error(format!("missing value for {context}")));
        }
        for (stage, command) in pipe.commands.iter().enumerate().skip(1) {
            let NodeKind::Command(words) = self.tree.kind(*command) else { continue };
            let first = words.first().map(|first| self.tree.kind(*first));
            if let Some(
                NodeKind::Bool(_)
                | NodeKind::Dot
                | NodeKind::Nil
                | NodeKind::Number(_)
                | NodeKind::String { .. },
            ) = first
            {
                return Err(self.error(format!("non executable command in pipeline stage {}", stage + 1)));
            }
        }
        Ok(())
    }

    /// Words up to a pipe, which is taken, or an end, which is not.
    fn command(&mut self) -> Parsed<NodeId> {
        let pos = self.peek_word().pos;
        let mut words = Vec::new();
        loop {
            self.peek_word();
            words.extend(self.operand()?);
            let token = self.next();
            match token.kind {
                Kind::Space => {}
                Kind::Right | Kind::RightParen => {
                    self.give_back();
                    break;
                }
                Kind::Pipe => break,
                _ => return Err(self.unexpected(&token, "operand")),
            }
        }
        if words.is_empty() {
            return Err(self.error("empty command"));
        }
        Ok(self.push(pos, NodeKind::Command(words)))
    }

    /// A term with the fields after it.
    fn operand(&mut self) -> Parsed<Option<NodeId>> {
        let Some(node) = self.term()? else { return Ok(None) };
        let next = self.peek();
        if next.kind != Kind::Field {
            return Ok(Some(node));
        }
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(field_name(&self.next()));
        }
        let kind = match self.tree.kind(node) {
            NodeKind::Field(names) => NodeKind::Field(names.iter().cloned().chain(fields).collect()),
            NodeKind::Variable(names) => NodeKind::Variable(names.iter().cloned().chain(fields).collect()),
            NodeKind::Bool(_)
            | NodeKind::String { .. }
            | NodeKind::Number(_)
            | NodeKind::Nil
            | NodeKind::Dot => {
                let term = quoted(self.tree.text_of(node).as_bytes());
                return Err(self.error(format!("unexpected . after term {term}")));
            }
            _ => NodeKind::Chain { node, fields },
        };
        Ok(Some(self.push(next.pos, kind)))
    }

    /// A literal, a name, or a pipeline in parentheses; nothing if there is none here.
    fn term(&mut self) -> Parsed<Option<NodeId>> {
        let token = self.next_word();
        let kind = match token.kind {
            Kind::Identifier => match self.text.functions.get(token.text.as_ref()) {
                Some(function) => NodeKind::Identifier(Arc::clone(function)),
                None => {
                    return Err(self.error(format!("function {} not defined", quoted(&token.text))));
                }
            },
            Kind::Keyword(Keyword::Dot) => NodeKind::Dot,
            Kind::Keyword(Keyword::Nil) => NodeKind::Nil,
            Kind::Variable => {
                if !self.variables.iter().any(|known| **known == *token.text) {
                    return Err(self.error(format!("undefined variable {}", quoted(&token.text))));
                }
                NodeKind::Variable(vec![token.text.as_ref().into()])
            }
            Kind::Field => NodeKind::Field(vec![field_name(&token)]),
            Kind::Bool => NodeKind::Bool(token.text.as_ref() == b"true"),
            Kind::CharConstant => self.number(number::character(&token.text))?,
            Kind::Complex => self.number(number::complex(&token.text))?,
            Kind::Number => self.number(number::plain(&token.text))?,
            Kind::LeftParen => {
                if self.parens >= MAX_PARENS {
                    return Err(self.error("max expression depth exceeded"));
                }
                self.parens += 1;
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
                self.parens -= 1;
                return Ok(Some(pipe));
            }
            Kind::String | Kind::RawString => {
                let text = self.unquoted(&token)?;
                NodeKind::String { quoted: token.text.as_ref().into(), text }
            }
            _ => {
                self.give_back();
                return Ok(None);
            }
        };
        Ok(Some(self.push(token.pos, kind)))
    }

    fn number(&self, number: Result<Number, String>) -> Parsed<NodeKind> {
        number.map(|number| NodeKind::Number(Box::new(number))).map_err(|problem| self.error(problem))
    }
}

/// A field's name without its dot.
fn field_name(token: &Token<'_>) -> Str {
    token.text.get(1..).unwrap_or_default().into()
}
