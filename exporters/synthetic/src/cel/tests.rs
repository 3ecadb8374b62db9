//! Expressions and what they come to, as cel-go has it.

use super::*;

struct Answer(Value);

impl Scope for Answer {
    fn value(&self, variable: Variable) -> Value {
        match variable {
            Variable::Body => self.0.clone(),
            Variable::Status => Value::Int(200),
            Variable::Headers => {
                let entries = [(Key::String("server".into()), Value::text("nginx"))];
                Value::Map(Arc::new(entries.into_iter().collect()))
            }
            Variable::Duration => Value::Duration(jiff::SignedDuration::from_millis(250)),
            Variable::Now => Value::Timestamp("2026-07-01T12:00:00Z".parse().unwrap()),
        }
    }
}

const BODY: &str = r#"{"foo": {"bar": "baz"}, "count": 3, "big": 1e3, "list": ["a", "b", 3], "none": null,
    "when": "2026-06-30T23:59:58.5Z", "items": [{"id": 1, "ok": true}, {"id": 2, "ok": false}]}"#;

fn evaluate(expression: &str) -> Result<Value, EvalError> {
    Program::compile(expression).unwrap().evaluate(&Answer(from_json(BODY.as_bytes()).unwrap()))
}

#[track_caller]
fn check(expression: &str, expected: Result<bool, EvalError>) {
    let found = evaluate(expression).map(|value| match value {
        Value::Bool(value) => value,
        other => panic!("{expression} came to {other:?}"),
    });
    assert_eq!(found, expected, "{expression}");
}

#[test]
fn conditions_on_a_body() {
    for (expression, expected) in [
        ("body.foo.bar == 'baz'", true),
        ("body.foo.bar == 'qux'", false),
        ("body['foo']['bar'] == \"baz\"", true),
        ("body.foo.bar.startsWith('b') && body.foo.bar.endsWith('z') && body.foo.bar.contains('a')", true),
        ("body.foo.bar.matches('^b.z$') && matches(body.foo.bar, 'a')", true),
        ("body.foo.bar.matches('b' + '.' + 'z')", true),
        ("has(body.foo) && !has(body.nope) && !has(body.foo.nope)", true),
        ("body.count == 3 && body.count == 3u && body.count == 3.0", true),
        ("body.count > 2 && body.count < 3.5 && body.count >= 3u && body.count <= 3", true),
        ("body.big == 1000", true),
        ("body.count != 4 && body.count != 'x'", true),
        ("body.none == null", true),
        ("body.list[2] == 3 && body.list[0] == 'a'", true),
        ("'a' in body.list && !('c' in body.list) && 'foo' in body && 3 in body.list", true),
        ("size(body.list) == 3 && body.list.size() == 3 && size(body.foo.bar) == 3 && size('äö') == 2", true),
        ("body.items.all(i, i.id > 0)", true),
        ("body.items.all(i, i.ok)", false),
        ("body.items.exists(i, i.id == 2)", true),
        ("body.items.exists_one(i, i.ok) && body.items.existsOne(i, i.ok)", true),
        ("body.items.filter(i, i.ok).size() == 1", true),
        ("body.items.map(i, i.id) == [1, 2] && body.items.map(i, i.ok, i.id) == [1.0]", true),
        ("body.items.all(i, body.items.exists(j, j.id == i.id))", true),
        ("body.foo.all(key, key == 'bar')", true),
        ("body.count == 3 ? true : false", true),
        ("false ? true : body.count == 4 ? true : false", false),
        ("type(body.count) == double && type(1) == int && type(body) == map && type(type(1)) == type", true),
        ("status == 200 && headers.server == 'nginx' && headers['server'].size() == 5", true),
        ("duration < duration('1s') && duration > duration('0.2s')", true),
        (
            "now - timestamp(body.when) > duration('12h') && now - timestamp(body.when) < duration('12h1m')",
            true,
        ),
        (".body.count == 3 // a comment", true),
    ] {
        check(expression, Ok(expected));
    }
}

