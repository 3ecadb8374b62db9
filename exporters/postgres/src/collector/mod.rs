//! A collector is data: a YAML file with its SQL for each kind of server, and what its columns mean.
//!
//! | module | holds |
//! |---|---|
//! | [`spec`] | the types a file is parsed into |
//! | [`decode`] | YAML → types, every problem of a file at once |
//! | [`built_in`] | the files that come with the program |
//! | [`sql`] | constant text with its few places filled: parameters, an extension's schema |
//!
//! Invariant: what is decoded needs no further judging; SQL text is never put together from anything a server sent,
//! but for the quoted name of an extension's schema.

pub mod built_in;
pub mod decode;
pub mod spec;
pub mod sql;

pub use spec::{
    Collector, Dynamic, Kind, Metric, Needs, Null, Parameter, ParameterKind, Query, Reading, Role, Scope,
    Session, Value, Variant, When,
};
