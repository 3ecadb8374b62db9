//! Pipelines, commands and their words.

use super::field::Start;
use super::{Item, Run, State, Variable};
use crate::tree::{NodeId, NodeKind, Number};
use crate::{Integer, Str, Type, Value};

impl<'t> State<'t> {
    /// The value of a pipeline. What it declares is there from now on.
    pub(super) fn pipeline(&mut self, id: NodeId) -> Run<Item> {
        self.at = id;
        self.step(1)?;
        let Some(pipe) = self.tree.pipe(id) else { return Ok(Item::default()) };
        let mut last = None;
        for command in &pipe.commands {
            last = Some(self.command(*command, last)?.unboxed());
        }
        let item = last.unwrap_or_default();
        for variable in &pipe.variables {
            let NodeKind::Variable(names) = self.tree.kind(*variable) else { continue };
            let Some(name) = names.first() else { continue };
            if pipe.assign {
                self.set_variable(name, item.clone())?;
            } else {
                self.variables.push(Variable { name, item: item.clone() });
            }
        }
        Ok(item)
    }

    pub(super) fn set_variable(&mut self, name: &Str, item: Item) -> Run<()> {
        let base = self.base;
        let known = self.variables.iter_mut().skip(base).rfind(|variable| variable.name == name.as_bytes());
        match known {
            Some(variable) => variable.item = item,
            None => return Err(self.undefined(name)),
        }
        Ok(())
    }

    /// Where the variable of that name is.
    fn variable(&self, name: &Str) -> Run<usize> {
        let here = self.variables.get(self.base..).unwrap_or_default();
        let known = here.iter().rposition(|variable| variable.name == name.as_bytes());
        known.map(|position| self.base + position).ok_or_else(|| self.undefined(name))
    }

    fn undefined(&self, name: &Str) -> Box<crate::Error> {
        self.error(&format!("undefined variable: {name}"))
    }

    /// The value of a command, which may get the value of the one before as its last argument.
    fn command(&mut self, id: NodeId, last: Option<Item>) -> Run<Item> {
        let NodeKind::Command(words) = self.tree.kind(id) else { return Ok(Item::default()) };
        let Some(first) = words.first().copied() else { return Ok(Item::default()) };
        match self.tree.kind(first) {
            NodeKind::Field(names) => self.field_node(first, names, words, last),
            NodeKind::Chain { node, fields } => self.chain(first, *node, fields, words, last),
            NodeKind::Identifier(function) => {
                self.at = first;
                self.function(function, id, words, last)
            }
            NodeKind::Pipe(_) => {
                self.not_a_function(words, last.is_some())?;
                self.pipeline(first)
            }
            NodeKind::Variable(names) => self.variable_node(first, names, words, last),
            other => {
                self.at = first;
                self.not_a_function(words, last.is_some())?;
                match other {
                    NodeKind::Bool(value) => Ok(Value::Bool(*value).into()),
                    NodeKind::Dot => Ok(self.dot.clone()),
                    NodeKind::Number(number) => self.constant(first, number).map(Item::from),
                    NodeKind::String { text, .. } => Ok(Value::String(text.clone()).into()),
                    _ => Err(self.error("nil is not a command")),
                }
            }
        }
    }

    fn not_a_function(&self, words: &[NodeId], has_last: bool) -> Run<()> {
        match words.first() {
            Some(first) if words.len() > 1 || has_last => {
                let shown = self.tree.text_of(*first);
                Err(self.error(&format!("can't give argument to non-function {shown}")))
            }
            _ => Ok(()),
        }
    }

    /// A number whose type only its syntax tells.
    fn constant(&mut self, id: NodeId, number: &Number) -> Run<Value> {
        self.at = id;
        if let Some((real, imaginary)) = number.complex {
            return Ok(Value::Complex(real, imaginary));
        }
        let text = &number.text;
        let is_rune = text.first() == Some(&b'\'');
        let has = |signs: &[u8]| text.iter().any(|byte| signs.contains(byte));
        let is_hex = text.len() > 2 && matches!(text.get(..2), Some(b"0x" | b"0X")) && !has(b"pP");
        match (number.float, number.int) {
            (Some(float), _) if !is_hex && !is_rune && has(b".eEpP") => Ok(Value::Float(float)),
            (_, Some(int)) => Ok(Value::Int(int)),
            _ if number.uint.is_some() => Err(self.error(&format!("{text} overflows int"))),
            _ => Ok(Value::Nil),
        }
    }

    fn field_node(
        &mut self,
        id: NodeId,
        names: &'t [Str],
        words: &[NodeId],
        last: Option<Item>,
    ) -> Run<Item> {
        self.at = id;
        self.fields(Start::Dot, id, names, words, last)
    }

    fn variable_node(
        &mut self,
        id: NodeId,
        names: &'t [Str],
        words: &[NodeId],
        last: Option<Item>,
    ) -> Run<Item> {
        self.at = id;
        let Some((name, fields)) = names.split_first() else { return Ok(Item::default()) };
        let position = self.variable(name)?;
        if fields.is_empty() {
            self.not_a_function(words, last.is_some())?;
            return Ok(self
                .variables
                .get(position)
                .map(|variable| variable.item.clone())
                .unwrap_or_default());
        }
        self.fields(Start::Variable(position), id, fields, words, last)
    }

