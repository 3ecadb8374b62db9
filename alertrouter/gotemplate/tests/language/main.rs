//! The language, as tables of cases. What Go answers was asked of Go (amtool 0.33.1, built with Go 1.27).

#![expect(clippy::unwrap_used, reason = "tests")]

mod actions;
mod errors;
mod limits;
mod printing;

#[path = "../../examples/fuzz/generator.rs"]
mod generator;
#[path = "../../examples/fuzz/subject.rs"]
mod subject;

use gotemplate::{Function, List, Map, Signature, Str, Templates, Type, Value};

const UPPER: &Signature = &Signature::new(&[Type::String], Type::String);

/// What a text writes, or the message that it fails with.
fn rendered(set: &Templates, text: &str) -> String {
    let result = set.one(text).and_then(|template| template.render_text(&data()));
    result.unwrap_or_else(|error| error.to_string())
}

fn set() -> Templates {
    Templates::text()
        .with_functions([Function::new("upper", UPPER, |args| Ok(args.text(0).to_uppercase().into()))])
}

fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(rendered(&set(), text), *expected, "{text}");
    }
}

fn data() -> Value {
    let pair = |name: &str, value: Value| (Str::from(name), value);
    let map = Map::new([pair("b", 2.into()), pair("a", 1.into()), pair("none", Value::Nil)].into());
    let entries = [
        pair("name", "ann".into()),
        pair("list", List::strings(["x", "y", "z"]).into()),
        pair("empty", List::new(Vec::new()).into()),
        pair("map", map.into()),
        pair("nil", Value::Nil),
        pair("person", Value::pointer(subject::Person)),
    ];
    Map::new(entries.into()).into()
}

#[test]
fn generated_texts_end_without_a_panic() {
    let (sets, data) = (subject::sets(), subject::data());
    let ended: usize = (0..3_000)
        .map(|seed| subject::run(&sets, &data, &generator::text(&mut generator::Random::new(seed))))
        .sum();
    // about an eighth of them are good, in both ways
    assert!(ended > 400, "{ended}");
}
