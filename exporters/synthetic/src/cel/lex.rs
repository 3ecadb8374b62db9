//! From text to tokens.

use super::CompileError;

/// A token and where it begins, in characters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: usize,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Name(String),
    /// A whole number without its sign.
    Int(u64),
    Uint(u64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
    /// An operator, a bracket, a comma, …
    Sign(&'static str),
}

/// Longer ones first, so that `<=` is not read as `<`.
const SIGNS: [&str; 23] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",", "(", ")",
    "[", "]", "{",
];
const CLOSING_BRACE: &str = "}";

type Result<T> = std::result::Result<T, CompileError>;

/// Reads all of a text.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut reader = Reader { characters: text.chars().collect(), at: 0 };
    let mut tokens = Vec::new();
    loop {
        reader.skip_space();
        let at = reader.at;
        if reader.peek(0).is_none() {
            return Ok(tokens);
        }
        tokens.push(Token { kind: reader.token()?, at });
    }
}

struct Reader {
    characters: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.at + ahead).copied()
    }

    fn starts_with(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(ahead, character)| self.peek(ahead) == Some(character))
    }

    fn error<T>(&self, problem: impl Into<String>) -> Result<T> {
        Err(CompileError::new(self.at, problem))
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek(0).is_some_and(&belongs) {
            self.at += 1;
        }
        self.characters.get(start..self.at).unwrap_or_default().iter().collect()
    }

    /// White space, and comments that begin with `//`.
    fn skip_space(&mut self) {
        loop {
            self.take_while(|character| matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{c}'));
            if !self.starts_with("//") {
                return;
            }
            self.take_while(|character| character != '\n');
        }
    }

    fn token(&mut self) -> Result<Kind> {
        if let Some((raw, bytes, prefix)) = self.quoted() {
            self.at += prefix;
            return self.string(raw, bytes);
        }
        let first = self.peek(0).unwrap_or_default();
        let fraction = first == '.' && self.peek(1).is_some_and(|next| next.is_ascii_digit());
        if first.is_ascii_digit() || fraction {
            return self.number();
        }
        if first.is_ascii_alphabetic() || first == '_' {
            return Ok(Kind::Name(self.take_while(|next| next.is_ascii_alphanumeric() || next == '_')));
        }
        let sign = SIGNS.iter().chain([&CLOSING_BRACE]).find(|sign| self.starts_with(sign));
        match sign {
            Some(sign) => {
                self.at += sign.len();
                Ok(Kind::Sign(sign))
            }
            None => self.error(format!("unexpected character {first:?}")),
        }
    }

    /// Whether a quote begins here, perhaps after `r` and `b`: raw or not, bytes or not, letters before the quote.
    fn quoted(&self) -> Option<(bool, bool, usize)> {
        let (mut raw, mut bytes) = (false, false);
        for ahead in 0..=2 {
            match self.peek(ahead)? {
                '"' | '\'' => return Some((raw, bytes, ahead)),
                'r' | 'R' if !raw => raw = true,
                'b' | 'B' if !bytes => bytes = true,
                _ => return None,
            }
        }
        None
    }

    fn number(&mut self) -> Result<Kind> {
        let start = self.at;
        if self.starts_with("0x") || self.starts_with("0X") {
            self.at += 2;
            let digits = self.take_while(|next| next.is_ascii_hexdigit());
            return self.whole(u64::from_str_radix(&digits, 16).ok(), start);
        }
        let mut text = self.take_while(|next| next.is_ascii_digit());
        let mut whole = true;
        if self.peek(0) == Some('.') && self.peek(1).is_some_and(|next| next.is_ascii_digit()) {
            self.at += 1;
            let fraction = self.take_while(|next| next.is_ascii_digit());
            (text, whole) = (format!("{text}.{fraction}"), false);
        }
        let sign = usize::from(matches!(self.peek(1), Some('+' | '-')));
        let exponent = self.peek(1 + sign).is_some_and(|next| next.is_ascii_digit());
        if matches!(self.peek(0), Some('e' | 'E')) && exponent {
            text.extend(self.characters.get(self.at..=self.at + sign).unwrap_or_default());
            self.at += 1 + sign;
            text.push_str(&self.take_while(|next| next.is_ascii_digit()));
            whole = false;
        }
        if whole {
            return self.whole(text.parse().ok(), start);
        }
        let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
        value.map_or_else(|| self.error("the number is too large"), |value| Ok(Kind::Double(value)))
    }

    fn whole(&mut self, value: Option<u64>, start: usize) -> Result<Kind> {
        let unsigned = matches!(self.peek(0), Some('u' | 'U'));
        self.at += usize::from(unsigned);
        match value {
            Some(value) if unsigned => Ok(Kind::Uint(value)),
            Some(value) => Ok(Kind::Int(value)),
            None => Err(CompileError::new(start, "the number is too large")),
        }
    }

    fn string(&mut self, raw: bool, bytes: bool) -> Result<Kind> {
        let quote = self.peek(0).unwrap_or_default();
        let three = [Some(quote); 3] == [self.peek(0), self.peek(1), self.peek(2)];
        let count = if three { 3 } else { 1 };
        let end: String = std::iter::repeat_n(quote, count).collect();
        self.at += count;
        let mut out = Vec::new();
        while !self.starts_with(&end) {
            match self.peek(0) {
                Some('\n' | '\r') if !three => return self.error("the text does not end in its line"),
                Some('\\') if !raw => self.escape(bytes, &mut out)?,
                Some(character) => {
                    self.at += 1;
                    push(&mut out, character);
                }
                None => return self.error("the text does not end"),
            }
        }
        self.at += count;
        if bytes {
            return Ok(Kind::Bytes(out));
        }
        // every escape of a text is a character, so that this cannot fail
        String::from_utf8(out).map(Kind::String).or_else(|_| self.error("the text is not UTF-8"))
    }

    fn escape(&mut self, bytes: bool, out: &mut Vec<u8>) -> Result<()> {
        let letter = self.peek(1).unwrap_or_default();
        self.at += 2;
        let simple = match letter {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '\\' | '?' | '"' | '\'' | '`' => letter,
            'x' | 'X' => return self.code(2, 16, bytes, out),
            'u' if !bytes => return self.code(4, 16, false, out),
            'U' if !bytes => return self.code(8, 16, false, out),
            '0'..='3' => {
                self.at -= 1;
                return self.code(3, 8, bytes, out);
            }
            _ => return self.error("unknown escape"),
        };
        push(out, simple);
        Ok(())
    }

    /// A character, or a byte, by its number.
    fn code(&mut self, digits: usize, radix: u32, byte: bool, out: &mut Vec<u8>) -> Result<()> {
        let text: String =
            self.characters.get(self.at..self.at + digits).unwrap_or_default().iter().collect();
        self.at += digits;
        let code = if text.len() == digits { u32::from_str_radix(&text, radix).ok() } else { None };
        match code {
            Some(code) if byte => out.extend(u8::try_from(code).ok()),
            Some(code) => match char::from_u32(code) {
                Some(character) => push(out, character),
                None => return self.error("no such character"),
            },
            None => return self.error(format!("expected {digits} digits after the backslash")),
        }
        Ok(())
    }
}

fn push(out: &mut Vec<u8>, character: char) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}
