//! Names as numbers: a file has millions of rows and few services.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use crate::shown::OTHER;

/// Names of one file; what comes after them is put together.
const MAX_NAMES: usize = 50_000;

/// Bytes of a name.
const MAX_LENGTH: usize = 256;

/// A name's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Name(u32);

/// Names, each kept once.
#[derive(Debug)]
pub(crate) struct Names {
    numbers: HashMap<Box<[u8]>, Name>,
    texts: Vec<Arc<str>>,
}

impl Name {
    /// The name of all that are put together.
    pub(crate) const OTHER: Self = Self(0);
}

impl Names {
    pub(crate) fn new() -> Self {
        Self { numbers: HashMap::new(), texts: vec![OTHER.into()] }
    }

    /// The number of a name; invalid characters are replaced, and a long one is cut.
    pub(crate) fn number(&mut self, name: &[u8]) -> Name {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        self.add(name)
    }

    /// The text of a number.
    pub(crate) fn text(&self, name: Name) -> Arc<str> {
        self.texts.get(name.0 as usize).cloned().unwrap_or_default()
    }

    fn add(&mut self, name: &[u8]) -> Name {
        let Ok(number) = u32::try_from(self.texts.len()) else { return Name::OTHER };
        if self.texts.len() > MAX_NAMES {
            return Name::OTHER;
        }
        let text = String::from_utf8_lossy(name.get(..MAX_LENGTH).unwrap_or(name));
        let shown: String = text.chars().filter(|character| !character.is_control()).collect();
        self.texts.push(shown.into());
        // the whole name is known again, unless it is so long that keeping it would cost too much
        if name.len() <= MAX_LENGTH * 4 {
            self.numbers.insert(name.into(), Name(number));
        }
        Name(number)
    }
}
