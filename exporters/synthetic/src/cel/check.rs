//! Types, as far as they are known before there is an answer: what can never work is told when the file is loaded.

use super::CompileError;
use super::syntax::{Expr, Function, Macro, Operator};
use super::value::Type;

type Result<T> = std::result::Result<T, CompileError>;

/// Checks an expression.
pub(super) fn check(expression: &Expr) -> Result<()> {
    kind(expression).map(drop)
}

fn kind(expression: &Expr) -> Result<Type> {
    Ok(match expression {
        Expr::Literal(value) => value.kind(),
        Expr::Variable(variable) => variable.kind(),
        Expr::Local(_) => Type::Dyn,
        Expr::Select { of, .. } => {
            must(of, Type::Map, "only maps have fields")?;
            Type::Dyn
        }
        Expr::Has { of, .. } => {
            must(of, Type::Map, "only maps have fields")?;
            Type::Bool
        }
        Expr::Index { of, index } => {
            kind(index)?;
            if !matches!(kind(of)?, Type::Dyn | Type::List | Type::Map) {
                return problem("only lists and maps have elements");
            }
            Type::Dyn
        }
        Expr::Not(of) => must(of, Type::Bool, "`!` is for true and false")?,
        Expr::Negate(of) => match kind(of)? {
            known @ (Type::Dyn | Type::Int | Type::Double) => known,
            _ => return problem("`-` is for numbers with a sign"),
        },
        Expr::Binary { operator, left, right, at } => binary(*operator, kind(left)?, kind(right)?, *at)?,
        Expr::And(parts) | Expr::Or(parts) => {
            for part in parts {
                must(part, Type::Bool, "`&&` and `||` are for true and false")?;
            }
            Type::Bool
        }
        Expr::Conditional { condition, then, otherwise } => {
            must(condition, Type::Bool, "what stands before `?` must be true or false")?;
            let (then, otherwise) = (kind(then)?, kind(otherwise)?);
            if then == otherwise { then } else { Type::Dyn }
        }
        Expr::List(elements) => {
            for element in elements {
                kind(element)?;
            }
            Type::List
        }
        Expr::Map(entries) => {
            for (key, value) in entries {
                if !matches!(kind(key)?, Type::Dyn | Type::Bool | Type::Int | Type::Uint | Type::String) {
                    return problem("a map's key is a text, a whole number, true or false");
                }
                kind(value)?;
            }
            Type::Map
        }
        Expr::Call { function, arguments } => {
            for argument in arguments {
                kind(argument)?;
            }
            result(*function)
        }
        Expr::Matches { text, .. } => {
            must(text, Type::String, "only texts match patterns")?;
            Type::Bool
        }
        Expr::Comprehension { kind: which, range, filter, step } => {
            if !matches!(kind(range)?, Type::Dyn | Type::List | Type::Map) {
                return problem("only lists and maps can be gone through");
            }
            if let Some(filter) = filter {
                must(filter, Type::Bool, FILTER)?;
            }
            comprehension(*which, step)?
        }
    })
}

const FILTER: &str = "what is asked of each element must be true or false";

fn comprehension(which: Macro, step: &Expr) -> Result<Type> {
    match which {
        Macro::Map => kind(step).map(|_| Type::List),
        Macro::Filter => must(step, Type::Bool, FILTER).map(|_| Type::List),
        Macro::All | Macro::Exists | Macro::ExistsOne => must(step, Type::Bool, FILTER),
    }
}

fn problem<T>(text: &str) -> Result<T> {
    Err(CompileError::new(0, text))
}

fn must(expression: &Expr, wanted: Type, text: &str) -> Result<Type> {
    match kind(expression)? {
        Type::Dyn => Ok(wanted),
        found if found == wanted => Ok(wanted),
        _ => problem(text),
    }
}

fn binary(operator: Operator, left: Type, right: Type, at: usize) -> Result<Type> {
    use Operator as Is;
    let known = left != Type::Dyn && right != Type::Dyn;
    let numbers = [Type::Int, Type::Uint, Type::Double];
    let one = if left == Type::Dyn { right } else { left };
    let same = !known || left == right;
    let found = match operator {
        // nothing is the same as anything that can be absent
        Is::Equal | Is::Unequal => (same || left == Type::Null || right == Type::Null).then_some(Type::Bool),
        Is::Less | Is::LessOrEqual | Is::Greater | Is::GreaterOrEqual => {
            let ordered = [Type::Bool, Type::String, Type::Bytes, Type::Duration, Type::Timestamp, Type::Dyn];
            let fits = |kind: &Type| ordered.contains(kind) || numbers.contains(kind);
            (same && fits(&left) && fits(&right)).then_some(Type::Bool)
        }
        Is::In => matches!(right, Type::Dyn | Type::List | Type::Map).then_some(Type::Bool),
        Is::Add => match (left, right) {
            (Type::Timestamp, Type::Duration) | (Type::Duration, Type::Timestamp) => Some(Type::Timestamp),
            (Type::Dyn, Type::Duration | Type::Timestamp) | (Type::Duration | Type::Timestamp, Type::Dyn) => {
                Some(Type::Dyn)
            }
            _ => {
                let more = [Type::String, Type::Bytes, Type::List, Type::Duration, Type::Dyn];
                (same && (numbers.contains(&one) || more.contains(&one))).then_some(one)
            }
        },
        Is::Subtract => match (left, right) {
            (Type::Timestamp, Type::Timestamp) => Some(Type::Duration),
            (Type::Timestamp, Type::Duration) => Some(Type::Timestamp),
            (Type::Dyn, Type::Duration | Type::Timestamp) | (Type::Duration | Type::Timestamp, Type::Dyn) => {
                Some(Type::Dyn)
            }
            _ => {
                let fits = numbers.contains(&one) || matches!(one, Type::Duration | Type::Dyn);
                (same && fits).then_some(one)
            }
        },
        Is::Multiply | Is::Divide => (same && (numbers.contains(&one) || one == Type::Dyn)).then_some(one),
        Is::Remainder => (same && matches!(one, Type::Int | Type::Uint | Type::Dyn)).then_some(one),
    };
    found.ok_or_else(|| CompileError::new(at, "this operator is not for values of these types"))
}

fn result(function: Function) -> Type {
    use Function as Is;
    match function {
        Is::Contains | Is::StartsWith | Is::EndsWith | Is::Matches | Is::ToBool => Type::Bool,
        Is::ToBytes => Type::Bytes,
        Is::ToDouble => Type::Double,
        Is::ToDuration => Type::Duration,
        Is::ToDyn => Type::Dyn,
        Is::ToString => Type::String,
        Is::ToTimestamp => Type::Timestamp,
        Is::ToUint => Type::Uint,
        Is::TypeOf => Type::Type,
        Is::Size | Is::ToInt => Type::Int,
        Is::FullYear | Is::Month | Is::DayOfYear | Is::DayOfMonth | Is::Date | Is::DayOfWeek => Type::Int,
        Is::Hours | Is::Minutes | Is::Seconds | Is::Milliseconds => Type::Int,
    }
}