#[test]
fn errors_count_only_where_nothing_decides() {
    for (expression, expected) in [
        ("body.nope", Err(EvalError::NoSuchKey)),
        ("body.nope.deeper == 1", Err(EvalError::NoSuchKey)),
        ("body.foo.bar.deeper == 1", Err(EvalError::NoSuchOverload)),
        ("body.list[7] == 1", Err(EvalError::OutOfBounds)),
        ("body.list['a'] == 1", Err(EvalError::NoSuchOverload)),
        ("body.nope == 1 || true", Ok(true)),
        ("true || body.nope == 1", Ok(true)),
        ("body.nope == 1 && false", Ok(false)),
        ("body.nope == 1 && true", Err(EvalError::NoSuchKey)),
        ("body.list.exists(x, x > 2)", Ok(true)),
        ("body.list.exists(x, x > 3)", Err(EvalError::NoSuchOverload)),
        ("body.list.all(x, x > 3)", Ok(false)),
        ("body.count + 1 == 4", Err(EvalError::NoSuchOverload)),
        ("body.count + 1.0 == 4.0", Ok(true)),
        ("body.foo.bar > 1", Err(EvalError::NoSuchOverload)),
        ("body.foo.bar && true", Err(EvalError::NoSuchOverload)),
        ("!body.foo.bar", Err(EvalError::NoSuchOverload)),
        ("int(body.foo.bar) == 1", Err(EvalError::Conversion)),
        ("{body.foo.bar: 1, 'baz': 2}.baz == 1", Err(EvalError::DuplicateKey)),
        ("body.foo.bar.matches('(' + ')' + ')')", Err(EvalError::Regexp)),
        ("1 / (size(body.foo) - 1) == 1", Err(EvalError::DivisionByZero)),
        ("size(body) + 9223372036854775807 > 0", Err(EvalError::Overflow)),
    ] {
        check(expression, expected);
    }
}

#[test]
fn literals_and_arithmetic() {
    for expression in [
        "1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 7 / 2 == 3 && -7 / 2 == -3 && 7 % 4 == 3 && -7 % 4 == -3",
        "10 - 2 - 3 == 5",
        "-9223372036854775808 < 0 && 0xFF == 255 && 0x10u == 16u && 1e3 == 1000.0 && .5 == 0.5 && 1.5e-1 == 0.15",
        "!!true && --1 == 1 && -(1) == -1",
        "'a' + \"b\" == 'ab' && '''it's''' == \"it's\" && r'\\n' == '\\\\n' && '\\x41\\u0042\\U00000043\\104' == 'ABCD'",
        "b'\\xff' == b'\\377' && size(b'äö') == 4 && bytes('ab') == b'ab' && string(b'ab') == 'ab'",
        "[1, 2,] + [3] == [1, 2, 3] && {'a': 1, 'b': [1],}['b'][0] == 1 && {1: 2}[1u] == 2 && {}.size() == 0",
        "int('12') == 12 && int(1.9) == 1 && uint(3) == 3u && double('1.5') == 1.5 && string(12) == '12'",
        "bool('true') && !bool('f') && dyn(1) == 1 && string(true) == 'true'",
        "timestamp('2026-01-31T10:20:30.5Z').getFullYear() == 2026",
        "timestamp('2026-01-31T10:20:30.5Z').getMonth() == 0 && timestamp('2026-01-31T10:20:30Z').getDate() == 31",
        "timestamp('2026-01-31T10:20:30Z').getDayOfWeek() == 6 && timestamp('2026-01-31T10:20:30Z').getDayOfYear() == 30",
        "timestamp('2026-07-01T23:30:00Z').getHours('Europe/Berlin') == 1",
        "timestamp('2026-07-01T23:30:00Z').getHours('-02:30') == 21",
        "timestamp('2026-07-01T00:00:00Z') + duration('1h') == timestamp('2026-07-01T01:00:00Z')",
        "duration('90m').getHours() == 1 && duration('-1.5s').getSeconds() == -1",
        "null == null && [1] != [2] && {'a': 1.0} == {'a': 1} && !(1 in [2, 3]) && true > false && 'b' > 'a'",
        "[[1, 2], [3]].map(x, x.size()) == [2, 1]",
    ] {
        check(expression, Ok(true));
    }
}

