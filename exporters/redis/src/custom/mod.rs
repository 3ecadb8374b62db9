//! What users ask of their servers beside the page: Lua scripts (`--script`) and the commands of the configuration
//! file, each of which becomes metrics.
//!
//! | module | holds |
//! |---|---|
//! | [`allowed`] | which commands may be asked at all |
//! | [`decode`] | the file's format |
//! | [`reading`] | a reply → values with labels |
//! | [`question`] | one command on the side connection of a target |
//! | [`commands`], [`scripts`] | what is shown of them |
//!
//! Invariants: a command that writes, blocks, subscribes or administers is refused when the file is read; one that
//! fails or is late costs itself only, and never `up`; all of it goes over the side connection, so that the page's
//! own commands never wait behind it.

pub mod allowed;
pub mod commands;
pub mod decode;
pub mod question;
pub mod reading;
pub mod scripts;

use std::time::Duration;

use toolkit::scrape::{TargetName, TargetRules};

pub use question::{Question, Refused};
pub use reading::Metric;

/// A command of the configuration file, and what becomes of its reply.
#[derive(Clone, Debug)]
pub struct CustomCommand {
    /// Its name: the label `command`.
    pub name: String,
    /// The targets that are asked; `None` for all that the flags or a rule know.
    targets: Option<TargetRules<()>>,
    /// What is asked.
    pub question: Question,
    /// Its name for the ACL, `xinfo|groups`.
    pub acl_name: String,
    /// How long it may take.
    pub timeout: Duration,
    /// How many series of one server it may make.
    pub limit: usize,
    /// What is shown of the reply.
    pub metrics: Vec<Metric>,
}

impl CustomCommand {
    /// Whether a target is asked. `known`: the flags or a rule name it.
    pub fn is_for(&self, target: TargetName<'_>, known: bool) -> bool {
        self.targets.as_ref().map_or(known, |targets| targets.find(target).is_some())
    }
}
