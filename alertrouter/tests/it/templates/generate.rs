//! Writes random templates: most are right, some are wrong by type, some are broken.

use std::fmt::Write as _;

use super::grammar::{FORMS, HELD, RANGED, WORDS};
use crate::trees::Dice;

/// How deep values are put into values, and blocks into blocks.
const VALUE_DEPTH: usize = 3;
const BLOCK_DEPTH: usize = 3;

/// Of a hundred values, how many are of another kind than their place asks for.
const ODD_PERCENT: usize = 1;

/// One text.
pub(super) fn template(dice: &mut Dice) -> String {
    let mut writer = Writer { dice, variables: Vec::new(), dot: "data", defined: 0, loops: 0 };
    let mut text = String::new();
    if writer.dice.chance(12) {
        writer.define(&mut text);
    }
    let pieces = 1 + writer.dice.roll(3);
    for _ in 0..pieces {
        writer.piece(&mut text, 0);
    }
    if writer.dice.chance(12) { broken(writer.dice, &text) } else { text }
}

/// The same with a mistake in it, as people make them.
fn broken(dice: &mut Dice, text: &str) -> String {
    const WRONG: &[&str] = &[
        "{{",
        "}}",
        "(",
        ")",
        "\"",
        "|",
        ".",
        "$",
        "end",
        "{{end}}",
        "{{else}}",
        ":=",
        "=",
        ",",
        "`",
        "'",
        "-",
        "{{-",
        "{{ break }}",
        "/*",
        "0x",
        "@",
    ];
    let mut letters: Vec<char> = text.chars().collect();
    let at = dice.roll(letters.len() + 1);
    match dice.roll(3) {
        0 => letters.truncate(at),
        1 if at < letters.len() => {
            letters.remove(at);
        }
        _ => {
            letters.splice(at..at, dice.pick(WRONG).chars());
        }
    }
    letters.into_iter().collect()
}

struct Writer<'a> {
    dice: &'a mut Dice,
    /// Their names, and what they hold.
    variables: Vec<(String, &'static str)>,
    dot: &'static str,
    defined: usize,
    loops: usize,
}

