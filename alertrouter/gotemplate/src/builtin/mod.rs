//! The functions that every template can call.

mod compare;
mod escape;
mod index;

use std::sync::Arc;

use crate::exec::truth;
use crate::fmt::Printer;
use crate::function::{Body, Failure};
use crate::templates::Functions;
use crate::{Args, Function, Signature, Str, Type, Value};

/// Their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Builtin {
    And,
    Call,
    Eq,
    Ge,
    Gt,
    Html,
    Index,
    Js,
    Le,
    Len,
    Lt,
    Ne,
    Not,
    Or,
    Print,
    Printf,
    Println,
    Slice,
    Urlquery,
}

const ONE: &Signature = &Signature::new(&[Type::Reflect], Type::Bool);
const TWO: &Signature = &Signature::new(&[Type::Reflect, Type::Reflect], Type::Bool);
const SOME: &Signature = &Signature::new(&[Type::Reflect], Type::Reflect).and_more(Type::Reflect);
const SOME_COMPARED: &Signature = &Signature::new(&[Type::Reflect], Type::Bool).and_more(Type::Reflect);
const LENGTH: &Signature = &Signature::new(&[Type::Reflect], Type::INT);
const PRINT: &Signature = &Signature::new(&[], Type::String).and_more(Type::Interface);
const FORMAT: &Signature = &Signature::new(&[Type::String], Type::String).and_more(Type::Interface);

/// Name, function, and what it takes.
const BUILTINS: [(&str, Builtin, &Signature); 19] = [
    ("and", Builtin::And, SOME),
    ("call", Builtin::Call, SOME),
    ("eq", Builtin::Eq, SOME_COMPARED),
    ("ge", Builtin::Ge, TWO),
    ("gt", Builtin::Gt, TWO),
    ("html", Builtin::Html, PRINT),
    ("index", Builtin::Index, SOME),
    ("js", Builtin::Js, PRINT),
    ("le", Builtin::Le, TWO),
    ("len", Builtin::Len, LENGTH),
    ("lt", Builtin::Lt, TWO),
    ("ne", Builtin::Ne, TWO),
    ("not", Builtin::Not, ONE),
    ("or", Builtin::Or, SOME),
    ("print", Builtin::Print, PRINT),
    ("printf", Builtin::Printf, FORMAT),
    ("println", Builtin::Println, PRINT),
    ("slice", Builtin::Slice, SOME),
    ("urlquery", Builtin::Urlquery, PRINT),
];

/// All of them, by name.
pub(crate) fn functions() -> Functions {
    let function = |(name, builtin, signature): (&str, Builtin, &'static Signature)| {
        let name = Str::from(name);
        (name.clone(), Arc::new(Function { name, signature, body: Body::Builtin(builtin) }))
    };
    BUILTINS.into_iter().map(function).collect()
}

/// Calls one that has no part in how arguments are evaluated.
pub(crate) fn run(builtin: Builtin, values: &[Value], limit: usize) -> Result<Value, Failure> {
    let args = Args::new(values);
    let (first, second) = (args.value(0), args.value(1));
    Ok(match builtin {
        Builtin::Eq => compare::equal(first, args.rest(1))?.into(),
        Builtin::Ne => (!compare::equal(first, args.rest(1))?).into(),
        Builtin::Lt => compare::less(first, second)?.into(),
        Builtin::Le => compare::less_or_equal(first, second)?.into(),
        Builtin::Gt => (!compare::less_or_equal(first, second)?).into(),
        Builtin::Ge => (!compare::less(first, second)?).into(),
        Builtin::Not => (!truth(first)).into(),
        Builtin::Html => escape::html(&joined(values, limit)).into(),
        Builtin::Js => escape::js(&joined(values, limit)).into(),
        Builtin::Urlquery => escape::url_query(&joined(values, limit)).into(),
        Builtin::Index => index::index(first, args.rest(1))?,
        Builtin::Slice => index::slice(first, args.rest(1))?,
        Builtin::Len => index::length(first)?,
        Builtin::Print => printed(limit, |printer| printer.print(values)),
        Builtin::Println => printed(limit, |printer| printer.println(values)),
        Builtin::Printf => printed(limit, |printer| printer.printf(&args.str(0), args.rest(1))),
        // these decide which of their arguments are evaluated, and are not called
        Builtin::And | Builtin::Or | Builtin::Call => Value::Nil,
    })
}

fn printed(limit: usize, print: impl FnOnce(&mut Printer)) -> Value {
    let mut printer = Printer::new(limit);
    print(&mut printer);
    Value::String(printer.finish().into())
}

/// The text of all arguments, as an action would print them.
fn joined(values: &[Value], limit: usize) -> Str {
    if let [Value::String(text)] = values {
        return text.clone();
    }
    let printable: Vec<Value> = values
        .iter()
        .map(|value| match value {
            Value::Nil => "<no value>".into(),
            Value::Pointer(object) => Value::Object(Arc::clone(object)),
            other => other.clone(),
        })
        .collect();
    let mut printer = Printer::new(limit);
    printer.print(&printable);
    printer.finish().into()
}

/// Calls a function that is a value.
pub(crate) fn call(name: &str, values: &[Value]) -> Result<Value, Failure> {
    let args = Args::new(values);
    let function = match args.value(0) {
        Value::Nil => return Err(Failure::new("call of nil")),
        Value::Func(function) => function,
        other => {
            let of = other.go_type().map(|of| of.to_string()).unwrap_or_default();
            return Err(Failure::new(format!("non-function {name} of type {of}")));
        }
    };
    let (given, wanted) = (args.rest(1), function.signature.params.len());
    let problem = match function.signature.variadic {
        Some(_) if given.len() < wanted => "at least ",
        None if given.len() != wanted => "",
        _ => {
            let given: Result<Vec<Value>, Failure> = given
                .iter()
                .enumerate()
                .map(|(position, value)| {
                    let wanted = function.signature.wanted(position);
                    index::prepared(value, wanted)
                        .map_err(|failure| Failure::new(format!("arg {position}: {failure}")))
                })
                .collect();
            return match &function.body {
                Body::Own(body) => body(Args::new(&given?)),
                Body::Builtin(builtin) => run(*builtin, &given?, usize::MAX),
            };
        }
    };
    let got = given.len();
    Err(Failure::new(format!("wrong number of args for {name}: got {got} want {problem}{wanted}")))
}
