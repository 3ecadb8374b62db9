//! What an expression comes to.
//!
//! Every node that is evaluated costs a step, and what goes through a text or a list costs more with its length, so
//! that an evaluation ends soon, whatever a server sends.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::syntax::{Expr, Macro, Operator};
use super::value::{Key, Map};
use super::{EvalError, Scope, Value, functions, operators};

/// Steps of one evaluation: some ten milliseconds.
pub const MAX_WORK: u64 = 1_000_000;

/// Bytes of a text that are gone through in the time of a step.
const BYTES_A_STEP: usize = 64;

type Result<T> = std::result::Result<T, EvalError>;

/// Evaluates an expression.
pub(super) fn evaluate(expression: &Expr, scope: &dyn Scope) -> Result<Value> {
    Evaluation { scope, locals: Vec::new(), work: 0 }.value(expression)
}

/// An evaluation under way.
pub(super) struct Evaluation<'a> {
    scope: &'a dyn Scope,
    locals: Vec<Value>,
    work: u64,
}

impl Evaluation<'_> {
    /// Counts work.
    pub(super) fn spend(&mut self, steps: usize) -> Result<()> {
        self.work = self.work.saturating_add(steps as u64);
        if self.work > MAX_WORK { Err(EvalError::TooMuchWork) } else { Ok(()) }
    }

    /// Counts the work of going through values.
    pub(super) fn spend_on(&mut self, values: &[&Value]) -> Result<()> {
        let steps = values.iter().map(|value| match value {
            Value::String(text) => text.len() / BYTES_A_STEP,
            Value::Bytes(bytes) => bytes.len() / BYTES_A_STEP,
            Value::List(elements) => elements.len(),
            Value::Map(entries) => entries.len(),
            _ => 0,
        });
        self.spend(steps.sum())
    }

    fn value(&mut self, expression: &Expr) -> Result<Value> {
        self.spend(1)?;
        match expression {
            Expr::Literal(value) => Ok(value.clone()),
            Expr::Variable(variable) => Ok(self.scope.value(*variable)),
            Expr::Local(index) => self.locals.get(*index).cloned().ok_or(EvalError::NoSuchKey),
            Expr::Select { of, field } => {
                let map = map(self.value(of)?)?;
                map.get(&Key::String(Arc::clone(field))).cloned().ok_or(EvalError::NoSuchKey)
            }
            Expr::Has { of, field } => {
                let map = map(self.value(of)?)?;
                Ok(Value::Bool(map.contains_key(&Key::String(Arc::clone(field)))))
            }
            Expr::Index { of, index } => {
                let (of, index) = (self.value(of)?, self.value(index)?);
                element(&of, &index)
            }
            Expr::Not(of) => Ok(Value::Bool(!truth(&self.value(of)?)?)),
            Expr::Negate(of) => operators::negate(&self.value(of)?),
            Expr::Binary { operator, left, right, .. } => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                if !matches!(operator, Operator::Less | Operator::Greater) {
                    self.spend_on(&[&left, &right])?;
                }
                operators::binary(*operator, &left, &right)
            }
            Expr::And(parts) => self.decide(parts, false),
            Expr::Or(parts) => self.decide(parts, true),
            Expr::Conditional { condition, then, otherwise } => {
                let chosen = if truth(&self.value(condition)?)? { then } else { otherwise };
                self.value(chosen)
            }
            Expr::List(elements) => {
                let elements: Result<Vec<_>> = elements.iter().map(|element| self.value(element)).collect();
                Ok(Value::List(elements?.into()))
            }
            Expr::Map(entries) => self.map(entries),
            Expr::Call { function, arguments } => {
                let values: Result<Vec<_>> = arguments.iter().map(|argument| self.value(argument)).collect();
                functions::call(self, *function, &values?)
            }
            Expr::Matches { text, pattern } => match self.value(text)? {
                Value::String(text) => {
                    self.spend(text.len() / BYTES_A_STEP)?;
                    Ok(Value::Bool(pattern.is_match(&text)))
                }
                _ => Err(EvalError::NoSuchOverload),
            },
            Expr::Comprehension { kind, range, filter, step } => {
                let range = self.value(range)?;
                self.spend_on(&[&range])?;
                self.comprehend(*kind, elements(range)?, filter.as_deref(), step)
            }
        }
    }

    /// `&&` and `||`: the first part that decides does, and an error counts only where none does.
    fn decide(&mut self, parts: &[Expr], decisive: bool) -> Result<Value> {
        let mut error = None;
        for part in parts {
            match self.value(part).and_then(|value| truth(&value)) {
                Ok(value) if value == decisive => return Ok(Value::Bool(decisive)),
                Ok(_) => {}
                Err(EvalError::TooMuchWork) => return Err(EvalError::TooMuchWork),
                Err(found) => error = error.or(Some(found)),
            }
        }
        error.map_or(Ok(Value::Bool(!decisive)), Err)
    }

    fn map(&mut self, entries: &[(Expr, Expr)]) -> Result<Value> {
        let mut map = BTreeMap::new();
        for (key, value) in entries {
            let key = match self.value(key)? {
                Value::Double(_) => None,
                key => key.key(),
            };
            let value = self.value(value)?;
            if map.insert(key.ok_or(EvalError::NoSuchOverload)?, value).is_some() {
                return Err(EvalError::DuplicateKey);
            }
        }
        Ok(Value::Map(Arc::new(map)))
    }

    fn comprehend(
        &mut self,
        kind: Macro,
        range: Vec<Value>,
        filter: Option<&Expr>,
        step: &Expr,
    ) -> Result<Value> {
        let (mut kept, mut found, mut error) = (Vec::new(), 0, None);
        for element in range {
            self.locals.push(element);
            let outcome = self.step(kind, filter, step, &mut kept);
            self.locals.pop();
            match (kind, outcome) {
                (_, Err(EvalError::TooMuchWork)) => return Err(EvalError::TooMuchWork),
                (Macro::All, Ok(false)) => return Ok(Value::Bool(false)),
                (Macro::Exists, Ok(true)) => return Ok(Value::Bool(true)),
                (Macro::All | Macro::Exists, Err(problem)) => error = error.or(Some(problem)),
                (_, Err(problem)) => return Err(problem),
                (_, Ok(held)) => found += usize::from(held),
            }
        }
        match (kind, error) {
            (_, Some(error)) => Err(error),
            (Macro::All, None) => Ok(Value::Bool(true)),
            (Macro::Exists, None) => Ok(Value::Bool(false)),
            (Macro::ExistsOne, None) => Ok(Value::Bool(found == 1)),
            (Macro::Map | Macro::Filter, None) => Ok(Value::List(kept.into())),
        }
    }

    /// One element's turn; it is the innermost variable.
    fn step(
        &mut self,
        kind: Macro,
        filter: Option<&Expr>,
        step: &Expr,
        kept: &mut Vec<Value>,
    ) -> Result<bool> {
        if kind == Macro::Map {
            let wanted = filter.map_or(Ok(true), |filter| truth(&self.value(filter)?))?;
            if wanted {
                kept.push(self.value(step)?);
            }
            return Ok(wanted);
        }
        let held = truth(&self.value(step)?)?;
        if kind == Macro::Filter && held {
            kept.extend(self.locals.last().cloned());
        }
        Ok(held)
    }
}

