//! Random route trees and label sets: all operators, all ways to write a matcher, and the odd corners of RE2.

use alertrouter::labels::Labels;
use alertrouter::matcher::ParserMode;
use serde_json::{Map, Value, json};

/// Numbers that are the same in each run.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `sides` (splitmix64).
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }

    pub(crate) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.roll(list.len())]
    }
}

const NAMES: &[&str] = &["a", "b", "env", "job_1"];
const UTF8_NAMES: &[&str] = &["foo bar", "é", "0x", "foo🙂", "a.b", "a\"b"];

const VALUES: &[&str] = &[
    "a", "b", "ab", "aa", "aaa", "foo", "foo bar", "foo.bar", "foo-bar", "FOO", "é", "É", "1", "12", "١",
    "S", "k", "\u{212a}", "a.b", "axb", "a{", "a{,2}", "{x}", "<a>", "&", "a&&b", "x[y]", "]", "foo\nbar",
    "\n", "\t", "\u{b}", "_", "-", "a b", "🙂", "a\"b", "a\\b", "\\d", "team-A", "true", "~", "=", "!=", ",",
    "'",
];

/// Patterns that Go takes.
const PATTERNS: &[&str] = &[
    "a",
    "a|b",
    "a|ab|aa",
    "(a|b)",
    "^(?:a|b)$",
    "^a|b$",
    "^a$",
    ".*",
    ".+",
    "",
    "()",
    "foo.*",
    ".*bar",
    "foo.bar",
    "foo\\.bar",
    "(?s)foo.bar",
    "(?i)foo",
    "(?i)é",
    "(?i:k)",
    "(?i)[k]",
    "\\d+",
    "\\D",
    "\\w+",
    "\\W+",
    "\\s",
    "\\S+",
    "\\bfoo\\b.*",
    "foo\\B.*",
    "[[:alpha:]]+",
    "[[:^alpha:]]",
    "[[:space:]]",
    "[^a]",
    "[^\\d]+",
    "[a&&b]+",
    "[x[y]]+",
    "[]a]",
    "[^]a]",
    "[a-c]+",
    "[-a]+",
    "a{",
    "a{,2}",
    "{x}",
    "a{2,3}",
    "a{2}",
    "a{2,}",
    "a+?",
    "a*?b",
    "a}",
    "\\Qa.b\\E",
    "\\x41",
    "\\x{1F642}",
    "\\141",
    "\\123",
    "\\<a\\>",
    "\\pL+",
    "\\p{Greek}",
    "\\PN+",
    "\\p{Lu}",
    "(?P<n>a)b?",
    "(?U)a+",
    "\\Aa\\z",
    "a$",
    "(?m)foo$\\nbar",
    "foo\\nbar",
    "\\t",
    "\\.|\\\\d",
    "foo|",
    "|",
    "a||b",
    "team-[A-C]",
    "(?-s).",
    "(?i-s:FOO)",
    "\\x{e9}",
    "é|É",
    "\\v",
];

/// Patterns that Go refuses.
const BAD_PATTERNS: &[&str] =
    &["[", "(", "a{1001}", "(?x)a", "[\\b]?", "\\Qa{", "\\u0041", "a**", "\\8", "(?=a)", "[b-a]", "\\C"];

/// Label sets with a number each, by which the answers are told apart.
pub(crate) fn label_sets(dice: &mut Dice, mode: ParserMode, count: usize) -> Vec<Labels> {
    let names = names(mode);
    (0..count)
        .map(|number| {
            let mut labels = vec![("case".to_owned(), number.to_string())];
            for name in &names {
                if dice.chance(60) {
                    // an empty one is as good as none
                    let value = if dice.chance(5) { "" } else { dice.pick(VALUES) };
                    labels.push(((*name).to_owned(), value.to_owned()));
                }
            }
            labels.into_iter().collect()
        })
        .collect()
}

/// A configuration; some are refused.
pub(crate) fn tree(dice: &mut Dice, mode: ParserMode) -> Value {
    let mut next = 0;
    let mut route = node(dice, mode, 0, &mut next);
    route["receiver"] = json!("r0");
    route["group_wait"] = json!("1h");
    for key in ["matchers", "match", "match_re", "continue"] {
        route.as_object_mut().unwrap().remove(key);
    }
    let receivers: Vec<Value> =
        (0..RECEIVERS).map(|number| json!({ "name": format!("r{number}") })).collect();
    json!({ "route": route, "receivers": receivers })
}

