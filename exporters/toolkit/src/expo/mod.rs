//! The metrics page.
//!
//! A collector writes [`Samples`]: one arena of text in which a label set is escaped once and then referenced by
//! every sample that carries it. A [`Page`] gathers the samples of all collectors, groups them by family, and
//! drops what may not stand on a page. A [`Finished`] page is immutable and shared between all who asked for it. It is
//! encoded at most once for each format and compression, or, when it is large, piece by piece while it is sent. It may
//! also stand at the head of later pages, for programs that render when they have news and not when they are asked.
//!
//! Invariants:
//! - one bad name, label, duplicate or overflow costs itself, is counted in [`Dropped`], and never the page;
//! - a family's name is the same in every format;
//! - the samples of a family stand together, families are sorted by name.

mod desc;
mod negotiate;
mod number;
mod page;
mod pieces;
mod samples;
mod text;

pub use desc::{Desc, Kind};
pub use negotiate::{Compression, Escaping, Format, negotiate_compression, negotiate_format};
pub use page::{Dropped, Finished, Page};
pub use samples::{Family, Labels, Samples};
