//! The text as tokens.

use std::borrow::Cow;

use crate::quote::{code_point, quoted};
use crate::rune;
use crate::tree::Source;
use crate::unicode::{is_digit, is_letter};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What cannot be read; the token's text says why.
    Error,
    /// `true`, `false`.
    Bool,
    /// A printable ASCII character that means nothing by itself, such as a comma.
    Char,
    /// `'a'`.
    CharConstant,
    /// `1+2i`.
    Complex,
    /// `=`.
    Assign,
    /// `:=`.
    Declare,
    /// The end of the text.
    Eof,
    /// `.name`.
    Field,
    /// `name`.
    Identifier,
    /// `{{`.
    Left,
    /// `(`.
    LeftParen,
    /// A number, an imaginary one too.
    Number,
    /// `|`.
    Pipe,
    /// A string in back quotes.
    RawString,
    /// `}}`.
    Right,
    /// `)`.
    RightParen,
    /// White space between words.
    Space,
    /// A string in double quotes.
    String,
    /// What is outside of actions.
    Text,
    /// `$`, `$name`.
    Variable,
    /// A word that the language has taken, or the dot.
    Keyword(Keyword),
}

/// The words that the language has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Block,
    Break,
    Continue,
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

/// One token.
#[derive(Debug, Clone)]
pub(super) struct Token<'s> {
    pub(super) kind: Kind,
    /// Where it begins, in bytes.
    pub(super) pos: usize,
    pub(super) text: Cow<'s, [u8]>,
    /// The line where it begins.
    pub(super) line: usize,
}

impl Token<'_> {
    /// The token as messages show it.
    pub(super) fn shown(&self) -> String {
        match self.kind {
            Kind::Eof => "EOF".to_owned(),
            Kind::Error => String::from_utf8_lossy(&self.text).into_owned(),
            Kind::Keyword(_) => format!("<{}>", String::from_utf8_lossy(&self.text)),
            _ if self.text.len() > 10 => {
                let length = rune::all(&self.text).take(10).map(|(_, bytes)| bytes.len()).sum();
                format!("{}...", quoted(self.text.get(..length).unwrap_or_default()))
            }
            _ => quoted(&self.text),
        }
    }
}

/// What is cut before and after by a trim marker, and separates words.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// The marker and the space beside it.
const MARKER: usize = 2;

/// Cuts a text into tokens.
pub(super) struct Lexer<'s> {
    input: &'s [u8],
    left: &'s [u8],
    right: &'s [u8],
    pos: usize,
    /// Where the token begins that is being read, and its line.
    start: usize,
    line: usize,
    inside: bool,
    parens: usize,
    /// Functions of these names hide the keywords.
    pub(super) break_is_function: bool,
    pub(super) continue_is_function: bool,
}

impl<'s> Lexer<'s> {
    pub(super) fn new(source: &'s Source) -> Self {
        Self {
            input: &source.text,
            left: &source.left,
            right: &source.right,
            pos: 0,
            start: 0,
            line: 1,
            inside: false,
            parens: 0,
            break_is_function: false,
            continue_is_function: false,
        }
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Token<'s> {
        if self.inside { self.action() } else { self.text() }
    }

