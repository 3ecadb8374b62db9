//! From tokens to an expression, with every name found.

use std::sync::Arc;

use super::lex::{Kind, Token, tokens};
use super::syntax::{Expr, Function, Macro, Operator};
use super::{CompileError, Type, Value, Variable};

/// The deepest nesting, so that neither reading nor evaluating runs out of stack.
const MAX_DEPTH: usize = 100;

/// Words that stand for something else, or will.
const RESERVED: [&str; 18] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "package",
    "return",
    "var",
    "void",
    "while",
];

type Result<T> = std::result::Result<T, CompileError>;

/// Reads an expression.
pub(super) fn parse(text: &str) -> Result<Expr> {
    let end = text.chars().count();
    let mut parser = Parser { tokens: tokens(text)?, next: 0, end, locals: Vec::new(), open: 0 };
    let (expression, _) = parser.expression()?;
    match parser.peek() {
        None => Ok(expression),
        Some(_) => parser.error("expected the end of the expression"),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    end: usize,
    /// The macros' variables that can be seen here.
    locals: Vec<String>,
    /// Expressions that are being read.
    open: usize,
}

/// An expression and how deep it is.
type Parsed = (Expr, usize);

impl Parser {
    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.next).map(|token| &token.kind)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |token| token.at)
    }

    fn error<T>(&self, problem: impl Into<String>) -> Result<T> {
        Err(CompileError::new(self.at(), problem))
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Kind::Sign(next)) if *next == sign);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<()> {
        if self.take(sign) { Ok(()) } else { self.error(format!("expected `{sign}`")) }
    }

    fn name(&mut self) -> Result<String> {
        match self.peek() {
            Some(Kind::Name(name)) => {
                let name = name.clone();
                self.next += 1;
                Ok(name)
            }
            _ => self.error("expected a name"),
        }
    }

    /// One deeper than the deepest part.
    fn deeper(&self, parts: impl IntoIterator<Item = usize>) -> Result<usize> {
        let depth = parts.into_iter().max().unwrap_or(0) + 1;
        if depth > MAX_DEPTH { self.error("the expression is nested too deeply") } else { Ok(depth) }
    }

    fn expression(&mut self) -> Result<Parsed> {
        self.open += 1;
        if self.open > MAX_DEPTH {
            return self.error("the expression is nested too deeply");
        }
        let (condition, depth) = self.any_of()?;
        let parsed = if self.take("?") {
            let (then, one) = self.any_of()?;
            self.expect(":")?;
            let (otherwise, two) = self.expression()?;
            let depth = self.deeper([depth, one, two])?;
            let [condition, then, otherwise] = [condition, then, otherwise].map(Box::new);
            (Expr::Conditional { condition, then, otherwise }, depth)
        } else {
            (condition, depth)
        };
        self.open -= 1;
        Ok(parsed)
    }

    fn any_of(&mut self) -> Result<Parsed> {
        self.chain("||", Self::all_of, Expr::Or)
    }

    fn all_of(&mut self) -> Result<Parsed> {
        self.chain("&&", Self::relation, Expr::And)
    }

    /// `a && b && c` as one, so that a long one is not a deep one.
    fn chain(
        &mut self,
        sign: &str,
        part: fn(&mut Self) -> Result<Parsed>,
        make: fn(Vec<Expr>) -> Expr,
    ) -> Result<Parsed> {
        let first = part(self)?;
        let (mut parts, mut depth) = (vec![first.0], first.1);
        while self.take(sign) {
            let (next, other) = part(self)?;
            parts.push(next);
            depth = depth.max(other);
        }
        match parts.pop() {
            Some(only) if parts.is_empty() => Ok((only, depth)),
            last => {
                parts.extend(last);
                Ok((make(parts), self.deeper([depth])?))
            }
        }
    }

    fn relation(&mut self) -> Result<Parsed> {
        self.left_to_right(Self::sum, |kind| match kind {
            Kind::Sign("==") => Some(Operator::Equal),
            Kind::Sign("!=") => Some(Operator::Unequal),
            Kind::Sign("<") => Some(Operator::Less),
            Kind::Sign("<=") => Some(Operator::LessOrEqual),
            Kind::Sign(">") => Some(Operator::Greater),
            Kind::Sign(">=") => Some(Operator::GreaterOrEqual),
            Kind::Name(name) if name == "in" => Some(Operator::In),
            _ => None,
        })
    }

    fn sum(&mut self) -> Result<Parsed> {
        self.left_to_right(Self::product, |kind| match kind {
            Kind::Sign("+") => Some(Operator::Add),
            Kind::Sign("-") => Some(Operator::Subtract),
            _ => None,
        })
    }

    fn product(&mut self) -> Result<Parsed> {
        self.left_to_right(Self::unary, |kind| match kind {
            Kind::Sign("*") => Some(Operator::Multiply),
            Kind::Sign("/") => Some(Operator::Divide),
            Kind::Sign("%") => Some(Operator::Remainder),
            _ => None,
        })
    }

    fn left_to_right(
        &mut self,
        part: fn(&mut Self) -> Result<Parsed>,
        operator: fn(&Kind) -> Option<Operator>,
    ) -> Result<Parsed> {
        let (mut left, mut depth) = part(self)?;
        while let Some(operator) = self.peek().and_then(operator) {
            let at = self.at();
            self.next += 1;
            let (right, other) = part(self)?;
            depth = self.deeper([depth, other])?;
            left = Expr::Binary { operator, left: Box::new(left), right: Box::new(right), at };
        }
        Ok((left, depth))
    }

    fn unary(&mut self) -> Result<Parsed> {
        let negation = match self.peek() {
            Some(Kind::Sign("!")) => Expr::Not,
            Some(Kind::Sign("-")) => Expr::Negate,
            _ => return self.member(),
        };
        let minus = self.take("-");
        if minus && let Some(literal) = self.negative() {
            return self.rest_of_member((literal, 1));
        }
        if !minus {
            self.expect("!")?;
        }
        self.open += 1;
        if self.open > MAX_DEPTH {
            return self.error("the expression is nested too deeply");
        }
        let (of, depth) = self.unary()?;
        self.open -= 1;
        Ok((negation(Box::new(of)), self.deeper([depth])?))
    }

    /// A number after a minus: the smallest `int` has no positive counterpart.
    fn negative(&mut self) -> Option<Expr> {
        let value = match self.peek()? {
            Kind::Int(value) => Value::Int(0_i64.checked_sub_unsigned(*value)?),
            Kind::Double(value) => Value::Double(-value),
            _ => return None,
        };
        self.next += 1;
        Some(Expr::Literal(value))
    }

    fn member(&mut self) -> Result<Parsed> {
        let first = self.primary()?;
        self.rest_of_member(first)
    }

    fn rest_of_member(&mut self, first: Parsed) -> Result<Parsed> {
        let (mut of, mut depth) = first;
        loop {
            if self.take(".") {
                let at = self.at();
                let name = self.name()?;
                let next = if self.take("(") {
                    self.call_on(of, depth, &name, at)?
                } else if RESERVED.contains(&name.as_str()) {
                    return Err(CompileError::new(
                        at,
                        format!("`{name}` cannot be a field's name (hint: [\"{name}\"])"),
                    ));
                } else {
                    (Expr::Select { of: Box::new(of), field: name.into() }, self.deeper([depth])?)
                };
                (of, depth) = next;
            } else if self.take("[") {
                let (index, other) = self.expression()?;
                self.expect("]")?;
                depth = self.deeper([depth, other])?;
                of = Expr::Index { of: Box::new(of), index: Box::new(index) };
            } else {
                return Ok((of, depth));
            }
        }
    }

    /// What follows `of.name(`.
    fn call_on(&mut self, of: Expr, depth: usize, name: &str, at: usize) -> Result<Parsed> {
        if let Some(kind) = Macro::named(name) {
            return self.comprehension(of, depth, kind);
        }
        let (mut arguments, mut depths) = (vec![of], vec![depth]);
        self.arguments(")", &mut arguments, &mut depths)?;
        let depth = self.deeper(depths)?;
        Ok((call(name, true, arguments, at)?, depth))
    }

    fn comprehension(&mut self, range: Expr, depth: usize, kind: Macro) -> Result<Parsed> {
        let at = self.at();
        let name = self.name()?;
        if RESERVED.contains(&name.as_str()) {
            return Err(CompileError::new(at, format!("`{name}` cannot be a variable's name")));
        }
        self.expect(",")?;
        self.locals.push(name);
        let (mut step, mut inner) = self.expression()?;
        let mut filter = None;
        if kind == Macro::Map && self.take(",") {
            let (mapped, other) = self.expression()?;
            filter = Some(Box::new(std::mem::replace(&mut step, mapped)));
            inner = inner.max(other);
        }
        self.locals.pop();
        self.expect(")")?;
        let depth = self.deeper([depth, inner])?;
        Ok((Expr::Comprehension { kind, range: Box::new(range), filter, step: Box::new(step) }, depth))
    }

    /// Expressions with commas up to a bracket; a comma may stand before it, but for calls.
    fn arguments(&mut self, end: &str, into: &mut Vec<Expr>, depths: &mut Vec<usize>) -> Result<()> {
        if self.take(end) {
            return Ok(());
        }
        loop {
            let (argument, depth) = self.expression()?;
            into.push(argument);
            depths.push(depth);
            let comma = self.take(",");
            if (!comma || end != ")") && self.take(end) {
                return Ok(());
            }
            if !comma {
                return self.error(format!("expected `,` or `{end}`"));
            }
        }
    }

    fn primary(&mut self) -> Result<Parsed> {
        let at = self.at();
        let Some(kind) = self.peek().cloned() else { return self.error("the expression ends too early") };
        self.next += 1;
        let literal = match kind {
            Kind::Int(value) => match i64::try_from(value) {
                Ok(value) => Value::Int(value),
                Err(_) => return Err(CompileError::new(at, "the number is too large")),
            },
            Kind::Uint(value) => Value::Uint(value),
            Kind::Double(value) => Value::Double(value),
            Kind::String(text) => Value::String(text.into()),
            Kind::Bytes(bytes) => Value::Bytes(bytes.into()),
            Kind::Name(name) => return self.named(&name, at),
            Kind::Sign(".") => {
                let name = self.name()?;
                return self.named(&name, at);
            }
            Kind::Sign("(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Kind::Sign("[") => {
                let (mut elements, mut depths) = (Vec::new(), Vec::new());
                self.arguments("]", &mut elements, &mut depths)?;
                return Ok((Expr::List(elements), self.deeper(depths)?));
            }
            Kind::Sign("{") => return self.map(),
            Kind::Sign(sign) => return Err(CompileError::new(at, format!("unexpected `{sign}`"))),
        };
        Ok((Expr::Literal(literal), 1))
    }

    fn map(&mut self) -> Result<Parsed> {
        let (mut entries, mut depth) = (Vec::new(), 0);
        while !self.take("}") {
            let (key, one) = self.expression()?;
            self.expect(":")?;
            let (value, two) = self.expression()?;
            entries.push((key, value));
            depth = depth.max(one).max(two);
            if !self.take(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok((Expr::Map(entries), self.deeper([depth])?))
    }

    fn named(&mut self, name: &str, at: usize) -> Result<Parsed> {
        if self.take("(") {
            if name == "has" {
                return self.has(at);
            }
            let (mut arguments, mut depths) = (Vec::new(), Vec::new());
            self.arguments(")", &mut arguments, &mut depths)?;
            let depth = self.deeper(depths)?;
            return Ok((call(name, false, arguments, at)?, depth));
        }
        let found = match name {
            "true" => Expr::Literal(Value::Bool(true)),
            "false" => Expr::Literal(Value::Bool(false)),
            "null" => Expr::Literal(Value::Null),
            _ => match self.locals.iter().rposition(|local| local == name) {
                Some(index) => Expr::Local(index),
                None => match (Variable::named(name), Type::NAMED.iter().find(|(known, _)| *known == name)) {
                    (Some(variable), _) => Expr::Variable(variable),
                    (None, Some((_, kind))) => Expr::Literal(Value::Type(*kind)),
                    (None, None) => {
                        let hint = "there are body, status, headers, duration and now";
                        return Err(CompileError::new(at, format!("unknown name `{name}` (hint: {hint})")));
                    }
                },
            },
        };
        Ok((found, 1))
    }

    /// What follows `has(`.
    fn has(&mut self, at: usize) -> Result<Parsed> {
        let (selected, depth) = self.expression()?;
        self.expect(")")?;
        match selected {
            Expr::Select { of, field } => Ok((Expr::Has { of, field }, depth)),
            _ => Err(CompileError::new(at, "`has` takes a field, as in has(body.name)")),
        }
    }
}

fn call(name: &str, on_value: bool, mut arguments: Vec<Expr>, at: usize) -> Result<Expr> {
    let Some(function) = Function::named(name, on_value, arguments.len()) else {
        let problem = if Function::exists(name) {
            format!("`{name}` is not called like this")
        } else {
            format!("unknown function `{name}`")
        };
        return Err(CompileError::new(at, problem));
    };
    if function == Function::Matches
        && let Some(Expr::Literal(Value::String(pattern))) = arguments.get(1)
    {
        let pattern = pattern_of(pattern).map_err(|problem| CompileError::new(at, problem))?;
        let text = Box::new(arguments.swap_remove(0));
        return Ok(Expr::Matches { text, pattern: Box::new(pattern) });
    }
    Ok(Expr::Call { function, arguments })
}

fn pattern_of(pattern: &Arc<str>) -> std::result::Result<toolkit::regexp::Regex, String> {
    toolkit::regexp::compile(pattern).map_err(|error| error.to_string())
}
