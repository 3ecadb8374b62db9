//! Fields, entries and methods.

use super::{Item, Run, State};
use crate::fmt::is_exported;
use crate::templates::MissingKey;
use crate::tree::NodeId;
use crate::{Field, Method, Object, Str, Type, Value, quoted};

/// Where a chain of fields begins.
pub(super) enum Start {
    /// At dot.
    Dot,
    /// At the variable of that position.
    Variable(usize),
    /// At a value that was just made.
    Item(Item),
}

/// What a name stands for.
enum Found {
    /// A field or an entry.
    Item(Item),
    /// A method, which must be called.
    Method(&'static Method),
}

impl<'t> State<'t> {
    /// A chain of fields. The last may be a method, which gets the arguments.
    pub(super) fn fields(
        &mut self,
        start: Start,
        id: NodeId,
        names: &'t [Str],
        words: &[NodeId],
        last: Option<Item>,
    ) -> Run<Item> {
        let has_arguments = words.len() > 1 || last.is_some();
        let (mut start, mut last) = (start, last);
        let mut left = names.iter();
        while let Some(name) = left.next() {
            let is_last = left.as_slice().is_empty();
            // looked at where it is: a clone of it would count its owners up and down for nothing
            let receiver = match &start {
                Start::Dot => &self.dot,
                Start::Variable(position) => match self.variables.get(*position) {
                    Some(variable) => &variable.item,
                    None => return Ok(Item::default()),
                },
                Start::Item(item) => item,
            };
            let item = match self.look_up(name, receiver, is_last && has_arguments)? {
                Found::Item(item) => item,
                Found::Method(method) => {
                    let value = receiver.value.clone();
                    let (words, last) = if is_last { (words, last.take()) } else { Default::default() };
                    self.method(&value, method, id, words, last)?
                }
            };
            start = Start::Item(item);
        }
        match start {
            Start::Item(item) => Ok(item),
            Start::Dot | Start::Variable(_) => Ok(Item::default()),
        }
    }

    fn look_up(&self, name: &Str, receiver: &Item, has_arguments: bool) -> Run<Found> {
        let value = &receiver.value;
        let Some(found) = value.go_type() else {
            return self.look_up_in_nothing(name, receiver.boxed).map(Found::Item);
        };
        let of = if receiver.boxed { Type::Interface } else { found };
        if let Some(method) = found.method(name) {
            return Ok(Found::Method(method));
        }
        let object = value.as_object();
        let structure = match found {
            Type::Pointer(named) => named.underlying,
            _ => found.underlying(),
        };
        let item = match (structure, object) {
            (Type::Struct(fields), object) => self.struct_field(name, of, fields, object, has_arguments)?,
            (Type::Map(Type::String | Type::Interface, element), Some(object)) => {
                self.entry(name, *element, object, has_arguments)?
            }
            _ if matches!(value, Value::NilPointer(_)) => {
                return Err(self.error(&format!("nil pointer evaluating {of}.{name}")));
            }
            _ => return Err(self.cannot_evaluate(name, of)),
        };
        Ok(Found::Item(item))
    }

    fn look_up_in_nothing(&self, name: &Str, boxed: bool) -> Run<Item> {
        if boxed {
            return Err(self.error(&format!("nil pointer evaluating interface {{}}.{name}")));
        }
        if self.options.missing_key == MissingKey::Error {
            return Err(self.error(&format!("nil data; no entry for key {}", quoted(name))));
        }
        Ok(Item::default())
    }

    fn struct_field(
        &self,
        name: &Str,
        of: Type,
        fields: &[Field],
        object: Option<&dyn Object>,
        has_arguments: bool,
    ) -> Run<Item> {
        let position = fields.iter().position(|field| field.name.as_bytes() == name.as_bytes());
        let Some((position, field)) = position.and_then(|position| Some((position, fields.get(position)?)))
        else {
            return Err(self.cannot_evaluate(name, of));
        };
        let Some(object) = object else {
            return Err(self.error(&format!("nil pointer evaluating {of}.{name}")));
        };
        if !is_exported(field.name) {
            return Err(self.error(&format!("{name} is an unexported field of struct type {of}")));
        }
        if has_arguments {
            return Err(self.error(&format!("{name} has arguments but cannot be invoked as function")));
        }
        Ok(Item::from_place(object.at(position).unwrap_or_default(), field.of))
    }

    fn entry(&self, name: &Str, of: Type, map: &dyn Object, has_arguments: bool) -> Run<Item> {
        if has_arguments {
            return Err(self.error(&format!("{name} is not a method but has arguments")));
        }
        match (map.named(name), self.options.missing_key) {
            (Some(entry), _) => Ok(Item::from_place(entry, of)),
            (None, MissingKey::Invalid) => Ok(Item::default()),
            (None, MissingKey::Zero) => Ok(Item::from_place(Value::zero(of), of)),
            (None, MissingKey::Error) => {
                Err(self.error(&format!("map has no entry for key {}", quoted(name))))
            }
        }
    }

    fn cannot_evaluate(&self, name: &Str, of: Type) -> Box<crate::Error> {
        self.error(&format!("can't evaluate field {name} in type {of}"))
    }
}
