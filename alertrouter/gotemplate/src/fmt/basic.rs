//! Booleans, numbers and strings, with width, precision and signs.

use super::float::{is_number, written};
use super::{Flags, Printer};
use crate::quote::{can_be_raw, push_quoted};
use crate::unicode::is_print;
use crate::{Value, rune};

/// The precision of a float where Go has one of its own: all digits that it takes to read it back, or six.
const SIX: usize = 6;

impl Printer {
    /// A plain value. Should the verb be none for it, the message shows `whole`, which may have a named type.
    pub(super) fn scalar(&mut self, plain: &Value, whole: &Value, verb: char) {
        match plain {
            Value::Bool(value) => match verb {
                't' | 'v' => self.pad(if *value { b"true" } else { b"false" }),
                _ => self.bad_verb(whole, verb),
            },
            Value::Int(number) => self.integer(number.cast_unsigned(), true, whole, verb),
            Value::Sized(integer, bits) => self.integer(*bits, integer.signed(), whole, verb),
            Value::Float(number) => self.float(*number, whole, verb),
            Value::Complex(real, imaginary) => self.complex(*real, *imaginary, whole, verb),
            Value::String(text) => self.text(text, whole, verb),
            _ => self.bad_verb(whole, verb),
        }
    }

    pub(super) fn text(&mut self, text: &[u8], whole: &Value, verb: char) {
        match verb {
            'v' if self.flags.sharp_v => self.quoted_string(text),
            'v' | 's' => self.string(text),
            'x' | 'X' => self.hex_string(text, verb == 'X'),
            'q' => self.quoted_string(text),
            _ => self.bad_verb(whole, verb),
        }
    }

    /// A string as it is, cut to the precision.
    pub(super) fn string(&mut self, text: &[u8]) {
        let text = self.cut(text);
        self.pad(text);
    }

