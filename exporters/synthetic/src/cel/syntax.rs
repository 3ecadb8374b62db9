//! What an expression consists of.

use std::sync::Arc;

use toolkit::regexp::Regex;

use super::{Value, Variable};

/// An expression.
#[derive(Debug)]
pub(super) enum Expr {
    Literal(Value),
    Variable(Variable),
    /// A macro's variable: how many of them were opened before it.
    Local(usize),
    /// `of.field`
    Select {
        of: Box<Self>,
        field: Arc<str>,
    },
    /// `has(of.field)`
    Has {
        of: Box<Self>,
        field: Arc<str>,
    },
    /// `of[index]`
    Index {
        of: Box<Self>,
        index: Box<Self>,
    },
    Not(Box<Self>),
    Negate(Box<Self>),
    Binary {
        operator: Operator,
        left: Box<Self>,
        right: Box<Self>,
        at: usize,
    },
    /// `a && b && c`
    And(Vec<Self>),
    /// `a || b || c`
    Or(Vec<Self>),
    Conditional {
        condition: Box<Self>,
        then: Box<Self>,
        otherwise: Box<Self>,
    },
    List(Vec<Self>),
    Map(Vec<(Self, Self)>),
    /// A function; what it is called on is its first argument.
    Call {
        function: Function,
        arguments: Vec<Self>,
    },
    /// `text.matches('…')` with a pattern that is written there.
    Matches {
        text: Box<Self>,
        pattern: Box<Regex>,
    },
    /// `range.all(x, step)` and its like.
    Comprehension {
        kind: Macro,
        range: Box<Self>,
        filter: Option<Box<Self>>,
        step: Box<Self>,
    },
}

/// An operator between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// The macros over lists and maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Macro {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
}

impl Macro {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "all" => Some(Self::All),
            "exists" => Some(Self::Exists),
            "exists_one" | "existsOne" => Some(Self::ExistsOne),
            "map" => Some(Self::Map),
            "filter" => Some(Self::Filter),
            _ => None,
        }
    }
}

macro_rules! functions {
    ($($name:ident $word:literal $style:ident $least:literal..=$most:literal;)*) => {
        /// The functions of the standard library.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Function {
            $($name,)*
        }

        impl Function {
            /// The function that is called like this: on a value or not, with so many arguments, that value included.
            pub(super) fn named(name: &str, on_value: bool, arguments: usize) -> Option<Self> {
                match name {
                    $($word if Style::$style.allows(on_value) && ($least..=$most).contains(&arguments) => {
                        Some(Self::$name)
                    })*
                    _ => None,
                }
            }

            /// Whether there is a function of this name, however it is called.
            pub(super) fn exists(name: &str) -> bool {
                matches!(name, $($word)|*)
            }
        }
    };
}

/// How a function is called.
#[derive(Clone, Copy)]
enum Style {
    /// `f(x)`
    Global,
    /// `x.f()`
    Member,
    /// Either.
    Both,
}

impl Style {
    fn allows(self, on_value: bool) -> bool {
        match self {
            Self::Global => !on_value,
            Self::Member => on_value,
            Self::Both => true,
        }
    }
}

functions! {
    Size "size" Both 1..=1;
    Contains "contains" Member 2..=2;
    StartsWith "startsWith" Member 2..=2;
    EndsWith "endsWith" Member 2..=2;
    Matches "matches" Both 2..=2;
    ToBool "bool" Global 1..=1;
    ToBytes "bytes" Global 1..=1;
    ToDouble "double" Global 1..=1;
    ToDuration "duration" Global 1..=1;
    ToDyn "dyn" Global 1..=1;
    ToInt "int" Global 1..=1;
    ToString "string" Global 1..=1;
    ToTimestamp "timestamp" Global 1..=1;
    ToUint "uint" Global 1..=1;
    TypeOf "type" Global 1..=1;
    FullYear "getFullYear" Member 1..=2;
    Month "getMonth" Member 1..=2;
    DayOfYear "getDayOfYear" Member 1..=2;
    DayOfMonth "getDayOfMonth" Member 1..=2;
    Date "getDate" Member 1..=2;
    DayOfWeek "getDayOfWeek" Member 1..=2;
    Hours "getHours" Member 1..=2;
    Minutes "getMinutes" Member 1..=2;
    Seconds "getSeconds" Member 1..=2;
    Milliseconds "getMilliseconds" Member 1..=2;
}
