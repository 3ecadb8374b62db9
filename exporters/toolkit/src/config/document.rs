//! One configuration file, parsed but not yet decoded.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::zeroize::Zeroizing;

use super::error::SHOWN_PROBLEMS;
use super::item::{Item, Name};
use super::node::{Node, Value};
use super::yaml::{self, MAX_BYTES};
use super::{ConfigError, Fields, Position};

/// One YAML file with the place of everything in it.
///
/// Duplicate keys are kept until [`Document::decode`], which reports them beside all other problems.
pub struct Document {
    file: String,
    folder: PathBuf,
    root: Arc<Node>,
    problems: Vec<(Position, String)>,
}

impl Document {
    /// Parses the text of a file. `file` is its name in messages; relative paths in it are taken from its folder.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        let tree = yaml::parse(text)
            .map_err(|refusal| ConfigError::syntax(file, refusal.position, refusal.message))?;
        let folder = Path::new(file).parent().map(Path::to_path_buf).unwrap_or_default();
        Ok(Self { file: file.to_owned(), folder, root: tree.root, problems: tree.problems })
    }

    /// Reads and parses a file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let unreadable =
            |error: &io::Error| ConfigError::unreadable(&file, format!("cannot be read: {}", cause(error)));
        let text = read_text(path).map_err(|error| unreadable(&error))?;
        Self::parse(&file, &text)
    }

    /// Runs `decode` on the top map and returns its value, or every problem that it and the file have.
    ///
    /// An empty file is an empty map.
    pub fn decode<T>(&self, decode: impl FnOnce(Fields<'_>) -> T) -> Result<T, ConfigError> {
        let scope = Scope { folder: &self.folder, problems: RefCell::new(self.problems.clone()) };
        let top = Item::new(&scope, &self.root, Name::TOP);
        let fields = match &self.root.value {
            Value::Null => Some(Fields::new(&scope, &[], self.root.position, false)),
            _ => top.fields(),
        };
        let value = fields.map(decode);
        match (value, scope.problems.into_inner()) {
            (Some(value), problems) if problems.is_empty() => Ok(value),
            (_, problems) => Err(ConfigError::invalid(&self.file, problems)),
        }
    }

    /// Runs `decode` on each element of a file that is a list, and returns what it gave, or every problem.
    ///
    /// An empty file is an empty list.
    pub fn decode_list<T>(
        &self,
        decode: impl for<'a> FnMut(Item<'a>) -> Option<T>,
    ) -> Result<Vec<T>, ConfigError> {
        let scope = Scope { folder: &self.folder, problems: RefCell::new(self.problems.clone()) };
        let top = Item::new(&scope, &self.root, Name::TOP);
        let values = if self.root.is_null() { Vec::new() } else { top.list(decode) };
        let problems = scope.problems.into_inner();
        if problems.is_empty() { Ok(values) } else { Err(ConfigError::invalid(&self.file, problems)) }
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    /// The file's name as it was given.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The folder that relative paths of the file start from; empty for the working folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl fmt::Debug for Document {
    /// Names the file only: any text in it may be a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Document").field("file", &self.file).finish_non_exhaustive()
    }
}

/// What all parts of one decoding share.
pub(super) struct Scope<'a> {
    folder: &'a Path,
    problems: RefCell<Vec<(Position, String)>>,
}

impl Scope<'_> {
    pub(super) fn problem(&self, position: Position, message: String) {
        self.problems.borrow_mut().push((position, message));
    }

    /// Whether there are more problems than are printed.
    pub(super) fn is_crowded(&self) -> bool {
        self.problems.borrow().len() > SHOWN_PROBLEMS
    }

    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        // By components, so that `./x` in `etc/` reads as `etc/x`.
        self.folder.join(path).components().collect()
    }
}

fn read_text(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(path)?.take(limit).read_to_string(&mut text)?;
    Ok(text)
}

fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    }
}