const RECEIVERS: usize = 12;

fn names(mode: ParserMode) -> Vec<&'static str> {
    match mode {
        ParserMode::Classic => NAMES.to_vec(),
        _ => [NAMES, UTF8_NAMES].concat(),
    }
}

fn node(dice: &mut Dice, mode: ParserMode, depth: usize, nodes: &mut usize) -> Value {
    *nodes += 1;
    let mut node = Map::new();
    if dice.chance(80) {
        node.insert("receiver".to_owned(), json!(format!("r{}", dice.roll(RECEIVERS))));
    }
    if dice.chance(30) {
        node.insert("continue".to_owned(), json!(true));
    }
    let count = dice.roll(3);
    let items: Vec<String> = (0..count).map(|_| item(dice, mode)).collect();
    if !items.is_empty() {
        node.insert("matchers".to_owned(), json!(items));
    }
    if dice.chance(15) {
        let value = dice.pick(VALUES);
        node.insert("match".to_owned(), json!({ dice.pick(NAMES): value }));
    }
    if dice.chance(15) {
        let pattern = dice.pick(PATTERNS);
        node.insert("match_re".to_owned(), json!({ dice.pick(NAMES): pattern }));
    }
    // now and then a wide one, which is looked up instead of asked
    let wide = dice.chance(8);
    let children = match (depth, wide) {
        (4, _) => 0,
        (0, _) => 2 + dice.roll(5),
        (_, true) => 12,
        _ => dice.roll(4),
    };
    if *nodes < 80 {
        let routes: Vec<Value> = (0..children).map(|_| self::node(dice, mode, depth + 1, nodes)).collect();
        node.insert("routes".to_owned(), json!(routes));
    }
    Value::from(node)
}

/// One item of `matchers`: one or several, in braces or not.
fn item(dice: &mut Dice, mode: ParserMode) -> String {
    let count = if dice.chance(80) { 1 } else { 2 + dice.roll(2) };
    let space = |dice: &mut Dice| if dice.chance(20) { " " } else { "" };
    let mut parts = Vec::new();
    for _ in 0..count {
        parts.push(format!("{}{}{}", space(dice), matcher(dice, mode), space(dice)));
    }
    let comma = if dice.chance(10) { "," } else { "" };
    let list = format!("{}{comma}", parts.join(","));
    if dice.chance(30) { format!("{{{list}}}") } else { list }
}

fn matcher(dice: &mut Dice, mode: ParserMode) -> String {
    let name = dice.pick(&names(mode));
    let operator = dice.pick(&["=", "!=", "=~", "!~"]);
    let value = match operator {
        "=" | "!=" if dice.chance(15) => "",
        "=" | "!=" => dice.pick(VALUES),
        _ if dice.roll(1_000) < 1 => dice.pick(BAD_PATTERNS),
        _ => dice.pick(PATTERNS),
    };
    let classic = NAMES.contains(&name);
    let quoted_name = !classic && (name.contains([' ', '"']) || dice.chance(50));
    let name = if quoted_name { quoted(name) } else { name.to_owned() };
    // bare values that are not simple are read otherwise by each grammar, and often refused by one
    let simple = !value.is_empty() && value.chars().all(|c| c.is_alphanumeric() || ".-+|()*_".contains(c));
    let odd = dice.roll(1_000) < 2;
    let value = match (simple && dice.chance(50), odd) {
        (true, _) | (_, true) => value.to_owned(),
        // as people write it, with single backslashes: another text in the UTF-8 grammar, or none
        _ if classic && mode != ParserMode::Utf8 && dice.chance(20) => {
            format!("\"{}\"", value.replace('"', "\\\"").replace('\n', "\\n"))
        }
        _ => quoted(value),
    };
    let space = if dice.chance(10) { " " } else { "" };
    format!("{name}{space}{operator}{space}{value}")
}

/// In double quotes, in a form that both grammars read alike.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
