//! Where in a page a piece of text stands.

use std::fmt;

use crate::Str;

/// All that decides how a value must be escaped at some place.
///
/// Two places with the same context are alike; a context shows as Go shows its own, because messages have it in them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Context {
    pub(super) state: State,
    pub(super) delim: Delim,
    pub(super) part: UrlPart,
    pub(super) slash: Slash,
    /// For each `${` of a script's template literals that is open: the braces open in it.
    pub(super) braces: Vec<i32>,
    pub(super) attr: Attr,
    pub(super) element: Element,
}

/// Declares an enum whose variants show under the names that Go gives them.
macro_rules! named {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $shown:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub(super) enum $name { $($(#[$doc])* $variant),+ }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(match self { $(Self::$variant => $shown),+ })
            }
        }
    };
}

named! {
    /// What the text is.
    State {
        /// Between tags.
        #[default]
        Text = "stateText",
        /// In a tag, before an attribute or the end.
        Tag = "stateTag",
        /// In the name of an attribute.
        AttrName = "stateAttrName",
        /// After it, before `=`.
        AfterName = "stateAfterName",
        /// After `=`.
        BeforeValue = "stateBeforeValue",
        /// `<!-- … -->`.
        HtmlComment = "stateHTMLCmt",
        /// In a title or textarea, where only entities mean something.
        RcData = "stateRCDATA",
        /// In the value of an attribute that is text.
        Attr = "stateAttr",
        /// In a URL.
        Url = "stateURL",
        /// In a list of images.
        Srcset = "stateSrcset",
        /// In a script, and in an attribute like onclick.
        Js = "stateJS",
        /// In a script's `"…"`.
        JsDouble = "stateJSDqStr",
        /// In a script's `'…'`.
        JsSingle = "stateJSSqStr",
        /// In a script's template literal.
        JsTemplate = "stateJSTmplLit",
        /// In a script's `/…/`.
        JsRegexp = "stateJSRegexp",
        /// In a script's `/* … */`.
        JsBlockComment = "stateJSBlockCmt",
        /// After a script's `//`.
        JsLineComment = "stateJSLineCmt",
        /// After a script's `<!--`, which is like `//`.
        JsOpenComment = "stateJSHTMLOpenCmt",
        /// After a script's `-->`, which is like `//`.
        JsCloseComment = "stateJSHTMLCloseCmt",
        /// In a style sheet or a style attribute.
        Css = "stateCSS",
        /// In a style's `"…"`.
        CssDouble = "stateCSSDqStr",
        /// In a style's `'…'`.
        CssSingle = "stateCSSSqStr",
        /// In a style's `url("…")`.
        CssDoubleUrl = "stateCSSDqURL",
        /// In a style's `url('…')`.
        CssSingleUrl = "stateCSSSqURL",
        /// In a style's `url(…)`.
        CssUrl = "stateCSSURL",
        /// In a style's `/* … */`.
        CssBlockComment = "stateCSSBlockCmt",
        /// After a style's `//`.
        CssLineComment = "stateCSSLineCmt",
        /// In the content of a meta element.
        MetaContent = "stateMetaContent",
        /// In it, after `url=`.
        MetaContentUrl = "stateMetaContentURL",
        /// Nowhere: after a break or continue.
        Dead = "stateDead",
    }
}

named! {
    /// What ends the value of an attribute.
    Delim {
        /// It is not one.
        #[default]
        None = "delimNone",
        /// `"`.
        Double = "delimDoubleQuote",
        /// `'`.
        Single = "delimSingleQuote",
        /// White space or `>`.
        Space = "delimSpaceOrTagEnd",
    }
}

named! {
    /// The part of a URL.
    UrlPart {
        /// Its begin, or no URL.
        #[default]
        None = "urlPartNone",
        /// Scheme, host, path.
        PreQuery = "urlPartPreQuery",
        /// After `?` or `#`.
        QueryOrFrag = "urlPartQueryOrFrag",
        /// One or the other, as a branch went.
        Unknown = "urlPartUnknown",
    }
}

named! {
    /// What a slash would be in a script.
    Slash {
        /// The begin of a regular expression.
        #[default]
        Regexp = "jsCtxRegexp",
        /// A division.
        Division = "jsCtxDivOp",
        /// One or the other, as a branch went.
        Unknown = "jsCtxUnknown",
    }
}

named! {
    /// Elements whose content is no HTML, or whose attributes are special.
    Element {
        /// Any other.
        #[default]
        None = "elementNone",
        /// `<script>`.
        Script = "elementScript",
        /// `<style>`.
        Style = "elementStyle",
        /// `<textarea>`.
        Textarea = "elementTextarea",
        /// `<title>`.
        Title = "elementTitle",
        /// `<meta>`.
        Meta = "elementMeta",
    }
}

named! {
    /// Attributes whose value is no text.
    Attr {
        /// Any other.
        #[default]
        None = "attrNone",
        /// onclick and the like.
        Script = "attrScript",
        /// The type of a script.
        ScriptType = "attrScriptType",
        /// style.
        Style = "attrStyle",
        /// href and the like.
        Url = "attrURL",
        /// srcset.
        Srcset = "attrSrcset",
        /// The content of a meta element.
        MetaContent = "attrMetaContent",
    }
}

