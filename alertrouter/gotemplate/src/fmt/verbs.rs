//! The reading of formats.

use super::{Flags, Printer, type_name};
use crate::{Value, rune};

/// Widths and precisions beyond are taken for mistakes.
const MAX_NUMBER: i64 = 1_000_000;

/// Where a format is being read.
struct Reader<'f> {
    format: &'f [u8],
    at: usize,
    values: &'f [Value],
    /// The next value.
    argument: usize,
    /// What was read last is an index such as `[3]`.
    after_index: bool,
    /// The indexes of this verb were good.
    good_index: bool,
    /// There was an index at all.
    reordered: bool,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    fn accept(&mut self, sign: u8) -> bool {
        let found = self.peek() == Some(sign);
        self.at += usize::from(found);
        found
    }

    /// A number, if there is one. A crazy one ends the format.
    fn number(&mut self) -> Option<usize> {
        let (number, at) = number(self.format, self.at, self.format.len());
        self.at = at;
        number
    }

    /// `[n]`, which says what value is next.
    fn index(&mut self) {
        self.after_index = false;
        if self.peek() != Some(b'[') {
            return;
        }
        self.reordered = true;
        let rest = self.format.get(self.at..).unwrap_or_default();
        let close = rest.iter().position(|sign| *sign == b']').filter(|_| rest.len() >= 3);
        let Some(close) = close else {
            self.good_index = false;
            self.at += 1;
            return;
        };
        let (index, end) = number(rest, 1, close);
        self.at += close + 1;
        let index = index.filter(|_| end == close);
        // an index that is a number is one, be it good or not
        self.after_index = index.is_some();
        match index.and_then(|index| index.checked_sub(1)) {
            Some(index) if index < self.values.len() => self.argument = index,
            _ => self.good_index = false,
        }
    }

    /// The value of a `*`: a number, if it is a sane one.
    fn star(&mut self) -> Option<i64> {
        let value = self.values.get(self.argument)?;
        self.argument += 1;
        let number = value.as_int().or_else(|| i64::try_from(value.as_uint()?).ok())?;
        (-MAX_NUMBER..=MAX_NUMBER).contains(&number).then_some(number)
    }
}

/// The digits from a position on: their number, if there are any, and where they end.
fn number(text: &[u8], from: usize, to: usize) -> (Option<usize>, usize) {
    let (mut number, mut at) = (None, from);
    while let Some(digit) = text.get(at).filter(|digit| at < to && digit.is_ascii_digit()) {
        let before: i64 = number.unwrap_or(0);
        if before > MAX_NUMBER {
            return (None, to);
        }
        number = Some(before * 10 + i64::from(digit - b'0'));
        at += 1;
    }
    (number.and_then(|number| usize::try_from(number).ok()), at)
}

impl Printer {
    pub(crate) fn printf(&mut self, format: &[u8], values: &[Value]) {
        let mut reader = Reader {
            format,
            at: 0,
            values,
            argument: 0,
            after_index: false,
            good_index: true,
            reordered: false,
        };
        while !self.is_full() {
            let rest = format.get(reader.at..).unwrap_or_default();
            let length = rest.iter().position(|sign| *sign == b'%').unwrap_or(rest.len());
            self.out.extend_from_slice(rest.get(..length).unwrap_or_default());
            reader.at += length + 1;
            if length == rest.len() || !self.directive(&mut reader) {
                break;
            }
        }
        let left = values.get(reader.argument..).unwrap_or_default();
        if !reader.reordered && !left.is_empty() {
            self.extra(left);
        }
        self.flags = Flags::default();
    }

    /// What follows a `%`. False if the format ended too early.
    fn directive(&mut self, reader: &mut Reader<'_>) -> bool {
        self.flags = Flags::default();
        reader.good_index = true;
        reader.after_index = false;
        while let Some(sign) = reader.peek() {
            match sign {
                b'#' => self.flags.sharp = true,
                b'0' => self.flags.zero = true,
                b'+' => self.flags.plus = true,
                b'-' => self.flags.minus = true,
                b' ' => self.flags.space = true,
                _ => break,
            }
            reader.at += 1;
        }
        reader.index();
        self.width(reader);
        self.precision(reader);
        if !reader.after_index {
            reader.index();
        }
        let rest = reader.format.get(reader.at..).unwrap_or_default();
        let Some((verb, size)) = rune::first(rest) else {
            self.write("%!(NOVERB)");
            return false;
        };
        reader.at += size;
        let problem = match reader.values.get(reader.argument) {
            _ if verb == '%' => {
                self.out.push(b'%');
                return true;
            }
            _ if !reader.good_index => "(BADINDEX)",
            None => "(MISSING)",
            Some(value) => {
                if matches!(verb, 'v' | 'w') {
                    self.flags.sharp_v = std::mem::take(&mut self.flags.sharp);
                    self.flags.plus_v = std::mem::take(&mut self.flags.plus);
                }
                self.argument(value, verb);
                reader.argument += 1;
                return true;
            }
        };
        self.write("%!");
        rune::push(&mut self.out, verb);
        self.write(problem);
        true
    }

    fn width(&mut self, reader: &mut Reader<'_>) {
        if reader.accept(b'*') {
            let width = reader.star();
            match width {
                None => self.write("%!(BADWIDTH)"),
                Some(width) if width < 0 => (self.flags.minus, self.flags.zero) = (true, false),
                Some(_) => {}
            }
            self.flags.width = width.and_then(|width| usize::try_from(width.unsigned_abs()).ok());
            reader.after_index = false;
            return;
        }
        self.flags.width = reader.number();
        if reader.after_index && self.flags.width.is_some() {
            reader.good_index = false;
        }
    }

    fn precision(&mut self, reader: &mut Reader<'_>) {
        // a point that ends the format is its verb
        if reader.peek() != Some(b'.') || reader.at + 1 >= reader.format.len() {
            return;
        }
        reader.at += 1;
        if reader.after_index {
            reader.good_index = false;
        }
        reader.index();
        if reader.accept(b'*') {
            self.flags.precision = reader.star().and_then(|precision| usize::try_from(precision).ok());
            if self.flags.precision.is_none() {
                self.write("%!(BADPREC)");
            }
            reader.after_index = false;
            return;
        }
        self.flags.precision = Some(reader.number().unwrap_or(0));
    }

    /// `%!(EXTRA string=more)`.
    fn extra(&mut self, values: &[Value]) {
        self.flags = Flags::default();
        self.write("%!(EXTRA ");
        for (position, value) in values.iter().enumerate() {
            if position > 0 {
                self.write(", ");
            }
            if matches!(value, Value::Nil) {
                self.write("<nil>");
            } else {
                self.write(&type_name(value));
                self.out.push(b'=');
                self.argument(value, 'v');
            }
        }
        self.out.push(b')');
    }
}
