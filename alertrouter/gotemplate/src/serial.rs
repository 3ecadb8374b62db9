//! Values from serde's data.
//!
//! What has names in Rust has none here: a struct becomes a `map[string]interface {}`, a list an `[]interface {}`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{self, Serialize, Serializer};

use crate::limits::MAX_VALUE_DEPTH;
use crate::{Failure, Integer, List, Map, Str, Value};

/// The value of anything that serde can write.
pub fn to_value(data: &(impl Serialize + ?Sized)) -> Result<Value, Failure> {
    data.serialize(Writer { depth: 0 })
}

impl ser::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

/// Makes one value, at some depth.
#[derive(Debug, Clone, Copy)]
struct Writer {
    depth: u32,
}

impl Writer {
    fn below(self) -> Result<Self, Failure> {
        if self.depth >= MAX_VALUE_DEPTH {
            return Err(Failure::new(format!("the data has more than {MAX_VALUE_DEPTH} levels")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

/// Makes a container: of elements, or of entries, which may have a name around them (a variant's).
struct Container {
    writer: Writer,
    elements: Vec<Value>,
    entries: BTreeMap<Str, Value>,
    key: Str,
    variant: Option<&'static str>,
    is_map: bool,
}

impl Container {
    fn new(writer: Writer, is_map: bool, variant: Option<&'static str>) -> Result<Self, Failure> {
        let (elements, entries) = (Vec::new(), BTreeMap::new());
        Ok(Self { writer: writer.below()?, elements, entries, key: Str::default(), variant, is_map })
    }

    fn push<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), Failure> {
        self.elements.push(element.serialize(self.writer)?);
        Ok(())
    }

    fn insert<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Failure> {
        self.entries.insert(key.into(), value.serialize(self.writer)?);
        Ok(())
    }

    fn finish(self) -> Value {
        let value: Value =
            if self.is_map { Map::new(self.entries).into() } else { List::new(self.elements).into() };
        match self.variant {
            Some(name) => Map::new([(name.into(), value)].into()).into(),
            None => value,
        }
    }
}

macro_rules! numbers {
    ($($method:ident: $number:ty => $make:expr;)*) => {
        $(fn $method(self, number: $number) -> Result<Value, Failure> {
            Ok($make(number))
        })*
    };
}

impl Serializer for Writer {
    type Ok = Value;
    type Error = Failure;
    type SerializeSeq = Container;
    type SerializeTuple = Container;
    type SerializeTupleStruct = Container;
    type SerializeTupleVariant = Container;
    type SerializeMap = Container;
    type SerializeStruct = Container;
    type SerializeStructVariant = Container;

    numbers! {
        serialize_bool: bool => Value::Bool;
        serialize_i8: i8 => |number| Value::Int(i64::from(number));
        serialize_i16: i16 => |number| Value::Int(i64::from(number));
        serialize_i32: i32 => |number| Value::Int(i64::from(number));
        serialize_i64: i64 => Value::Int;
        serialize_u8: u8 => |number| Value::Int(i64::from(number));
        serialize_u16: u16 => |number| Value::Int(i64::from(number));
        serialize_u32: u32 => |number| Value::Int(i64::from(number));
        serialize_u64: u64 => unsigned;
        serialize_f32: f32 => |number| Value::Float(f64::from(number));
        serialize_f64: f64 => Value::Float;
        serialize_char: char => |character: char| Value::from(String::from(character));
        serialize_str: &str => Value::from;
        serialize_bytes: &[u8] => |bytes| Value::String(Str::from(bytes));
    }

    fn serialize_none(self) -> Result<Value, Failure> {
        Ok(Value::Nil)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Failure> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Failure> {
        Ok(Value::Nil)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Value, Failure> {
        Ok(Value::Nil)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, Failure> {
        Ok(variant.into())
    }

    fn serialize_newtype_struct<T>(self, _name: &'static str, value: &T) -> Result<Value, Failure>
    where
        T: Serialize + ?Sized,
    {
        value.serialize(self.below()?)
    }

    fn serialize_newtype_variant<T>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Failure>
    where
        T: Serialize + ?Sized,
    {
        Ok(Map::new([(variant.into(), value.serialize(self.below()?)?)].into()).into())
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Container, Failure> {
        Container::new(self, false, None)
    }

    fn serialize_tuple(self, _length: usize) -> Result<Container, Failure> {
        Container::new(self, false, None)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _length: usize) -> Result<Container, Failure> {
        Container::new(self, false, None)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Container, Failure> {
        Container::new(self.below()?, false, Some(variant))
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Container, Failure> {
        Container::new(self, true, None)
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Container, Failure> {
        Container::new(self, true, None)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Container, Failure> {
        Container::new(self.below()?, true, Some(variant))
    }
}

fn unsigned(number: u64) -> Value {
    i64::try_from(number).map_or(Value::Sized(Integer::Uint64, number), Value::Int)
}

/// The same end for all that collect elements or entries.
macro_rules! containers {
    ($($name:ident: $method:ident($($arg:ident: $of:ty),*) => $call:ident;)*) => {
        $(impl ser::$name for Container {
            type Ok = Value;
            type Error = Failure;

            fn $method<T: Serialize + ?Sized>(&mut self, $($arg: $of,)* value: &T) -> Result<(), Failure> {
                self.$call($($arg,)* value)
            }

            fn end(self) -> Result<Value, Failure> {
                Ok(self.finish())
            }
        })*
    };
}

containers! {
    SerializeSeq: serialize_element() => push;
    SerializeTuple: serialize_element() => push;
    SerializeTupleStruct: serialize_field() => push;
    SerializeTupleVariant: serialize_field() => push;
    SerializeStruct: serialize_field(key: &'static str) => insert;
    SerializeStructVariant: serialize_field(key: &'static str) => insert;
}

impl ser::SerializeMap for Container {
    type Ok = Value;
    type Error = Failure;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failure> {
        let key = key.serialize(self.writer)?;
        self.key = match key {
            Value::String(text) => text,
            other => crate::sprint(&[other]),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        let key = std::mem::take(&mut self.key);
        self.entries.insert(key, value.serialize(self.writer)?);
        Ok(())
    }

    fn end(self) -> Result<Value, Failure> {
        Ok(self.finish())
    }
}

impl<'de> serde::Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader { depth: 0 })
    }
}

/// Reads one value, at some depth.
#[derive(Debug, Clone, Copy)]
struct Reader {
    depth: u32,
}

impl Reader {
    fn below<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_VALUE_DEPTH {
            return Err(E::custom(format!("the data has more than {MAX_VALUE_DEPTH} levels")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Reader {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(unsigned(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::String(bytes.into()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut elements = Vec::new();
        while let Some(element) = access.next_element_seed(below)? {
            elements.push(element);
        }
        Ok(List::new(elements).into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut entries = BTreeMap::new();
        while let Some(key) = access.next_key::<String>()? {
            entries.insert(Str::from(key), access.next_value_seed(below)?);
        }
        Ok(Map::new(entries).into())
    }
}

impl serde::de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}
