//! Reads a pattern by Go's rules and writes it for the engine.

use std::collections::HashSet;

use super::class::class;

/// What is wrong with a pattern.
pub(super) type Result<T> = std::result::Result<T, String>;

/// The largest count of a repetition, also of repetitions within each other together.
const MAX_REPEAT: u32 = 1000;

/// Deepest nesting of groups; the engine has a bound of its own below Go's 1000.
const MAX_DEPTH: usize = 200;

/// The rest of a pattern.
#[derive(Clone)]
pub(super) struct Reader<'a>(std::str::Chars<'a>);

impl<'a> Reader<'a> {
    pub(super) fn rest(&self) -> &'a str {
        self.0.as_str()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        self.0.next()
    }

    /// Takes a text off the front, if it is there.
    pub(super) fn take(&mut self, text: &str) -> bool {
        match self.rest().strip_prefix(text) {
            Some(rest) => {
                self.0 = rest.chars();
                true
            }
            None => false,
        }
    }
}

/// What may be repeated: what was written last, as Go's parser has it on its stack.
#[derive(Clone, Copy, Default)]
struct Last {
    /// Whether there is anything to repeat.
    atom: bool,
    /// Whether it is a repetition already.
    repeated: bool,
    /// How often it repeats what is in it.
    count: u32,
}

/// A group that is open.
#[derive(Clone, Copy, Default)]
struct Open {
    /// The largest count within it so far.
    count: u32,
}

/// Writes a pattern of Go's for the engine.
pub(super) fn translate(pattern: &str) -> Result<String> {
    Translation {
        reader: Reader(pattern.chars()),
        out: String::new(),
        open: vec![Open::default()],
        names: HashSet::new(),
    }
    .run()
}

struct Translation<'a> {
    reader: Reader<'a>,
    out: String,
    /// The groups around here; the whole pattern is the first.
    open: Vec<Open>,
    names: HashSet<&'a str>,
}