    fn rest(&self) -> &'s [u8] {
        self.input.get(self.pos..).unwrap_or_default()
    }

    fn token(&mut self, kind: Kind) -> Token<'s> {
        let (pos, line) = (self.start, self.line);
        let text = self.input.get(pos..self.pos).unwrap_or_default();
        self.skip();
        Token { kind, pos, text: Cow::Borrowed(text), line }
    }

    /// Takes what was read for no token.
    fn skip(&mut self) {
        let text = self.input.get(self.start..self.pos).unwrap_or_default();
        self.line += lines(text);
        self.start = self.pos;
    }

    /// A token that says what is wrong. There is no more after it.
    fn error(&mut self, message: impl Into<String>) -> Token<'s> {
        let text = Cow::Owned(message.into().into_bytes());
        let token = Token { kind: Kind::Error, pos: self.start, text, line: self.line };
        (self.input, self.pos, self.start) = (&[], 0, 0);
        token
    }

    fn text(&mut self) -> Token<'s> {
        loop {
            let rest = self.rest();
            let Some(length) = find(rest, self.left) else {
                self.pos = self.input.len();
                let kind = if self.pos > self.start { Kind::Text } else { Kind::Eof };
                return self.token(kind);
            };
            if length > 0 {
                let text = rest.get(..length).unwrap_or_default();
                let after = rest.get(length + self.left.len()..).unwrap_or_default();
                let trimmed = if trims_left(after) { right_trimmed(text) } else { length };
                self.pos += trimmed;
                let token = self.token(Kind::Text);
                self.pos += length - trimmed;
                self.skip();
                if trimmed > 0 {
                    return token;
                }
            }
            if let Some(token) = self.left_delimiter() {
                return token;
            }
        }
    }

    /// The begin of an action; nothing for a comment that was skipped.
    fn left_delimiter(&mut self) -> Option<Token<'s>> {
        self.pos += self.left.len();
        let marker = if trims_left(self.rest()) { MARKER } else { 0 };
        if self.rest().get(marker..).is_some_and(|rest| rest.starts_with(b"/*")) {
            self.pos += marker;
            self.skip();
            return self.comment();
        }
        let token = self.token(Kind::Left);
        self.inside = true;
        self.pos += marker;
        self.skip();
        self.parens = 0;
        Some(token)
    }

    /// Skips a comment; a token only for one that does not end well.
    fn comment(&mut self) -> Option<Token<'s>> {
        self.pos += 2;
        let Some(length) = find(self.rest(), b"*/") else { return Some(self.error("unclosed comment")) };
        self.pos += length + 2;
        let Some(trims) = self.at_right() else {
            return Some(self.error("comment ends before closing delimiter"));
        };
        self.pos += if trims { MARKER } else { 0 } + self.right.len();
        if trims {
            self.pos += left_trimmed(self.rest());
        }
        self.skip();
        None
    }

    /// Whether an action ends here, and if so, whether it trims what follows.
    fn at_right(&self) -> Option<bool> {
        let rest = self.rest();
        if trims_right(rest) && rest.get(MARKER..).is_some_and(|rest| rest.starts_with(self.right)) {
            return Some(true);
        }
        rest.starts_with(self.right).then_some(false)
    }

    fn right_delimiter(&mut self, trims: bool) -> Token<'s> {
        if trims {
            self.pos += MARKER;
            self.skip();
        }
        self.pos += self.right.len();
        let token = self.token(Kind::Right);
        if trims {
            self.pos += left_trimmed(self.rest());
            self.skip();
        }
        self.inside = false;
        token
    }

    fn action(&mut self) -> Token<'s> {
        if let Some(trims) = self.at_right() {
            if self.parens > 0 {
                return self.error("unclosed left paren");
            }
            return self.right_delimiter(trims);
        }
        let Some((character, width)) = rune::first(self.rest()) else { return self.error("unclosed action") };
        let begin = self.pos;
        self.pos += width;
        match character {
            ' ' | '\t' | '\r' | '\n' => self.space(begin),
            '=' => self.token(Kind::Assign),
            ':' => {
                if !self.accept(b"=") {
                    return self.error("expected :=");
                }
                self.token(Kind::Declare)
            }
            '|' => self.token(Kind::Pipe),
            '"' => self.quoted(b'"', Kind::String, "unterminated quoted string"),
            '\'' => self.quoted(b'\'', Kind::CharConstant, "unterminated character constant"),
            '`' => self.raw_quoted(),
            '$' => self.name(Kind::Variable, Kind::Variable),
            '.' if self.rest().first().is_some_and(|next| !next.is_ascii_digit()) => {
                self.name(Kind::Field, Kind::Keyword(Keyword::Dot))
            }
            '.' | '+' | '-' | '0'..='9' => {
                self.pos = begin;
                self.number()
            }
            _ if is_word(character) => self.identifier(),
            '(' => {
                self.parens += 1;
                self.token(Kind::LeftParen)
            }
            ')' => {
                let Some(parens) = self.parens.checked_sub(1) else {
                    return self.error("unexpected right paren");
                };
                self.parens = parens;
                self.token(Kind::RightParen)
            }
            ' '..='~' => self.token(Kind::Char),
            _ => self.error(format!("unrecognized character in action: {}", code_point(character))),
        }
    }

    /// White space, of which the first was read; the last may belong to a trim marker.
    fn space(&mut self, begin: usize) -> Token<'s> {
        let length = left_trimmed(self.rest());
        self.pos += length;
        let last = self.input.get(self.pos - 1..).unwrap_or_default();
        if trims_right(last) && last.get(MARKER..).is_some_and(|rest| rest.starts_with(self.right)) {
            self.pos -= 1;
            if self.pos == begin {
                // here Go does not ask for open parentheses
                return self.right_delimiter(true);
            }
        }
        self.token(Kind::Space)
    }

    fn accept(&mut self, valid: &[u8]) -> bool {
        let accepted = self.rest().first().is_some_and(|next| valid.contains(next));
        self.pos += usize::from(accepted);
        accepted
    }

    fn accept_all(&mut self, valid: &[u8]) {
        while self.accept(valid) {}
    }

    fn quoted(&mut self, quote: u8, kind: Kind, unterminated: &str) -> Token<'s> {
        loop {
            let rest = self.rest();
            let escaped = rest.first() == Some(&b'\\');
            match rest.get(usize::from(escaped)) {
                None | Some(b'\n') => return self.error(unterminated),
                Some(byte) => {
                    self.pos += 1 + usize::from(escaped);
                    if !escaped && *byte == quote {
                        return self.token(kind);
                    }
                }
            }
        }
    }

    fn raw_quoted(&mut self) -> Token<'s> {
        let Some(length) = find(self.rest(), b"`") else {
            return self.error("unterminated raw quoted string");
        };
        self.pos += length + 1;
        self.token(Kind::RawString)
    }

    /// A field or a variable, whose first sign was read.
    fn name(&mut self, kind: Kind, alone: Kind) -> Token<'s> {
        if self.at_terminator() {
            return self.token(alone);
        }
        self.word();
        if self.at_terminator() { self.token(kind) } else { self.bad_character() }
    }

    fn word(&mut self) {
        while let Some((character, width)) = rune::first(self.rest()) {
            if !is_word(character) {
                break;
            }
            self.pos += width;
        }
    }

    fn bad_character(&mut self) -> Token<'s> {
        let character =
            rune::first(self.rest()).map_or(char::REPLACEMENT_CHARACTER, |(character, _)| character);
        self.error(format!("bad character {}", code_point(character)))
    }

    fn identifier(&mut self) -> Token<'s> {
        self.word();
        if !self.at_terminator() {
            return self.bad_character();
        }
        let word = self.input.get(self.start..self.pos).unwrap_or_default();
        let keyword = match word {
            b"true" | b"false" => return self.token(Kind::Bool),
            b"block" => Keyword::Block,
            b"break" if !self.break_is_function => Keyword::Break,
            b"continue" if !self.continue_is_function => Keyword::Continue,
            b"define" => Keyword::Define,
            b"else" => Keyword::Else,
            b"end" => Keyword::End,
            b"if" => Keyword::If,
            b"nil" => Keyword::Nil,
            b"range" => Keyword::Range,
            b"template" => Keyword::Template,
            b"with" => Keyword::With,
            _ => return self.token(Kind::Identifier),
        };
        self.token(Kind::Keyword(keyword))
    }

    /// Whether a name may end here.
    fn at_terminator(&self) -> bool {
        let rest = self.rest();
        rest.first().is_none_or(|next| is_space(*next) || b".,|:)(".contains(next))
            || rest.starts_with(self.right)
    }

    fn number(&mut self) -> Token<'s> {
        if !self.scan_number() {
            return self.bad_number();
        }
        if self.rest().first().is_some_and(|sign| b"+-".contains(sign)) {
            if !self.scan_number() || self.input.get(self.pos - 1) != Some(&b'i') {
                return self.bad_number();
            }
            return self.token(Kind::Complex);
        }
        self.token(Kind::Number)
    }

    fn bad_number(&mut self) -> Token<'s> {
        let text = self.input.get(self.start..self.pos).unwrap_or_default();
        self.error(format!("bad number syntax: {}", quoted(text)))
    }

    /// Reads what looks like a number; whether it ends like one, too.
    fn scan_number(&mut self) -> bool {
        self.accept(b"+-");
        let (mut digits, mut exponent): (&[u8], &[u8]) = (b"0123456789_", b"eE");
        if self.accept(b"0") {
            if self.accept(b"xX") {
                (digits, exponent) = (b"0123456789abcdefABCDEF_", b"pP");
            } else if self.accept(b"oO") {
                (digits, exponent) = (b"01234567_", b"");
            } else if self.accept(b"bB") {
                (digits, exponent) = (b"01_", b"");
            }
        }
        self.accept_all(digits);
        if self.accept(b".") {
            self.accept_all(digits);
        }
        if self.accept(exponent) {
            self.accept(b"+-");
            self.accept_all(b"0123456789_");
        }
        self.accept(b"i");
        match rune::first(self.rest()) {
            Some((character, width)) if is_word(character) => {
                self.pos += width;
                false
            }
            _ => true,
        }
    }
}

fn is_word(character: char) -> bool {
    character == '_' || is_letter(character) || is_digit(character)
}

fn trims_left(rest: &[u8]) -> bool {
    matches!(rest, [b'-', space, ..] if is_space(*space))
}

fn trims_right(rest: &[u8]) -> bool {
    matches!(rest, [space, b'-', ..] if is_space(*space))
}

/// How long the text is without the white space at its end.
fn right_trimmed(text: &[u8]) -> usize {
    text.iter().rposition(|byte| !is_space(*byte)).map_or(0, |last| last + 1)
}

/// How much white space the text begins with.
fn left_trimmed(text: &[u8]) -> usize {
    text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len())
}

fn lines(text: &[u8]) -> usize {
    text.split(|byte| *byte == b'\n').count() - 1
}

/// Where a text is found first.
fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    loop {
        from += text.get(from..)?.iter().position(|byte| *byte == first)?;
        if text.get(from..)?.starts_with(wanted) {
            return Some(from);
        }
        from += 1;
    }
}
