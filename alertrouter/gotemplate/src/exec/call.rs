//! Calls of functions and methods.

use super::{Item, Run, State, truth};
use crate::builtin::{self, Builtin};
use crate::function::{Args, Body, Failure, Function};
use crate::tree::NodeId;
use crate::{Method, Signature, Type, Value};

impl State<'_> {
    pub(super) fn function(
        &mut self,
        function: &Function,
        node: NodeId,
        words: &[NodeId],
        last: Option<Item>,
    ) -> Run<Item> {
        let name = &function.name;
        let words = words.get(1..).unwrap_or_default();
        let given = self.count(name, function.signature, words, last.is_some())?;
        if let Body::Builtin(builtin @ (Builtin::And | Builtin::Or)) = function.body {
            return self.short_circuit(builtin == Builtin::Or, words, last);
        }
        if let Body::Builtin(Builtin::Len) = function.body {
            return self.length(node, words.first(), last);
        }
        let callee = match (&function.body, words.first(), &last) {
            (Body::Builtin(Builtin::Call), Some(first), _) => self.tree.text_of(*first),
            (Body::Builtin(Builtin::Call), None, Some(last)) => go_string(&last.value),
            _ => String::new(),
        };
        let values = self.arguments(function.signature, words, last, given)?;
        self.charge_arguments(&values)?;
        let result = match &function.body {
            Body::Builtin(Builtin::Call) => builtin::call(&callee, &values),
            Body::Builtin(builtin) => {
                let limit = usize::try_from(self.options.limits.bytes).unwrap_or(usize::MAX);
                builtin::run(*builtin, &values, limit)
            }
            Body::Own(body) => body(Args::new(&values)),
        };
        self.give_back(values);
        self.result(name, node, function.signature.result, result)
    }

    pub(super) fn method(
        &mut self,
        receiver: &Value,
        method: &'static Method,
        node: NodeId,
        words: &[NodeId],
        last: Option<Item>,
    ) -> Run<Item> {
        let words = words.get(1..).unwrap_or_default();
        let given = self.count(method.name.as_bytes(), &method.signature, words, last.is_some())?;
        let values = self.arguments(&method.signature, words, last, given)?;
        self.charge_arguments(&values)?;
        let result = match receiver.as_object() {
            Some(object) => object.call(method.name, Args::new(&values)),
            None => Err(Failure::new("runtime error: invalid memory address or nil pointer dereference")),
        };
        self.give_back(values);
        self.result(method.name.as_bytes(), node, method.signature.result, result)
    }

    /// How many arguments there are, if it is one of the numbers that are wanted.
    fn count(&self, name: &[u8], signature: &Signature, words: &[NodeId], has_last: bool) -> Run<usize> {
        let (least, given) = (signature.params.len(), words.len() + usize::from(has_last));
        if signature.variadic.is_some() {
            if given < least {
                let (got, name) = (words.len(), String::from_utf8_lossy(name));
                let problem = format!("wrong number of args for {name}: want at least {least} got {got}");
                return Err(self.error(&problem));
            }
        } else if given != least {
            let name = String::from_utf8_lossy(name);
            let problem = format!("wrong number of args for {name}: want {least} got {given}");
            return Err(self.error(&problem));
        }
        Ok(given)
    }

    /// Keeps the vector of the arguments for the next call.
    fn give_back(&mut self, mut values: Vec<Value>) {
        values.clear();
        self.spare = values;
    }

    fn arguments(
        &mut self,
        signature: &Signature,
        words: &[NodeId],
        last: Option<Item>,
        given: usize,
    ) -> Run<Vec<Value>> {
        let mut values = std::mem::take(&mut self.spare);
        values.reserve(given);
        for (position, word) in words.iter().enumerate() {
            values.push(self.argument(Some(signature.wanted(position)), *word)?.value);
        }
        if let Some(last) = last {
            values.push(self.assigned(last, Some(signature.wanted(words.len())))?.value);
        }
        Ok(values)
    }

    /// `and` and `or`: the arguments up to the one that decides.
    fn short_circuit(&mut self, decides: bool, words: &[NodeId], last: Option<Item>) -> Run<Item> {
        let mut item = Item::default();
        for word in words {
            item = self.argument(Some(Type::Reflect), *word)?;
            if truth(&item.value) == decides {
                return Ok(item);
            }
        }
        Ok(last.unwrap_or(item))
    }

    /// `len`, which alone among the functions tells a nil in an interface from no value.
    fn length(&mut self, node: NodeId, word: Option<&NodeId>, last: Option<Item>) -> Run<Item> {
        let item = match word {
            Some(word) => self.argument(Some(Type::Reflect), *word)?,
            None => last.unwrap_or_default(),
        };
        let length = match item.value {
            Value::Nil if item.boxed => Err(Failure::new("len of nil pointer")),
            value => builtin::run(Builtin::Len, &[value], usize::MAX),
        };
        self.result(b"len", node, Type::INT, length)
    }

    fn result(&mut self, name: &[u8], node: NodeId, of: Type, result: Result<Value, Failure>) -> Run<Item> {
        match result {
            Ok(value) => {
                self.charge(&value)?;
                Ok(Item::from_place(value, of))
            }
            Err(failure) => {
                self.at = node;
                let name = String::from_utf8_lossy(name);
                Err(self.error(&format!("error calling {name}: {failure}")))
            }
        }
    }
}

/// What Go's reflection calls a value of no string type.
fn go_string(value: &Value) -> String {
    match (value, value.go_type()) {
        (Value::String(text), _) => text.to_text().into_owned(),
        (_, Some(of)) => format!("<{of} Value>"),
        (_, None) => "<invalid Value>".to_owned(),
    }
}
