//! Templates that know each other, and one of them ready to be executed.

use std::collections::HashMap;
use std::sync::Arc;

use crate::builtin;
use crate::exec;
use crate::html;
use crate::parse;
use crate::tree::Tree;
use crate::{Error, Function, Limits, Stage, Str, Value, quote};

/// Most texts are titles and fields: one allocation holds them.
const USUAL_LENGTH: usize = 256;

/// What a map gives for a key that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingKey {
    /// No value: `<no value>` when printed.
    #[default]
    Invalid,
    /// The zero of the type of its elements.
    Zero,
    /// An error.
    Error,
}

/// How what is printed is made safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Not at all, as Go's text/template.
    Text,
    /// By its place in HTML, as Go's html/template.
    Html,
}

/// What is the same for all templates of a set.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) missing_key: MissingKey,
    pub(crate) limits: Limits,
    pub(crate) left: Str,
    pub(crate) right: Str,
}

/// The trees of a set, by their names.
pub(crate) type Trees = HashMap<Str, Arc<Tree>>;

/// The functions of a set, by their names.
pub(crate) type Functions = HashMap<Str, Arc<Function>>;

/// Templates that can call each other by name. Cheap to clone: the clone can get more of them.
#[derive(Debug, Clone)]
pub struct Templates {
    trees: Trees,
    functions: Arc<Functions>,
    options: Options,
}

/// One template, ready to be executed any number of times.
#[derive(Debug, Clone)]
pub struct Template {
    name: Str,
    trees: Arc<Trees>,
    options: Options,
}

impl Templates {
    /// An empty set that writes values as they are.
    pub fn text() -> Self {
        Self::of(Mode::Text)
    }

    /// An empty set that makes what it writes safe for its place in HTML.
    pub fn html() -> Self {
        Self::of(Mode::Html)
    }

    fn of(mode: Mode) -> Self {
        let options = Options {
            mode,
            missing_key: MissingKey::default(),
            limits: Limits::default(),
            left: "{{".into(),
            right: "}}".into(),
        };
        Self { trees: Trees::new(), functions: Arc::new(builtin::functions()), options }
    }

    /// With these functions too. One that has the name of another replaces it, in texts that are parsed from now on.
    #[must_use]
    pub fn with_functions(mut self, functions: impl IntoIterator<Item = Function>) -> Self {
        let known = Arc::make_mut(&mut self.functions);
        known.extend(functions.into_iter().map(|function| (function.name.clone(), Arc::new(function))));
        self
    }

    /// With that answer of maps to unknown keys.
    #[must_use]
    pub fn with_missing_key(mut self, missing_key: MissingKey) -> Self {
        self.options.missing_key = missing_key;
        self
    }

    /// With these limits for each execution.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.options.limits = limits;
        self
    }

    /// With other signs around actions, for texts that are parsed from now on; an empty one is the usual one.
    #[must_use]
    pub fn with_delimiters(mut self, left: &str, right: &str) -> Self {
        self.options.left = if left.is_empty() { "{{" } else { left }.into();
        self.options.right = if right.is_empty() { "}}" } else { right }.into();
        self
    }

    /// Reads a text, and adds it under its name and all that it defines under theirs. What is empty replaces nothing.
    pub fn parse(&mut self, name: &str, text: impl AsRef<[u8]>) -> Result<(), Error> {
        let trees = parse::parse(name, text.as_ref(), &self.functions, &self.options)?;
        for tree in trees {
            let replaces = !tree.is_empty() || !self.trees.contains_key(&tree.name);
            if replaces {
                self.trees.insert(tree.name.clone(), Arc::new(tree));
            }
        }
        Ok(())
    }

    /// The names of all templates, sorted.
    pub fn names(&self) -> Vec<Str> {
        let mut names: Vec<Str> = self.trees.keys().cloned().collect();
        names.sort();
        names
    }

    /// The template of that name, ready to be executed.
    pub fn template(&self, name: &str) -> Result<Template, Error> {
        let name = Str::from(name);
        if !self.trees.contains_key(&name) {
            let quoted = quote::quoted(&name);
            let message = format!("template: no template {quoted} associated with template \"\"");
            return Err(Error { stage: Stage::Execute, place: None, message });
        }
        let mut trees = self.trees.clone();
        if self.options.mode == Mode::Html {
            html::escape(&mut trees, &name)?;
        }
        Ok(Template { name, trees: Arc::new(trees), options: self.options.clone() })
    }

    /// A text that may call the templates of this set, ready to be executed; the set itself does not change.
    /// Its name in errors is the empty one, as in Alertmanager.
    pub fn one(&self, text: impl AsRef<[u8]>) -> Result<Template, Error> {
        let mut extended = self.clone();
        extended.parse("", text)?;
        extended.template("")
    }
}

impl Template {
    /// What it writes for that data.
    pub fn render(&self, data: &Value) -> Result<Vec<u8>, Error> {
        let mut out = Vec::with_capacity(USUAL_LENGTH);
        exec::execute(&self.trees, &self.name, &self.options, data, &mut out)?;
        Ok(out)
    }

    /// The same as text, with U+FFFD where it is not UTF-8.
    pub fn render_text(&self, data: &Value) -> Result<String, Error> {
        let out = self.render(data)?;
        Ok(String::from_utf8(out)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }
}