    fn chain(
        &mut self,
        id: NodeId,
        node: NodeId,
        fields: &'t [Str],
        words: &[NodeId],
        last: Option<Item>,
    ) -> Run<Item> {
        self.at = id;
        if matches!(self.tree.kind(node), NodeKind::Nil) {
            let shown = self.tree.text_of(id);
            return Err(self.error(&format!("indirection through explicit nil in {shown}")));
        }
        let item = self.argument(None, node)?;
        self.fields(Start::Item(item), id, fields, words, last)
    }

    /// The value of a word that is given where a type is wanted; any is where none is.
    pub(super) fn argument(&mut self, wanted: Option<Type>, id: NodeId) -> Run<Item> {
        self.at = id;
        let item = match self.tree.kind(id) {
            NodeKind::Dot => self.dot.clone(),
            NodeKind::Nil => {
                let wanted = wanted.unwrap_or(Type::Interface);
                if !wanted.can_be_nil() {
                    return Err(self.error(&format!("cannot assign nil to {wanted}")));
                }
                return Ok(Item::from_place(Value::zero(wanted), wanted));
            }
            NodeKind::Field(names) => self.field_node(id, names, &[], None)?,
            NodeKind::Variable(names) => self.variable_node(id, names, &[], None)?,
            NodeKind::Pipe(_) => self.pipeline(id)?,
            NodeKind::Identifier(function) => self.function(function, id, &[], None)?,
            NodeKind::Chain { node, fields } => self.chain(id, *node, fields, &[], None)?,
            literal => return self.literal(wanted.unwrap_or(Type::Interface), id, literal).map(Item::from),
        };
        self.assigned(item, wanted)
    }

    /// A literal where a type is wanted.
    fn literal(&mut self, wanted: Type, id: NodeId, literal: &'t NodeKind) -> Run<Value> {
        let number = match literal {
            NodeKind::Number(number) => Some(number),
            _ => None,
        };
        let (value, expected) = match (wanted.underlying(), literal) {
            (Type::Interface | Type::Reflect, NodeKind::Bool(value)) => return Ok(Value::Bool(*value)),
            (Type::Interface | Type::Reflect, NodeKind::Number(number)) => return self.constant(id, number),
            (Type::Interface | Type::Reflect, NodeKind::String { text, .. }) => {
                return Ok(Value::String(text.clone()));
            }
            (Type::Bool, NodeKind::Bool(value)) => return Ok(Value::Bool(*value)),
            (Type::String, NodeKind::String { text, .. }) => return Ok(Value::String(text.clone())),
            (Type::Bool, _) => (None, "bool"),
            (Type::String, _) => (None, "string"),
            (Type::Integer(integer), _) if integer.signed() => {
                let int = number.and_then(|number| number.int);
                (int.map(|int| sized(integer, int.cast_unsigned())), "integer")
            }
            (Type::Integer(integer), _) => {
                let uint = number.and_then(|number| number.uint);
                (uint.map(|uint| sized(integer, uint)), "unsigned integer")
            }
            (Type::Float, _) => (number.and_then(|number| number.float).map(Value::Float), "float"),
            (Type::Complex, _) => {
                let parts = number.and_then(|number| number.complex);
                (parts.map(|(real, imaginary)| Value::Complex(real, imaginary)), "complex")
            }
            _ => {
                let shown = self.tree.text_of(id);
                return Err(self.error(&format!("can't handle {shown} for arg of type {wanted}")));
            }
        };
        value.ok_or_else(|| {
            let shown = self.tree.text_of(id);
            self.error(&format!("expected {expected}; found {shown}"))
        })
    }

    /// The value as one of the type that is wanted, if it can be.
    pub(super) fn assigned(&self, item: Item, wanted: Option<Type>) -> Run<Item> {
        let Some(wanted) = wanted else { return Ok(item) };
        if matches!(wanted, Type::Reflect) {
            return Ok(item);
        }
        let Some(found) = item.static_type() else {
            if wanted.can_be_nil() {
                return Ok(Item::from_place(Value::zero(wanted), wanted));
            }
            return Err(self.error(&format!("invalid value; expected {wanted}")));
        };
        if found.assignable_to(wanted) {
            return Ok(item);
        }
        // what is in the interface, if there is anything
        let found = item.value.go_type().unwrap_or(found);
        if item.boxed && found.assignable_to(wanted) && found != Type::Interface {
            return Ok(item.unboxed());
        }
        match (item.value, wanted) {
            (Value::Pointer(object), _) if object.go_type().assignable_to(wanted) => {
                Ok(Value::Object(object).into())
            }
            (Value::NilPointer(named), _) if Type::Named(named).assignable_to(wanted) => {
                Err(self.error(&format!("dereference of nil pointer of type {wanted}")))
            }
            (Value::Object(object), Type::Pointer(named)) if object.go_type() == Type::Named(named) => {
                Ok(Value::Pointer(object).into())
            }
            _ => Err(self.error(&format!("wrong type for value; expected {wanted}; got {found}"))),
        }
    }
}

fn sized(integer: Integer, bits: u64) -> Value {
    match integer {
        Integer::Int => Value::Int(bits.cast_signed()),
        other => Value::Sized(other, other.wrap(bits)),
    }
}
