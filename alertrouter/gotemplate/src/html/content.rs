//! Texts that their type says to be safe, and values as text.

use crate::{Named, Object, Str, Type, Value, sprint};

/// HTML that comes from somebody who may write it.
#[derive(Debug, Clone, Default)]
pub struct SafeHtml(pub Str);

/// A URL, or a piece of one, that comes from somebody who may write it.
#[derive(Debug, Clone, Default)]
pub struct SafeUrl(pub Str);

static HTML: Named = Named {
    name: "template.HTML",
    underlying: Type::String,
    methods: &[],
    zero: || SafeHtml::default().into(),
};
static URL: Named = Named {
    name: "template.URL",
    underlying: Type::String,
    methods: &[],
    zero: || SafeUrl::default().into(),
};

impl SafeHtml {
    /// Its type, for the signatures of functions.
    pub const TYPE: Type = Type::Named(&HTML);
}

impl SafeUrl {
    /// Its type, for the signatures of functions.
    pub const TYPE: Type = Type::Named(&URL);
}

impl Object for SafeHtml {
    fn go_type(&self) -> Type {
        Self::TYPE
    }

    fn scalar(&self) -> Value {
        Value::String(self.0.clone())
    }
}

impl Object for SafeUrl {
    fn go_type(&self) -> Type {
        Self::TYPE
    }

    fn scalar(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// What is known of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing.
    Nothing,
    /// It is safe HTML.
    Html,
    /// It is a safe URL.
    Url,
}

/// Values as one text. What is nil shows nothing.
pub(super) fn text_of(values: &[Value]) -> (Str, Known) {
    if let [value] = values {
        if let Some(SafeHtml(text)) = value.downcast() {
            return (text.clone(), Known::Html);
        }
        if let Some(SafeUrl(text)) = value.downcast() {
            return (text.clone(), Known::Url);
        }
        if let Value::String(text) = value {
            return (text.clone(), Known::Nothing);
        }
    }
    let shown: Vec<Value> = values.iter().filter(|value| !matches!(value, Value::Nil)).cloned().collect();
    (sprint(&shown), Known::Nothing)
}