impl Translation<'_> {
    fn run(mut self) -> Result<String> {
        let mut last = Last::default();
        while let Some(character) = self.reader.next() {
            last = self.step(character, last)?;
        }
        if self.open.len() > 1 {
            return Err("missing closing )".to_owned());
        }
        Ok(self.out)
    }

    fn step(&mut self, character: char, last: Last) -> Result<Last> {
        let atom = Last { atom: true, repeated: false, count: 1 };
        match character {
            '(' => self.group(),
            ')' => self.close(),
            '|' => {
                self.out.push('|');
                Ok(Last::default())
            }
            '[' => class(&mut self.reader, &mut self.out).map(|()| atom),
            '.' | '^' | '$' => {
                self.out.push(character);
                Ok(atom)
            }
            '*' | '+' | '?' => self.repeat(&character.to_string(), 1, last),
            '{' => match count(&mut self.reader)? {
                Some((text, count)) => self.repeat(&text, count, last),
                None => Ok(self.write(&literal('{'))),
            },
            '\\' => self.backslash(last),
            other => Ok(self.write(&literal(other))),
        }
    }

    fn write(&mut self, text: &str) -> Last {
        self.out.push_str(text);
        self.grow(1);
        Last { atom: true, repeated: false, count: 1 }
    }

    fn grow(&mut self, count: u32) {
        if let Some(open) = self.open.last_mut() {
            open.count = open.count.max(count);
        }
    }

    fn repeat(&mut self, operator: &str, times: u32, last: Last) -> Result<Last> {
        if last.repeated {
            return Err(format!(
                "nested repetition `{}{operator}`",
                self.out.chars().last().unwrap_or_default()
            ));
        }
        if !last.atom {
            return Err(format!("nothing to repeat before `{operator}`"));
        }
        let count = last.count.saturating_mul(times.max(1));
        if count > MAX_REPEAT {
            return Err(format!("a repetition of more than {MAX_REPEAT}"));
        }
        self.out.push_str(operator);
        if self.reader.take("?") {
            self.out.push('?');
        }
        self.grow(count);
        Ok(Last { atom: true, repeated: true, count })
    }

    fn group(&mut self) -> Result<Last> {
        if self.open.len() > MAX_DEPTH {
            return Err(format!("groups are nested more than {MAX_DEPTH} deep"));
        }
        self.out.push('(');
        // flags alone are no group
        if self.reader.take("?") && !self.named()? && !self.flags()? {
            return Ok(Last::default());
        }
        self.open.push(Open::default());
        Ok(Last::default())
    }

    /// `?P<name>` or `?<name>`.
    fn named(&mut self) -> Result<bool> {
        let rest = self.reader.rest();
        let Some(after) = rest.strip_prefix("P<").or_else(|| rest.strip_prefix('<')) else {
            return Ok(false);
        };
        let name = after.split_once('>').map_or("", |(name, _)| name);
        if rest.starts_with("<=") || rest.starts_with("<!") {
            return Err(format!("unknown group `(?{}`", rest.get(..2).unwrap_or_default()));
        }
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err("invalid name of a group".to_owned());
        }
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(format!("the name `{name}` of a group begins with a digit, which is not supported"));
        }
        if !self.names.insert(name) {
            return Err(format!("the name `{name}` of a group is given twice"));
        }
        self.reader.0 = after.get(name.len() + 1..).unwrap_or_default().chars();
        self.out.push_str("?P<");
        self.out.push_str(name);
        self.out.push('>');
        Ok(true)
    }

    /// `?i-s:` begins a group (true), `?i-s)` does not.
    fn flags(&mut self) -> Result<bool> {
        // each flag once, as it was said last: the engine takes no flag twice
        let mut flags: Vec<(char, bool)> = Vec::new();
        let (mut negated, mut needed) = (false, false);
        loop {
            match self.reader.next() {
                Some(flag @ ('i' | 'm' | 's' | 'U')) => {
                    flags.retain(|(known, _)| *known != flag);
                    flags.push((flag, !negated));
                    needed = false;
                }
                Some('-') if !negated => {
                    (negated, needed) = (true, true);
                }
                Some(end @ (':' | ')')) if !needed => {
                    self.out.push('?');
                    self.out.extend(flags.iter().filter(|(_, on)| *on).map(|(flag, _)| flag));
                    if flags.iter().any(|(_, on)| !on) {
                        self.out.push('-');
                        self.out.extend(flags.iter().filter(|(_, on)| !on).map(|(flag, _)| flag));
                    }
                    // `(?)` says nothing, and is an error to the engine
                    self.out.push_str(if flags.is_empty() && end == ')' { ":)" } else { "" });
                    self.out.extend(Some(end).filter(|_| !flags.is_empty() || end == ':'));
                    return Ok(end == ':');
                }
                Some(other) => {
                    let flags: String = flags.iter().map(|(flag, _)| flag).collect();
                    return Err(format!("unknown group `(?{flags}{other}`"));
                }
                None => return Err("missing closing )".to_owned()),
            }
        }
    }

    fn close(&mut self) -> Result<Last> {
        if self.open.len() < 2 {
            return Err("unexpected )".to_owned());
        }
        let count = self.open.pop().map_or(1, |open| open.count.max(1));
        self.out.push(')');
        self.grow(count);
        Ok(Last { atom: true, repeated: false, count })
    }

    fn backslash(&mut self, last: Last) -> Result<Last> {
        let mut after = self.reader.clone();
        let text = match after.next() {
            Some('A') => r"\A",
            Some('z') => r"\z",
            Some('b') => r"(?-u:\b)",
            Some('B') => r"(?-u:\B)",
            Some('Q') => {
                self.reader = after;
                return Ok(self.quoted(last));
            }
            Some(letter @ ('p' | 'P')) => {
                self.reader = after;
                let class = unicode(&mut self.reader, letter == 'P')?;
                return Ok(self.write(&class));
            }
            Some(letter) => match perl(letter) {
                Some(class) => class,
                None => return escape(&mut self.reader).map(|character| self.write(&literal(character))),
            },
            None => return Err("a backslash at the end".to_owned()),
        };
        self.reader = after;
        Ok(self.write(text))
    }

    /// `\Q…\E`, or to the end.
    fn quoted(&mut self, mut last: Last) -> Last {
        while !self.reader.rest().is_empty() && !self.reader.take(r"\E") {
            if let Some(character) = self.reader.next() {
                last = self.write(&literal(character));
            }
        }
        last
    }
}