fn truth(value: &Value) -> Result<bool> {
    match value {
        Value::Bool(value) => Ok(*value),
        _ => Err(EvalError::NoSuchOverload),
    }
}

fn map(value: Value) -> Result<Map> {
    match value {
        Value::Map(map) => Ok(map),
        _ => Err(EvalError::NoSuchOverload),
    }
}

/// `of[index]`
fn element(of: &Value, index: &Value) -> Result<Value> {
    match of {
        Value::Map(map) => {
            let key = index.key().ok_or(EvalError::NoSuchKey)?;
            map.get(&key).cloned().ok_or(EvalError::NoSuchKey)
        }
        Value::List(elements) => match index.key() {
            Some(Key::Int(index)) => {
                let found = usize::try_from(index).ok().and_then(|index| elements.get(index));
                found.cloned().ok_or(EvalError::OutOfBounds)
            }
            _ => Err(EvalError::NoSuchOverload),
        },
        _ => Err(EvalError::NoSuchOverload),
    }
}

/// What a macro goes through: a list's elements, a map's keys.
fn elements(range: Value) -> Result<Vec<Value>> {
    match range {
        Value::List(elements) => Ok(elements.to_vec()),
        Value::Map(map) => Ok(map.keys().map(Key::value).collect()),
        _ => Err(EvalError::NoSuchOverload),
    }
}
