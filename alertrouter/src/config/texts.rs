//! Fields that may hold templates: compiled once, and tried with examples, so that a mistake is told when the file is
//! read and not when something burns.

use gotemplate::Value;
use toolkit::config::{Document, Fields, Item};

use super::lints::Lints;
use crate::notify::data::samples;
use crate::template::{Templates, Text, now};

/// The named templates, and what their users are tried with.
#[derive(Debug)]
pub(super) struct Texts {
    templates: Templates,
    samples: Vec<Value>,
}

impl Texts {
    /// Reads `templates`: patterns of files, relative to the configuration's folder.
    pub(super) fn decode(fields: &mut Fields<'_>, document: &Document) -> Option<Self> {
        let mut templates = match Templates::new(now) {
            Ok(templates) => templates,
            Err(error) => {
                fields.problem_at(fields.position(), format!("our own templates: {error}"));
                return None;
            }
        };
        for pattern in fields.list("templates", |item| Some((item.string()?, item))) {
            let (pattern, item) = pattern;
            if let Err(error) = templates.load(&document.folder().join(pattern)) {
                item.problem(error.to_string());
            }
        }
        Some(Self { templates, samples: samples() })
    }

    /// The text of a field; `None` when there is none, or an empty one, or a wrong one.
    pub(super) fn field(&self, fields: &mut Fields<'_>, key: &str, lints: &mut Lints) -> Option<Text> {
        let item = fields.item(key)?;
        self.item(&item, key, lints)
    }

    /// The text of an item.
    pub(super) fn item(&self, item: &Item<'_>, key: &str, lints: &mut Lints) -> Option<Text> {
        let source = item.string().filter(|text| !text.is_empty())?;
        self.checked(self.templates.text(&source), item, key, lints)
    }

    /// The key of a map that is the user's own.
    pub(super) fn key(&self, key: &str, item: &Item<'_>) -> Option<Text> {
        let text = self.templates.text(key);
        text.map_err(|error| item.problem(format!("the template of the key cannot be used: {error}"))).ok()
    }

    /// A field that becomes HTML.
    pub(super) fn html(&self, fields: &mut Fields<'_>, key: &str, lints: &mut Lints) -> Option<Text> {
        let item = fields.item(key)?;
        let source = item.string().filter(|text| !text.is_empty())?;
        self.checked(self.templates.html(&source), &item, key, lints)
    }

    /// A text that Alertmanager has where the file says nothing.
    pub(super) fn default(&self, source: &str) -> Text {
        self.templates.text(source).unwrap_or_else(|_ours| Text::plain(""))
    }

    /// Whether a text that is a secret can be read; no message shows it.
    pub(super) fn hidden(&self, source: &str) -> Result<(), &'static str> {
        self.templates.text(source).map(drop).map_err(|_shows_it| "the template in it cannot be read")
    }

    /// The named templates.
    pub(super) fn templates(&self) -> &Templates {
        &self.templates
    }

    fn checked(
        &self,
        text: Result<Text, gotemplate::Error>,
        item: &Item<'_>,
        key: &str,
        lints: &mut Lints,
    ) -> Option<Text> {
        let text = match text {
            Ok(text) => text,
            Err(error) => {
                item.problem(format!("the template of `{key}` cannot be used: {error}"));
                return None;
            }
        };
        let tried: Result<Vec<String>, _> = self.samples.iter().map(|data| text.render(data)).collect();
        if let Err(error) = tried {
            let words = format!(
                "the template of `{key}` fails for an example ({error}); when it fails for an alert, the built-in \
                 form is sent"
            );
            lints.add(item.position(), words);
        }
        Some(text)
    }
}
