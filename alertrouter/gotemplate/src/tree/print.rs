//! Nodes as text again, as messages show them.

use super::{NodeId, NodeKind, Tree};
use crate::quote::quoted;

impl Tree {
    /// The node as Go writes it: in one form, whatever spaces there were.
    pub(crate) fn text_of(&self, id: NodeId) -> String {
        let mut out = String::new();
        self.write(id, &mut out);
        out
    }

    /// Goes down only where parentheses do, of which the parser takes no more than a bound.
    fn write(&self, id: NodeId, out: &mut String) {
        match self.kind(id) {
            NodeKind::Text(text) => out.push_str(&text.to_text()),
            NodeKind::Action(pipe) => self.write_action("", Some(*pipe), out),
            NodeKind::If(branch) => self.write_action("if ", Some(branch.pipe), out),
            NodeKind::Range(branch) => self.write_action("range ", Some(branch.pipe), out),
            NodeKind::With(branch) => self.write_action("with ", Some(branch.pipe), out),
            NodeKind::Template { name, pipe } => {
                let space = if pipe.is_some() { " " } else { "" };
                self.write_action(&format!("template {}{space}", quoted(name)), *pipe, out);
            }
            NodeKind::Break => self.write_action("break", None, out),
            NodeKind::Continue => self.write_action("continue", None, out),
            NodeKind::List(_) => {}
            NodeKind::Pipe(pipe) => {
                self.join(&pipe.variables, ", ", out);
                if !pipe.variables.is_empty() {
                    out.push_str(if pipe.assign { " = " } else { " := " });
                }
                self.join(&pipe.commands, " | ", out);
            }
            NodeKind::Command(words) => {
                for (position, word) in words.iter().enumerate() {
                    out.push_str(if position > 0 { " " } else { "" });
                    self.write_operand(*word, out);
                }
            }
            NodeKind::Field(names) => {
                for name in names {
                    push_field(name, out);
                }
            }
            NodeKind::Chain { node, fields } => {
                self.write_operand(*node, out);
                for name in fields {
                    push_field(name, out);
                }
            }
            NodeKind::Identifier(function) => out.push_str(&function.name.to_text()),
            NodeKind::Variable(names) => {
                for (position, name) in names.iter().enumerate() {
                    out.push_str(if position > 0 { "." } else { "" });
                    out.push_str(&name.to_text());
                }
            }
            NodeKind::Dot => out.push('.'),
            NodeKind::Nil => out.push_str("nil"),
            NodeKind::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            NodeKind::Number(number) => out.push_str(&number.text.to_text()),
            NodeKind::String { quoted, .. } => out.push_str(&quoted.to_text()),
        }
    }

    fn write_action(&self, keyword: &str, pipe: Option<NodeId>, out: &mut String) {
        out.push_str(&self.source.left.to_text());
        out.push_str(keyword);
        if let Some(pipe) = pipe {
            self.write(pipe, out);
        }
        out.push_str(&self.source.right.to_text());
    }

    fn write_operand(&self, id: NodeId, out: &mut String) {
        let parens = matches!(self.kind(id), NodeKind::Pipe(_));
        out.push_str(if parens { "(" } else { "" });
        self.write(id, out);
        out.push_str(if parens { ")" } else { "" });
    }

    fn join(&self, nodes: &[NodeId], between: &str, out: &mut String) {
        for (position, node) in nodes.iter().enumerate() {
            out.push_str(if position > 0 { between } else { "" });
            self.write(*node, out);
        }
    }
}

fn push_field(name: &[u8], out: &mut String) {
    out.push('.');
    out.push_str(&String::from_utf8_lossy(name));
}
