//! What the texts are tried on: data of each kind, and functions.

use std::collections::BTreeMap;

use gotemplate::{
    Args, Failure, Field, Function, Limits, List, Map, Method, Named, Object, Signature, Str, Templates,
    Type, Value,
};

/// Small, so that what runs away ends soon.
const LIMITS: Limits = Limits { steps: 5_000, bytes: 1 << 16, depth: 50 };

static PERSON: Named = Named {
    name: "people.Person",
    underlying: Type::Struct(&[
        Field { name: "Name", of: Type::String },
        Field { name: "Friends", of: Type::LIST },
        Field { name: "secret", of: Type::INT },
    ]),
    methods: &[
        Method { name: "Greet", signature: Signature::new(&[Type::String], Type::String) },
        Method { name: "Fail", signature: Signature::new(&[], Type::Interface).and_more(Type::INT64) },
    ],
    zero: || Person.into(),
};

#[derive(Debug)]
pub(crate) struct Person;

impl Object for Person {
    fn go_type(&self) -> Type {
        Type::Named(&PERSON)
    }

    fn at(&self, position: usize) -> Option<Value> {
        match position {
            0 => Some("Ann <b>".into()),
            1 => Some(List::new(vec![Value::Nil, 1.into(), "two".into()]).into()),
            _ => Some(42.into()),
        }
    }

    fn text(&self) -> Option<Str> {
        Some("Ann!".into())
    }

    fn call(&self, method: &str, args: Args<'_>) -> Result<Value, Failure> {
        match method {
            "Greet" => Ok(format!("hello {}", args.text(0)).into()),
            _ => Err(Failure::new("it failed")),
        }
    }
}

const UPPER: &Signature = &Signature::new(&[Type::String], Type::String);
const PAIR: &Signature = &Signature::new(&[Type::Interface, Type::Interface], Type::LIST);
const FAILS: &Signature = &Signature::new(&[], Type::Interface).and_more(Type::Float);

fn functions() -> [Function; 3] {
    [
        Function::new("upper", UPPER, |args| Ok(args.text(0).to_uppercase().into())),
        Function::new("pair", PAIR, |args| Ok(List::new(args.all().to_vec()).into())),
        Function::new("fails", FAILS, |args| {
            if args.all().len() > 1 { Err(Failure::new("too much")) } else { Ok(Value::Nil) }
        }),
    ]
}

/// The two sets: text and HTML.
pub(crate) fn sets() -> [Templates; 2] {
    [Templates::text(), Templates::html()].map(|set| set.with_functions(functions()).with_limits(LIMITS))
}

/// The data.
pub(crate) fn data() -> Value {
    let mut deep = Value::from("bottom");
    for _ in 0..20 {
        deep = List::new(vec![deep]).into();
    }
    let map = Map::new(BTreeMap::from([("a".into(), 1.into()), ("b".into(), Value::Nil)]));
    Map::new(BTreeMap::from([
        ("name".into(), "é <i> \"x\"\n".into()),
        ("list".into(), List::strings(["c", "a", "b"]).into()),
        ("map".into(), map.into()),
        ("person".into(), Value::pointer(Person)),
        ("nobody".into(), Value::NilPointer(&PERSON)),
        ("nil".into(), Value::Nil),
        ("float".into(), 1e21.into()),
        ("deep".into(), deep),
    ]))
    .into()
}

/// Reads and executes a text in both ways. How many came to an end without an error.
pub(crate) fn run(sets: &[Templates], data: &Value, text: &[u8]) -> usize {
    sets.iter().filter(|set| set.one(text).and_then(|template| template.render(data)).is_ok()).count()
}
