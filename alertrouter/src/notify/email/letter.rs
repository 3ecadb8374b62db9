//! Who a mail goes to and what the user's own texts say in it.
//!
//! Invariant: a template that fails costs its own part, which is built in then; only where the recipients are a template
//! that fails can nothing be sent.

use gotemplate::Value;
use lettre::message::{Mailbox, Mailboxes};

use super::mime::line;
use crate::config::EmailSettings;
use crate::notify::{Cause, Message, Size, data};
use crate::template::Text;

/// What is the user's own in a mail.
#[derive(Debug)]
pub(super) struct Letter {
    /// Who gets it.
    pub(super) to: Vec<Mailbox>,
    /// Who it is from.
    pub(super) from: Mailbox,
    /// Headers of the user's own; each is one line.
    pub(super) headers: Vec<(String, String)>,
    /// The plain text, where it is not built in.
    pub(super) text: Option<String>,
    /// The HTML, where it is not built in; empty: there shall be none.
    pub(super) html: Option<String>,
    /// Which template failed, for the reader.
    pub(super) problem: Option<String>,
}

/// Renders what is the user's own.
///
/// # Errors
/// It is not known who gets it, or who it is from.
pub(super) fn letter(settings: &EmailSettings, message: &Message<'_>) -> Result<Letter, Cause> {
    let data = if has_templates(settings) { data::data(message) } else { Value::Nil };
    let mut problem = None;
    let addresses = |key: &str, text: &Text| {
        let failed = |words: String| Cause::new("template", format!("the template of `{key}` {words}"));
        let list = text.render(&data).map_err(|error| failed(format!("failed: {error}")))?;
        list.parse::<Mailboxes>()
            .map_err(|_no_address| failed("gives no list of e-mail addresses".to_owned()))
    };
    let to: Vec<Mailbox> = addresses("to", &settings.to)?.into_iter().collect();
    let mut from = addresses("from", &settings.from)?.into_iter();
    let (Some(from), None) = (from.next(), from.next()) else {
        return Err(Cause::new("template", "the template of `from` does not give one address"));
    };
    let mut render = |text: &Text| match text.render(&data) {
        Ok(text) => Some(text),
        Err(error) => {
            problem.get_or_insert(error);
            None
        }
    };
    let headers = settings
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), line(&render(value)?, usize::MAX))))
        .collect();
    // what was refused in full form is sent in ours
    let own = message.size == Size::Full;
    let text = settings.text.as_ref().filter(|_| own).and_then(&mut render);
    let html = settings.html.as_ref().filter(|_| own).and_then(&mut render);
    if let Some(error) = &problem {
        tracing::warn!(%error, receiver = %message.view.receiver, "a template failed: the built-in form is sent");
    }
    let problem = problem.map(|error| format!("A template of this receiver failed: {error}"));
    Ok(Letter { to, from, headers, text, html, problem })
}

fn has_templates(settings: &EmailSettings) -> bool {
    let headers = settings.headers.iter().map(|(_, value)| value);
    let texts = [&settings.to, &settings.from].into_iter().chain(headers);
    texts.chain(settings.text.as_ref()).chain(settings.html.as_ref()).any(|text| !text.is_plain())
}