/// A character as itself, in a class and outside.
pub(super) fn literal(character: char) -> String {
    if character.is_ascii() && !character.is_ascii_alphanumeric() && character != ' ' {
        format!("\\x{{{:X}}}", u32::from(character))
    } else {
        character.to_string()
    }
}

/// The class of a letter after a backslash: ASCII only in Go.
pub(super) fn perl(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        's' => r"[\t\n\x0C\r ]",
        'S' => r"[^\t\n\x0C\r ]",
        _ => return None,
    })
}

/// `\pL`, `\p{Greek}`, `\p{^Greek}` after the letter.
pub(super) fn unicode(reader: &mut Reader<'_>, negated: bool) -> Result<String> {
    let unknown = |name: &str| format!("unknown class `\\p{{{name}}}`");
    let name = if reader.take("{") {
        let (name, rest) = reader.rest().split_once('}').ok_or_else(|| unknown(reader.rest()))?;
        *reader = Reader(rest.chars());
        name.to_owned()
    } else {
        reader.next().map(String::from).unwrap_or_default()
    };
    let (name, negated) = match name.strip_prefix('^') {
        Some(name) => (name, !negated),
        None => (name.as_str(), negated),
    };
    let known = name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if !known {
        return Err(unknown(name));
    }
    Ok(format!("\\{}{{{name}}}", if negated { 'P' } else { 'p' }))
}

/// The character that an escape stands for, after the backslash.
pub(super) fn escape(reader: &mut Reader<'_>) -> Result<char> {
    let first = reader.next().ok_or("a backslash at the end")?;
    let value = match first {
        '0' => octal(reader, 0),
        // one digit alone would refer to a group, which Go cannot
        '1'..='7' if reader.rest().starts_with(|next: char| ('0'..='7').contains(&next)) => {
            octal(reader, first.to_digit(8).unwrap_or_default())
        }
        'x' => hexadecimal(reader)?,
        'a' => 0x07,
        'f' => 0x0c,
        'n' => 0x0a,
        'r' => 0x0d,
        't' => 0x09,
        'v' => 0x0b,
        other if other.is_ascii() && !other.is_ascii_alphanumeric() => u32::from(other),
        other => return Err(format!("invalid escape `\\{other}`")),
    };
    char::from_u32(value).ok_or_else(|| format!("no character has the number {value:#x}"))
}

/// Up to two more octal digits.
fn octal(reader: &mut Reader<'_>, first: u32) -> u32 {
    let mut value = first;
    for _ in 0..2 {
        let Some(digit) = reader.rest().chars().next().and_then(|next| next.to_digit(8)) else { break };
        value = value * 8 + digit;
        reader.next();
    }
    value
}

/// `\x7F` or `\x{10FFFF}` after the x.
fn hexadecimal(reader: &mut Reader<'_>) -> Result<u32> {
    let invalid = || r"invalid escape `\x`".to_owned();
    let (digits, whole) = if reader.take("{") {
        let (digits, rest) = reader.rest().split_once('}').ok_or_else(invalid)?;
        *reader = Reader(rest.chars());
        (digits.to_owned(), !digits.is_empty())
    } else {
        let digits: String = reader.next().into_iter().chain(reader.next()).collect();
        let whole = digits.len() == 2;
        (digits, whole)
    };
    if !whole || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(invalid());
    }
    u32::from_str_radix(&digits, 16).map_err(|_| invalid())
}

/// A count after its brace: its text and the larger number. None: the brace is only a brace.
fn count(reader: &mut Reader<'_>) -> Result<Option<(String, u32)>> {
    let Some((inner, rest)) = reader.rest().split_once('}') else { return Ok(None) };
    let number = |text: &str| match text.as_bytes() {
        // Go takes no leading zero
        [b'0'] => Some(0),
        [b'1'..=b'9', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => {
            Some(text.parse().unwrap_or(u32::MAX))
        }
        _ => None,
    };
    let (least, most) = match inner.split_once(',') {
        None => (number(inner), number(inner)),
        Some((least, "")) => (number(least), number(least)),
        Some((least, most)) => (number(least), number(most)),
    };
    let (Some(least), Some(most)) = (least, most) else { return Ok(None) };
    if least > most || most > MAX_REPEAT {
        return Err(format!("invalid count `{{{inner}}}`"));
    }
    *reader = Reader(rest.chars());
    Ok(Some((format!("{{{inner}}}"), most)))
}
