//! Go's fmt: what `print`, `println` and `printf` write.

mod basic;
mod float;
mod verbs;

use crate::{Field, Kind, Object, Str, Type, Value, rune};

/// What stands for every address. Go's are others at each run, and ours are nobody's business.
const ADDRESS: u64 = 0xc0_0001_0000;

/// The signs between `%` and a verb.
#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    width: Option<usize>,
    precision: Option<usize>,
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%+v`.
    plus_v: bool,
    /// `%#v`.
    sharp_v: bool,
}

/// Writes values. It stops soon after the limit, and the caller looks at the length.
#[derive(Debug)]
pub(crate) struct Printer {
    out: Vec<u8>,
    limit: usize,
    flags: Flags,
    /// Within `%!v(…)`, where methods are not called.
    erroring: bool,
}

/// `fmt.Sprint`: strings as they are, a space between two that are none.
#[must_use]
pub fn sprint(values: &[Value]) -> Str {
    let mut printer = Printer::new(usize::MAX);
    printer.print(values);
    printer.out.into()
}

/// `fmt.Sprintf`.
#[must_use]
pub fn sprintf(format: &str, values: &[Value]) -> Str {
    let mut printer = Printer::new(usize::MAX);
    printer.printf(format.as_bytes(), values);
    printer.out.into()
}

impl Printer {
    pub(crate) fn new(limit: usize) -> Self {
        Self { out: Vec::new(), limit, flags: Flags::default(), erroring: false }
    }

    /// A printer that appends to what is there.
    pub(crate) fn onto(out: Vec<u8>, limit: usize) -> Self {
        Self { out, limit, flags: Flags::default(), erroring: false }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }

    fn is_full(&self) -> bool {
        self.out.len() > self.limit
    }

    pub(crate) fn print(&mut self, values: &[Value]) {
        let mut after_string = true;
        for (position, value) in values.iter().enumerate() {
            let is_string = value.kind() == Kind::String;
            if position > 0 && !is_string && !after_string {
                self.out.push(b' ');
            }
            self.argument(value, 'v');
            after_string = is_string;
        }
    }

    pub(crate) fn println(&mut self, values: &[Value]) {
        for (position, value) in values.iter().enumerate() {
            if position > 0 {
                self.out.push(b' ');
            }
            self.argument(value, 'v');
        }
        self.out.push(b'\n');
    }

    fn write(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// A value that was given to print.
    fn argument(&mut self, value: &Value, verb: char) {
        match (value, verb) {
            (Value::Nil, 'T' | 'v') => self.pad(b"<nil>"),
            (Value::Nil, _) => self.bad_verb(value, verb),
            (_, 'T') => {
                let name = type_name(value);
                self.string(name.as_bytes());
            }
            (_, 'p') => self.pointer(value, verb),
            _ => self.value(value, verb, 0, true),
        }
    }

    /// A value, at some depth below what was given; with its methods unless it is in a field that is not exported.
    fn value(&mut self, value: &Value, verb: char, depth: u32, methods: bool) {
        if self.is_full() || methods && self.by_method(value, verb) {
            return;
        }
        match value {
            Value::Nil if self.flags.sharp_v => self.write("interface {}(nil)"),
            Value::Nil => self.write("<nil>"),
            Value::Bool(_) | Value::Int(_) | Value::Sized(..) => self.scalar(value, value, verb),
            Value::Float(_) | Value::Complex(..) | Value::String(_) => self.scalar(value, value, verb),
            Value::Func(_) | Value::NilPointer(_) => self.pointer(value, verb),
            Value::Pointer(object) => {
                let target = Value::Object(object.clone());
                let is_container =
                    matches!(target.kind(), Kind::Array | Kind::Slice | Kind::Struct | Kind::Map);
                if depth == 0 && is_container {
                    self.out.push(b'&');
                    self.value(&target, verb, depth + 1, methods);
                } else {
                    self.pointer(value, verb);
                }
            }
            Value::Object(object) => match object.go_type().underlying() {
                Type::Map(..) => self.map(object.as_ref(), verb, depth, methods),
                Type::Struct(fields) => self.fields(object.as_ref(), fields, verb, depth, methods),
                Type::Slice(of) | Type::Array(_, of) => {
                    self.elements(object.as_ref(), *of, verb, depth, methods);
                }
                Type::Func(_) => self.pointer(value, verb),
                _ => self.scalar(&object.scalar(), value, verb),
            },
        }
    }

    /// What its `String` or `Error` method says, if it has one and the verb takes a string.
    fn by_method(&mut self, value: &Value, verb: char) -> bool {
        let Some(object) = value.as_object() else {
            // there is nothing that %w wraps here
            return verb == 'w' && !self.erroring && {
                self.bad_verb(value, verb);
                true
            };
        };
        if self.erroring {
            return false;
        }
        if verb == 'w' {
            self.bad_verb(value, verb);
            return true;
        }
        if self.flags.sharp_v {
            let Some(text) = object.go_text() else { return false };
            self.string(&text);
            return true;
        }
        if !matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') {
            return false;
        }
        let Some(text) = object.text() else { return false };
        self.scalar(&Value::String(text), value, verb);
        true
    }

