//! Go's `text/template`, as Go behaves: parsed once, executed many times, over any data.
//!
//! Whoever wrote a template for a Go program gets the same bytes here, and the same message where Go gives one. The
//! language is that of Go 1.27; what is not carried over is what data from Rust cannot be: channels, iterator
//! functions, pointers to pointers.
//!
//! ```
//! use gotemplate::{Templates, Value, to_value};
//!
//! let set = Templates::text();
//! let template = set.one("{{ range .names }}{{ . | printf \"%-5s|\" }}{{ end }}")?;
//! let data: Value = to_value(&std::collections::BTreeMap::from([("names", ["ann", "bob"])])).unwrap_or_default();
//! assert_eq!(template.render_text(&data)?, "ann  |bob  |");
//! # Ok::<(), gotemplate::Error>(())
//! ```

mod builtin;
mod containers;
mod error;
#[expect(
    clippy::unnecessary_box_returns,
    reason = "an error is big and rare, and a step returns a small result"
)]
mod exec;
mod fmt;
mod function;
mod html;
mod json;
pub mod limits;
mod parse;
mod quote;
mod rune;
mod serial;
mod templates;
mod text;
mod tree;
mod types;
mod unicode;
mod value;

pub use containers::{List, Map};
pub use error::{Error, Place, Stage};
pub use fmt::{sprint, sprintf};
pub use function::{Args, Failure, Function};
pub use html::{SafeHtml, SafeUrl};
pub use json::{json, json_object};
pub use limits::Limits;
pub use quote::quoted;
pub use serial::to_value;
pub use templates::{MissingKey, Template, Templates};
pub use text::Str;
pub use types::{Field, Integer, Method, Named, Signature, Type};
pub use value::{Extent, Kind, Object, Value};
