//! Connections to PostgreSQL and to poolers: the protocol, TLS, authentication, cancelling.
//!
//! | module | holds |
//! |---|---|
//! | [`wire`] | messages on a stream |
//! | [`tls`] | how TLS is spoken, from `disable` to `verify-full` |
//! | [`auth`] | which proof of the password is given to whom |
//! | [`open`] | a stream, TLS on it, and our introduction |
//! | [`session`] | simple-query messages and their rows |
//! | [`cancel`] | ending what runs on the server |
//! | [`slots`] | the few sessions that a server has to bear |
//! | [`error`] | what can go wrong, in a closed set of words |
//!
//! Invariants:
//! - only simple-query messages are sent, and no session state is set, so that any pooler works;
//! - every await is under a deadline; a session that is given up while it works is cancelled on the server too;
//! - the password goes to the server it was given for, never in clear text unless TLS or the user allows it.

mod auth;
mod cancel;
pub mod error;
mod open;
pub mod session;
pub mod slots;
mod tls;
mod wire;

pub use auth::{Allowed, ChannelBinding, Method};
pub use error::{ConnError, Reason};
pub use open::{Link, Place, Wanted};
pub use session::{Column, Row, Rows, Session};
pub use slots::{Lease, Slots};
pub use tls::{Mode, Roots, TlsSettings};

/// How we call ourselves in `pg_stat_activity`; collectors leave these sessions out of their counts.
pub const APPLICATION_NAME: &str = "watchfire_postgres_exporter";
