//! Text to trees.

mod lex;
mod number;
mod parser;
mod pipeline;

use std::sync::Arc;

use crate::limits::MAX_SOURCE;
use crate::templates::{Functions, Options};
use crate::tree::{Source, Tree};
use crate::{Error, Place, Stage};

/// Reads a text: its own tree, and those of the templates that it defines. None of a name occurs twice.
pub(crate) fn parse(
    name: &str,
    text: &[u8],
    functions: &Functions,
    options: &Options,
) -> Result<Vec<Tree>, Error> {
    if text.len() > MAX_SOURCE {
        let message =
            format!("template: {name}: the text of {} bytes is longer than {MAX_SOURCE}", text.len());
        let place = Place { name: name.to_owned(), line: 1, column: 0 };
        return Err(Error { stage: Stage::Limit, place: Some(place), message });
    }
    let source = Source {
        name: name.into(),
        text: text.into(),
        left: options.left.clone(),
        right: options.right.clone(),
    };
    parser::parse(&Arc::new(source), functions)
}
