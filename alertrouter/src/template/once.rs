//! One text, rendered once: what `amtool template render` does.

use std::path::Path;

use gotemplate::Value;

use super::{Templates, input, now};

/// Renders a text with the templates of these patterns and the data of a file, or an example of two alerts.
///
/// # Errors
/// In Go's words, as far as it is about templates.
pub fn render_once(globs: &[&str], data: Option<&[u8]>, text: &str, html: bool) -> Result<String, String> {
    let mut templates = Templates::new(now).map_err(|error| error.to_string())?;
    for pattern in globs {
        templates.load(Path::new(pattern)).map_err(|error| error.to_string())?;
    }
    let data = match data {
        Some(json) => input::read(json)?,
        None => input::example(now()),
    };
    let text = if html { templates.html(text) } else { templates.text(text) };
    text.and_then(|text| text.render(&Value::object(data))).map_err(|error| error.to_string())
}
