//! Texts with templates, as Alertmanager has them: Go's language, Alertmanager's data and functions.
//!
//! ```text
//! defaults.tmpl, files of `templates:`  →  Templates  →  Text (one field, compiled)  →  rendered with Data
//! ```
//!
//! Invariants: a text is compiled once, when the configuration is read; executing it ends by the limits of
//! [`gotemplate::limits`]; only a mail's HTML is rendered in HTML mode, everything else as it is.

mod data;
mod duration;
mod files;
mod functions;
mod input;
mod layout;
mod once;
mod time;
mod title;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use gotemplate::{Error, MissingKey, Template, Value};
use jiff::Timestamp;

pub use data::{Alert, Data, Facts, Kv};
pub use once::render_once;

use crate::moment::Moment;

/// Names that people's texts use without defining them.
const DEFAULTS: &str = include_str!("defaults.tmpl");

/// Longest file of templates, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// All named templates, in both modes.
#[derive(Debug, Clone)]
pub struct Templates {
    text: gotemplate::Templates,
    html: gotemplate::Templates,
}

/// By the names that are defined: what they say is read anew with each configuration, and never compared.
impl PartialEq for Templates {
    fn eq(&self, other: &Self) -> bool {
        self.text.names() == other.text.names()
    }
}

/// A text of the configuration, ready to be rendered.
#[derive(Clone)]
pub struct Text {
    source: Arc<str>,
    /// `None`: there is no template in it.
    template: Option<Template>,
}

/// A file of templates that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LoadError {
    /// What is wrong; for a mistake in a file, Go's own words with its place.
    pub message: String,
}

impl Templates {
    /// Ours alone. `now` is the time that templates see.
    ///
    /// # Errors
    /// Never but for a mistake of ours.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Result<Self, LoadError> {
        let functions = functions::all(Arc::new(now));
        let with = |set: gotemplate::Templates| {
            set.with_functions(functions.iter().cloned()).with_missing_key(MissingKey::Zero)
        };
        let mut templates =
            Self { text: with(gotemplate::Templates::text()), html: with(gotemplate::Templates::html()) };
        templates.parse("defaults.tmpl", DEFAULTS.as_bytes())?;
        Ok(templates)
    }

    /// With the files that a pattern means; later definitions of a name replace earlier ones.
    ///
    /// # Errors
    /// A file cannot be read, or holds a mistake.
    pub fn load(&mut self, pattern: &Path) -> Result<(), LoadError> {
        let failed = |message: String| LoadError { message };
        for file in files::matching(pattern).map_err(failed)? {
            let unreadable = |error: std::io::Error| LoadError {
                message: format!("{} cannot be read: {error}", file.display()),
            };
            if std::fs::metadata(&file).map_err(unreadable)?.len() > MAX_FILE {
                return Err(failed(format!("{} has more than {MAX_FILE} bytes", file.display())));
            }
            let text = std::fs::read(&file).map_err(unreadable)?;
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            self.parse(&name, &text)?;
        }
        Ok(())
    }

    /// With the definitions in a text.
    fn parse(&mut self, name: &str, text: &[u8]) -> Result<(), LoadError> {
        let failed = |error: Error| LoadError { message: error.to_string() };
        self.text.parse(name, text).map_err(failed)?;
        self.html.parse(name, text).map_err(failed)
    }

    /// A text of a field.
    ///
    /// # Errors
    /// It holds a mistake, in Go's words with its place.
    pub fn text(&self, source: &str) -> Result<Text, Error> {
        Text::of(&self.text, source, "{{")
    }

    /// A text that becomes HTML: what is put in is escaped by its place.
    ///
    /// # Errors
    /// It holds a mistake, in Go's words with its place; or it is not known what would be safe there.
    pub fn html(&self, source: &str) -> Result<Text, Error> {
        // signs that are no tags are escaped, and comments are left out, also where nothing is put in
        Text::of(&self.html, source, if source.contains('<') { "<" } else { "{{" })
    }
}

impl Text {
    /// Without that sign in it, it says what it says.
    fn of(set: &gotemplate::Templates, source: &str, sign: &str) -> Result<Self, Error> {
        let template = if source.contains(sign) { Some(set.one(source)?) } else { None };
        Ok(Self { source: source.into(), template })
    }

    /// A text without a template.
    pub fn plain(source: &str) -> Self {
        Self { source: source.into(), template: None }
    }

    /// As it stands in the file.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it says the same whatever it is rendered with.
    pub fn is_plain(&self) -> bool {
        self.template.is_none()
    }

    /// The text for this data; what is not UTF-8 is replaced.
    ///
    /// # Errors
    /// In Go's words, with the place.
    pub fn render(&self, data: &Value) -> Result<String, Error> {
        match &self.template {
            None => Ok(self.source.to_string()),
            Some(template) => template.render_text(data),
        }
    }
}

/// Two texts are the same if they are written the same.
impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.source, formatter)
    }
}

/// The time of this machine, as templates see it.
pub(crate) fn now() -> Timestamp {
    Moment::now().timestamp()
}