    fn cut<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let Some(precision) = self.flags.precision else { return text };
        let length = rune::all(text).take(precision).map(|(_, bytes)| bytes.len()).sum();
        text.get(..length).unwrap_or(text)
    }

    fn quoted_string(&mut self, text: &[u8]) {
        let text = self.cut(text);
        let mut out = Vec::with_capacity(text.len() + 2);
        if self.flags.sharp && can_be_raw(text) {
            out.push(b'`');
            out.extend_from_slice(text);
            out.push(b'`');
        } else {
            push_quoted(&mut out, text, b'"', self.flags.plus);
        }
        self.pad(&out);
    }

    fn hex_string(&mut self, text: &[u8], upper: bool) {
        let text = text.get(..self.flags.precision.unwrap_or(usize::MAX)).unwrap_or(text);
        let Flags { sharp, space, minus, .. } = self.flags;
        let prefix = if upper { "0X" } else { "0x" };
        let mut out = String::new();
        for (position, byte) in text.iter().enumerate() {
            if space && position > 0 {
                out.push(' ');
            }
            if sharp && (space || position == 0) {
                out.push_str(prefix);
            }
            let digits = if upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
            let digit = |number: u8| char::from(digits.get(usize::from(number)).copied().unwrap_or_default());
            out.extend([digit(byte >> 4), digit(byte & 0xf)]);
        }
        let missing = self.flags.width.unwrap_or_default().saturating_sub(out.len());
        // an empty one is padded on one side only, whatever is asked for: there is no other
        if !minus || text.is_empty() {
            self.padding(missing);
        }
        self.write(&out);
        if minus && !text.is_empty() {
            self.padding(missing);
        }
    }

    pub(super) fn integer(&mut self, bits: u64, signed: bool, whole: &Value, verb: char) {
        match verb {
            'v' if self.flags.sharp_v && !signed => self.hexadecimal(bits, true),
            'v' | 'd' => self.digits(bits, 10, signed, verb),
            'b' => self.digits(bits, 2, signed, verb),
            'o' | 'O' => self.digits(bits, 8, signed, verb),
            'x' | 'X' => self.digits(bits, 16, signed, verb),
            'c' => self.character(bits),
            'q' => {
                let mut out = Vec::new();
                let mut text = Vec::new();
                rune::push(&mut text, to_char(bits));
                push_quoted(&mut out, &text, b'\'', self.flags.plus);
                self.pad(&out);
            }
            'U' => self.code_point(bits),
            _ => self.bad_verb(whole, verb),
        }
    }

    fn character(&mut self, bits: u64) {
        let mut out = Vec::new();
        rune::push(&mut out, to_char(bits));
        self.pad(&out);
    }

    fn code_point(&mut self, bits: u64) {
        let precision = self.flags.precision.unwrap_or_default().max(4);
        let mut out = format!("U+{}", with_zeros(&format!("{bits:X}"), precision));
        let visible =
            u32::try_from(bits).ok().and_then(char::from_u32).filter(|character| is_print(*character));
        if let (true, Some(character)) = (self.flags.sharp, visible) {
            out.extend([' ', '\'', character, '\'']);
        }
        self.pad_with_spaces(out.as_bytes());
    }

    /// In hexadecimal, with or without `0x` whatever the signs say.
    pub(super) fn hexadecimal(&mut self, bits: u64, prefix: bool) {
        let sharp = self.flags.sharp;
        self.flags.sharp = prefix;
        self.digits(bits, 16, false, 'v');
        self.flags.sharp = sharp;
    }

    fn digits(&mut self, bits: u64, base: u32, signed: bool, verb: char) {
        let Flags { width, precision, minus, plus, sharp, space, zero, .. } = self.flags;
        let negative = signed && bits.cast_signed() < 0;
        let number = if negative { bits.wrapping_neg() } else { bits };
        let least = match precision {
            Some(0) if number == 0 => {
                // nothing but the width
                self.flags.zero = false;
                self.padding(width.unwrap_or_default());
                self.flags.zero = zero;
                return;
            }
            Some(precision) => precision,
            None if zero && !minus => {
                width.unwrap_or_default().saturating_sub(usize::from(negative || plus || space))
            }
            None => 0,
        };
        let digits = match (base, verb) {
            (2, _) => format!("{number:b}"),
            (8, _) => format!("{number:o}"),
            (16, 'X') => format!("{number:X}"),
            (16, _) => format!("{number:x}"),
            _ => format!("{number}"),
        };
        let mut text = with_zeros(&digits, least);
        let prefix = match (base, verb) {
            (8, 'O') => "0o",
            (2, _) if sharp => "0b",
            (8, _) if sharp && !text.starts_with('0') => "0",
            (16, 'X') if sharp => "0X",
            (16, _) if sharp => "0x",
            _ => "",
        };
        if verb == 'O' && sharp && !text.starts_with('0') {
            text.insert(0, '0');
        }
        let sign = match (negative, plus, space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        self.pad_with_spaces(format!("{sign}{prefix}{text}").as_bytes());
    }

    fn float(&mut self, number: f64, whole: &Value, verb: char) {
        match verb {
            'v' => self.float_as(number, 'g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => self.float_as(number, verb, None),
            'f' | 'e' | 'E' => self.float_as(number, verb, Some(SIX)),
            'F' => self.float_as(number, 'f', Some(SIX)),
            _ => self.bad_verb(whole, verb),
        }
    }

    fn complex(&mut self, real: f64, imaginary: f64, whole: &Value, verb: char) {
        if !"vbgGxXfFeE".contains(verb) {
            self.bad_verb(whole, verb);
            return;
        }
        let plus = self.flags.plus;
        self.out.push(b'(');
        self.float(real, whole, verb);
        self.flags.plus = true;
        self.float(imaginary, whole, verb);
        self.write("i)");
        self.flags.plus = plus;
    }

    fn float_as(&mut self, number: f64, verb: char, precision: Option<usize>) {
        let Flags { width, minus, plus, sharp, space, zero, .. } = self.flags;
        let precision = self.flags.precision.or(precision);
        let text = written(number, verb, precision);
        let (negative, text) = text.strip_prefix('-').map_or((false, text.as_str()), |rest| (true, rest));
        let text = text.strip_prefix('+').unwrap_or(text);
        let sign = match (negative, plus, space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        if !is_number(text) {
            let sign = if text == "Inf" && sign.is_empty() { "+" } else { sign };
            self.pad_with_spaces(format!("{sign}{text}").as_bytes());
            return;
        }
        let text = if sharp && verb != 'b' { with_point(text, verb, precision) } else { text.to_owned() };
        let missing = width.unwrap_or_default().saturating_sub(sign.len() + text.len());
        if zero && !minus && !sign.is_empty() && missing > 0 {
            // the sign comes before the zeros
            self.write(sign);
            self.padding(missing);
            self.write(&text);
            return;
        }
        self.pad(format!("{sign}{text}").as_bytes());
    }

    /// The text, with spaces on one side up to the width, or zeros.
    pub(super) fn pad(&mut self, text: &[u8]) {
        let Some(width) = self.flags.width else {
            self.out.extend_from_slice(text);
            return;
        };
        let missing = width.saturating_sub(rune::count(text));
        if !self.flags.minus {
            self.padding(missing);
        }
        self.out.extend_from_slice(text);
        if self.flags.minus {
            self.padding(missing);
        }
    }

    /// The same with spaces only.
    fn pad_with_spaces(&mut self, text: &[u8]) {
        let zero = std::mem::take(&mut self.flags.zero);
        self.pad(text);
        self.flags.zero = zero;
    }

    fn padding(&mut self, count: usize) {
        let fill = if self.flags.zero && !self.flags.minus { b'0' } else { b' ' };
        self.out.resize(self.out.len() + count, fill);
    }
}

/// Digits with zeros before them. The standard library's formatter panics for widths that Go takes.
fn with_zeros(digits: &str, least: usize) -> String {
    let mut out = "0".repeat(least.saturating_sub(digits.len()));
    out.push_str(digits);
    out
}

/// A number as a character; U+FFFD where there is none of that number.
fn to_char(bits: u64) -> char {
    u32::try_from(bits).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// A float with a decimal point, and with the zeros at its end that other forms leave out.
fn with_point(text: &str, verb: char, precision: Option<usize>) -> String {
    let is_hex = matches!(verb, 'x' | 'X');
    let mut missing = match verb {
        'g' | 'G' | 'x' => precision.unwrap_or(SIX),
        _ => 0,
    };
    let end = text.find(|sign| matches!(sign, 'p' | 'P') || !is_hex && matches!(sign, 'e' | 'E'));
    let (digits, exponent) = text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((text, ""));
    let mut seen = false;
    for digit in digits.chars().filter(|sign| *sign != '.') {
        seen |= digit != '0';
        missing = missing.saturating_sub(usize::from(seen));
    }
    let mut out = digits.to_owned();
    if !digits.contains('.') {
        if digits == "0" {
            missing = missing.saturating_sub(1);
        }
        out.push('.');
    }
    out.extend(std::iter::repeat_n('0', missing));
    out.push_str(exponent);
    out
}