impl State {
    /// Whether people and machines do not read it.
    pub(super) fn is_comment(self) -> bool {
        matches!(
            self,
            Self::HtmlComment
                | Self::JsBlockComment
                | Self::JsLineComment
                | Self::JsOpenComment
                | Self::JsCloseComment
                | Self::CssBlockComment
                | Self::CssLineComment
        )
    }

    /// Whether it occurs in tags only.
    pub(super) fn is_in_tag(self) -> bool {
        matches!(self, Self::Tag | Self::AttrName | Self::AfterName | Self::BeforeValue | Self::Attr)
    }

    /// Whether `</script` in it does not end the script, but is escaped.
    pub(super) fn is_script_literal(self) -> bool {
        matches!(self, Self::JsDouble | Self::JsSingle | Self::JsTemplate | Self::JsRegexp)
    }
}

impl Attr {
    /// What its value begins with.
    pub(super) fn first_state(self) -> State {
        match self {
            Self::None | Self::ScriptType => State::Attr,
            Self::Script => State::Js,
            Self::Style => State::Css,
            Self::Url => State::Url,
            Self::Srcset => State::Srcset,
            Self::MetaContent => State::MetaContent,
        }
    }
}

impl Element {
    /// What is in it.
    pub(super) fn content(self) -> State {
        match self {
            Self::None | Self::Meta => State::Text,
            Self::Script => State::Js,
            Self::Style => State::Css,
            Self::Textarea | Self::Title => State::RcData,
        }
    }

    /// The name of its end tag.
    pub(super) fn end_name(self) -> &'static [u8] {
        match self {
            Self::None | Self::Meta => b"",
            Self::Script => b"script",
            Self::Style => b"style",
            Self::Textarea => b"textarea",
            Self::Title => b"title",
        }
    }

    /// The element of that name, in small letters.
    pub(super) fn named(name: &[u8]) -> Self {
        [Self::Script, Self::Style, Self::Textarea, Self::Title]
            .into_iter()
            .find(|element| element.end_name() == name)
            .unwrap_or(if name == b"meta" { Self::Meta } else { Self::None })
    }
}

impl Context {
    /// The begin of such a text, outside of everything.
    pub(super) fn of(state: State) -> Self {
        Self { state, ..Self::default() }
    }

    /// In the tag of that element.
    pub(super) fn tag(element: Element) -> Self {
        Self { state: State::Tag, element, ..Self::default() }
    }

    /// Whether the end tag of the element ends this, whatever is around it.
    pub(super) fn ends_by_tag(&self) -> bool {
        let literal = self.state.is_script_literal() || self.state.is_comment();
        self.element != Element::None && !(self.element == Element::Script && literal)
    }

    /// Where a value stands that comes next: a value may begin an attribute, or the attribute's value.
    pub(super) fn nudged(&self) -> Self {
        let mut nudged = self.clone();
        match self.state {
            State::Tag => nudged.state = State::AttrName,
            State::BeforeValue => {
                nudged.state = self.attr.first_state();
                nudged.delim = Delim::Space;
                nudged.attr = Attr::None;
            }
            State::AfterName => {
                nudged.state = State::AttrName;
                nudged.attr = Attr::None;
            }
            _ => {}
        }
        nudged
    }

    /// What both ways of a branch lead to, if they can be seen as the same place.
    pub(super) fn joined(&self, other: &Self) -> Option<Self> {
        if self.state == State::Dead {
            return Some(other.clone());
        }
        if other.state == State::Dead || self == other {
            return Some(self.clone());
        }
        if (Self { part: other.part, ..self.clone() }) == *other {
            return Some(Self { part: UrlPart::Unknown, ..self.clone() });
        }
        if (Self { slash: other.slash, ..self.clone() }) == *other {
            return Some(Self { slash: Slash::Unknown, ..self.clone() });
        }
        // `<p title={{if .X}}{{.X}}{{end}}>`: one way has begun the value, the other will
        let (left, right) = (self.nudged(), other.nudged());
        if left == *self && right == *other { None } else { left.joined(&right) }
    }

    /// The name of a template that is called in this context.
    pub(super) fn name_of(&self, template: &Str) -> Str {
        if self.state == State::Text {
            return template.clone();
        }
        let mut name = format!("$htmltemplate_{}", self.state);
        let mut add = |differs: bool, shown: &dyn fmt::Display| {
            if differs {
                name.push('_');
                name.push_str(&shown.to_string());
            }
        };
        add(self.delim != Delim::None, &self.delim);
        add(self.part != UrlPart::None, &self.part);
        add(self.slash != Slash::Regexp, &self.slash);
        add(!self.braces.is_empty(), &format_args!("jsBraceDepth({})", Braces(&self.braces)));
        add(self.attr != Attr::None, &self.attr);
        add(self.element != Element::None, &self.element);
        Str::from([template, name.as_bytes()].concat())
    }
}

/// Numbers as Go prints a slice.
struct Braces<'a>(&'a [i32]);

impl fmt::Display for Braces<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        write!(formatter, "[{}]", numbers.join(" "))
    }
}

impl fmt::Display for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, delim, part, slash, braces, attr, element } = self;
        let braces = Braces(braces);
        write!(formatter, "{{{state} {delim} {part} {slash} {braces} {attr} {element} <nil>}}")
    }
}
