//! `range`.

use std::sync::Arc;
use std::vec;

use super::{Item, Run, State, Then};
use crate::tree::{Branch, NodeId, NodeKind, Pipe};
use crate::{Integer, Kind, Object, Type, Value};

/// An iteration that is not at its end.
pub(super) struct Range<'t> {
    source: Source,
    pipe: Option<&'t Pipe>,
    /// How many variables there are before each body.
    body: usize,
    /// What dot is outside.
    dot: Item,
}

/// What is iterated over.
enum Source {
    Integers { integer: Integer, next: u64, end: u64 },
    Elements { object: Arc<dyn Object>, of: Type, next: usize },
    Entries { entries: vec::IntoIter<(Value, Value)>, key: Type, of: Type },
}

impl Source {
    /// The next index and element.
    fn next(&mut self) -> Option<(Item, Item)> {
        match self {
            Self::Integers { integer, next, end } => {
                if *next >= *end {
                    return None;
                }
                let number = *next;
                *next += 1;
                let value = match integer {
                    Integer::Int => Value::Int(number.cast_signed()),
                    other => Value::Sized(*other, number),
                };
                Some((Item::default(), value.into()))
            }
            Self::Elements { object, of, next } => {
                let element = object.at(*next)?;
                let index = Value::Int(i64::try_from(*next).unwrap_or(i64::MAX));
                *next += 1;
                Some((index.into(), Item::from_place(element, *of)))
            }
            Self::Entries { entries, key, of } => {
                let (name, value) = entries.next()?;
                Some((Item::from_place(name, *key), Item::from_place(value, *of)))
            }
        }
    }
}

impl Range<'_> {
    pub(super) fn into_dot(self) -> Item {
        self.dot
    }
}

impl<'t> State<'t> {
    pub(super) fn range(&mut self, branch: &'t Branch) -> Run<()> {
        let mark = self.variables.len();
        let item = self.pipeline(branch.pipe)?;
        let pipe = self.tree.pipe(branch.pipe);
        let source = self.source(item.value, pipe)?;
        if let Some(source) = source {
            let range = Range { source, pipe, body: self.variables.len(), dot: self.dot.clone() };
            let nodes = self.tree.list(branch.list);
            if self.iterate(Box::new(range), mark, nodes)?.is_none() {
                return Ok(());
            }
        }
        // the variables of the range can be named here too
        match branch.otherwise {
            Some(otherwise) => self.enter(self.tree.list(otherwise), mark, Then::RangeElse),
            None => self.variables.truncate(mark),
        }
        Ok(())
    }

    /// Begins with the next element, or gives the iteration back that is at its end.
    pub(super) fn iterate(
        &mut self,
        mut range: Box<Range<'t>>,
        mark: usize,
        nodes: &'t [NodeId],
    ) -> Run<Option<Box<Range<'t>>>> {
        self.variables.truncate(range.body);
        let Some((index, element)) = range.source.next() else { return Ok(Some(range)) };
        self.step(1)?;
        if let Some(pipe) = range.pipe {
            self.set_range_variables(pipe, index, &element)?;
        }
        self.dot = element;
        self.enter(nodes, mark, Then::Iterate(range));
        Ok(None)
    }

    fn set_range_variables(&mut self, pipe: &Pipe, index: Item, element: &Item) -> Run<()> {
        let named = |id: &NodeId| match self.tree.kind(*id) {
            NodeKind::Variable(names) => names.first(),
            _ => None,
        };
        let (first, second) = (pipe.variables.first().and_then(named), pipe.variables.get(1).and_then(named));
        let (Some(first), is_assign) = (first, pipe.assign) else { return Ok(()) };
        match (second, is_assign) {
            (None, true) => self.set_variable(first, element.clone())?,
            (None, false) => self.set_top(1, element.clone()),
            (Some(second), true) => {
                self.set_variable(first, index)?;
                self.set_variable(second, element.clone())?;
            }
            (Some(_), false) => {
                self.set_top(1, element.clone());
                self.set_top(2, index);
            }
        }
        Ok(())
    }

    fn set_top(&mut self, from_top: usize, item: Item) {
        let position = self.variables.len().checked_sub(from_top);
        if let Some(variable) = position.and_then(|position| self.variables.get_mut(position)) {
            variable.item = item;
        }
    }

    /// What there is to iterate over; nothing for what is absent.
    fn source(&mut self, value: Value, pipe: Option<&Pipe>) -> Run<Option<Source>> {
        let variables = pipe.map_or(0, |pipe| pipe.variables.len());
        let value = match value {
            Value::Pointer(object) => Value::Object(object),
            other => other,
        };
        match (value.kind(), &value) {
            (Kind::Invalid, _) => Ok(None),
            (Kind::Int | Kind::Uint, _) => {
                if variables > 1 {
                    let shown = self.shown(&value);
                    return Err(
                        self.error(&format!("can't use {shown} to iterate over more than one variable"))
                    );
                }
                let (integer, end) = match value.plain() {
                    Value::Int(number) => (Integer::Int, u64::try_from(number).unwrap_or(0)),
                    Value::Sized(integer, bits) if integer.signed() => {
                        (integer, u64::try_from(bits.cast_signed()).unwrap_or(0))
                    }
                    Value::Sized(integer, bits) => (integer, bits),
                    _ => (Integer::Int, 0),
                };
                Ok(Some(Source::Integers { integer, next: 0, end }))
            }
            (Kind::Array | Kind::Slice | Kind::Map, Value::Object(object)) => {
                Ok(match object.go_type().underlying() {
                    Type::Map(key, of) => {
                        self.step(object.count() as u64)?;
                        Some(Source::Entries { entries: object.entries().into_iter(), key: *key, of: *of })
                    }
                    Type::Slice(of) | Type::Array(_, of) => {
                        Some(Source::Elements { object: Arc::clone(object), of: *of, next: 0 })
                    }
                    _ => None,
                })
            }
            _ => {
                let shown = self.shown(&value);
                Err(self.error(&format!("range can't iterate over {shown}")))
            }
        }
    }
}
