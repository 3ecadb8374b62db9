//! What makes a value safe for one kind of place.

use super::content::{Known, text_of};
use super::{css, js, page, url};
use crate::{Args, Failure, Function, Signature, Str, Type, Value};

/// One way to escape or filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escaper {
    /// In quotes, as an attribute's value.
    Attr,
    /// In a comment: nothing.
    Comment,
    /// In a string of a style.
    Css,
    /// As a value in a style.
    CssValue,
    /// Between tags.
    Html,
    /// As the name of an attribute.
    HtmlName,
    /// In a script's regular expression.
    JsRegexp,
    /// In a script's string.
    JsString,
    /// In a script's template literal.
    JsTemplate,
    /// As a value in a script.
    JsValue,
    /// As an attribute's value that has no quotes.
    NoSpace,
    /// In a title or textarea.
    RcData,
    /// In a list of images.
    Srcset,
    /// In the query of a URL.
    Url,
    /// At the begin of a URL, whose scheme it may be.
    UrlFilter,
    /// In the path of a URL.
    UrlNormalize,
    /// Several values as one, without escaping.
    Values,
}

/// Stands for what is not safe.
pub(super) const FILTERED: &str = "ZgotmplZ";

static ANY: Signature = Signature::new(&[], Type::String).and_more(Type::Interface);

impl Escaper {
    /// The name of its function, as messages show it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Attr => "_html_template_attrescaper",
            Self::Comment => "_html_template_commentescaper",
            Self::Css => "_html_template_cssescaper",
            Self::CssValue => "_html_template_cssvaluefilter",
            Self::Html => "_html_template_htmlescaper",
            Self::HtmlName => "_html_template_htmlnamefilter",
            Self::JsRegexp => "_html_template_jsregexpescaper",
            Self::JsString => "_html_template_jsstrescaper",
            Self::JsTemplate => "_html_template_jstmpllitescaper",
            Self::JsValue => "_html_template_jsvalescaper",
            Self::NoSpace => "_html_template_nospaceescaper",
            Self::RcData => "_html_template_rcdataescaper",
            Self::Srcset => "_html_template_srcsetescaper",
            Self::Url => "_html_template_urlescaper",
            Self::UrlFilter => "_html_template_urlfilter",
            Self::UrlNormalize => "_html_template_urlnormalizer",
            Self::Values => "_eval_args_",
        }
    }

    /// The function that does the same, written by the author: it takes the place of this one.
    pub(super) fn written_as(self) -> Option<&'static str> {
        match self {
            Self::Attr | Self::Html | Self::RcData => Some("html"),
            Self::Url | Self::UrlNormalize => Some("urlquery"),
            _ => None,
        }
    }

    /// Whether what `before` wrote does not change by this one.
    pub(super) fn is_idle_after(self, before: &[u8]) -> bool {
        let befores: &[Self] = match self {
            Self::Attr => &[Self::Comment, Self::Css, Self::JsRegexp, Self::JsString, Self::JsTemplate],
            Self::Html => &[Self::Comment],
            Self::UrlNormalize => &[Self::Url],
            _ => &[],
        };
        befores.iter().any(|known| known.name().as_bytes() == before)
    }

    /// It as a function that templates call.
    pub(super) fn function(self) -> Function {
        Function::new(self.name(), &ANY, move |args: Args<'_>| -> Result<Value, Failure> {
            Ok(Value::String(self.apply(args.all())))
        })
    }

    fn apply(self, values: &[Value]) -> Str {
        let (text, known) = text_of(values);
        match self {
            Self::Comment => Str::default(),
            Self::Values => text,
            Self::Html if known == Known::Html => text,
            Self::Html => page::escaped(&text, page::quotes).into(),
            Self::RcData if known == Known::Html => page::escaped(&text, page::normalized).into(),
            Self::Attr if known == Known::Html => {
                page::escaped(&page::without_tags(&text), page::normalized).into()
            }
            Self::Attr | Self::RcData => page::escaped(&text, page::quotes).into(),
            Self::NoSpace if text.is_empty() => FILTERED.into(),
            Self::NoSpace if known == Known::Html => {
                page::escaped(&page::without_tags(&text), page::unquoted_normalized).into()
            }
            Self::NoSpace => page::escaped(&text, page::unquoted).into(),
            Self::HtmlName => page::attribute_name(&text).into(),
            Self::Css => css::escaped(&text).into(),
            Self::CssValue => css::value(&text).into(),
            Self::JsRegexp => js::in_regexp(&text).into(),
            Self::JsString => js::in_string(&text).into(),
            Self::JsTemplate => js::in_template(&text).into(),
            Self::JsValue => js::value(values).into(),
            Self::Srcset if known == Known::Url => url::one_of_srcset(&text).into(),
            Self::Srcset => url::srcset(&text).into(),
            Self::Url => url::processed(&text, known == Known::Url).into(),
            Self::UrlNormalize => url::processed(&text, true).into(),
            Self::UrlFilter if known == Known::Url || url::is_safe(&text) => text,
            Self::UrlFilter => format!("#{FILTERED}").into(),
        }
    }
}