#[test]
fn what_cannot_be_used_is_refused_when_it_is_loaded() {
    for (expression, expected) in [
        ("", "the expression ends too early"),
        ("foo.bar", "unknown name `foo`"),
        ("body.foo ==", "the expression ends too early"),
        ("body.foo == 'bar", "the text does not end"),
        ("(body", "expected `)`"),
        ("body.foo bar", "expected the end of the expression"),
        ("body.foo.lowerAscii() == 'x'", "unknown function `lowerAscii`"),
        ("startsWith('a', 'b')", "`startsWith` is not called like this"),
        ("1 == 'a'", "this operator is not for values of these types"),
        ("1 + 1.0 == 2.0", "this operator is not for values of these types"),
        ("1 && true", "`&&` and `||` are for true and false"),
        ("body.x.matches('(?=a)')", "unknown group `(?=`"),
        ("has(body)", "`has` takes a field"),
        ("9223372036854775808 > 1", "the number is too large"),
        ("body.all(x.y, true)", "expected `,`"),
        ("x.all(x, true)", "unknown name `x`"),
        ("'\\q' == ''", "unknown escape"),
        ("body.if == 1", "`if` cannot be a field's name"),
        ("body.x.startsWith('a',)", "unexpected `)`"),
        ("a # b", "unexpected character '#'"),
        ("status.code == 1", "only maps have fields"),
    ] {
        let problem = Program::compile(expression).unwrap_err().to_string();
        assert!(problem.contains(expected), "{expression}: {problem}");
    }
    let deep = format!("{}true{}", "(".repeat(200), ")".repeat(200));
    assert!(Program::compile(&deep).unwrap_err().to_string().contains("nested too deeply"));
    let nots = format!("{}true", "!".repeat(5000));
    assert!(Program::compile(&nots).unwrap_err().to_string().contains("nested too deeply"));
    let sum = format!("1{} > 0", " + 1".repeat(1000));
    assert!(Program::compile(&sum).unwrap_err().to_string().contains("nested too deeply"));
    let wide = vec!["body.foo.bar == 'baz'"; 300].join(" && ");
    check(&wide, Ok(true));
}

#[test]
fn work_is_bounded() {
    let body = format!("[{}1]", "1,".repeat(20_000));
    let program = Program::compile("body.all(x, !body.exists(y, y > x))").unwrap();
    let found = program.evaluate(&Answer(from_json(body.as_bytes()).unwrap()));
    assert_eq!(found.unwrap_err(), EvalError::TooMuchWork);
}

#[test]
fn json_is_read_as_go_reads_it() {
    assert!(from_json(b"").is_none() && from_json("🤠".as_bytes()).is_none() && from_json(b"{} x").is_none());
    assert!(from_json(&vec![b'['; 100_000]).is_none());
    assert!(matches!(from_json(b"12345678901234567890123"), Some(Value::Double(_))));
    let Some(Value::Map(map)) = from_json(b"{\"a\": 1, \"a\": \"\xff\"}") else { panic!("no map") };
    assert!(map.get(&Key::String("a".into())).unwrap().equals(&Value::text("\u{fffd}")));
}

proptest::proptest! {
    #[test]
    fn no_expression_panics(text in r#"[a-c0-9().,\[\]{}!<>=&|+*/%?:'" \\-]{0,40}|(body|status|has|[.()\[\]'a-b0-9&=! ]){0,20}"#) {
        if let Ok(program) = Program::compile(&text) {
            drop(program.evaluate(&Answer(Value::Null)));
        }
    }
}