    fn map(&mut self, map: &dyn Object, verb: char, depth: u32, methods: bool) {
        let sharp = self.flags.sharp_v;
        if sharp {
            self.write(&map.go_type().to_string());
            if map.is_nil() {
                self.write("(nil)");
                return;
            }
        }
        self.write(if sharp { "{" } else { "map[" });
        for (position, (key, value)) in map.entries().iter().enumerate() {
            if self.is_full() {
                return;
            }
            self.separate(position);
            self.value(key, verb, depth + 1, methods);
            self.out.push(b':');
            self.value(value, verb, depth + 1, methods);
        }
        self.out.push(if sharp { b'}' } else { b']' });
    }

    fn fields(&mut self, whole: &dyn Object, fields: &[Field], verb: char, depth: u32, methods: bool) {
        if self.flags.sharp_v {
            self.write(&whole.go_type().to_string());
        }
        self.out.push(b'{');
        for (position, field) in fields.iter().enumerate() {
            if self.is_full() {
                return;
            }
            self.separate(position);
            if self.flags.plus_v || self.flags.sharp_v {
                self.write(field.name);
                self.out.push(b':');
            }
            let value = whole.at(position).unwrap_or_default();
            self.value(&value, verb, depth + 1, methods && is_exported(field.name));
        }
        self.out.push(b'}');
    }

    fn elements(&mut self, list: &dyn Object, of: Type, verb: char, depth: u32, methods: bool) {
        if of.underlying() == Type::UINT8 && matches!(verb, 's' | 'q' | 'x' | 'X') {
            let bytes: Vec<u8> = (0..list.count())
                .map(|position| list.at(position).and_then(|byte| byte.as_uint()).unwrap_or_default())
                .map(|byte| u8::try_from(byte).unwrap_or_default())
                .collect();
            self.text(&bytes, &Value::Nil, verb);
            return;
        }
        let sharp = self.flags.sharp_v;
        if sharp {
            self.write(&list.go_type().to_string());
            if list.is_nil() {
                self.write("(nil)");
                return;
            }
        }
        self.out.push(if sharp { b'{' } else { b'[' });
        for position in 0..list.count() {
            if self.is_full() {
                return;
            }
            self.separate(position);
            self.value(&list.at(position).unwrap_or_default(), verb, depth + 1, methods);
        }
        self.out.push(if sharp { b'}' } else { b']' });
    }

    fn separate(&mut self, position: usize) {
        if position > 0 {
            self.write(if self.flags.sharp_v { ", " } else { " " });
        }
    }

    /// `%!d(string=hi)`.
    fn bad_verb(&mut self, value: &Value, verb: char) {
        self.erroring = true;
        self.write("%!");
        rune::push(&mut self.out, verb);
        self.out.push(b'(');
        if matches!(value, Value::Nil) {
            self.write("<nil>");
        } else {
            self.write(&type_name(value));
            self.out.push(b'=');
            self.value(value, 'v', 0, true);
        }
        self.out.push(b')');
        self.erroring = false;
    }

    fn pointer(&mut self, value: &Value, verb: char) {
        let address = match value.kind() {
            Kind::Pointer | Kind::Func | Kind::Map | Kind::Slice if value.is_nil() => 0,
            Kind::Pointer | Kind::Func | Kind::Map | Kind::Slice => ADDRESS,
            _ => return self.bad_verb(value, verb),
        };
        match verb {
            'v' if self.flags.sharp_v => {
                self.write(&format!("({})(", type_name(value)));
                if address == 0 {
                    self.write("nil");
                } else {
                    self.hexadecimal(address, true);
                }
                self.out.push(b')');
            }
            'v' if address == 0 => self.pad(b"<nil>"),
            'v' | 'p' => self.hexadecimal(address, !self.flags.sharp),
            'b' | 'o' | 'd' | 'x' | 'X' => self.integer(address, false, value, verb),
            _ => self.bad_verb(value, verb),
        }
    }
}

fn type_name(value: &Value) -> String {
    value.go_type().map_or_else(|| "<nil>".to_owned(), |of| of.to_string())
}

/// Whether a field can be seen outside of its package.
pub(crate) fn is_exported(name: &str) -> bool {
    name.chars().next().is_some_and(char::is_uppercase)
}