impl Writer<'_> {
    fn define(&mut self, text: &mut String) {
        let (variables, dot) = (std::mem::take(&mut self.variables), std::mem::replace(&mut self.dot, "any"));
        write!(text, "{{{{ define \"t{}\" }}}}", self.defined + 1).unwrap();
        self.body(text, 1);
        text.push_str("{{ end }}");
        // only now: one that calls itself never ends
        self.defined += 1;
        (self.variables, self.dot) = (variables, dot);
    }

    fn body(&mut self, text: &mut String, depth: usize) {
        let known = self.variables.len();
        for _ in 0..=self.dice.roll(3) {
            self.piece(text, depth);
        }
        self.variables.truncate(known);
    }

    /// Between delimiters, now and then with trim markers.
    fn action(&mut self, text: &mut String, inner: &str) {
        let open = if self.dice.chance(10) { "{{- " } else { self.dice.pick(&["{{", "{{ "]) };
        let close = if self.dice.chance(10) { " -}}" } else { self.dice.pick(&["}}", " }}"]) };
        text.push_str(&[open, inner, close].concat());
    }

    fn piece(&mut self, text: &mut String, depth: usize) {
        let ways = if depth < BLOCK_DEPTH { 14 } else { 7 };
        match self.dice.roll(ways) {
            0 => text.push_str(self.word("text")),
            1 if self.loops > 0 && self.dice.chance(60) => {
                let word = self.dice.pick(&["break", "continue"]);
                self.action(text, word);
            }
            1 => text.push_str(self.dice.pick(&["{{/* said */}}", "{{- /* said */ -}}", "{{- /* said */}}"])),
            2..=4 => {
                let value = self.pipeline("any");
                self.action(text, &value);
            }
            5 => {
                let value = self.pipeline("str");
                self.action(text, &value);
            }
            6 => self.assign(text),
            7 | 8 => self.condition(text, depth),
            9..=11 => self.range(text, depth),
            12 => self.with(text, depth),
            _ => self.call(text, depth),
        }
    }

    fn assign(&mut self, text: &mut String) {
        if let Some((name, kind)) = self.variable(None)
            && self.dice.chance(50)
        {
            let value = self.pipeline(kind);
            return self.action(text, &format!("{name} = {value}"));
        }
        let kind = self.dice.pick(HELD);
        let value = self.pipeline(kind);
        let name = format!("$v{}", self.variables.len());
        self.action(text, &format!("{name} := {value}"));
        self.variables.push((name, kind));
    }

    fn condition(&mut self, text: &mut String, depth: usize) {
        let kind = self.dice.pick(&["bool", "bool", "any", "str"]);
        let value = self.pipeline(kind);
        self.action(text, &format!("if {value}"));
        self.body(text, depth + 1);
        while self.dice.chance(20) {
            let value = self.pipeline("any");
            self.action(text, &format!("else if {value}"));
            self.body(text, depth + 1);
        }
        self.otherwise(text, depth);
    }

    fn otherwise(&mut self, text: &mut String, depth: usize) {
        if self.dice.chance(40) {
            self.action(text, "else");
            self.body(text, depth + 1);
        }
        self.action(text, "end");
    }

    fn range(&mut self, text: &mut String, depth: usize) {
        let (over, key, element) = self.dice.pick(RANGED);
        let over = self.pipeline(over);
        let known = self.variables.len();
        match self.dice.roll(3) {
            0 => self.action(text, &format!("range {over}")),
            1 => {
                self.action(text, &format!("range $e{known} := {over}"));
                self.variables.push((format!("$e{known}"), element));
            }
            _ => {
                self.action(text, &format!("range $k{known}, $e{known} := {over}"));
                self.variables.extend([(format!("$k{known}"), key), (format!("$e{known}"), element)]);
            }
        }
        let dot = std::mem::replace(&mut self.dot, element);
        self.loops += 1;
        self.body(text, depth + 1);
        self.loops -= 1;
        self.dot = dot;
        self.variables.truncate(known);
        self.otherwise(text, depth);
    }

    fn with(&mut self, text: &mut String, depth: usize) {
        let kind = self.dice.pick(HELD);
        let value = self.pipeline(kind);
        let known = self.variables.len();
        if self.dice.chance(30) {
            self.action(text, &format!("with $w{known} := {value}"));
            self.variables.push((format!("$w{known}"), kind));
        } else {
            self.action(text, &format!("with {value}"));
        }
        let dot = std::mem::replace(&mut self.dot, kind);
        self.body(text, depth + 1);
        self.dot = dot;
        if self.dice.chance(15) {
            let value = self.pipeline("any");
            self.action(text, &format!("else with {value}"));
            self.body(text, depth + 1);
        }
        self.otherwise(text, depth);
        self.variables.truncate(known);
    }

    fn call(&mut self, text: &mut String, depth: usize) {
        let value = self.pipeline("any");
        if self.defined > 0 && self.dice.chance(70) {
            let value = if self.dice.chance(80) { value } else { String::new() };
            let name = 1 + self.dice.roll(self.defined);
            return self.action(text, &format!("template \"t{name}\" {value}"));
        }
        let name = self.dice.pick(&["b1", "b2", "b3"]);
        self.action(text, &format!("block \"{name}\" {value}"));
        let (variables, dot) = (std::mem::take(&mut self.variables), std::mem::replace(&mut self.dot, "any"));
        self.body(text, depth + 1);
        (self.variables, self.dot) = (variables, dot);
        self.action(text, "end");
    }

    fn variable(&mut self, kind: Option<&str>) -> Option<(String, &'static str)> {
        let fitting: Vec<_> =
            self.variables.iter().filter(|(_, held)| kind.is_none_or(|kind| kind == *held)).collect();
        if fitting.is_empty() {
            return None;
        }
        let at = self.dice.roll(fitting.len());
        Some(fitting[at].clone())
    }

    /// A value without parentheses around it.
    fn pipeline(&mut self, kind: &'static str) -> String {
        let value = self.value(kind, 0);
        // no command by itself
        if value == "nil" { "print nil".to_owned() } else { value }
    }

    fn value(&mut self, kind: &str, depth: usize) -> String {
        let kind = if self.dice.chance(ODD_PERCENT) { "any" } else { kind };
        if self.dot == kind && self.dice.chance(40) {
            return ".".to_owned();
        }
        if self.dice.chance(30)
            && let Some((name, _)) = self.variable(Some(kind))
        {
            return name;
        }
        let forms = FORMS.iter().find(|(name, _)| *name == kind).unwrap().1;
        // the first one of each kind needs no more of its own
        let form = if depth < VALUE_DEPTH { self.dice.pick(forms) } else { forms[0] };
        self.fill(form, depth)
    }

    fn fill(&mut self, form: &str, depth: usize) -> String {
        let mut text = String::new();
        let mut rest = form;
        while let Some(at) = rest.find(['<', '~']) {
            // a string may have a < of its own; places are closed by > or ~ and hold letters and digits only
            let close = if rest.as_bytes()[at] == b'<' { '>' } else { '~' };
            let (before, from) = rest.split_at(at);
            let (_sign, after) = from.split_at(1);
            text.push_str(before);
            let Some((name, left)) = after.split_once(close) else {
                text.push_str(from);
                return text;
            };
            rest = left;
            if close == '~' {
                text.push_str(self.word(name));
                continue;
            }
            let value = self.value(name, depth + 1);
            let whole = text.is_empty() && (rest.is_empty() || rest.starts_with(" |"));
            match value.as_str() {
                "." if rest.starts_with('.') => {}
                value if whole || !value.contains(' ') => text.push_str(value),
                value => text.push_str(&["(", value, ")"].concat()),
            }
        }
        text.push_str(rest);
        text
    }

    fn word(&mut self, list: &str) -> &'static str {
        let words = WORDS.iter().find(|(name, _)| *name == list).unwrap().1;
        self.dice.pick(words)
    }
}
