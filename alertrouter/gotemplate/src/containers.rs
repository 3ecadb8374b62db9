//! Slices and maps for those who have no type of their own for them.

use std::collections::BTreeMap;
use std::iter;

use crate::{Extent, Object, Str, Type, Value};

/// A slice, array or struct of any type, or the nil of a slice or map type.
#[derive(Debug, Clone)]
pub struct List {
    of: Type,
    elements: Vec<Value>,
    nil: bool,
    extent: Extent,
}

impl List {
    /// A slice (or array, or the fields of a struct) of that type.
    pub fn of(of: Type, elements: Vec<Value>) -> Self {
        let extent = Extent::around(&elements);
        Self { of, elements, nil: false, extent }
    }

    /// `[]interface {}`.
    pub fn new(elements: Vec<Value>) -> Self {
        Self::of(Type::LIST, elements)
    }

    /// `[]string`.
    pub fn strings<T: Into<Str>>(elements: impl IntoIterator<Item = T>) -> Self {
        Self::of(Type::STRINGS, elements.into_iter().map(|element| Value::String(element.into())).collect())
    }

    /// What a variable of that type holds before it is set: nil for a slice or map, zeros for an array or struct.
    pub fn nil(of: Type) -> Self {
        let elements: Vec<Value> = match of.underlying() {
            Type::Struct(fields) => fields.iter().map(|field| Value::zero(field.of)).collect(),
            Type::Array(length, of) => iter::repeat_n(Value::zero(*of), length).collect(),
            _ => Vec::new(),
        };
        let nil = matches!(of.underlying(), Type::Slice(_) | Type::Map(..));
        Self { nil, ..Self::of(of, elements) }
    }

    /// The elements.
    pub fn elements(&self) -> &[Value] {
        &self.elements
    }
}

impl Object for List {
    fn go_type(&self) -> Type {
        self.of
    }

    fn is_nil(&self) -> bool {
        self.nil
    }

    fn count(&self) -> usize {
        self.elements.len()
    }

    fn at(&self, position: usize) -> Option<Value> {
        self.elements.get(position).cloned()
    }

    fn slice(&self, from: usize, to: usize) -> Value {
        Self::of(self.of, self.elements.get(from..to).unwrap_or_default().to_vec()).into()
    }

    fn extent(&self) -> Extent {
        self.extent
    }
}

/// A map with strings as keys.
#[derive(Debug, Clone)]
pub struct Map {
    of: Type,
    entries: BTreeMap<Str, Value>,
    extent: Extent,
}

impl Map {
    /// A map of that type, whose keys must be strings.
    pub fn of(of: Type, entries: BTreeMap<Str, Value>) -> Self {
        let keys: u64 = entries.keys().map(|key| 16 + key.len() as u64).sum();
        let mut extent = Extent::around(entries.values());
        extent.bytes = extent.bytes.saturating_add(keys);
        Self { of, entries, extent }
    }

    /// `map[string]interface {}`.
    pub fn new(entries: BTreeMap<Str, Value>) -> Self {
        Self::of(Type::DICT, entries)
    }

    /// The entries.
    pub fn entries(&self) -> &BTreeMap<Str, Value> {
        &self.entries
    }
}

impl Object for Map {
    fn go_type(&self) -> Type {
        self.of
    }

    fn count(&self) -> usize {
        self.entries.len()
    }

    fn get(&self, key: &Value) -> Option<Value> {
        match key {
            Value::String(name) => self.named(name),
            _ => None,
        }
    }

    fn named(&self, name: &Str) -> Option<Value> {
        self.entries.get(name).cloned()
    }

    fn entries(&self) -> Vec<(Value, Value)> {
        self.entries.iter().map(|(key, value)| (Value::String(key.clone()), value.clone())).collect()
    }

    fn extent(&self) -> Extent {
        self.extent
    }
}
