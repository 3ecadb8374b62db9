//! Makes what templates write safe for its place in HTML, as Go's html/template does.
//!
//! The texts of a template are read as a browser would read them; so for each action it is known whether its value stands
//! between tags, in an attribute, in a URL, a script or a style, and the value goes through the escapers of that place. A
//! template that is called in several places has a copy for each. What branches leave open (one ends in a tag, the
//! other does not) is refused, and so is what cannot be judged.

mod attribute;
mod content;
mod context;
mod css;
mod edit;
mod entity;
mod escapers;
mod js;
mod page;
mod pass;
mod scan;
mod script;
mod style;
#[cfg(test)]
mod tests;
mod text;
mod url;

use std::sync::Arc;

pub use content::{SafeHtml, SafeUrl};

use crate::templates::Trees;
use crate::{Error, Str};
use pass::Pass;

/// Makes safe what can be reached from that template.
pub(crate) fn escape(trees: &mut Trees, name: &Str) -> Result<(), Error> {
    let mut pass = Pass::new(trees);
    pass.page(name)?;
    let found = pass.found;
    trees.extend(found.derived);
    for (name, edits) in found.edits {
        if let Some(tree) = trees.get_mut(&name) {
            edits.apply(Arc::make_mut(tree));
        }
    }
    Ok(())
}
